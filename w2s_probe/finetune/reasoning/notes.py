"""Notes of ``reason``: accuracies of pre-training that differ from the settings, and students without traces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from w2s_probe.finetune.reasoning.marks import Point, SeedMarks
from w2s_probe.finetune.reasoning.pretraining import COPYING, Pretraining

LEAST_CEILING = 0.9
EMPTY = {  # why a student may have no traces
    "answers": "no trace of the pool has an answer",
    "self_consistent": "no sampled trace has an answer",
    "random": "no trace of the pool has a right answer",
    "oracle_P": "no trace of the pool has a right answer",
    "oracle_N": "every trace of the pool has a right answer",
}


def reason_notes(seeds: Sequence[SeedMarks], *, ceiling: float) -> Iterator[str]:
    """Yield what makes a result hard to read; `ceiling` is the ceiling's accuracy."""
    if len(seeds) == 1:
        yield (
            "One seed: the intervals cover the choice of test problems only, not the choice of training problems and "
            "the training."
        )
    for name in seeds[0].pretraining:
        side, _, number = name.partition(" ")
        yield from _pretraining_notes(
            name if number else f"the {name}", side, [seed.pretraining[name] for seed in seeds]
        )
    for k in range(len(seeds[0].curve)):
        yield from _point_notes([seed.curve[k] for seed in seeds])
    for name in seeds[0].rows:
        yield from _empty_notes(name, [seed.rows[name] for seed in seeds])
    if ceiling < LEAST_CEILING:
        advice = "Use more --updates, another --lr, or a larger -N."
        yield f"The ceiling is below {LEAST_CEILING:g}: the student cannot do the task yet. {advice}"


def learned(every: Sequence[Pretraining]) -> dict[str, Any]:
    """Return the pre-trainings of one side as means over seeds and numbers of seeds."""
    facts, copying, steps = (
        float(np.mean([getattr(one, name) for one in every])) for name in ("facts", "copying", "steps")
    )
    return {
        "facts": facts,
        "copying": copying,
        "steps": steps,
        "parameters": every[0].parameters,
        "short": sum(not one.is_done for one in every),
        "beyond": sum(one.beyond for one in every),
    }


def _pretraining_notes(name: str, side: str, every: Sequence[Pretraining]) -> Iterator[str]:
    """Yield how many pre-trainings ended below the requested accuracy, and how many continued beyond it."""
    flag = f"--{side}-accuracy {every[0].asked:g}"
    short = [one for one in every if not one.is_done]
    if short:
        facts, copying = (np.mean([getattr(one, key) for one in short]) for key in ("facts", "copying"))
        yield (
            f"{len(short)} of {len(every)} pre-trainings of {name} ended below {flag} on facts or below "
            f"{COPYING:g} on copying: at {facts:.2f} on facts and {copying:.2f} on copying. Use a larger --{side}-size."
        )
    beyond = [one.facts for one in every if one.is_done and one.beyond]
    if beyond:
        yield (
            f"{len(beyond)} of {len(every)} pre-trainings of {name} continued beyond {flag} on facts, to "
            f"{np.mean(beyond):.2f}, until copying had {COPYING:g}."
        )


def _point_notes(points: Sequence[Point]) -> Iterator[str]:
    """Yield notes on a further teacher: its own pre-training, and an earlier value that gave the same teacher."""
    axis, value = points[0].axis, points[0].value
    label = axis.replace("_", "-")
    if axis != "teacher_updates":
        name = f"the teacher of --{label} {value:.0f}" if axis == "teacher_size" else "the teacher"
        yield from _pretraining_notes(name, "teacher", [point.pretraining for point in points])
    for other in sorted({point.same_as for point in points if point.same_as is not None}):
        count = sum(point.same_as == other for point in points)
        seeds = "every seed" if count == len(points) else f"{count} of {len(points)} seeds"
        yield f"--{label} {other:g} and {value:g} give the same teacher in {seeds}: two values, one point."


def _empty_notes(name: str, rows: Sequence[int]) -> Iterator[str]:
    """Yield in how many seeds a student has no traces, and why."""
    empty = sum(not count for count in rows)
    if empty == len(rows):
        yield f"{name} has no traces, and therefore no scores: {EMPTY[name]}."
    elif empty:
        yield (
            f"{name} has no traces in {empty} of {len(rows)} seeds, where {EMPTY[name]}: its scores and differences "
            "are those of the other seeds."
        )
