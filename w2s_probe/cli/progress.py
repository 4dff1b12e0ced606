"""Progress of long tasks on stderr: bars on a terminal, else one line every five seconds; nothing before two seconds.

Without a terminal, an embedding whose model is still being loaded has its first line after five seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Protocol

from w2s_probe.cli.streams import say
from w2s_probe.core.text import shorten, visible

if TYPE_CHECKING:
    from w2s_probe.core.types import Progress

FIRST = 2.0  # seconds before a task is shown
BETWEEN = 5.0  # seconds between two lines
TICK = 0.1  # seconds between two looks at the clock


@contextmanager
def progress_display(*, quiet: bool) -> Iterator[Progress | None]:
    """Yield a callback that shows tasks on stderr once they take longer than `FIRST`; None if `quiet`."""
    if quiet:
        yield None
        return
    watch = _Watch(_Bars() if sys.stderr is not None and sys.stderr.isatty() else _Lines())
    try:
        yield watch.show
    finally:
        watch.stop()


@dataclass(slots=True)
class _Task:
    """The newest state of a task, and when it began."""

    name: str
    began: float
    done: int
    total: int
    detail: str

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


class _Drawing(Protocol):
    def draw(self, task: _Task) -> None:
        """Show a task; called at each of its steps, and every `TICK` between them."""

    def stop(self) -> None:
        """Show nothing more."""


class _Watch:
    """Keeps the newest state of each task, and has the task in work drawn by a thread of its own.

    A single call to linear algebra can take minutes, so that no callback arrives: the thread shows that time passes.
    """

    def __init__(self, drawing: _Drawing) -> None:
        self._drawing = drawing
        self._lock, self._stopped = Lock(), Event()
        self._tasks: dict[str, _Task] = {}
        self._current: _Task | None = None
        self._thread: Thread | None = None

    def show(self, name: str, done: int, total: int, detail: str = "", /) -> None:
        """Receive the state of a task."""
        with self._lock:
            task = self._tasks.setdefault(name, _Task(name, time.monotonic(), done, total, detail))
            task.done, task.total, task.detail = done, total, detail
            self._current = task
            self._draw(task)
            if done >= total:
                del self._tasks[name]
                self._current = None
            if self._thread is None:
                self._thread = Thread(target=self._look, daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Show nothing more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self._drawing.stop()

    def _look(self) -> None:
        while not self._stopped.wait(TICK):
            with self._lock:
                if self._current is not None:
                    self._draw(self._current)

    def _draw(self, task: _Task) -> None:
        if task.seconds >= FIRST:
            self._drawing.draw(task)


class _Lines:
    """One line for the task in work, every `BETWEEN` seconds; the first one as late if it could not tell anything."""

    def __init__(self) -> None:
        self._last = -BETWEEN

    def draw(self, task: _Task) -> None:
        now = time.monotonic()
        loading = not task.done and not task.detail and task.seconds < BETWEEN  # a model, for example
        if task.done < task.total and now - self._last >= BETWEEN and not loading:
            self._last = now
            say(progress_line(task.name, task.done, task.total, task.detail, task.seconds), err=True)

    def stop(self) -> None:
        return


def progress_line(name: str, done: int, total: int, detail: str, seconds: float) -> str:
    """Return the line of a task.

    Examples
    --------
    >>> progress_line("softmax heads", 1, 4, "student of seed 0, 12 of 26 fits", 41.2)
    'softmax heads: 1 of 4 (student of seed 0, 12 of 26 fits), 41 s'
    """
    return f"{name}: {done:,} of {total:,}{f' ({detail})' if detail else ''}, {seconds:.0f} s"


class _Bars:
    """Bars with the rate of items, the step in work and the time left, unless the step tells it."""

    def __init__(self) -> None:
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def draw(self, task: _Task) -> None:
        if self._bars is None:
            self._bars = _rich_bars()
            self._bars.start()
        if task.name not in self._tasks:
            name = shorten(visible(task.name), 40)
            self._tasks[task.name] = self._bars.add_task(name, total=task.total, detail="")
        rate = f"{task.done / task.seconds:,.0f} items/s" if task.done and not task.detail else ""
        detail = visible(task.detail) or rate
        self._bars.update(self._tasks[task.name], completed=task.done, total=task.total, detail=detail)
        if task.done >= task.total:
            del self._tasks[task.name]  # a task that comes again has a bar of its own

    def stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()


def _rich_bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class TimeLeft(TimeRemainingColumn):
        def render(self, task: Task) -> Text:
            return Text() if task.fields["detail"].endswith(" left") else super().render(task)

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeLeft(),
        console=Console(stderr=True),
    )
