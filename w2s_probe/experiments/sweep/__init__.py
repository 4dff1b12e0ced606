"""Weak-to-strong on a grid of sizes, strengths, pairs, strategies and seeds; every cell equals a `run`."""

from w2s_probe.experiments.sweep.grid import run_sweep
from w2s_probe.experiments.sweep.splits import SplitSource
from w2s_probe.results.sweep import EtaContrast, PairTheory, SweepPoint, SweepResult, TheoryPoint

__all__ = ["EtaContrast", "PairTheory", "SplitSource", "SweepPoint", "SweepResult", "TheoryPoint", "run_sweep"]
