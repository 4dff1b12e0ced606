"""Compares suspects with a known minority and with the student's true errors; the search does not read them."""

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
    """Return the minority's lift among the suspects and among whole clusters, and the student's errors.

    `minority` and `wrong`, shape (N,), say for each row of the pool whether it belongs to the minority and whether
    the student's class differs from the true one. Raises `ShapeError` for other lengths.
    """
    for name, flags in (("the minority's flags", minority), ("the errors' flags", wrong)):
        check_same_rows(name, len(flags), "the pool", len(ranked.rows))
    base, top, number = float(minority.mean()), ranked.suspects, ranked.pool_clusters.number
    defined = base > 0 and len(top) > 0
    by_true_error = np.argsort(-_shares(number, wrong), kind="stable")
    by_error = np.arange(len(by_true_error))
    return JudgedSuspects(
        base_rate=base,
        rows=float(minority[top].mean()) / base if defined else math.nan,
        clusters=_share_of_first(number, minority, by_error, len(top)) / base if defined else math.nan,
        oracle_clusters=_share_of_first(number, minority, by_true_error, len(top)) / base if defined else math.nan,
        auc=_auc(ranked.error, wrong) if len(top) else math.nan,
        pool_error=float(wrong.mean()),
        suspected_error=float(wrong[top].mean()) if len(top) else math.nan,
    )


def over_seeds(judged: Sequence[JudgedSuspects], *, level: float = 0.95) -> SuspectsOverSeeds:
    """Return mean lifts over splits of one table, with t intervals over the splits.

    Splits without a lift are counted as unresolved and take no part in any mean.
    """
    used = [split for split in judged if not math.isnan(split.rows)]

    def mean(name: str) -> float:
        values = [getattr(split, name) for split in used if not math.isnan(getattr(split, name))]
        return float(np.mean(values)) if values else math.nan

    return SuspectsOverSeeds(
        level=level,
        seeds=len(used),
        unresolved=len(judged) - len(used),
        base_rate=mean("base_rate"),
        rows=_lift([split.rows for split in used], level),
        clusters=_lift([split.clusters for split in used], level),
        oracle_clusters=_lift([split.oracle_clusters for split in used], level),
        auc=mean("auc"),
        pool_error=mean("pool_error"),
        suspected_error=mean("suspected_error"),
    )


def _shares(number: Rows, flags: Flags) -> Float:
    """Return the share of flagged rows in each cluster."""
    return np.bincount(number, weights=flags[: len(number)]) / np.bincount(number)


def _share_of_first(number: Rows, minority: Flags, order: Rows, size: int) -> float:
    """Return the minority's share of the first `size` rows, cluster by cluster; the last one counts by its share."""
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
    quantile = special.stdtrit(len(values) - 1, (1 + level) / 2)  # Student's t, as scipy.stats.t.ppf computes it
    half = float(quantile * np.std(values, ddof=1)) / math.sqrt(len(values))
    return Lift(value=mean, low=mean - half, high=mean + half, twice=twice)
