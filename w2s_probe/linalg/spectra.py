"""Eigendecomposition of a centered Gram, by whichever side is smaller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from w2s_probe.validation import row_blocks

__all__ = ["Spectrum", "centered_spectrum"]

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Spectrum:
    """Principal axes of weighted, centered features.

    Parameters
    ----------
    mean : array of shape (d,)
        Weighted mean of the rows.
    eigenvalues : array of shape (r,)
        Positive eigenvalues of the centered Gram (a sum over rows, not a mean), ascending.
    axes : array of shape (d, r)
        Orthonormal eigenvectors in feature space.
    weights : array of shape (n,)
        Weights of the rows.
    """

    mean: Float
    eigenvalues: Float
    axes: Float
    weights: Float

    @property
    def residual_rank(self) -> int:
        """Return how many dimensions the rows have beyond intercept and axes."""
        return int(np.count_nonzero(self.weights)) - 1 - len(self.eigenvalues)

    def whitened(self, X: NDArray[np.floating[Any]], rows: slice) -> Float:
        """Return orthonormal row coordinates U of shape (rows, r), scaled by root weights."""
        centered = (X[rows] - self.mean) @ (self.axes / np.sqrt(self.eigenvalues))
        return np.sqrt(self.weights[rows])[:, None] * centered


def centered_spectrum(X: NDArray[np.floating[Any]], weights: Float) -> Spectrum:
    r"""Return the spectrum of :math:`\sum_i w_i (x_i - \bar x)(x_i - \bar x)^\top`.

    The Gram (d x d) is decomposed if d < n, else the kernel (n x n); never X itself.
    Directions whose eigenvalue is below ``max(n, d) * eps`` times the largest are dropped.

    Parameters
    ----------
    X : array of shape (n, d)
        Features; read by blocks and cast to float64.
    weights : array of shape (n,)
        Non-negative weights.
    """
    n, d = X.shape
    mean = _mean(X, weights)
    if d < n:
        values, vectors = _eigh(_gram(X, mean, weights))
        kept = values > max(n, d) * np.finfo(np.float64).eps * values[-1]
        return Spectrum(mean=mean, eigenvalues=values[kept], axes=vectors[:, kept], weights=weights)
    rows = np.sqrt(weights)[:, None] * (X - mean)
    values, vectors = _eigh(rows @ rows.T)
    kept = values > max(n, d) * np.finfo(np.float64).eps * values[-1]
    axes = rows.T @ (vectors[:, kept] / np.sqrt(values[kept]))
    return Spectrum(mean=mean, eigenvalues=values[kept], axes=axes, weights=weights)


def _mean(X: NDArray[np.floating[Any]], weights: Float) -> Float:
    total = np.zeros(X.shape[1])
    for rows in row_blocks(len(X)):
        total += weights[rows] @ X[rows].astype(np.float64)
    return total / weights.sum()


def _gram(X: NDArray[np.floating[Any]], mean: Float, weights: Float) -> Float:
    gram = np.zeros((X.shape[1], X.shape[1]))
    for rows in row_blocks(len(X)):
        block = np.sqrt(weights[rows])[:, None] * (X[rows] - mean)
        gram += block.T @ block
    return gram


def _eigh(symmetric: Float) -> tuple[Float, Float]:
    values, vectors = linalg.eigh(symmetric, driver="evd", overwrite_a=True, check_finite=False)
    return values, vectors
