"""Counts the heads of a run for a progress callback."""

from __future__ import annotations

import threading

from w2s_probe.core.types import Progress


class HeadProgress:
    """Shows how many heads are fitted, and the head in work with its system, seed and fits.

    Each of several threads may fit a head.

    Parameters
    ----------
    on_progress : callable or None
        Receives the task; nothing is shown without it.
    kind : str
        Kind of the heads.
    heads : int
        Number of heads.
    """

    def __init__(self, on_progress: Progress | None, *, kind: str, heads: int) -> None:
        self._on_progress, self._name, self._heads = on_progress, f"{kind} heads", heads
        self._done, self._lock, self._own = 0, threading.Lock(), threading.local()

    def begin(self, system: str, seed: int) -> None:
        """Receive the head that is fitted next.

        Parameters
        ----------
        system : str
            A system, or a strategy that makes a student.
        seed : int
            Seed of the split.
        """
        self._own.head = f"{'student' if system == 'vanilla' else system} of seed {seed}"
        self._show(self._own.head)

    def fits(self, done: int, total: int) -> None:
        """Receive the fits of the head in work, as `fit_softmax` reports them.

        Parameters
        ----------
        done, total : int
            Fits done, and all fits.
        """
        self._show(f"{getattr(self._own, 'head', '')}, {done} of {total} fits")

    def end(self) -> None:
        """Receive that the head in work is fitted."""
        self._show("", heads=1)

    def _show(self, detail: str, *, heads: int = 0) -> None:
        with self._lock:
            self._done += heads
            if self._on_progress:
                self._on_progress(self._name, self._done, self._heads, detail)
