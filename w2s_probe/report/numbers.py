"""The rows of the tables that terminal, page and Markdown show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from w2s_probe.core.text import shorten, visible
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import W2SResult

METRIC_NAMES = {
    "accuracy": "accuracy",
    "brier": "Brier",
    "log_loss": "log loss",
    "ece": "ECE",
    "r2": "R²",
    "squared_error": "squared error",
}
NAME = 24  # cells of a name in a line of its own
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """What is compared, in words, and by how much; differences are signed."""

    name: str
    said: str
    estimate: Estimate
    signed: bool = False

    @property
    def text(self) -> str:
        """The estimate as people read it."""
        return estimate_text(self.estimate, signed=self.signed)


def system_rows(result: W2SResult) -> list[SystemRow]:
    """Return teacher, students, baseline and ceiling, in this order."""
    n, N = result.config["n_labeled"], result.config["n_unlabeled"]
    top = f"{N:,} labels" if result.config["ceiling"] == "U" else f"{n:,} + {N:,} labels"
    one = len(result.students) == 1
    students = [
        SystemRow(
            system="student",
            name="student" if one else visible(name),
            trained_on=f"{student.selection.kept:,.0f} pseudolabels",
            scores=student.scores,
        )
        for name, student in result.students.items()
    ]
    trained_on = {"teacher": f"{n:,} labels", "baseline": f"{n:,} labels", "ceiling": top}
    teacher, baseline, ceiling = (
        SystemRow(system=system, name=system, trained_on=trained_on[system], scores=found.scores)
        for system, found in result.systems.items()
    )
    return [teacher, *students, baseline, ceiling]


def comparisons(result: W2SResult) -> dict[str, list[ComparisonRow]]:
    """Return for each strategy what its student is compared with."""
    return {visible(name): _compared(result, name) for name in result.students}


def _compared(result: W2SResult, name: str) -> list[ComparisonRow]:
    student = result.students[name]
    against = "against using the labels directly"
    rows = [
        ComparisonRow(name="gain", said="student - teacher", estimate=student.gain, signed=True),
        ComparisonRow(name="student - baseline", said=against, estimate=student.versus_baseline, signed=True),
        ComparisonRow(name="PGR", said="of the teacher-to-ceiling gap", estimate=student.pgr),
        ComparisonRow(name="OPR", said="baseline's error / student's", estimate=student.opr),
    ]
    rows.append(ComparisonRow(name="agreement", said="with the teacher", estimate=student.agreement))
    for key, found in student.error_imitation.items():
        rows.append(ComparisonRow(name=IMITATION[key][0], said=IMITATION[key][1], estimate=found))
    return rows


def title(result: W2SResult) -> str:
    """Return what taught what, short enough for a heading."""
    if "teacher" not in result.config:
        return "Weak-to-strong"
    return taught(str(result.config["teacher"]), str(result.config["student"]))


def taught(teacher: str, student: str, *, cells: int = 40) -> str:
    """Return which features teach which, each name shortened to `cells`."""
    return f"{shorten(visible(teacher), cells)} → {shorten(visible(student), cells)}"


def asked(config: Mapping[str, Any], teacher: str, student: str) -> list[str]:
    """Return which features of which data teach which, as a line of at most 80 cells."""
    names = [visible(name) for name in (str(config["data"]), teacher, student)]
    if sum(map(len, names)) > 3 * NAME:
        names = [shorten(name, NAME) for name in names]
    return [f"{names[0]}: {names[1]} -> {names[2]}"]


def headline(result: W2SResult) -> list[str]:
    """Return what was run, as lines of at most 80 cells."""
    config = result.config
    lines = asked(config, str(config["teacher"]), str(config["student"])) if "data" in config else []
    lines.append(
        f"n = {config['n_labeled']:,} labels, N = {config['n_unlabeled']:,} pseudolabels, "
        f"{result.n_test:,} test rows, {visible(config['head'])} heads"
    )
    majority = (
        "" if math.isnan(result.majority_rate) else f"; the largest class has {result.majority_rate:.3f} of the rows"
    )
    intervals = f"{result.level:.0%} intervals, {len(result.seeds)} seed{'s' if len(result.seeds) > 1 else ''}"
    units = f"; squared error in squares of {_label(config)}" if result.score == "r2" else ""
    return [*lines, intervals + majority + units]


def _label(config: Mapping[str, Any]) -> str:
    name = visible(str(config.get("label", "")))
    return f"{name}'s units" if 0 < len(name) <= 20 else "the label's units"


def config_rows(config: Mapping[str, Any], fingerprint: str | None = None) -> list[tuple[str, str]]:
    """Return every setting that has a value, as text, and the fingerprint if there is one."""
    rows = [(key, _setting(value)) for key, value in config.items() if value not in (None, {}, [])]
    return [*rows, *([("fingerprint", fingerprint)] if fingerprint else [])]


def estimate_text(estimate: Estimate, *, digits: int = 3, signed: bool = False) -> str:
    """Return ``0.652 [0.641, 0.663]``, or ``unresolved``."""
    large = max(abs(estimate.value), abs(estimate.low), abs(estimate.high)) >= 10_000
    return _three(estimate, "+" if signed else "", 2 if large else digits, scientific=large)


def score_text(metric: str, estimate: Estimate) -> str:
    """Return one score; a squared error, whose size is that of the label's square, with four digits, or three."""
    largest = max(abs(estimate.low), abs(estimate.high))
    if metric != "squared_error" or not 0 < largest < math.inf:
        return estimate_text(estimate)
    decimals = 3 - math.floor(math.log10(largest))  # four digits, in any unit
    if -1 <= decimals <= 5:
        return _three(estimate, ",", max(decimals, 0), scientific=False)
    return _three(estimate, "", 2, scientific=True)


def _three(estimate: Estimate, sign: str, digits: int, *, scientific: bool) -> str:
    if estimate.resolved is False or math.isnan(estimate.value):
        return "unresolved"
    said = []
    for number in (estimate.value, estimate.low, estimate.high):
        mantissa, e, exponent = f"{number:{sign}.{digits}{'e' if scientific else 'f'}}".partition("e")
        said.append(f"{mantissa}e{int(exponent)}" if e else mantissa)
    return f"{said[0]} [{said[1]}, {said[2]}]"


def _setting(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {item}" for key, item in value.items())
    return str(value)
