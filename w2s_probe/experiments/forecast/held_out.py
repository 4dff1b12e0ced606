"""What three systems say about labeled rows they never saw the labels of, and about the pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from w2s_probe.core.config import FitOptions, System, W2SConfig
from w2s_probe.core.labels import Task
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.experiments.forecast.calibration import ChoiceModel, fit_choice, fit_line
from w2s_probe.experiments.forecast.evidence import Evidence, combine
from w2s_probe.heads import LinearHead, ridge_probabilities
from w2s_probe.heads.fit import fit_head
from w2s_probe.heads.linear import pseudolabels_of
from w2s_probe.linalg.loo import loo_error, loo_residuals
from w2s_probe.linalg.moments import Moments
from w2s_probe.linalg.ridge import RidgePath, ridge_path
from w2s_probe.linalg.teacher_student import HeldOut, pipeline_of, student_path

Smooth = tuple[float, Float, Float]
FOLDS = 10
REFIT_FOLDS = 5  # where heads must be fitted again


@dataclass(frozen=True, eq=False, kw_only=True)
class Reading:
    """Scores of teacher, student and baseline, in this order.

    Parameters
    ----------
    held : list of HeldOut
        Held-out scores of all n labeled rows, for each way of dealing them into folds.
    leave_one_out : HeldOut
        Held-out scores of the rows trained on, each left out alone (in folds where heads are fitted again).
    pool : list of arrays of shape (N, K)
        Scores on the pool, by heads fitted to all labeled rows in use; of the student by one that never saw the
        row's pseudolabel, as it will not see those of new rows: on rows it was trained on it agrees more with its
        teacher.
    Y : array of shape (n, K)
        Labels: one-hot rows, or numbers.
    task : {"classification", "regression"}
        What the labels are.
    probabilities : callable
        Raw scores to probabilities.
    alphas : mapping of system to float
        Strengths of the heads.
    """

    held: list[HeldOut]
    leave_one_out: HeldOut
    pool: list[Float]
    Y: Float
    task: Task
    probabilities: Callable[[Float], Float]
    alphas: dict[str, float]

    def evidence(self, score: str, weights: tuple[float, float, float]) -> Evidence:
        """Return the expected score of a weighted sum of the systems.

        Parameters
        ----------
        score : {"accuracy", "brier", "r2", "squared_error"}
            What is averaged over rows.
        weights : tuple of float
            Of teacher, student and baseline: (0, 1, 0) is the student, (-1, 1, 0) the gain.
        """
        counted = np.mean([self._at_labels(self._values(score, weights, _systems(held))) for held in self.held], axis=0)
        values = self._values(score, weights, self.pool)
        found = [fit.expect(self.pool, values) for fit in self._models]
        smooth: Smooth = (
            float(np.mean([one[0] for one in found])),
            np.mean([one[1] for one in found], axis=0),
            np.mean([one[2] for one in found], axis=0),
        )
        if self.task == "classification":
            squares = float(np.mean([fit.expect(self.pool, values**2)[0] for fit in self._models]))
            variance = max(squares - smooth[0] ** 2, float(counted.var()))
        else:
            if score == "r2":
                counted, smooth = self._with_spread(counted, smooth, sum(weights))
            variance = float(counted.var())
        unit = 1.0 if score != "squared_error" else float(self.Y.var())
        return combine(counted, smooth, row_variance=variance, unit=unit)

    @cached_property
    def _models(self) -> list[ChoiceModel]:
        """One for each way of dealing, whatever is asked of it."""
        fit = fit_choice if self.task == "classification" else fit_line
        return [fit(_systems(held), self.Y) for held in self.held]

    def _with_spread(self, counted: Float, smooth: Smooth, one: float) -> tuple[Float, Smooth]:
        """Return both estimates with what each row adds because the labels' variance is estimated too."""
        y = self.Y[:, 0]
        spread = (y - y.mean()) ** 2 / y.var() - 1
        mean, influence, rows = smooth
        both = counted + (one - counted.mean()) * spread
        return both, (mean, influence + (one - mean) * spread / len(y), rows)

    def _values(self, score: str, weights: tuple[float, float, float], systems: list[Float]) -> Float:
        """Return what each row adds: if its class is k, (m, K); or constant, slope and curvature in y, (m, 3)."""
        used = [(w, F) for w, F in zip(weights, systems, strict=True) if w]
        return np.sum([w * self._of_one(score, F) for w, F in used], axis=0)

    def _of_one(self, score: str, F: Float) -> Float:
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
        if self.task == "classification":
            return (values * self.Y).sum(axis=1)
        y = self.Y[:, 0]
        return values[:, 0] + values[:, 1] * y + values[:, 2] * y**2


def read_pipeline(  # noqa: PLR0913  # two feature spaces of two sets of rows, and parts of both
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
) -> Reading:
    """Return what the pipeline trained on some labeled rows says of all of them, and of the pool.

    Parameters
    ----------
    X_teacher, X_student : arrays of shape (n, d_t) and (n, d_s)
        Features of the labeled rows.
    Y : array of shape (n, K)
        Their labels.
    rows : array of int
        Labeled rows to train on; the others are held out as they are.
    pool : Moments
        Of the student's pool, with blocks ``teacher`` and ``student``.
    pool_teacher, pool_student : arrays of shape (N, d_t) and (N, d_s)
        Features of the rows to average over: the student's pool, and what else has no labels.
    config : W2SConfig
        Head, scaling, pseudolabels and strengths.
    rng : numpy.random.Generator
        Deals rows into folds.
    repeats : int
        Times that they are dealt.
    pool_rows : array of int, optional
        Which of the rows to average over are the student's pool; all by default.
    in_sample : bool
        Whether the student says of its own pool what it says as it is, with every pseudolabel seen.
    """
    linear = config.head == "ridge" and config.pseudolabels == "soft" and config.scale == "none"
    T, S, L = X_teacher[rows], X_student[rows], Y[rows]
    used = slice(None) if pool_rows is None else pool_rows
    fitted: _Linear | _Refitted = (
        _Linear.fit(T, S, L, pool, config)
        if linear
        else _Refitted.fit(T, S, L, pool_teacher[used], pool_student[used], config)
    )
    seen = np.arange(0) if in_sample else np.arange(len(pool_teacher))[used]
    elsewhere = np.setdiff1d(np.arange(len(Y)), rows)
    outside = fitted.scores(X_teacher[elsewhere], X_student[elsewhere])
    held = []
    for _ in range(repeats if linear else 1):
        blocks = stratified_folds(L, min(FOLDS if linear else REFIT_FOLDS, len(rows)), rng)
        held.append(_merged(fitted.held_out(blocks), outside, rows, elsewhere))
    return Reading(
        held=held,
        leave_one_out=fitted.held_out([np.array([row]) for row in range(len(rows))]) if linear else held[0],
        pool=fitted.pool_scores(pool_teacher, pool_student, seen),
        Y=Y,
        task=config.task,
        probabilities=ridge_probabilities if config.head == "ridge" else partial(_softmax),
        alphas=fitted.alphas,
    )


def stratified_folds(Y: Float, folds: int, rng: np.random.Generator) -> list[Rows]:
    """Return disjoint sets of rows with like shares of every class, or like spreads of a number.

    Parameters
    ----------
    Y : array of shape (n, K)
        One-hot rows, or numbers.
    folds : int
        Number of sets.
    rng : numpy.random.Generator
        Deals the rows.
    """
    order = _by_label(Y, rng)
    dealt = np.concatenate([rng.permutation(folds) for _ in range(-(-len(Y) // folds))])[: len(Y)]
    return [order[dealt == fold] for fold in range(folds)]


def stratified_part(Y: Float, size: int, rng: np.random.Generator) -> Rows:
    """Return some rows, in order, with the classes' shares, or the spread of a number.

    Parameters
    ----------
    Y : array of shape (n, K)
        One-hot rows, or numbers.
    size : int
        Rows wanted, at most n.
    rng : numpy.random.Generator
        Draws the rows.
    """
    at = (np.arange(size) + rng.random()) * len(Y) / size
    return np.sort(_by_label(Y, rng)[at.astype(np.intp)])


def _by_label(Y: Float, rng: np.random.Generator) -> Rows:
    """Return rows by class or number, those that are alike in random order."""
    key = Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0]
    return np.lexsort((rng.random(len(Y)), key))


@dataclass(frozen=True, eq=False, kw_only=True)
class _Linear:
    """Ridge heads on soft pseudolabels: everything is linear in the labels, nothing is fitted again."""

    heads: list[LinearHead]
    paths: tuple[RidgePath, RidgePath, RidgePath]
    Y: Float
    held_out: Callable[[list[Rows]], HeldOut]

    @classmethod
    def fit(cls, T: Float, S: Float, Y: Float, pool: Moments, config: W2SConfig) -> _Linear:
        """Fit the three heads, their strengths as in `run`."""
        teacher = ridge_path(T, Y, alphas=_given(config, "teacher"), points=config.alphas or 33)
        baseline = ridge_path(S, Y, alphas=_given(config, "baseline"), points=config.alphas or 33)
        a_t, a_b = _last_least(loo_error(teacher, T, Y)), _last_least(loo_error(baseline, S, Y))
        student = student_path(
            pool, *teacher.coefficients(a_t), alphas=_given(config, "student"), points=config.alphas or 33
        )
        a_s = _last_least(student.gcv)
        pipeline = pipeline_of(teacher, baseline, student, pool, X_teacher=T, X_student=S, strengths=(a_t, a_s, a_b))
        chosen = ((teacher, a_t), (student, a_s), (baseline, a_b))
        heads = [_ridge_head(path, index) for path, index in chosen]
        return cls(
            heads=heads,
            paths=(teacher, student, baseline),
            Y=Y,
            held_out=partial(pipeline.held_out, Y),
        )

    @property
    def alphas(self) -> dict[str, float]:
        return dict(zip(("teacher", "student", "baseline"), (head.alpha for head in self.heads), strict=True))

    def scores(self, T: Features, S: Features) -> list[Float]:
        """Return the scores of the three heads on other rows."""
        return [head.scores(X) for head, X in zip(self.heads, (T, S, S), strict=True)]

    def pool_scores(self, T: Features, S: Features, used: Rows) -> list[Float]:
        """Return the scores on rows of which the student was trained on some: on those by leave-one-out, exactly."""
        teacher, student, baseline = self.scores(T, S)
        if len(used):
            path = self.paths[1]
            index = int(np.flatnonzero(path.alphas == self.heads[1].alpha)[0])
            student[used] = teacher[used] - loo_residuals(path, S[used], teacher[used], index=index)
        return [teacher, student, baseline]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Refitted:
    """Any other heads: fitted again without each fold, at the strengths they have on all rows."""

    heads: list[LinearHead]
    refit: Callable[[Rows, dict[str, float]], list[LinearHead]]
    taught: Callable[[Float, Features, dict[str, float]], LinearHead]
    T: Float
    S: Float

    @classmethod
    def fit(cls, T: Float, S: Float, Y: Float, pool_T: Features, pool_S: Features, config: W2SConfig) -> _Refitted:
        """Fit the three heads, their strengths as in `run`."""

        def options(system: System, alphas: dict[str, float]) -> FitOptions:
            own = config.fit_options(system)
            return replace(own, alpha=alphas[system]) if alphas else own

        def taught(teacher: LinearHead, scores: Float, X: Features, alphas: dict[str, float]) -> LinearHead:
            labels = pseudolabels_of(teacher, scores, hard=config.pseudolabels == "hard")
            return fit_head(X, labels, options("student", alphas))

        def heads(rows: Rows, alphas: dict[str, float]) -> list[LinearHead]:
            teacher = fit_head(T[rows], Y[rows], options("teacher", alphas))
            student = taught(teacher, teacher.scores(pool_T), pool_S, alphas)
            return [teacher, student, fit_head(S[rows], Y[rows], options("baseline", alphas))]

        fitted = heads(np.arange(len(Y)), {})
        return cls(heads=fitted, refit=heads, taught=partial(taught, fitted[0]), T=T, S=S)

    @property
    def alphas(self) -> dict[str, float]:
        return dict(zip(("teacher", "student", "baseline"), (head.alpha for head in self.heads), strict=True))

    def scores(self, T: Features, S: Features) -> list[Float]:
        """Return the scores of the three heads on other rows."""
        return [head.scores(X) for head, X in zip(self.heads, (T, S, S), strict=True)]

    def pool_scores(self, T: Features, S: Features, used: Rows) -> list[Float]:
        """Return the scores on rows of which the student was trained on some: on those in folds, fitted again."""
        teacher, student, baseline = self.scores(T, S)
        for fold in range(REFIT_FOLDS if len(used) else 0):
            B, rest = used[fold::REFIT_FOLDS], np.delete(used, np.s_[fold::REFIT_FOLDS])
            student[B] = self.taught(teacher[rest], S[rest], self.alphas).scores(S[B])
        return [teacher, student, baseline]

    def held_out(self, blocks: list[Rows]) -> HeldOut:
        """Return the scores of each block by heads fitted without it."""
        out = [np.empty((len(self.T), len(head.intercept))) for head in self.heads]
        for B in blocks:
            heads = self.refit(np.setdiff1d(np.arange(len(self.T)), B), self.alphas)
            for column, head, X in zip(out, heads, (self.T, self.S, self.S), strict=True):
                column[B] = head.scores(X[B])
        return HeldOut(teacher=out[0], student=out[1], baseline=out[2])


def _given(config: W2SConfig, system: System) -> list[float] | None:
    alpha = config.fit_options(system).alpha
    return None if alpha is None else [alpha]


def _last_least(score: Float) -> int:
    return len(score) - 1 - int(np.nanargmin(score[::-1]))


def _ridge_head(path: RidgePath, index: int) -> LinearHead:
    coef, intercept = path.coefficients(index)
    edge = len(path.alphas) > 1 and index in (0, len(path.alphas) - 1)
    alpha = float(path.alphas[index])
    return LinearHead(kind="ridge", coef=coef, intercept=intercept, alpha=alpha, rule="loo", at_edge=edge)


def _softmax(scores: Float) -> Float:
    from scipy.special import softmax

    return softmax(scores, axis=1)


def _systems(held: HeldOut) -> list[Float]:
    return [held.teacher, held.student, held.baseline]


def _merged(inside: HeldOut, outside: list[Float], rows: Rows, elsewhere: Rows) -> HeldOut:
    """Return scores of all labeled rows: of those trained on, held out by folds; of the others, as they are."""
    merged = []
    for own, other in zip(_systems(inside), outside, strict=True):
        both = np.empty((len(rows) + len(elsewhere), own.shape[1]))
        both[rows], both[elsewhere] = own, other
        merged.append(both)
    return HeldOut(teacher=merged[0], student=merged[1], baseline=merged[2])
