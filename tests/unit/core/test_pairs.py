"""Preference pairs: their checks, their blocks, and splits of given pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_probe.core.errors import DataError, SplitError
from w2s_probe.core.pairs import Pairs, pair_blocks, split_pairs


def pairs(first: list[int], second: list[int], preferred: list[int] | None = None, gap: Any = None) -> Pairs:
    return Pairs(
        first=np.array(first, dtype=np.intp),
        second=np.array(second, dtype=np.intp),
        preferred=np.array(preferred or [0] * len(first)),
        gap=gap,
    )


def random_pairs(rng: np.random.Generator, m: int, items: int) -> Pairs:
    first = rng.integers(items, size=m)
    second = (first + rng.integers(1, items, size=m)) % items
    return pairs(first.tolist(), second.tolist(), rng.integers(2, size=m).tolist())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pairs([], []), "at least one pair: got none"),
        (lambda: pairs([0, 1], [1]), r"shapes first \(2,\), second \(1,\)"),
        (lambda: pairs([0, 1], [1, 1]), "1 pairs have item 1 on both sides"),
        (lambda: pairs([0, 1], [1, 2], [0, 2]), "got 2 in pair 1"),
        (lambda: pairs([0], [1], gap=np.array([0.0])), r"got a gap of 0\.0 in pair 0"),
        (lambda: pairs([0], [1], gap=np.array([np.nan])), "got a gap of nan in pair 0"),
    ],
)
def test_what_is_no_pair_is_refused_in_one_line(make: Callable[[], Pairs], message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_the_margin_of_a_direction_is_positive_where_it_prefers_the_second_side() -> None:
    X = np.array([[0.0, 1.0], [3.0, 1.0], [1.0, 5.0]])
    quality = np.array([1.0, 0.0])
    scores = X @ quality
    given_pairs = pairs([0, 1, 2], [1, 2, 0], [1, 0, 0])
    np.testing.assert_array_equal(given_pairs.differences(X) @ quality > 0, given_pairs.preferred == 1)
    np.testing.assert_array_equal(scores[given_pairs.second] > scores[given_pairs.first], given_pairs.preferred == 1)
    swapped = pairs([1, 2, 0], [0, 1, 2], [0, 1, 1])
    np.testing.assert_array_equal(swapped.differences(X), -given_pairs.differences(X))


def test_labels_are_the_preferred_sides_and_items_the_distinct_positions() -> None:
    some = pairs([0, 7, 7], [7, 3, 0], [1, 0, 1])
    assert some.labels.names(np.arange(3)) == ["second", "first", "second"]
    assert some.items.tolist() == [0, 3, 7]
    assert some.take(np.array([2, 0])).preferred.tolist() == [1, 1]


def test_a_shared_item_is_found_on_either_side() -> None:
    assert pairs([4, 1, 4], [2, 4, 3]).shared_item() == 4
    assert pairs([4, 1, 2], [2, 4, 3]).shared_item() is None
    assert pairs([4], [2]).shared_item() is None


def blocks_by_hand(some: Pairs, prompts: list[int]) -> list[int]:
    """Merge pairs that share something until nothing changes."""
    holds = [
        {("item", int(first)), ("item", int(second)), ("prompt", prompt)}
        for first, second, prompt in zip(some.first, some.second, prompts, strict=True)
    ]
    block = list(range(len(holds)))
    changed = True
    while changed:
        changed = False
        for i in range(len(holds)):
            for j in range(i):
                if block[i] != block[j] and holds[i] & holds[j]:
                    block[i] = block[j] = min(block[i], block[j])
                    changed = True
    return [sorted(set(block)).index(number) for number in block]


@given(seed=st.integers(0, 10**6), m=st.integers(1, 25), items=st.integers(2, 40))
def test_blocks_are_the_pairs_linked_through_items_and_prompts(seed: int, m: int, items: int) -> None:
    rng = np.random.default_rng(seed)
    some, prompts = random_pairs(rng, m, items), rng.integers(2 * m, size=m).tolist()
    assert pair_blocks(some, prompts).tolist() == blocks_by_hand(some, prompts)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), sharing=st.floats(0.3, 1.0))
def test_no_item_and_no_prompt_is_in_two_parts(seed: int, sharing: float) -> None:
    rng = np.random.default_rng(seed)
    m = 120
    sides = rng.permutation(2 * m)
    shared = (sides * sharing).astype(np.intp)  # some numbers occur twice or three times
    some = pairs(shared[:m].tolist(), (shared[m:] + (shared[:m] == shared[m:])).tolist(), (np.arange(m) % 2).tolist())
    prompts = rng.integers(10 * m, size=m)
    if len(np.unique(pair_blocks(some, prompts))) < 60:
        return
    (split,) = split_pairs(some, seeds=[seed], prompts=prompts, n_labeled=8, n_unlabeled=8, n_test=8).splits
    homes = [
        (set(some.first[rows].tolist()) | set(some.second[rows].tolist()), set(prompts[rows].tolist()))
        for rows in split.parts().values()
    ]
    for i in range(3):
        assert len(list(split.parts().values())[i]) == 8
        for j in range(i):
            assert not homes[i][0] & homes[j][0]
            assert not homes[i][1] & homes[j][1]


def test_sides_are_balanced_in_every_part_of_given_pairs() -> None:
    m = 400
    some = pairs(list(range(m)), list(range(m, 2 * m)), (np.arange(m) % 2).tolist())
    for split in split_pairs(some, seeds=range(3), n_labeled=41, n_unlabeled=101, n_test=60).splits:
        for rows in split.parts().values():
            assert abs(int(some.preferred[rows].sum()) - len(rows) / 2) <= 1


def test_pairs_that_are_all_linked_cannot_be_split() -> None:
    chain = pairs(list(range(9)), list(range(1, 10)), [0, 1] * 4 + [0])
    with pytest.raises(SplitError, match="all 9 pairs are linked through shared sides or prompts"):
        split_pairs(chain, seeds=[0])
    apart = pairs(list(range(0, 18, 2)), list(range(1, 19, 2)), [0, 1] * 4 + [0])
    with pytest.raises(SplitError, match="all 9 pairs are linked"):
        split_pairs(apart, seeds=[0], prompts=["one prompt"] * 9)
