"""The majority vote of the teachers: one student of their most frequent decision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w2s_probe.strategies.base import Student, W2SProblem, need_classes, need_teachers
from w2s_probe.strategies.committee import votes_of

NAME = "majority"


@dataclass(frozen=True, slots=True, kw_only=True)
class MajorityConfig:
    """The majority vote has no settings."""


def majority(problem: W2SProblem, config: MajorityConfig) -> Student:
    """Return the student of the majority vote of the teachers' decisions, as hard labels.

    A tie goes to the class with the larger mean probability, then to the lower class. Two teachers therefore follow
    the mean of their probabilities wherever they disagree.
    """
    need_classes(problem, NAME)
    need_teachers(problem, NAME)
    votes = votes_of(problem.teachers)
    return Student(
        head=problem.fit(problem.X_unlabeled, votes.labels),
        kept=np.ones(len(votes.labels), dtype=np.bool_),
        rule=f"all rows, hard labels of the majority of {len(problem.teachers)} teachers",
        targets=votes.labels,
        fitted={"unanimous_share": float((votes.shares == 1).mean())},
    )
