"""Features computed elsewhere: .npy, .npz, .safetensors and Parquet; nothing is unpickled or extracted."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.identity import hash_file
from w2s_probe.core.arrays import as_matrix
from w2s_probe.core.errors import DataError, W2SProbeError, did_you_mean, listed
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.files import is_regular_file, read_member, reason, replacing
from w2s_probe.core.types import Features
from w2s_probe.datasets.parquet import read_parquet

if TYPE_CHECKING:
    import polars as pl

Found = tuple[NDArray[Any], list[str] | None]
WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")  # what int64 gives back as it was
SUFFIXES = (".npy", ".npz", ".safetensors", ".parquet")


def read_features(path: Path) -> tuple[Features, list[str] | None, EmbeddingSpec]:
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
    if not is_regular_file(path):
        msg = f"{name} must be a file: there is none at {path}. Check the path, relative to the working directory."
        raise DataError(msg)
    read = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors, ".parquet": _parquet}[path.suffix]
    try:
        with warnings.catch_warnings(action="ignore"):  # numpy's on headers; a wrong one raises too
            X, ids = read(path)
        spec = EmbeddingSpec(backbone="features", revision=f"sha256:{hash_file(path)}")
        return as_matrix(X, name), ids, spec
    except W2SProbeError:
        raise
    except Exception as error:  # on crafted bytes, readers raise whatever their innermost line does
        msg = f"{name} must be a plain numeric {path.suffix} file: it cannot be read ({reason(error)}). Save it again."
        raise DataError(msg) from error


def write_features(path: Path, X: Features, ids: Sequence[str] | None, *, force: bool = False) -> None:
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
    try:
        with replacing(path) as temporary:
            write[path.suffix](temporary, X, ids)
    except OSError as error:
        msg = f"{path.name} must be writable: {path.parent} said {error.strerror or error}. Choose another place."
        raise DataError(msg) from error


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

    id_column = {} if ids is None else {"id": pl.Series(ids, dtype=pl.String)}
    features = pl.Series(X.astype(np.float32)).cast(pl.List(pl.Float32))
    pl.DataFrame({**id_column, "features": features}).write_parquet(path)


def _npy(path: Path) -> Found:
    X = np.lib.format.open_memmap(path, mode="r")
    promised, there = X.offset + X.nbytes, path.stat().st_size
    if X.size and promised != there:
        msg = f"its header says {promised} bytes, it has {there}"
        raise ValueError(msg)
    return X, None


def _npz(path: Path) -> Found:
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        _check_names(path, names)
        read = partial(read_member, path, archive, label=f"features:{path.name}")
        return read("X"), _ids(read("ids")) if "ids" in names else None


def _safetensors(path: Path) -> Found:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as arrays:
        names = list(arrays.keys())
        _check_names(path, names)
        return arrays.get_tensor("X"), _ids(arrays.get_tensor("ids")) if "ids" in names else None


def _parquet(path: Path) -> Found:
    table = read_parquet(path, name=f"features:{path.name}")
    ids = _ids_of_column(table["id"]) if "id" in table.columns else None
    if "features" in table.columns:
        return _of_lists(table["features"]), ids
    numeric = [name for name in table.columns if name != "id" and table[name].dtype.is_numeric()]
    return table.select(numeric).to_numpy(), ids


def _of_lists(column: pl.Series) -> NDArray[np.float32]:
    import polars as pl

    inner = column.dtype.inner if isinstance(column.dtype, (pl.List, pl.Array)) else None
    if not isinstance(inner, pl.DataType) or not inner.is_numeric():
        msg = f"its column features holds {column.dtype}, not lists of numbers"
        raise TypeError(msg)
    rows = column.cast(pl.List(pl.Float32), strict=False)
    widths = rows.list.len()
    if widths.null_count() or widths.n_unique() > 1:
        msg = "the lists in its column features differ in length"
        raise ValueError(msg)
    flat = rows.explode(empty_as_null=False).to_numpy()
    return flat.reshape(len(rows), -1) if len(flat) else np.empty((len(rows), 0), dtype=np.float32)


def _check_names(path: Path, names: Sequence[str]) -> None:
    """Refuse a file without exactly one array X, and names that lead to other folders."""
    if names.count("X") != 1:
        twice = "X twice" if "X" in names else listed(names) or "nothing"
        near = "" if "X" in names else did_you_mean("X", names)
        msg = f"features:{path.name} must hold one array named X: it holds {twice}.{near} Save it as X."
        raise DataError(msg)
    climbing = [name for name in names if name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts]
    if climbing:
        msg = f"features:{path.name} must name arrays, not paths: it holds {listed(climbing)}. Save it again."
        raise DataError(msg)


def _ids(column: NDArray[Any]) -> list[str]:
    if column.ndim != 1 or column.dtype.kind not in "USiu":
        msg = f"its ids have dtype {column.dtype} and shape {column.shape}, not one text or integer for each row"
        raise TypeError(msg)
    return [str(value) for value in (np.char.decode(column, "utf-8") if column.dtype.kind == "S" else column).tolist()]


def _ids_of_column(column: pl.Series) -> list[str]:
    import polars as pl

    if column.null_count() or not (column.dtype.is_integer() or column.dtype in (pl.String, pl.Categorical, pl.Enum)):
        msg = f"its column id holds {column.dtype} with {column.null_count()} missing, not one id for each row"
        raise TypeError(msg)
    return [str(value) for value in column.to_list()]
