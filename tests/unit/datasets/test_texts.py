"""Columns of texts and paths: what stands in a row that is no text."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from w2s_probe.core import files
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import readers
from w2s_probe.datasets.readers import _check_texts, _column


@pytest.mark.parametrize(
    ("thing", "what", "advice"),
    [
        (None, "text", "Fill in or remove such rows."),
        (None, "path", "Fill in or remove such rows."),
        (3, "text", "Save the column as text."),
        (3, "path", "Save the column as text."),
        ({"bytes": b""}, "text", "Save the column as text."),
        ({"bytes": b""}, "path", "Save the images as files and name a column of their paths."),
    ],
)
def test_the_advice_suits_what_stands_there(thing: Any, what: str, advice: str) -> None:
    with pytest.raises(DataError) as caught:
        _check_texts(pl.Series("c", ["a", thing], dtype=pl.Object), "t.csv", what=what)
    assert f"must hold a {what} in every row" in str(caught.value)
    assert str(caught.value).endswith(f"in row 1. {advice}")
    _check_texts(pl.Series("c", ["a", "b"]), "t.csv", what=what)


def values_of(frame: pl.DataFrame, flag: str) -> list[Any]:
    column = _column(frame, "c", flag, "t.parquet")
    return [] if column is None else column.to_list()


def test_texts_that_repeat_too_often_are_refused_before_each_is_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (files, readers):
        monkeypatch.setattr(module, "ALWAYS_READ", 1000)
    one, other = "a" * 60, "b" * 40
    fits = [one, other] * files.MOST_EXPANSION
    assert values_of(pl.DataFrame({"c": fits}), "--text") == fits
    with pytest.raises(DataError, match="it has 100 bytes and needs 10,060"):
        values_of(pl.DataFrame({"c": [*fits, one]}), "--text")
    numbers = list(range(5000))
    assert values_of(pl.DataFrame({"c": numbers}), "--label") == numbers
    assert values_of(pl.DataFrame({"c": [None, None]}, schema={"c": pl.String}), "--text") == [None] * 2
