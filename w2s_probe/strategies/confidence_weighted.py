"""Confidence weights: rows on which the teacher is sure count more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w2s_probe.core.errors import NotApplicableError
from w2s_probe.core.types import Float
from w2s_probe.strategies.base import Student, W2SProblem, need_classes
from w2s_probe.strategies.weighting import all_rows

NAME = "confidence_weighted"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceWeightedConfig:
    """Confidence weights have no settings."""


def confidence_weighted(problem: W2SProblem, config: ConfidenceWeightedConfig) -> Student:
    r"""Return the head fitted to the first teacher's pseudolabels, each row weighted by the teacher's confidence.

    A preference pair on which the teacher has the margin :math:`m` has the weight :math:`2\,|\sigma(m) - 1/2|` [1]_. It
    is the difference of the teacher's two probabilities, so that a row of K classes has the difference of its two
    largest ones. Weights are divided by their mean.

    ``mean_confidence`` in `fitted` is the mean before this division, and ``effective_share``
    :math:`(\sum_i w_i)^2/(N\sum_i w_i^2)` is the share of the pool that as many equal weights would have.

    Raises
    ------
    NotApplicableError
        For regression, and if the teacher is undecided on every row of the pool.

    References
    ----------
    .. [1] Afzali, Jeon and Brbić (2026), When Weak LLMs Speak with Confidence, Preference Alignment Gets Stronger,
       ICLR 2026, arXiv 2603.04968.
    """
    need_classes(problem, NAME)
    teacher = problem.teachers[0]
    confidence = margins(teacher.head.probabilities(teacher.scores))
    mean = float(confidence.mean())
    if not mean > 0:
        msg = (
            f"the strategy {NAME} needs rows of the pool on which the teacher prefers one class: its two largest "
            "probabilities are equal on every row. Use another `teacher`."
        )
        raise NotApplicableError(msg)
    weights = confidence / mean
    return Student(
        head=problem.fit(problem.X_unlabeled, teacher.pseudolabels, sample_weight=weights),
        kept=all_rows(problem),
        rule="all rows, weighted by the margin of the teacher's two largest probabilities",
        weights=weights,
        fitted={"mean_confidence": mean, "effective_share": float(1 / (weights**2).mean())},
    )


def margins(probabilities: Float) -> Float:
    """Return the largest minus the second largest probability of each row, shape (m,), of an array of shape (m, K).

    Examples
    --------
    >>> import numpy as np
    >>> margins(np.array([[0.25, 0.75], [0.5, 0.5]]))
    array([0.5, 0. ])
    """
    top = np.sort(probabilities, axis=1)
    return np.asarray(top[:, -1] - top[:, -2])
