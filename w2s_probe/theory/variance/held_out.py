r"""The parts of a student's error where labels tell only what held-out predictions miss.

`decompose` asks for the variance of labels around the head that teachers of this strength approach. A
teacher's squared error on fresh points is that and its own variance, which is proportional to it:
:math:`e_t = \sigma^2 (1 + v)`, v being the variance for :math:`\sigma^2 = 1`. So :math:`\sigma^2` follows
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
    """Return the parts of a student's squared error; None where the theory has no expectation.

    What labels vary around the truth is in the bias: held-out errors do not tell the two apart.

    Parameters
    ----------
    pool : Moments
        Of the blocks ``"teacher"`` and ``"student"``, both of the pool's rows.
    Y : array of shape (n, K)
        Labels.
    teacher, student : arrays of shape (n, K)
        What the systems say of each row when its label was left out.
    teacher_alpha, student_alpha : float
        Strengths of the heads.
    """
    missed_t, missed_s = (float(((F - Y) ** 2).sum(axis=1).mean()) for F in (teacher, student))
    parts = partial(decompose, pool, n=len(Y), teacher_alpha=teacher_alpha, student_alpha=student_alpha)
    try:
        noise = missed_t / (1 + parts(noise_variance=1.0).teacher_variance)
        return parts(noise_variance=noise, squared_error=missed_s)
    except W2SProbeError:  # too few rows for an expectation, or features that do not vary
        return None
