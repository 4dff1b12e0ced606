"""Numbers and names as text, for terminal, page and Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from w2s_probe.core.text import shorten_names, visible
from w2s_probe.results.estimate import Estimate, GroupEstimate, PriorMean, WorstGroup
from w2s_probe.results.forecast import Outlook

METRIC_NAMES = {
    "accuracy": "accuracy",
    "brier": "Brier",
    "log_loss": "log loss",
    "ece": "ECE",
    "r2": "R²",
    "squared_error": "squared error",
}
NAME = 24  # cells of a name in a line of its own
Interval = Estimate | GroupEstimate | PriorMean | WorstGroup | Outlook


def estimate_of(interval: Interval) -> Estimate:
    """Return value and limits without `resolved`, so that an unresolved difference is written as numbers, too."""
    return Estimate(value=interval.value, low=interval.low, high=interval.high)


def pair_title(teacher: str, student: str, *, cells: int = 40, among: Iterable[str] = ()) -> str:
    """Return ``teacher → student``, each name shortened to `cells` but different from the names `among` others."""
    names = [visible(name) for name in (teacher, student, *among)]
    return " → ".join(shorten_names(names, cells)[:2])


def pair_line(config: Mapping[str, Any], teacher: str, student: str) -> str:
    """Return ``data: teacher -> student``, at most 80 cells if the names differ there and no teacher has a ``+``."""
    names = [visible(name) for name in (str(config["data"]), teacher, student)]
    if sum(map(len, names)) > 3 * NAME and "+" not in teacher:
        names = shorten_names(names, NAME)
    return f"{names[0]}: {names[1]} -> {names[2]}"


def config_rows(config: Mapping[str, Any], fingerprint: str | None = None) -> list[tuple[str, str]]:
    """Return every setting that has a value, as text, and the fingerprint if there is one."""
    rows = [(key, _setting(value)) for key, value in config.items() if value not in (None, {}, [])]
    return [*rows, *([("fingerprint", fingerprint)] if fingerprint else [])]


def _setting(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {item}" for key, item in value.items())
    return str(value)


def estimate_text(estimate: Estimate, *, digits: int = 3, signed: bool = False) -> str:
    """Return ``0.652 [0.641, 0.663]``, or ``unresolved``."""
    large = 10_000 <= max(abs(estimate.value), abs(estimate.low), abs(estimate.high)) < math.inf
    return _with_limits(estimate, "+" if signed else "", 2 if large else digits, scientific=large)


def score_text(metric: str, estimate: Estimate) -> str:
    """Return a score: four significant digits for a squared error, which has the label's unit squared; else three."""
    largest = max(abs(estimate.low), abs(estimate.high))
    if metric != "squared_error" or not 0 < largest < math.inf:
        return estimate_text(estimate)
    decimals = 3 - math.floor(math.log10(largest))
    if -1 <= decimals <= 5:
        return _with_limits(estimate, ",", max(decimals, 0), scientific=False)
    return _with_limits(estimate, "", 2, scientific=True)


def _with_limits(estimate: Estimate, sign: str, digits: int, *, scientific: bool) -> str:
    if estimate.resolved is False or math.isnan(estimate.value):
        return "unresolved"
    value, low, high = (
        _number(number, sign, digits, scientific=scientific) for number in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} [{low}, {high}]"


def _number(number: float, sign: str, digits: int, *, scientific: bool) -> str:
    mantissa, e, exponent = f"{number:{sign}.{digits}{'e' if scientific else 'f'}}".partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa
