"""Intervals of pairs that share items: a brute-force sum, limits, and coverage where the truth has a closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from w2s_probe.metrics import Draws, ratio_of_means
from w2s_probe.metrics.dyadic import Dyads
from w2s_probe.results.estimate import Estimate

Array = NDArray[np.float64]
Items = NDArray[np.intp]


def shared(items: Items) -> Array:
    """Return 1 where two results share an item, else 0, shape (R, R)."""
    return (items[:, None, :, None] == items[None, :, None, :]).any(axis=(2, 3)).astype(np.float64)


def drawn_pairs(rng: np.random.Generator, items: int, pairs: int) -> Items:
    """Return distinct pairs of distinct items, shape (pairs, 2), their sides in random order."""
    first, second = np.triu_indices(items, 1)
    drawn = rng.choice(len(first), pairs, replace=False)
    return rng.permuted(np.stack([first[drawn], second[drawn]], axis=1), axis=1)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), items=st.integers(2, 12), results=st.integers(1, 40))
def test_the_sum_has_the_products_of_all_results_that_share_an_item(seed: int, items: int, results: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = 7 * rng.integers(items, size=(results, 2))  # with repeated pairs, either order, and pairs in one cluster
    psi = rng.standard_normal(results)
    pairs = np.unique(np.sort(drawn, axis=1), axis=0, return_inverse=True)[1]
    least = (np.bincount(pairs, weights=psi) ** 2).sum()
    expected = max(psi @ shared(drawn) @ psi, least)
    assert Dyads.of(drawn).sum_of_squares(psi) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_pairs_without_shared_items_have_the_interval_of_rows() -> None:
    values = np.random.default_rng(0).standard_normal(60)  # linearized: no two rows are equal
    items = np.random.default_rng(1).permutation(120).reshape(60, 2)
    rows = Draws(rows=[np.arange(60)])
    one, pairs = (ratio_of_means(values, np.ones(60), draws) for draws in (rows, replace(rows, items=[items])))
    assert (pairs.value, pairs.low, pairs.high) == pytest.approx((one.value, one.low, one.high), rel=1e-12)
    rows = Draws(rows=list(np.arange(60).reshape(3, 20)))
    several = replace(rows, items=list(items.reshape(3, 20, 2)))
    one, pairs = (ratio_of_means(values, np.ones(60), draws) for draws in (rows, several))
    assert (pairs.low, pairs.high) == pytest.approx((one.low, one.high), rel=1e-12)


def test_pairs_in_clusters_have_the_interval_of_cluster_sums() -> None:
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(10), 4)
    values = rng.standard_normal(10)[clusters] + rng.standard_normal(40)
    draws = Draws(rows=[np.arange(40)], items=[np.stack([clusters, clusters], axis=1)])
    estimate = ratio_of_means(values, np.ones(40), draws)
    means = values.reshape(10, 4).mean(axis=1)
    half = stats.t.ppf(0.975, 9) * means.std(ddof=1) / np.sqrt(10)
    assert estimate.high - estimate.value == pytest.approx(half, rel=1e-12)


def test_the_variance_of_several_seeds_is_that_of_the_formula() -> None:
    rng = np.random.default_rng(3)
    items = [drawn_pairs(rng, 30, 50) for _ in range(4)]
    drift = np.repeat(0.3 * rng.standard_normal(4), 50)
    values = drift + rng.standard_normal(30)[np.concatenate(items)].sum(axis=1)
    estimate = ratio_of_means(values, np.ones(200), Draws(rows=[np.arange(50)] * 4, items=items))
    psi = values - values.mean()
    touching, seed = shared(np.concatenate(items)), np.repeat(np.arange(4), 50)
    V_row = psi @ touching @ psi / 200**2
    V_cell = psi @ (touching * (seed[:, None] == seed)) @ psi / 200**2
    V_seed = psi.reshape(4, 50).mean(axis=1).var(ddof=1) / 4
    V = V_row + max(V_seed - V_cell, 0)
    half = stats.t.ppf(0.975, max(3, 3 * (V / V_seed) ** 2)) * np.sqrt(V)
    assert estimate.high - estimate.value == pytest.approx(half, rel=1e-9)


def test_a_pair_that_every_seed_draws_in_either_order_is_counted_once() -> None:
    rng = np.random.default_rng(4)
    items, values = drawn_pairs(rng, 20, 40), rng.standard_normal(40)
    twice = np.concatenate([items, items[:, ::-1]])
    assert Dyads.of(twice).sum_of_squares(np.tile(values, 2)) == pytest.approx(
        4 * Dyads.of(items).sum_of_squares(values)
    )


def test_with_one_item_in_every_pair_the_others_are_independent() -> None:
    values = np.random.default_rng(5).standard_normal(50)
    star = np.stack([np.zeros(50, dtype=int), 1 + np.arange(50)], axis=1)
    psi = values - values.mean()
    assert Dyads.of(star).sum_of_squares(psi) == pytest.approx(psi @ psi)


def test_a_single_pair_says_nothing_and_equal_pairs_have_no_width() -> None:
    one = ratio_of_means(np.ones(1), np.ones(1), Draws(rows=[np.arange(1)], items=[np.array([[3, 5]])]), bounds=(0, 1))
    assert (one.low, one.high) == (0, 1)
    items = [drawn_pairs(np.random.default_rng(6), 20, 30)]
    same = ratio_of_means(np.ones(30), np.ones(30), Draws(rows=[np.arange(30)], items=items), bounds=(0, 1))
    assert (same.low, same.high) == (1, 1)


def difference_of_accuracies(rng: np.random.Generator, noises: tuple[float, float]) -> tuple[Array, Items]:
    """Return right minus right of two systems on 1,000 pairs of 300 items; each scores an item's value with noise."""
    truth = rng.standard_normal(300)
    items = drawn_pairs(rng, 300, 1000)
    order = np.diff(truth[items], axis=1)[:, 0] > 0
    right = [np.diff((truth + noise * rng.standard_normal(300))[items], axis=1)[:, 0] > 0 for noise in noises]
    return (right[0] == order).astype(np.float64) - (right[1] == order), items


def covers(estimate: Estimate, truth: float) -> bool:
    return estimate.low <= truth <= estimate.high


def test_95_of_100_intervals_of_pairs_hold_the_difference_and_85_that_ignore_shared_items() -> None:
    rng, noises, draws = np.random.default_rng(0), (0.8, 1.2), 1000
    # both differences are normal with correlation 1 / sqrt(1 + noise²): their signs agree with 1/2 + arctan(1/noise)/pi
    truth = float(np.arctan(1 / noises[0]) - np.arctan(1 / noises[1])) / np.pi
    held = np.zeros(2)
    for _ in range(draws):
        values, items = difference_of_accuracies(rng, noises)
        apart = np.arange(2 * len(items)).reshape(-1, 2)  # the same formula, as if no pair shared an item
        held += [
            covers(ratio_of_means(values, np.ones(1000), Draws(rows=[np.arange(1000)], items=[of])), truth)
            for of in (items, apart)
        ]
    with_items, without = held / draws
    assert 0.92 <= with_items <= 0.98, f"coverage {with_items}; ignoring shared items {without}"
    assert 0.80 <= without <= 0.90  # binomial standard error .011
