r"""Newton's method in lock-step for many cross-entropy heads on the same features.

Problem j minimizes :math:`\sum_i w_{ij}\,\mathrm{CE}(p_{ij}, W_j^\top z_i + b_j)
+ \frac{\alpha_j}{2}\lVert W_j\rVert_F^2`. Strengths, seeds and folds differ only in targets, weights and
:math:`\alpha`, so that all problems share every product with the features.

Each Newton step is solved by conjugate gradients, preconditioned by
:math:`(c_j s_r + \alpha_j)^{-1}` in the eigenbasis of the Gram (c: mean curvature of problem j).
Products with the curvature are float32 until float32 stops helping. Gradients, line search and stopping are
float64: the precision of the products changes the number of steps, not the result.

A problem is finished when its duality gap is small. At predictions Q with residual
:math:`R = w(Q - P)` the gap of centered features is
:math:`\lVert Z^\top R + \alpha W\rVert_F^2 / 2\alpha + |\textstyle\sum_i R_i \cdot (b - b^*)|`: an upper
bound on the objective minus its minimum, at any conditioning. The distance :math:`b - b^*` of the intercept
is taken as twice its own Newton step. Without an intercept (`Coordinates.intercept`) this term is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.types import Float, Rows
from w2s_probe.heads.coordinates import Coordinates, free_columns

TOLERANCE = 1e-8  # largest duality gap of a converged problem, relative to its objective
AIM = 1e-13  # target of the gap, one or two steps further: predictions then agree to six digits on any machine
ENTRIES = 2_000_000  # largest array of logits in one product: more would fill the memory
COLUMNS = 160  # most columns of one product: more are not faster
CG_STEPS = 100
TINY = 1e-12  # curvature of a class without rows
FARTHEST = (
    30.0  # longest step of an intercept, in log-odds: that of a class without rows has no minimum, and would overflow
)
# float32 ends after a step that leaves more than SLOW of the gap and lowers the objective by less than LITTLE of it
SLOW, LITTLE = 0.5, 0.01


@dataclass(frozen=True, eq=False, kw_only=True)
class Solution:
    """The minimum of one problem in eigencoordinates, with its duality gap.

    Parameters
    ----------
    W : array of shape (r, f)
        Weights; f = 1 for two classes (log-odds of the second class), else K.
    b : array of shape (f,)
        Intercepts.
    objective, gap, gradient_norm : float
        Value, bound on its distance to the minimum, norm of the gradient.
    iterations : int
        Newton steps.
    """

    W: Float
    b: Float
    objective: float
    gap: float
    gradient_norm: float
    iterations: int

    @property
    def converged(self) -> bool:
        """Whether the gap is below `TOLERANCE` of the objective."""
        return bool(self.gap <= TOLERANCE * max(abs(self.objective), 1.0))


def solve_cross_entropy(
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
    """Return the heads of J problems; the solution of a stronger penalty starts the next weaker one.

    The problems share the features. Problem j is fitted to set ``which[j]`` of the T sets of target rows P,
    shape (T, n, K), and row weights, shape (T, n); a weight of 0 leaves a row out. Its strength is ``alphas[j]``,
    above 0. `start`, W (r, f) and b (f,), starts the strongest penalty; zero by default. `max_iter` limits the
    Newton steps of each problem. A fit ends when its duality gap is at most `aim`, relative to the objective. `on_fit`
    is called with the number of fitted heads and J.
    """
    f = free_columns(P.shape[2])
    size = max(1, min(COLUMNS, ENTRIES // P.shape[1]) // f)
    order = np.argsort(-alphas, kind="stable")
    solved: dict[int, Solution] = {}
    previous: dict[int, Solution] = {}  # last solution of each set
    for first in range(0, len(order), size):
        chunk = order[first : first + size]
        lockstep = _Lockstep(coordinates, P, weights, which[chunk], alphas[chunk])
        for column, index in enumerate(chunk):
            stronger = previous.get(int(which[index]))
            if stronger is not None:
                lockstep.place(column, stronger.W, stronger.b)
            elif start is not None:
                lockstep.place(column, *start)
        for index, solution in zip(chunk, lockstep.run(max_iter, aim), strict=True):
            solved[int(index)] = previous[int(which[index])] = solution
        if on_fit:
            on_fit(len(solved), len(alphas))
    return [solved[index] for index in range(len(alphas))]


class _Lockstep:
    """State of J problems: weights W (r, J, f), intercepts b (J, f), logits F (n, J, f)."""

    def __init__(self, coordinates: Coordinates, P: Float, weights: Float, which: Rows, alphas: Float) -> None:
        self.Z, self.s = coordinates.Z, coordinates.spectrum.eigenvalues
        self.intercept = float(coordinates.intercept)
        self.P = np.ascontiguousarray(
            np.moveaxis(P[which], 0, 1)[:, :, -1:] if P.shape[2] == 2 else P[which].swapaxes(0, 1)
        )
        self.w = np.ascontiguousarray(weights[which].T)
        self.alphas = alphas
        n, J, f = self.P.shape
        self.W, self.b, self.F = np.zeros((self.Z.shape[1], J, f)), np.zeros((J, f)), np.zeros((n, J, f))

    def place(self, column: int, W: Float, b: Float) -> None:
        """Start a problem at the head W (r, f), b (f,)."""
        self.W[:, column], self.b[column] = W, b
        self.F[:, column] = self.Z @ W + b

    def run(self, max_iter: int, aim: float) -> list[Solution]:
        """Take Newton steps until every gap is small, at most `max_iter`; return the solutions."""
        J = len(self.alphas)
        gaps, norms, steps = np.full(J, np.inf), np.zeros(J), np.zeros(J, dtype=int)
        values = self._values(np.arange(J), self.F) + self._penalties(np.arange(J))
        before = np.full(J, np.inf)
        active = np.arange(J)
        Z: NDArray[Any] = self.Z.astype(np.float32)
        for step in range(max_iter + 1):
            local = _Local(self, active)
            slow = local.gaps > SLOW * gaps[active]
            stuck = slow & (values[active] > (1 - LITTLE) * before[active])
            gaps[active], norms[active], steps[active] = local.gaps, local.norms, step
            relative = local.gaps / np.maximum(values[active], 1.0)
            unfinished = (relative > aim) & ~(slow & (relative <= TOLERANCE))
            if not unfinished.any() or step == max_iter:
                break
            if (stuck & unfinished).any():
                Z = self.Z
            active = active[unfinished]
            local.keep(unfinished)
            before[active] = values[active]
            x, xb = local.newton_direction(Z, values[active])
            values[active] = self._advance(active, x, xb, local.slope(x, xb), values[active])
        return [
            Solution(
                W=self.W[:, j],
                b=self.b[j],
                objective=float(values[j]),
                gap=float(gaps[j]),
                gradient_norm=float(norms[j]),
                iterations=int(steps[j]),
            )
            for j in range(J)
        ]

    def _advance(self, active: Rows, x: Float, xb: Float, slope: Float, values: Float) -> Float:
        """Move along the direction, each step halved until it lowers its objective; return the new objectives."""
        n, J, f = len(self.Z), len(active), self.P.shape[2]
        change = (self.Z @ x.reshape(len(x), -1)).reshape(n, J, f) + xb
        cross, square = (self.W[:, active] * x).sum(axis=(0, 2)), (x**2).sum(axis=(0, 2))
        penalties, length = self._penalties(active), np.ones(J)
        F = _columns(self.F, active)
        for _ in range(40):
            moved = F + length[:, None] * change
            new_values = self._values(active, moved) + penalties
            new_values += self.alphas[active] * (length * cross + 0.5 * length**2 * square)
            too_far = new_values > values + 1e-4 * length * slope + 1e-13 * np.abs(values)
            if not too_far.any():
                break
            length = np.where(too_far, length / 2, length)
        self.W[:, active] += length[:, None] * x
        self.b[active] += length[:, None] * xb
        self.F[:, active] = moved
        return new_values

    def _values(self, active: Rows, F: Float) -> Float:
        """Return each problem's weighted cross-entropy at logits F, shape (J,)."""
        P, w = _columns(self.P, active), _columns(self.w, active)
        if F.shape[2] == 1:
            rows = np.logaddexp(0.0, F[:, :, 0]) - (P * F)[:, :, 0]
        else:
            top = F.max(axis=2, keepdims=True)
            rows = np.log(np.exp(F - top).sum(axis=2)) + top[:, :, 0] - np.einsum("njk,njk->nj", P, F)
        return np.einsum("nj,nj->j", w, rows)

    def _penalties(self, active: Rows) -> Float:
        return 0.5 * self.alphas[active] * (self.W[:, active] ** 2).sum(axis=(0, 2))


class _Local:
    """Gradient and curvature of the active problems at their current weights."""

    def __init__(self, state: _Lockstep, active: Rows) -> None:
        self.alphas = state.alphas[active]
        self.w = _columns(state.w, active)[:, :, None]
        self.Q = _probabilities(_columns(state.F, active))
        n, J, f = self.Q.shape
        residual = self.w * (self.Q - _columns(state.P, active))
        self.g = (state.Z.T @ residual.reshape(n, -1)).reshape(-1, J, f) + self.alphas[:, None] * state.W[:, active]
        self.gb = state.intercept * residual.sum(axis=0)  # without an intercept, it stays 0
        by_class = np.maximum((self.w * self.Q * (1 - self.Q)).sum(axis=0), TINY)
        self.gaps = (self.g**2).sum(axis=(0, 2)) / (2 * self.alphas) + 2 * (self.gb**2 / by_class).sum(axis=1)
        self.norms = np.sqrt((self.g**2).sum(axis=(0, 2)) + (self.gb**2).sum(axis=1))
        mass = self.w[:, :, 0].sum(axis=0)
        mean_curvature = by_class.mean(axis=1) / mass
        self.inverse = (1 / (mean_curvature * state.s[:, None] + self.alphas))[:, :, None]
        self.inverse_b = (state.intercept / (mean_curvature * mass))[:, None]

    def keep(self, going: NDArray[np.bool_]) -> None:
        """Drop the other problems; `going` is a mask of shape (J,)."""
        if not going.all():
            self.alphas, self.gaps, self.gb, self.inverse_b = (
                array[going] for array in (self.alphas, self.gaps, self.gb, self.inverse_b)
            )
            self.w, self.Q, self.g, self.inverse = (
                _columns(array, going) for array in (self.w, self.Q, self.g, self.inverse)
            )

    def slope(self, x: Float, xb: Float) -> Float:
        """Return the derivative of each objective along a direction, shape (J,)."""
        return _dot(self.g, x, self.gb, xb)

    def newton_direction(self, Z: NDArray[Any], values: Float) -> tuple[Float, Float]:
        """Return an approximate Newton direction of each problem, by preconditioned conjugate gradients.

        A problem leaves the products with the features as soon as its direction is exact enough. `Z` may have
        less precision than the gradient.
        """
        direction, direction_b = np.zeros_like(self.g), np.zeros_like(self.gb)
        # tolerance falls with the gap: Newton's last steps then converge quadratically
        tolerance = np.minimum(0.1, np.sqrt(self.gaps / np.maximum(values, 1.0)))
        unsolved = np.arange(len(self.alphas))
        r, rb = -self.g, -self.gb
        y, yb = self.inverse * r, self.inverse_b * rb
        p, pb, now = y, yb, _dot(r, y, rb, yb)
        enough = tolerance**2 * now
        Q, w = self.Q.astype(Z.dtype), self.w.astype(Z.dtype)
        for _ in range(CG_STEPS):
            Hp, Hpb = _curvature(Z, Q, w, p, pb)
            Hp += self.alphas[unsolved, None] * p
            bend = _dot(p, Hp, pb, Hpb)
            length = np.divide(now, bend, out=np.zeros_like(now), where=bend > 0)[:, None]
            direction[:, unsolved] += length * p
            direction_b[unsolved] += length * pb
            r, rb = r - length * Hp, rb - length * Hpb
            y, yb = self.inverse[:, unsolved] * r, self.inverse_b[unsolved] * rb
            after = _dot(r, y, rb, yb)
            turn = np.divide(after, now, out=np.zeros_like(now), where=now > 0)[:, None]
            p, pb, now = y + turn * p, yb + turn * pb, after
            going = (now > enough[unsolved]) & (bend > 0) & (np.abs(direction_b[unsolved]).max(axis=1) < FARTHEST)
            if not going.any():
                break
            if not going.all():
                unsolved, now = unsolved[going], now[going]
                rb, pb = rb[going], pb[going]
                r, p, Q, w = (_columns(array, going) for array in (r, p, Q, w))
        shorter = np.minimum(1.0, FARTHEST / np.maximum(np.abs(direction_b).max(axis=1), TINY))[:, None]
        return shorter * direction, shorter * direction_b


def _curvature(Z: NDArray[Any], Q: NDArray[Any], w: NDArray[Any], p: Float, pb: Float) -> tuple[Float, Float]:
    """Return the product of each loss's Hessian with a direction, computed over the rows in the dtype of `Z`."""
    n, J, f = Q.shape
    along = (Z @ p.reshape(len(p), -1).astype(Z.dtype, copy=False)).reshape(n, J, f)
    along += pb.astype(Z.dtype, copy=False)
    if f == 1:
        along *= Q * (1 - Q)
    else:
        along -= np.einsum("njk,njk->nj", Q, along)[:, :, None]
        along *= Q
    along *= w
    Hp = (Z.T @ along.reshape(n, -1)).reshape(p.shape).astype(np.float64, copy=False)
    return Hp, along.sum(axis=0, dtype=np.float64)


def _probabilities(F: Float) -> Float:
    """Return softmax over the last axis; for one column of log-odds, the probability of the second class."""
    if F.shape[2] == 1:
        return 1 / (1 + np.exp(-np.clip(F, -700, 700)))
    E = np.exp(F - F.max(axis=2, keepdims=True))
    return E / E.sum(axis=2, keepdims=True)


def _columns(array: NDArray[Any], chosen: NDArray[Any]) -> NDArray[Any]:
    """Return ``array[:, chosen]`` in the memory order of the array (plain indexing would change it)."""
    return np.compress(chosen, array, axis=1) if chosen.dtype == bool else np.take(array, chosen, axis=1)


def _dot(x: Float, y: Float, xb: Float, yb: Float) -> Float:
    return np.einsum("rjk,rjk->j", x, y) + np.einsum("jk,jk->j", xb, yb)
