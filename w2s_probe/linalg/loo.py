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

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from w2s_probe.linalg.ridge import RidgePath
from w2s_probe.validation import as_matrix, row_blocks

__all__ = ["loo_error", "loo_residuals"]

Float = NDArray[np.float64]


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
    spectrum, p = path.spectrum, path.loadings
    s, full = spectrum.eigenvalues[:, None], spectrum.residual_rank > 0
    kept = alphas / (s + alphas) if full else 1.0 / (s + alphas)
    shrunk = (kept[:, :, None] * p[:, None, :]).reshape(len(p), -1)
    for rows in row_blocks(len(features)):
        U = spectrum.whitened(features, rows)
        root = np.sqrt(spectrum.weights[rows])
        y = root[:, None] * (targets[rows] - path.target_mean)
        residual = (U @ shrunk).reshape(len(U), len(alphas), -1)
        squares = U**2
        leverage_left = squares @ kept
        if full:
            residual += (y - U @ p)[:, None, :]
            leverage_left += (1 - root**2 / spectrum.weights.sum() - squares.sum(axis=1))[:, None]
        yield rows, residual / (np.where(root > 0, root, 1.0)[:, None] * leverage_left)[:, :, None]
