"""A trained pipeline of teacher, student and baseline, and its scores on the pool, all from one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np

from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.labels import Task
from w2s_probe.core.types import Features, Float
from w2s_probe.experiments.forecast.calibration import ChoiceModel, fit_choice, fit_line
from w2s_probe.experiments.forecast.evidence import CombinedEstimate, combine
from w2s_probe.experiments.forecast.pool_sums import PoolSums, Smooth
from w2s_probe.heads import LinearHead
from w2s_probe.linalg.spectra import Spectrum
from w2s_probe.linalg.teacher_student import HeldOut
from w2s_probe.linalg.threads import map_in_order
from w2s_probe.metrics.dyadic import Dyads

Weights = tuple[float, float, float]  # of teacher, student and baseline
NAMES = ("teacher", "student", "baseline")


class PoolBlock:
    """Some rows of the pool: their positions, their student features, and what several pipelines need of them.

    Parameters
    ----------
    rows : slice
        Positions of the rows.
    spaces : sequence of arrays of shape (rows, d)
        Features of each teacher, then of the student.
    stacks : sequence of HeadStack
        All heads on each of these spaces.
    """

    def __init__(self, rows: slice, spaces: Sequence[Float], stacks: Sequence[HeadStack]) -> None:
        self.rows, self.S = rows, spaces[-1]
        self._coordinates: dict[Spectrum, tuple[Float, Float]] = {}  # a cached method would be a reference to itself
        self._scores: dict[int, Float] = {}
        for stack, X in zip(stacks, spaces, strict=True):
            self._scores |= stack.scores(X)

    def scores_of(self, head: LinearHead) -> Float:
        """Return the scores of a head of the stacks, shape (rows, K)."""
        return self._scores[id(head)]

    def coordinates(self, spectrum: Spectrum) -> tuple[Float, Float]:
        """Return the coordinates of the student features along a spectrum, and their squares, computed once."""
        if spectrum not in self._coordinates:
            U = spectrum.coordinates(self.S)
            self._coordinates[spectrum] = U, U**2
        return self._coordinates[spectrum]


class HeadStack:
    """Heads on one feature space, scored by one product."""

    def __init__(self, heads: Sequence[LinearHead]) -> None:
        self.heads = heads
        self.coef = np.hstack([head.coef for head in heads])
        self.intercept = np.concatenate([head.intercept for head in heads])
        self.ends = np.cumsum([len(head.intercept) for head in heads])[:-1]

    def scores(self, X: Float) -> dict[int, Float]:
        """Return the scores of each head, shape (rows, K), by the identity of the head."""
        parts = np.split(X @ self.coef + self.intercept, self.ends, axis=1)
        return {id(head): part for head, part in zip(self.heads, parts, strict=True)}


@dataclass(frozen=True, eq=False, kw_only=True)
class Trained:
    """A trained pipeline of teacher, student and baseline, in this order.

    Parameters
    ----------
    held_out : list of HeldOut
        Held-out scores of all n labeled rows, for each deal of the rows into folds.
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
    fitted : list of list of LinearHead
        The heads of `on_pool` by feature space: each teacher, then student and baseline together. Of several teachers,
        the first one is the system ``teacher``; the student learns the mean of all.
    leave_one_out : HeldOut
        Leave-one-out scores of the training rows; scores in folds for heads that are fitted again.
    on_pool : callable
        Function that returns the scores of the three heads on a block of the pool, each of shape (rows, K), and the
        scores that the student learns: the teacher's, or the mean of several. The student never saw the row's own
        pseudolabel, as it will never see the pseudolabels of new rows: on its training rows it agrees more with its
        teacher.
    dyads : Dyads or None
        Which labeled preference pairs share items; None for other rows.
    """

    held_out: list[HeldOut]
    Y: Float
    task: Task
    probabilities: Callable[[Float], Float]
    alphas: dict[str, float]
    heads: dict[str, LinearHead]
    fitted: list[list[LinearHead]]
    leave_one_out: HeldOut
    on_pool: Callable[[PoolBlock], list[Float]]
    dyads: Dyads | None = None

    @property
    def edges(self) -> tuple[str, ...]:
        """Systems whose strength is an end of the widest grid."""
        return tuple(name for name, head in self.heads.items() if head.at_edge)

    @cached_property
    def models(self) -> list[ChoiceModel]:
        """One calibrated model for each deal into folds; all scores share them."""
        fit = fit_choice if self.task == "classification" else fit_line
        return [fit(systems_of(f), self.Y) for f in self.held_out]

    def values(self, score: str, F: Float) -> Float:
        """Return the score of each row of raw scores for every class, (m, K), or its coefficients of 1, y, y², (m, 3).

        `score` is accuracy, brier, r2 or squared_error.
        """
        if score == "accuracy":
            return np.eye(F.shape[1])[F.argmax(axis=1) if F.shape[1] > 2 else (F[:, 1] > F[:, 0]).astype(np.intp)]
        if score == "brier":
            q = self.probabilities(F)
            return (q**2).sum(axis=1, keepdims=True) - 2 * q + 1
        f = F[:, 0]
        squares = np.column_stack([f**2, -2 * f, np.ones(len(f))])
        if score == "squared_error":
            return squares
        return np.array([1.0, 0.0, 0.0]) - squares / self.Y.var()


@dataclass(frozen=True, eq=False, kw_only=True)
class PipelineScores(Trained):
    """A trained pipeline with its scores on the pool.

    Parameters
    ----------
    pool : list of arrays of shape (N, K)
        Scores of the three systems on the pool; empty where only sums were wanted.
    taught : list of arrays of shape (N, K)
        Of several teachers, the mean that the student learns, as a list of one; empty for one teacher.
    sums : mapping of score to PoolSums
        Sums over the pool, by score.
    """

    pool: list[Float] = field(default_factory=list)
    taught: list[Float] = field(default_factory=list)
    sums: dict[str, PoolSums] = field(default_factory=dict)

    @property
    def lesson(self) -> Float:
        """Scores on the pool that the student learns, shape (N, K)."""
        return (self.taught or self.pool)[0]

    def expected(self, score: str, weights: Weights) -> CombinedEstimate:
        """Return the expected value of a score for a weighted sum of the systems.

        `score` is accuracy, brier, r2 or squared_error. The weights of teacher, student and baseline are (0, 1, 0)
        for the student and (-1, 1, 0) for the gain.
        """
        counted = np.mean([self._at_labels(score, weights, systems_of(f)) for f in self.held_out], axis=0)
        smooth = self._sums(score).smooth(weights)
        if self.task == "classification":
            variance = max(smooth.squares - smooth.mean**2, float(counted.var()))
        else:
            if score == "r2":
                counted, smooth = self._with_spread(counted, smooth, sum(weights))
            variance = float(counted.var())
        unit = 1.0 if score != "squared_error" else float(self.Y.var())
        return combine(counted, smooth, row_variance=variance, unit=unit, dyads=self.dyads)

    def _sums(self, score: str) -> PoolSums:
        """Return the sums over the pool of one score, computed once."""
        if score not in self.sums:
            sums = PoolSums(self.models)
            for rows in row_blocks(len(self.pool[0])):
                block = [F[rows] for F in self.pool]
                sums.add(block, [self.values(score, F) for F in block])
            self.sums[score] = sums
        return self.sums[score]

    def _with_spread(self, counted: Float, smooth: Smooth, total: float) -> tuple[Float, Smooth]:
        """Return both estimates with each row's influence through the estimated variance of the labels.

        `total` is the sum of the systems' weights: the value of R² without errors.
        """
        y = self.Y[:, 0]
        spread = (y - y.mean()) ** 2 / y.var() - 1
        both = counted + (total - counted.mean()) * spread
        return both, replace(smooth, influence=smooth.influence + (total - smooth.mean) * spread / len(y))

    def _at_labels(self, score: str, weights: Weights, systems: list[Float]) -> Float:
        """Return the weighted sum of the systems' scores of each labeled row at its own label, shape (n,)."""
        used = [(w, F) for w, F in zip(weights, systems, strict=True) if w]
        values = np.sum([w * self.values(score, F) for w, F in used], axis=0)
        if self.task == "classification":
            return (values * self.Y).sum(axis=1)
        y = self.Y[:, 0]
        return values[:, 0] + values[:, 1] * y + values[:, 2] * y**2


def score_pool(
    pipelines: Sequence[Trained],
    pool_teacher: Features,
    pool_student: Features,
    *,
    more_pools: Sequence[Features] = (),
    sums: str = "",
) -> list[PipelineScores]:
    """Return pipelines with their scores on the pool, all from one pass over its features, (N, d_t) and (N, d_s).

    `more_pools` are the features of further teachers. `sums` is the score of which pipelines after the first one keep
    only the sums over the pool; by default all keep the scores.
    """
    spaces = [pool_teacher, *more_pools, pool_student]
    out = [
        _unscored(trained, len(pool_student), taught=bool(more_pools), sums=sums if number else "")
        for number, trained in enumerate(pipelines)
    ]
    stacks = [
        HeadStack([head for alike in zip(*of_space, strict=True) for head in alike])
        for of_space in zip(*(trained.fitted for trained in pipelines), strict=True)
    ]

    def scored(rows: slice) -> tuple[slice, list[list[Float]]]:
        block = PoolBlock(rows, [np.asarray(X[rows], dtype=np.float64) for X in spaces], stacks)
        return rows, [trained.on_pool(block) for trained in pipelines]

    for rows, by_pipeline in map_in_order(scored, row_blocks(len(pool_student))):
        for scores, (*systems, taught) in zip(out, by_pipeline, strict=True):
            for kept, F in zip([*scores.pool, *scores.taught], [*systems, taught], strict=False):
                kept[rows] = F
            for score, total in scores.sums.items():
                total.add(systems, [scores.values(score, F) for F in systems])
    return out


def _unscored(trained: Trained, N: int, *, taught: bool, sums: str) -> PipelineScores:
    """Return a pipeline with room for its scores on N rows, or with empty sums of one score."""

    def room(count: int) -> list[Float]:
        return [] if sums else [np.empty((N, trained.Y.shape[1])) for _ in range(count)]

    return PipelineScores(
        **{each.name: getattr(trained, each.name) for each in fields(trained)},
        pool=room(3),
        taught=room(int(taught)),
        sums={sums: PoolSums(trained.models)} if sums else {},
    )


def systems_of(scores: HeldOut) -> list[Float]:
    """Return the held-out scores of teacher, student and baseline."""
    return [scores.teacher, scores.student, scores.baseline]
