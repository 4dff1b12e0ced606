"""What a verb prints on stderr: the line on what it read, lines of progress, and all other lines."""

from __future__ import annotations

import re

__all__ = ["read_line", "without_read"]

START = "read: "
PROGRESS = re.compile(r"^.+: [\d,]+ of [\d,]+( \(.+\))?, \d+ s$")


def without_read(stderr: str) -> str:
    """Return the text without the line that says what was read (one at most) and lines of what takes long."""
    lines = [line for line in stderr.splitlines(keepends=True) if not PROGRESS.match(line)]
    assert sum(line.startswith(START) for line in lines) <= 1, stderr
    return "".join(line for line in lines if not line.startswith(START))


def read_line(stderr: str) -> str:
    """Return the one line that says what was read."""
    (line,) = (line for line in stderr.splitlines() if line.startswith(START))
    return line
