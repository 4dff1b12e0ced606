"""Counts the steps of a simulation for a progress callback."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from w2s_probe.core.types import Progress

T = TypeVar("T")


def counted(steps: Sequence[T], on_progress: Progress | None, name: str) -> Iterator[T]:
    """Yield each step; `on_progress`, if given, is called with the number of steps done and of all steps before it.

    Parameters
    ----------
    steps : sequence
        Trials, or sizes.
    on_progress : callable or None
        Receives the task.
    name : str
        Name of the task.
    """
    for done, step in enumerate(steps):
        if on_progress:
            on_progress(name, done, len(steps))
        yield step
    if on_progress:
        on_progress(name, len(steps), len(steps))
