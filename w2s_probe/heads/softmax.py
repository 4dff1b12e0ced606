r"""Softmax heads on soft targets: one eigendecomposition, then a few well-conditioned steps.

Minimizes :math:`\sum_i w_i\,\ell(W^\top x_i + b,\, p_i) + \frac{\alpha}{2}\lVert W\rVert_F^2`
with target rows :math:`p_i` and an unpenalized intercept; :math:`\alpha = 1/C` of scikit-learn's
`LogisticRegression`, whose two-class parametrization (one vector of log-odds) is used too.

L-BFGS runs in the eigenbasis of the centered Gram, each direction scaled by
:math:`(c\,s_j + \alpha)^{-1/2}`, the inverse root of its curvature at uniform predictions; this is
what makes the number of steps independent of the spectrum of the features.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from w2s_probe.errors import ConfigError, ShapeError
from w2s_probe.heads.linear import LinearHead, deviations
from w2s_probe.heads.losses import Loss, LossName, cross_entropy, get_loss
from w2s_probe.linalg.spectra import Spectrum, centered_spectrum
from w2s_probe.validation import as_matrix, check_same_rows, check_weights

__all__ = ["SoftmaxFit", "check_targets", "fit_softmax", "softmax_path"]

Float = NDArray[np.float64]
TOLERANCE = 1e-8  # of the duality gap, relative to the objective


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
        For ``ce``, a certified bound on how far the objective is above its minimum, by duality;
        NaN for the other losses.
    gradient_norm : float
        Norm of the gradient in the scaled coordinates, where the curvature is about 1.
    iterations : int
        L-BFGS iterations.
    converged : bool
        Whether the gap (or, without one, half the squared gradient) is below 1e-8 of the objective.
    """

    coef: Float
    intercept: Float
    alpha: float
    objective: float
    gap: float
    gradient_norm: float
    iterations: int
    converged: bool
    loss: str = field(default="ce")


@dataclass(frozen=True, eq=False, kw_only=True)
class _Problem:
    """The data in eigencoordinates; K = 2 has one free column of log-odds, K > 2 has K."""

    spectrum: Spectrum
    Z: Float
    P: Float
    weights: Float
    loss: Loss

    @property
    def free(self) -> int:
        return 1 if self.P.shape[1] == 2 else self.P.shape[1]

    def logits(self, W: Float, b: Float) -> Float:
        f = self.Z @ W + b
        return np.hstack([-f / 2, f / 2]) if self.free == 1 else f

    def scales(self, alpha: float) -> tuple[Float, float]:
        K = self.P.shape[1]
        curvature = (1 - 1 / K) / K
        return (
            1 / np.sqrt(curvature * self.spectrum.eigenvalues + alpha),
            1 / np.sqrt(curvature * self.weights.sum()),
        )

    def objective(self, W: Float, b: Float, alpha: float) -> tuple[float, Float, Float]:
        """Return value and gradients in W (r, free) and b (free,)."""
        value, G = self.loss(self.logits(W, b), self.P)
        G = self.weights[:, None] * G
        slope = (G[:, 1:] - G[:, :1]) / 2 if self.free == 1 else G
        total = float(self.weights @ value + 0.5 * alpha * (W**2).sum())
        return total, self.Z.T @ slope + alpha * W, slope.sum(axis=0)


def softmax_path(
    X: ArrayLike,
    P: ArrayLike,
    *,
    alphas: ArrayLike,
    loss: LossName = "ce",
    exponent: float = 0.2,
    sample_weight: ArrayLike | None = None,
    max_iter: int = 1000,
) -> list[SoftmaxFit]:
    """Return softmax heads for several strengths, each started from the next stronger one.

    Parameters
    ----------
    X : array of shape (n, d)
        Features.
    P : array of shape (n, K)
        Target rows: probabilities that sum to 1.
    alphas : array of shape (A,)
        Positive strengths.
    loss : {"ce", "reverse_kl", "gce"}
        See `w2s_probe.heads.losses`; the last two start from the ``ce`` head of their strength.
    exponent : float
        Of ``gce``.
    sample_weight : array of shape (n,), optional
        Non-negative weights.
    max_iter : int
        Most L-BFGS iterations for each head.

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
    weights = check_weights(sample_weight, len(features))
    spectrum, _ = centered_spectrum(features, np.zeros((len(features), 1)), weights)
    if not len(spectrum.eigenvalues):
        msg = f"features must differ between rows: all {len(features)} rows are equal. Check how they were made."
        raise ShapeError(msg)
    Z = (features - spectrum.mean) @ spectrum.axes
    convex = _Problem(spectrum=spectrum, Z=Z, P=targets, weights=weights, loss=get_loss("ce"))
    wanted = _Problem(spectrum=spectrum, Z=Z, P=targets, weights=weights, loss=get_loss(loss, exponent=exponent))
    strengths = np.atleast_1d(np.asarray(alphas, dtype=np.float64))
    if not np.isfinite(strengths).all() or (strengths <= 0).any():
        msg = f"alphas must be finite and above 0: got {strengths.tolist()}. Without a penalty there may be no minimum."
        raise ConfigError(msg)
    W, b = np.zeros((Z.shape[1], convex.free)), np.zeros(convex.free)
    fits: dict[int, SoftmaxFit] = {}
    for index in np.argsort(-strengths):
        alpha = float(strengths[index])
        W, b, fits[int(index)] = _solve(convex, W, b, alpha, max_iter, certified=True)
        if loss != "ce":
            _, _, fits[int(index)] = _solve(wanted, W, b, alpha, max_iter, certified=False, name=loss)
    return [fits[index] for index in range(len(strengths))]


def fit_softmax(
    X: ArrayLike,
    P: ArrayLike,
    *,
    rule: Literal["cv"] = "cv",
    alpha: float | None = None,
    points: int = 13,
    folds: int = 5,
    scale: Literal["none", "standard"] = "standard",
    loss: LossName = "ce",
    exponent: float = 0.2,
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
        Cross-validation on these targets; nothing else is read.
    alpha : float, optional
        A strength to use instead of choosing one.
    points : int
        Strengths tried, around the mean eigenvalue of the centered Gram as for ridge heads.
    folds : int
        Folds of the cross-validation; rows are dealt by a fixed permutation.
    scale : {"none", "standard"}
        ``"standard"`` divides each feature by its standard deviation on these rows.
    loss : {"ce", "reverse_kl", "gce"}
        As in `softmax_path`; the strength is chosen for ``ce``.
    exponent : float
        Of ``gce``, as in `softmax_path`.
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
        score = _cross_validated(scaled, targets, weights, grid, folds)
        best = len(grid) - 1 - int(score[::-1].argmin())
        alpha, at_edge, rule_used = float(grid[best]), best in (0, len(grid) - 1), str(rule)
    else:
        rule_used = "given"
    (fit,) = softmax_path(scaled, targets, alphas=[alpha], loss=loss, exponent=exponent, sample_weight=weights)
    return LinearHead(
        kind="softmax",
        coef=fit.coef / deviation[:, None],
        intercept=fit.intercept,
        alpha=alpha,
        rule=rule_used,
        at_edge=at_edge,
        converged=fit.converged,
    )


def _grid(X: Float, weights: Float, points: int) -> Float:
    centered = X - np.average(X, axis=0, weights=weights)
    return float(weights @ (centered**2).mean(axis=1)) * np.logspace(-4, 4, points)


def _cross_validated(X: Float, P: Float, weights: Float, grid: Float, folds: int) -> Float:
    """Return the weighted held-out cross-entropy of each strength, shape (A,)."""
    turn = np.random.default_rng(0).permutation(len(X)) % min(folds, len(X))
    total = np.zeros(len(grid))
    for fold in range(turn.max() + 1):
        held, rest = turn == fold, turn != fold
        for index, fit in enumerate(softmax_path(X[rest], P[rest], alphas=grid, sample_weight=weights[rest])):
            total[index] += weights[held] @ cross_entropy(X[held] @ fit.coef + fit.intercept, P[held])[0]
    return total


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


def _solve(
    problem: _Problem, W: Float, b: Float, alpha: float, max_iter: int, *, certified: bool, name: str = "ce"
) -> tuple[Float, Float, SoftmaxFit]:
    scale, scale_b = problem.scales(alpha)
    shape = W.shape

    def unpack(theta: Float) -> tuple[Float, Float]:
        return scale[:, None] * theta[: W.size].reshape(shape), scale_b * theta[W.size :]

    def value_and_gradient(theta: Float) -> tuple[float, Float]:
        value, slope_W, slope_b = problem.objective(*unpack(theta), alpha)
        return value, np.concatenate([(scale[:, None] * slope_W).ravel(), scale_b * slope_b])

    start = np.concatenate([(W / scale[:, None]).ravel(), b / scale_b])
    found: Any = minimize(
        value_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_iter, "maxfun": 2 * max_iter, "maxcor": 20, "ftol": 0.0, "gtol": 1e-7},
    )
    W, b = unpack(found.x)
    value, gradient = value_and_gradient(found.x)
    norm = float(np.linalg.norm(gradient))
    gap = _duality_gap(problem, W, b, alpha, value) if certified else np.nan
    error = gap if certified else 0.5 * norm**2
    coef = problem.spectrum.axes @ W
    intercept = b - problem.spectrum.mean @ coef
    if problem.free == 1:
        coef, intercept = np.hstack([-coef / 2, coef / 2]), np.concatenate([-intercept / 2, intercept / 2])
    return (
        W,
        b,
        SoftmaxFit(
            coef=coef,
            intercept=intercept,
            alpha=alpha,
            objective=value,
            gap=gap,
            gradient_norm=norm,
            iterations=int(found.nit),
            converged=bool(error <= TOLERANCE * max(abs(value), 1.0)),
            loss=name,
        ),
    )


def _duality_gap(problem: _Problem, W: Float, b: Float, alpha: float, value: float) -> float:
    r"""Return primal minus dual at the predictions Q of these weights.

    The dual is :math:`\sum_i w_i H(q_i) - \lVert \tilde X^\top w (Q - P)\rVert_F^2 / (2\alpha)` over Q
    whose weighted mean is that of P; what Q misses of that mean is charged at the price b.
    """
    F = problem.logits(W, b)
    log_q = log_softmax(F, axis=1)
    Q = softmax(F, axis=1)
    residual = problem.weights[:, None] * (Q - problem.P)
    if problem.free == 1:
        residual = residual[:, 1:]
    entropy = -float(problem.weights @ (Q * log_q).sum(axis=1))
    dual = entropy - float(((problem.Z.T @ residual) ** 2).sum()) / (2 * alpha)
    return value - dual + abs(float(residual.sum(axis=0) @ b))
