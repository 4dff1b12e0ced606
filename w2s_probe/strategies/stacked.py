"""Stacking: the student of the teachers' scores, weighted by least squares on the labeled rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from w2s_probe.core.types import Float
from w2s_probe.linalg.min_norm import stacked_weights
from w2s_probe.strategies.base import Student, W2SProblem, need_teachers
from w2s_probe.strategies.committee import weighted_pseudolabels
from w2s_probe.strategies.weighting import (
    TARGETS,
    Targets,
    all_rows,
    check_choice,
    named_weights,
    need_soft,
    with_variant,
)

NAME = "stacked"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackedConfig:
    """What the student of the weighted teachers is trained on.

    Parameters
    ----------
    targets : {"soft", "hard"}
        The weighted scores, or the decisions of the weighted scores. The other value is a variant.
    """

    targets: Targets = "soft"

    def __post_init__(self) -> None:
        check_choice("stacked.targets", self.targets, TARGETS)


def stacked(problem: W2SProblem, config: StackedConfig) -> Student:
    r"""Return the student of the teachers' weighted scores.

    The weights minimize :math:`\sum_i \lVert \sum_m w_m s_{m,i} - y_i \rVert^2` over :math:`w_m \ge 0`,
    :math:`\sum_m w_m = 1` [1]_, where :math:`s_{m,i}` are scores of labeled row i by a head of teacher m that never saw
    its label.

    References
    ----------
    .. [1] Breiman (1996), Stacked regressions, Machine Learning 24.
    """
    need_teachers(problem, NAME)
    need_soft(problem, NAME, config.targets)
    weights = stacked_weights([problem.soft(teacher.held_out()) for teacher in problem.teachers], problem.Y_labeled)
    scores = weighted_pseudolabels([problem.soft(teacher.scores) for teacher in problem.teachers], weights)
    return with_variant(problem, config.targets, partial(_student, problem, scores, weights))


def _student(problem: W2SProblem, scores: Float, weights: Float, targets: Targets) -> Student:
    Y = problem.hard(scores) if targets == "hard" else scores
    return Student(
        head=problem.fit(problem.X_unlabeled, Y),
        kept=all_rows(problem),
        rule=f"{targets} pseudolabels of all teachers, weighted by their held-out scores on the labeled rows",
        targets=Y,
        fitted=named_weights(problem, weights),
        rivals=("mean_teacher",),
    )
