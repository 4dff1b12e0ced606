"""How long something takes, beside its peers in the same run."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable

__all__ = ["child_cpu_seconds", "race", "seconds"]


def seconds(task: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def child_cpu_seconds(task: Callable[[], object]) -> float:
    """Return the CPU time, on all cores, of the processes that one call starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    task()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def race(
    ours: Callable[[], object],
    peers: dict[str, Callable[[], object]],
    *,
    runs: int,
    clock: Callable[[Callable[[], object]], float] = seconds,
) -> None:
    """Print medians of interleaved runs, and the ratio of each peer to ours."""
    times: dict[str, list[float]] = {name: [] for name in ("ours", *peers)}
    for _ in range(runs):
        for name, task in {"ours": ours, **peers}.items():
            times[name].append(clock(task))
    mine = statistics.median(times["ours"])
    print(f"  ours {mine:.2f} s, median of {runs}")
    for name in peers:
        theirs = statistics.median(times[name])
        print(f"  {name} {theirs:.2f} s: {theirs / mine:.2f} x ours")
