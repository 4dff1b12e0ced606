"""Pairs of scored items: uniform, without repetition, inside one part, nested, and independent of what scores are."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_probe.core import pair_draws
from w2s_probe.core.errors import ConfigError, SplitError
from w2s_probe.core.pair_draws import _Admissible, _candidates, _first_distinct, distinct_items, draw_pairs
from w2s_probe.core.pairs import SplitPairs
from w2s_probe.core.types import Float, Rows


def unordered(sides: Rows) -> list[tuple[int, ...]]:
    return [tuple(sorted(pair)) for pair in sides.tolist()]


def sides_of(drawn: SplitPairs, seed_at: int, part: Any) -> list[tuple[int, int]]:
    chosen = drawn.pairs.take(drawn.splits[seed_at].parts()[part])
    return list(zip(chosen.first.tolist(), chosen.second.tolist(), strict=True))


def by_hand(scores: Float, min_gap: float) -> set[tuple[int, ...]]:
    return {
        (i, j)
        for i, j in combinations(range(len(scores)), 2)
        if scores[i] != scores[j] and abs(scores[i] - scores[j]) >= min_gap
    }


halves = st.integers(-8, 8).map(lambda number: number / 2)  # exact differences


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    scores=st.lists(halves, min_size=40, max_size=80),
    min_gap=st.sampled_from([0.0, 0.5, 2.0]),
    tied=st.integers(1, 3),
)
def test_pairs_stay_in_their_part_differ_by_the_gap_and_never_repeat(
    seed: int, scores: list[float], min_gap: float, tied: int
) -> None:
    values = np.array(scores)
    blocks = np.arange(len(values)) // tied
    counts = {"n_labeled": 5, "n_unlabeled": 9, "n_test": 7}
    try:
        drawn = draw_pairs(values, seeds=[seed, seed + 1], min_gap=min_gap, blocks=blocks, **counts)  # type: ignore[arg-type]
    except SplitError as error:
        assert "give only" in str(error)  # scores that are almost all equal
        return
    for split, items in zip(drawn.splits, drawn.items, strict=True):
        homes = [set(blocks[rows].tolist()) for rows in items.parts().values()]
        assert len(set.union(*homes)) == sum(map(len, homes))
        for part, rows in split.parts().items():
            assert len(rows) == counts[f"n_{part}"]
            chosen = drawn.pairs.take(rows)
            assert set(chosen.items.tolist()) <= set(items.parts()[part].tolist())
            gap = values[chosen.second] - values[chosen.first]
            assert (np.abs(gap) >= min_gap).all()
            np.testing.assert_array_equal(chosen.preferred == 1, gap > 0)
            np.testing.assert_array_equal(chosen.gap, np.abs(gap))
            assert len(set(unordered(np.column_stack([chosen.first, chosen.second])))) == len(rows)


@given(scores=st.lists(halves, min_size=1, max_size=12), min_gap=st.sampled_from([0.0, 0.5, 1.0, 3.0]))
def test_admissible_pairs_are_counted_numbered_and_recognized(scores: list[float], min_gap: float) -> None:
    values = np.array(scores)
    admissible = _Admissible.of(values, min_gap)
    expected = by_hand(values, min_gap)
    assert admissible.count == len(expected)
    assert sorted(unordered(admissible.numbered(np.arange(admissible.count)))) == sorted(expected)
    every = np.array([(i, j) for i in range(len(values)) for j in range(len(values))])
    assert set(unordered(every[admissible.admits(every)])) == expected


def test_a_gap_that_is_met_up_to_rounding_is_met() -> None:
    values = np.array([0.1, 0.3, 1.1, 0.1 + 5e-17])
    assert 0.3 - 0.1 < 0.2  # in floats
    assert _Admissible.of(values, 0.2).count == by_hand_rounded(values, 0.2)
    assert values[0] < values[3]
    assert _Admissible.of(values[[0, 3]], 0.0).count == 0


def by_hand_rounded(scores: Float, min_gap: float) -> int:
    return sum(round(abs(scores[i] - scores[j]) - min_gap, 12) >= 0 for i, j in combinations(range(len(scores)), 2))


@pytest.mark.parametrize(("draws", "count"), [(0, 3), (9, 8), (2**22, 3)])
def test_every_admissible_pair_is_equally_likely_in_either_order(
    draws: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_draws, "DRAWS", draws)  # 0: pairs are drawn by their number; 9: the rest in one order
    monkeypatch.setattr(pair_draws, "SMALLEST", 16)
    monkeypatch.setattr(pair_draws, "LARGEST", 16)
    values = np.array([0.0, 0.0, 1.0, 2.0, 5.0])
    admissible = _Admissible.of(values, 1.0)
    hits: dict[tuple[int, int], int] = {}
    rounds = 3000
    for seed in range(rounds):
        for pair in _first_distinct(_candidates(admissible, np.random.default_rng(seed)), 5, count).tolist():
            hits[pair[0], pair[1]] = hits.get((pair[0], pair[1]), 0) + 1
    expected = by_hand(values, 1.0)
    assert {(min(pair), max(pair)) for pair in hits} == expected
    assert len(hits) == 2 * len(expected)
    share = count / len(expected) / 2
    # each ordered pair is in `share` of the draws; five standard errors
    assert max(abs(times / rounds - share) for times in hits.values()) < 5 * np.sqrt(share * (1 - share) / rounds)


def test_all_pairs_can_be_drawn_also_where_two_random_sides_rarely_make_one() -> None:
    rare = _Admissible.of(np.concatenate([np.zeros(9_000), [1.0]]), 0.5)
    sides = _first_distinct(_candidates(rare, np.random.default_rng(0)), 9_001, rare.count)
    assert len(set(unordered(sides))) == rare.count == 9_000


def test_smaller_counts_are_the_first_pairs_and_other_parts_stay() -> None:
    values = np.random.default_rng(0).standard_normal(500)
    items = {"labeled": 80, "unlabeled": 200, "test": 100}
    small, large = (
        draw_pairs(values, seeds=[4], n_labeled=n, n_unlabeled=N, n_test=90, items=items)  # type: ignore[arg-type]
        for n, N in ((40, 100), (160, 4000))
    )
    assert sides_of(large, 0, "labeled")[:40] == sides_of(small, 0, "labeled")
    assert sides_of(large, 0, "unlabeled")[:100] == sides_of(small, 0, "unlabeled")
    assert sides_of(large, 0, "test") == sides_of(small, 0, "test")


def test_items_are_nested_in_the_counts_and_a_part_ignores_the_others() -> None:
    values = np.random.default_rng(0).standard_normal(1000)
    small, large = (
        draw_pairs(values, seeds=[4], n_labeled=n, n_unlabeled=N, n_test=90) for n, N in ((40, 100), (80, 300))
    )
    assert set(small.items[0].labeled) < set(large.items[0].labeled)
    assert set(small.items[0].unlabeled) < set(large.items[0].unlabeled)
    assert sides_of(large, 0, "test") == sides_of(small, 0, "test")


def test_seeds_redraw_and_repeat() -> None:
    values = np.random.default_rng(0).standard_normal(300)
    both = draw_pairs(values, seeds=[0, 1], n_labeled=30, n_unlabeled=60, n_test=40)
    again = draw_pairs(values, seeds=[1], n_labeled=30, n_unlabeled=60, n_test=40)
    for part in ("labeled", "unlabeled", "test"):
        assert sides_of(both, 1, part) == sides_of(again, 0, part)
        assert sides_of(both, 0, part) != sides_of(both, 1, part)


def test_parts_of_equal_sizes_take_other_places_among_their_items() -> None:
    drawn = draw_pairs(np.arange(90.0), seeds=[0], n_labeled=20, n_unlabeled=20, n_test=20)
    places = []
    for part, rows in drawn.items[0].parts().items():
        place = {item: at for at, item in enumerate(rows.tolist()[:20])}
        places.append([(place.get(i), place.get(j)) for i, j in sides_of(drawn, 0, part)])
    assert len(drawn.items[0].labeled) == len(drawn.items[0].test) == 20
    assert len(set(map(tuple, places))) == 3


def test_which_pairs_are_drawn_does_not_depend_on_who_is_preferred() -> None:
    values = np.random.default_rng(0).standard_normal(300)
    mixed = np.random.default_rng(1).permutation(values)  # no ties in either
    sizes = {"n_labeled": 30, "n_unlabeled": 60, "n_test": 40}
    one, other = (draw_pairs(scores, seeds=[2], **sizes) for scores in (values, mixed))  # type: ignore[arg-type]
    np.testing.assert_array_equal(one.pairs.first, other.pairs.first)
    np.testing.assert_array_equal(one.pairs.second, other.pairs.second)
    assert (one.pairs.preferred != other.pairs.preferred).any()


def test_either_side_is_preferred_equally_often() -> None:
    drawn = draw_pairs(np.arange(3000.0), seeds=[0], n_labeled=400, n_unlabeled=1500, n_test=800)
    # a fair coin for each of 2,700 pairs; five standard errors
    assert abs(drawn.pairs.preferred.mean() - 0.5) < 5 * 0.5 / np.sqrt(2700)


def test_default_items_are_as_many_as_pairs_and_one_and_a_half_for_the_pool() -> None:
    values = np.arange(9000.0)
    (items,) = draw_pairs(values, seeds=[0], n_labeled=300, n_unlabeled=4000, n_test=2000).items
    assert (len(items.labeled), len(items.unlabeled), len(items.test)) == (300, 6000, 2000)
    (items,) = draw_pairs(values[:900], seeds=[0], n_labeled=300, n_unlabeled=4000, n_test=2000).items
    assert (len(items.labeled), len(items.unlabeled), len(items.test)) == (300, 300, 300)
    drawn = draw_pairs(values[:900], seeds=[0])
    sizes = [len(rows) for rows in (drawn.items[0].labeled, drawn.items[0].unlabeled, drawn.items[0].test)]
    assert sizes == [120, 480, 300]
    assert [len(rows) for rows in drawn.splits[0].parts().values()] == [120, 320, 300]


def test_fixed_items_keep_their_part() -> None:
    test = np.arange(50, 80)
    drawn = draw_pairs(np.arange(200.0), seeds=[0, 1], n_labeled=20, n_unlabeled=30, n_test=100, fixed={"test": test})
    for split, items in zip(drawn.splits, drawn.items, strict=True):
        np.testing.assert_array_equal(items.test, test)
        assert len(split.test) == 100
        assert set(drawn.pairs.take(split.test).items.tolist()) <= set(test.tolist())
    assert sides_of(drawn, 0, "test") != sides_of(drawn, 1, "test")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_labeled": 46, "items": {"labeled": 10}}, "the labeled part must hold 46 pairs .* give only 45"),
        (
            {"min_gap": 500.0},
            "labeled part must hold 1 pair .* by at least 500: its 13 items give only 0. Lower `min_gap`",
        ),
        ({"items": {"labeled": 1}}, "at least 2 items: got 1 for labeled"),
        ({"items": {"labeled": 60, "test": 40}}, "sum to at most 100.*40 for test, 60 for labeled, 2 for unlabeled"),
        ({"items": {"unlabeled": 90}, "n_labeled": 10, "n_test": 10}, "90 for unlabeled"),
    ],
)
def test_what_a_part_cannot_give_is_an_error_with_the_possible_number(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SplitError, match=message) as error:
        draw_pairs(np.arange(100.0), seeds=[0], **arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("min_gap", [-1.0, float("nan"), float("inf")])
def test_a_gap_must_be_a_number_from_zero(min_gap: float) -> None:
    with pytest.raises(ConfigError, match="the smallest difference of scores must be 0 or more"):
        draw_pairs(np.arange(100.0), seeds=[0], min_gap=min_gap)


def test_equal_items_are_one_with_the_mean_of_their_scores() -> None:
    rows, scores = distinct_items(["a", "b", "a", "c", "b"], np.array([1.0, 2.0, 3.0, 4.0, 2.0]))
    assert rows.tolist() == [0, 1, 3]
    assert scores.tolist() == [2.0, 2.0, 4.0]
