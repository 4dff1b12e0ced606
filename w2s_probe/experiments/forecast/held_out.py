"""Trains teacher, student and baseline, and predicts the labeled rows by heads that never saw their labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from w2s_probe.core.config import System, W2SConfig
from w2s_probe.core.fit_options import RIDGE_POINTS
from w2s_probe.core.folds import stratified_folds
from w2s_probe.core.row_view import row_view
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.experiments.forecast.pipeline import NAMES, PipelineScores, PoolBlock, Trained, score_pool, systems_of
from w2s_probe.heads import LinearHead, ridge_probabilities
from w2s_probe.heads.fit import fit_head
from w2s_probe.heads.given import given_head
from w2s_probe.heads.linear import mean_scores, pseudolabels_of
from w2s_probe.heads.ridge import head_of_choice, left_out_scores
from w2s_probe.linalg.choice import Choice, choose_strength
from w2s_probe.linalg.loo import LeftOut, loo_score
from w2s_probe.linalg.moments import Moments
from w2s_probe.linalg.odd import about_zero, linked_held_out, linked_rows, linked_score, odd_path, without_means
from w2s_probe.linalg.ridge import ridge_path
from w2s_probe.linalg.spectra import Spectrum
from w2s_probe.linalg.teacher_student import (
    HeldOut,
    Pipeline,
    held_out_of_mean,
    pipeline_of,
    student_path,
    teacher_blocks,
)
from w2s_probe.metrics.dyadic import Dyads

FOLDS = 10
PLAIN = ("ridge", "soft", "none")  # head, pseudolabels and scaling whose predictions are linear in the labels
REFIT_FOLDS = 5  # for heads that are fitted again without each fold
MoreTeachers = Sequence[tuple[Float, Features]]  # features of the labeled rows, and of the pool, of further teachers


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
    more_pools = [pool for _, pool in settings.get("more_teachers", ())]
    return score_pool([trained], pool_teacher, pool_student, more_pools=more_pools)[0]


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
    more_teachers: MoreTeachers = (),
    links: Rows | None = None,
    given: Sequence[bool] = (),
    student: LinearHead | None = None,
) -> Trained:
    """Return the pipeline trained on some labeled rows, with its held-out scores of all labeled rows.

    `X_teacher` (n, d_t), `X_student` (n, d_s) and `Y` (n, K) have all labeled rows; `rows` are the training rows, and
    all other rows are held out. `pool` holds moments of the student's pool, with blocks ``teacher`` and
    ``student``. `pool_teacher` and `pool_student` are features of the rows to average over: the student's pool, at
    positions `pool_rows` (all by default), and other unlabeled rows. `rng` deals the training rows into folds,
    `repeats` times. With `in_sample` the student scores its pool as fitted, with every pseudolabel seen. `spectrum` is
    that of the student's features in `pool`; it is computed if None. `more_teachers` have their features of all labeled
    rows and of the rows to average over, and further blocks in `pool` (`teacher_blocks`): the student then learns the
    mean of all teachers' scores, and the held-out rows leave all of them. With `links`, shape (n, 2), rows are
    preference pairs, their heads are odd ridge heads, and a held-out pair leaves the teacher together with all pairs
    that have a number in common with it: nothing is dealt into folds. `given` says for each teacher whether it is
    predictions, whose features are raw scores; the `student` of such teachers alone may be fitted already.
    """
    if links is not None:
        pool, repeats = about_zero(pool), 1
    linear = not any(given) and (links is not None or (config.head, config.pseudolabels, config.scale) == PLAIN)
    T, S, L = [X[rows] for X in (X_teacher, *(X for X, _ in more_teachers))], X_student[rows], Y[rows]
    used = np.arange(len(pool_teacher)) if pool_rows is None else pool_rows
    pools = (pool_teacher, *(more for _, more in more_teachers), pool_student)
    *P, Q = (X if pool_rows is None else row_view(X, pool_rows) for X in pools)
    heads: _Linear | _Refitted | _OfGiven
    if linear:
        heads = _Linear.fit(T, S, L, pool, config, spectrum, None if links is None else linked_rows(links[rows]))
    else:
        heads = _refitted(T, S, L, P, Q, config, given, student)
    elsewhere = np.setdiff1d(np.arange(len(Y)), rows)
    outside = heads.scores(X_teacher[elsewhere], X_student[elsewhere])
    held_out = []
    for _ in range(repeats if linear else 1):
        blocks = stratified_folds(L, min(FOLDS if linear else REFIT_FOLDS, len(rows)), rng)
        held_out.append(_merged(heads.held_out(blocks), outside, rows, elsewhere))
    return Trained(
        held_out=held_out,
        Y=Y,
        task=config.label_task,
        probabilities=ridge_probabilities if linear or config.head == "ridge" else partial(softmax, axis=1),
        alphas=heads.alphas,
        heads=dict(zip(heads.alphas, heads.heads, strict=True)),
        fitted=[*([teacher] for teacher in heads.teachers), heads.heads[1:]],
        leave_one_out=heads.held_out([np.array([row]) for row in range(len(rows))]) if linear else held_out[0],
        on_pool=heads.on_pool(used[:0] if in_sample else used, len(pool_teacher)),
        dyads=None if links is None else Dyads.of(links),
    )


def _refitted(
    T: Sequence[Float],
    S: Float,
    Y: Float,
    pool_T: Sequence[Features],
    pool_S: Features,
    config: W2SConfig,
    given: Sequence[bool],
    student: LinearHead | None,
) -> _Refitted | _OfGiven:
    """Return heads that are fitted again without held-out rows; only the baseline, where all teachers are given."""
    if given and all(given):
        return _OfGiven.fit_given(T, S, Y, pool_T, pool_S, config, student)
    return _Refitted.fit(T, S, Y, pool_T, pool_S, config, given)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Heads:
    """Fitted heads of teacher, student and baseline, and the heads of all teachers, of which that is the first one."""

    heads: list[LinearHead]
    teachers: list[LinearHead]

    @property
    def alphas(self) -> dict[str, float]:
        return dict(zip(NAMES, (head.alpha for head in self.heads), strict=True))

    def scores(self, T: Features, S: Features) -> list[Float]:
        """Return the scores of the three heads on new rows with teacher features T and student features S."""
        return [head.scores(X) for head, X in zip(self.heads, (T, S, S), strict=True)]

    def lesson(self, block: PoolBlock) -> Float:
        """Return the scores that the student learns on a block of the pool, shape (rows, K)."""
        return mean_scores([block.scores_of(head) for head in self.teachers], self.heads[0].kind)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Linear(_Heads):
    """Ridge heads on soft pseudolabels: predictions are linear in the labels, so that no head is fitted again."""

    student: Choice
    held_out: Callable[[list[Rows]], HeldOut]

    @classmethod
    def fit(
        cls,
        T: Sequence[Float],
        S: Float,
        Y: Float,
        pool: Moments,
        config: W2SConfig,
        spectrum: Spectrum | None = None,
        linked: Sequence[Rows] | None = None,
    ) -> Self:
        """Fit all heads, with the same strengths as `run`; T has the features of each teacher.

        With the linked pairs of each pair, heads are odd, and their strengths are those of linked held-out errors.
        """
        points = RIDGE_POINTS if linked is not None else config.alphas or RIDGE_POINTS

        def on_labels(system: System, X: Float) -> Choice:
            if linked is not None:
                path = odd_path(X, Y, points=points)
                return choose_strength(path, lambda tried: linked_score(tried, X, Y, linked))
            path = ridge_path(X, Y, alphas=_fixed(config, system), points=points)
            return choose_strength(path, lambda tried: loo_score(tried, X, Y))

        weak, baseline, blocks = [on_labels("teacher", X) for X in T], on_labels("baseline", S), teacher_blocks(len(T))
        teachers = [head_of_choice(choice, rule="loo") for choice in weak]
        path = student_path(
            pool,
            np.concatenate([head.coef for head in teachers]) / len(teachers),
            np.mean([head.intercept for head in teachers], axis=0),
            alphas=None if linked is not None else _fixed(config, "student"),
            points=points,
            spectrum=spectrum,
            blocks=blocks,
        )
        student = choose_strength(path, lambda tried: tried.gcv)
        strengths, paths = [(one.index, student.index, baseline.index) for one in weak], (baseline.path, student.path)
        pipelines = [
            pipeline_of(one.path, *paths, pool, X_teacher=X, X_student=S, strengths=indices, block=block)
            for one, X, indices, block in zip(weak, T, strengths, blocks, strict=True)
        ]
        return cls(
            heads=[teachers[0], head_of_choice(student, rule="gcv"), head_of_choice(baseline, rule="loo")],
            teachers=teachers,
            student=student,
            held_out=_held_out_of(pipelines, Y, linked),
        )

    def on_pool(self, used: Rows, N: int) -> Callable[[PoolBlock], list[Float]]:
        """Return the scorer of the pool's N rows; the student's scores on `used` are exact leave-one-out scores."""
        own, heads = _mask(used, N), self.heads
        left_out = LeftOut(self.student.path, self.student.index)

        def scores(block: PoolBlock) -> list[Float]:
            teacher, student, baseline = map(block.scores_of, heads)
            lesson, inside = self.lesson(block), own[block.rows]
            if inside.any():
                U, squares = block.coordinates(left_out.path.spectrum)
                unseen = lesson - left_out.residuals(U, squares, lesson, student)
                student = unseen if inside.all() else np.where(inside[:, None], unseen, student)
            return [teacher, student, baseline, lesson]

        return scores


def _held_out_of(
    pipelines: Sequence[Pipeline], Y: Float, linked: Sequence[Rows] | None
) -> Callable[[list[Rows]], HeldOut]:
    """Return the function from blocks of rows to held-out scores; pairs leave out their linked pairs, not blocks."""
    if linked is None:
        return partial(held_out_of_mean, pipelines, Y)
    return lambda _: linked_held_out([without_means(one) for one in pipelines], Y, linked)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Refitted(_Heads):
    """All other heads: fitted again without each fold, at the strengths of the heads on all rows."""

    refit: Callable[[Rows], list[LinearHead]]  # all teachers, student, baseline
    student_of: Callable[[Rows], LinearHead]  # trained on these rows of its pool, at the strength of all rows
    T: Float
    S: Float

    @classmethod
    def fit(
        cls,
        T: Sequence[Float],
        S: Float,
        Y: Float,
        pool_T: Sequence[Features],
        pool_S: Features,
        config: W2SConfig,
        given: Sequence[bool] = (),
    ) -> Self:
        """Fit all heads, with the same strengths as `run`; T and pool_T have the features of each teacher.

        Teachers that are predictions, as `given` says, keep their head.
        """
        fixed = given or [False] * len(T)

        def fit(system: System, X: Features, targets: Float, alpha: float | None) -> LinearHead:
            own = config.fit_options(system)
            return fit_head(X, targets, own if alpha is None else replace(own, alpha=alpha))

        def student_of(
            teachers: Sequence[LinearHead], pools: Sequence[Features], X: Features, alpha: float | None
        ) -> LinearHead:
            raw = [teacher.scores(pool) for teacher, pool in zip(teachers, pools, strict=True)]
            lesson = mean_scores(raw, teachers[0].kind)
            labels = pseudolabels_of(teachers[0], lesson, hard=config.pseudolabels == "hard")
            return fit("student", X, labels, alpha)

        def fit_all(rows: Rows, alphas: Sequence[float | None]) -> list[LinearHead]:
            *weak, strong, own = alphas
            teachers = [
                given_head(config.kind, Y.shape[1]) if own_head else fit("teacher", X[rows], Y[rows], alpha)
                for X, alpha, own_head in zip(T, weak, fixed, strict=True)
            ]
            return [*teachers, student_of(teachers, pool_T, pool_S, strong), fit("baseline", S[rows], Y[rows], own)]

        heads = fit_all(np.arange(len(Y)), [None] * (len(T) + 2))
        alphas, teachers = [head.alpha for head in heads], heads[: len(T)]

        def retrained(rows: Rows) -> LinearHead:
            return student_of(teachers, [row_view(pool, rows) for pool in pool_T], row_view(pool_S, rows), alphas[-2])

        return cls(
            heads=[heads[0], *heads[-2:]],
            teachers=teachers,
            refit=partial(fit_all, alphas=alphas),
            student_of=retrained,
            T=T[0],
            S=S,
        )

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
            return [teacher, student, baseline, self.lesson(block)]

        return scores

    def held_out(self, blocks: list[Rows]) -> HeldOut:
        """Return the scores of each block of labeled rows by heads fitted without it."""
        scores = [np.empty((len(self.T), len(head.intercept))) for head in self.heads]
        for B in blocks:
            teacher, *_, student, baseline = self.refit(np.setdiff1d(np.arange(len(self.T)), B))
            for F, head, X in zip(scores, (teacher, student, baseline), (self.T, self.S, self.S), strict=True):
                F[B] = head.scores(X[B])
        return HeldOut(teacher=scores[0], student=scores[1], baseline=scores[2])


@dataclass(frozen=True, eq=False, kw_only=True)
class _OfGiven(_Heads):
    """Heads where all teachers are predictions: only the baseline depends on the labels."""

    T: Float
    S: Float
    Y: Float
    config: W2SConfig

    @classmethod
    def fit_given(
        cls,
        T: Sequence[Float],
        S: Float,
        Y: Float,
        pool_T: Sequence[Features],
        pool_S: Features,
        config: W2SConfig,
        student: LinearHead | None,
    ) -> Self:
        """Fit student and baseline, as `run` does; T and pool_T are the raw scores of each teacher."""
        teachers: list[LinearHead] = [given_head(config.kind, Y.shape[1]) for _ in T]
        if student is None:
            raw = mean_scores([head.scores(pool) for head, pool in zip(teachers, pool_T, strict=True)], config.kind)
            targets = pseudolabels_of(teachers[0], raw, hard=config.pseudolabels == "hard")
            student = fit_head(pool_S, targets, config.fit_options("student"))
        baseline = fit_head(S, Y, config.fit_options("baseline"))
        return cls(heads=[teachers[0], student, baseline], teachers=teachers, T=T[0], S=S, Y=Y, config=config)

    def on_pool(self, used: Rows, N: int) -> Callable[[PoolBlock], list[Float]]:
        """Return the scorer of the pool, with the heads as they are fitted."""
        return lambda block: [*map(block.scores_of, self.heads), self.lesson(block)]

    def held_out(self, blocks: list[Rows]) -> HeldOut:
        """Return the scores of the labeled rows; a ridge baseline leaves out one row, another one each block."""
        teacher, student, baseline = self.heads
        alpha, options = baseline.alpha, self.config.fit_options("baseline")
        if options.kind == "ridge":
            own = left_out_scores(self.S, self.Y, alpha=alpha, scale=options.scale)
        else:
            own, every = np.empty_like(self.Y), np.arange(len(self.Y))
            for B in blocks:
                rest = np.setdiff1d(every, B)
                own[B] = fit_head(self.S[rest], self.Y[rest], replace(options, alpha=alpha)).scores(self.S[B])
        return HeldOut(teacher=teacher.scores(self.T), student=student.scores(self.S), baseline=own)


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
