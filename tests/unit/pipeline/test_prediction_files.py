"""Files of predictions: the order of their rows, and what is refused in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from w2s_probe.core.columns import Column
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import Table, open_data
from w2s_probe.pipeline.prediction_files import parse_file, read_predictions

N = 24
OLD = ["neg", "pos", "pos"] * 8


@pytest.fixture
def data(tmp_path: Path) -> DataConfig:
    """Return a table with two columns of ids, texts and labels."""
    names = [f"k{row}" for row in range(N)]
    texts = [f"review {row % 20}" for row in range(N)]
    columns = {"key": names, "nr": range(100, 100 + N), "review": texts, "label": ["neg", "pos"] * (N // 2)}
    pl.DataFrame({name: list(values) for name, values in columns.items()}).write_csv(tmp_path / "d.csv")
    return DataConfig(data=str(tmp_path / "d.csv"))


def save(data: DataConfig, name: str, **columns: Any) -> Path:
    path = Path(data.data).with_name(name)
    frame = pl.DataFrame(columns)
    frame.write_parquet(path) if name.endswith("parquet") else frame.write_csv(path)
    return path


def rows(path: Path, data: DataConfig, chosen: str | None = "old", table: Table | None = None) -> dict[str, Column]:
    return read_predictions(path, data, chosen).for_rows_of(open_data(data) if table is None else table, data)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("column", "advice"),
    [("key", "Add --id key."), ("nr", "Add --id nr."), ("review", "Save the predictions in the order of the table.")],
)
def test_a_shared_column_in_another_order_is_refused(data: DataConfig, suffix: str, column: str, advice: str) -> None:
    own = pl.read_csv(data.data)[column]
    other = save(data, f"p.{suffix}", **{column: own[::-1], "old": OLD})
    with pytest.raises(DataError, match=f"has the values of the table's column '{column}' in another order. {advice}"):
        rows(other, data)
    if column != "key":  # of which the ids are, see below
        with pytest.raises(DataError, match="Give --id nr instead of --id key" if column == "nr" else "Save the"):
            rows(other, DataConfig(data=data.data, id="key"))
    assert list(rows(save(data, f"q.{suffix}", **{column: own, "old": OLD}), data)["old"]) == OLD


@pytest.mark.parametrize("column", ["", "row", "idx", "Unnamed: 0", "rownames", "doc_id"])
@pytest.mark.parametrize("start", [0, 1])
def test_row_numbers_in_another_order_are_refused(data: DataConfig, column: str, start: int) -> None:
    numbers = np.arange(start, start + N)
    with pytest.raises(DataError, match=f"column '{column}', has the numbers of {N} rows in another order"):
        rows(save(data, "p.csv", **{column: np.roll(numbers, 3), "old": OLD}), data)
    for right in (numbers, np.roll(numbers + 5, 3)):  # numbers of other rows say nothing
        assert list(rows(save(data, "p.csv", **{column: right, "old": OLD}), data)["old"]) == OLD


def test_row_numbers_that_the_data_has_in_the_same_order_are_no_other_order(data: DataConfig) -> None:
    mixed = np.roll(np.arange(1, N + 1), 3)
    pl.read_csv(data.data).with_columns(row=mixed).write_csv(data.data)
    assert list(rows(save(data, "p.csv", row=mixed, old=OLD), data)["old"]) == OLD


def test_a_shared_column_is_compared_with_the_rows_that_are_read(data: DataConfig) -> None:
    table = open_data(data)
    some = table.take(np.arange(0, N, 2), reason="odd")
    keys = pl.read_csv(data.data)["key"][::2]
    assert list(rows(save(data, "p.csv", key=keys, old=OLD[::2]), data, table=some)["old"]) == OLD[::2]
    with pytest.raises(DataError, match="in another order"):
        rows(save(data, "p.csv", key=keys[::-1], old=OLD[::2]), data, table=some)
