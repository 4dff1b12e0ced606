"""Columns behave like the lists they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.core.columns import Column

values = st.lists(st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["a", "b", "", "1", 1.0, 0.5, "é"]))


@given(values=values)
def test_a_column_is_its_list(values: list[Any]) -> None:
    column = Column.of(values)
    assert [(type(value), value) for value in column] == [(type(value), value) for value in values]
    assert column == values
    assert len(column) == len(values)
    assert [column[row] for row in range(len(values))] == values
    assert column[::2] == values[::2]
    assert column.where(lambda value: value is None).tolist() == [value is None for value in values]
    assert column.renamed(str) == [str(value) for value in values]
    assert len(set(column.renamed(str).values)) == len(column.renamed(str).values)


@given(values=values.filter(bool), seed=st.integers(0, 100))
def test_rows_of_a_column_keep_no_value_that_none_of_them_has(values: list[Any], seed: int) -> None:
    rows = np.random.default_rng(seed).integers(len(values), size=5)
    part = Column.of(Column.of(values)[rows])
    assert part == [values[row] for row in rows]
    assert part.values == Column.of([values[row] for row in rows]).values
    assert [part.first_row(at) for at in range(len(part.values))] == sorted(
        map(part.first_row, range(len(part.values)))
    )
    assert sum(part.counts().values()) == 5


def test_values_without_a_hash_stay_apart() -> None:
    column = Column.of([[1], [1], {"a": 2}])
    assert list(column) == [[1], [1], {"a": 2}]
    assert len(column.values) == 3


def test_long_columns_are_read_to_their_end() -> None:
    values = [row % 7 for row in range(5000)]
    assert list(Column.of(values)) == values
    np.testing.assert_array_equal(np.asarray(Column.of(values)), values)
    with pytest.raises(IndexError):
        Column.of(values)[5000]
