"""Gain, PGR, OPR and agreement of a student, each as a ratio of means over test rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.types import Float
from w2s_probe.metrics.intervals import Draws, ratio_of_means
from w2s_probe.metrics.scores import RowScore
from w2s_probe.results.estimate import Estimate


def difference(left: RowScore, right: RowScore, draws: Draws) -> Estimate:
    """Return left minus right on one score, paired by row.

    Parameters
    ----------
    left, right : RowScore
        Contributions of the R results, with the same denominators.
    draws : Draws
        Seed and table row of each of the R results.
    """
    return ratio_of_means(left.numerator - right.numerator, left.denominator, draws)


def performance_gap_recovered(*, teacher: RowScore, student: RowScore, ceiling: RowScore, draws: Draws) -> Estimate:
    """Return (student - teacher) / (ceiling - teacher), a ratio of expectations.

    NaN and unresolved unless the interval of ceiling - teacher lies above 0.

    Parameters
    ----------
    teacher, student, ceiling : RowScore
        Contributions of the R results to the main score; higher is better.
    draws : Draws
        Seed and table row of each of the R results.

    References
    ----------
    .. [1] Burns et al. (2023), Weak-to-Strong Generalization, arXiv 2312.09390, section 3.
    """
    gap = ceiling.numerator - teacher.numerator
    estimate = ratio_of_means(student.numerator - teacher.numerator, gap, draws)
    resolved = ratio_of_means(gap, ceiling.denominator, draws).low > 0
    return _resolved(estimate, resolved=resolved)


def reasoning_gap_recovered(*, untrained: RowScore, student: RowScore, ceiling: RowScore, draws: Draws) -> Estimate:
    """Return RGR, (student - untrained) / (ceiling - untrained), a ratio of expectations.

    NaN and unresolved unless the interval of ceiling - untrained lies above 0. On frozen features the untrained student
    is the majority class of the labeled rows.

    Parameters
    ----------
    untrained, student, ceiling : RowScore
        Contributions of the R results to the main score; higher is better.
    draws : Draws
        Seed and table row of each of the R results.

    References
    ----------
    .. [1] Yuan et al. (2025), Incentivizing Strong Reasoning from Weak Supervision, arXiv 2505.20072.
    """
    return performance_gap_recovered(teacher=untrained, student=student, ceiling=ceiling, draws=draws)


def outperforming_ratio(*, baseline_error: RowScore, student_error: RowScore, draws: Draws) -> Estimate:
    """Return the baseline's error divided by the student's error.

    NaN and unresolved unless the interval of the student's error lies above 0.

    Parameters
    ----------
    baseline_error, student_error : RowScore
        Contributions of the R results to the error: 1 - accuracy, or squared error.
    draws : Draws
        Seed and table row of each of the R results.

    References
    ----------
    .. [1] Dong et al. (2025), arXiv 2502.05075.
    """
    estimate = ratio_of_means(baseline_error.numerator, student_error.numerator, draws)
    resolved = ratio_of_means(student_error.numerator, student_error.denominator, draws).low > 0
    return _resolved(estimate, resolved=resolved)


def agreement(same: NDArray[np.bool_], draws: Draws) -> Estimate:
    """Return the fraction of rows on which two systems predict the same class.

    Parameters
    ----------
    same : array of bool, shape (R,)
        Whether both systems predict the same class.
    draws : Draws
        Seed and table row of each of the R results.
    """
    return ratio_of_means(same.astype(np.float64), np.ones(len(same)), draws, bounds=(0, 1))


def error_imitation(same: NDArray[np.bool_], teacher_right: NDArray[np.bool_], draws: Draws) -> dict[str, Estimate]:
    """Return the student's agreement with its teacher where the teacher is right, and where the teacher is wrong.

    A student that agrees with a wrong teacher has learned the teacher's errors.

    Parameters
    ----------
    same : array of bool, shape (R,)
        Whether student and teacher predict the same class.
    teacher_right : array of bool, shape (R,)
        Whether the teacher's prediction is right.
    draws : Draws
        Seed and table row of each of the R results.
    """
    agree = same.astype(np.float64)
    return {
        name: ratio_of_means(agree * inside, inside.astype(np.float64), draws, bounds=(0, 1))
        for name, inside in {"teacher_right": teacher_right, "teacher_wrong": ~teacher_right}.items()
    }


def agreement_of_values(student: Float, teacher: Float, draws: Draws) -> Estimate:
    r"""Return the R² of the student's predictions with the teacher's predictions as targets.

    :math:`1 - \sum_i (s_i - t_i)^2 / \sum_i (t_i - \bar t)^2`: 1 for a copy, 0 for a student whose squared distance
    from its teacher is that of the teacher's mean.

    Parameters
    ----------
    student, teacher : arrays of shape (R,)
        Predictions of the R results, in the units of the label.
    draws : Draws
        Seed and table row of each of the R results.
    """
    spread = (teacher - teacher.mean()) ** 2
    return ratio_of_means(spread - (student - teacher) ** 2, spread, draws, bounds=(-np.inf, 1))


def repeated_error(student_error: Float, teacher_error: Float, draws: Draws) -> Estimate:
    r"""Return the share of the teacher's error that the student repeats.

    The slope :math:`\sum_i e^s_i e^t_i / \sum_i (e^t_i)^2` of the student's signed errors on the teacher's signed
    errors: 1 for a copy, 0 where the errors are unrelated.

    Parameters
    ----------
    student_error, teacher_error : arrays of shape (R,)
        Prediction minus label of the R results, in the units of the label.
    draws : Draws
        Seed and table row of each of the R results.
    """
    return ratio_of_means(student_error * teacher_error, teacher_error**2, draws)


def _resolved(estimate: Estimate, *, resolved: bool) -> Estimate:
    if not resolved:
        return estimate.unresolved()
    return Estimate(value=estimate.value, low=estimate.low, high=estimate.high, resolved=True)
