"""Weak-to-strong on a grid of sizes, strengths, pairs, strategies and seeds, every cell as `run` would find it."""

from w2s_probe.sweep.draws import SplitSource
from w2s_probe.sweep.grid import run_sweep
from w2s_probe.sweep.summary import SweepPoint, SweepResult

__all__ = ["SplitSource", "SweepPoint", "SweepResult", "run_sweep"]
