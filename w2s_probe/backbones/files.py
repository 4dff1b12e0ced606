"""Features computed elsewhere: .npy, .npz, .safetensors and Parquet; nothing is unpickled."""

from __future__ import annotations

import re
import secrets
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.identity import hash_file
from w2s_probe.errors import DataError, did_you_mean
from w2s_probe.features import EmbeddingSpec
from w2s_probe.validation import as_matrix

__all__ = ["holds_ids", "read_features", "write_features"]

Found = tuple[NDArray[Any], list[str] | None]
WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")  # what int64 gives back as it was
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
    _check_suffix(path, name)
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


def write_features(path: Path, X: NDArray[np.floating[Any]], ids: Sequence[str] | None, *, force: bool = False) -> None:
    """Write features so that `read_features` reads them, completely or not at all.

    Parameters
    ----------
    path : Path
        Its suffix says how; ``.npy`` has no place for ids.
    X : array of shape (n, d)
        Written in their type, in Parquet as float32.
    ids : sequence of str, length n, or None
        What the rows are called; see `holds_ids`.
    force : bool
        Replace a file that is there.

    Raises
    ------
    DataError
        If the file is there, cannot be written, or cannot hold these ids.
    """
    _check_suffix(path, path.name)
    if ids is not None and not holds_ids(path, ids):
        msg = (
            f"{path.name} must hold {ids[0]!r} for an id: {path.suffix} cannot. Write .npz or .parquet, or give --data."
        )
        raise DataError(msg)
    if path.exists() and not force:
        msg = f"{path.name} must not be there yet: there is a file at {path}. Choose another name, or add --force."
        raise DataError(msg)
    write = {".npy": _write_npy, ".npz": _write_npz, ".safetensors": _write_safetensors, ".parquet": _write_parquet}
    name = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")  # numpy would add a suffix that is not there
    try:
        write[path.suffix](name, X, ids)
        name.replace(path)
    except OSError as error:
        msg = f"{path.name} must be writable: {path.parent} said {error.strerror or error}. Choose another place."
        raise DataError(msg) from error
    finally:
        with suppress(OSError):
            name.unlink(missing_ok=True)


def holds_ids(path: Path, ids: Sequence[str]) -> bool:
    """Return whether a file of this suffix can hold these ids: .npy none, .safetensors whole numbers."""
    whole = path.suffix == ".safetensors" and all(WHOLE.fullmatch(name) for name in ids)
    return whole or path.suffix in (".npz", ".parquet")


def _check_suffix(path: Path, name: str) -> None:
    if path.suffix not in SUFFIXES:
        msg = f"{name} must end in {', '.join(SUFFIXES)}: got {path.suffix or 'no suffix'!r}. Convert or rename it."
        raise DataError(msg)


def _write_npy(path: Path, X: NDArray[Any], ids: Sequence[str] | None) -> None:
    np.save(path, X, allow_pickle=False)


def _write_npz(path: Path, X: NDArray[Any], ids: Sequence[str] | None) -> None:
    if ids is None:
        np.savez(path, X=X)
    else:
        np.savez(path, X=X, ids=np.array(ids, dtype=np.str_))


def _write_safetensors(path: Path, X: NDArray[Any], ids: Sequence[str] | None) -> None:
    from safetensors.numpy import save_file

    arrays = {"X": np.ascontiguousarray(X)}
    if ids is not None:
        arrays["ids"] = np.array([int(name) for name in ids], dtype=np.int64)
    save_file(arrays, path)


def _write_parquet(path: Path, X: NDArray[Any], ids: Sequence[str] | None) -> None:
    import polars as pl

    named = {} if ids is None else {"id": pl.Series(ids, dtype=pl.String)}
    features = pl.Series(X.astype(np.float32)).cast(pl.List(pl.Float32))
    pl.DataFrame({**named, "features": features}).write_parquet(path)


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
        table = pl.read_parquet(path)
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
