"""Trains teacher, student and baseline, and predicts the labeled rows by heads that never saw their labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from w2s_probe.core.config import System, W2SConfig
from w2s_probe.core.fit_options import RIDGE_POINTS, FitOptions
from w2s_probe.core.row_view import row_view
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.experiments.forecast.pipeline import NAMES, PipelineScores, PoolBlock, Trained, score_pool, systems_of
from w2s_probe.heads import LinearHead, ridge_probabilities
from w2s_probe.heads.fit import fit_head
from w2s_probe.heads.linear import pseudolabels_of
from w2s_probe.heads.ridge import head_of_choice
from w2s_probe.linalg.choice import Choice, choose_strength
from w2s_probe.linalg.loo import LeftOut, loo_score
from w2s_probe.linalg.moments import Moments
from w2s_probe.linalg.ridge import ridge_path
from w2s_probe.linalg.spectra import Spectrum
from w2s_probe.linalg.teacher_student import HeldOut, pipeline_of, student_path

FOLDS = 10
REFIT_FOLDS = 5  # for heads that are fitted again without each fold


def pipeline_scores(
    X_teacher: Float,
    X_student: Float,
    Y: Float,
    *,
    pool_teacher: Features,
    pool_student: Features,
    **settings: Any,
) -> PipelineScores:
    """Return one trained pipeline with its scores on the pool; all arguments are those of `train_pipeline`."""
    trained = train_pipeline(X_teacher, X_student, Y, pool_teacher=pool_teacher, pool_student=pool_student, **settings)
    return score_pool([trained], pool_teacher, pool_student)[0]


def train_pipeline(  # noqa: PLR0913  # two feature spaces of two sets of rows, and parts of both
    X_teacher: Float,
    X_student: Float,
    Y: Float,
    *,
    rows: Rows,
    pool: Moments,
    pool_teacher: Features,
    pool_student: Features,
    config: W2SConfig,
    rng: np.random.Generator,
    repeats: int,
    pool_rows: Rows | None = None,
    in_sample: bool = False,
    spectrum: Spectrum | None = None,
) -> Trained:
    """Return the pipeline trained on some labeled rows, with its held-out scores of all labeled rows.

    `X_teacher` (n, d_t), `X_student` (n, d_s) and `Y` (n, K) have all labeled rows; `rows` are the training rows, and
    all other rows are held out. `pool` holds moments of the student's pool, with blocks ``teacher`` and
    ``student``. `pool_teacher` and `pool_student` are features of the rows to average over: the student's pool, at
    positions `pool_rows` (all by default), and other unlabeled rows. `rng` deals the training rows into folds,
    `repeats` times. With `in_sample` the student scores its pool as fitted, with every pseudolabel seen. `spectrum` is
    that of the student's features in `pool`; it is computed if None.
    """
    linear = config.head == "ridge" and config.pseudolabels == "soft" and config.scale == "none"
    T, S, L = X_teacher[rows], X_student[rows], Y[rows]
    used = np.arange(len(pool_teacher)) if pool_rows is None else pool_rows
    P, Q = (X if pool_rows is None else row_view(X, pool_rows) for X in (pool_teacher, pool_student))
    heads: _Linear | _Refitted = (
        _Linear.fit(T, S, L, pool, config, spectrum) if linear else _Refitted.fit(T, S, L, P, Q, config)
    )
    elsewhere = np.setdiff1d(np.arange(len(Y)), rows)
    outside = heads.scores(X_teacher[elsewhere], X_student[elsewhere])
    held_out = []
    for _ in range(repeats if linear else 1):
        blocks = stratified_folds(L, min(FOLDS if linear else REFIT_FOLDS, len(rows)), rng)
        held_out.append(_merged(heads.held_out(blocks), outside, rows, elsewhere))
    return Trained(
        held_out=held_out,
        Y=Y,
        task=config.task,
        probabilities=ridge_probabilities if config.head == "ridge" else partial(softmax, axis=1),
        alphas=heads.alphas,
        heads=dict(zip(heads.alphas, heads.heads, strict=True)),
        fitted=heads.heads,
        leave_one_out=heads.held_out([np.array([row]) for row in range(len(rows))]) if linear else held_out[0],
        on_pool=heads.on_pool(used[:0] if in_sample else used, len(pool_teacher)),
    )


def stratified_folds(Y: Float, folds: int, rng: np.random.Generator) -> list[Rows]:
    """Return disjoint sets of rows with similar shares of every class, or similar spreads of a number.

    `Y` holds one-hot rows (n, K) or numbers (n, 1).
    """
    order = _by_label(Y, rng)
    fold_of = np.concatenate([rng.permutation(folds) for _ in range(-(-len(Y) // folds))])[: len(Y)]
    return [order[fold_of == fold] for fold in range(folds)]


def stratified_part(Y: Float, size: int, rng: np.random.Generator) -> Rows:
    """Return `size` random rows, in order, with the classes' shares, or the spread of a number.

    `Y` holds one-hot rows (n, K) or numbers (n, 1).
    """
    at = (np.arange(size) + rng.random()) * len(Y) / size
    return np.sort(_by_label(Y, rng)[at.astype(np.intp)])


def _by_label(Y: Float, rng: np.random.Generator) -> Rows:
    """Return all rows sorted by class or number, rows of equal labels in random order."""
    key = Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0]
    return np.lexsort((rng.random(len(Y)), key))


@dataclass(frozen=True, eq=False, kw_only=True)
class _Heads:
    """Fitted heads of teacher, student and baseline."""

    heads: list[LinearHead]

    @property
    def alphas(self) -> dict[str, float]:
        return dict(zip(NAMES, (head.alpha for head in self.heads), strict=True))

    def scores(self, T: Features, S: Features) -> list[Float]:
        """Return the scores of the three heads on new rows with teacher features T and student features S."""
        return [head.scores(X) for head, X in zip(self.heads, (T, S, S), strict=True)]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Linear(_Heads):
    """Ridge heads on soft pseudolabels: predictions are linear in the labels, so that no head is fitted again."""

    student: Choice
    held_out: Callable[[list[Rows]], HeldOut]

    @classmethod
    def fit(
        cls, T: Float, S: Float, Y: Float, pool: Moments, config: W2SConfig, spectrum: Spectrum | None = None
    ) -> Self:
        """Fit the three heads, with the same strengths as `run`."""
        points = config.alphas or RIDGE_POINTS

        def on_labels(system: System, X: Float) -> Choice:
            path = ridge_path(X, Y, alphas=_fixed(config, system), points=points)
            return choose_strength(path, lambda tried: loo_score(tried, X, Y))

        teacher, baseline = on_labels("teacher", T), on_labels("baseline", S)
        weak = head_of_choice(teacher, rule="loo")
        path = student_path(
            pool, weak.coef, weak.intercept, alphas=_fixed(config, "student"), points=points, spectrum=spectrum
        )
        student = choose_strength(path, lambda tried: tried.gcv)
        pipeline = pipeline_of(
            teacher.path,
            baseline.path,
            student.path,
            pool,
            X_teacher=T,
            X_student=S,
            strengths=(teacher.index, student.index, baseline.index),
        )
        return cls(
            heads=[weak, head_of_choice(student, rule="gcv"), head_of_choice(baseline, rule="loo")],
            student=student,
            held_out=partial(pipeline.held_out, Y),
        )

    def on_pool(self, used: Rows, N: int) -> Callable[[PoolBlock], list[Float]]:
        """Return the scorer of the pool's N rows; the student's scores on `used` are exact leave-one-out scores."""
        own, heads = _mask(used, N), self.heads
        left_out = LeftOut(self.student.path, self.student.index)

        def scores(block: PoolBlock) -> list[Float]:
            teacher, student, baseline = map(block.scores_of, heads)
            inside = own[block.rows]
            if inside.any():
                U, squares = block.coordinates(left_out.path.spectrum)
                unseen = teacher - left_out.residuals(U, squares, teacher, student)
                student = unseen if inside.all() else np.where(inside[:, None], unseen, student)
            return [teacher, student, baseline]

        return scores


@dataclass(frozen=True, eq=False, kw_only=True)
class _Refitted(_Heads):
    """All other heads: fitted again without each fold, at the strengths of the heads on all rows."""

    refit: Callable[[Rows, dict[str, float]], list[LinearHead]]
    student_of: Callable[[Rows], LinearHead]  # trained on these rows of its pool, at the strength of all rows
    T: Float
    S: Float

    @classmethod
    def fit(cls, T: Float, S: Float, Y: Float, pool_T: Features, pool_S: Features, config: W2SConfig) -> Self:
        """Fit the three heads, with the same strengths as `run`."""

        def options(system: System, alphas: dict[str, float]) -> FitOptions:
            own = config.fit_options(system)
            return replace(own, alpha=alphas[system]) if alphas else own

        def student_of(teacher: LinearHead, scores: Float, X: Features, alphas: dict[str, float]) -> LinearHead:
            labels = pseudolabels_of(teacher, scores, hard=config.pseudolabels == "hard")
            return fit_head(X, labels, options("student", alphas))

        def refit(rows: Rows, alphas: dict[str, float]) -> list[LinearHead]:
            teacher = fit_head(T[rows], Y[rows], options("teacher", alphas))
            student = student_of(teacher, teacher.scores(pool_T), pool_S, alphas)
            return [teacher, student, fit_head(S[rows], Y[rows], options("baseline", alphas))]

        heads = refit(np.arange(len(Y)), {})
        alphas = _Heads(heads=heads).alphas

        def retrained(rows: Rows) -> LinearHead:
            return student_of(heads[0], heads[0].scores(row_view(pool_T, rows)), row_view(pool_S, rows), alphas)

        return cls(heads=heads, refit=refit, student_of=retrained, T=T, S=S)

    def on_pool(self, used: Rows, N: int) -> Callable[[PoolBlock], list[Float]]:
        """Return the scorer of the N rows of the pool; the student is refitted without each fold of `used`."""
        fold_of = np.full(N, -1, dtype=np.int8)
        fold_of[used] = np.arange(len(used)) % REFIT_FOLDS
        folds = range(REFIT_FOLDS if len(used) else 0)
        students = [self.student_of(np.delete(np.arange(len(used)), np.s_[fold::REFIT_FOLDS])) for fold in folds]

        def scores(block: PoolBlock) -> list[Float]:
            teacher, student, baseline = (block.scores_of(head).copy() for head in self.heads)
            for fold, head in enumerate(students):
                at = np.flatnonzero(fold_of[block.rows] == fold)
                student[at] = head.scores(block.S[at])
            return [teacher, student, baseline]

        return scores

    def held_out(self, blocks: list[Rows]) -> HeldOut:
        """Return the scores of each block of labeled rows by heads fitted without it."""
        scores = [np.empty((len(self.T), len(head.intercept))) for head in self.heads]
        for B in blocks:
            heads = self.refit(np.setdiff1d(np.arange(len(self.T)), B), self.alphas)
            for F, head, X in zip(scores, heads, (self.T, self.S, self.S), strict=True):
                F[B] = head.scores(X[B])
        return HeldOut(teacher=scores[0], student=scores[1], baseline=scores[2])


def _mask(rows: Rows, N: int) -> NDArray[np.bool_]:
    mask = np.zeros(N, dtype=np.bool_)
    mask[rows] = True
    return mask


def _fixed(config: W2SConfig, system: System) -> list[float] | None:
    """Return the strength that the user fixed for a system, as a list; None if a rule chooses it."""
    alpha = config.fit_options(system).alpha
    return None if alpha is None else [alpha]


def _merged(inside: HeldOut, outside: list[Float], rows: Rows, elsewhere: Rows) -> HeldOut:
    """Return scores of all labeled rows: held-out scores of the training `rows`, plain scores `elsewhere`."""
    merged = []
    for own, other in zip(systems_of(inside), outside, strict=True):
        both = np.empty((len(rows) + len(elsewhere), own.shape[1]))
        both[rows], both[elsewhere] = own, other
        merged.append(both)
    return HeldOut(teacher=merged[0], student=merged[1], baseline=merged[2])
