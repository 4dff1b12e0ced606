"""Principal axes of a centered Gram, and whitening: coordinates in which the Gram is the identity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from w2s_probe.core.errors import ShapeError
from w2s_probe.core.types import Float
from w2s_probe.linalg.moments import Moments


@dataclass(frozen=True, eq=False, kw_only=True)
class PrincipalAxes:
    """Positive eigenvalues of a centered Gram, descending, and their axes.

    Parameters
    ----------
    eigenvalues : array of shape (r,)
        Sums over rows, not means.
    axes : array of shape (d, r)
        Orthonormal.
    """

    eigenvalues: Float
    axes: Float

    @property
    def whitening(self) -> Float:
        """W of shape (d, r): the centered rows times W have orthonormal columns."""
        return self.axes / np.sqrt(self.eigenvalues)

    def truncated(self, energy: float) -> PrincipalAxes:
        """Return the fewest axes that hold this fraction of the energy."""
        k = energy_rank(self.eigenvalues, energy)
        return PrincipalAxes(eigenvalues=self.eigenvalues[:k], axes=self.axes[:, :k])


def principal_axes(moments: Moments, name: str) -> PrincipalAxes:
    """Return the principal axes of one block of columns; `ShapeError` if all rows are equal.

    Eigenvalues below ``max(n, d) * eps`` times the largest are dropped, and those of the size that rounding gives
    equal rows with this mean.
    """
    gram, mean = moments.gram(name), moments.mean_of(name)
    eps = np.finfo(np.float64).eps
    values, axes = linalg.eigh(gram, driver="evd", check_finite=False)
    floor = moments.n * (10 * eps) ** 2 * (mean @ mean)
    positive = values > max(max(moments.n, len(values)) * eps * values[-1], floor)
    if not positive.any():
        msg = f"{name} features must differ between rows: got {moments.n} equal rows. "
        msg += "Use another backbone or features file."
        raise ShapeError(msg)
    return PrincipalAxes(eigenvalues=values[positive][::-1], axes=axes[:, positive][:, ::-1])


def energy_rank(eigenvalues: Float, energy: float) -> int:
    """Return how many of the largest eigenvalues sum to at least the fraction `energy`, in (0, 1], of their total.

    The eigenvalues, shape (r,), are positive and descending.
    """
    if energy >= 1:
        return len(eigenvalues)
    sums = np.cumsum(eigenvalues)
    # where the fraction is reached exactly, rounding of the last digit must not add a dimension
    return int(np.searchsorted(sums, energy * sums[-1] * (1 - 1e-12)) + 1)


def inverse_root(symmetric: Float) -> Float:
    """Return the symmetric inverse square root of a positive definite matrix; `ShapeError` if it is singular."""
    values, vectors = linalg.eigh(symmetric, driver="evd", check_finite=False)
    if values[0] <= len(values) * np.finfo(np.float64).eps * values[-1]:
        msg = f"a matrix of size {len(values)} must have full rank for whitening: got a singular matrix. Use more rows."
        raise ShapeError(msg)
    return (vectors / np.sqrt(values)) @ vectors.T
