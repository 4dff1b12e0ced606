r"""How much of the student's space is also the teacher's, on the same rows.

With :math:`Q_t, Q_s` orthonormal bases of the centered, PCA-truncated features of m rows, the singular
values of :math:`C = Q_t^\top Q_s` are the canonical correlations and the cosines of the principal
angles; :math:`d_{st} = \lVert C \rVert_F^2` is the correlation dimension of Dong et al. [1]_, section 6
of whose theory says that only these dimensions hand the teacher's variance on.

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
    r"""The correlation dimension, what unrelated features would show, and what is left.

    Parameters
    ----------
    value : float
        Sum of squared canonical correlations on the m rows.
    chance : float
        Its expectation for unrelated features, :math:`d_s d_t / (m - 1)`.
    corrected : float
        The x for which ``value`` is what x shared and otherwise unrelated dimensions show,
        :math:`x + (d_s - x)(d_t - x) / (m - 1 - x)`. Unbiased for unrelated and for nested spaces.
    cross_fitted : float
        Inner product of the whitened cross-covariances of two halves of the rows, whose errors are
        independent; needs no formula for them, but shrinks where half the rows are few. NaN
        where they are not more than the dimensions.
    d_teacher, d_student : int
        Dimensions kept.
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
        Of m rows.
    energy : float
        Fraction of each space's centered energy that its kept principal axes hold; 1 keeps all.

    Raises
    ------
    ShapeError
        If a space is empty, or both together have as many dimensions as the centered rows.
    """
    axes = _axes(pair, energy)
    d_teacher, d_student = (len(side.eigenvalues) for side in axes)
    m, kept = pair.whole.n, d_teacher + d_student
    if m - 1 <= kept:
        msg = f"the correlation dimension needs more rows than dimensions of both spaces: got {m} for {kept}. Add rows."
        raise ShapeError(msg)
    value = float((whitened_cross(pair, *axes) ** 2).sum())
    return CorrelationDimension(
        value=value,
        chance=d_student * d_teacher / (m - 1),
        corrected=(value * (m - 1) - d_student * d_teacher) / (m - 1 + value - kept),
        cross_fitted=_cross_fitted(pair, *axes),
        d_teacher=d_teacher,
        d_student=d_student,
    )


def principal_angles(pair: PairedMoments, *, energy: float = 0.99) -> Float:
    r"""Return the principal angles in radians, largest first, as `scipy.linalg.subspace_angles` does.

    From moments :math:`\cos^2\theta` is exact to some 1e-14: an angle below 1e-6 is given as 0.

    Parameters
    ----------
    pair : PairedMoments
        Of m rows.
    energy : float
        As for `correlation_dimension`.

    Raises
    ------
    ShapeError
        If a space is empty.
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
        It never looks at which rows belong together: shuffling the teacher's rows changes nothing,
        and an exactly rotated copy of the same features scores no better than chance. It is here
        to be compared with published values only; use `correlation_dimension`.

    Parameters
    ----------
    pair : PairedMoments
        Only the two Grams are used.
    rng : numpy.random.Generator
        Draws the projection.
    energy : float
        As for `correlation_dimension`.
    """
    teacher, student = _axes(pair, energy)
    (D_t, d_t), (D_s, d_s) = teacher.axes.shape, student.axes.shape
    projection = rng.standard_normal((D_s, D_t)) / math.sqrt(max(D_s, D_t))
    value = float(((student.axes.T @ projection @ teacher.axes) ** 2).sum())
    return value, d_s * d_t / max(D_s, D_t)


def whitened_cross(pair: PairedMoments, teacher: PrincipalAxes, student: PrincipalAxes) -> Float:
    """Return C of shape (d_t, d_s), inner products of orthonormal bases of both spaces."""
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
