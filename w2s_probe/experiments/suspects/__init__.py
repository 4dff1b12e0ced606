"""Search for the likely minority of a pool without labels and groups: rank, cluster, describe, compare with truth."""

from w2s_probe.experiments.suspects.find import SearchedRows, find_suspects
from w2s_probe.experiments.suspects.judge import judge_suspects, over_seeds
from w2s_probe.experiments.suspects.naming import name_clusters
from w2s_probe.experiments.suspects.ranking import RankedPool
from w2s_probe.experiments.suspects.run import suspects_of_run

__all__ = [
    "RankedPool",
    "SearchedRows",
    "find_suspects",
    "judge_suspects",
    "name_clusters",
    "over_seeds",
    "suspects_of_run",
]
