"""Oracle reference: a student trained with equal total weight for each true group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w2s_probe.strategies.base import Student, W2SProblem
from w2s_probe.strategies.oracle_dfr import known_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleGroupWeightsConfig:
    """Group weights have no settings."""


def oracle_group_weights(problem: W2SProblem, config: OracleGroupWeightsConfig) -> Student:
    """Return the vanilla student of the whole pool, each row weighted by the inverse of its group's size.

    The weights have mean 1, so that strengths mean the same as without weights.
    """
    groups = known_groups(problem, "oracle_group_weights")
    counts = np.bincount(groups)
    weights = len(groups) / (np.count_nonzero(counts) * counts[groups])
    head = problem.fit(problem.X_unlabeled, problem.pseudolabels[0], sample_weight=weights)
    return Student(
        head=head,
        kept=np.ones(len(groups), dtype=np.bool_),
        rule="all pseudolabels, equal total weight of each true group (oracle)",
        weights=weights,
    )
