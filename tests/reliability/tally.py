"""Counts of a campaign."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """What a campaign tried, and the faults that it met.

    Parameters
    ----------
    name : str
        Name of the campaign.
    """

    name: str
    tried: int = 0
    faults: list[str] = field(default_factory=list)
    failed: int = 0
    began: float = field(default_factory=time.perf_counter)

    def add(self, trial: str, faults: Iterable[str]) -> None:
        """Count a trial; it failed if there are faults."""
        lines = [f"{trial}: {fault}" for fault in faults]
        self.tried += 1
        self.failed += bool(lines)
        self.faults += lines[:3]
        if lines:
            print("  failed", *lines[:3], sep="\n    ", file=sys.stderr, flush=True)

    def report(self) -> str:
        """Return the line of the table, and the faults below it."""
        seconds = time.perf_counter() - self.began
        line = f"{self.name:<42} tried {self.tried:>5}  failed {self.failed:>4}  {seconds:>6.0f} s"
        return "\n  ".join([line, *self.faults[:40]])
