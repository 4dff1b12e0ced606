"""Do 95 % intervals of several seeds hold the truth if pairs share items within and between seeds?

A table has 300 items; each seed draws heads of its own, 150 test items and 500 pairs of them. The truth is the
expectation over heads: two accuracies of linear scores have a closed form given the heads. With one seed:
tests/unit/metrics/test_dyadic.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from w2s_probe.metrics import Draws, ratio_of_means

Array = NDArray[np.float64]
SEEDS, ITEMS, TEST_ITEMS, PAIRS, TABLES = 20, 300, 150, 500, 500
WEIGHTS = np.array([[1, 0.5, 0, 0], [1, 0, 0.9, 0]])  # mean heads of two systems; the truth is the first feature
SIDES = np.stack(np.triu_indices(TEST_ITEMS, 1), axis=1)


@pytest.mark.statistical
def test_intervals_of_seeds_hold_the_expectation_over_heads_and_those_of_independent_pairs_do_not() -> None:
    rng = np.random.default_rng(1)
    truth, held = expectation(heads(rng, 200_000)), np.zeros(2)
    for _ in range(TABLES):
        values, items = one_table(rng)
        pairs = Draws(rows=[np.sort(of, axis=1) @ np.array([ITEMS, 1]) for of in items])  # ignores shared items
        estimates = [
            ratio_of_means(values, np.ones(len(values)), draws) for draws in (replace(pairs, items=items), pairs)
        ]
        held += [estimate.low <= truth <= estimate.high for estimate in estimates]
    with_items, without = held / TABLES
    assert 0.92 <= with_items <= 0.98, f"coverage {with_items}; ignoring shared items {without}"
    assert without < 0.92  # binomial standard error .01


def heads(rng: np.random.Generator, count: int) -> Array:
    """Return the heads of both systems for each seed, shape (2, count, 4)."""
    return WEIGHTS[:, None] + 0.15 * rng.standard_normal((2, count, 4))


def expectation(drawn: Array) -> float:
    """Return the difference of the accuracies: signs of normals with correlation r agree with 1/2 + arcsin(r)/pi."""
    correlations = drawn[:, :, 0] / np.linalg.norm(drawn, axis=2)
    right = 0.5 + np.arcsin(correlations).mean(axis=1) / np.pi
    return float(right[0] - right[1])


def one_table(rng: np.random.Generator) -> tuple[Array, list[NDArray[np.intp]]]:
    """Return right minus right for all pairs of all seeds, and the items of each seed's pairs."""
    X, drawn = rng.standard_normal((ITEMS, 4)), heads(rng, SEEDS)
    values, items = [], []
    for seed in range(SEEDS):
        test = rng.choice(ITEMS, TEST_ITEMS, replace=False)
        items.append(test[SIDES[rng.choice(len(SIDES), PAIRS, replace=False)]])
        D = X[items[-1][:, 0]] - X[items[-1][:, 1]]
        left, right = ((D @ theta > 0) == (D[:, 0] > 0) for theta in drawn[:, seed])
        values.append(left.astype(np.float64) - right)
    return np.concatenate(values), items
