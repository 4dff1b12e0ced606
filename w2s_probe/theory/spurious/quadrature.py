r"""Expectations of functions of a quadratic form of the group feature, by quadrature in two dimensions.

In the features of one system the group feature is a vector t, normal around a multiple of that system's :math:`\mu`,
in units of sigma. Split t into its coordinate along :math:`\mu` and the remaining directions. The law is the same in
all remaining directions: a matrix derived from it has one number for all of them, and a quadratic form needs only
their squared length, which is chi-square. So two sums suffice for any p: Gauss-Hermite over the coordinate and
Gauss-Laguerre over the squared length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

from w2s_probe.core.types import Float
from w2s_probe.theory.spurious.model import Component

NEGLIGIBLE = 1e-22  # weight below which a point is dropped; most points of a fine grid are far out


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Axial:
    r"""A symmetric matrix over [1; t] that is a multiple of the identity on the directions orthogonal to :math:`\mu`.

    Parameters
    ----------
    block : array of shape (2, 2)
        Entries of the constant and the coordinate along mu.
    rest : float
        Factor of the identity on the orthogonal directions.
    """

    block: Float
    rest: float

    def __matmul__(self, other: Axial) -> Axial:
        return Axial(block=self.block @ other.block, rest=self.rest * other.rest)

    def inverse(self) -> Axial:
        """Return the inverse; `rest` stays 0 if there is no orthogonal direction."""
        (a, b), (_, c) = self.block
        adjugate = np.array([[c, -b], [-b, a]])
        return Axial(block=adjugate / (a * c - b**2), rest=1 / self.rest if self.rest else 0.0)

    def full(self, frame: Float) -> Float:
        """Return the matrix, shape (p, p); columns of `frame`, shape (p, 2), are the constant and mu's direction."""
        off_axis = np.eye(len(frame)) - frame @ frame.T
        return frame @ self.block @ frame.T + self.rest * off_axis

    @classmethod
    def of(cls, matrix: Float, frame: Float) -> Axial:
        """Return the average of a matrix, shape (p, p), over rotations of the directions orthogonal to mu."""
        block = frame.T @ matrix @ frame
        off_axis = len(frame) - 2
        return cls(block=block, rest=float(np.trace(matrix) - np.trace(block)) / off_axis if off_axis else 0.0)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Points:
    """Quadrature points and weights for each Gaussian component of the law.

    Parameters
    ----------
    frame : array of shape (p, 2)
        The constant and the direction of mu, as columns.
    x : array of shape (components, points, 2)
        1 and the coordinate along mu.
    square : array of shape (components, points)
        Squared length in the orthogonal directions, divided by their number.
    weight : array of shape (components, points)
        Weights that sum to the component's share of the rows.
    """

    frame: Float
    x: Float
    square: Float
    weight: Float

    @property
    def off_axis(self) -> int:
        """Number of directions orthogonal to mu."""
        return len(self.frame) - 2

    def form(self, *matrices: Axial) -> Float:
        """Return the quadratic form of [1; t] at every point, shape (components, points).

        `matrices` is one matrix for all components, or a matrix for each component.
        """
        blocks = np.array([matrix.block for matrix in matrices])
        rests = np.array([[self.off_axis * matrix.rest] for matrix in matrices])
        return ((self.x @ blocks) * self.x).sum(axis=-1) + rests * self.square

    def moment(self, values: Float) -> tuple[Axial, ...]:
        """Return the expectation of f(t) times the second moment of [1; t] for each component.

        `values`, shape (components, points), are f at the points; f depends on the coordinate along mu and on the
        squared length in the orthogonal directions only.
        """
        weighted = values * self.weight
        blocks = (self.x * weighted[..., None]).swapaxes(-1, -2) @ self.x
        rests = (weighted * self.square).sum(axis=1)
        return tuple(Axial(block=block, rest=float(rest)) for block, rest in zip(blocks, rests, strict=True))


def quadrature(parts: tuple[Component, ...], mu: Float, *, origin: float, nodes: int) -> Points:
    """Return points and weights for the law of the group feature in the features of one system.

    `parts` are the Gaussian components of the law and `mu`, shape (p - 1,), is the difference of the group means in
    the system's features, in units of sigma. `origin`, in units of mu, is subtracted from the coordinate along mu.
    Each of the two sums has `nodes` points.
    """
    length = float(np.linalg.norm(mu))
    direction = mu / length if length else np.eye(len(mu))[0]
    frame = np.zeros((len(mu) + 1, 2))
    frame[0, 0], frame[1:, 1] = 1.0, direction
    along, along_weight = _hermite(nodes)
    square, square_weight = _chi_square(len(mu) - 1, nodes)
    weight = np.outer(along_weight, square_weight)
    i, j = np.nonzero(weight > NEGLIGIBLE)
    x = np.ones((len(parts), len(i), 2))
    x[..., 1] = along[i] + length * np.array([[part.at - origin] for part in parts])
    return Points(
        frame=frame,
        x=x,
        square=np.tile(square[j] / max(len(mu) - 1, 1), (len(parts), 1)),
        weight=np.outer([part.share for part in parts], weight[i, j]),
    )


def _hermite(nodes: int) -> tuple[Float, Float]:
    """Return nodes and weights for a standard normal."""
    return _gauss(np.zeros(nodes), np.sqrt(np.arange(1.0, nodes)))


def _chi_square(freedom: int, nodes: int) -> tuple[Float, Float]:
    """Return nodes and weights for a chi-square; the single node 0 if there are no degrees of freedom."""
    if not freedom:
        return np.zeros(1), np.ones(1)
    k, alpha = np.arange(float(nodes)), freedom / 2 - 1
    points, weights = _gauss(2 * k + 1 + alpha, np.sqrt(k[1:] * (k[1:] + alpha)))
    return 2 * points, weights


def _gauss(diagonal: Float, beside: Float) -> tuple[Float, Float]:
    """Return a Gauss rule from the recurrence of its polynomials (Golub and Welsch 1969).

    ``scipy.special.roots_genlaguerre`` normalizes by a gamma function, which overflows at 344 or more degrees of
    freedom.
    """
    points, vectors = eigh_tridiagonal(diagonal, beside)
    return np.asarray(points, dtype=np.float64), np.asarray(vectors[0] ** 2, dtype=np.float64)
