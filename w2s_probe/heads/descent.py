"""L-BFGS for softmax heads whose loss is not convex in the logits, started at the cross-entropy head."""

from __future__ import annotations

from typing import Any

import numpy as np

from w2s_probe.core.types import Float
from w2s_probe.heads.coordinates import Coordinates, with_both_classes
from w2s_probe.heads.losses import Loss
from w2s_probe.heads.newton import TOLERANCE, Solution


def descend(
    coordinates: Coordinates, P: Float, weights: Float, *, loss: Loss, alpha: float, start: Solution, max_iter: int
) -> tuple[Solution, bool]:
    """Return a stationary head under `loss` that is no worse than `start`, and whether it converged.

    `P` holds target rows, shape (n, K), and `weights` has shape (n,). `start` is usually the cross-entropy
    head of the same strength. Each direction of the eigenbasis is scaled by the inverse root of its curvature
    under cross-entropy at uniform predictions, so that the number of steps does not depend on the spectrum. Without an
    intercept, `start` has intercepts of 0, and they stay 0.
    """
    from scipy.optimize import minimize

    Z, K = coordinates.Z, P.shape[1]
    curvature = (1 - 1 / K) / K
    scale = 1 / np.sqrt(curvature * coordinates.spectrum.eigenvalues + alpha)[:, None]
    scale_b = 1 / np.sqrt(curvature * weights.sum()) if coordinates.intercept else 0.0

    def unpack(theta: Float) -> tuple[Float, Float]:
        return scale * theta[: start.W.size].reshape(start.W.shape), scale_b * theta[start.W.size :]

    def value_and_gradient(theta: Float) -> tuple[float, Float]:
        W, b = unpack(theta)
        F = Z @ W + b
        value, slope = loss(with_both_classes(F) if K == 2 else F, P)
        slope = weights[:, None] * ((slope[:, 1:] - slope[:, :1]) / 2 if K == 2 else slope)
        total = float(weights @ value + 0.5 * alpha * (W**2).sum())
        return total, np.concatenate([(scale * (Z.T @ slope + alpha * W)).ravel(), scale_b * slope.sum(axis=0)])

    result: Any = minimize(
        value_and_gradient,
        np.concatenate([(start.W / scale).ravel(), start.b / (scale_b or 1.0)]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_iter, "maxfun": 2 * max_iter, "maxcor": 20, "ftol": 0.0, "gtol": 1e-7},
    )
    W, b = unpack(result.x)
    value, gradient = value_and_gradient(result.x)
    norm = float(np.linalg.norm(gradient))
    end = Solution(W=W, b=b, objective=value, gap=np.nan, gradient_norm=norm, iterations=int(result.nit))
    return end, 0.5 * norm**2 <= TOLERANCE * max(abs(value), 1.0)
