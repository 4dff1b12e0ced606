"""Features in Parquet files: one column of lists, or columns of numbers, read one row group at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import check_finite, check_shape, computed_type
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.core.files import check_expansion
from w2s_probe.core.input_files import check_not_packed
from w2s_probe.datasets.parquet import group_rows, promised_bytes
from w2s_probe.datasets.parquet_groups import first_that_aborts, frames_of, schema_of, whole_column
from w2s_probe.pipeline.feature_addresses import FeatureFiles
from w2s_probe.pipeline.feature_columns import choose_columns, holds_lists, id_column, is_number
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

    from w2s_probe.pipeline.feature_columns import Schema

Groups = Mapping[Path, Sequence[int]]  # rows of each row group of each file


def read_parquets(
    files: FeatureFiles, chosen: str | None, data: DataConfig | None, temporary: TemporaryFile | None
) -> FeatureFile:
    """Return the features of Parquet files, one below the other.

    `chosen` names columns; None means those of `choose_columns`. See `read_features` for the errors.
    """
    groups = _groups(files)
    schemas, facts = [], []
    for number, path in enumerate(files.paths):
        with readable(path, files.name_of(path)):
            schemas.append(schema_of(path))
            facts.append(_facts(schemas[-1], chosen, data, files.example))
            check_order(files, facts[0].id_column)
            check_alike(files, number, facts[0], facts[-1])
            _check_lists(schemas[-1], facts[-1], path)
    X = gathered(_blocks(files, facts[0], groups), temporary)
    return FeatureFile(
        X=X,
        ids=joined_ids(files, [_ids(path, files, facts[0].id_column) for path in files.paths]),
        files=files,
        facts=replace(facts[0], dim=X.shape[1]),
        possible_ids=partial(_possible_ids, files, schemas, facts[0], chosen),
    )


def _groups(files: FeatureFiles) -> Groups:
    """Return the rows of each row group, after a child process has read all files."""
    groups = {}
    for path in files.paths:
        name = files.name_of(path)
        with readable(path, name):
            check_not_packed(path, name)
            check_expansion(name, on_disk=path.stat().st_size, in_memory=promised_bytes(path))
            groups[path] = group_rows(path)
    damaged = first_that_aborts(groups)
    if damaged is not None:
        with readable(damaged, files.name_of(damaged)):
            msg = "its parts contradict each other"
            raise ValueError(msg)
    return groups


def _facts(schema: Schema, chosen: str | None, data: DataConfig | None, example: str) -> Facts:
    column = id_column(schema, data)
    names = choose_columns(schema, chosen, ids=column, data=data, file=example)
    first = schema[names[0]]
    numbers = is_number(first) and (chosen is not None or names != ["features"])
    return Facts(
        columns=tuple(names),
        dtype=_number_type(schema, names) if numbers else str(getattr(first, "inner", first)).lower(),
        dim=len(names) if numbers else 0,
        id_column=column,
        left_out=tuple(name for name in schema if name not in (*names, column)),
        guessed=chosen is None,
        usual=chosen is None or names == _usual_columns(schema, ids=column, data=data, file=example),
    )


def _usual_columns(schema: Schema, *, ids: str | None, data: DataConfig | None, file: str) -> list[str]:
    """Return the columns that are read where none are named; none if the file can be read in two ways."""
    try:
        return choose_columns(schema, None, ids=ids, data=data, file=file)
    except DataError:
        return []


def _number_type(schema: Schema, names: Sequence[str]) -> str:
    """Return the type that columns of numbers have together, as numpy calls it."""
    import polars as pl

    return _of_numbers(pl.DataFrame(schema={name: schema[name] for name in names})).dtype.name


def _check_lists(schema: Schema, facts: Facts, path: Path) -> None:
    """Raise `DataError` if a column that should hold lists of numbers holds something else."""
    import polars as pl

    name, dtype = facts.columns[0], schema[facts.columns[0]]
    inner = dtype.inner if isinstance(dtype, (pl.List, pl.Array)) else None
    if not facts.dim and not (isinstance(inner, pl.DataType) and inner.is_numeric()):
        advice = "Flatten them with X.reshape(len(X), -1)" if holds_lists(dtype) else "Make them lists of numbers"
        msg = (
            f"features:{path.name} must have one list of numbers in each row: its column {name!r:.60} holds "
            f"{dtype!s:.60}, not lists of numbers. {advice} before saving."
        )
        raise DataError(msg)


def _blocks(files: FeatureFiles, facts: Facts, groups: Groups) -> Iterator[NDArray[Any]]:
    """Yield the checked features of each row group of each file."""
    dim = facts.dim
    for number, path in enumerate(files.paths):
        for block in _blocks_of(path, files.name_of(path), facts, groups[path]):
            dim = dim or block.shape[1]
            check_alike(files, number, replace(facts, dim=dim), replace(facts, dim=block.shape[1]))
            yield block


def _blocks_of(path: Path, name: str, facts: Facts, groups: Sequence[int]) -> Iterator[NDArray[Any]]:
    """Yield the checked features of each row group of one file."""
    row, width = 0, facts.dim
    frames = frames_of(path, facts.columns, groups=[count for count in groups if count] or [0])
    while True:
        with readable(path, name):
            frame = next(frames, None)
            if frame is None:
                return
            block = _of_numbers(frame) if facts.dim else _of_lists(frame.to_series(), path.name, row, width)
            check_shape(block, name)
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows is infinite, and refused below
                block = block.astype(computed_type(block.dtype), copy=False)
            check_finite(block, name, first_row=row)
            row, width = row + len(block), block.shape[1]
        yield block


def _of_numbers(frame: pl.DataFrame) -> NDArray[Any]:
    import polars as pl
    import polars.selectors as cs

    return frame.with_columns((cs.boolean() | cs.decimal()).cast(pl.Float64)).to_numpy()


def _of_lists(column: pl.Series, file: str, row: int, width: int) -> NDArray[np.float32]:
    """Return lists as float32; `row` is the number of the first one, and `width` their length, 0 if it is free."""
    import polars as pl

    rows = column.cast(pl.List(pl.Float32), strict=False)
    widths = rows.list.len().to_numpy()  # NaN where there is no list
    odd = np.flatnonzero(widths != (width or widths[:1]))
    if len(odd):
        length = "no list" if np.isnan(widths[odd[0]]) else f"{int(widths[odd[0]])} numbers"
        msg = (
            f"features:{file} must have lists of one length: those in its column {column.name!r:.60} differ in length, "
            f"row {row + odd[0]} has {length}. Fill in or remove such rows."
        )
        raise DataError(msg)
    flat = rows.explode(empty_as_null=False).to_numpy()
    return flat.reshape(len(rows), -1) if len(flat) else np.empty((len(rows), 0), dtype=np.float32)


def _ids(path: Path, files: FeatureFiles, column: str | None) -> list[str] | None:
    """Return the ids of a file as texts."""
    if column is None:
        return None
    with readable(path, files.name_of(path)):
        ids = whole_column(path, column)
        if ids.null_count() or not _may_be_ids(ids.dtype):
            msg = f"its column {column} holds {ids.dtype} with {ids.null_count()} missing, not one id for each row"
            raise TypeError(msg)
        return [str(value) for value in ids.to_list()]


def _possible_ids(
    files: FeatureFiles, schemas: Sequence[Schema], facts: Facts, chosen: str | None, names: Collection[str] | None
) -> Iterator[pl.Series]:
    """Yield each other column (of these names) of texts or whole numbers that has no gaps, of all files as texts."""
    import polars as pl

    for name in schemas[0]:
        if names is not None and name not in names:
            continue
        taken = name == facts.id_column or (chosen is not None and name in facts.columns)
        if facts.id_column is None and not taken and all(_may_be_ids(one.get(name)) for one in schemas):
            column = pl.concat([whole_column(path, name).cast(pl.String) for path in files.paths])
            if not column.null_count():
                yield column


def _may_be_ids(dtype: pl.DataType | None) -> bool:
    import polars as pl

    return dtype is not None and (dtype in (pl.String, pl.Categorical, pl.Enum) or dtype.is_integer())
