"""Tables of ``reason`` for terminal, page and Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator

from w2s_probe.report.numbers import estimate_text
from w2s_probe.report.page import Grid
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.reason import ReasonResult, Side, TeacherPoint

NAMES = {
    "traces": "traces",
    "answers": "answers only",
    "self_consistent": "consistent",
    "oracle_P": "oracle P",
    "oracle_N": "oracle N",
    "mutual": "mutual",
}
DIFFERENCES = ("versus_teacher", "versus_answers", "versus_baseline", "versus_random")


def score_grid(result: ReasonResult) -> Grid:
    """Return accuracy, valid steps and traces that follow the problem, of every system and student."""
    every = {**result.systems, **result.students}
    rows = [
        [
            NAMES.get(name, name),
            _count(result, name),
            _defined(scores.accuracy),
            share_text(scores.valid_steps),
            share_text(scores.follows),
            share_text(scores.rgr),
        ]
        for name, scores in every.items()
    ]
    return Grid(header=["decoder", "traces", "accuracy", "valid steps", "follows", "RGR"], rows=rows)


def difference_grid(result: ReasonResult, *, most: int = len(DIFFERENCES)) -> Grid:
    """Return the accuracy of each student minus the one of others, at most so many, paired by problem."""
    columns = [
        name for name in DIFFERENCES[:most] if any(getattr(s, name) is not None for s in result.students.values())
    ]
    rows = [
        [
            NAMES.get(student, student),
            *(_difference(None if name == f"versus_{student}" else getattr(scores, name)) for name in columns),
        ]
        for student, scores in result.students.items()
    ]
    return Grid(header=["student", *(name.replace("versus_", "- ") for name in columns)], rows=rows)


def curve_grid(result: ReasonResult) -> Grid:
    """Return the teachers of other sizes, accuracies or updates, and the students of their traces."""
    rows = [
        [
            _label(point),
            f"{point.facts:.2f}",
            f"{point.teacher.value:.3f}",
            f"{point.traces.value:.3f}",
            estimate_text(point.versus_teacher, signed=True),
            share_text(point.rgr),
        ]
        for point in result.curve
    ]
    return Grid(header=["teacher", "facts", "accuracy", "student", "student - teacher", "RGR"], rows=rows)


def round_grid(result: ReasonResult) -> Grid:
    """Return both sides after each round."""
    rows = [row for step in result.rounds or () for row in _sides(step.round, step.student, step.teachers)]
    return Grid(header=["round", "side", "accuracy", "since the start", "pairs", "right pairs"], rows=rows)


def meaning(result: ReasonResult) -> Iterator[str]:
    """Yield in sentences how the student of traces compares with teacher, answers only and baseline, where defined."""
    traces = result.students["traces"]
    for estimate, name in (
        (traces.versus_teacher, "its teacher"),
        (traces.versus_answers, "the student of answers only"),
        (traces.versus_baseline, "the student of the labeled problems' true traces"),
    ):
        if estimate is not None and not math.isnan(estimate.value):
            yield f"The student of traces {_comparison(estimate)} {name}: {estimate_text(estimate, signed=True)}."
    yield f"Of the teacher's traces of the pool, {estimate_text(result.pool_accuracy)} have a right answer."
    right = result.students.get("oracle_P")
    if right is not None and right.versus_random is not None and not math.isnan(right.versus_random.value):
        difference = estimate_text(right.versus_random, signed=True)
        yield f"Right traces only (oracle P), minus as many random traces: {difference}."
    if result.rounds:
        first, last = result.rounds[0], result.rounds[-1]
        yield (
            f"In {last.round} rounds the student went from {first.student.accuracy.value:.3f} to "
            f"{last.student.accuracy.value:.3f}: {estimate_text(last.student.change, signed=True)}."
        )


def share_text(estimate: Estimate) -> str:
    """Return a value without its interval; a dash where it is undefined."""
    return "–" if math.isnan(estimate.value) else f"{estimate.value:.3f}"


def _comparison(estimate: Estimate) -> str:
    if estimate.low > 0:
        return "is better than"
    return "is worse than" if estimate.high < 0 else "is not distinguishable from"


def _defined(estimate: Estimate) -> str:
    return "–" if math.isnan(estimate.value) else estimate_text(estimate)


def _label(point: TeacherPoint) -> str:
    """Return the setting of a point: a size as it is, and a value that gave an earlier teacher with that one."""
    value = f"{point.parameters:,}" if point.axis == "teacher_size" else f"{point.value:,g}"
    same = "" if point.same_as is None else f" = {point.same_as:,g}"
    return f"{point.axis.replace('_', ' ')} {value}{same}"


def _difference(estimate: Estimate | None) -> str:
    return "–" if estimate is None or math.isnan(estimate.value) else estimate_text(estimate, digits=2, signed=True)


def _count(result: ReasonResult, name: str) -> str:
    config = result.config
    own = {"untrained": 0, "teacher": config["n_labeled"], "baseline": config["n_labeled"]}
    return f"{own.get(name, result.rows.get(name, config['n_unlabeled'])):,.0f}"


def _sides(number: int, student: Side, teachers: tuple[Side, ...]) -> Iterator[list[str]]:
    names = ["teacher"] if len(teachers) == 1 else [f"teacher {k}" for k in range(1, len(teachers) + 1)]
    for name, side in zip(["student", *names], (student, *teachers), strict=True):
        right = "–" if math.isnan(side.right_pairs) else f"{side.right_pairs:.2f}"
        change = estimate_text(side.change, signed=True) if number else "–"
        yield [str(number), name, share_text(side.accuracy), change, f"{side.pairs:.0f}", right]
