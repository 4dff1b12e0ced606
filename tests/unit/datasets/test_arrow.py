"""Polars columns become the types of a table, value for value."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from w2s_probe.core.errors import DataError
from w2s_probe.core.labels import class_name, is_missing
from w2s_probe.datasets import arrow
from w2s_probe.datasets.arrow import Texts, column_of, first_missing, ids_of, row_numbers

COLUMNS: dict[str, list[Any]] = {
    "texts": ["b", "a", None, "", " \x1c", "a", "é", "\u2003"],
    "numbers": [2, 1, None, 2, -7],
    "fractions": [0.5, math.nan, 1.0, None, -0.0, 0.5],
    "booleans": [True, None, False, True],
    "dates": [dt.date(2020, 1, 2), None, dt.date(2020, 1, 2)],
    "decimals": [Decimal("1.5"), None, Decimal("1.5")],
    "nothing": [None, None],
}


@pytest.mark.parametrize("few", [10_000, 1])
@pytest.mark.parametrize("name", COLUMNS)
def test_columns_keep_their_values_and_blanks_are_missing(name: str, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "FEW", few)
    values = pl.Series(COLUMNS[name]).to_list()
    cleaned = [None if is_missing(value) else value for value in values]
    assert column_of(pl.Series(values)) == cleaned
    present = [value for value in cleaned if value is not None]
    column = column_of(pl.Series(present)) if present else None
    assert column is None or column == present
    assert column is None or [str(value) for value in column] == [str(value) for value in present]
    assert first_missing(pl.Series(values)) == next((row for row, value in enumerate(cleaned) if value is None), None)
    assert first_missing(pl.Series(present, dtype=pl.Series(values).dtype)) is None


def test_decimals_are_numbers_and_bytes_are_texts() -> None:
    money = pl.Series(["1.00", "0.00", None, "0.25"]).cast(pl.Decimal(10, 2))
    assert [class_name(value) for value in column_of(money[:2])] == ["1", "0"]
    assert list(column_of(money)) == [1.0, 0.0, None, 0.25]
    assert list(column_of(pl.Series(["Müller".encode(), None, b" "]))) == ["Müller", None, None]
    with pytest.raises(DataError, match="column 'raw' must hold texts or numbers: got bytes that are no text in UTF-8"):
        column_of(pl.Series("raw", [b"a", b"\xff"]))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([["a"], ["b"], None, [], ["a"], [" "]], pl.List(pl.String)),
        ([["a"], ["b"], None, None, ["a"], [None]], pl.Array(pl.String, 1)),
        ([[["a"]], [["b"]], [], [[]], [["a"]], None], pl.List(pl.List(pl.String))),
    ],
)
def test_a_list_of_one_value_is_this_value(values: list[Any], dtype: Any) -> None:
    assert list(column_of(pl.Series(values, dtype=dtype))) == ["a", "b", None, None, "a", None]


@pytest.mark.parametrize(
    ("values", "got"),
    [
        ([[0], None, [1, 2]], "got [1, 2] in row 2. Write so."),
        ([[[0]], [[0, 3]]], "got [0, 3] in row 1. Write so."),
        ([None, {"a": 1}], "got {'a': 1} in row 1. Write so."),
        ([[{"a": 2}]], "got {'a': 2} in row 0. Write so."),
    ],
)
def test_longer_lists_and_structs_are_no_classes(values: list[Any], got: str) -> None:
    with pytest.raises(DataError, match="column 'many' must hold one value in each row") as raised:
        column_of(pl.Series("many", values), advice="Write so.")
    assert str(raised.value).endswith(got)


def test_float32_values_are_those_that_python_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "FEW", 1)
    series = pl.Series([0.1, 0.2, 0.1], dtype=pl.Float32)
    assert list(column_of(series)) == series.to_list()


def test_ids_are_texts_also_over_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "ROWS", 3)
    for values in ([5, 1000, -3, 2, 7], ["a", "bcd", "", "é"], [1.5, 2.0]):
        assert ids_of(pl.Series(values)).tolist() == [str(value) for value in values]
    for n in (1, 10, 11, 101):
        assert row_numbers(n).tolist() == [str(row) for row in range(n)]
        assert row_numbers(n).dtype == np.array([str(row) for row in range(n)]).dtype


def test_texts_are_a_sequence_of_str(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "ROWS", 2)
    values = ["one", "two", "three", "é", ""]
    texts = Texts(pl.Series(values))
    assert list(texts) == values == [texts[row] for row in range(5)]
    assert texts == values
    assert texts != values[:4]
    assert texts[np.array([3, 0])] == ["é", "one"]
    assert texts[1:3] == ["two", "three"]
    assert texts[-1] == ""
    assert "two" in texts
