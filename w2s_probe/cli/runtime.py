"""What verbs do around a library call: open the cache, limit threads, show progress."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from w2s_probe.core.text import shorten, visible

if TYPE_CHECKING:
    from w2s_probe.cache import FeatureStore
    from w2s_probe.core.types import Progress
    from w2s_probe.pipeline.embed import Fetched


def say(text: str, *, err: bool = False) -> None:
    """Print lines to a person; what would steer the terminal is shown as an escape."""
    for line in text.split("\n"):
        click.echo(visible(line), err=err)


def open_store(root: str | None, *, shard_rows: int | None = None) -> FeatureStore:
    """Return the cache at `root`, or at its default place."""
    from w2s_probe.cache import SHARD_ROWS, FeatureStore, default_cache

    return FeatureStore(Path(root) if root else default_cache(), shard_rows=shard_rows or SHARD_ROWS)


@contextmanager
def limited_threads(threads: int | None) -> Iterator[None]:
    """Limit the threads of BLAS for a block; None leaves them alone."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=threads):
        yield


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[Progress | None]:
    """Yield a callback that draws bars with items/s and time left, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(shorten(visible(name), 40), total=total, rate="")
            task = next(task for task in bars.tasks if task.id == tasks[name])
            rate = f"{done / task.elapsed:,.0f} items/s" if done and task.elapsed else ""
            bars.update(tasks[name], completed=done, rate=rate)

        yield show


def fetched_line(fetched: Fetched) -> str:
    """Return one line on what it took to get a backbone's features."""
    rate = f" at {fetched.encoded / fetched.seconds:,.0f} items/s" if fetched.encoded and fetched.seconds else ""
    cut = f"; {fetched.truncated:,} texts were longer than it reads and were cut" if fetched.truncated else ""
    return (
        f"{fetched.backbone}: encoded {fetched.encoded:,} rows{rate}, {fetched.cached:,} from the cache, "
        f"{fetched.dim} dimensions{cut}"
    )
