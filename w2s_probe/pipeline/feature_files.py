"""Features computed elsewhere: .npy, .npz, .safetensors and Parquet; nothing is unpickled or extracted."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import as_matrix, check_not_transposed, check_same_rows
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, W2SProbeError, did_you_mean, listed
from w2s_probe.core.files import check_memory, is_regular_file, read_member, reason
from w2s_probe.core.input_files import check_no_pipe, check_not_packed
from w2s_probe.core.types import Features
from w2s_probe.core.writing import write_file
from w2s_probe.datasets.parquet import read_parquet
from w2s_probe.pipeline.feature_columns import (
    SUFFIXES,
    choose_columns,
    described,
    holds_lists,
    id_column,
    is_number,
    parse_address,
)
from w2s_probe.results.read import FeaturesRead

if TYPE_CHECKING:
    import polars as pl

WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")  # what int64 gives back as it was


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Content:
    """The arrays of a file: features, ids and their column, and columns that are neither."""

    X: NDArray[Any]
    columns: Sequence[str] = ("X",)
    guessed: bool = False  # other columns could have been named
    usual: bool = True  # the columns are those of the file without #
    dtype: str = ""  # of lists
    ids: list[str] | None = None
    id_column: str | None = None
    left_out: Sequence[str] = ()
    possible_ids: Sequence[pl.Series] = ()  # other columns of texts or whole numbers


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class FeatureFile:
    """Features of a file: what was read, and what was left out.

    `name` is ``features:FILE`` without folders. `columns` and `left_out` are columns of a Parquet file, or arrays.
    `dtype` is the file's type, which may differ from that of `X`. `guessed` says that no columns were named, and
    `usual` that the columns are those that are read where none are named.
    """

    X: Features
    ids: list[str] | None
    name: str
    columns: tuple[str, ...]
    left_out: tuple[str, ...]
    dtype: str
    guessed: bool
    usual: bool
    id_column: str | None
    possible_ids: tuple[pl.Series, ...]

    def read(self, name: str) -> FeaturesRead:
        """Return what was read, for JSON; `name` is the name of the backbone."""
        return FeaturesRead(
            backbone=name,
            columns=self.columns,
            dim=self.X.shape[1],
            dtype=self.dtype,
            file=self.name.removeprefix("features:"),
            matched_by="row" if self.ids is None else "id",
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on the columns, unless the file holds X or `features`, ids, and nothing else."""
        if not self.left_out and self.columns in (("X",), ("features",)):
            return ()
        what = "array X" if self.columns == ("X",) else described(self.columns)
        order = "rows in the file's order" if self.id_column is None else f"rows by {self.id_column}"
        count = f"{len(self.left_out)} other column{'s' * (len(self.left_out) > 1)}"
        rest = f"; {count} left out: {listed(self.left_out)}" if self.left_out else ""
        return (f"{self.name}: {what}, {self.X.shape[1]:,} dimensions, {self.X.dtype}, {order}{rest}.",)


def read_features(address: Path | str, data: DataConfig | None = None) -> FeatureFile:
    """Return the features of a file, and their ids if the file has any.

    Parameters
    ----------
    address : Path or str
        FILE, or ``FILE#COLUMN`` or ``FILE#a,b,c`` for Parquet. ``.npy``: a 2-D array, opened as a memory map. ``.npz``
        and ``.safetensors``: ``X`` and optionally ``ids``. ``.parquet``: see `choose_columns`, and optionally ``id``.
    data : DataConfig, optional
        The table; its id column is the file's id column too, and its other columns are no features.

    Raises
    ------
    DataError
        If there is no such file, it is not what its suffix says, or it can be read in two ways.
    ShapeError
        If the array is not two-dimensional, empty, not numeric, or not finite.
    """
    path, chosen = parse_address(str(address))
    name = f"features:{path.name}"
    check_no_pipe(path, name)
    _check_suffix(path, name)
    if not is_regular_file(path):
        msg = f"{name} must be a file: there is none at {path}. Check the path, relative to the working directory."
        raise DataError(msg)
    if chosen is not None and path.suffix != ".parquet":
        msg = f"{name} has no columns, since it is no Parquet file: got #{chosen:.60}. Remove # and what follows."
        raise DataError(msg)
    read: dict[str, Callable[..., Content]]
    read = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors, ".parquet": partial(_parquet, chosen=chosen)}
    try:
        check_not_packed(path, name)
        with warnings.catch_warnings(action="ignore"):  # numpy's on headers; a wrong one raises too
            content = read[path.suffix](path, data=data)
        X = as_matrix(content.X, name)
        if content.ids is not None:
            check_not_transposed(name, X.shape, "its ids", len(content.ids))
            check_same_rows(name, len(X), "its ids", len(content.ids))
        return FeatureFile(
            X=X,
            ids=content.ids,
            name=name,
            columns=tuple(content.columns),
            left_out=tuple(content.left_out),
            dtype=content.dtype or content.X.dtype.name,
            guessed=content.guessed,
            usual=content.usual,
            id_column=content.id_column,
            possible_ids=tuple(content.possible_ids),
        )
    except W2SProbeError:
        raise
    except Exception as error:  # on crafted bytes, readers raise whatever their innermost line does
        check_memory(error)
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
        write_file(path, partial(write[path.suffix], X=X, ids=ids))
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


def _npy(path: Path, *, data: DataConfig | None) -> Content:  # it holds no ids
    X = np.lib.format.open_memmap(path, mode="r")
    promised, there = X.offset + X.nbytes, path.stat().st_size
    if X.size and promised != there:
        msg = f"its header says {promised} bytes, it has {there}"
        raise ValueError(msg)
    return Content(X=X)


def _npz(path: Path, *, data: DataConfig | None) -> Content:
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        _check_names(path, names)
        return _of_arrays(names, partial(read_member, path, archive, label=f"features:{path.name}"), data)


def _safetensors(path: Path, *, data: DataConfig | None) -> Content:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as arrays:
        names = list(arrays.keys())
        _check_names(path, names)
        dtype = arrays.get_slice("X").get_dtype()
        if dtype.startswith(("BF", "F8", "F6", "F4")):
            kind = dtype.replace("BF", "bfloat").replace("F8", "float8")
            msg = (
                f"features:{path.name} must hold X in a type that numpy has: got {dtype} ({kind}). "
                "Save it as float32, with X.float() in PyTorch."
            )
            raise DataError(msg)
        return _of_arrays(names, arrays.get_tensor, data)


def _of_arrays(names: Sequence[str], read: Callable[[str], NDArray[Any]], data: DataConfig | None) -> Content:
    column = id_column([name for name in names if name != "X"], data)
    return Content(
        X=read("X"),
        ids=None if column is None else _ids(read(column)),
        id_column=column,
        left_out=[name for name in names if name not in ("X", column)],
    )


def _parquet(path: Path, *, chosen: str | None, data: DataConfig | None) -> Content:
    frame = read_parquet(path, name=f"features:{path.name}")
    column = id_column(frame.columns, data)
    names = choose_columns(frame, chosen, ids=column, data=data, file=path.name)
    first = frame[names[0]]
    numbers = is_number(first.dtype) and (chosen is not None or names != ["features"])
    others = [name for name in frame.columns if name != column and (chosen is None or name not in names)]
    return Content(
        X=_of_numbers(frame.select(names)) if numbers else _of_lists(first, path.name),
        columns=names,
        guessed=chosen is None,
        usual=chosen is None or names == _usual_columns(frame, ids=column, data=data, file=path.name),
        dtype="" if numbers else _inner_type(first),
        ids=None if column is None else _ids_of_column(frame[column]),
        id_column=column,
        left_out=[name for name in frame.columns if name not in (*names, column)],
        possible_ids=[frame[name] for name in others if column is None and _may_be_ids(frame[name])],
    )


def _usual_columns(frame: pl.DataFrame, *, ids: str | None, data: DataConfig | None, file: str) -> list[str]:
    """Return the columns that are read where none are named; none if the file can be read in two ways."""
    try:
        return choose_columns(frame, None, ids=ids, data=data, file=file)
    except DataError:
        return []


def _inner_type(column: pl.Series) -> str:
    """Return the type of the numbers in a column of lists, as numpy calls it."""
    return str(getattr(column.dtype, "inner", column.dtype)).lower()


def _of_numbers(frame: pl.DataFrame) -> NDArray[Any]:
    import polars as pl
    import polars.selectors as cs

    return frame.with_columns((cs.boolean() | cs.decimal()).cast(pl.Float64)).to_numpy()


def _of_lists(column: pl.Series, file: str) -> NDArray[np.float32]:
    import polars as pl

    inner = column.dtype.inner if isinstance(column.dtype, (pl.List, pl.Array)) else None
    if not isinstance(inner, pl.DataType) or not inner.is_numeric():
        advice = (
            "Flatten them with X.reshape(len(X), -1)" if holds_lists(column.dtype) else "Make them lists of numbers"
        )
        msg = (
            f"features:{file} must have one list of numbers in each row: its column {column.name!r:.60} holds "
            f"{column.dtype!s:.60}, not lists of numbers. {advice} before saving."
        )
        raise DataError(msg)
    rows = column.cast(pl.List(pl.Float32), strict=False)
    widths = rows.list.len()
    if widths.null_count() or widths.n_unique() > 1:
        odd = next(row for row, width in enumerate(widths) if width is None or width != widths[0])
        length = "no list" if widths[odd] is None else f"{widths[odd]} numbers"
        msg = (
            f"features:{file} must have lists of one length: those in its column {column.name!r:.60} differ in length, "
            f"row {odd} has {length}. Fill in or remove such rows."
        )
        raise DataError(msg)
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
    if not _may_be_ids(column):
        msg = (
            f"its column {column.name} holds {column.dtype} with {column.null_count()} missing, not one id for each row"
        )
        raise TypeError(msg)
    return [str(value) for value in column.to_list()]


def _may_be_ids(column: pl.Series) -> bool:
    import polars as pl

    texts = column.dtype in (pl.String, pl.Categorical, pl.Enum)
    return not column.null_count() and (texts or column.dtype.is_integer())
