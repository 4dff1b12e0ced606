"""Features computed elsewhere: .npy, .npz, .safetensors and Parquet; nothing is unpickled."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.identity import hash_file
from w2s_probe.errors import DataError, did_you_mean
from w2s_probe.features import EmbeddingSpec
from w2s_probe.validation import as_matrix

__all__ = ["read_features"]

Found = tuple[NDArray[Any], list[str] | None]
SUFFIXES = (".npy", ".npz", ".safetensors", ".parquet")


def read_features(path: Path) -> tuple[NDArray[np.floating[Any]], list[str] | None, EmbeddingSpec]:
    """Return features, their ids if the file has any, and a spec made of the file's hash.

    Parameters
    ----------
    path : Path
        ``.npy``: a 2-D array, opened as a memory map. ``.npz`` and ``.safetensors``: ``X`` and
        optionally ``ids``. ``.parquet``: ``id`` and one list column ``features``, or all other
        numeric columns.

    Raises
    ------
    DataError
        If there is no such file, or it is not what its suffix says.
    ShapeError
        If the array is not two-dimensional, empty, not numeric, or not finite.
    """
    name = f"features:{path.name}"
    if path.suffix not in SUFFIXES:
        msg = f"{name} must end in {', '.join(SUFFIXES)}: got {path.suffix or 'no suffix'!r}. Convert or rename it."
        raise DataError(msg)
    if not path.is_file():
        msg = f"{name} must be a file: there is none at {path}. Check the path, relative to the working directory."
        raise DataError(msg)
    read = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors, ".parquet": _parquet}[path.suffix]
    try:
        X, ids = read(path)
    except DataError:
        raise
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160].rstrip(".")
        msg = f"{name} must be a plain numeric {path.suffix} file: it cannot be read ({reason}). Save it again."
        raise DataError(msg) from error
    spec = EmbeddingSpec(backbone="features", revision=f"sha256:{hash_file(path)}")
    return as_matrix(X, name), ids, spec


def _npy(path: Path) -> Found:
    return np.load(path, mmap_mode="r", allow_pickle=False), None


def _npz(path: Path) -> Found:
    with np.load(path, allow_pickle=False) as arrays:
        _check_has_x(path, arrays.files)
        return arrays["X"], _ids(arrays["ids"]) if "ids" in arrays.files else None


def _safetensors(path: Path) -> Found:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
    except SafetensorError as error:
        raise ValueError(error) from error
    _check_has_x(path, list(arrays))
    return arrays["X"], _ids(arrays["ids"]) if "ids" in arrays else None


def _parquet(path: Path) -> Found:
    import polars as pl

    try:
        table = pl.read_parquet(path, glob=False)
    except pl.exceptions.PolarsError as error:
        raise ValueError(error) from error
    ids = _ids(table["id"].to_numpy()) if "id" in table.columns else None
    if "features" in table.columns:
        return np.array(table["features"].to_list(), dtype=np.float32), ids
    numeric = [name for name in table.columns if name != "id" and table[name].dtype.is_numeric()]
    return table.select(numeric).to_numpy(), ids


def _check_has_x(path: Path, names: list[str]) -> None:
    if "X" not in names:
        msg = (
            f"features:{path.name} must hold an array named X: it holds {', '.join(names) or 'nothing'}."
            f"{did_you_mean('X', names)} Save it as X."
        )
        raise DataError(msg)


def _ids(column: NDArray[Any]) -> list[str]:
    return [str(value) for value in column.tolist()]
