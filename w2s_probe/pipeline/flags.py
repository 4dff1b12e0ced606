"""Settings in notes, written as the flags of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable

SETTINGS = ("scale", "teacher_alpha", "student_alpha")


def with_flags(notes: Iterable[str]) -> tuple[str, ...]:
    """Return notes in which these settings, in backticks, are replaced by their flags.

    Examples
    --------
    >>> with_flags(["Use `scale` standard."])
    ('Use --scale standard.',)
    """
    return tuple(re.sub(rf"`({'|'.join(SETTINGS)})`", _flag, note) for note in notes)


def _flag(match: re.Match[str]) -> str:
    return "--" + match[1].replace("_", "-")
