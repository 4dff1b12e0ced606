"""The choice of strengths for labels and pseudolabels together, by held-out errors on the labeled rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from w2s_probe.core.errors import NotApplicableError
from w2s_probe.core.fit_options import default_points
from w2s_probe.core.folds import stratified_folds
from w2s_probe.core.linked_folds import Fold, inner_folds
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.heads import LinearHead
from w2s_probe.heads.bradley_terry import bradley_terry_path
from w2s_probe.heads.losses import cross_entropy
from w2s_probe.heads.softmax import FOLDS, softmax_paths
from w2s_probe.heads.tempered import JointRows
from w2s_probe.linalg.distilled import Reach, distilled_ridge, joint_weights, reach_of
from w2s_probe.linalg.ridge import ridge_path
from w2s_probe.linalg.spectra import centered_spectrum
from w2s_probe.linalg.strengths import alpha_grid
from w2s_probe.strategies.base import W2SProblem

DEALS = 2  # of the items of preference pairs, each with five folds
ENTRIES = 8_000_000  # most entries of the columns of a teacher's map that are in memory at once


@dataclass(frozen=True, eq=False, kw_only=True)
class Lesson:
    """The first teacher, fitted to some of the labeled rows.

    Parameters
    ----------
    rows : array of int
        Positions of these rows, in order.
    alpha : float
        Strength of the teacher.
    scores : array of shape (N, K)
        Its raw scores on the pool.
    """

    rows: Rows
    alpha: float
    scores: Float


@dataclass(frozen=True, kw_only=True)
class Strength:
    """The strength of one weight of the pseudolabels, and its held-out error.

    Parameters
    ----------
    soft_weight : float
        Weight of all pseudolabels together; all labels together weigh 1.
    alpha : float
        Strength for row weights with mean 1.
    rule : str
        ``"loo"``, ``"cv"`` or ``"given"``.
    end : {"", "lower", "upper"}
        The end of the grid that was chosen, if one was.
    error : float
        Mean error on the labeled rows: squared error of leave-one-out, summed over the K columns, or, in five folds,
        squared error (ridge heads on hard pseudolabels) or cross-entropy (softmax heads).
    """

    soft_weight: float
    alpha: float
    rule: str
    end: str
    error: float

    def of(self, head: LinearHead) -> LinearHead:
        """Return a head that was fitted with this strength, with the rule that chose it."""
        return replace(head, alpha=self.alpha, rule=self.rule, at_edge=bool(self.end), upper_end=self.end == "upper")


def is_linear(problem: W2SProblem) -> bool:
    """Return whether pseudolabels and students are linear in the labels: ridge heads on soft pseudolabels."""
    teacher = problem.teachers[0]
    return problem.options.kind == "ridge" and np.array_equal(teacher.pseudolabels, teacher.scores)


def strengths(
    problem: W2SProblem, X: Features, lesson: Lesson, soft_weights: Sequence[float], *, seed: int
) -> list[Strength]:
    """Return the strength with the least held-out error for each weight of the pseudolabels.

    A row's label is left out of the teacher and of the student. Where both are linear in the labels, the error is that
    of the exact leave-one-out. Else it is that of five folds: the teacher of the other rows, at its strength, labels
    the pool, and the student learns these pseudolabels and the other rows' labels, at temperature 1. Both strengths
    are those of all rows. A given strength stays.

    Parameters
    ----------
    problem : W2SProblem
        The problem that the strategy received.
    X : array of shape (n + N, d)
        Student features of the labeled rows, then of the pool.
    lesson : Lesson
        The teacher.
    soft_weights : sequence of float
        Weights of all pseudolabels together, at least 0.
    seed : int
        Deals the labeled rows into folds.
    """
    if is_linear(problem):
        errors = _exact(problem, X, lesson)
    else:
        errors = _in_folds(problem, X, lesson, np.random.default_rng(seed))
    return [errors(soft_weight) for soft_weight in soft_weights]


def _exact(problem: W2SProblem, X: Features, lesson: Lesson) -> Callable[[float], Strength]:
    options, n = problem.options, len(problem.Y_labeled)
    reach, residuals = _teacher_map(problem, lesson)
    Y = np.concatenate([problem.Y_labeled, lesson.scores])

    def strength(soft_weight: float) -> Strength:
        weights = joint_weights(n, len(X) - n, soft_weight)
        divisor = JointRows(X=X, Y=Y, n=n, weights=weights).divisor(options)
        scaled = Reach(mean=reach.mean / divisor, cross=reach.cross / divisor[:, None], total=reach.total)
        fit = distilled_ridge(
            X / divisor if options.scale == "standard" else X,
            Y,
            weights=weights,
            reach=scaled,
            teacher_residuals=residuals,
            alpha=options.alpha,
            points=options.points or default_points("ridge", None),
        )
        alpha = float(fit.choice.path.alphas[fit.choice.index])
        rule = "loo" if options.alpha is None else "given"
        return Strength(soft_weight=soft_weight, alpha=alpha, rule=rule, end=fit.choice.end, error=fit.score)

    return strength


def _teacher_map(problem: W2SProblem, lesson: Lesson) -> tuple[Reach, Float]:
    """Return the products of the teacher's map, and the residuals of its held-out scores on the rows that it learned.

    A ridge teacher of the n unit vectors as labels is the map itself; columns of rows that it did not learn are 0.
    """
    teacher, Y, X = problem.teachers[0], problem.Y_labeled, problem.X_unlabeled
    n, whole = len(Y), len(lesson.rows) == len(Y)
    size = max(ENTRIES // len(X), 1)
    cross, total, leverage = np.zeros((X.shape[1], n)), np.zeros(n), np.zeros(n)
    for at in range(0, len(lesson.rows), size):
        columns = lesson.rows[at : at + size]
        part = teacher.fit(labels=np.eye(n)[:, columns], rows=None if whole else lesson.rows, alpha=lesson.alpha)
        reach = reach_of(X, part.scores)
        cross[:, columns], total[columns] = reach.cross, reach.total
        if part.labeled is not None:
            leverage[columns] = part.labeled[columns, np.arange(len(columns))]
    reach = Reach(mean=reach.mean, cross=cross, total=total)
    if whole:
        return reach, Y - teacher.held_out()
    fitted = cast("Float", teacher.fit(rows=lesson.rows, alpha=lesson.alpha).labeled)
    return reach, (Y - fitted) / np.maximum(1 - leverage, np.finfo(np.float64).eps)[:, None]


def _in_folds(
    problem: W2SProblem, X: Features, lesson: Lesson, rng: np.random.Generator
) -> Callable[[float], Strength]:
    options, n = problem.options, len(problem.Y_labeled)
    folds = _folds(problem, rng)
    targets = [np.concatenate([problem.Y_labeled, _taught(problem, lesson, fitted)]) for _, fitted in folds]
    paths = _softmax_paths if options.kind == "softmax" else _ridge_paths

    def strength(soft_weight: float) -> Strength:
        weights = joint_weights(n, len(X) - n, soft_weight)
        divisor = JointRows(X=X, Y=targets[0], n=n, weights=weights).divisor(options)
        scaled = X / divisor
        alphas = _grid(problem, scaled, weights)
        total = np.zeros(len(alphas))
        rest = [_rest(fitted, n, len(X) - n, soft_weight) for _, fitted in folds]
        for (B, _), heads in zip(folds, paths(problem, scaled, targets, rest, alphas), strict=True):
            scores = [scaled[B] @ coef + intercept for coef, intercept in heads]
            total += [_error(problem, at, problem.Y_labeled[B]) for at in scores]
        best = len(total) - 1 - int(total[::-1].argmin())  # the largest strength of several
        end = "" if len(total) == 1 or 0 < best < len(total) - 1 else "upper" if best else "lower"
        return Strength(
            soft_weight=soft_weight,
            alpha=float(alphas[best]),
            rule="cv" if options.alpha is None else "given",
            end=end,
            error=float(total[best]) / sum(len(B) for B, _ in folds),
        )

    return strength


def _folds(problem: W2SProblem, rng: np.random.Generator) -> list[Fold]:
    """Return folds of the labeled rows; held-out preference pairs share no item with fitted ones."""
    n = len(problem.Y_labeled)
    of_pairs = [] if problem.links is None else inner_folds(problem.links, groups=FOLDS, wanted=n, most=DEALS, rng=rng)
    if of_pairs:
        return of_pairs
    return [(B, np.setdiff1d(np.arange(n), B)) for B in stratified_folds(problem.Y_labeled, min(FOLDS, n), rng)]


def _rest(fitted: Rows, n: int, N: int, soft_weight: float) -> Float:
    """Return row weights with these labeled rows only, with the sum and the ratio of those of all rows."""
    weights = joint_weights(n, N, soft_weight)
    own = weights[fitted] * n / len(fitted)
    weights[:n] = 0.0
    weights[fitted] = own
    return weights


def _taught(problem: W2SProblem, lesson: Lesson, fitted: Rows) -> Float:
    """Return the pseudolabels of the teacher that saw these labeled rows only."""
    rows = np.intersect1d(lesson.rows, fitted)
    check_rows(problem, rows)
    return problem.pseudolabels_of(problem.teachers[0].fit(rows=rows, alpha=lesson.alpha).scores)


def check_rows(problem: W2SProblem, rows: Rows) -> None:
    """Raise `NotApplicableError` unless the labels of a teacher's rows differ."""
    if len(rows) < 2 or not np.ptp(problem.Y_labeled[rows], axis=0).any():
        msg = (
            f"the strategy distill needs two different labels among the rows of a teacher: got one, in {len(rows):,} "
            "rows. Use more distill.teacher_rows."
        )
        raise NotApplicableError(msg)


def _grid(problem: W2SProblem, X: Features, weights: Float) -> Float:
    """Return the strengths to try on scaled features."""
    options = problem.options
    if options.alpha is not None:
        return np.array([options.alpha])
    if options.kind == "ridge":
        points = options.points or default_points("ridge", None)
        return ridge_path(X, np.zeros((len(X), 1)), points=points, sample_weight=weights).alphas
    mean = None if options.intercept else np.zeros(X.shape[1])
    spectrum, _ = centered_spectrum(X, np.empty((len(X), 0)), weights, mean=mean)
    return alpha_grid(spectrum, points=options.points or default_points("softmax", problem.Y_labeled.shape[1]))


Heads = Iterator[list[tuple[Float, Float]]]  # for each fold, weights and intercepts at each strength


def _softmax_paths(
    problem: W2SProblem, X: Features, targets: list[Float], weights: list[Float], alphas: Float
) -> Heads:
    if problem.options.intercept:
        fits = softmax_paths(X, targets, alphas=alphas, weights=weights)
    else:
        fits = [bradley_terry_path(X, P, alphas=alphas, sample_weight=w) for P, w in zip(targets, weights, strict=True)]
    for of_fold in fits:
        yield [(fit.coef, fit.intercept) for fit in of_fold]


def _ridge_paths(problem: W2SProblem, X: Features, targets: list[Float], weights: list[Float], alphas: Float) -> Heads:
    for Y, w in zip(targets, weights, strict=True):
        path = ridge_path(X, Y, alphas=alphas, sample_weight=w)
        yield [path.coefficients(index) for index in range(len(alphas))]


def _error(problem: W2SProblem, scores: Float, Y: Float) -> float:
    """Return the sum of the errors of rows."""
    if problem.options.kind == "softmax":
        return float(cross_entropy(scores, Y)[0].sum())
    return float(((scores - Y) ** 2).sum())
