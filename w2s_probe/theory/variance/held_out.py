r"""Decomposition of a student's error from held-out predictions on the labeled rows.

`decompose` needs the variance :math:`\sigma^2` of labels around the limit of teachers of this strength. A
teacher's squared error on new rows is :math:`\sigma^2` plus the teacher's variance, which is proportional to it:
:math:`e_t = \sigma^2 (1 + v)`, with v the teacher's variance at :math:`\sigma^2 = 1`. So :math:`\sigma^2` follows
from the leave-one-out error.
"""

from __future__ import annotations

from functools import partial

from w2s_probe.core.errors import W2SProbeError
from w2s_probe.core.types import Float
from w2s_probe.linalg.moments import Moments
from w2s_probe.results.forecast import ErrorParts
from w2s_probe.theory.variance.decomposition import decompose


def decompose_held_out(
    pool: Moments, Y: Float, *, teacher: Float, student: Float, teacher_alpha: float, student_alpha: float
) -> ErrorParts | None:
    """Return the parts of a student's squared error; None if the theory has no expectation.

    The bias includes the label noise: held-out errors cannot separate the two.

    Parameters
    ----------
    pool : Moments
        Moments of the pool, with blocks ``"teacher"`` and ``"student"``.
    Y : array of shape (n, K)
        Labels.
    teacher, student : arrays of shape (n, K)
        Held-out predictions of both systems.
    teacher_alpha, student_alpha : float
        Strengths of the heads.
    """
    error_t, error_s = (float(((F - Y) ** 2).sum(axis=1).mean()) for F in (teacher, student))
    parts = partial(decompose, pool, n=len(Y), teacher_alpha=teacher_alpha, student_alpha=student_alpha)
    try:
        noise = error_t / (1 + parts(noise_variance=1.0).teacher_variance)
        return parts(noise_variance=noise, squared_error=error_s)
    except W2SProbeError:  # too few rows for an expectation, or features that do not vary
        return None
