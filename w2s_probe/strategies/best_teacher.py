"""The best teacher: one student of the teacher with the highest held-out score on the labeled rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w2s_probe.strategies.base import Student, W2SProblem, need_teachers
from w2s_probe.strategies.committee import held_out_score

NAME = "best_teacher"


@dataclass(frozen=True, slots=True, kw_only=True)
class BestTeacherConfig:
    """The best teacher has no settings."""


def best_teacher(problem: W2SProblem, config: BestTeacherConfig) -> Student:
    """Return the student of the teacher with the highest held-out accuracy on the labeled rows; R² for regression.

    The first of equally good teachers is chosen. `fitted` says for each teacher whether it was: its mean over seeds is
    the share of the seeds that chose the teacher.
    """
    need_teachers(problem, NAME)
    scores = [held_out_score(problem, teacher) for teacher in problem.teachers]
    place = int(np.argmax(scores))
    best = problem.teachers[place]
    return Student(
        head=problem.student_of(best.scores) if place else problem.vanilla(),
        kept=np.ones(len(best.scores), dtype=np.bool_),
        rule="all pseudolabels of the teacher with the best held-out score",
        targets=best.pseudolabels if place else None,
        fitted={f"chosen {teacher.name}": float(teacher is best) for teacher in problem.teachers},
    )
