"""What parts lose to ties and share by mistake is counted."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from w2s_probe.core.blocks import same_item_blocks
from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError, SplitError
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import PARTS, Split, draw_splits
from w2s_probe.datasets import Table
from w2s_probe.datasets.table import Origin
from w2s_probe.pipeline.parts import (
    MOST_SEARCHED,
    check_labeled,
    check_sources,
    near_copy_notes,
    near_pool_notes,
    shared_item_notes,
    source_keys,
    source_notes,
    tie_notes,
)

Y = Labels(values=np.arange(1000) % 2, classes=("a", "b"))
KEYS = np.arange(1000).astype("S8")


@pytest.mark.parametrize("lacking", [0, 3])
def test_a_test_part_without_labels_is_named_with_what_has_labels(lacking: int) -> None:
    split = ["test"] * 400 + [None] * 600
    label = [None] * 400 + ["a", "b"] * 300
    label[400 : 400 + lacking] = [None] * lacking
    origin = Origin(kind="Arrow", files=2, one_part="s/train")
    data = replace(table(), split=split, label=label, origin=origin)
    assert data.label is not None
    with pytest.raises(
        DataError, match=r"the test part of t\.csv must have labels: none of its 400 rows .* in s/train"
    ):
        check_labeled(data, Column.of(data.label), "label")
    other = Column.of([*["a"] * 399, *[None] * 601])
    with pytest.raises(DataError, match="601 of 1000 rows have none"):
        check_labeled(data, other, "label")


def table(source: list[object] | None = None) -> Table:
    return Table(name="t.csv", ids=np.arange(1000).astype(str), has_ids=False, source=source)


def test_a_row_without_a_source_is_a_source_of_its_own() -> None:
    column = ["u1", None, "u1", "", "  ", math.nan, "None", "nan", "row 1", None, 1, 1]
    assert same_item_blocks(source_keys(column)[0]).tolist().count(same_item_blocks(source_keys(column)[0])[0]) == 2
    assert len(set(source_keys(column)[0].tolist())) == len(column) - 2
    assert source_notes(replace(table(), source=[*column, *range(988)]), "user") == (
        "5 of 1,000 rows have no source in 'user': each of them is a source of its own.",
    )
    assert source_notes(table(), "user") == source_notes(table([1] * 1000), "user") == ()


@pytest.mark.parametrize("tied", [0.5, 0.03, 0.01])
def test_rows_that_ties_leave_out_are_counted(tied: float) -> None:
    blocks = np.arange(1000)
    blocks[: int(1000 * tied)] = 0
    splits = draw_splits(Y, seeds=range(3), n_labeled=100, n_test=300, blocks=blocks)
    outside = [1000 - sum(map(len, split.parts().values())) for split in splits]
    notes = tie_notes(table(), Y, blocks, splits, drawn=PARTS, whole_pool=True)
    if max(outside) > 20:
        assert notes[0].startswith(f"Identical items stay in one part: {max(outside)} of 1,000 rows are in no part at")
        assert notes[0].endswith(f"The largest set of such rows has {int(1000 * tied)} rows.")
    else:
        assert not notes
    assert not tie_notes(table(), Y, np.arange(1000), splits, drawn=PARTS, whole_pool=True)
    assert not tie_notes(table(), replace(Y, classes=None), blocks, splits, drawn=PARTS, whole_pool=False)


def test_ties_that_shift_the_shares_of_classes_are_named() -> None:
    source = [f"u{row}" if row % 2 == 0 or row > 700 else "unknown" for row in range(1000)]  # 350 rows of class b
    blocks = same_item_blocks(source_keys(source)[0])
    splits = draw_splits(Y, seeds=[0], blocks=blocks)
    sizes, shares = tie_notes(table(list(source)), Y, blocks, splits, drawn=PARTS, whole_pool=True)
    assert sizes.endswith("has 350 rows, among them those of source 'unknown'.")
    measured = max((abs(Y.values[rows].mean() - 0.5), Y.values[rows].mean()) for rows in splits[0].parts().values())[1]
    assert "Identical items and rows of one source stay in one part, which changes the shares of classes: " in shares
    assert "of the data" in shares
    assert f"{measured:.2f}" in shares or f"{1 - measured:.2f}" in shares
    assert not tie_notes(table(), replace(Y, classes=None), blocks, splits, drawn=PARTS, whole_pool=False)


@pytest.mark.parametrize(
    ("repeat", "note"),
    [
        (slice(150, 350), "200 of 350 test rows are also in the pool"),
        (slice(0, 100), "100 of 350 test rows are also labeled rows"),
        (slice(150, 151), "1 of 350 test rows are also in the pool"),
    ],
)
def test_own_parts_that_share_items_are_counted(repeat: slice, note: str) -> None:
    keys = KEYS.copy()
    size = len(keys[repeat])
    keys[650 : 650 + size] = keys[repeat]
    rows = np.arange(1000)
    split = Split(labeled=rows[:150], unlabeled=rows[150:650], test=rows[650:], seed=4)
    assert [text.partition(":")[0] for text in shared_item_notes(keys, [split])] == [note]
    assert shared_item_notes(KEYS, [split]) == ()
    harmless = Split(labeled=rows[500:600], unlabeled=rows[600:640], test=rows[650:], seed=3)
    assert f"{note} at seed 4:" in shared_item_notes(keys, [harmless, split])[0]


def test_pool_rows_that_are_labeled_rows_are_counted() -> None:
    keys, rows = KEYS.copy(), np.arange(1000)
    keys[200:210] = keys[:10]
    split = Split(labeled=rows[:150], unlabeled=rows[150:650], test=rows[650:], seed=0)
    assert shared_item_notes(keys, [split])[0].startswith("10 of 500 rows of the pool are also labeled rows")


def test_a_source_in_two_of_the_users_parts_is_refused() -> None:
    rows = np.arange(1000)
    split = Split(labeled=rows[:150], unlabeled=rows[150:650], test=rows[650:], seed=0)
    apart = [f"u{row // 50}" for row in range(1000)]
    check_sources(table(list(apart)), [split], "user")
    check_sources(table(), [split], None)
    check_sources(table([None] * 1000), [split], "user")
    with pytest.raises(SplitError, match=r"column 'user' must .* got 1 of 20 sources .* 'u2' \(labeled, test\)"):
        check_sources(table([*apart[:999], "u2"]), [split], "user")


def test_near_copies_are_not_searched_among_very_many_rows_and_a_note_says_so() -> None:
    X = np.zeros((MOST_SEARCHED + 1, 2))
    (note,) = near_copy_notes([X], np.arange(len(X)), [])
    assert note == "Rows that repeat another row up to rounding were not searched: 100,001 rows are more than 100,000."
    assert near_pool_notes([X[:1]], [X[1:]]) == (note,)
