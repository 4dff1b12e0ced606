"""What suspects are worth, where the minority and the student's errors are known: no search reads this."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from w2s_probe.core.arrays import check_same_rows
from w2s_probe.core.types import Float, Rows
from w2s_probe.experiments.suspects.ranking import RankedPool
from w2s_probe.results.suspects import JudgedSuspects, Lift, SuspectsOverSeeds

Flags = NDArray[np.bool_]


def judge_suspects(ranked: RankedPool, *, minority: Flags, wrong: Flags) -> JudgedSuspects:
    """Return how much of a known minority the suspects hold, and whole clusters beside them.

    Parameters
    ----------
    ranked : RankedPool
        From `find_suspects`.
    minority : array of bool, shape (N,)
        Whether each row of the pool belongs to the minority.
    wrong : array of bool, shape (N,)
        Whether the student errs on it: its class differs from the true one.

    Raises
    ------
    ShapeError
        If there is not one flag for each row of the pool.
    """
    for name, flags in (("the minority's flags", minority), ("the errors' flags", wrong)):
        check_same_rows(name, len(flags), "the pool", len(ranked.rows))
    base, top, number = float(minority.mean()), ranked.suspects, ranked.pool_clusters.number
    found = base > 0 and len(top) > 0
    by_true_error = np.argsort(-_shares(number, wrong), kind="stable")
    by_error = np.arange(len(by_true_error))
    return JudgedSuspects(
        base_rate=base,
        rows=float(minority[top].mean()) / base if found else math.nan,
        clusters=_share_of_first(number, minority, by_error, len(top)) / base if found else math.nan,
        oracle_clusters=_share_of_first(number, minority, by_true_error, len(top)) / base if found else math.nan,
        auc=_auc(ranked.error, wrong) if len(top) else math.nan,
        pool_error=float(wrong.mean()),
        suspected_error=float(wrong[top].mean()) if len(top) else math.nan,
    )


def over_seeds(judged: Sequence[JudgedSuspects], *, level: float = 0.95) -> SuspectsOverSeeds:
    """Return mean lifts over splits of one table, with t intervals over the splits.

    Parameters
    ----------
    judged : sequence of JudgedSuspects
        One for each split; those without a lift are counted and left out.
    level : float
        Level of the intervals, in (0, 1).
    """
    used = [one for one in judged if not math.isnan(one.rows)]

    def mean(name: str) -> float:
        values = [getattr(one, name) for one in used if not math.isnan(getattr(one, name))]
        return float(np.mean(values)) if values else math.nan

    return SuspectsOverSeeds(
        level=level,
        seeds=len(used),
        unresolved=len(judged) - len(used),
        base_rate=mean("base_rate"),
        rows=_lift([one.rows for one in used], level),
        clusters=_lift([one.clusters for one in used], level),
        oracle_clusters=_lift([one.oracle_clusters for one in used], level),
        auc=mean("auc"),
        pool_error=mean("pool_error"),
        suspected_error=mean("suspected_error"),
    )


def _shares(number: Rows, flags: Flags) -> Float:
    """Return the share of flagged rows in each cluster."""
    return np.bincount(number, weights=flags[: len(number)]) / np.bincount(number)


def _share_of_first(number: Rows, minority: Flags, order: Rows, size: int) -> float:
    """Return the minority's share of the first rows, taken cluster by cluster, of the last one at random."""
    sizes = np.bincount(number)[order]
    taken = np.clip(size - (np.cumsum(sizes) - sizes), 0, sizes)
    return float(taken @ _shares(number, minority)[order]) / size


def _auc(error: Float, wrong: Flags) -> float:
    from sklearn.metrics import roc_auc_score

    return math.nan if wrong.all() or not wrong.any() else float(roc_auc_score(wrong, error))


def _lift(values: list[float], level: float) -> Lift:
    if not values:
        return Lift(value=math.nan, low=math.nan, high=math.nan, twice=math.nan)
    mean, twice = float(np.mean(values)), float(np.mean(np.array(values) >= 2))
    if len(values) == 1:
        return Lift(value=mean, low=math.nan, high=math.nan, twice=twice)
    quantile = special.stdtrit(len(values) - 1, (1 + level) / 2)  # what stats.t.ppf calls
    half = float(quantile * np.std(values, ddof=1)) / math.sqrt(len(values))
    return Lift(value=mean, low=mean - half, high=mean + half, twice=twice)
