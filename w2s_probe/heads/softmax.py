r"""Softmax heads on soft targets: one eigendecomposition serves every strength, fold and set of targets.

Minimizes :math:`\sum_i w_i\,\ell(W^\top x_i + b,\, p_i) + \frac{\alpha}{2}\lVert W\rVert_F^2`
with target rows :math:`p_i` and an unpenalized intercept; :math:`\alpha = 1/C` of scikit-learn's
`LogisticRegression`, whose two-class parametrization (one vector of log-odds) is used too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.arrays import as_matrix, check_same_rows, check_weights
from w2s_probe.core.config import LossName
from w2s_probe.core.errors import ConfigError, ShapeError
from w2s_probe.core.types import Float
from w2s_probe.heads.confidence import confidence_targets
from w2s_probe.heads.coordinates import Coordinates, eigen_coordinates, with_both_classes
from w2s_probe.heads.descent import descend
from w2s_probe.heads.linear import LinearHead, deviations
from w2s_probe.heads.losses import cross_entropy, get_loss
from w2s_probe.heads.newton import Solution, solve_cross_entropy

FOLDS = 5
TURNS = 100  # most turns of `confidence`


@dataclass(frozen=True, eq=False, kw_only=True)
class SoftmaxFit:
    """A fitted softmax head and how sure it is of being the minimum.

    Parameters
    ----------
    coef : array of shape (d, K)
        Weights on the features as given; the columns sum to 0.
    intercept : array of shape (K,)
        Intercepts.
    alpha : float
        Strength.
    objective : float
        Value of the objective, a sum over rows.
    gap : float
        A bound on how far the objective is above its minimum, by duality; for ``confidence`` with
        its decisions held, NaN for ``reverse_kl`` and ``gce``.
    gradient_norm : float
        Norm of the gradient.
    iterations : int
        Newton steps, L-BFGS steps (``reverse_kl``, ``gce``) or turns (``confidence``).
    converged : bool
        Whether the gap is below 1e-8 of the objective (``ce``); whether half the squared gradient
        is, where curvature is about 1 (``reverse_kl``, ``gce``); whether the decisions came to
        rest (``confidence``).
    loss : str
        What was minimized.
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
    """Return softmax heads for several strengths.

    Parameters
    ----------
    X : array of shape (n, d)
        Features.
    P : array of shape (n, K)
        Target rows: probabilities that sum to 1.
    alphas : array of shape (A,)
        Positive strengths.
    loss : {"ce", "reverse_kl", "gce", "confidence"}
        See `w2s_probe.heads.losses`; all but the first start from the ``ce`` head of their strength.
    exponent : float
        Of ``gce``.
    confidence : float
        Of ``confidence``.
    sample_weight : array of shape (n,), optional
        Non-negative weights.
    max_iter : int
        Most steps for each head.

    Returns
    -------
    list of SoftmaxFit
        In the order of `alphas`; look at ``converged``.

    Raises
    ------
    ShapeError
        If arrays do not fit together or targets are not probabilities.
    ConfigError
        If a strength is not above 0, or there is no such loss.
    """
    features, targets = as_matrix(X, "features"), check_targets(P)
    check_same_rows("targets", len(targets), "features", len(features))
    weights, strengths = check_weights(sample_weight, len(features)), _check_strengths(alphas)
    wanted = get_loss(loss, exponent=exponent, confidence=confidence)
    coordinates = eigen_coordinates(features, weights)
    first = np.zeros(len(strengths), dtype=np.intp)
    start = solve_cross_entropy(
        coordinates, targets[None], weights[None], which=first, alphas=strengths, max_iter=max_iter
    )
    fits = []
    for alpha, solution in zip(strengths.tolist(), start, strict=True):
        if loss == "ce":
            found, converged = solution, solution.converged
        elif loss == "confidence":
            found, converged = _take_turns(coordinates, targets, weights, alpha, solution, confidence, max_iter)
        else:
            found, converged = descend(
                coordinates, targets, weights, loss=wanted, alpha=alpha, start=solution, max_iter=max_iter
            )
        fits.append(_fit(coordinates, found, alpha, loss=loss, converged=converged))
    return fits


def softmax_paths(
    X: ArrayLike, Ps: Sequence[ArrayLike], *, alphas: ArrayLike, weights: Sequence[ArrayLike] | None = None
) -> list[list[SoftmaxFit]]:
    """Return cross-entropy heads for several sets of targets on the same features, all strengths at once.

    Seeds, teachers and folds differ in targets and weights only; their heads share every product
    with the features, which is several times faster than one after the other.

    Parameters
    ----------
    X : array of shape (n, d)
        Features.
    Ps : sequence of T arrays of shape (n, K)
        Target rows of each set.
    alphas : array of shape (A,)
        Positive strengths.
    weights : sequence of T arrays of shape (n,), optional
        Non-negative weights of the rows in each set; 0 leaves a row out.

    Returns
    -------
    list of T lists of A SoftmaxFit
        As from `softmax_path` for each set.
    """
    features, strengths = as_matrix(X, "features"), _check_strengths(alphas)
    targets = [check_targets(P) for P in Ps]
    for P in targets:
        check_same_rows("targets", len(P), "features", len(features))
    given = [check_weights(w, len(features)) for w in (weights if weights is not None else [None] * len(targets))]
    check_same_rows("weights", len(given), "sets of targets", len(targets))
    coordinates = eigen_coordinates(features, np.mean(given, axis=0))
    which = np.repeat(np.arange(len(targets)), len(strengths))
    solved = solve_cross_entropy(
        coordinates, np.stack(targets), np.stack(given), which=which, alphas=np.tile(strengths, len(targets))
    )
    fits = [
        _fit(coordinates, solution, alpha, loss="ce", converged=solution.converged)
        for solution, alpha in zip(solved, np.tile(strengths, len(targets)).tolist(), strict=True)
    ]
    return [fits[t * len(strengths) : (t + 1) * len(strengths)] for t in range(len(targets))]


def fit_softmax(
    X: ArrayLike,
    P: ArrayLike,
    *,
    rule: Literal["cv"] = "cv",
    alpha: float | None = None,
    points: int = 13,
    scale: Literal["none", "standard"] = "standard",
    loss: LossName = "ce",
    exponent: float = 0.2,
    confidence: float = 0.5,
    sample_weight: ArrayLike | None = None,
) -> LinearHead:
    """Return the softmax head whose strength has the smallest cross-validated cross-entropy.

    Parameters
    ----------
    X : array of shape (n, d)
        Features.
    P : array of shape (n, K)
        Target rows: probabilities that sum to 1.
    rule : {"cv"}
        Five-fold cross-validation on these targets, rows dealt by a fixed permutation; nothing else
        is read.
    alpha : float, optional
        A strength to use instead of choosing one.
    points : int
        Strengths tried, around the mean eigenvalue of the centered Gram as for ridge heads.
    scale : {"none", "standard"}
        ``"standard"`` divides each feature by its standard deviation on these rows.
    loss : {"ce", "reverse_kl", "gce", "confidence"}
        As in `softmax_path`; the strength is chosen for ``ce``.
    exponent : float
        Of ``gce``, as in `softmax_path`.
    confidence : float
        Of ``confidence``, as in `softmax_path`.
    sample_weight : array of shape (n,), optional
        Non-negative weights of the rows.
    """
    features, targets = as_matrix(X, "features"), check_targets(P)
    weights = check_weights(sample_weight, len(features))
    deviation = deviations(features, weights) if scale == "standard" else np.ones(features.shape[1])
    scaled = (features / deviation).astype(np.float64)
    at_edge = False
    if alpha is None:
        grid = _grid(scaled, weights, points)
        score = _cross_validated(scaled, targets, weights, grid)
        best = len(grid) - 1 - int(score[::-1].argmin())
        alpha, at_edge, rule_used = float(grid[best]), best in (0, len(grid) - 1), str(rule)
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
            f"{targets.min():.3g} to {targets.max():.3g} in shape {targets.shape}. Normalize them, or use a ridge head."
        )
        raise ShapeError(msg)
    return targets


def _check_strengths(alphas: ArrayLike) -> Float:
    strengths = np.atleast_1d(np.asarray(alphas, dtype=np.float64))
    if not np.isfinite(strengths).all() or (strengths <= 0).any():
        msg = f"alphas must be finite and above 0: got {strengths.tolist()}. Without a penalty there may be no minimum."
        raise ConfigError(msg)
    return strengths


def _grid(X: Float, weights: Float, points: int) -> Float:
    centered = X - np.average(X, axis=0, weights=weights)
    return float(weights @ (centered**2).mean(axis=1)) * np.logspace(-4, 4, points)


def _cross_validated(X: Float, P: Float, weights: Float, grid: Float) -> Float:
    """Return the weighted held-out cross-entropy of each strength, shape (A,)."""
    turn = np.random.default_rng(0).permutation(len(X)) % min(FOLDS, len(X))
    parts = range(turn.max() + 1)
    rest = [np.where(turn == fold, 0.0, weights) for fold in parts]
    total = np.zeros(len(grid))
    for fold, fits in zip(parts, softmax_paths(X, [P for _ in parts], alphas=grid, weights=rest), strict=True):
        held = turn == fold
        for index, fit in enumerate(fits):
            total[index] += weights[held] @ cross_entropy(X[held] @ fit.coef + fit.intercept, P[held])[0]
    return total


def _take_turns(
    coordinates: Coordinates,
    P: Float,
    weights: Float,
    alpha: float,
    solution: Solution,
    confidence: float,
    max_iter: int,
) -> tuple[Solution, bool]:
    """Return the head whose own decisions no longer change it, and whether they came to rest."""
    targets, turns = P, 0
    while turns < TURNS:
        F = coordinates.Z @ solution.W + solution.b
        logits = with_both_classes(F) if F.shape[1] == 1 else F
        decided = confidence_targets(logits, P, confidence=confidence, weights=weights)
        if np.array_equal(decided, targets):
            break
        targets = decided
        (solution,) = solve_cross_entropy(
            coordinates,
            targets[None],
            weights[None],
            which=np.zeros(1, dtype=np.intp),
            alphas=np.array([alpha]),
            start=(solution.W, solution.b),
            max_iter=max_iter,
        )
        turns += 1
    return replace(solution, iterations=turns), turns < TURNS and solution.converged


def _fit(coordinates: Coordinates, solution: Solution, alpha: float, *, loss: LossName, converged: bool) -> SoftmaxFit:
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
