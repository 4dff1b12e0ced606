"""Held-out predictions of teacher, student and baseline on the labeled rows, and their predictions on the pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Self

import numpy as np
from scipy.special import softmax

from w2s_probe.core.config import System, W2SConfig
from w2s_probe.core.fit_options import RIDGE_POINTS, FitOptions
from w2s_probe.core.labels import Task
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.experiments.forecast.calibration import ChoiceModel, fit_choice, fit_line
from w2s_probe.experiments.forecast.evidence import CombinedEstimate, combine
from w2s_probe.heads import LinearHead, ridge_probabilities
from w2s_probe.heads.fit import fit_head
from w2s_probe.heads.linear import pseudolabels_of
from w2s_probe.heads.ridge import head_of_choice
from w2s_probe.linalg.choice import Choice, choose_strength
from w2s_probe.linalg.loo import loo_residuals, loo_score
from w2s_probe.linalg.moments import Moments
from w2s_probe.linalg.ridge import ridge_path
from w2s_probe.linalg.teacher_student import HeldOut, pipeline_of, student_path

Smooth = tuple[float, Float, Float]  # mean over the pool, influence of each labeled row, expectation of each row
Weights = tuple[float, float, float]  # of teacher, student and baseline
NAMES = ("teacher", "student", "baseline")
FOLDS = 10
REFIT_FOLDS = 5  # for heads that are fitted again without each fold


@dataclass(frozen=True, eq=False, kw_only=True)
class PipelineScores:
    """Scores of teacher, student and baseline, in this order.

    Parameters
    ----------
    held_out : list of HeldOut
        Held-out scores of all n labeled rows, for each deal of the rows into folds.
    pool : list of arrays of shape (N, K)
        Scores on the pool, by heads fitted to all training rows. The student never saw the row's own pseudolabel, as
        it will never see the pseudolabels of new rows: on its training rows it agrees more with its teacher.
    Y : array of shape (n, K)
        Labels: one-hot rows, or numbers.
    task : {"classification", "regression"}
        Kind of the labels.
    probabilities : callable
        Function from raw scores to probabilities.
    alphas : mapping of system to float
        Strengths of the heads.
    heads : mapping of system to LinearHead
        The heads fitted to all training rows.
    each_row : callable or None
        Function that returns the leave-one-out scores; None for heads that are fitted again.
    """

    held_out: list[HeldOut]
    pool: list[Float]
    Y: Float
    task: Task
    probabilities: Callable[[Float], Float]
    alphas: dict[str, float]
    heads: dict[str, LinearHead]
    each_row: Callable[[], HeldOut] | None

    @cached_property
    def leave_one_out(self) -> HeldOut:
        """Leave-one-out scores of the training rows; scores in folds for heads that are fitted again."""
        return self.held_out[0] if self.each_row is None else self.each_row()

    @property
    def edges(self) -> tuple[str, ...]:
        """Systems whose strength is an end of the widest grid."""
        return tuple(name for name, head in self.heads.items() if head.at_edge)

    def expected(self, score: str, weights: Weights) -> CombinedEstimate:
        """Return the expected value of a score for a weighted sum of the systems.

        `score` is accuracy, brier, r2 or squared_error. The weights of teacher, student and baseline are (0, 1, 0)
        for the student and (-1, 1, 0) for the gain.
        """
        counted = np.mean([self._at_labels(self._values(score, weights, _systems(f))) for f in self.held_out], axis=0)
        values = self._values(score, weights, self.pool)
        means, influences, rows = zip(*(model.expect(self.pool, values) for model in self._models), strict=True)
        smooth: Smooth = (float(np.mean(means)), np.mean(influences, axis=0), np.mean(rows, axis=0))
        if self.task == "classification":
            squares = float(np.mean([model.expect(self.pool, values**2)[0] for model in self._models]))
            variance = max(squares - smooth[0] ** 2, float(counted.var()))
        else:
            if score == "r2":
                counted, smooth = self._with_spread(counted, smooth, sum(weights))
            variance = float(counted.var())
        unit = 1.0 if score != "squared_error" else float(self.Y.var())
        return combine(counted, smooth, row_variance=variance, unit=unit)

    @cached_property
    def _models(self) -> list[ChoiceModel]:
        """One calibrated model for each deal into folds; all scores share them."""
        fit = fit_choice if self.task == "classification" else fit_line
        return [fit(_systems(f), self.Y) for f in self.held_out]

    def _with_spread(self, counted: Float, smooth: Smooth, total: float) -> tuple[Float, Smooth]:
        """Return both estimates with each row's influence through the estimated variance of the labels.

        `total` is the sum of the systems' weights: the value of R² without errors.
        """
        y = self.Y[:, 0]
        spread = (y - y.mean()) ** 2 / y.var() - 1
        mean, influence, rows = smooth
        both = counted + (total - counted.mean()) * spread
        return both, (mean, influence + (total - mean) * spread / len(y), rows)

    def _values(self, score: str, weights: Weights, systems: list[Float]) -> Float:
        """Return each row's value for every class, (m, K), or its coefficients of 1, y and y², (m, 3)."""
        used = [(w, F) for w, F in zip(weights, systems, strict=True) if w]
        return np.sum([w * self._system_values(score, F) for w, F in used], axis=0)

    def _system_values(self, score: str, F: Float) -> Float:
        if score == "accuracy":
            return np.eye(F.shape[1])[F.argmax(axis=1)]
        if score == "brier":
            q = self.probabilities(F)
            return (q**2).sum(axis=1, keepdims=True) - 2 * q + 1
        f = F[:, 0]
        squares = np.column_stack([f**2, -2 * f, np.ones(len(f))])
        if score == "squared_error":
            return squares
        return np.array([1.0, 0.0, 0.0]) - squares / self.Y.var()

    def _at_labels(self, values: Float) -> Float:
        """Return the value of each labeled row at its own label, shape (n,)."""
        if self.task == "classification":
            return (values * self.Y).sum(axis=1)
        y = self.Y[:, 0]
        return values[:, 0] + values[:, 1] * y + values[:, 2] * y**2


def pipeline_scores(  # noqa: PLR0913  # two feature spaces of two sets of rows, and parts of both
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
) -> PipelineScores:
    """Return the scores of the pipeline trained on some labeled rows: on all labeled rows, and on the pool.

    `X_teacher` (n, d_t), `X_student` (n, d_s) and `Y` (n, K) have all labeled rows; `rows` are the training rows, and
    all other rows are held out. `pool` holds moments of the student's pool, with blocks ``teacher`` and
    ``student``. `pool_teacher` and `pool_student` are features of the rows to average over: the student's pool, at
    positions `pool_rows` (all by default), and other unlabeled rows. `rng` deals the training rows into folds,
    `repeats` times. With `in_sample` the student scores its pool as fitted, with every pseudolabel seen.
    """
    linear = config.head == "ridge" and config.pseudolabels == "soft" and config.scale == "none"
    T, S, L = X_teacher[rows], X_student[rows], Y[rows]
    used = slice(None) if pool_rows is None else pool_rows
    heads: _Linear | _Refitted = (
        _Linear.fit(T, S, L, pool, config)
        if linear
        else _Refitted.fit(T, S, L, pool_teacher[used], pool_student[used], config)
    )
    left_out = np.arange(0) if in_sample else np.arange(len(pool_teacher))[used]
    elsewhere = np.setdiff1d(np.arange(len(Y)), rows)
    outside = heads.scores(X_teacher[elsewhere], X_student[elsewhere])
    held_out = []
    for _ in range(repeats if linear else 1):
        blocks = stratified_folds(L, min(FOLDS if linear else REFIT_FOLDS, len(rows)), rng)
        held_out.append(_merged(heads.held_out(blocks), outside, rows, elsewhere))
    return PipelineScores(
        held_out=held_out,
        pool=heads.pool_scores(pool_teacher, pool_student, left_out),
        Y=Y,
        task=config.task,
        probabilities=ridge_probabilities if config.head == "ridge" else partial(softmax, axis=1),
        alphas=heads.alphas,
        heads=dict(zip(heads.alphas, heads.heads, strict=True)),
        each_row=partial(heads.held_out, [np.array([row]) for row in range(len(rows))]) if linear else None,
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
    def fit(cls, T: Float, S: Float, Y: Float, pool: Moments, config: W2SConfig) -> Self:
        """Fit the three heads, with the same strengths as `run`."""
        points = config.alphas or RIDGE_POINTS

        def on_labels(system: System, X: Float) -> Choice:
            path = ridge_path(X, Y, alphas=_fixed(config, system), points=points)
            return choose_strength(path, lambda tried: loo_score(tried, X, Y))

        teacher, baseline = on_labels("teacher", T), on_labels("baseline", S)
        weak = head_of_choice(teacher, rule="loo")
        path = student_path(pool, weak.coef, weak.intercept, alphas=_fixed(config, "student"), points=points)
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

    def pool_scores(self, T: Features, S: Features, rows: Rows) -> list[Float]:
        """Return the scores on all rows; the student's are exact leave-one-out scores on its own training `rows`."""
        teacher, student, baseline = self.scores(T, S)
        if len(rows):
            path, index = self.student.path, self.student.index
            student[rows] = teacher[rows] - loo_residuals(path, S[rows], teacher[rows], index=index)
        return [teacher, student, baseline]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Refitted(_Heads):
    """All other heads: fitted again without each fold, at the strengths of the heads on all rows."""

    refit: Callable[[Rows, dict[str, float]], list[LinearHead]]
    student_of: Callable[[Float, Features, dict[str, float]], LinearHead]
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
        return cls(heads=heads, refit=refit, student_of=partial(student_of, heads[0]), T=T, S=S)

    def pool_scores(self, T: Features, S: Features, rows: Rows) -> list[Float]:
        """Return the scores on all rows; the student is refitted without each fold of its own training `rows`."""
        teacher, student, baseline = self.scores(T, S)
        for fold in range(REFIT_FOLDS if len(rows) else 0):
            B, rest = rows[fold::REFIT_FOLDS], np.delete(rows, np.s_[fold::REFIT_FOLDS])
            student[B] = self.student_of(teacher[rest], S[rest], self.alphas).scores(S[B])
        return [teacher, student, baseline]

    def held_out(self, blocks: list[Rows]) -> HeldOut:
        """Return the scores of each block of labeled rows by heads fitted without it."""
        scores = [np.empty((len(self.T), len(head.intercept))) for head in self.heads]
        for B in blocks:
            heads = self.refit(np.setdiff1d(np.arange(len(self.T)), B), self.alphas)
            for F, head, X in zip(scores, heads, (self.T, self.S, self.S), strict=True):
                F[B] = head.scores(X[B])
        return HeldOut(teacher=scores[0], student=scores[1], baseline=scores[2])


def _fixed(config: W2SConfig, system: System) -> list[float] | None:
    """Return the strength that the user fixed for a system, as a list; None if a rule chooses it."""
    alpha = config.fit_options(system).alpha
    return None if alpha is None else [alpha]


def _systems(scores: HeldOut) -> list[Float]:
    return [scores.teacher, scores.student, scores.baseline]


def _merged(inside: HeldOut, outside: list[Float], rows: Rows, elsewhere: Rows) -> HeldOut:
    """Return scores of all labeled rows: held-out scores of the training `rows`, plain scores `elsewhere`."""
    merged = []
    for own, other in zip(_systems(inside), outside, strict=True):
        both = np.empty((len(rows) + len(elsewhere), own.shape[1]))
        both[rows], both[elsewhere] = own, other
        merged.append(both)
    return HeldOut(teacher=merged[0], student=merged[1], baseline=merged[2])
