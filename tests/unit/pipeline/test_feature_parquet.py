"""Lists of any type in Parquet files, read one row group at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from w2s_probe.cache import FeatureStore
from w2s_probe.core.errors import DataError, ShapeError
from w2s_probe.datasets.parquet import group_rows
from w2s_probe.datasets.parquet_groups import frames_of
from w2s_probe.pipeline import feature_content
from w2s_probe.pipeline.feature_files import read_features

VALUES = np.random.default_rng(0).integers(-9, 9, size=(10, 3))
ROWS = 4  # of a row group
TYPES = {"float16": pl.Float16, "float32": pl.Float32, "float64": pl.Float64, "int8": pl.Int8, "uint64": pl.UInt64}


def written(path: Path, **columns: Any) -> Path:
    pl.DataFrame(columns).write_parquet(path, row_group_size=ROWS)
    return path


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("fixed", [False, True])
def test_lists_of_any_type_and_name_are_read(tmp_path: Path, dtype: str, fixed: bool) -> None:  # drawn
    kind = pl.Array(TYPES[dtype], 3) if fixed else pl.List(TYPES[dtype])
    values = np.abs(VALUES)
    path = written(tmp_path / "x.parquet", text=list("abcdefghij"), vector=pl.Series(values.tolist(), dtype=kind))
    assert group_rows(path) == [4, 4, 2]
    file = read_features(path)
    np.testing.assert_array_equal(file.X, values)
    assert (file.X.dtype.name, file.facts.dtype, file.facts.columns) == ("float32", dtype, ("vector",))
    assert (
        "column vector, 3 dimensions, float32, rows in the file's order; 1 other column left out: text."
        in (file.notes[0])
    )


def test_row_groups_go_through_a_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(
        tmp_path / "x.parquet", id=list("abcdefghij"), vector=VALUES.tolist(), other=[VALUES[0].tolist()] * 10
    )
    store = FeatureStore(tmp_path / "cache")
    small = read_features(f"{path}#vector", temporary=store.temporary_file)
    monkeypatch.setattr(feature_content, "MOST_IN_MEMORY", 20)
    large = read_features(f"{path}#vector", temporary=store.temporary_file)
    assert isinstance(large.X, np.memmap)
    assert type(small.X) is np.ndarray
    assert small.X.tobytes() == large.X.tobytes()
    assert (small.ids, large.ids) == (list("abcdefghij"),) * 2
    assert list((store.root / "tmp").iterdir()) == []
    assert [frame.columns for frame in frames_of(path, ["vector"], groups=[4, 4, 2])] == [["vector"]] * 3


@pytest.mark.parametrize(
    ("row", "value", "said"),
    [
        (6, [1, 2], "'vector' differ in length, row 6 has 2 numbers. Fill in or remove such rows."),
        (4, [1, 2], "'vector' differ in length, row 4 has 2 numbers."),
        (8, None, "row 8 has no list."),
        (9, [1, 2, None], "must be finite: got nan in row 9, column 2."),
        (5, [1, float("inf"), 2], "must be finite: got inf in row 5, column 1."),
    ],
)
def test_a_bad_row_of_any_row_group_is_named(tmp_path: Path, row: int, value: list[float] | None, said: str) -> None:
    rows: list[Any] = VALUES.astype(float).tolist()
    rows[row] = value
    path = written(tmp_path / "x.parquet", vector=pl.Series(rows, dtype=pl.List(pl.Float64)))
    with pytest.raises((DataError, ShapeError)) as refusal:
        read_features(path)
    assert said in str(refusal.value)
    assert "features:x.parquet must" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_numbers_of_a_later_row_group_are_checked_too(tmp_path: Path) -> None:
    columns = {"a": [*[1.0] * 7, None, 1.0, 1.0], "b": [2] * 10}
    with pytest.raises(ShapeError, match=r"got nan in row 7, column 0"):
        read_features(f"{written(tmp_path / 'x.parquet', **columns)}#a,b")


def test_two_list_columns_are_chosen_by_name(tmp_path: Path) -> None:
    path = written(tmp_path / "x.parquet", a=VALUES.tolist(), b=(2 * VALUES).tolist())
    with pytest.raises(DataError, match=r"it has a, b\. Name one, as in features:x\.parquet#a\."):
        read_features(path)
    np.testing.assert_array_equal(read_features(f"{path}#b").X, 2 * VALUES)


def test_a_footer_that_lies_about_its_rows_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.parquet", a=VALUES.tolist())
    with pytest.raises(ValueError, match="its footer says 12 rows, there are 10"):
        list(frames_of(path, ["a"], groups=[12]))


def test_a_file_without_rows_is_empty(tmp_path: Path) -> None:
    for path in (
        written(tmp_path / "a.parquet", v=pl.Series([], dtype=pl.List(pl.Float32))),
        written(tmp_path / "b.parquet", v=pl.Series([], dtype=pl.Float32)),
        written(tmp_path / "c.parquet", v=[[], []]),
    ):
        with pytest.raises((ShapeError, DataError), match=rf"features:{path.name} must (not be empty|have)"):
            read_features(path)
