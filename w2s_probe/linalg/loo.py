r"""Exact leave-one-out residuals of a ridge head, along the whole path.

With orthonormal coordinates :math:`U` of the weighted, centered rows and
:math:`g_j = \alpha/(s_j + \alpha)`,

.. math::
    e_i = n_i + \sum_j U_{ij} g_j p_j, \qquad
    1 - h_{ii} = \nu_i + \sum_j U_{ij}^2 g_j,

where :math:`p = U^\top \sqrt{w}\,\tilde y`, and :math:`n_i`, :math:`\nu_i` are what the rows
have outside intercept and axes. The leave-one-out residual is :math:`e_i / (1 - h_{ii})`.
Written this way nothing cancels for n < d, where :math:`n = \nu = 0` and the factor
:math:`\alpha` drops out of the ratio, so that the limit of strength 0 is exact too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from w2s_probe.core.arrays import as_matrix, row_blocks
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.linalg.ridge import RidgePath


def loo_error(path: RidgePath, X: ArrayLike, Y: ArrayLike) -> Float:
    """Return the weighted mean squared leave-one-out residual at each alpha, shape (A,).

    Parameters
    ----------
    path : RidgePath
        Fitted to exactly these rows.
    X : array of shape (n, d)
        The features it was fitted to.
    Y : array of shape (n, K)
        The targets it was fitted to; squares are summed over the K columns.

    References
    ----------
    .. [1] Allen (1974), Technometrics 16 (PRESS).
    """
    weights = path.spectrum.weights
    total = np.zeros(len(path.alphas))
    for rows, residuals in _blocks(path, X, Y, path.alphas):
        total += weights[rows] @ (residuals**2).sum(axis=2)
    return total / weights.sum()


def loo_error_of_rows(
    path: RidgePath,
    X: Features,
    rows: Rows,
    targets: Callable[[Rows], Float],
) -> Float:
    """Return what `loo_error` returns for some rows of a larger array, which are read by blocks and never all held.

    Parameters
    ----------
    path : RidgePath
        Fitted to exactly these rows without weights, from their moments.
    X : array of shape (n, d)
        All features, finite; may be a memory map.
    rows : array of int, shape (m,)
        Positions, best in ascending order.
    targets : callable
        From positions to their targets, shape (rows, K).
    """
    left_out = _LeftOut(path, path.alphas)
    axes = path.spectrum.axes / np.sqrt(path.spectrum.eigenvalues)
    total = np.zeros(len(path.alphas))
    for block in row_blocks(len(rows)):
        here = rows[block]
        U = (X[here] - path.spectrum.mean) @ axes
        residuals = left_out.residuals(U, targets(here) - path.target_mean, np.ones(len(here)), len(rows))
        total += (residuals**2).sum(axis=(0, 2))
    return total / len(rows)


def loo_residuals(path: RidgePath, X: ArrayLike, Y: ArrayLike, *, index: int) -> Float:
    """Return ``y_i`` minus the prediction of the head fitted without row i, shape (n, K).

    Parameters
    ----------
    path : RidgePath
        Fitted to exactly these rows.
    X : array of shape (n, d)
        The features it was fitted to.
    Y : array of shape (n, K)
        The targets it was fitted to.
    index : int
        Position in ``path.alphas``.
    """
    blocks = _blocks(path, X, Y, path.alphas[[index]])
    return np.concatenate([residuals[:, 0] for _, residuals in blocks])


def _blocks(path: RidgePath, X: ArrayLike, Y: ArrayLike, alphas: Float) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Yield leave-one-out residuals of shape (rows, A, K) for blocks of rows."""
    features, targets = as_matrix(X, "features"), as_matrix(Y, "targets").astype(np.float64)
    spectrum, left_out = path.spectrum, _LeftOut(path, alphas)
    for rows in row_blocks(len(features)):
        root = np.sqrt(spectrum.weights[rows])
        y = root[:, None] * (targets[rows] - path.target_mean)
        yield rows, left_out.residuals(spectrum.whitened(features, rows), y, root, spectrum.weights.sum())


class _LeftOut:
    """What all blocks of rows share."""

    def __init__(self, path: RidgePath, alphas: Float) -> None:
        s, self.p = path.spectrum.eigenvalues[:, None], path.loadings
        self.full = path.spectrum.residual_rank > 0
        self.kept = alphas / (s + alphas) if self.full else 1.0 / (s + alphas)
        self.shrunk = (self.kept[:, :, None] * self.p[:, None, :]).reshape(len(self.p), -1)

    def residuals(self, U: Float, y: Float, root: Float, total: float) -> Float:
        """Return residuals of rows with coordinates U, centered targets y and root weights that sum to a total."""
        residual = (U @ self.shrunk).reshape(len(U), self.kept.shape[1], -1)
        squares = U**2
        leverage_left = squares @ self.kept
        if self.full:
            residual += (y - U @ self.p)[:, None, :]
            leverage_left += (1 - root**2 / total - squares.sum(axis=1))[:, None]
        return residual / (np.where(root > 0, root, 1.0)[:, None] * leverage_left)[:, :, None]
