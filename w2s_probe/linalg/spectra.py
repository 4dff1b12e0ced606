"""Eigenvalues and axes of centered features, from the Gram or the kernel, whichever is smaller."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy import linalg

from w2s_probe.core.arrays import read_only, row_blocks
from w2s_probe.core.types import Features, Float
from w2s_probe.linalg.threads import map_in_order

GRADED = 1e10  # from this ratio of diagonal entries on (largest to lowest tenth), small eigenvalues lose digits
OUTLYING = 1e6  # from this ratio of row sizes on (largest to median), products of rows lose digits of the small ones
EPS = np.finfo(np.float64).eps


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

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, read_only(getattr(self, field.name)))  # heads share a spectrum

    @property
    def residual_rank(self) -> int:
        """Dimensions of the rows beyond intercept and axes."""
        return int(np.count_nonzero(self.weights)) - 1 - len(self.eigenvalues)

    def whitened(self, X: Features, rows: slice) -> Float:
        """Return coordinates U, scaled by root weights, of some rows of the decomposed features; shape (rows, r).

        Over all n rows the columns of U are orthonormal.
        """
        return _centered(X, self.mean, self.weights, rows) @ (self.axes / np.sqrt(self.eigenvalues))

    def coordinates(self, X: Features) -> Float:
        """Return coordinates U of other rows, shape (m, d), or of decomposed rows without weights; shape (m, r)."""
        return (X - self.mean) @ (self.axes / np.sqrt(self.eigenvalues))


def centered_spectrum(X: Features, Y: Float, weights: Float, *, mean: Float | None = None) -> tuple[Spectrum, Float]:
    r"""Return the spectrum of :math:`\sum_i w_i (x_i - \bar x)(x_i - \bar x)^\top` and the loadings ``U.T @ Y``.

    X has shape (n, d). Y, shape (n, K), holds targets that are centered and scaled by root weights. U are the
    coordinates of `Spectrum.whitened`, so that the loadings have shape (r, K). The Gram (d x d) is decomposed if
    d < n, otherwise the kernel (n x n); X is read by blocks and cast to float64. Directions with an eigenvalue
    below ``max(n, d) * eps`` times the largest are dropped. If one row is a million times larger than the median row,
    the rows themselves are decomposed. A `mean` of shape (d,) is subtracted in place of the rows' own: zeros for rows
    that must not be centered.
    """
    n, d = X.shape
    most = min(n - 1 if mean is None else n, d)
    mean = _mean(X, weights) if mean is None else mean
    if d < n:
        gram, cross = _moments(X, Y, mean, weights)
        values, axes = _positive_eigen(gram, size=n, floor=_rounding(mean, weights))
        loadings = (axes / np.sqrt(values)).T @ cross
    else:
        rows = _centered(X, mean, weights, slice(None))
        values, vectors = _positive_eigen(rows @ rows.T, size=d, floor=_rounding(mean, weights))
        axes = rows.T @ (vectors / np.sqrt(values))
        loadings = vectors.T @ Y
    wide = len(values) < most or values[-1] > GRADED * values[0]
    if wide and _outlying(X):
        values, axes = _eigen_of_rows(X, mean, weights)
        spectrum = Spectrum(mean=mean, eigenvalues=values, axes=axes, weights=weights)
        return spectrum, loadings_of(spectrum, X, Y)
    return Spectrum(mean=mean, eigenvalues=values, axes=axes, weights=weights), loadings


def loadings_of(spectrum: Spectrum, X: Features, Y: Float) -> Float:
    """Return the loadings of further targets Y of the same rows, scaled as in `centered_spectrum`; shape (r, K)."""

    def product(rows: slice) -> Float:
        return _centered(X, spectrum.mean, spectrum.weights, rows).T @ Y[rows]

    cross = np.zeros((X.shape[1], Y.shape[1]))
    for part in map_in_order(product, row_blocks(len(X))):
        cross += part
    return (spectrum.axes / np.sqrt(spectrum.eigenvalues)).T @ cross


def spectrum_of_gram(gram: Float, *, n: int, mean: Float) -> Spectrum:
    """Return the spectrum of n unweighted rows from their centered Gram, shape (d, d), and mean, shape (d,)."""
    weights = np.broadcast_to(np.float64(1), (n,))  # takes no memory
    values, axes = _positive_eigen(gram.copy(), size=n, floor=_rounding(mean, weights))
    return Spectrum(mean=mean, eigenvalues=values[-(n - 1) :], axes=axes[:, -(n - 1) :], weights=weights)


def _mean(X: Features, weights: Float) -> Float:
    total = np.zeros(X.shape[1])
    for rows in row_blocks(len(X)):
        total += weights[rows] @ X[rows].astype(np.float64, copy=False)
    return total / weights.sum()


def _moments(X: Features, Y: Float, mean: Float, weights: Float) -> tuple[Float, Float]:
    def products(rows: slice) -> tuple[Float, Float]:
        block = _centered(X, mean, weights, rows)
        return block.T @ block, block.T @ Y[rows]

    gram, cross = np.zeros((X.shape[1], X.shape[1])), np.zeros((X.shape[1], Y.shape[1]))
    for part_of_gram, part_of_cross in map_in_order(products, row_blocks(len(X))):
        gram += part_of_gram
        cross += part_of_cross
    return gram, cross


def _centered(X: Features, mean: Float, weights: Float, rows: slice) -> Float:
    block = X[rows] - mean
    if not (weights[rows] == 1).all():
        block *= np.sqrt(weights[rows])[:, None]
    return block


def _rounding(mean: Float, weights: Float) -> float:
    """Return the size that rounding gives the Gram of equal rows after their mean is subtracted."""
    return float(weights.sum() * (10 * EPS) ** 2 * (mean**2).sum())


def _positive_eigen(symmetric: Float, *, size: int, floor: float) -> tuple[Float, Float]:
    if _graded(symmetric.diagonal()):
        return _graded_eigen(symmetric, size=size, floor=floor)
    values, vectors = linalg.eigh(symmetric, driver="evd", overwrite_a=True, check_finite=False)
    positive = values > max(max(size, len(values)) * EPS * values[-1], floor)
    return values[positive], vectors[:, positive]


def _outlying(X: Features) -> bool:
    sizes = np.concatenate([np.abs(X[rows]).max(axis=1) for rows in row_blocks(len(X))])
    return bool(sizes.max() > OUTLYING * np.median(sizes) > 0)


def _eigen_of_rows(X: Features, mean: Float, weights: Float) -> tuple[Float, Float]:
    """Return the positive eigenvalues of the centered Gram and their vectors from a triangular factor of the rows."""
    R = np.empty((0, X.shape[1]))
    for rows in row_blocks(len(X)):
        R = np.asarray(np.linalg.qr(np.vstack([R, _centered(X, mean, weights, rows)]), mode="r"))
    _, roots, axes = linalg.svd(R, full_matrices=False, check_finite=False)
    positive = (roots > max(X.shape) * EPS * roots[0]) & (roots**2 > _rounding(mean, weights))
    return roots[positive][::-1] ** 2, axes[positive][::-1].T


def _graded(diagonal: Float) -> bool:
    positive = diagonal[diagonal > 0]
    return len(positive) > 0 and bool(positive.max() > GRADED * np.quantile(positive, 0.1))


def _graded_eigen(symmetric: Float, *, size: int, floor: float) -> tuple[Float, Float]:
    """Return the positive eigenvalues and their vectors of a Gram whose columns differ by many orders of magnitude.

    Each entry of the Gram is exact relative to its own two columns. The eigenvalues of the Gram with unit diagonal
    keep this accuracy, and so do the singular values of the factor that they give: rounding is relative to the largest
    standard deviation, no longer to the largest variance.
    """
    scale = np.sqrt(symmetric.diagonal())
    divisor = np.where(scale > 0, scale, 1.0)
    unit = symmetric / divisor / divisor[:, None]
    values, vectors = linalg.eigh(unit, driver="evd", overwrite_a=True, check_finite=False)
    rank = values > max(size, len(values)) * EPS * values[-1]
    factor = scale[:, None] * vectors[:, rank] * np.sqrt(values[rank])
    axes, roots, _ = linalg.svd(factor, full_matrices=False, check_finite=False)
    positive = (roots > max(size, len(values)) * EPS * roots[0]) & (roots**2 > floor)
    return roots[positive][::-1] ** 2, axes[:, positive][:, ::-1]
