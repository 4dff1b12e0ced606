r"""Moments of teacher and student features from one pass over the rows: input of all measures but neighbors.

The moments also have columns with each row's squared distance from a fixed origin in either
space, :math:`u_i = \lVert x_i - o \rVert^2`. The squared distance from the mean,

.. math::
    \lVert x_i - \bar x \rVert^2 = u_i - 2 (\bar x - o)^\top (x_i - o) + \lVert \bar x - o \rVert^2,

is linear in these columns. So the sums of its products, which debiased CKA needs, follow from
the same moments without a second pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.arrays import as_matrix, check_same_rows, row_blocks
from w2s_probe.core.types import Features, Float
from w2s_probe.linalg.moments import Moments, ring_moments
from w2s_probe.linalg.whitening import PrincipalAxes, principal_axes

ROWS = 8192  # adding moments costs as much as a few rows


@dataclass(frozen=True, eq=False, kw_only=True)
class PairedMoments:
    """Moments of teacher and student features on the same rows.

    Parameters
    ----------
    halves : tuple of two Moments
        Moments of two random halves of the rows, with blocks ``teacher``, ``student`` and ``squares``.
    whole : Moments
        Sum of both halves.
    origins : dict of str to array of shape (d,)
        Origins of the squared distances in ``squares``.
    """

    halves: tuple[Moments, Moments]
    whole: Moments
    origins: dict[str, Float]

    def axes(self, name: str) -> PrincipalAxes:
        """Return the principal axes of a block on all rows, computed once; `ShapeError` if all rows are equal."""
        if name not in self._axes:
            self._axes[name] = principal_axes(self.whole, name)
        return self._axes[name]

    @cached_property
    def _axes(self) -> dict[str, PrincipalAxes]:
        return {}

    def square_products(self, name: str, other: str) -> float:
        """Return the sum over rows of the products of the squared distances from the means of two blocks."""
        n = self.whole.n
        spread = self._square_weights(name) @ self.whole.scatter @ self._square_weights(other)
        return float(spread + np.trace(self.whole.gram(name)) * np.trace(self.whole.gram(other)) / n)

    def _square_weights(self, name: str) -> Float:
        """Return the weights of the columns in the squared distance from a block's mean, up to a constant."""
        weights = np.zeros(len(self.whole.mean))
        weights[self.whole.columns(name)] = -2 * (self.whole.mean_of(name) - self.origins[name])
        weights[self.whole.columns("squares")][("teacher", "student").index(name)] = 1
        return weights


def paired_moments(teacher: ArrayLike, student: ArrayLike, *, rng: np.random.Generator) -> PairedMoments:
    """Return the moments of two random halves of the rows, and of all rows.

    Parameters
    ----------
    teacher : array of shape (m, d_t)
        Teacher features; memory maps are read once, by blocks.
    student : array of shape (m, d_s)
        Student features of the same rows in the same order.
    rng : numpy.random.Generator
        Draws the halves.

    Raises
    ------
    ShapeError
        If the arrays differ in rows or hold values that are not finite.
    """
    features = {"teacher": as_matrix(teacher, "teacher features"), "student": as_matrix(student, "student features")}
    m = len(features["teacher"])
    check_same_rows("student features", len(features["student"]), "teacher features", m)
    half = rng.permuted(np.arange(m) % 2)
    origins = {name: X[:ROWS].mean(axis=0, dtype=np.float64) for name, X in features.items()}
    halves: list[Moments] = []
    for rows in row_blocks(m, ROWS):
        block = {name: X[rows] for name, X in features.items()}
        squares = np.stack([_squares(X, origins[name]) for name, X in block.items()], axis=1)
        parts = ring_moments({**block, "squares": squares}, half[rows], 2)
        halves = [a + b for a, b in zip(halves, parts, strict=True)] if halves else parts
    return PairedMoments(halves=(halves[0], halves[1]), whole=halves[0] + halves[1], origins=origins)


def _squares(X: Features, origin: Float) -> Float:
    difference = X - origin
    return np.einsum("ij,ij->i", difference, difference)
