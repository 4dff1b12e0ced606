r"""Exact leave-one-out residuals of a ridge head, along the whole path.

With orthonormal coordinates :math:`U` of the weighted, centered rows and
:math:`g_j = \alpha/(s_j + \alpha)`,

.. math::
    e_i = n_i + \sum_j U_{ij} g_j p_j, \qquad
    1 - h_{ii} = \nu_i + \sum_j U_{ij}^2 g_j,

where :math:`p = U^\top \sqrt{w}\,\tilde y`, and :math:`n_i`, :math:`\nu_i` are the residual and the
leverage of a row outside intercept and axes. The leave-one-out residual is :math:`e_i / (1 - h_{ii})`.
In this form nothing cancels for n < d: there :math:`n = \nu = 0` and the factor :math:`\alpha` drops out of the
ratio, so that the limit of strength 0 is exact too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from w2s_probe.core.arrays import as_matrix, row_blocks
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.linalg.ridge import RidgePath
from w2s_probe.linalg.threads import map_in_order

BOUND = 3  # a residual counts as this many times the largest distance of a target from the mean, at most


def loo_error(path: RidgePath, X: ArrayLike, Y: ArrayLike) -> Float:
    """Return the weighted mean squared leave-one-out residual at each alpha, shape (A,).

    Parameters
    ----------
    path : RidgePath
        Fitted to exactly these rows.
    X : array of shape (n, d)
        Features that `path` was fitted to.
    Y : array of shape (n, K)
        Targets that `path` was fitted to; squares are summed over the K columns.

    References
    ----------
    .. [1] Allen (1974), Technometrics 16 (PRESS).
    """
    return _mean_squares(path, X, Y, most=np.inf)


def loo_score(path: RidgePath, X: ArrayLike, Y: ArrayLike) -> Float:
    """Return the score of each alpha that chooses a strength: `loo_error` with bounded residuals, shape (A,).

    A residual counts as three times the largest distance of a target from the mean at most. If one row is a million
    times larger than the others, heads without this row predict it as badly as they like: unbounded, this one residual
    would choose the strength. Other rows hardly ever reach the bound.
    """
    return _mean_squares(path, X, Y, most=_largest_square(path, as_matrix(Y, "targets").astype(np.float64)))


def loo_score_of_rows(path: RidgePath, X: Features, rows: Rows, targets: Callable[[Rows], Float]) -> Float:
    """Return `loo_score` for m of the n rows of X, read by blocks: X, shape (n, d), may be a memory map.

    `path` is fitted to exactly these rows without weights, from their moments. `rows` are their positions, best in
    ascending order. `targets` returns the targets at given positions, shape (positions, K).
    """
    left_out = _LeftOut(path, path.alphas)
    axes = path.spectrum.axes / np.sqrt(path.spectrum.eigenvalues)
    most = max(_largest_square(path, targets(rows[block])) for block in row_blocks(len(rows)))
    total = np.zeros(len(path.alphas))
    for block in row_blocks(len(rows)):
        positions = rows[block]
        U = (X[positions] - path.spectrum.mean) @ axes
        y = targets(positions) - path.target_mean
        residuals = left_out.residuals(U, y, np.ones(len(positions)), len(rows))
        squares = (residuals**2).sum(axis=2)
        total += np.minimum(squares, most, out=squares).sum(axis=0)
    return total / len(rows)


def loo_residuals(path: RidgePath, X: ArrayLike, Y: ArrayLike, *, index: int) -> Float:
    """Return ``y_i`` minus the prediction of the head fitted without row i, shape (n, K).

    Parameters
    ----------
    path : RidgePath
        Fitted to exactly these rows.
    X : array of shape (n, d)
        Features that `path` was fitted to.
    Y : array of shape (n, K)
        Targets that `path` was fitted to.
    index : int
        Position in ``path.alphas``.
    """
    blocks = _blocks(path, X, Y, path.alphas[[index]])
    return np.concatenate([residuals[:, 0] for _, residuals in blocks])


class LeftOut:
    """Leave-one-out residuals at one strength, for rows that come block by block.

    Parameters
    ----------
    path : RidgePath
        Fitted to all rows, without weights.
    index : int
        Position in ``path.alphas``.
    """

    def __init__(self, path: RidgePath, index: int) -> None:
        self.path, self._left_out = path, _LeftOut(path, path.alphas[[index]])
        self._total = path.spectrum.weights.sum()

    def residuals(self, U: Float, squares: Float, Y: Float, F: Float) -> Float:
        """Return ``y_i`` minus the prediction of the head fitted without row i, for the rows of a block, (rows, K).

        `U`, shape (rows, r), is the return value of `Spectrum.coordinates`, and `squares` has its squares. `Y` and
        `F`, both of shape (rows, K), are the targets and the predictions of the head fitted to all rows.
        """
        if not self._left_out.full:
            return self._left_out.residuals(U, Y - self.path.target_mean, np.ones(len(U)), self._total)[:, 0]
        leverage_left = 1 - 1 / self._total - squares @ (1 - self._left_out.g)
        return (Y - F) / leverage_left


def _mean_squares(path: RidgePath, X: ArrayLike, Y: ArrayLike, *, most: float) -> Float:
    weights = path.spectrum.weights
    total = np.zeros(len(path.alphas))
    for rows, residuals in _blocks(path, X, Y, path.alphas):
        squares = (residuals**2).sum(axis=2)
        total += weights[rows] @ np.minimum(squares, most, out=squares)
    return total / weights.sum()


def _largest_square(path: RidgePath, targets: Float) -> float:
    return BOUND**2 * float(((targets - path.target_mean) ** 2).sum(axis=1).max())


def _blocks(path: RidgePath, X: ArrayLike, Y: ArrayLike, alphas: Float) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Return leave-one-out residuals of shape (rows, A, K) for blocks of rows, one after the other."""
    features, targets = as_matrix(X, "features"), as_matrix(Y, "targets").astype(np.float64)
    spectrum, left_out, total = path.spectrum, _LeftOut(path, alphas), path.spectrum.weights.sum()

    def block(rows: slice) -> tuple[slice, NDArray[Any]]:
        root = np.sqrt(spectrum.weights[rows])
        y = root[:, None] * (targets[rows] - path.target_mean)
        return rows, left_out.residuals(spectrum.whitened(features, rows), y, root, total)

    return map_in_order(block, row_blocks(len(features)))


class _LeftOut:
    """Shrinkage factors and loadings, computed once, from which each block of rows gets its residuals."""

    def __init__(self, path: RidgePath, alphas: Float) -> None:
        s, self.p = path.spectrum.eigenvalues[:, None], path.loadings
        self.full = path.spectrum.residual_rank > 0
        self.g = alphas / (s + alphas) if self.full else 1.0 / (s + alphas)
        self.shrunk = (self.g[:, :, None] * self.p[:, None, :]).reshape(len(self.p), -1)

    def residuals(self, U: Float, y: Float, root: Float, total: float) -> Float:
        """Return the residuals of a block, shape (rows, A, K).

        U are the coordinates, y the centered targets and root the root weights of the block's rows; total is the
        sum of weights of all rows.
        """
        residual = (U @ self.shrunk).reshape(len(U), self.g.shape[1], -1)
        squares = U**2
        leverage_left = squares @ self.g
        if self.full:
            residual += (y - U @ self.p)[:, None, :]
            leverage_left += (1 - root**2 / total - squares.sum(axis=1))[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):  # rounding may leave 0 of a row that all heads fit exactly
            return residual / (np.where(root > 0, root, 1.0)[:, None] * leverage_left)[:, :, None]
