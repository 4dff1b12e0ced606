"""Advice about feature files of a wrong shape, type or spelling of ids: it says what to do, and doing it helps."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from w2s_probe.cache import FeatureStore
from w2s_probe.core.arrays import as_matrix
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import CacheError, DataError, ShapeError
from w2s_probe.datasets.load import open_data
from w2s_probe.pipeline.exchange import from_cache, from_file, import_features
from w2s_probe.pipeline.feature_files import read_features

X = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((6, 1, 3), "Use reshape(6, 3) before saving."),
        ((1, 6, 3), "Use reshape(6, 3) before saving."),
        ((6, 3, 1, 1), "Use reshape(6, 3) before saving."),
        ((6, 1, 1), "Use reshape(6, 1) before saving."),
        ((1, 1, 3), "Use reshape(1, 3) before saving."),
        ((6,), "Use reshape(-1, 1) for a single feature."),
        ((6, 4, 3), "Save one vector for each row, such as the mean over the tokens: X.mean(axis=1)."),
    ],
)
def test_an_array_that_is_no_matrix_is_told_how_to_become_one(shape: tuple[int, ...], advice: str) -> None:
    with pytest.raises(ShapeError) as refusal:
        as_matrix(np.ones(shape), "features")
    assert str(refusal.value).endswith(advice)
    if "before" in advice:
        sizes = advice[advice.index("(") + 1 : advice.index(")")].split(",")
        as_matrix(np.ones(shape).reshape([int(size) for size in sizes]), "features")


def rows(folder: Path, ids: list[str]) -> DataConfig:
    """Write a Parquet table with these ids: its texts stay as they are."""
    pl.DataFrame({"key": ids, "label": [0, 1] * (len(ids) // 2)}).write_parquet(folder / "d.parquet")
    return DataConfig(data=str(folder / "d.parquet"), id="key")


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.parquet"])
def test_a_transposed_array_is_called_so(tmp_path: Path, name: str) -> None:
    data = rows(tmp_path, list("abcdef"))
    path = tmp_path / name
    if path.suffix == ".npy":
        np.save(path, X.T)
    elif path.suffix == ".npz":
        np.savez(path, X=X.T, ids=np.array(list("abcdef")))
    else:
        pl.DataFrame({f"r{i}": X[i] for i in range(6)}).write_parquet(path)
    with pytest.raises(ShapeError, match=r"got shape \(3, 6\) for 6 rows. Save the transposed array, X.T."):
        from_file(open_data(data), path, data)


@pytest.mark.parametrize(("dtype", "kind"), [("F8_E4M3", "float8_E4M3"), ("F8_E5M2", "float8_E5M2")])
def test_types_that_numpy_lacks_are_named_with_the_call_that_helps(tmp_path: Path, dtype: str, kind: str) -> None:
    header = json.dumps({"X": {"dtype": dtype, "shape": [6, 3], "data_offsets": [0, 18]}}).encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(18))
    with pytest.raises(DataError) as refusal:
        read_features(tmp_path / "x.safetensors")
    assert f"got {dtype} ({kind}). Save it as float32, with X.float() in PyTorch." in str(refusal.value)


def test_bfloat16_in_an_array_file_is_called_so(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((6, 3), dtype="V2"))
    with pytest.raises(ShapeError, match=r"got an array of bytes, as numpy saves bfloat16\. Save them as float32"):
        read_features(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("column", "advice"),
    [
        ([[row] for row in X.tolist()], "Flatten them with X.reshape(len(X), -1) before saving."),
        (pl.Series(X[:, None].tolist(), dtype=pl.Array(pl.Float32, (1, 3))), "Flatten them with"),
        ([*X[:5].tolist(), [1.0]], "row 5 has 1 numbers. Fill in or remove such rows."),
        ([*X[:4].tolist(), None, [1.0]], "row 4 has no list. Fill in or remove such rows."),
    ],
)
def test_lists_that_make_no_matrix_are_told_which_row(tmp_path: Path, column: Any, advice: str) -> None:
    pl.DataFrame({"vector": column}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError) as refusal:
        read_features(tmp_path / "x.parquet")
    assert "'vector'" in str(refusal.value)
    assert advice in str(refusal.value)


SPELLED: dict[str, tuple[Callable[[int], str], Callable[[int], str], str]] = {
    "zeros lost by the data": (str, lambda i: f"{i:05}", "leading zeros: '0' in the data, '00000' in the features"),
    "zeros lost by the file": (lambda i: f"{i:03}", str, "leading zeros: '000' in the data, '0' in the features"),
    "floats": (str, lambda i: f"{i}.0", "a decimal point: '0' in the data, '0.0' in the features"),
    "capitals": (lambda i: f"a{i}", lambda i: f" A{i}", "spaces or capitals: 'a0' in the data"),
    "folders": (lambda i: f"a{i}.jpg", lambda i: f"img/a{i}.jpg", "a folder: 'a0.jpg' in the data"),
    "suffixes": (lambda i: f"a{i}", lambda i: f"img/a{i}.jpg", "a folder or suffix: 'a0' in the data"),
}


@pytest.mark.parametrize("case", SPELLED)
def test_ids_in_another_spelling_are_shown_side_by_side(tmp_path: Path, case: str) -> None:
    of_data, of_file, advice = SPELLED[case]
    data = rows(tmp_path, [of_data(i) for i in range(6)])
    np.savez(tmp_path / "x.npz", X=X, ids=np.array([of_file(i) for i in range(6)]))
    with pytest.raises(DataError) as refusal:
        from_file(open_data(data), tmp_path / "x.npz", data)
    assert f"The ids differ in {advice}" in str(refusal.value)
    assert "Embed" not in str(refusal.value)
    store = FeatureStore(tmp_path / "cache")
    import_features(tmp_path / "x.npz", name="x", store=store)
    with pytest.raises(CacheError) as from_store:
        from_cache(open_data(data), "x", store)
    assert f"The ids differ in {advice}" in str(from_store.value)


def test_ids_that_are_really_missing_are_told_so(tmp_path: Path) -> None:
    data = rows(tmp_path, list("abcdef"))
    np.savez(tmp_path / "some.npz", X=X[:5], ids=np.array(list("abcde")))
    with pytest.raises(DataError, match=r"1 of 6 ids are missing, the first is 'f'\. Embed these rows too\."):
        from_file(open_data(data), tmp_path / "some.npz", data)
    np.savez(tmp_path / "none.npz", X=X, ids=np.array(list("uvwxyz")))
    with pytest.raises(
        DataError,
        match=r"ids such as 'u'\. Name the column of the same ids with --id\. Or add the features of these rows",
    ):
        from_file(open_data(data), tmp_path / "none.npz", data)


LOST: dict[str, tuple[float, float, str]] = {  # factor, offset, dtype
    "below the smallest half": (1e-9, 0.0, "float16"),
    "one digit left": (3e-8, 0.0, "float16"),
    "a large mean": (1.0, 4000.0, "float16"),
    "a large negative mean": (0.01, -60.0, "float16"),
    "below the smallest float32": (1e-60, 0.0, "float32"),
    "a mean of nine digits": (1.0, 1e9, "float32"),
}


@pytest.mark.parametrize("case", LOST)
def test_a_type_that_loses_the_differences_is_refused_on_import(tmp_path: Path, case: str) -> None:
    factor, offset, dtype = LOST[case]
    values = np.random.default_rng(0).standard_normal((40, 3)) * factor + offset
    np.save(tmp_path / "x.npy", values)
    store = FeatureStore(tmp_path / "cache")
    with pytest.raises(ShapeError, match=f"must keep their differences in {dtype}: got values up to") as refusal:
        import_features(tmp_path / "x.npy", name="x", store=store, dtype=dtype)
    assert ("Use --dtype float32" in str(refusal.value)) == (dtype == "float16")
    assert "\n" not in str(refusal.value)
    np.save(tmp_path / "better.npy", (values - values.mean(axis=0)) / values.std(axis=0))
    assert import_features(tmp_path / "better.npy", name="x", store=store, dtype=dtype).notes == ()


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).standard_normal((40, 3)) * 100 + 300,
        np.where(np.arange(120).reshape(40, 3) % 7 == 0, 1e-9, np.arange(120).reshape(40, 3) % 5),  # after a ReLU
        np.full((40, 3), 0.1),
        np.repeat([[0.1], [0.100001]], 3, axis=1),
        np.zeros((40, 3)),
    ],
)
def test_features_that_halves_can_hold_are_imported(tmp_path: Path, values: np.ndarray) -> None:
    np.save(tmp_path / "x.npy", values)
    done = import_features(tmp_path / "x.npy", name="x", store=FeatureStore(tmp_path / "cache"), dtype="float16")
    assert (done.rows, done.notes) == (len(values), ())


def test_columns_that_become_zero_are_noted(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((3000, 4)) * [1.0, 1e-9, 1.0, 1e-10]
    np.save(tmp_path / "x.npy", values)
    store = FeatureStore(tmp_path / "cache")
    done = import_features(tmp_path / "x.npy", name="x", store=store, dtype="float16")
    assert done.notes == ("2 of 4 columns become 0 in float16: column 1, 3. Scale these columns to keep them.",)
    assert import_features(tmp_path / "x.npy", name="y", store=store).notes == ()
