"""Weak-to-strong on a grid of sizes, strengths, pairs, strategies and seeds, every cell as `run` would find it."""

from w2s_probe.sweep.draws import SplitSource
from w2s_probe.sweep.grid import run_sweep
from w2s_probe.sweep.output import EtaContrast, PairTheory, SweepPoint, SweepResult, TheoryPoint

__all__ = ["EtaContrast", "PairTheory", "SplitSource", "SweepPoint", "SweepResult", "TheoryPoint", "run_sweep"]
