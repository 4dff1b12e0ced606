"""A reference that no user can have: a student of as many pseudolabels from each true group."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.types import Rows
from w2s_probe.strategies.base import Scorer, Student, W2SProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleDFRConfig:
    """The group-balanced refit has no settings."""


def oracle_dfr(problem: W2SProblem, config: OracleDFRConfig) -> Student:
    """Return the plain student of a random subset of the pool in which all groups have the same size.

    Deep feature reweighting with the teacher's pseudolabels: it shows what balance alone would mend, and what is
    the fault of the labels.

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
    return Student(head=refit(kept), kept=kept, rule="as many of each true group (oracle)", refit=refit)


def known_groups(problem: W2SProblem, name: str) -> Rows:
    """Return the groups of the pool, or say that there are none.

    Parameters
    ----------
    problem : W2SProblem
        Of a strategy whose name begins with ``oracle_``.
    name : str
        Of the strategy.

    Raises
    ------
    ConfigError
        If the run has no groups.
    """
    groups = problem.oracle.groups if problem.oracle else None
    if groups is None:
        msg = f"strategy {name!r} needs the groups of the pool: got none. Name their column with --group."
        raise ConfigError(msg)
    return groups


def _refit(problem: W2SProblem, kept: NDArray[np.bool_]) -> Scorer:
    return problem.fit(problem.X_unlabeled[kept], problem.pseudolabels[0][kept])
