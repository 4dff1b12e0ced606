"""The features of a file for the rows of a table: by ids, else in the table's order."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import check_not_transposed, check_same_rows, row_blocks
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.core.features import EmbeddingSpec, FeatureSet
from w2s_probe.core.types import Features
from w2s_probe.datasets import Table
from w2s_probe.pipeline.feature_content import FeatureFile
from w2s_probe.pipeline.row_order import INDEX, by_shared, numbers_another_order, order_of_shared


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
        _check_index(file, table, data)
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


def _check_index(file: FeatureFile, table: Table, data: DataConfig) -> None:
    """Raise `DataError` if a column that file and data share, or an index, tells another order of the file's rows."""
    of_pandas = "call df.sort_index() before saving, or remove the index"
    advice = of_pandas if file.files.suffix == ".parquet" else "sort the rows by it before saving, or leave it out"
    names = [name for name in file.facts.left_out if name in table.columns or INDEX.fullmatch(name)]
    for column in file.possible_ids(names) if names else ():
        order = order_of_shared(column, table, data)
        if order == "other":
            msg = (
                f"{file.name} must have its rows in the order of {table.name}, or ids: its column {column.name!r:.60} "
                f"has the values of the table's column {column.name!r:.60} in another order. "
                f"{by_shared(column, data, kind='features')}."
            )
            raise DataError(msg)
        if order == "unknown" and INDEX.fullmatch(str(column.name)) and numbers_another_order(column):
            msg = (
                f"{file.name} must have its rows in the order of {table.name}, or ids: its index {column.name!r:.60} "
                f"numbers them in another order. Save the ids of the table as id, {advice} if the rows are in the "
                f"order of {table.name}."
            )
            raise DataError(msg)
