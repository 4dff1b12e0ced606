"""What a verb prints on stderr: the line on what it read, lines of progress, and all other lines."""

from __future__ import annotations

import os
import re

from w2s_probe.core.look_alikes import encodable

__all__ = ["as_printed", "read_line", "without_read"]

START = "read: "
PROGRESS = re.compile(r"^.+: [\d,]+ of [\d,]+( \(.+\))?, \d+ s$")


def as_printed(text: str) -> str:
    """Return a text as a verb prints it: with look-alikes where tests run with a stdout that lacks some signs."""
    return encodable(text, os.environ.get("PYTHONIOENCODING"))


def without_read(stderr: str) -> str:
    """Return the text without the line that says what was read (one at most) and lines of what takes long."""
    lines = [line for line in stderr.splitlines(keepends=True) if not PROGRESS.match(line)]
    assert sum(line.startswith(START) for line in lines) <= 1, stderr
    return "".join(line for line in lines if not line.startswith(START))


def read_line(stderr: str) -> str:
    """Return the one line that says what was read."""
    (line,) = (line for line in stderr.splitlines() if line.startswith(START))
    return line
