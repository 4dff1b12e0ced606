"""The features of a file for the rows of a table: by ids, else in the table's order."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import check_not_transposed, check_same_rows, row_blocks
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.core.features import EmbeddingSpec, FeatureSet
from w2s_probe.core.types import Features
from w2s_probe.datasets import Table
from w2s_probe.datasets.frames import read_files
from w2s_probe.datasets.load import open_files
from w2s_probe.pipeline.feature_content import FeatureFile

if TYPE_CHECKING:
    import polars as pl

INDEX = re.compile(
    r"__index_level_\d+__|unnamed: ?\d+|level_\d+|index|idx|order|row_?(nr|number|num|index)?|(.*_)?ids?_?\d*",
    re.IGNORECASE,
)


def for_rows_of(table: Table, file: FeatureFile, data: DataConfig) -> FeatureSet:
    """Return the features of a file for the rows of the table of `data`, by ids if the file has any.

    The revision of their spec is a hash of these rows: the same for any order of the rows of file and table.
    """
    return features_of_rows(_matched(table, file, data), table.ids, file.name)


def features_of_rows(X: Features, ids: NDArray[np.str_], name: str) -> FeatureSet:
    """Return features that no backbone computed; the revision of their spec is a hash of these rows."""
    spec = EmbeddingSpec(backbone="features", revision=f"sha256:{_content_hash(X)}")
    return FeatureSet(ids=ids, X=X, spec=spec, name=name)


def _matched(table: Table, file: FeatureFile, data: DataConfig) -> Features:
    """Return the features of the table's rows, shape (n, d), in the table's order."""
    name = file.name
    if file.ids is None:
        X = table.matching_rows(file.X)
        _check_order(file, X, table)
        _check_shared_columns(file, table, data)
        return X
    if not table.has_ids:
        msg = f"{name} has ids, so the data must have them too: {table.name} was read without. Name a column with --id."
        raise DataError(msg)
    spec = EmbeddingSpec(backbone="features", revision="of the whole file")
    return FeatureSet(ids=np.array(file.ids, dtype=np.str_), X=file.X, spec=spec, name=name).align(table.ids).X


def _content_hash(X: Features) -> str:
    digest = hashlib.sha256(f"{X.dtype.str} {X.shape}".encode())
    for rows in row_blocks(len(X)):
        digest.update(np.ascontiguousarray(X[rows]).data)
    return digest.hexdigest()


def _check_order(file: FeatureFile, X: Features, table: Table) -> None:
    """Raise an error if the rows of a file without ids cannot be the rows of the table in its order."""
    kind = "column" if file.files.suffix == ".parquet" else "array"
    ids = set(table.ids.tolist()) if table.has_ids else set()
    for column in file.possible_ids(None) if ids else ():
        if column.n_unique() >= len(ids) and ids.issubset(column.to_list()):
            msg = (
                f"{file.name} must have its ids in a{'n' * (kind == 'array')} {kind} called id, or called what --id "
                f"names: got the ids of {table.name} in {column.name!r:.60}. Rename this {kind} to id."
            )
            raise DataError(msg)
    check_not_transposed(file.name, X.shape, table.name, len(table))
    check_same_rows(file.name, len(X), table.name, len(table))
    _check_index(file, table)


def _check_index(file: FeatureFile, table: Table) -> None:
    """Raise `DataError` if an index numbers the rows of a file in another order than theirs.

    An index that the table has too is compared with it, see `_check_shared_columns`.
    """
    import polars as pl

    of_pandas = "call df.sort_index() before saving, or remove the index"
    advice = of_pandas if file.files.suffix == ".parquet" else "sort the rows by it before saving, or leave it out"
    names = [name for name in file.facts.left_out if INDEX.fullmatch(name) and name not in table.columns]
    for column in file.possible_ids(names) if names else ():
        numbers = column.cast(pl.Int64, strict=False).to_numpy()
        order = np.arange(len(numbers))
        if (numbers != order).any() and np.array_equal(np.sort(numbers), order):
            msg = (
                f"{file.name} must have its rows in the order of {table.name}, or ids: its index {column.name!r:.60} "
                f"numbers them in another order. Save the ids of the table as id, {advice} if the rows are in the "
                f"order of {table.name}."
            )
            raise DataError(msg)


def _check_shared_columns(file: FeatureFile, table: Table, data: DataConfig) -> None:
    """Raise `DataError` if a column that file and data share says that their rows stand in different orders.

    It does where both have the same values, most of which occur once, in another order.
    """
    shared = set(file.facts.left_out) & set(table.columns)
    if not shared or isinstance(table.items, np.ndarray) or data.data.startswith("builtin:"):
        return
    for column in file.possible_ids(shared):
        own = _column_of_data(str(column.name), data)
        if own is None or len(own) != len(column) or own.equals(column) or 2 * own.n_unique() < len(own):
            continue
        if own.sort().equals(column.sort()):
            distinct = own.n_unique() == len(own)
            advice = f"Add --id {column.name}" if distinct else "Save the features in the order of the table"
            msg = (
                f"{file.name} must have its rows in the order of {table.name}, or ids: its column {column.name!r:.60} "
                f"has the values of the table's column {column.name!r:.60} in another order. {advice}."
            )
            raise DataError(msg)


def _column_of_data(column: str, data: DataConfig) -> pl.Series | None:
    """Return a column of all rows of the data as texts; None where it holds neither texts nor whole numbers."""
    import polars as pl

    files = open_files(data)
    if files is None or files.kind == "tar":
        return None
    values = read_files(files, DataConfig(data=data.data, text=column, max_bytes=data.max_bytes)).frame[column]
    is_text = values.dtype in (pl.String, pl.Categorical, pl.Enum)
    return values.cast(pl.String) if is_text or values.dtype.is_integer() else None
