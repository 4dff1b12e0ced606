"""A strategy of another package that returns all that a student may have: parts, new labels, variants."""

from __future__ import annotations

from pathlib import Path

import pytest

__all__ = ["install_steps"]

CODE = '''
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from w2s_probe import NotApplicableError, Student, Teacher, W2SProblem


@dataclass(frozen=True)
class Config:
    keep: float = 0.5


def steps(problem: W2SProblem, config: Config) -> Student:
    """Learn the mean of the teachers, with the labels of the surest rows turned into decisions."""
    others = {"keep=0.9": partial(student, problem, 0.9), "keep=1": student(problem, 1.0)}
    others["keep=0"] = lambda: none(problem)
    return replace(student(problem, config.keep), variants=others)


def student(problem, keep):
    first: Teacher = problem.teachers[0]
    mean = np.mean([teacher.pseudolabels for teacher in problem.teachers], axis=0)
    margin = np.abs(mean[:, 0] - mean[:, 1])
    sure = margin >= np.quantile(margin, 1 - keep)
    targets = np.where(sure[:, None], problem.hard(mean), 1 - first.pseudolabels)
    weights = np.where(sure, 1.0, 0.25)
    return Student(
        head=problem.fit(problem.X_unlabeled, targets, sample_weight=weights),
        kept=np.ones(len(sure), dtype=bool),
        rule="sure rows, and the opposite of the others",
        targets=targets,
        weights=weights,
        parts={"sure rows": sure, "turned": ~sure},
        fitted={"margin": margin[sure].mean()},
        uses_labels=True,
        rivals=("vanilla", "steps/keep=1"),
        caution="It learns some labels that it has turned.",
    )


def none(problem):
    raise NotApplicableError("keep=0 leaves no row: got 0. Set `strategies` to others.")
'''


def install_steps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the strategy ``steps`` by an entry point, as pip does."""
    module = f"steps_{folder.name}".replace("-", "_")
    (folder / f"{module}.py").write_text(CODE, encoding="utf-8")
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[w2s_probe.strategies]\nsteps = {module}:steps\n")
    monkeypatch.syspath_prepend(str(folder))
