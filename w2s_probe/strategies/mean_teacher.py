"""The mean of the teachers: one student of their averaged pseudolabels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from w2s_probe.strategies.base import Student, W2SProblem, need_teachers
from w2s_probe.strategies.committee import mean_pseudolabels
from w2s_probe.strategies.weighting import TARGETS, Targets, all_rows, check_choice, need_soft, with_variant

NAME = "mean_teacher"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanTeacherConfig:
    """What the student learns from the mean of the teachers.

    Parameters
    ----------
    targets : {"soft", "hard"}
        The mean of the teachers' soft pseudolabels, or one-hot rows of its decisions. The other value is a variant.
    """

    targets: Targets = "soft"

    def __post_init__(self) -> None:
        check_choice(f"{NAME}.targets", self.targets, TARGETS)


def mean_teacher(problem: W2SProblem, config: MeanTeacherConfig) -> Student:
    """Return the student of the mean of the teachers' soft pseudolabels, or of the mean's decisions.

    Teachers that contradict each other on every row have a constant mean; their student is constant, too.

    References
    ----------
    .. [1] Du et al. (2020), Agree to Disagree: Adaptive Ensemble Knowledge Distillation in Gradient Space, NeurIPS 33,
       where the mean is the plain rival.
    """
    need_teachers(problem, NAME)
    need_soft(problem, NAME, config.targets)
    return with_variant(problem, config.targets, partial(_student, problem))


def _student(problem: W2SProblem, kind: Targets) -> Student:
    mean = mean_pseudolabels(problem)
    targets = mean if kind == "soft" else problem.hard(mean)
    return Student(
        head=problem.fit(problem.X_unlabeled, targets),
        kept=all_rows(problem),
        rule=f"all rows, {kind} labels of the mean of {len(problem.teachers)} teachers",
        targets=targets,
    )
