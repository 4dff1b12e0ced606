"""How long something takes, beside its peers in the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

__all__ = ["race", "seconds"]


def seconds(task: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def race(ours: Callable[[], object], peers: dict[str, Callable[[], object]], *, runs: int) -> None:
    """Print medians of interleaved runs, and the ratio of each peer to ours."""
    times: dict[str, list[float]] = {name: [] for name in ("ours", *peers)}
    for _ in range(runs):
        for name, task in {"ours": ours, **peers}.items():
            times[name].append(seconds(task))
    mine = statistics.median(times["ours"])
    print(f"  ours {mine:.2f} s, median of {runs}")
    for name in peers:
        theirs = statistics.median(times[name])
        print(f"  {name} {theirs:.2f} s: {theirs / mine:.2f} x ours")
