r"""Expectations over the group feature of what depends on a quadratic form of it, by quadrature in two dimensions.

As one system sees it the group feature is t, normal around a multiple of its :math:`\mu` in units of sigma. Split it
into the coordinate along :math:`\mu` and the rest. The rest is the same in every direction, so that a matrix
that follows from the law has one number for all of it, and a quadratic form needs only its squared length, a
chi-square. Two sums remain whatever p is: Gauss-Hermite over the coordinate, Gauss-Laguerre over the length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

from w2s_probe.core.types import Float
from w2s_probe.theory.spurious.model import Component

NEGLIGIBLE = 1e-22  # weight of a point; most of a fine grid's are far out


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Axial:
    r"""A symmetric matrix over [1; t] that treats all directions beside :math:`\mu` alike.

    Parameters
    ----------
    block : array of shape (2, 2)
        On the constant and the coordinate along mu.
    rest : float
        On every other direction, times the identity.
    """

    block: Float
    rest: float

    def __matmul__(self, other: Axial) -> Axial:
        return Axial(block=self.block @ other.block, rest=self.rest * other.rest)

    def inverse(self) -> Axial:
        """Return the inverse; of directions that are not there, 0."""
        (a, b), (_, c) = self.block
        adjugate = np.array([[c, -b], [-b, a]])
        return Axial(block=adjugate / (a * c - b**2), rest=1 / self.rest if self.rest else 0.0)

    def full(self, frame: Float) -> Float:
        """Return the matrix itself.

        Parameters
        ----------
        frame : array of shape (p, 2)
            The constant, and the direction of mu.
        """
        beside = np.eye(len(frame)) - frame @ frame.T
        return frame @ self.block @ frame.T + self.rest * beside

    @classmethod
    def of(cls, matrix: Float, frame: Float) -> Axial:
        """Return what a matrix is on average over rotations beside mu.

        Parameters
        ----------
        matrix : array of shape (p, p)
            Any.
        frame : array of shape (p, 2)
            The constant, and the direction of mu.
        """
        block = frame.T @ matrix @ frame
        others = len(frame) - 2
        return cls(block=block, rest=float(np.trace(matrix) - np.trace(block)) / others if others else 0.0)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Points:
    """Where and with which weight a function is evaluated, for each Gaussian part of the law.

    Parameters
    ----------
    frame : array of shape (p, 2)
        The constant, and the direction of mu, as columns.
    x : array of shape (parts, points, 2)
        1 and the coordinate along mu.
    square : array of shape (parts, points)
        Squared length of the rest, divided by the number of its directions.
    weight : array of shape (parts, points)
        Sums to the part's share of the rows.
    """

    frame: Float
    x: Float
    square: Float
    weight: Float

    @property
    def others(self) -> int:
        """Number of directions beside mu."""
        return len(self.frame) - 2

    def form(self, *matrices: Axial) -> Float:
        """Return quadratic forms of [1; t] at every point, shape (parts, points).

        Parameters
        ----------
        *matrices : Axial
            One for all parts, or one for each.
        """
        blocks = np.array([each.block for each in matrices])
        rests = np.array([[self.others * each.rest] for each in matrices])
        return ((self.x @ blocks) * self.x).sum(axis=-1) + rests * self.square

    def moment(self, values: Float) -> tuple[Axial, ...]:
        """Return for each part the expectation of values times the second moment of [1; t] there.

        Parameters
        ----------
        values : array of shape (parts, points)
            Of a function that needs no more of t than the points say.
        """
        weighted = values * self.weight
        blocks = (self.x * weighted[..., None]).swapaxes(-1, -2) @ self.x
        rests = (weighted * self.square).sum(axis=1)
        return tuple(Axial(block=block, rest=float(rest)) for block, rest in zip(blocks, rests, strict=True))


def quadrature(parts: tuple[Component, ...], mu: Float, *, origin: float, nodes: int) -> Points:
    """Return points and weights for the law as one system sees it.

    Parameters
    ----------
    parts : tuple of Component
        Gaussian parts of the law.
    mu : array of shape (p - 1,)
        Distance of the groups as the system sees it, in units of sigma.
    origin : float
        From where the coordinate along mu is counted, in units of mu.
    nodes : int
        For each of the two sums.
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
    """Return nodes and weights for a chi-square; a single 0 without degrees of freedom."""
    if not freedom:
        return np.zeros(1), np.ones(1)
    k, alpha = np.arange(float(nodes)), freedom / 2 - 1
    points, weights = _gauss(2 * k + 1 + alpha, np.sqrt(k[1:] * (k[1:] + alpha)))
    return 2 * points, weights


def _gauss(diagonal: Float, beside: Float) -> tuple[Float, Float]:
    """Return a Gauss rule from its recurrence (Golub and Welsch 1969).

    ``scipy.special.roots_genlaguerre`` normalizes by a gamma function, which overflows from 344 degrees of
    freedom on.
    """
    points, vectors = eigh_tridiagonal(diagonal, beside)
    return np.asarray(points, dtype=np.float64), np.asarray(vectors[0] ** 2, dtype=np.float64)
