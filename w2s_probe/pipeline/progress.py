"""Progress of one of several equal parts of a task."""

from __future__ import annotations

from w2s_probe.core.types import Progress


def part_of(on_progress: Progress | None, at: int, parts: int, names: tuple[str, str]) -> Progress | None:
    """Return a callback that counts the steps of one part among the steps of all parts.

    Parameters
    ----------
    on_progress : callable or None
        Receives the whole task.
    at, parts : int
        Position of the part, and number of parts.
    names : tuple of str
        Names of teacher and student, put before the step in work.
    """
    if on_progress is None or parts == 1:
        return on_progress

    def show(name: str, done: int, total: int, detail: str = "", /) -> None:
        on_progress(name, at * total + done, parts * total, f"{' and '.join(names)}, {detail}")

    return show
