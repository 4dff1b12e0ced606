"""Lifts counted by hand, and their interval by scipy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from w2s_probe.core.errors import ShapeError
from w2s_probe.experiments.suspects import RankedPool, judge_suspects, over_seeds
from w2s_probe.experiments.suspects.ranking import Clusters
from w2s_probe.results.suspects import JudgedSuspects

# ten rows, of which four are suspected; clusters of five, three and two rows
NUMBER = np.array([1, 1, 1, 0, 0, 0, 0, 0, 2, 2])
RANKED = RankedPool(
    rows=np.arange(100, 110),
    error=np.linspace(0.9, 0.0, 10),
    teacher=np.zeros(10, dtype=np.intp),
    student=np.zeros(10, dtype=np.intp),
    suspects=np.arange(4),
    suspect_clusters=Clusters(number=np.zeros(4, dtype=np.intp), distance=np.zeros(4)),
    pool_clusters=Clusters(number=NUMBER, distance=np.zeros(10)),
)
MINORITY = np.isin(np.arange(10), [0, 1, 5, 8, 9])
WRONG = np.isin(np.arange(10), [0, 1, 8, 9])


def test_lifts_are_shares_over_the_base_rate() -> None:
    judged = judge_suspects(RANKED, minority=MINORITY, wrong=WRONG)
    assert judged.base_rate == 0.5
    assert judged.rows == pytest.approx(2 / 4 / 0.5)
    # the first cluster holds five rows, four are wanted: its own share, one of five
    assert judged.clusters == pytest.approx(1 / 5 / 0.5)
    # by true error, rows 8 and 9 come first, then two of rows 0, 1 and 2, whose share is two of three
    assert judged.oracle_clusters == pytest.approx((2 + 2 * 2 / 3) / 4 / 0.5)
    assert (judged.pool_error, judged.suspected_error) == (0.4, 0.5)
    # rows 0 and 1 precede all six right rows, 8 and 9 none
    assert judged.auc == 0.5


def test_what_is_undefined_is_nan() -> None:
    nobody = np.zeros(10, dtype=np.bool_)
    judged = judge_suspects(RANKED, minority=nobody, wrong=nobody)
    assert np.isnan([judged.rows, judged.clusters, judged.oracle_clusters, judged.auc]).all()
    assert (judged.base_rate, judged.pool_error, judged.suspected_error) == (0, 0, 0)
    assert math.isnan(judge_suspects(RANKED, minority=MINORITY, wrong=~nobody).auc)


@pytest.mark.parametrize("name", ["minority", "wrong"])
def test_flags_of_other_rows_are_refused(name: str) -> None:
    flags = {"minority": MINORITY, "wrong": WRONG} | {name: MINORITY[:9]}
    with pytest.raises(ShapeError, match="must have one row for each row of the pool: got 9 rows and 10"):
        judge_suspects(RANKED, **flags)


def judged_as(rows: float, *, auc: float = 0.7) -> JudgedSuspects:
    return replace(judge_suspects(RANKED, minority=MINORITY, wrong=WRONG), rows=rows, auc=auc)


def test_the_interval_over_seeds_is_students() -> None:
    lifts = [2.5, 1.5, 3.0, 2.0]
    found = over_seeds([*(judged_as(lift) for lift in lifts), judged_as(math.nan)], level=0.9)
    low, high = stats.t.interval(0.9, 3, loc=np.mean(lifts), scale=stats.sem(lifts))
    assert (found.rows.value, found.rows.low, found.rows.high) == pytest.approx((2.25, low, high))
    assert found.rows.twice == 0.75
    assert (found.seeds, found.unresolved, found.level) == (4, 1, 0.9)
    assert found.clusters.low == pytest.approx(found.clusters.high)
    assert found.clusters.value == pytest.approx(0.4)
    assert (found.base_rate, found.pool_error, found.suspected_error) == (0.5, 0.4, 0.5)


def test_seeds_without_errors_do_not_hide_the_auc_of_others() -> None:
    assert over_seeds([judged_as(2, auc=math.nan), judged_as(2, auc=0.8)]).auc == 0.8


def test_one_seed_has_no_interval_and_none_no_mean() -> None:
    one, none = over_seeds([judged_as(2.5)]), over_seeds([judged_as(math.nan)])
    assert one.rows.value == 2.5
    assert one.rows.twice == 1
    assert np.isnan([one.rows.low, one.rows.high]).all()
    assert (none.seeds, none.unresolved) == (0, 1)
    assert np.isnan([none.rows.value, none.rows.low, none.rows.twice, none.auc, none.base_rate]).all()
