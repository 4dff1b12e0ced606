"""The rows of the table that terminal and page both show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from w2s_probe.results import Estimate, W2SResult

__all__ = ["METRIC_NAMES", "SystemRow", "comparison_rows", "estimate_text", "headline", "score_text", "system_rows"]

METRIC_NAMES = {
    "accuracy": "accuracy",
    "brier": "Brier",
    "log_loss": "log loss",
    "ece": "ECE",
    "r2": "R²",
    "squared_error": "squared error",
}
IMITATION = {
    "teacher_right": ("agreement", "where it is right"),
    "teacher_wrong": ("agreement", "where it is wrong"),
    "teacher_error": ("repeated error", "share of the teacher's error"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRow:
    """One row of the table: which system, what it is called here, its training labels, its scores."""

    system: str
    name: str
    trained_on: str
    scores: Mapping[str, Estimate]


def system_rows(result: W2SResult) -> list[SystemRow]:
    """Return teacher, students, baseline and ceiling, in this order."""
    n, N = result.config["n_labeled"], result.config["n_unlabeled"]
    top = f"{N:,} labels" if result.config["ceiling"] == "U" else f"{n:,} + {N:,} labels"
    one = len(result.students) == 1
    students = [
        SystemRow(
            system="student",
            name="student" if one else f"student {name}",
            trained_on=f"{student.selection.kept:,.0f} pseudolabels",
            scores=student.scores,
        )
        for name, student in result.students.items()
    ]
    trained_on = {"teacher": f"{n:,} labels", "baseline": f"{n:,} labels", "ceiling": top}
    teacher, baseline, ceiling = (
        SystemRow(system=system, name=system, trained_on=trained_on[system], scores=scores)
        for system, scores in result.systems.items()
    )
    return [teacher, *students, baseline, ceiling]


def comparison_rows(result: W2SResult) -> list[tuple[str, str, Estimate]]:
    """Return what is compared, in words, and its estimate, for every student."""
    rows = []
    for name, student in result.students.items():
        of = "" if len(result.students) == 1 else f"{name}: "
        rows += [
            (f"{of}gain", "student - teacher", student.gain),
            (f"{of}student - baseline", "against using the labels directly", student.versus_baseline),
            (f"{of}PGR", "of the teacher-to-ceiling gap", student.pgr),
            (f"{of}OPR", "baseline's error / student's", student.opr),
        ]
        rows.append((f"{of}agreement", "with the teacher", student.agreement))
        rows += [(of + IMITATION[key][0], IMITATION[key][1], found) for key, found in student.error_imitation.items()]
    return rows


def headline(result: W2SResult) -> list[str]:
    """Return what was run, as lines of at most 80 characters unless names are long."""
    config = result.config
    intervals = f"{result.level:.0%} intervals, {len(result.seeds)} seed{'s' if len(result.seeds) > 1 else ''}"
    lines = [f"{config['data']}: {config['teacher']} -> {config['student']}"] if "data" in config else []
    lines.append(
        f"n = {config['n_labeled']:,} labels, N = {config['n_unlabeled']:,} pseudolabels, "
        f"{result.n_test:,} test rows, {config['head']} heads"
    )
    majority = (
        "" if math.isnan(result.majority_rate) else f"; the largest class has {result.majority_rate:.3f} of the rows"
    )
    units = f"; squared error in squares of {_label(config)}" if result.score == "r2" else ""
    return [*lines, intervals + majority + units]


def _label(config: Mapping[str, Any]) -> str:
    name = str(config.get("label", ""))
    return f"{name}'s units" if 0 < len(name) <= 20 else "the label's units"


def estimate_text(estimate: Estimate, *, digits: int = 3, signed: bool = False) -> str:
    """Return ``0.652 [0.641, 0.663]``, or ``unresolved``."""
    if estimate.resolved is False or math.isnan(estimate.value):
        return "unresolved"
    sign = "+" if signed else ""
    return f"{estimate.value:{sign}.{digits}f} [{estimate.low:{sign}.{digits}f}, {estimate.high:{sign}.{digits}f}]"


def score_text(metric: str, estimate: Estimate) -> str:
    """Return one score; a squared error, whose size is that of the label's square, with four digits."""
    largest = max(abs(estimate.low), abs(estimate.high))
    if metric != "squared_error" or not 0 < largest < math.inf:
        return estimate_text(estimate)
    decimals = 3 - math.floor(math.log10(largest))
    form = f",.{max(decimals, 0)}f" if -3 <= decimals <= 7 else ".3e"
    return f"{estimate.value:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"
