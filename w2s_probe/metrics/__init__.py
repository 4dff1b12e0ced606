"""Scores of one row, and what they say of a system with its interval."""

from w2s_probe.metrics.gaps import (
    agreement,
    difference,
    error_imitation,
    outperforming_ratio,
    performance_gap_recovered,
)
from w2s_probe.metrics.intervals import Draws, ratio_of_means
from w2s_probe.metrics.scores import RowScore, classification_rows, regression_rows, reliability_bins
from w2s_probe.metrics.verdict import decide

__all__ = [
    "Draws",
    "RowScore",
    "agreement",
    "classification_rows",
    "decide",
    "difference",
    "error_imitation",
    "outperforming_ratio",
    "performance_gap_recovered",
    "ratio_of_means",
    "regression_rows",
    "reliability_bins",
]
