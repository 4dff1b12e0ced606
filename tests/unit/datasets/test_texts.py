"""Columns of texts and paths: what stands in a row that is no text."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from w2s_probe.core import files
from w2s_probe.core.errors import DataError
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
        _check_texts(["a", thing], "c", "t.csv", what=what)
    assert f"must hold a {what} in every row" in str(caught.value)
    assert str(caught.value).endswith(f"in row 1. {advice}")
    _check_texts(["a", "b"], "c", "t.csv", what=what)


def test_texts_that_repeat_too_often_are_refused_before_each_is_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ALWAYS_READ", 1000)
    one, other = "a" * 60, "b" * 40
    fits = [one, other] * files.MOST_EXPANSION
    assert _column(pl.DataFrame({"c": fits}), "c", "--text", "t.parquet") == fits
    with pytest.raises(DataError, match="it has 100 bytes and needs 10,060"):
        _column(pl.DataFrame({"c": [*fits, one]}), "c", "--text", "t.parquet")
    numbers = list(range(5000))
    assert _column(pl.DataFrame({"c": numbers}), "c", "--label", "t.parquet") == numbers
    assert _column(pl.DataFrame({"c": [None, None]}, schema={"c": pl.String}), "c", "--text", "t.parquet") == [None] * 2
