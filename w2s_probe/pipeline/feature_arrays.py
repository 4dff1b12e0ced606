"""Features in .npy, .npz and .safetensors files: nothing is unpickled, and arrays stay where they can be mapped."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import (
    check_finite,
    check_not_transposed,
    check_same_rows,
    check_shape,
    computed_type,
    row_blocks,
)
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, did_you_mean, listed
from w2s_probe.core.files import read_member
from w2s_probe.core.input_files import check_not_packed
from w2s_probe.core.stacked import stacked
from w2s_probe.core.types import Features
from w2s_probe.pipeline.feature_addresses import FeatureFiles
from w2s_probe.pipeline.feature_columns import id_column
from w2s_probe.pipeline.feature_content import (
    Facts,
    FeatureFile,
    TemporaryFile,
    check_alike,
    check_order,
    gathered,
    joined_ids,
    readable,
)

if TYPE_CHECKING:
    import polars as pl

MOST_MAPS = 128  # files that stay open as memory maps; features of more shards are copied into one temporary file
BFLOAT = "bfloat16"
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "|b1"}
TYPES |= {f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)}


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Part:
    """The array of one file as it is stored, and what else the file holds; `ids` are texts."""

    X: NDArray[Any]
    facts: Facts
    ids: list[str] | None = None


def read_arrays(
    files: FeatureFiles, chosen: str | None, data: DataConfig | None, temporary: TemporaryFile | None
) -> FeatureFile:
    """Return the features of array files, one below the other.

    `chosen` is the name of the array; None means ``X``, else the only matrix. See `read_features` for the errors.
    """
    parts: list[Part] = []
    opened = _opened(files, chosen, data, parts)
    X = _together(list(opened)) if len(files.paths) <= MOST_MAPS else gathered(_blocks(opened), temporary)
    return FeatureFile(
        X=X,
        ids=joined_ids(files, [part.ids for part in parts]),
        files=files,
        facts=parts[0].facts,
        possible_ids=partial(_possible_ids, files, parts[0].facts),
    )


def _together(parts: Sequence[Part]) -> Features:
    """Return the arrays of few files as one, where they stand."""
    X, dtype = parts[0].X, parts[0].facts.dtype
    if len(parts) == 1 and X.dtype == computed_type(X.dtype):
        return X
    return stacked([part.X for part in parts], partial(as_computed, dtype=dtype))


def _blocks(parts: Iterator[Part]) -> Iterator[NDArray[Any]]:
    for part in parts:
        for rows in row_blocks(len(part.X)):
            yield as_computed(part.X[rows], dtype=part.facts.dtype)


def _opened(files: FeatureFiles, chosen: str | None, data: DataConfig | None, done: list[Part]) -> Iterator[Part]:
    """Yield the checked array of each file, and add what the file holds, without its array, to a list."""
    read: dict[str, Callable[..., Part]] = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors}
    for number, path in enumerate(files.paths):
        name = files.name_of(path)
        with readable(path, name):
            check_not_packed(path, name)
            with warnings.catch_warnings(action="ignore"):  # numpy's on headers; a wrong one raises too
                part = read[files.suffix](path, chosen=chosen, data=data, example=files.example)
            check_shape(part.X, name)
            facts = replace(part.facts, dim=part.X.shape[1])
            check_order(files, facts.id_column)
            check_alike(files, number, done[0].facts if done else facts, facts)
            check_finite(_together([part]), name)
            if part.ids is not None:
                check_not_transposed(name, part.X.shape, "its ids", len(part.ids))
                check_same_rows(name, len(part.X), "its ids", len(part.ids))
        done.append(Part(X=np.empty((0, facts.dim)), facts=facts, ids=part.ids))
        yield part


def as_computed(block: NDArray[Any], *, dtype: str) -> NDArray[Any]:
    """Return numbers in the type that they are computed in, see `computed_type`.

    Parameters
    ----------
    block : array
        Numbers as they are stored; bfloat16 is stored as uint16.
    dtype : str
        Name of the type.

    Examples
    --------
    >>> import numpy as np
    >>> as_computed(np.array([0x3FC0], dtype=np.uint16), dtype="bfloat16")
    array([1.5], dtype=float32)
    """
    if dtype == BFLOAT:  # the upper half of a float32
        return (block.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is infinite, and refused
        return block.astype(computed_type(block.dtype), copy=False)


def _npy(path: Path, *, chosen: str | None, data: DataConfig | None, example: str) -> Part:  # it holds no ids
    if chosen is not None:
        msg = (
            f"features:{path.name} has no columns and no named arrays, since it is a .npy file: got #{chosen:.60}. "
            "Remove # and what follows."
        )
        raise DataError(msg)
    X = np.lib.format.open_memmap(path, mode="r")
    promised, there = X.offset + X.nbytes, path.stat().st_size
    if X.size and promised != there:
        msg = f"its header says {promised} bytes, it has {there}"
        raise ValueError(msg)
    return Part(X=X, facts=Facts(columns=("X",), dtype=X.dtype.name))


def _npz(path: Path, *, chosen: str | None, data: DataConfig | None, example: str) -> Part:
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        read = partial(read_member, path, archive, label=f"features:{path.name}")
        twice = next((name for name, times in Counter(names).items() if times > 1), "")
        facts = _chosen(path.name, _npz_problems(archive, names), chosen, data, example=example, twice=twice)
        X = read(facts.columns[0])
        ids = None
        if facts.id_column is not None:
            _check_no_objects(path.name, facts.id_column, _header(archive, facts.id_column))
            ids = _ids(read(facts.id_column), path.name, facts.id_column)
    return Part(X=X, facts=replace(facts, dtype=X.dtype.name), ids=ids)


def _npz_problems(archive: zipfile.ZipFile, names: Sequence[str]) -> dict[str, str]:
    """Return why each array cannot be the features, or nothing; headers are read only where no array is called X."""
    headers = {} if "X" in names else {name: _header(archive, name) for name in names}
    return {name: _problem(headers.get(name)) for name in names}


def _problem(header: tuple[tuple[int, ...], np.dtype[Any]] | None) -> str:
    if header is None or (len(header[0]) == 2 and header[1].kind in "fiubV"):
        return ""
    return f"shape {header[0]}" if header[1].kind in "fiubV" else f"{header[1]!s:.20}, shape {header[0]}"


def _header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]] | None:
    """Return shape and type of an array of an .npz file; None if they cannot be read, which its reader will say."""
    try:
        entry = archive.getinfo(f"{name}.npy")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack without a limit
            return None
        with archive.open(entry) as handle:
            version = np.lib.format.read_magic(handle)
            first = version == (1, 0)
            read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(handle)
    except Exception:  # on crafted bytes, readers raise whatever their innermost line does
        return None
    return shape, dtype


def _check_no_objects(file: str, name: str, header: tuple[tuple[int, ...], np.dtype[Any]] | None) -> None:
    """Raise `DataError` if an array that may be the ids holds objects of Python."""
    if header is not None and header[1].hasobject:
        msg = (
            f"features:{file} must hold its ids as texts or whole numbers: its array {name!r:.60} holds objects of "
            f"Python, which are never loaded. Save it as id={name:.60}.astype(str), or leave it out."
        )
        raise DataError(msg)


def _possible_ids(files: FeatureFiles, facts: Facts, names: Collection[str] | None) -> Iterator[pl.Series]:
    """Yield each other array (of these names) of one text or whole number for each row, of all files as texts.

    Raises `DataError` for objects of Python among all arrays: they may be the ids.
    """
    import polars as pl

    read: dict[str, Callable[..., NDArray[Any] | None]] = {".npz": _npz_column, ".safetensors": _tensor_column}
    for name in facts.left_out if facts.id_column is None else ():
        if names is not None and name not in names:
            continue
        columns: list[pl.Series] = []
        for path in files.paths:
            with readable(path, files.name_of(path)):
                column = read[files.suffix](path, name, refuse=names is None)
            if column is not None:
                columns.append(pl.Series(name, _texts(column, errors="replace"), dtype=pl.String))
        if len(columns) == len(files.paths):
            yield pl.concat(columns)


def _npz_column(path: Path, name: str, *, refuse: bool) -> NDArray[Any] | None:
    """Return an array of texts or whole numbers of one dimension; `refuse` says that objects are an error."""
    with zipfile.ZipFile(path) as archive:
        header = _header(archive, name)
        if header is None or not _is_column(header[0]):
            return None
        if refuse:
            _check_no_objects(path.name, name, header)
        if header[1].kind not in "USiu":
            return None
        return read_member(path, archive, name, label=f"features:{path.name}").reshape(-1)


def _tensor_column(path: Path, name: str, *, refuse: bool) -> NDArray[Any] | None:  # it holds no objects
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as arrays:
        if name not in list(arrays.keys()):
            return None
        one = arrays.get_slice(name)
        if not _is_column(tuple(one.get_shape())) or one.get_dtype()[0] not in "IU":
            return None
        column: NDArray[Any] = arrays.get_tensor(name)
        return column.reshape(-1)


def _is_column(shape: tuple[int, ...]) -> bool:
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def _safetensors(path: Path, *, chosen: str | None, data: DataConfig | None, example: str) -> Part:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as arrays:  # which checks the header
        slices = {name: arrays.get_slice(name) for name in list(arrays.keys())}
        shapes = {name: tuple(one.get_shape()) for name, one in slices.items()}
        others = {name: "" if len(shape) == 2 else f"shape {shape}" for name, shape in shapes.items()}
        facts = _chosen(path.name, others, chosen, data, example=example)
        name = facts.columns[0]
        dtype = slices[name].get_dtype()
        if dtype not in TYPES:
            kind = dtype.replace("F8", "float8").replace("C64", "complex64")
            msg = (
                f"features:{path.name} must hold {name:.60} in a type that numpy has, or in bfloat16: got {dtype} "
                f"({kind}). Save it as float32, with {name:.60}.float() in PyTorch."
            )
            raise DataError(msg)
        column = facts.id_column
        ids = None if column is None else _ids(arrays.get_tensor(column), path.name, column)
    X = _tensor(path, name, dtype=TYPES[dtype], shape=shapes[name])
    return Part(X=X, facts=replace(facts, dtype=BFLOAT if dtype == "BF16" else X.dtype.name), ids=ids)


def _tensor(path: Path, name: str, *, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a tensor of a file whose header was checked, as a memory map."""
    with path.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        header = json.loads(handle.read(length))
    if 0 in shape or not shape:
        return np.empty(shape, dtype=dtype)
    start = 8 + length + int(header[name]["data_offsets"][0])
    return np.memmap(path, mode="r", dtype=dtype, offset=start, shape=shape)


def _chosen(
    file: str,
    problems: Mapping[str, str],
    chosen: str | None,
    data: DataConfig | None,
    *,
    example: str,
    twice: str = "",
) -> Facts:
    """Return which array holds the features, and which the ids.

    `problems` says of each array why it cannot be the features, or nothing; `twice` is a name that two arrays have.
    `example` is what messages write before ``#``.
    """
    names = list(problems)
    climbing = [name for name in names if name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts]
    if climbing:
        msg = f"features:{file} must name arrays, not paths: it holds {listed(climbing)}. Save it again."
        raise DataError(msg)
    if twice:
        msg = f"features:{file} must hold each array once: it holds {twice:.60} twice. Save it again."
        raise DataError(msg)
    ids = id_column([name for name in names if name not in ("X", chosen)], data)
    usual = _usual(problems, ids)
    if chosen is not None and chosen not in names:
        near = did_you_mean(chosen, names) or " Use one of these names."
        msg = (
            f"features:{file}#NAME must name an array of the file: got {chosen!r:.60}, not one of {listed(names)}."
            f"{near}"
        )
        raise DataError(msg)
    if chosen is None and len(usual) != 1:
        raise _no_single_array(file, problems, usual, example)
    column = usual[0] if chosen is None else chosen
    return Facts(
        columns=(column,),
        dtype="",
        id_column=ids,
        left_out=tuple(name for name in names if name not in (column, ids)),
        guessed=chosen is None and column != "X",
        usual=usual == [column],
    )


def _usual(problems: Mapping[str, str], ids: str | None) -> list[str]:
    """Return the arrays that may be the features where none is named: X, else each one without a problem."""
    others = [name for name in problems if name != ids]
    if "X" in others or len(others) == 1:  # the checks of the array say what is wrong with the only one
        return ["X"] if "X" in others else others
    return [name for name in others if not problems[name]]


def _no_single_array(file: str, problems: Mapping[str, str], usual: Sequence[str], example: str) -> DataError:
    near = did_you_mean("X", list(problems))
    if usual:
        content = listed(usual)
        advice = f"Name one, as in features:{example}#{usual[0]:.60}."
    else:
        content = (
            listed([f"{name} ({problem})" if problem else name for name, problem in problems.items()]) or "nothing"
        )
        advice = "Save one vector for each row, such as the mean over the tokens: X.mean(axis=1)."
    return DataError(f"features:{file} must hold one array named X, or one matrix: it holds {content}.{near} {advice}")


def _ids(column: NDArray[Any], file: str, name: str) -> list[str]:
    if column.ndim != 1 or column.dtype.kind not in "USiu":
        advice = f"Save {name:.60}.astype(int)" if column.ndim == 1 else "Save an array of one dimension"
        msg = (
            f"features:{file} must hold one text or whole number for each row as its ids: its array {name!r:.60} has "
            f"type {column.dtype!s:.60} and shape {column.shape}. {advice}, or leave it out."
        )
        raise DataError(msg)
    return _texts(column)


def _texts(column: NDArray[Any], *, errors: str = "strict") -> list[str]:
    """Return texts, bytes of UTF-8 or whole numbers as texts."""
    decoded = np.char.decode(column, "utf-8", errors) if column.dtype.kind == "S" else column
    return [str(value) for value in decoded.tolist()]
