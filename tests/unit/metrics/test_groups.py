"""Scores by group against fairlearn, and intervals of a worst group that hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from w2s_probe import metrics
from w2s_probe.metrics import Draws, GroupRows, RowScore

NAMES = ("a", "b", "c", "d")


def rows(values: np.ndarray) -> RowScore:
    return RowScore(numerator=values.astype(float), denominator=np.ones(len(values)), bounds=(0.0, 1.0))


def of(values: np.ndarray, codes: np.ndarray, *, smaller: bool = True) -> GroupRows:
    shares = np.bincount(codes, minlength=4) / len(codes)
    return GroupRows.of(rows(values), codes, NAMES, shares, smaller_is_worse=smaller)


def test_groups_equal_fairlearns_metric_frame() -> None:
    fairlearn = pytest.importorskip("fairlearn.metrics")
    rng = np.random.default_rng(0)
    codes, truth, said = rng.integers(3, size=500), rng.integers(2, size=500), rng.integers(2, size=500)
    found = of(truth == said, codes)
    frame = fairlearn.MetricFrame(
        metrics=lambda y, p: float(np.mean(y == p)), y_true=truth, y_pred=said, sensitive_features=codes
    )
    draws = Draws(rows=[np.arange(500)])
    estimates = found.estimates(draws)
    assert list(estimates) == ["a", "b", "c"]  # the group without rows is left out
    for code, name in enumerate(estimates):
        assert estimates[name].value == pytest.approx(frame.by_group.loc[code], abs=1e-12)
        assert estimates[name].n == (codes == code).sum()
    worst = found.worst(draws)
    assert worst.value == pytest.approx(frame.group_min(), abs=1e-12)
    assert worst.group == NAMES[frame.by_group.idxmin()]
    assert found.mean(draws).value == pytest.approx(frame.by_group.mean(), abs=1e-12)
    assert found.prior_mean(draws).value == pytest.approx(frame.overall, abs=1e-12)


def test_a_groups_interval_is_that_of_its_rows_alone() -> None:
    rng = np.random.default_rng(1)
    codes, right = np.tile(np.arange(4), 60), rng.random((6, 240)) < 0.7
    draws = Draws(rows=[np.arange(240) + 1000 * s for s in range(6)])
    found = of(right.ravel(), np.tile(codes, 6)).estimates(draws)["b"]
    inside = right[:, codes == 1]
    alone = metrics.ratio_of_means(
        inside.ravel().astype(float), np.ones(inside.size), Draws(rows=[np.arange(60) + 1000 * s for s in range(6)])
    )
    assert (found.value, found.low, found.high) == pytest.approx((alone.value, alone.low, alone.high), abs=1e-12)


def test_an_error_is_worst_where_it_is_largest() -> None:
    codes = np.repeat([0, 1], 50)
    worst = of(np.where(codes == 1, 0.9, 0.2), codes, smaller=False).worst(Draws(rows=[np.arange(100)]))
    assert worst.group == "b"
    assert worst.value == pytest.approx(0.9)


def test_without_a_seed_of_difference_there_is_none() -> None:
    rng = np.random.default_rng(2)
    codes, right = rng.integers(4, size=300), rng.random(300) < 0.6
    one = of(right, codes)
    same = metrics.worst_difference(one, one, Draws(rows=[np.arange(300)]))
    assert same.value == 0
    assert same.low <= 0 <= same.high


def at(draws: Draws, share: float) -> Draws:
    return Draws(rows=draws.rows, level=1 - share * (1 - draws.level))


def not_excluded(groups: GroupRows, draws: Draws, share: float) -> list[int]:
    """Return the groups that can be the worst, by the definition in w2s_probe/metrics/groups.py."""
    sign = 1 if groups.smaller_is_worse else -1
    means = [sign * row.numerator.mean() for row in groups.rows]
    worst = means.index(min(means))
    strict = at(draws, 2 * share / max(len(means) - 1, 1))
    left = [worst]
    for g, row in enumerate(groups.rows):
        gap = metrics.ratio_of_means(sign * (row.numerator - groups.rows[worst].numerator), row.denominator, strict)
        left += [g] if g != worst and gap.low <= 0 else []
    return left


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), groups=st.integers(1, 4), step=st.floats(0, 0.1), smaller=st.booleans())
def test_groups_clearly_better_than_the_worst_are_excluded(seed: int, groups: int, step: float, smaller: bool) -> None:
    rng = np.random.default_rng(seed)
    draws = Draws(rows=[np.arange(120) + 1000 * s for s in range(6)])
    codes = np.tile(np.arange(120) % groups, 6)
    values = rng.random(720) + step * codes * (1 if smaller else -1)
    scored = of(values, codes, smaller=smaller)
    assert scored.plausible(draws) == not_excluded(scored, draws, 0.1)
    assert scored.plausible(draws, 0.05) == not_excluded(scored, draws, 0.05)
    left = not_excluded(scored, draws, 0.1)
    apart, together = at(draws, 0.9), at(draws, 0.9 / len(left))
    pointwise, joint = ([metrics.difference(row, zero(row), d) for row in scored.rows] for d in (apart, together))
    worst = scored.worst(draws)
    if smaller:
        limits = min(pointwise[g].low for g in left), min(joint[g].high for g in left)
    else:
        limits = max(joint[g].low for g in left), max(pointwise[g].high for g in left)
    assert (worst.low, worst.high) == pytest.approx(tuple(np.clip(limits, 0, 1)), abs=1e-12)
    assert worst.n == (codes == left[0]).sum() / 6


def zero(row: RowScore) -> RowScore:
    return rows(np.zeros(len(row.numerator)))


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), step=st.floats(0, 0.1))
def test_a_difference_of_worst_groups_covers_all_pairs_of_groups_that_can_be_the_worst(seed: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    draws = Draws(rows=[np.arange(120) + 1000 * s for s in range(6)])
    codes = np.tile(np.arange(120) % 3, 6)
    left, right = (of(rng.random(720) + step * codes, codes) for _ in range(2))
    G, H = (not_excluded(system, draws, 0.05) for system in (left, right))
    pairs = [[metrics.difference(left.rows[g], right.rows[h], at(draws, 0.9 / len(H))).low for h in H] for g in G]
    found = metrics.worst_difference(left, right, draws)
    assert found.low == pytest.approx(min(map(max, pairs)), abs=1e-12)
    pairs = [[metrics.difference(left.rows[g], right.rows[h], at(draws, 0.9 / len(G))).high for h in H] for g in G]
    assert found.high == pytest.approx(min(map(max, pairs)), abs=1e-12)
    assert found.value == pytest.approx(left.rows[G[0]].numerator.mean() - right.rows[H[0]].numerator.mean())


def test_a_score_by_group_is_an_accuracy_unless_it_is_said_to_be_an_error() -> None:
    scored = of(np.array([1.0, 0.0]), np.array([0, 1]))
    row = {"rows": scored.rows, "names": scored.names, "sizes": scored.sizes, "shares": scored.shares}
    assert GroupRows(**row).worst_at == 1  # type: ignore[arg-type]
    assert GroupRows.of(rows(np.array([1.0, 0.0])), np.array([0, 1]), NAMES, np.full(4, 0.25)).worst_at == 1


@pytest.mark.statistical
@pytest.mark.parametrize("truth", [(0.7, 0.7, 0.7, 0.7), (0.3, 0.8, 0.8, 0.9)])
def test_the_worst_groups_interval_holds_whether_groups_are_level_or_not(truth: tuple[float, ...]) -> None:
    rng = np.random.default_rng(3)
    draws = Draws(rows=[np.arange(240) + 1000 * s for s in range(8)])
    codes = np.tile(np.repeat(np.arange(4), 60), 8)
    accuracy, covered, too_low, gap = np.array(truth), 0, np.zeros(2), 0
    trials = 600
    for _ in range(trials):
        shift = 0.03 * rng.standard_normal((8, 4))  # seeds differ
        p = np.clip(accuracy[codes] + np.repeat(shift, 60, axis=1).ravel(), 0, 1)
        one, other = (of(rng.random(len(codes)) < p, codes) for _ in range(2))
        worst = one.worst(draws)
        covered += worst.low <= accuracy.min() <= worst.high
        named = one.estimates(draws)[worst.group]
        too_low += np.array([named.high < accuracy.min(), worst.high < accuracy.min()])
        between = metrics.worst_difference(one, other, draws)
        gap += between.low <= 0 <= between.high
    least = stats.binom.ppf(0.001, trials, 0.95) / trials
    assert covered / trials >= least
    assert gap / trials >= least
    if len(set(truth)) == 1:
        by_itself, allowed_for = too_low / trials
        assert by_itself > 0.04  # the picked group's own interval ends below the truth more often than its share
        assert allowed_for <= 0.025
