"""What is fine-tuned on one split: rows, targets and weights of each system, and the frozen head where it starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from w2s_probe.core.config import W2SConfig
from w2s_probe.core.fit_options import FitOptions
from w2s_probe.core.labels import Labels
from w2s_probe.core.types import Float, Rows
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.scores import VANILLA
from w2s_probe.finetune.tuned import ChosenBy
from w2s_probe.heads import LinearHead
from w2s_probe.strategies import Student
from w2s_probe.strategies.control import CONTROL
from w2s_probe.strategies.registry import chosen_strategies

BASELINE, CEILING, TEACHER = "finetuned_baseline", "finetuned_ceiling", "finetuned_teacher"
STUDENT = "finetuned"  # the vanilla student; others are finetuned/STRATEGY
BY_TUNED = f"{STUDENT}/{TEACHER}"  # the vanilla student of the fine-tuned teacher


@dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """One system to fine-tune.

    Parameters
    ----------
    name : str
        Name of the fine-tuned system.
    frozen : str
        Name of the frozen system.
    rows : array of int, shape (m,)
        Rows of the table that it is trained on.
    targets : array of shape (m, K)
        Their labels or pseudolabels, rows that sum to 1.
    head : LinearHead
        The frozen system's head.
    options : FitOptions
        Its loss.
    chosen_by : {"held_out_pseudolabels", "held_out_labels"}
        What a tenth of these rows decides on the number of epochs.
    weights : array of shape (m,), or None
        Weights of the rows; None for equal ones.
    """

    name: str
    frozen: str
    rows: Rows
    targets: Float
    head: LinearHead
    options: FitOptions
    chosen_by: ChosenBy
    weights: Float | None = None


def label_tasks(outcome: SeedOutcome, labels: Labels, config: W2SConfig) -> Iterator[Task]:
    """Yield baseline and ceiling, which learn true labels of the student's items."""
    split = outcome.split
    L, U = split.labeled, split.unlabeled
    rows = {"baseline": L, "ceiling": np.concatenate([L, U]) if config.ceiling == "L+U" else U}
    for frozen, name in (("baseline", BASELINE), ("ceiling", CEILING)):
        yield label_task(name, frozen, rows[frozen], outcome.heads[frozen], labels, config)


def label_task(name: str, frozen: str, rows: Rows, head: LinearHead, labels: Labels, config: W2SConfig) -> Task:
    """Return the task of a system that learns the true labels of some rows."""
    options = config.fit_options("baseline")
    targets = labels.targets(rows)
    return Task(
        name=name,
        frozen=frozen,
        rows=rows,
        targets=targets,
        head=head,
        options=options,
        chosen_by="held_out_labels",
    )


def student_tasks(outcome: SeedOutcome, config: W2SConfig, skipped: dict[str, str]) -> Iterator[Task]:
    """Yield each strategy's student, and the random control of a selection; why others are left out is in `skipped`."""
    strategies = chosen_strategies(config.strategies)
    for name, student in outcome.students.items():
        if name.removesuffix(CONTROL) not in strategies:
            continue
        tuned = STUDENT if name == VANILLA else f"{STUDENT}/{name}"
        if student.uses_labels or not isinstance(student.head, LinearHead):
            skipped[tuned] = (
                f"{name} is not fine-tuned: its head does not learn pseudolabels of the pool alone. "
                f"Read the frozen result of {name}."
            )
            continue
        yield student_task(tuned, name, outcome, student, student.head, outcome.targets(name), config)


def student_task(
    tuned: str,
    frozen: str,
    outcome: SeedOutcome,
    student: Student,
    head: LinearHead,
    targets: Float,
    config: W2SConfig,
) -> Task:
    """Return the task of a student that learns some pseudolabels of the pool, shape (N, K)."""
    return Task(
        name=tuned,
        frozen=frozen,
        rows=outcome.split.unlabeled[student.kept],
        targets=targets[student.kept],
        head=head,
        options=student.options or config.fit_options("student"),
        chosen_by="held_out_pseudolabels",
        weights=None if student.weights is None else student.weights[student.kept],
    )
