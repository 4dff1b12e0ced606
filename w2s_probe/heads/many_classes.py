r"""Newton's method for cross-entropy heads with many classes, one head at a time.

With more than `MANY_CLASSES` classes, the columns of one head fill a matrix product: nothing is gained by fitting
several heads together, as `newton` does. Objective, conjugate gradients, duality gap and stopping rule are those of
`newton`. Rows are processed in blocks whose logits stay in the processor's cache, and rows of weight 0 are left out.
Stored are only the probabilities of one head, in float32 until float32 stops helping.

The first head starts at the shares of the classes, the minimum for an infinite penalty. A class without rows has its
minimum at an intercept of minus infinity; its share is taken as `ABSENT`, at which the duality gap is small enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.types import Float, Rows
from w2s_probe.heads.coordinates import Coordinates
from w2s_probe.heads.newton import AIM, CG_STEPS, LITTLE, SLOW, TINY, TOLERANCE, Solution

BLOCK = 131_072  # logits of one block of rows: 1 MB
HALVINGS = 40
ABSENT = 1e-18  # share of a class without rows


def solve_many_classes(
    coordinates: Coordinates,
    P: Float,
    weights: Float,
    *,
    which: Rows,
    alphas: Float,
    start: tuple[Float, Float] | None = None,
    max_iter: int = 100,
    aim: float = AIM,
    on_fit: Callable[[int, int], None] | None = None,
) -> list[Solution]:
    """Return the heads of J problems with more than two classes, as `newton.solve_cross_entropy` does.

    A fit ends when its duality gap is at most `aim`, relative to the objective. `on_fit` is called with the number of
    fitted heads and J.
    """
    solved: dict[int, Solution] = {}
    for t in np.unique(which).tolist():
        rows = _WeightedRows(coordinates.Z, P[t], weights[t])
        W = rows.without_features() if start is None else np.vstack(start)
        own = np.flatnonzero(which == t)
        for index in own[np.argsort(-alphas[own], kind="stable")].tolist():
            head = _Head(rows, coordinates.spectrum.eigenvalues, float(alphas[index]), W)
            solved[index] = head.minimize(max_iter, aim)
            W = head.W
            if on_fit:
                on_fit(len(solved), len(alphas))
    return [solved[index] for index in range(len(alphas))]


class _WeightedRows:
    """Rows of weight above 0, with a column of ones for the intercept, and their probabilities under one head."""

    def __init__(self, Z: Float, P: Float, w: Float) -> None:
        used = slice(None) if (w > 0).all() else np.flatnonzero(w > 0)
        self.Z = np.hstack([Z[used], np.ones((len(w[used]), 1))])
        self.P, self.w = P[used], w[used]
        size = max(1, BLOCK // P.shape[1])
        self.blocks = [slice(first, first + size) for first in range(0, len(self.w), size)]
        self.use(np.float32)

    def without_features(self) -> Float:
        """Return the weights (r + 1, K) at which every prediction is the share of its class."""
        shares = self.w @ self.P / self.w.sum()
        W = np.zeros((self.Z.shape[1], len(shares)))
        W[-1] = np.log(np.maximum(shares, ABSENT))
        W[-1] -= W[-1][shares > 0].mean()
        return W

    def use(self, dtype: type[np.floating[Any]]) -> None:
        """Compute products with the curvature in this dtype; probabilities must be evaluated again."""
        self.features: NDArray[Any] = self.Z.astype(dtype)
        self.weighted: NDArray[Any] = (self.w[:, None] * self.Z).astype(dtype)
        self.Q: NDArray[Any] = np.empty(self.P.shape, dtype=dtype)

    def evaluate(self, W: Float) -> tuple[float, Float, Float]:
        """Return weighted cross-entropy, its gradient (r + 1, K) and the curvature of each class, (K,); store Q."""
        value, gradient, curvature = 0.0, np.zeros_like(W), np.zeros(W.shape[1])
        for block in self.blocks:
            Z, P, w = self.Z[block], self.P[block], self.w[block]
            F = Z @ W
            top = F.max(axis=1, keepdims=True)
            fitted = np.einsum("nk,nk->n", P, F)
            F -= top
            np.exp(F, out=F)
            total = F.sum(axis=1, keepdims=True)
            value += float(w @ (np.log(total[:, 0]) + top[:, 0] - fitted))
            F /= total
            self.Q[block] = F
            curvature += w @ F - w @ F**2
            F -= P
            F *= w[:, None]
            gradient += Z.T @ F
        return value, gradient, np.maximum(curvature, TINY)

    def curved(self, p: Float) -> Float:
        """Return the product of the loss's Hessian at Q with a direction of shape (r + 1, K)."""
        along, Hp = p.astype(self.Q.dtype), np.zeros(p.shape, dtype=self.Q.dtype)
        for block in self.blocks:
            Q = self.Q[block]
            change = self.features[block] @ along
            change -= np.einsum("nk,nk->n", Q, change)[:, None]
            change *= Q
            Hp += self.weighted[block].T @ change
        return Hp.astype(np.float64)


class _Head:
    """One head on its way to the minimum: weights W (r + 1, K) with the intercepts in the last row."""

    def __init__(self, rows: _WeightedRows, eigenvalues: Float, alpha: float, W: Float) -> None:
        self.rows, self.s, self.alpha = rows, eigenvalues, alpha
        self.penalized = np.append(np.full(len(eigenvalues), alpha), 0.0)[:, None]
        self.move_to(W)

    def move_to(self, W: Float) -> None:
        """Evaluate objective, gradient, duality gap and preconditioner at these weights."""
        self.W = W
        loss, gradient, by_class = self.rows.evaluate(W)
        self.value = loss + 0.5 * self.alpha * float((W[:-1] ** 2).sum())
        self.gradient = gradient + self.penalized * W
        intercepts = float((self.gradient[-1] ** 2 / by_class).sum())
        self.gap = float((self.gradient[:-1] ** 2).sum()) / (2 * self.alpha) + 2 * intercepts
        mean = by_class.mean()
        self.inverse = 1 / np.append(mean / self.rows.w.sum() * self.s + self.alpha, mean)[:, None]

    def minimize(self, max_iter: int, aim: float) -> Solution:
        """Take Newton steps until the gap is at most `aim` of the objective, at most `max_iter`."""
        gap, value, step = np.inf, np.inf, 0
        for step in range(max_iter + 1):
            slow = self.gap > SLOW * gap
            relative = self.gap / max(self.value, 1.0)
            if relative <= aim or (slow and relative <= TOLERANCE) or step == max_iter:
                break
            if slow and self.value > (1 - LITTLE) * value and self.rows.Q.dtype == np.float32:
                self.rows.use(np.float64)
                self.move_to(self.W)
            gap, value = self.gap, self.value
            self.advance(self.direction())
        return Solution(
            W=self.W[:-1],
            b=self.W[-1],
            objective=self.value,
            gap=self.gap,
            gradient_norm=float(np.linalg.norm(self.gradient)),
            iterations=step,
        )

    def advance(self, direction: Float) -> None:
        """Move along a direction, the step halved until it lowers the objective."""
        before, W, length = self.value, self.W, 1.0
        slope = float((self.gradient * direction).sum())
        for _ in range(HALVINGS):
            self.move_to(W + length * direction)
            if self.value <= before + 1e-4 * length * slope + 1e-13 * abs(before):
                break
            length /= 2

    def direction(self) -> Float:
        """Return an approximate Newton direction, by preconditioned conjugate gradients."""
        tolerance = min(0.1, np.sqrt(self.gap / max(self.value, 1.0)))
        direction, r = np.zeros_like(self.W), -self.gradient
        p = y = self.inverse * r
        now = float((r * y).sum())
        enough = tolerance**2 * now
        for _ in range(CG_STEPS):
            Hp = self.rows.curved(p) + self.penalized * p
            bend = float((p * Hp).sum())
            if bend <= 0 or now <= 0:
                break
            direction += now / bend * p
            r -= now / bend * Hp
            y = self.inverse * r
            before, now = now, float((r * y).sum())
            if now <= enough:
                break
            p = y + now / before * p
        return direction
