"""Columns of Parquet features: what is taken, what is refused, and how an option replaces the guess."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets.load import open_data
from w2s_probe.pipeline.exchange import from_file, import_features
from w2s_probe.pipeline.feature_addresses import parse_address
from w2s_probe.pipeline.feature_files import read_features
from w2s_probe.pipeline.sources import without_folders

X = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
WIDE = {f"f{j}": X[:, j] for j in range(3)}
IDS = [f"r{i}" for i in range(6)]
LISTS = pl.Series(X.tolist(), dtype=pl.List(pl.Float32))
DATA = DataConfig(data="d.csv", label="outcome", group="site", split="role", group_split="author", id="image")
WHOLE = np.arange(6)


def written(folder: Path, columns: dict[str, Any], name: str = "x.parquet") -> Path:
    pl.DataFrame(columns).write_parquet(folder / name)
    return folder / name


TAKEN: dict[str, tuple[dict[str, Any], str]] = {
    "features": (
        {"id": IDS, "features": LISTS, "other": [[1.0]] * 6},
        "column features, 3 dimensions, float32, rows by id; 1 other column left out: other.",
    ),
    "one list column": (
        {"vector": LISTS, "n": WHOLE, "text": IDS},
        "column vector, 3 dimensions, float32, rows in the file's order; 2 other columns left out: n, text.",
    ),
    "fixed size": (
        {"id": IDS, "e": LISTS.cast(pl.Array(pl.Float32, 3))},
        "column e, 3 dimensions, float32, rows by id.",
    ),
    "lists of texts beside": (
        {"tags": [["a"]] * 6, "e": LISTS},
        "column e, 3 dimensions, float32, rows in the file's order; 1 other column left out: tags.",
    ),
    "numbers": ({"id": IDS, **WIDE}, "columns f0 … f2, 3 dimensions, float32, rows by id."),
    "--id": ({"image": IDS, **WIDE}, "columns f0 … f2, 3 dimensions, float32, rows by image."),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_can_be_read_in_one_way_is_read_and_told(tmp_path: Path, case: str) -> None:
    columns, note = TAKEN[case]
    file = read_features(written(tmp_path, columns), DATA)
    np.testing.assert_array_equal(file.X, X)
    assert file.notes == (f"features:x.parquet: {note}",)
    assert file.ids == (IDS if "rows by" in note else None)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "label": ({**WIDE, "outcome": X[:, 0]}, "'outcome' is DATA's --label"),
    "group": ({**WIDE, "site": X[:, 0]}, "'site' is DATA's --group"),
    "split": ({**WIDE, "role": X[:, 0]}, "'role' is DATA's --split"),
    "source": ({**WIDE, "author": X[:, 0]}, "'author' is DATA's --group-split"),
    "index of pandas": ({**WIDE, "__index_level_0__": X[:, 0]}, "an index, id, label or count"),
    "index of a CSV file": ({"Unnamed: 0": WHOLE.astype(float), **WIDE}, "'Unnamed: 0'"),
    "unnamed": ({"": WHOLE.astype(float), **WIDE}, "''"),
    "capitals": ({"Label": X[:, 0], **WIDE}, "'Label'"),
    "two ids": ({"id": IDS, "item_id": X[:, 0], **WIDE}, "'item_id'"),
    "whole numbers": ({**WIDE, "words": WHOLE}, "'words' holds whole numbers, the other columns do not"),
    "all whole": ({"a": WHOLE, "target": WHOLE}, "'target'"),
    "texts": ({**WIDE, "f3": ["1.5"] * 6}, "'f3' holds String"),
    "truth values": ({**WIDE, "long": [True] * 6}, "'long' holds Boolean"),
    "dates": ({**WIDE, "day": [date(2026, 1, 1)] * 6}, "'day' holds Date"),
    "lists of texts": ({**WIDE, "tags": [["a"]] * 6}, "'tags' holds List(String)"),
    "two lists": ({"a": LISTS, "b": LISTS, "n": WHOLE}, "it has a, b. Name one, as in features:x.parquet#a."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    columns, problem = REFUSED[case]
    with pytest.raises(DataError) as refusal:
        read_features(written(tmp_path, columns), DATA)
    assert problem in str(refusal.value)
    assert "as in features:x.parquet#" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("columns", "chosen"), [({"id": IDS, **WIDE}, "f0,f1,f2"), ({"e": LISTS}, "e"), ({"features": LISTS}, "features")]
)
def test_the_option_changes_nothing_where_the_guess_was_right(
    tmp_path: Path, columns: dict[str, Any], chosen: str
) -> None:
    path = written(tmp_path, columns)
    guess, option = read_features(path), read_features(f"{path}#{chosen}")
    np.testing.assert_array_equal(option.X, guess.X)
    assert (option.ids, option.notes) == (guess.ids, guess.notes)


def test_the_option_names_columns_that_a_guess_refuses(tmp_path: Path) -> None:
    path = written(tmp_path, {**WIDE, "label": WHOLE, "ok": [True] * 6, "text": IDS, "a,b": X[:, 0], "e": LISTS})
    np.testing.assert_array_equal(read_features(f"{path}#f2, f0").X, X[:, [2, 0]])
    np.testing.assert_array_equal(read_features(f"{path}#a,b").X, X[:, :1])
    np.testing.assert_array_equal(read_features(f"{path}#label,ok").X, np.column_stack([WHOLE, np.ones(6)]))
    for wrong in ("f3", "", "f0,f0", "f0,text", "f0,e", "text"):
        with pytest.raises(DataError, match=r"x\.parquet"):
            read_features(f"{path}#{wrong}")
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(DataError, match="has no columns"):
        read_features(f"{tmp_path}/x.npy#X")


def test_a_file_whose_name_has_a_number_sign_comes_first(tmp_path: Path) -> None:
    path = written(tmp_path, {"a": X[:, 0], "b#c": X[:, 1], "d/e": X[:, 2]}, "x#1.parquet")
    assert read_features(path).facts.columns == ("a", "b#c", "d/e")
    assert read_features(f"{path}#b#c").facts.columns == ("b#c",)
    assert without_folders(f"features:{path}#d/e") == "features:x#1.parquet#d/e"
    assert parse_address("no/such.parquet#a,b") == (Path("no/such.parquet"), "a,b")
    np.save(tmp_path / "x.parquet#a.npy", X)
    assert read_features(tmp_path / "x.parquet#a.npy").name == "features:x.parquet#a.npy"


def table_with_ids(folder: Path) -> DataConfig:
    pl.DataFrame({"image": IDS, "label": [0, 1] * 3}).write_csv(folder / "d.csv")
    return DataConfig(data=str(folder / "d.csv"), id="image")


SHUFFLED = [3, 0, 5, 1, 4, 2]


@pytest.mark.parametrize("column", ["id", "ids", "image"])
@pytest.mark.parametrize("suffix", ["parquet", "npz"])
def test_rows_are_aligned_by_the_id_column_of_the_file(tmp_path: Path, column: str, suffix: str) -> None:
    data = table_with_ids(tmp_path)
    path = tmp_path / f"x.{suffix}"
    order = [IDS[i] for i in SHUFFLED]
    if suffix == "npz":
        np.savez(path, X=X[SHUFFLED], **{column: np.array(order)})  # type: ignore[arg-type]
    else:
        pl.DataFrame({column: order, "e": X[SHUFFLED].tolist()}).write_parquet(path)
    np.testing.assert_array_equal(from_file(open_data(data), path, data)[0].X, X)


def test_the_column_that_id_names_comes_before_one_called_id(tmp_path: Path) -> None:
    data = table_with_ids(tmp_path)
    order = [IDS[i] for i in SHUFFLED]
    path = written(tmp_path, {"id": WHOLE, "image": order, "features": X[SHUFFLED].tolist()})
    features, notes = from_file(open_data(data), path, data)
    np.testing.assert_array_equal(features.X, X)
    assert notes == (
        "features:x.parquet: column features, 3 dimensions, float32, rows by image; 1 other column left out: id.",
    )


@pytest.mark.parametrize("extra", [[], ["more"]])
def test_rows_never_go_by_order_beside_a_column_of_ids(tmp_path: Path, extra: list[str]) -> None:
    data = table_with_ids(tmp_path)
    rows = [*X.tolist(), *[[0.0] * 3 for _ in extra]]
    path = written(tmp_path, {"file": [*IDS, *extra], "e": rows})
    with pytest.raises(DataError, match=r"got the ids of d\.csv in 'file'\. Rename this column to id\.") as refusal:
        from_file(open_data(data), path, data)
    assert "\n" not in str(refusal.value)
    other = written(tmp_path, {"file": ["x"] * 6, "e": X.tolist()}, "y.parquet")
    assert "rows in the file's order" in from_file(open_data(data), other, data)[1][0]


@pytest.mark.parametrize("name", ["names", "ids2", "row_ids"])
@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_rows_never_go_by_order_beside_an_array_of_ids(tmp_path: Path, suffix: str, name: str) -> None:
    pl.DataFrame({"key": WHOLE, "label": [0, 1] * 3}).write_csv(tmp_path / "d.csv")
    data = DataConfig(data=str(tmp_path / "d.csv"), id="key")
    path = tmp_path / f"x.{suffix}"
    for ids in (np.array(WHOLE)[SHUFFLED], np.array(WHOLE)[SHUFFLED][:, None]):
        arrays = {"X": X[SHUFFLED].copy(), name: ids}
        np.savez(path, **arrays) if suffix == "npz" else save_file(arrays, path)  # type: ignore[arg-type]
        with pytest.raises(DataError, match=rf"in an array called id, .* in '{name}'\. Rename this array to id\."):
            from_file(open_data(data), path, data)
        with pytest.raises(DataError, match=rf"got the ids of d\.csv in '{name}'"):
            import_features(path, name="x", store=FeatureStore(tmp_path / "cache"), data=replace(data, text="key"))
    other = {"X": X, name: np.zeros(6, dtype=np.int64)}
    np.savez(path, **other) if suffix == "npz" else save_file(other, path)  # type: ignore[arg-type]
    assert "rows in the file's order" in from_file(open_data(data), path, data)[1][0]


def test_arrays_of_ids_in_shards_and_as_bytes_are_found_too(tmp_path: Path) -> None:
    data = table_with_ids(tmp_path)
    order = np.array([IDS[i] for i in SHUFFLED])
    for number, rows in enumerate((slice(0, 2), slice(2, 6))):
        np.savez(tmp_path / f"s_{number}.npz", X=X[SHUFFLED][rows], names=order[rows].astype(np.bytes_))
    with pytest.raises(DataError, match=r"got the ids of d\.csv in 'names'"):
        from_file(open_data(data), tmp_path / "s_*.npz", data)


@pytest.mark.parametrize("name", ["id", "names"])
def test_ids_that_are_objects_are_told_how_to_become_texts(tmp_path: Path, name: str) -> None:
    data = table_with_ids(tmp_path)
    np.savez(tmp_path / "x.npz", X=X, **{name: np.array(IDS, dtype=object)})  # type: ignore[arg-type]
    with pytest.raises(DataError, match=rf"its array '{name}' holds objects of Python.* id={name}\.astype\(str\)"):
        from_file(open_data(data), tmp_path / "x.npz", data)


@pytest.mark.parametrize("ids", [np.arange(6.0), np.array([[1, 2]] * 6)])
def test_ids_that_are_no_column_of_names_are_told_how_to_become_one(tmp_path: Path, ids: np.ndarray) -> None:
    np.savez(tmp_path / "x.npz", X=X, ids=ids)
    advice = r"Save ids\.astype\(int\)" if ids.ndim == 1 else "Save an array of one dimension"
    with pytest.raises(DataError, match=rf"its array 'ids' has type (float64|int64) and shape .* {advice}, or leave"):
        read_features(tmp_path / "x.npz")


def test_an_array_of_ids_that_number_the_rows_in_another_order_is_refused(tmp_path: Path) -> None:
    data = table_with_ids(tmp_path)
    save_file({"X": X[::-1].copy(), "ids2": WHOLE[::-1].copy()}, tmp_path / "x.safetensors")
    with pytest.raises(DataError, match=r"its index 'ids2' numbers them in another order.* sort the rows by it before"):
        from_file(open_data(data), tmp_path / "x.safetensors", data)


def test_suffixes_of_features_may_be_in_capitals(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", X=X)
    (tmp_path / "x.npz").rename(tmp_path / "X.NPZ")
    np.testing.assert_array_equal(read_features(tmp_path / "X.NPZ").X, X)
    for number in range(2):
        with (tmp_path / f"s_{number}.NPY").open("wb") as handle:
            np.save(handle, X)
    assert len(read_features(tmp_path / "s_*").X) == 12


@pytest.mark.parametrize(("name", "start"), [("__index_level_0__", 0), ("index", 0), ("row", 1), ("", 1)])
def test_an_index_in_another_order_is_refused(tmp_path: Path, name: str, start: int) -> None:
    pl.DataFrame({"label": [0, 1] * 3, "n": WHOLE}).write_csv(tmp_path / "d.csv")
    data = DataConfig(data=str(tmp_path / "d.csv"))
    path = written(tmp_path, {"e": X[SHUFFLED].tolist(), name: [start + row for row in SHUFFLED]})
    with pytest.raises(DataError, match=rf"its index '{name}' numbers them in another order.*df\.sort_index\(\)"):
        from_file(open_data(data), path, data)
    for index in (range(6), [7, 0, 5, 1, 4, 2]):  # in order, and the rows of some larger table
        other = written(tmp_path, {"e": X.tolist(), name: list(index)}, "y.parquet")
        np.testing.assert_array_equal(from_file(open_data(data), other, data)[0].X, X)


def test_an_index_that_the_table_has_too_is_compared_with_it(tmp_path: Path) -> None:
    pl.DataFrame({"label": [0, 1] * 3, "index": SHUFFLED}).write_csv(tmp_path / "d.csv")
    data = DataConfig(data=str(tmp_path / "d.csv"))
    path = written(tmp_path, {"e": X.tolist(), "index": SHUFFLED})
    np.testing.assert_array_equal(from_file(open_data(data), path, data)[0].X, X)
