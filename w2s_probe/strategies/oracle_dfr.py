"""Oracle reference: a student trained on the same number of pseudolabels from each true group."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.types import Rows
from w2s_probe.strategies.base import Scorer, Student, W2SProblem, need_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleDFRConfig:
    """The group-balanced student has no settings."""


def oracle_dfr(problem: W2SProblem, config: OracleDFRConfig) -> Student:
    """Return the vanilla student of a random subset of the pool in which all groups have the same size.

    This is deep feature reweighting with the teacher's pseudolabels. It shows which part of the errors a balanced
    pool would remove; the remaining errors come from the pseudolabels.

    References
    ----------
    .. [1] Kirichenko, Izmailov and Wilson (2022), Last layer re-training is sufficient, arXiv 2204.02937.
    """
    groups = known_groups(problem, "oracle_dfr")
    present, counts = np.unique(groups, return_counts=True)
    order = problem.rng.permutation(len(groups))
    kept = np.zeros(len(groups), dtype=np.bool_)
    for group in present.tolist():
        kept[order[groups[order] == group][: counts.min()]] = True
    refit = partial(_refit, problem)
    return Student(head=refit(kept), kept=kept, rule="equally many rows of each true group (oracle)", refit=refit)


def known_groups(problem: W2SProblem, name: str) -> Rows:
    """Return the group of each row of the pool, shape (N,); `ConfigError` names the strategy if there are none."""
    need_rows(problem, name, "preference pairs have no groups")
    groups = problem.oracle.groups if problem.oracle else None
    if groups is None:
        msg = f"the strategy {name} needs the groups of the pool: got none. Set `group` to the column of group values."
        raise ConfigError(msg)
    return groups


def _refit(problem: W2SProblem, kept: NDArray[np.bool_]) -> Scorer:
    return problem.fit(problem.X_unlabeled[kept], problem.pseudolabels[0][kept])
