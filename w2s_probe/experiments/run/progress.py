"""Counts the heads of a run for a progress callback."""

from __future__ import annotations

from w2s_probe.core.types import Progress


class HeadProgress:
    """Shows how many heads are fitted, and the head in work with its system, seed and fits.

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
        self._done, self._head = 0, ""

    def begin(self, system: str, seed: int) -> None:
        """Receive the head that is fitted next.

        Parameters
        ----------
        system : str
            A system, or a strategy that makes a student.
        seed : int
            Seed of the split.
        """
        self._head = f"{'student' if system == 'vanilla' else system} of seed {seed}"
        self._show(self._head)

    def fits(self, done: int, total: int) -> None:
        """Receive the fits of the head in work, as `fit_softmax` reports them.

        Parameters
        ----------
        done, total : int
            Fits done, and all fits.
        """
        self._show(f"{self._head}, {done} of {total} fits")

    def end(self) -> None:
        """Receive that the head in work is fitted."""
        self._done += 1
        self._show("")

    def _show(self, detail: str) -> None:
        if self._on_progress:
            self._on_progress(self._name, self._done, self._heads, detail)
