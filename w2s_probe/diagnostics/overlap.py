r"""Overlap of teacher and student space on the same rows: correlation dimension and principal angles.

With :math:`Q_t, Q_s` orthonormal bases of the centered, PCA-truncated features of m rows, the singular
values of :math:`C = Q_t^\top Q_s` are the canonical correlations and the cosines of the principal
angles; :math:`d_{st} = \lVert C \rVert_F^2` is the correlation dimension of Dong et al. [1]_. By section 6 of their
theory the student inherits the teacher's variance only in these dimensions.

References
----------
.. [1] Dong, Li, Li, Lee and Lei (2025), arXiv 2502.05075.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from w2s_probe.core.errors import ShapeError
from w2s_probe.core.types import Float
from w2s_probe.diagnostics.paired import PairedMoments
from w2s_probe.linalg.whitening import PrincipalAxes, inverse_root


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationDimension:
    r"""The correlation dimension, its chance level, and two estimates corrected for chance.

    Parameters
    ----------
    value : float
        Sum of squared canonical correlations on the m rows.
    chance : float
        Its expectation for unrelated features, :math:`d_s d_t / (m - 1)`.
    corrected : float
        The x with ``value`` = :math:`x + (d_s - x)(d_t - x) / (m - 1 - x)`, the expectation for spaces that share x
        dimensions and are unrelated otherwise. Unbiased for unrelated and for nested spaces.
    cross_fitted : float
        Inner product of the whitened cross-covariances of two halves of the rows, which have independent errors.
        It needs no formula for chance, but is too small where half the rows are few. NaN where half the
        rows are not more than the dimensions.
    d_teacher, d_student : int
        Principal axes of each space that are used.
    """

    value: float
    chance: float
    corrected: float
    cross_fitted: float
    d_teacher: int
    d_student: int


def correlation_dimension(pair: PairedMoments, *, energy: float = 0.99) -> CorrelationDimension:
    """Return the correlation dimension of two feature spaces.

    Parameters
    ----------
    pair : PairedMoments
        Moments of m rows.
    energy : float
        Fraction of each space's centered energy in the principal axes that are used; 1 uses all axes.

    Raises
    ------
    ShapeError
        If all rows of a space are equal, or both spaces together have at least m - 1 dimensions.
    """
    axes = _axes(pair, energy)
    d_teacher, d_student = (len(side.eigenvalues) for side in axes)
    m, rank = pair.whole.n, d_teacher + d_student
    if m - 1 <= rank:
        msg = (
            f"the correlation dimension needs more than {rank + 1} rows, the dimensions of both spaces plus 1: "
            f"got {m}. Use more rows or a smaller energy."
        )
        raise ShapeError(msg)
    value = float((whitened_cross(pair, *axes) ** 2).sum())
    return CorrelationDimension(
        value=value,
        chance=d_student * d_teacher / (m - 1),
        corrected=(value * (m - 1) - d_student * d_teacher) / (m - 1 + value - rank),
        cross_fitted=_cross_fitted(pair, *axes),
        d_teacher=d_teacher,
        d_student=d_student,
    )


def principal_angles(pair: PairedMoments, *, energy: float = 0.99) -> Float:
    r"""Return the principal angles in radians, largest first, as `scipy.linalg.subspace_angles` does.

    Computed from moments, :math:`\cos^2\theta` is exact to about 1e-14, so that angles below 1e-6 are returned as 0.

    Parameters
    ----------
    pair : PairedMoments
        Moments of m rows.
    energy : float
        Fraction of each space's centered energy in the principal axes that are used; 1 uses all axes.

    Raises
    ------
    ShapeError
        If all rows of a space are equal.
    """
    cosines = linalg.svdvals(whitened_cross(pair, *_axes(pair, energy)), check_finite=False)
    angles = np.arccos(np.clip(cosines, 0.0, 1.0))[::-1]
    return np.where(angles > 1e-6, angles, 0.0)


def smallest_angle_by_chance(m: int, d_teacher: int, d_student: int) -> float:
    r"""Return the smallest principal angle between unrelated spaces of m rows, in radians.

    The upper edge of Wachter's law [1]_,
    :math:`\cos\theta = \sqrt{p(1-q)} + \sqrt{q(1-p)}` with p and q the dimensions over m - 1;
    0 where the dimensions together exceed the rows.

    References
    ----------
    .. [1] Wachter (1980), Annals of Statistics 8.
    """
    p, q = d_teacher / (m - 1), d_student / (m - 1)
    return 0.0 if p + q >= 1 else math.acos(math.sqrt(p * (1 - q)) + math.sqrt(q * (1 - p)))


def overlap_uncalibrated(pair: PairedMoments, *, rng: np.random.Generator, energy: float = 0.99) -> tuple[float, float]:
    r"""Return the published estimate of the correlation dimension and its chance level.

    :math:`\lVert V_s^\top \Gamma V_t \rVert_F^2` of the feature-space eigenvectors with a random
    projection :math:`\Gamma`, chance :math:`d_s d_t / \max(D_s, D_t)` for D columns.

    .. warning::
        The estimate does not use which teacher row belongs to which student row: shuffling the teacher's rows
        changes nothing, and a rotated copy of the same features scores no better than chance. Use it only to
        compare with published values; otherwise use `correlation_dimension`.

    Parameters
    ----------
    pair : PairedMoments
        Only the two Grams are used.
    rng : numpy.random.Generator
        Draws the projection.
    energy : float
        Fraction of each space's centered energy in the principal axes that are used; 1 uses all axes.
    """
    teacher, student = _axes(pair, energy)
    (D_t, d_t), (D_s, d_s) = teacher.axes.shape, student.axes.shape
    projection = rng.standard_normal((D_s, D_t)) / math.sqrt(max(D_s, D_t))
    value = float(((student.axes.T @ projection @ teacher.axes) ** 2).sum())
    return value, d_s * d_t / max(D_s, D_t)


def whitened_cross(pair: PairedMoments, teacher: PrincipalAxes, student: PrincipalAxes) -> Float:
    """Return C, shape (d_t, d_s): inner products of orthonormal bases of both spaces."""
    return teacher.whitening.T @ pair.whole.gram("teacher", "student") @ student.whitening


def _axes(pair: PairedMoments, energy: float) -> tuple[PrincipalAxes, PrincipalAxes]:
    return pair.axes("teacher").truncated(energy), pair.axes("student").truncated(energy)


def _cross_fitted(pair: PairedMoments, teacher: PrincipalAxes, student: PrincipalAxes) -> float:
    if min(half.n for half in pair.halves) - 1 <= max(len(teacher.eigenvalues), len(student.eigenvalues)):
        return math.nan
    T, S = teacher.whitening, student.whitening
    crosses = [
        inverse_root(T.T @ half.gram("teacher") @ T)
        @ (T.T @ half.gram("teacher", "student") @ S)
        @ inverse_root(S.T @ half.gram("student") @ S)
        for half in pair.halves
    ]
    return float((crosses[0] * crosses[1]).sum())
