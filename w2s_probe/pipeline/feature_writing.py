"""Features written as .npy, .npz, .safetensors or Parquet, for ``features:FILE``."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import DataError
from w2s_probe.core.types import Features
from w2s_probe.core.writing import write_file
from w2s_probe.pipeline.feature_addresses import check_suffix

WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")  # what int64 gives back as it was


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
    check_suffix(path, path.name)
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
        write_file(path, partial(write[path.suffix.lower()], X=X, ids=ids))
    except OSError as error:
        msg = f"{path.name} must be writable: {path.parent} said {error.strerror or error}. Choose another place."
        raise DataError(msg) from error


def holds_ids(path: Path, ids: Sequence[str]) -> bool:
    """Return whether a file of this suffix can hold these ids: .npy none, .safetensors whole numbers."""
    whole = path.suffix.lower() == ".safetensors" and all(WHOLE.fullmatch(name) for name in ids)
    return whole or path.suffix.lower() in (".npz", ".parquet")


def _write_npy(handle: IO[bytes], X: NDArray[Any], ids: Sequence[str] | None) -> None:
    np.save(handle, X, allow_pickle=False)


def _write_npz(handle: IO[bytes], X: NDArray[Any], ids: Sequence[str] | None) -> None:
    if ids is None:
        np.savez(handle, X=X)
    else:
        np.savez(handle, X=X, ids=np.array(ids, dtype=np.str_))


def _write_safetensors(handle: IO[bytes], X: NDArray[Any], ids: Sequence[str] | None) -> None:
    from safetensors.numpy import save

    arrays = {"X": np.ascontiguousarray(X)}
    if ids is not None:
        arrays["ids"] = np.array([int(name) for name in ids], dtype=np.int64)
    handle.write(save(arrays))


def _write_parquet(handle: IO[bytes], X: NDArray[Any], ids: Sequence[str] | None) -> None:
    import polars as pl

    id_column = {} if ids is None else {"id": pl.Series(ids, dtype=pl.String)}
    buffer = io.BytesIO()  # an error of the disk stays an OSError
    features = pl.Series(X.astype(np.float32)).cast(pl.List(pl.Float32))
    pl.DataFrame({**id_column, "features": features}).write_parquet(buffer)
    handle.write(buffer.getbuffer())
