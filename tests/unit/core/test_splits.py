"""Splits: disjoint, stratified, identical items on one side, nested in n and N."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_probe.core.blocks import random_order, same_item_blocks
from w2s_probe.core.composition import composition_of
from w2s_probe.core.errors import SplitError
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import PARTS, Split, draw_splits


def labels(counts: list[int], *, seed: int = 0) -> Labels:
    codes = np.repeat(np.arange(len(counts)), counts)
    return Labels(values=np.random.default_rng(seed).permutation(codes), classes=tuple("abcdefgh"[: len(counts)]))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    counts=st.lists(st.integers(12, 60), min_size=2, max_size=5),
    blocks=st.integers(1, 4),
)
def test_parts_are_disjoint_of_the_size_asked_and_hold_every_class(seed: int, counts: list[int], blocks: int) -> None:
    y = labels(counts, seed=seed)
    tied = np.random.default_rng(seed).integers(len(y) // blocks, size=len(y))
    n = len(y) // 8
    if n < len(counts):
        return
    (split,) = draw_splits(y, seeds=[seed], n_labeled=n, n_unlabeled=n, n_test=n, blocks=tied)
    everyone = np.concatenate(list(split.parts().values()))
    assert len(set(everyone.tolist())) == 3 * n
    homes = [set(tied[rows].tolist()) for rows in split.parts().values()]
    assert not (homes[0] & homes[1])
    assert not (homes[0] & homes[2])
    assert not (homes[1] & homes[2])
    for rows in split.parts().values():
        assert set(y.values[rows].tolist()) == set(range(len(counts)))


def test_parts_are_stratified_to_the_nearest_row() -> None:
    y = labels([700, 300])
    for part in draw_splits(y, seeds=[0], n_labeled=100, n_unlabeled=400, n_test=200)[0].parts().values():
        assert abs((y.values[part] == 1).sum() - 0.3 * len(part)) <= 1


def test_smaller_parts_are_nested_in_larger_ones() -> None:
    y = labels([500, 500])
    small, large = (
        draw_splits(y, seeds=[3], n_labeled=n, n_unlabeled=N, n_test=200)[0] for n, N in ((40, 100), (160, 400))
    )
    assert set(small.labeled) < set(large.labeled)
    assert set(small.unlabeled) < set(large.unlabeled)
    assert set(small.test) == set(large.test)


def test_every_seed_redraws_every_part_and_a_seed_repeats_itself() -> None:
    y = labels([200, 200])
    first, second = draw_splits(y, seeds=[0, 1], n_labeled=50, n_unlabeled=100)
    (again,) = draw_splits(y, seeds=[1], n_labeled=50, n_unlabeled=100)
    for part in ("labeled", "unlabeled", "test"):
        assert set(first.parts()[part]) != set(second.parts()[part])
        np.testing.assert_array_equal(second.parts()[part], again.parts()[part])


def test_draws_are_uniform_over_rows_of_a_class() -> None:
    y = labels([30, 30])
    hits = np.zeros(60)
    for split in draw_splits(y, seeds=range(2000), n_labeled=10, n_unlabeled=20, n_test=20):
        hits[split.labeled] += 1
    # each row is labeled in 1/6 of 2,000 draws; five standard errors
    assert np.abs(hits / 2000 - 1 / 6).max() < 5 * np.sqrt(5 / 36 / 2000)


def test_draws_are_uniform_over_blocks() -> None:
    blocks = np.repeat(np.arange(20), 3)
    hits = np.zeros(20)
    for seed in range(2000):
        hits[blocks[random_order(seed, blocks)[0]]] += 1
    # each block comes first in 1/20 of 2,000 orders; five standard errors
    assert np.abs(hits / 2000 - 1 / 20).max() < 5 * np.sqrt(19 / 400 / 2000)


@given(seed=st.integers(0, 10**6), rows=st.integers(1, 40))
def test_a_block_stands_where_its_first_row_would_and_its_rows_in_the_random_order(seed: int, rows: int) -> None:
    blocks = np.random.default_rng(seed).integers(max(rows // 2, 1), size=rows)
    apart = random_order(seed, np.arange(rows)).tolist()
    firsts = [row for row in apart if row == blocks.tolist().index(blocks[row])]
    expected = [row for first in firsts for row in apart if blocks[row] == blocks[first]]
    assert random_order(seed, blocks).tolist() == expected


def test_defaults_are_a_third_a_fifth_of_the_rest_and_what_is_left() -> None:
    (split,) = draw_splits(labels([500, 400]), seeds=[0])
    assert (len(split.test), len(split.labeled), len(split.unlabeled)) == (300, 120, 480)
    (split,) = draw_splits(labels([5000, 5000]), seeds=[0])
    assert (len(split.test), len(split.labeled), len(split.unlabeled)) == (2000, 400, 7600)


def test_of_few_rows_a_fifth_of_the_rest_is_labeled() -> None:
    (split,) = draw_splits(labels([150, 150]), seeds=[0])
    assert [len(rows) for rows in split.parts().values()] == [40, 160, 100]  # (300 - 100) / 5


def test_hashes_of_16_bytes_form_the_blocks_of_their_values() -> None:
    codes = np.random.default_rng(0).integers(6, size=40)
    keys = np.array(
        [hashlib.md5(bytes([code]), usedforsecurity=False).digest() for code in codes.tolist()], dtype="S16"
    )
    blocks = same_item_blocks(keys)
    assert np.array_equal(blocks, same_item_blocks(codes))


def test_a_fixed_test_part_stays_and_its_duplicates_are_not_drawn() -> None:
    y = labels([60, 60])
    blocks = np.arange(120)
    blocks[60] = blocks[0]
    fixed = np.arange(20)
    for split in draw_splits(y, seeds=[0, 1, 2], n_labeled=20, blocks=blocks, fixed={"test": fixed}):
        np.testing.assert_array_equal(split.test, fixed)
        assert 60 not in np.concatenate([split.labeled, split.unlabeled])


def test_three_fixed_parts_leave_nothing_to_draw() -> None:
    fixed = {"labeled": np.arange(5), "unlabeled": np.arange(5, 15), "test": np.arange(15, 20)}
    assert len(draw_splits(labels([10, 10]), seeds=range(5), fixed=fixed)) == 1  # type: ignore[arg-type]


def test_regression_is_not_stratified() -> None:
    y = Labels(values=np.arange(100.0), classes=None)
    (split,) = draw_splits(y, seeds=[0], n_labeled=20, n_unlabeled=40, n_test=30)
    assert len(split.labeled) == 20


def test_sources_that_share_an_item_form_one_block() -> None:
    items = np.array([b"a", b"b", b"b", b"c", b"d"])
    sources = ["x", "x", "y", "y", "z"]
    blocks = same_item_blocks(items, sources)
    assert len(set(blocks[:4])) == 1
    assert blocks[4] != blocks[0]


@pytest.mark.parametrize(
    ("counts", "sizes", "said"),
    [
        ([50, 50], {"n_labeled": 60, "n_unlabeled": 30, "n_test": 20}, "60 + 30 + 20 = 110"),
        ([98, 2], {}, "class 'b' has 2 rows"),
        ([50, 50], {"n_labeled": 20, "n_test": 81}, "at least 1"),
        ([40, 40, 40], {"n_labeled": 2}, "must hold every class"),
    ],
)
def test_what_the_data_cannot_supply_is_named(counts: list[int], sizes: dict[str, Any], said: str) -> None:
    with pytest.raises(SplitError) as caught:
        draw_splits(labels(counts), seeds=[0], **sizes)
    assert said in str(caught.value)


def test_a_split_whose_parts_share_a_row_is_refused() -> None:
    with pytest.raises(SplitError, match="1 row is in two parts"):
        Split(labeled=np.array([0, 1]), unlabeled=np.array([1, 2]), test=np.array([3]), seed=0)
    with pytest.raises(SplitError, match="2 rows are in two parts"):
        Split(labeled=np.array([0, 1]), unlabeled=np.array([1, 2]), test=np.array([0]), seed=0)


def test_a_row_that_a_part_holds_twice_is_refused() -> None:
    with pytest.raises(SplitError, match="the unlabeled part must hold each row once: 1 row is in it again"):
        Split(labeled=np.array([0, 1]), unlabeled=np.array([2, 3, 2]), test=np.array([4]), seed=0)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 5))
def test_a_block_moves_only_its_own_rows(seed: int, size: int) -> None:
    y = Labels(values=np.arange(200.0), classes=None)
    tied = np.random.default_rng(seed).permutation(200)[:size]
    blocks = np.arange(200)
    blocks[tied] = tied.min()
    apart, together = (
        draw_splits(y, seeds=[seed], n_labeled=40, n_unlabeled=80, n_test=50, blocks=b)[0]
        for b in (np.arange(200), blocks)
    )
    moved = [set(rows) ^ set(together.parts()[part]) for part, rows in apart.parts().items()]
    # All tied rows but the first move. Each enters and leaves a part (2), and shifts the three ends of parts by at most
    # one row: from test to labeled (2), from labeled (1), to the pool (1).
    assert sum(map(len, moved)) <= 6 * (size - 1)


def test_numbers_of_blocks_are_of_no_account() -> None:
    y = labels([60, 60])
    rng = np.random.default_rng(0)
    blocks = rng.integers(50, size=120)
    renamed = rng.permutation(50)[blocks] * 3
    one, other = (draw_splits(y, seeds=[3], blocks=b, n_labeled=20, n_test=30)[0] for b in (blocks, renamed))
    for part, rows in one.parts().items():
        assert rows.tolist() == other.parts()[part].tolist()


def test_blocks_are_numbered_by_their_first_rows() -> None:
    assert same_item_blocks([b"z", b"a", b"z", b"m"]).tolist() == [0, 1, 0, 2]
    assert same_item_blocks([b"z", b"a", b"q", b"m"], ["x", "y", "y", "x"]).tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize(("drawn", "fixed"), [("unlabeled", ("labeled", "test")), ("test", ("labeled", "unlabeled"))])
def test_fixed_parts_must_leave_rows_for_the_others(drawn: str, fixed: tuple[str, str]) -> None:
    y = labels([10, 10])
    parts: Any = {fixed[0]: np.arange(12), fixed[1]: np.arange(12, 20)}
    text = f"must hold {drawn} rows, or leave rows from which they are drawn: got only {fixed[0]} and {fixed[1]}"
    with pytest.raises(SplitError, match=text):
        draw_splits(y, seeds=[0], fixed=parts)
    parts[fixed[1]] = np.arange(12, 18)
    (split,) = draw_splits(y, seeds=[0], fixed=parts, **({"n_test": 2} if drawn == "test" else {}))  # type: ignore[arg-type]
    assert set(split.parts()[drawn].tolist()) == {18, 19}  # type: ignore[index]


def test_a_part_that_is_fixed_has_no_size() -> None:
    with pytest.raises(SplitError, match=r"`n_test` must be left out if a split fixes the test part: got 5"):
        draw_splits(labels([30, 30]), seeds=[0], n_test=5, fixed={"test": np.arange(10)})


@pytest.mark.parametrize("composed", [False, True])
def test_rows_that_may_not_be_tested_are_in_no_test_part_and_in_their_share_of_the_others(composed: bool) -> None:
    own = labels([1200, 1200])
    blocks = np.arange(2400) // 2
    marked = np.zeros(2400, dtype=np.bool_)
    marked[:1200:2] = True  # with their blocks half of the rows
    shares = composition_of(own, None, etas=dict.fromkeys(PARTS), balance_classes=True) if composed else None
    sizes: dict[str, Any] = {"n_labeled": 300, "n_unlabeled": 300, "n_test": 600}
    drawn = draw_splits(own, seeds=range(4), blocks=blocks, composition=shares, untestable=marked, **sizes)
    for split in drawn:
        assert not (split.test < 1200).any()
        assert len(split.test) == 600
        for rows in (split.labeled, split.unlabeled):
            assert (rows < 1200).mean() == pytest.approx(2 / 3, abs=0.1)  # of 1,800 rows that are left
    unmarked = draw_splits(own, seeds=[1], blocks=blocks, untestable=np.zeros(2400, dtype=np.bool_), **sizes)
    plain = draw_splits(own, seeds=[1], blocks=blocks, **sizes)
    assert np.array_equal(unmarked[0].labeled, plain[0].labeled)


def test_a_test_part_needs_rows_that_may_be_tested() -> None:
    with pytest.raises(SplitError, match="rows that the teacher was not trained on: got 8 of 200"):
        draw_splits(labels([100, 100]), seeds=[0], n_test=20, untestable=np.arange(200) >= 12)
    (split,) = draw_splits(labels([100, 100]), seeds=[0], untestable=np.arange(200) >= 30)
    assert 0 < len(split.test) <= 30
