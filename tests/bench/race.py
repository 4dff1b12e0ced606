"""How long something takes, beside its peers in the same run.

On a busy machine the ratio of processor time is closer to what an idle one would show.
"""

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
    """Print medians of interleaved runs, and the ratio of each peer to ours, also in processor time of this process."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ("ours", *peers)}
    for _ in range(runs):
        for name, task in {"ours": ours, **peers}.items():
            processor = time.process_time()
            wall = seconds(task)
            times[name].append((wall, time.process_time() - processor))
    wall, processor = _medians(times["ours"])
    print(f"  ours {wall:.2f} s, median of {runs}; processor {processor:.2f} s")
    for name in peers:
        theirs = _medians(times[name])
        ratio = f"{theirs[1] / processor:.2f} x" if processor > 0.05 else "in processes of their own"
        print(f"  {name} {theirs[0]:.2f} s: {theirs[0] / wall:.2f} x ours; processor {theirs[1]:.2f} s: {ratio}")


def _medians(times: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(wall for wall, _ in times), statistics.median(processor for _, processor in times)
