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
from w2s_probe.core.labels import read_labels
from w2s_probe.datasets import Table, open_data
from w2s_probe.pipeline.prediction_files import parse_file, read_predictions
from w2s_probe.pipeline.teachers import check_pool, open_predictions

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


def refusal(path: Path, data: DataConfig) -> str:
    """Return the error for all columns of a file as predictions of all classes of the data."""
    table = open_data(data)
    labels = read_labels(table.label or [], name="label", task="classification")
    with pytest.raises(DataError) as raised:
        open_predictions(table, f"labels:{path}", data).with_classes(table, labels, np.arange(N), None)
    assert "\n" not in str(raised.value)
    return str(raised.value).replace(f"{path.parent}/", "")


HALF = [0.25, 0.75] * (N // 2)


@pytest.mark.parametrize(
    ("columns", "advice"),
    [
        ({"": range(N), "p_neg": HALF, "p_pos": HALF[::-1]}, "as in labels:p.csv#p_neg,p_pos."),
        ({"pos": HALF, "neg": HALF[::-1], "pred": OLD}, "as in labels:p.csv#pos,neg."),
        ({"0": HALF, "1": HALF[::-1]}, "Rename the columns 0, 1 to p_neg, p_pos, in the order"),
        ({"Unnamed: 0": range(N), "0": HALF, "1": HALF[::-1]}, "Rename the columns 0, 1 to p_neg, p_pos, in the order"),
        ({"who": [f"w{n}" for n in range(N)], "a": OLD, "b": OLD}, "as in labels:p.csv#a,b; a column of ids must"),
        ({"who": [f"w{n}" for n in range(N)], "a": ["x"] * N}, "Correct these values"),
        ({"x": HALF, "y": HALF}, "rename them to p_neg, p_pos, or give the mean of several models as one column p_pos"),
        ({"ann": ["neg", "pos"] * (N // 2), "bob": OLD}, "#bob; or name all columns if it is an annotator's, labels:p"),
        (
            {"a,b": ["neg", "pos"] * (N // 2), "bob": OLD},
            "#bob; or name all columns if it is an annotator's.",
        ),
    ],
)
def test_columns_that_can_be_named_are_advised(data: DataConfig, columns: dict[str, Any], advice: str) -> None:
    path = save(data, "p.csv", **{name: list(values) for name, values in columns.items()})
    assert advice in refusal(path, data)


@pytest.mark.parametrize(("separator", "word"), [(";", ";"), ("\t", "tabs"), ("|", "|")])
def test_another_separator_is_named(data: DataConfig, separator: str, word: str) -> None:
    path = save(data, "p.csv", p_neg=HALF, p_pos=HALF)
    text = path.read_text().replace(",", separator)
    path.write_text(text.replace(".", ","))
    assert f"is separated by {word}. Export the table with , as separator." in refusal(path, data)
    path.write_text(f"sep={separator}\n{text}")
    assert f"'sep={separator}', a line for Excel. Remove it, and export".replace("\t", "\\t") in refusal(path, data)


def test_suffixes_may_be_in_capitals(data: DataConfig) -> None:
    for name in ("OLD.CSV", "Old.Parquet"):
        path = save(data, "p.csv" if name == "OLD.CSV" else "p.parquet", old=OLD).rename(
            Path(data.data).with_name(name)
        )
        assert parse_file(f"{path}#old") == (path, "old")
        assert list(rows(path, data)["old"]) == OLD
    for name in ("old.NPY", "old.NPZ"):
        with (path := Path(data.data).with_name(name)).open("wb") as handle:
            np.save(handle, OLD) if name == "old.NPY" else np.savez(handle, old=OLD)
        assert list(next(iter(rows(path, data, None).values()))) == OLD


def test_a_file_without_the_rows_of_a_pool_is_told_to_have_them(data: DataConfig) -> None:
    own = DataConfig(data=data.data, id="key")
    source = open_predictions(
        open_data(own), f"labels:{save(data, 'p.csv', key=pl.read_csv(data.data)['key'], old=OLD)}", own
    )
    pl.DataFrame({"key": [f"more{n}" for n in range(5)]}).write_csv(pool := Path(data.data).with_name("pool.csv"))
    with pytest.raises(
        DataError, match=r"the 5 ids of pool.csv are missing, the first is 'more0'. Add the rows of pool"
    ):
        check_pool(open_data(DataConfig(data=str(pool), id="key")), [source])
    pl.DataFrame({"key": ["K1", "K2"]}).write_csv(pool)  # an error of its own says how the ids differ
    check_pool(open_data(DataConfig(data=str(pool), id="key")), [source])


def test_lists_of_probabilities_are_told_to_be_columns(data: DataConfig) -> None:
    path = save(data, "p.parquet", probs=[[0.25, 0.75]] * N, old=[[value] for value in OLD])
    with pytest.raises(DataError, match=r"got \[0.25, 0.75\] in row 0. Save a column for each class"):
        rows(path, data, "probs")
    assert list(rows(path, data)["old"]) == OLD
    pl.read_csv(data.data).with_columns(probs=pl.Series([[0.25, 0.75]] * N)).write_parquet(path)
    with pytest.raises(DataError, match=r"got \[0.25, 0.75\] in row 0. Save a column for each class"):
        open_data(DataConfig(data=str(path), predictions=("probs",)))
    with pytest.raises(DataError, match="Save one value in each row, or name another column with --label"):
        open_data(DataConfig(data=str(path), label="probs"))
