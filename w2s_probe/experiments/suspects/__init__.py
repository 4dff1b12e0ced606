"""The likely minority of a pool without labels and groups: found, named, and judged where it is known."""

from w2s_probe.experiments.suspects.find import SearchedRows, find_suspects
from w2s_probe.experiments.suspects.judge import judge_suspects, over_seeds
from w2s_probe.experiments.suspects.margins import ErrorModel, fit_errors
from w2s_probe.experiments.suspects.naming import name_clusters
from w2s_probe.experiments.suspects.ranking import RankedPool
from w2s_probe.experiments.suspects.run import suspects_of_run

__all__ = [
    "ErrorModel",
    "RankedPool",
    "SearchedRows",
    "find_suspects",
    "fit_errors",
    "judge_suspects",
    "name_clusters",
    "over_seeds",
    "suspects_of_run",
]
