"""Table: rows in the order of ids, and features in the order of the data."""

from __future__ import annotations

import numpy as np
import pytest

from w2s_probe.core.errors import DataError, did_you_mean, listed
from w2s_probe.datasets import Table, missing_column


def table(ids: list[str], *, has_ids: bool = True) -> Table:
    return Table(name="t", ids=np.array(ids), has_ids=has_ids, items=[f"text {name}" for name in ids], label=list(ids))


@pytest.mark.parametrize(
    ("ids", "ascending"),
    [
        (["10", "9", "-3"], ["-3", "9", "10"]),
        (["10", "9", "x"], ["10", "9", "x"]),
        (["b/2", "a/10", "a/9"], ["a/10", "a/9", "b/2"]),
        (["010", "009", "100"], ["009", "010", "100"]),
        (["1.5", "0.5"], ["0.5", "1.5"]),
    ],
)
def test_ids_that_are_all_whole_numbers_ascend_as_numbers(ids: list[str], ascending: list[str]) -> None:
    ordered = table(ids).in_id_order()
    assert ordered.ids.tolist() == ordered.label == ascending
    assert list(ordered.items or ()) == [f"text {name}" for name in ascending]
    assert ordered.notes == ()


def test_rows_without_ids_and_rows_in_order_stay_as_they_are() -> None:
    places, ordered = table(["2", "1"], has_ids=False), table(["1", "2", "10"])
    assert places.in_id_order() is places
    assert ordered.in_id_order() is ordered


def test_features_in_the_order_of_the_data_follow_the_rows() -> None:
    X = np.arange(10.0).reshape(5, 2)
    ordered = table(["4", "2", "3", "1", "0"]).in_id_order()
    assert ordered.matching_rows(X).tolist() == X[::-1][[0, 1, 3, 2, 4]].tolist()
    assert [ordered.row_number(row) for row in range(5)] == [4, 3, 1, 2, 0]
    fewer = ordered.take(np.array([0, 2, 4]), note="two rows are left out")  # ids 0, 2, 4: rows 4, 1, 0 of the data
    assert fewer.matching_rows(X).tolist() == X[[4, 1, 0]].tolist()
    assert fewer.matching_rows(X[[0, 1, 4]]).tolist() == X[[4, 1, 0]].tolist()  # a file of the same three rows
    assert fewer.rows_among(4) is None
    assert fewer.matching_rows(X[:4]) is not None


def test_repeated_ids_may_start_again_in_each_file() -> None:
    with pytest.raises(DataError, match="leave --id out if ids start again in each file, or remove the repeated rows"):
        table(["0", "1", "0"])


def test_names_with_blanks_at_their_ends_stand_in_quotes() -> None:
    assert str(missing_column("label", ["text", " label"], flag="--label", name="t.csv")) == (
        "--label must name a column of t.csv: got 'label', not one of text, ' label'. Did you mean ' label'?"
    )
    assert listed(["a b", "a\t"]) == r"a b, 'a\t'"
    assert did_you_mean("ab", ["ab "]) == " Did you mean 'ab '?"
