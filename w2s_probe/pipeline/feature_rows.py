"""The features of a file for the rows of a table: by ids, else in the table's order."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import check_not_transposed, check_same_rows, row_blocks
from w2s_probe.core.errors import DataError
from w2s_probe.core.features import EmbeddingSpec, FeatureSet
from w2s_probe.core.types import Features
from w2s_probe.datasets import Table
from w2s_probe.pipeline.feature_content import FeatureFile


def for_rows_of(table: Table, file: FeatureFile) -> FeatureSet:
    """Return the features of a file for the rows of a table, by ids if the file has any.

    The revision of their spec is a hash of these rows: the same for any order of the rows of file and table.
    """
    return features_of_rows(_matched(table, file), table.ids, file.name)


def features_of_rows(X: Features, ids: NDArray[np.str_], name: str) -> FeatureSet:
    """Return features that no backbone computed; the revision of their spec is a hash of these rows."""
    spec = EmbeddingSpec(backbone="features", revision=f"sha256:{_content_hash(X)}")
    return FeatureSet(ids=ids, X=X, spec=spec, name=name)


def _matched(table: Table, file: FeatureFile) -> Features:
    """Return the features of the table's rows, shape (n, d), in the table's order."""
    name = file.name
    if file.ids is None:
        X = table.matching_rows(file.X)
        _check_order(file, X, table)
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
    ids = set(table.ids.tolist()) if table.has_ids else set()
    for column in file.possible_ids() if ids else ():
        if column.n_unique() >= len(ids) and ids.issubset(column.to_list()):
            msg = (
                f"{file.name} must have its ids in a column called id, or called what --id names: got the ids of "
                f"{table.name} in {column.name!r:.60}. Rename this column to id."
            )
            raise DataError(msg)
    check_not_transposed(file.name, X.shape, table.name, len(table))
    check_same_rows(file.name, len(X), table.name, len(table))
