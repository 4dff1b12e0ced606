r"""Representation gap: what the student's ridge head can fit and the teacher's cannot, without labels.

With kernels :math:`K = XX^\top / m` of centered features and :math:`P = K (K + r I)^{-1}`, the gap between
student and ceiling depends on :math:`\lVert P_s (I - P_t) y \rVert^2` [1]_. For any labels y of norm 1 this is at
most the square of the operator norm of :math:`P_s (I - P_t)`. The norm ranks teachers for one student; it predicts
neither size nor sign of a gain.

References
----------
.. [1] Xue, Li and Mirzasoleiman (2025), ICML, arXiv 2502.00620.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from w2s_probe.linalg.moments import Moments
from w2s_probe.linalg.whitening import principal_axes


@dataclass(frozen=True, slots=True, kw_only=True)
class RepresentationGap:
    """The operator norm of P_s (I - P_t).

    Parameters
    ----------
    value : float
        In [0, 1).
    orthogonal : float
        Value for a teacher whose space is orthogonal to the student's space: the norm of P_s.
    """

    value: float
    orthogonal: float


def representation_gap(moments: Moments, *, teacher_alpha: float, student_alpha: float) -> RepresentationGap:
    r"""Return the representation gap of a student to a teacher, from moments.

    In orthonormal bases of both spaces, with :math:`g = s / (s + \alpha)` and :math:`C = Q_t^\top Q_s`, its square
    is the largest eigenvalue of :math:`g_s [I - C^\top (2 g_t - g_t^2) C] g_s`, a matrix of the student's rank.
    `moments` has blocks ``teacher`` and ``student`` of m rows; the strengths on these rows, :math:`\alpha = m r`, are
    above 0. `ShapeError` if all rows of a space are equal.
    """
    teacher, student = principal_axes(moments, "teacher"), principal_axes(moments, "student")
    C = teacher.whitening.T @ moments.gram("teacher", "student") @ student.whitening
    g_t = teacher.eigenvalues / (teacher.eigenvalues + teacher_alpha)
    g_s = student.eigenvalues / (student.eigenvalues + student_alpha)
    inside = (C.T * (g_t * (2 - g_t))) @ C
    squared = g_s[:, None] * (np.eye(len(g_s)) - inside) * g_s
    largest = linalg.eigvalsh(squared, subset_by_index=[len(g_s) - 1, len(g_s) - 1], check_finite=False)[0]
    return RepresentationGap(value=float(np.sqrt(max(largest, 0.0))), orthogonal=float(g_s.max()))
