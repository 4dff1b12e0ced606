"""The likely minority of a pool without labels and groups: found, named, and judged where it is known."""

from w2s_probe.suspects.find import SearchedRows, find_suspects
from w2s_probe.suspects.judge import judge_suspects, over_seeds
from w2s_probe.suspects.margins import ErrorModel, fit_errors, margins
from w2s_probe.suspects.naming import name_clusters
from w2s_probe.suspects.ranking import RankedPool
from w2s_probe.suspects.report import suspects_of_run

__all__ = [
    "ErrorModel",
    "RankedPool",
    "SearchedRows",
    "find_suspects",
    "fit_errors",
    "judge_suspects",
    "margins",
    "name_clusters",
    "over_seeds",
    "suspects_of_run",
]
