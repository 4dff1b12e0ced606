"""Stratified parts: the first rows of each class, in the nearest shares that the limits allow, and smaller splits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_probe.core.blocks import same_item_blocks
from w2s_probe.core.composition import _shares, composition_of, stratified
from w2s_probe.core.errors import SplitError
from w2s_probe.core.groups import read_groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split, draw_splits, smaller_split

classes = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), min_size=1, max_size=6)


@settings(max_examples=200)
@given(classes, st.integers(0, 3), st.floats(0, 1), st.data())
def test_no_exchange_of_a_row_between_classes_comes_nearer_to_the_shares(
    pairs: list[tuple[int, int]], reserve: int, share: float, data: st.DataObject
) -> None:
    counts, proportions = (np.array(column) for column in zip(*pairs, strict=True))
    some, most = np.minimum(counts, 1), np.maximum(counts - reserve, 0)
    if (most < some).any() or not counts.any():
        return
    size = int(some.sum() + round(share * (most.sum() - some.sum())))
    shares = _shares(size, counts, proportions, reserve=reserve, part="test")
    assert shares.sum() == size
    assert (some <= shares).all()
    assert (shares <= most).all()
    missing = size * proportions / proportions.sum() - shares
    gives, takes = missing[shares > some], missing[shares < most]
    if len(gives) and len(takes):
        assert takes.max() - gives.min() <= 1 + 1e-9


@pytest.mark.parametrize(
    ("size", "counts", "reserve", "allowed"),
    [
        (2, [5, 5], 0, True),
        (1, [5, 5], 0, False),
        (10, [5, 5], 0, True),
        (9, [5, 5], 1, False),
        (8, [5, 5], 1, True),
        (2, [5, 1], 1, False),
        (3, [5, 0], 1, True),
        (6, [5, 5], 2, True),
        (7, [5, 5], 2, False),
    ],
)
def test_every_class_gets_a_row_and_leaves_rows_for_later_parts(
    size: int, counts: list[int], reserve: int, allowed: bool
) -> None:
    strata = np.repeat(np.arange(len(counts)), counts)
    rows = np.random.default_rng(0).permutation(len(strata))
    if not allowed:
        with pytest.raises(SplitError, match="hold every class and leave rows"):
            stratified(rows, strata, size, reserve=reserve, part="test")
        return
    taken = stratified(rows, strata, size, reserve=reserve, part="test")
    assert len(taken) == size
    for code in range(len(counts)):
        own = rows[strata[rows] == code]
        number = int((strata[taken] == code).sum())
        assert own[:number].tolist() == taken[strata[taken] == code].tolist()
    assert taken.tolist() == [row for row in rows.tolist() if row in set(taken.tolist())]


@given(st.integers(0, 50), st.integers(0, 40), st.integers(0, 40))
def test_the_largest_size_is_at_most_what_was_asked_for(most: int, first: int, second: int) -> None:
    labels = Labels(values=np.array([0, 1]), classes=("a", "b"))
    shares = composition_of(labels, None, etas={"test": None}, balance_classes=True)
    fits = [size for size in range(most + 1) if (size + 1) // 2 <= first and size // 2 <= second]
    assert shares.largest("test", np.array([first, 0, second, 0]), most=most) == max(fits)


def test_all_rows_are_taken_without_a_size() -> None:
    rows = np.array([3, 0, 2])
    assert stratified(rows, np.zeros(4, dtype=np.int64), None, reserve=0, part="test") is rows
    with pytest.raises(SplitError, match=r"must have 4 rows: only 3 are left"):
        stratified(rows, np.zeros(4, dtype=np.int64), 4, reserve=0, part="test")


def two_thirds(rows: int) -> Labels:
    return Labels(values=(np.arange(rows) % 3 == 0).astype(np.int64), classes=("a", "b"))


def test_a_smaller_split_of_a_drawn_one_has_its_first_rows_of_each_class() -> None:
    labels = two_thirds(300)
    (split,) = draw_splits(labels, seeds=[5], n_labeled=60, n_unlabeled=90, n_test=30)
    for n, N in ((59, 89), (30, 31), (60, 2), (2, 90)):
        smaller = smaller_split(split, labels, n_labeled=n, n_unlabeled=N)
        assert (len(smaller.labeled), len(smaller.unlabeled), smaller.seed) == (n, N, 5)
        np.testing.assert_array_equal(smaller.test, split.test)
        for part, whole in (("labeled", split.labeled), ("unlabeled", split.unlabeled)):
            rows = smaller.labeled if part == "labeled" else smaller.unlabeled
            for code in (0, 1):
                own = whole[labels.values[whole] == code]
                number = int((labels.values[rows] == code).sum())
                assert rows[labels.values[rows] == code].tolist() == own[:number].tolist()
                assert abs(number - len(rows) * len(own) / len(whole)) < 1


def test_parts_in_the_tables_order_are_shuffled_first_by_the_seed() -> None:
    labels = two_thirds(300)
    chosen = []
    for seed in (0, 1, 1):
        split = Split(labeled=np.arange(100), unlabeled=np.arange(100, 250), test=np.arange(250, 300), seed=seed)
        smaller = smaller_split(split, labels, n_labeled=30, n_unlabeled=150)
        np.testing.assert_array_equal(smaller.unlabeled, split.unlabeled)  # whole parts stay as they are
        chosen.append(set(smaller.labeled.tolist()))
    assert chosen[0] != chosen[1] == chosen[2]
    assert all(max(rows) > 50 for rows in chosen)


def test_a_smaller_split_of_numbers_is_not_stratified() -> None:
    labels = Labels(values=np.arange(80.0), classes=None)
    (split,) = draw_splits(labels, seeds=[1], n_labeled=20, n_unlabeled=30, n_test=20)
    smaller = smaller_split(split, labels, n_labeled=7, n_unlabeled=11)
    assert smaller.labeled.tolist() == split.labeled[:7].tolist()
    assert smaller.unlabeled.tolist() == split.unlabeled[:11].tolist()


def test_conflicting_rows_keep_their_share_within_each_class() -> None:
    labels = two_thirds(360)
    odd = np.arange(360) // 3 % 4 == 0
    groups = read_groups(np.where(odd, 1 - labels.values, labels.values).tolist(), labels, name="c")
    codes = 2 * labels.values + odd
    np.testing.assert_array_equal(groups.conflicting, odd)
    (split,) = draw_splits(labels, seeds=[1], n_labeled=120, n_unlabeled=120, n_test=60)
    smaller = smaller_split(split, labels, n_labeled=48, n_unlabeled=24, groups=groups)
    for part, whole in ((smaller.labeled, split.labeled), (smaller.unlabeled, split.unlabeled)):
        shares = np.bincount(codes[whole], minlength=4) * len(part) / len(whole)
        assert np.abs(np.bincount(codes[part], minlength=4) - shares).max() < 1


@given(st.lists(st.lists(st.integers(0, 8), min_size=12, max_size=12), min_size=1, max_size=3))
def test_blocks_are_the_connected_components_numbered_by_their_first_rows(keys: list[list[int]]) -> None:
    blocks = same_item_blocks(*([str(value) for value in key] for key in keys))
    homes = list(range(12))  # a flood from row to row
    for _ in range(12):
        homes = [min(homes[j] for j in range(12) if any(key[i] == key[j] for key in keys)) for i in range(12)]
    firsts = sorted(set(homes))
    assert blocks.tolist() == [firsts.index(home) for home in homes]
