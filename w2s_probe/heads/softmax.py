r"""Softmax heads on soft targets; all strengths, folds and sets of targets share one eigendecomposition.

Minimizes :math:`\sum_i w_i\,\ell(W^\top x_i + b,\, p_i) + \frac{\alpha}{2}\lVert W\rVert_F^2`
with target rows :math:`p_i` and an unpenalized intercept. As in scikit-learn's `LogisticRegression`,
:math:`\alpha = 1/C`, and two classes have one vector of log-odds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.arrays import as_matrix, check_same_rows, check_weights
from w2s_probe.core.errors import ConfigError, ShapeError
from w2s_probe.core.fit_options import MANY_CLASSES, LossName, Scale, default_points
from w2s_probe.core.types import Float, Rows
from w2s_probe.heads.confidence import confidence_targets
from w2s_probe.heads.coordinates import Coordinates, eigen_coordinates, with_both_classes
from w2s_probe.heads.descent import descend
from w2s_probe.heads.linear import LinearHead, deviations
from w2s_probe.heads.losses import cross_entropy, get_loss
from w2s_probe.heads.many_classes import solve_many_classes
from w2s_probe.heads.newton import AIM, TOLERANCE, Solution, solve_cross_entropy
from w2s_probe.linalg.spectra import centered_spectrum
from w2s_probe.linalg.strengths import alpha_grid

FOLDS = 5
ROUNDS = 100  # most rounds of `confidence`: new decisions, then a fit
OnFit = Callable[[int, int], None]  # heads fitted, and heads to fit until the strength is chosen and its head is fitted


@dataclass(frozen=True, eq=False, kw_only=True)
class SoftmaxFit:
    """A fitted softmax head, with a bound on its distance to the minimum.

    Parameters
    ----------
    coef : array of shape (d, K)
        Weights on the unscaled features; the columns sum to 0.
    intercept : array of shape (K,)
        Intercepts.
    alpha : float
        Strength.
    objective : float
        Value of the objective, a sum over rows.
    gap : float
        Upper bound on the objective minus its minimum, by duality. For ``confidence`` it holds at fixed
        decisions; for ``reverse_kl`` and ``gce`` it is NaN.
    gradient_norm : float
        Norm of the gradient.
    iterations : int
        Newton steps, L-BFGS steps (``reverse_kl``, ``gce``) or rounds (``confidence``).
    converged : bool
        ``ce``: the gap is at most 1e-8 of the objective. ``reverse_kl``, ``gce``: half the squared gradient,
        in coordinates of curvature about 1, is. ``confidence``: the decisions no longer change.
    loss : str
        Name of the loss.
    """

    coef: Float
    intercept: Float
    alpha: float
    objective: float
    gap: float
    gradient_norm: float
    iterations: int
    converged: bool
    loss: str = "ce"


def softmax_path(
    X: ArrayLike,
    P: ArrayLike,
    *,
    alphas: ArrayLike,
    loss: LossName = "ce",
    exponent: float = 0.2,
    confidence: float = 0.5,
    sample_weight: ArrayLike | None = None,
    max_iter: int = 200,
) -> list[SoftmaxFit]:
    """Return softmax heads for A strengths above 0, in the order of `alphas`; see ``converged`` of each.

    Features X (n, d), target rows P (n, K) that sum to 1, non-negative row weights (n,). Losses other than ``ce``
    (`w2s_probe.heads.losses`, where `exponent` and `confidence` are described) start from the ``ce`` head of their
    strength. Raises `ShapeError` for arrays that do not fit together or targets that are no probabilities, and
    `ConfigError` for a strength that is not above 0 or an unknown loss.
    """
    features, targets = np.asarray(as_matrix(X, "features")), check_targets(P)
    check_same_rows("targets", len(targets), "features", len(features))
    weights, strengths = check_weights(sample_weight, len(features)), check_strengths(alphas)
    loss_function = get_loss(loss, exponent=exponent, confidence=confidence)
    coordinates = eigen_coordinates(features, weights)
    which = np.zeros(len(strengths), dtype=np.intp)
    starts = _solve(coordinates, targets[None], weights[None], which=which, alphas=strengths, max_iter=max_iter)
    fits = []
    for alpha, start in zip(strengths.tolist(), starts, strict=True):
        if loss == "ce":
            end, converged = start, start.converged
        elif loss == "confidence":
            end, converged = _alternate(coordinates, targets, weights, alpha, start, confidence, max_iter)
        else:
            end, converged = descend(
                coordinates, targets, weights, loss=loss_function, alpha=alpha, start=start, max_iter=max_iter
            )
        fits.append(fit_of(coordinates, end, alpha, loss=loss, converged=converged))
    return fits


def softmax_paths(
    X: ArrayLike, Ps: Sequence[ArrayLike], *, alphas: ArrayLike, weights: Sequence[ArrayLike] | None = None
) -> list[list[SoftmaxFit]]:
    """Return cross-entropy heads for T sets of targets on the same features: T lists of A fits, one a strength.

    Each list equals `softmax_path` for its target rows (n, K) and row weights (n,); a weight of 0 leaves a row out.
    Seeds, teachers and folds differ only in targets and weights, so that all heads share every product with the
    features: several times faster than fitting one set after the other.
    """
    features, strengths = np.asarray(as_matrix(X, "features")), check_strengths(alphas)
    targets = [check_targets(P) for P in Ps]
    for P in targets:
        check_same_rows("targets", len(P), "features", len(features))
    of_sets = [check_weights(w, len(features)) for w in (weights if weights is not None else [None] * len(targets))]
    check_same_rows("weights", len(of_sets), "sets of targets", len(targets))
    coordinates = eigen_coordinates(features, np.mean(of_sets, axis=0))
    return _paths(coordinates, np.stack(targets), np.stack(of_sets), strengths)


def fit_softmax(  # noqa: PLR0913  # every setting of a head, and its progress
    X: ArrayLike,
    P: ArrayLike,
    *,
    rule: Literal["cv"] = "cv",
    alpha: float | None = None,
    points: int | None = None,
    scale: Scale = "standard",
    loss: LossName = "ce",
    exponent: float = 0.2,
    confidence: float = 0.5,
    sample_weight: ArrayLike | None = None,
    on_fit: OnFit | None = None,
) -> LinearHead:
    """Return the softmax head whose strength has the smallest cross-validated cross-entropy.

    Parameters
    ----------
    X : array of shape (n, d)
        Features.
    P : array of shape (n, K)
        Target rows: probabilities that sum to 1.
    rule : {"cv"}
        Five-fold cross-validation on these rows; a fixed permutation deals them into the folds.
    alpha : float, optional
        Fixed strength; none is chosen then.
    points : int, optional
        Number of strengths tried, around the median eigenvalue of the centered Gram, as for ridge heads; by default
        13, and 5 over the same range above 50 classes.
    scale : {"none", "standard"}
        ``"standard"`` divides each feature by its standard deviation on these rows.
    loss : {"ce", "reverse_kl", "gce", "confidence"}
        Loss to minimize, see `w2s_probe.heads.losses`; the strength is always chosen for ``ce``.
    exponent : float
        Exponent of ``gce``, in (0, 1].
    confidence : float
        Weight of the head's own decisions in ``confidence``, in [0, 1].
    sample_weight : array of shape (n,), optional
        Non-negative weights of the rows.
    on_fit : callable, optional
        Called with the number of fitted heads and of all heads: one for each fold and strength, and the last one.
    """
    features, targets = np.asarray(as_matrix(X, "features")), check_targets(P)
    weights = check_weights(sample_weight, len(features))
    deviation = deviations(features, weights) if scale == "standard" else np.ones(features.shape[1])
    scaled = (features / deviation).astype(np.float64)
    at_edge, heads = False, 1
    if alpha is None:
        grid = _grid(scaled, weights, points or default_points("softmax", targets.shape[1]))
        best = _best_strength(scaled, targets, weights, grid, on_fit)
        alpha, at_edge, rule_used = float(grid[best]), best in (0, len(grid) - 1), str(rule)
        heads += min(FOLDS, len(features)) * len(grid)
    else:
        rule_used = "given"
    (fit,) = softmax_path(
        scaled,
        targets,
        alphas=[alpha],
        loss=loss,
        exponent=exponent,
        confidence=confidence,
        sample_weight=weights,
    )
    if on_fit:
        on_fit(heads, heads)
    return LinearHead(
        kind="softmax",
        coef=fit.coef / deviation[:, None],
        intercept=fit.intercept,
        alpha=alpha,
        rule=rule_used,
        at_edge=at_edge,
        converged=fit.converged,
    )


def check_targets(P: ArrayLike) -> Float:
    """Return target rows as float64, or raise `ShapeError` unless they are probabilities."""
    targets = as_matrix(P, "targets").astype(np.float64)
    if targets.shape[1] < 2 or targets.min() < -1e-9 or np.abs(targets.sum(axis=1) - 1).max() > 1e-6:
        msg = (
            "targets must be rows of at least two probabilities that sum to 1: got values from "
            f"{targets.min():.3g} to {targets.max():.3g} in shape {targets.shape}. Normalize rows, or use a ridge head."
        )
        raise ShapeError(msg)
    return targets


def check_strengths(alphas: ArrayLike) -> Float:
    """Return strengths as an array of shape (A,), or raise `ConfigError` unless all are above 0."""
    strengths = np.atleast_1d(np.asarray(alphas, dtype=np.float64))
    if not np.isfinite(strengths).all() or (strengths <= 0).any():
        msg = (
            f"strengths must be finite and above 0: got {strengths.tolist()}. Use a small one, such as 1e-4: without a "
            "penalty there may be no minimum."
        )
        raise ConfigError(msg)
    return strengths


def _grid(X: Float, weights: Float, points: int) -> Float:
    return alpha_grid(centered_spectrum(X, np.empty((len(X), 0)), weights)[0], points=points)


def _best_strength(X: Float, P: Float, weights: Float, grid: Float, on_fit: OnFit | None) -> int:
    """Return the position of the strength with the smallest cross-validated cross-entropy, the largest if several.

    With many classes the fits end at the certificate of the minimum. If their distance to the minimum might change the
    choice, they are repeated as exactly as all others.
    """
    many = P.shape[1] > MANY_CLASSES
    score, doubt = _cross_validated(X, P, weights, grid, aim=TOLERANCE if many else AIM, on_fit=on_fit)
    best = len(grid) - 1 - int(score[::-1].argmin())
    others = np.arange(len(grid)) != best
    if many and (score - doubt)[others].min(initial=np.inf) <= score[best] + doubt[best]:
        score, _ = _cross_validated(X, P, weights, grid, aim=AIM, on_fit=on_fit)
        best = len(grid) - 1 - int(score[::-1].argmin())
    return best


def _cross_validated(
    X: Float, P: Float, weights: Float, grid: Float, *, aim: float, on_fit: OnFit | None
) -> tuple[Float, Float]:
    r"""Return the weighted held-out cross-entropy of each strength, and by how much inexact fits may change it: (A,).

    A duality gap g puts the weights within :math:`r = \sqrt{2g/\alpha}` of the minimum. To first order, the held-out
    loss with gradient G then changes by at most :math:`r \lVert G\rVert_F`; twice that is returned. With many classes,
    a class without training rows in a fold is not scored there: its loss is infinite at every strength.
    """
    fold_of = _folds(P)
    folds = range(fold_of.max() + 1)
    rest = np.stack([np.where(fold_of == fold, 0.0, weights) for fold in folds])
    coordinates = eigen_coordinates(X, rest.mean(axis=0))
    targets = np.broadcast_to(P, (len(folds), *P.shape))
    total, doubt = np.zeros(len(grid)), np.zeros(len(grid))
    for fold, fits in zip(folds, _paths(coordinates, targets, rest, grid, aim=aim, on_fit=on_fit), strict=True):
        rows = fold_of == fold
        targets_out = P[rows] if P.shape[1] <= MANY_CLASSES else P[rows] * (rest[fold] @ P > 0)
        for index, fit in enumerate(fits):
            loss, slope = cross_entropy(X[rows] @ fit.coef + fit.intercept, targets_out)
            total[index] += weights[rows] @ loss
            G = coordinates.Z[rows].T @ (weights[rows, None] * slope)
            doubt[index] += 2 * np.sqrt(2 * fit.gap / fit.alpha) * np.linalg.norm(G)
    return total, doubt


def _folds(P: Float) -> Rows:
    """Return the fold of each row, dealt by a fixed permutation; with many classes, each class by itself."""
    order = np.random.default_rng(0).permutation(len(P))
    if P.shape[1] <= MANY_CLASSES:
        return order % min(FOLDS, len(P))
    folds = np.empty(len(P), dtype=np.intp)
    folds[np.lexsort((order, P.argmax(axis=1)))] = np.arange(len(P)) % min(FOLDS, len(P))
    return folds


def _paths(
    coordinates: Coordinates, P: Float, weights: Float, alphas: Float, *, aim: float = AIM, on_fit: OnFit | None = None
) -> list[list[SoftmaxFit]]:
    """Return the fits of T sets of targets P (T, n, K) and weights (T, n) at A strengths: T lists of A fits."""
    which, every = np.repeat(np.arange(len(P)), len(alphas)), np.tile(alphas, len(P))
    last = len(every) + 1  # the head at the chosen strength
    counted = None if on_fit is None else partial(_count, on_fit, last)
    solved = _solve(coordinates, P, weights, which=which, alphas=every, aim=aim, on_fit=counted)
    fits = [
        fit_of(coordinates, solution, alpha, loss="ce", converged=solution.converged)
        for solution, alpha in zip(solved, every.tolist(), strict=True)
    ]
    return [fits[t * len(alphas) : (t + 1) * len(alphas)] for t in range(len(P))]


def _count(on_fit: OnFit, last: int, done: int, _: int) -> None:
    on_fit(done, last)


def _solve(
    coordinates: Coordinates,
    P: Float,
    weights: Float,
    *,
    which: Rows,
    alphas: Float,
    start: tuple[Float, Float] | None = None,
    max_iter: int = 100,
    aim: float = AIM,
    on_fit: OnFit | None = None,
) -> list[Solution]:
    """Return the cross-entropy heads of J problems by the solver for their number of classes."""
    solve = solve_many_classes if P.shape[2] > MANY_CLASSES else solve_cross_entropy
    return solve(
        coordinates, P, weights, which=which, alphas=alphas, start=start, max_iter=max_iter, aim=aim, on_fit=on_fit
    )


def _alternate(
    coordinates: Coordinates,
    P: Float,
    weights: Float,
    alpha: float,
    solution: Solution,
    confidence: float,
    max_iter: int,
) -> tuple[Solution, bool]:
    """Return the head whose own decisions no longer change, and whether it converged within `ROUNDS`."""
    targets, rounds = P, 0
    while rounds < ROUNDS:
        F = coordinates.Z @ solution.W + solution.b
        logits = with_both_classes(F) if F.shape[1] == 1 else F
        mixed = confidence_targets(logits, P, confidence=confidence, weights=weights)
        if np.array_equal(mixed, targets):
            break
        targets = mixed
        (solution,) = _solve(
            coordinates,
            targets[None],
            weights[None],
            which=np.zeros(1, dtype=np.intp),
            alphas=np.array([alpha]),
            start=(solution.W, solution.b),
            max_iter=max_iter,
        )
        rounds += 1
    return replace(solution, iterations=rounds), rounds < ROUNDS and solution.converged


def fit_of(
    coordinates: Coordinates, solution: Solution, alpha: float, *, loss: LossName, converged: bool
) -> SoftmaxFit:
    """Return a solution in eigencoordinates as a fit on the features."""
    coef, intercept = coordinates.to_features(solution.W, solution.b)
    return SoftmaxFit(
        coef=coef,
        intercept=intercept,
        alpha=alpha,
        objective=solution.objective,
        gap=solution.gap,
        gradient_norm=solution.gradient_norm,
        iterations=solution.iterations,
        converged=converged,
        loss=loss,
    )
