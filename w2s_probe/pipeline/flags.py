"""Settings in notes and advice, written as the flags of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from w2s_probe.results.forecast import Forecast
from w2s_probe.results.run import W2SResult

Result = TypeVar("Result", W2SResult, Forecast)
SETTINGS = ("scale", "teacher_alpha", "student_alpha", "pseudolabels")


def with_flags(notes: Iterable[str]) -> tuple[str, ...]:
    """Return notes in which these settings, in backticks, are replaced by their flags.

    Examples
    --------
    >>> with_flags(["Use `scale` standard."])
    ('Use --scale standard.',)
    """
    return tuple(re.sub(rf"`({'|'.join(SETTINGS)})`", _flag, note) for note in notes)


def result_with_flags(result: Result, notes: Iterable[str] = ()) -> Result:
    """Return a result whose notes and advice name flags; `notes`, in which flags stand already, come first."""
    advice = with_flags([result.verdict.advice])[0]
    return replace(result, verdict=replace(result.verdict, advice=advice), notes=(*notes, *with_flags(result.notes)))


def _flag(match: re.Match[str]) -> str:
    return "--" + match[1].replace("_", "-")
