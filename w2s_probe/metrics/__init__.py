"""Scores, gain, PGR and OPR with confidence intervals, scores by group, and the verdict."""

from w2s_probe.metrics.gaps import (
    agreement,
    agreement_of_values,
    difference,
    error_imitation,
    outperforming_ratio,
    performance_gap_recovered,
    reasoning_gap_recovered,
    repeated_error,
)
from w2s_probe.metrics.groups import GroupRows, worst_difference, worst_gap_recovered
from w2s_probe.metrics.intervals import Draws, ratio_of_means
from w2s_probe.metrics.likeness import constant_text, imitation, is_constant, modal_decision
from w2s_probe.metrics.scores import RowScore, classification_rows, regression_rows, reliability_bins
from w2s_probe.metrics.verdict import Combination, WorstGroupChange, decide

__all__ = [
    "Combination",
    "Draws",
    "GroupRows",
    "RowScore",
    "WorstGroupChange",
    "agreement",
    "agreement_of_values",
    "classification_rows",
    "constant_text",
    "decide",
    "difference",
    "error_imitation",
    "imitation",
    "is_constant",
    "modal_decision",
    "outperforming_ratio",
    "performance_gap_recovered",
    "ratio_of_means",
    "reasoning_gap_recovered",
    "regression_rows",
    "reliability_bins",
    "repeated_error",
    "worst_difference",
    "worst_gap_recovered",
]
