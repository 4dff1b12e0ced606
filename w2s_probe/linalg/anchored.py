r"""Ridge from the labels toward the head of the vanilla student, for every strength, and its exact leave-one-out.

Minimizes :math:`\sum_{i \in L} \lVert y_i - b - W^\top x_i \rVert^2 + \alpha \lVert W - W_0 \rVert_F^2` with a free
intercept :math:`b`; :math:`W_0` are the weights of the vanilla student. With its scores :math:`f^0` on the labeled
rows, :math:`W - W_0` is the ridge head of the residuals :math:`R = Y - f^0`, so that one eigendecomposition gives all
strengths. Strength 0 is the head with the smallest :math:`\lVert W - W_0 \rVert` among the best fits: least squares if
the rows determine it, else an exact fit that keeps :math:`W_0` outside the row space. A large strength keeps
:math:`W_0` and fits the intercept. Strength infinity fits nothing to the labels: it is the vanilla student itself.

Leave-one-out leaves row i out of the teacher too, else the anchor would look better than it is. The teacher without
row i is the teacher of the labels with :math:`y_i - c_i` in place of :math:`y_i`, where :math:`c_i` is its held-out
residual. The vanilla student is linear in the labels, :math:`f^0 = S Y`, so that its scores then are
:math:`f^0 - S_{\cdot i} c_i`. With the hat matrix H of the anchored head (intercept included), the head
without row i misses :math:`y_i` by

.. math::
    \frac{[(I - H) R]_i + [(I - H) S]_{ii}\, c_i}{1 - H_{ii}}
    \quad (\alpha < \infty), \qquad R_i + S_{ii}\, c_i \quad (\alpha = \infty).

All strengths stay: that of the teacher, of the vanilla student and of the anchored head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.arrays import as_matrix, check_same_rows
from w2s_probe.core.fit_options import RIDGE_POINTS
from w2s_probe.core.types import Features, Float
from w2s_probe.linalg.choice import Choice, choose_strength
from w2s_probe.linalg.loo import BOUND
from w2s_probe.linalg.ridge import RidgePath, ridge_path
from w2s_probe.linalg.strengths import largest_strength

ROUNDING = 1e-12  # a row's leverage outside intercept and axes that is below it is rounding


@dataclass(frozen=True, eq=False, kw_only=True)
class Anchored:
    """An anchored ridge head, and its held-out scores on the rows it was fitted to.

    Parameters
    ----------
    coef : array of shape (d, K)
        Weights.
    intercept : array of shape (K,)
        Intercepts.
    alpha : float
        Strength, from 0 to infinity.
    largest : float
        Largest finite strength of the widest grid.
    held_out : array of shape (n, K)
        Score of each row by the head whose teacher, vanilla student and anchored fit never saw the row's label.
    share : float
        Share of the directions of the rows that the labels decide, in [0, 1]: the mean of ``s / (s + alpha)`` over
        the eigenvalues s; 0 is the vanilla student, 1 the labels alone.
    """

    coef: Float
    intercept: Float
    alpha: float
    largest: float
    held_out: Float
    share: float


def anchored_ridge(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    coef: Float,
    intercept: Float,
    label_map: Float,
    teacher_residuals: Float,
    alpha: float | None = None,
    points: int = RIDGE_POINTS,
) -> Anchored:
    """Return the anchored head whose strength has the smallest leave-one-out score.

    Parameters
    ----------
    X : array of shape (n, d)
        Student features of the labeled rows.
    Y : array of shape (n, K)
        Their labels.
    coef : array of shape (d, K)
        Weights of the vanilla student.
    intercept : array of shape (K,)
        Its intercepts.
    label_map : array of shape (n, n)
        S: ``S @ Y`` are the vanilla student's scores ``X @ coef + intercept``.
    teacher_residuals : array of shape (n, K)
        Labels minus the teacher's held-out scores.
    alpha : float, optional
        Fixed strength, from 0 to infinity. By default the best of 0, of a grid that goes on while an end of it is best,
        and of infinity; ties go to the larger strength.
    points : int
        Strengths within four decades of the grid's center, see `linalg.strengths`.

    References
    ----------
    .. [1] Lee et al. (2023), arXiv 2305.18239 (a student that starts at the teacher's head, remapped).
    """
    features, targets = np.asarray(as_matrix(X, "features")), as_matrix(Y, "targets").astype(np.float64)
    check_same_rows("targets", len(targets), "features", len(features))
    residuals = targets - (features @ coef + intercept)
    path = ridge_path(features, residuals, points=points)
    left_out = _LeftOut(path, features, residuals, label_map, teacher_residuals)
    most = BOUND**2 * float(((targets - targets.mean(axis=0)) ** 2).sum(axis=1).max())

    def score(tried: RidgePath) -> Float:
        squares = [(left_out.at(strength) ** 2).sum(axis=1) for strength in tried.alphas]
        return np.array([np.minimum(row, most).mean() for row in squares])

    choice = _best(path, score) if alpha is None else _given(path, alpha)
    strength = float(choice.path.alphas[choice.index])
    W, b = choice.path.coefficients(choice.index)
    s = path.spectrum.eigenvalues
    return Anchored(
        coef=coef + W,
        intercept=intercept + (b if np.isfinite(strength) else 0.0),
        alpha=strength,
        largest=largest_strength(path.spectrum),
        held_out=targets - left_out.at(strength),
        share=float((s / (s + strength)).mean()),
    )


def _given(path: RidgePath, alpha: float) -> Choice:
    return Choice(path=replace(path, alphas=np.array([alpha]), grid=False), index=0, end="")


def _best(path: RidgePath, score: Callable[[RidgePath], Float]) -> Choice:
    """Return the best of strength 0, of the grid and of infinity."""
    finite = choose_strength(path, score)
    three = np.array([0.0, finite.path.alphas[finite.index], np.inf])
    return choose_strength(replace(path, alphas=three, grid=False), score)


class _LeftOut:
    """Leave-one-out residuals at any strength; nothing cancels, as in `linalg.loo`.

    Each label acts twice: through its own residual (`loadings`, `outside`), and through the vanilla student of the
    teacher that it was left out of (`own`, `own_outside`). A row that every head fits exactly at strength 0 has nothing
    outside intercept and axes. There the factor alpha drops out of the ratio, so that the limit of strength 0 is exact;
    for n < d this is every row.
    """

    def __init__(self, path: RidgePath, X: Features, R: Float, S: Float, c: Float) -> None:
        U = path.spectrum.coordinates(X)
        mapped = U.T @ S
        self.s, self.loadings = path.spectrum.eigenvalues, path.loadings
        self.U, self.squares, self.own = U, U**2, U * mapped.T
        self.c, self.unfitted = c, R + np.diag(S)[:, None] * c
        left = 1 - 1 / len(X) - self.squares.sum(axis=1)
        self.inside = (left < ROUNDING) | (path.spectrum.residual_rank == 0)
        self.leverage_outside = np.where(self.inside, 0.0, left)
        self.outside = np.where(self.inside[:, None], 0.0, R - path.target_mean - U @ path.loadings)
        self.own_outside = np.where(self.inside, 0.0, np.diag(S) - S.mean(axis=0) - self.own.sum(axis=1))

    def at(self, alpha: float) -> Float:
        """Return labels minus held-out scores at one strength, shape (n, K)."""
        if np.isinf(alpha):
            return self.unfitted
        g, factor = 1.0 / (self.s + alpha), np.where(self.inside, 1.0, alpha)
        residual = factor[:, None] * (self.U @ (g[:, None] * self.loadings)) + self.outside
        own = factor * (self.own @ g) + self.own_outside
        leverage_left = factor * (self.squares @ g) + self.leverage_outside
        return np.asarray((residual + own[:, None] * self.c) / leverage_left[:, None])
