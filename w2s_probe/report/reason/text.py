"""The result of ``reason`` as text of 80 columns."""

from __future__ import annotations

from w2s_probe.report.page import Grid
from w2s_probe.report.reason.grids import curve_grid, difference_grid, meaning, round_grid, score_grid
from w2s_probe.report.render.terminal import columns, wrapped
from w2s_probe.results.reason import ReasonResult


def reason_text(result: ReasonResult) -> str:
    """Return scores, differences, further teachers or rounds, and what they mean in sentences."""
    lines = [*headline(result), "", _table(score_grid(result), right=(1, 3, 4, 5)), ""]
    lines += ["Accuracy minus the accuracy of others, paired by problem:", _table(difference_grid(result, most=3)), ""]
    if result.curve:
        lines += [
            "Other teachers, and the students of their traces:",
            _table(curve_grid(result), right=(1, 2, 3, 5)),
            "",
        ]
    if result.rounds:
        lines += ["Rounds:", _table(round_grid(result), right=(0, 2, 4, 5)), ""]
    lines += [wrapped(sentence) for sentence in meaning(result)]
    return "\n".join([*lines, *(wrapped(f"Note: {note}") for note in result.notes)])


def headline(result: ReasonResult) -> list[str]:
    """Return task, sizes, intervals and decoders, a line each."""
    config, task = result.config, result.task
    seeds = f"{len(result.seeds)} seed{'s' if len(result.seeds) > 1 else ''}"
    student, teacher, *_ = (learned.parameters for learned in result.pretraining.values())
    return [
        f"{task.steps} steps modulo {task.modulus} ({task.facts} facts), {config['n_labeled']:,} true traces, "
        f"{config['n_unlabeled']:,} pool problems",
        f"{config['n_test']:,} test problems, {seeds}, intervals at {result.level:.0%}",
        f"student of {student:,} and teacher of {teacher:,} parameters, on {result.device}",
    ]


def _table(grid: Grid, *, right: tuple[int, ...] = ()) -> str:
    return columns(grid.header, grid.rows, right=right)
