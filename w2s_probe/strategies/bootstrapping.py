"""Bootstrapping: a chain of backbones, each of which learns from the pseudolabels of the one before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w2s_probe.strategies.base import Student, W2SProblem, need_teachers

NAME = "bootstrapping"


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrappingConfig:
    """The chain has no settings: its order is that of the teachers."""


def bootstrapping(problem: W2SProblem, config: BootstrappingConfig) -> Student:
    """Return the student at the end of a chain of backbones, whose order is that of the teachers.

    The first teacher learns from the labeled rows and labels the pool. A head on the second teacher's features learns
    these pseudolabels and labels the pool anew, and so on; the student learns from the last. Only the first teacher
    sees true labels. The paper orders the models by their size. `fitted` has for each later backbone the share of rows
    whose class it changed.

    References
    ----------
    .. [1] Burns et al. (2023), Weak-to-Strong Generalization, arXiv 2312.09390, section 4.3.1.
    """
    need_teachers(problem, NAME)
    scores = problem.teachers[0].scores
    changed = {}
    for teacher in problem.teachers[1:]:
        before = scores.argmax(axis=1)
        scores = teacher.fit(targets=problem.pseudolabels_of(scores)).scores
        changed[f"changed by {teacher.name}"] = float((scores.argmax(axis=1) != before).mean())
    return Student(
        head=problem.student_of(scores),
        kept=np.ones(len(scores), dtype=np.bool_),
        rule=f"all pseudolabels at the end of a chain of {len(problem.teachers)} teachers",
        targets=problem.pseudolabels_of(scores),
        fitted={} if problem.classes is None else changed,
    )
