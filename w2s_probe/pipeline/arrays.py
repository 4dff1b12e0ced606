"""Features, labels, groups and ids in memory, as data that every verb reads like a table and files of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from w2s_probe.core.arrays import as_matrix, check_not_transposed
from w2s_probe.core.columns import Column
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import ConfigError, DataError, ShapeError, did_you_mean, listed
from w2s_probe.core.features import NAME_IDS, FeatureSet
from w2s_probe.core.labels import Labels, check_filled
from w2s_probe.core.types import Features
from w2s_probe.datasets import Table
from w2s_probe.pipeline.feature_rows import features_of_rows

NAME = "arrays"  # of the data, in results
NULLS = ("NAType", "NaTType")  # pandas' missing values, which compare with nothing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrayData(DataConfig):
    """A table in memory with the features of its rows.

    Parameters
    ----------
    features : mapping of name to FeatureSet or array of shape (n, d)
        Features by the name that stands for a backbone; row i belongs to row i of the table.
    table : Table
        Labels, groups and ids.
    data, label, group, id
        As in `DataConfig`.
    """

    data: str = NAME
    features: Mapping[str, FeatureSet | Features]
    table: Table

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of a `DataConfig` as plain values, without the arrays."""
        return DataConfig(**{each.name: getattr(self, each.name) for each in fields(DataConfig)}).to_dict()


def array_data(
    features: Mapping[str, ArrayLike | FeatureSet],
    *,
    labels: Sequence[Any] | ArrayLike | Labels | None = None,
    groups: Sequence[Any] | ArrayLike | None = None,
    ids: Sequence[Any] | ArrayLike | None = None,
) -> ArrayData:
    """Return arrays as data.

    Parameters
    ----------
    features : mapping of name to array of shape (n, d), or FeatureSet
        Rows of arrays are in one order; those of a `FeatureSet` are found by their ids.
    labels, groups, ids : sequence of length n, optional
        In the order of the rows. Without `ids`, those of the first `FeatureSet` are used, if there is one.

    Raises
    ------
    ShapeError
        If numbers of rows differ, or an array is no matrix of finite numbers.
    DataError
        If ids are missing, repeated, or not among those of a `FeatureSet`.
    """
    sets = [one for one in features.values() if isinstance(one, FeatureSet)]
    names = _id_texts(ids) if ids is not None else sets[0].ids if sets else None
    matrices = {
        name: one if isinstance(one, FeatureSet) else as_matrix(one, f"features of {name}")
        for name, one in features.items()
    }
    if names is not None:
        _check_distinct(names)
    first = next(iter(matrices))
    n, of = (len(matrices[first]), f"features of {first}") if names is None else (len(names), "ids")
    for name, matrix in matrices.items():
        if not isinstance(matrix, FeatureSet):
            check_not_transposed(f"features of {name}", matrix.shape, of, n)
            _check_rows(f"features of {name}", len(matrix), of, n)
    columns = {"label": labels, "group": groups}
    read = {name: _column(values, f"{name}s", of, n) for name, values in columns.items() if values is not None}
    table = Table(
        name=NAME,
        ids=np.arange(n).astype(np.str_) if names is None else names,
        has_ids=names is not None,
        columns=(*read, *(["id"] if ids is not None else [])),
        label=read.get("label"),
        group=read.get("group"),
    )
    aligned = {
        name: _aligned(matrix, table.ids) if isinstance(matrix, FeatureSet) else matrix
        for name, matrix in matrices.items()
    }
    named: dict[str, Any] = {"group": "group" if groups is not None else None, "id": "id" if table.has_ids else None}
    return ArrayData(features=aligned, table=table, **named)


def array_features(table: Table, name: str, data: ArrayData) -> FeatureSet:
    """Return the features of a name for the rows of a table, which may be in the order of its ids."""
    if name not in data.features:
        near = did_you_mean(name, data.features) or " Use one of these names."
        names = listed(list(data.features))
        msg = f"teacher and student must be features that were given ({names}): got {name!r:.60}.{near}"
        raise ConfigError(msg)
    given = data.features[name]
    if isinstance(given, FeatureSet):
        return FeatureSet(ids=table.ids, X=table.matching_rows(given.X), spec=given.spec, name=name)
    return features_of_rows(table.matching_rows(given), table.ids, name)


def _column_of(values: Any, what: str) -> Column:
    """Return a list, array, Series or `Labels` as a column; NaN and other missing values are missing labels."""
    if isinstance(values, Labels):
        return Column.of(values.names(np.arange(len(values))))
    shape = getattr(values, "shape", None)
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__len__") or (shape and len(shape) != 1):
        got = f"shape {tuple(shape)}" if shape else type(values).__name__
        msg = f"{what} must be one value for each row: got {got}. Give a list, an array of one dimension or a Series."
        raise DataError(msg)
    to_list = getattr(values, "tolist", None) or getattr(values, "to_list", None)
    column = Column.of([_plain(value) for value in (to_list() if to_list else values)])
    wrong = next((value for value in column.values if isinstance(value, (list, tuple, dict, set, np.ndarray))), None)
    if wrong is not None:
        msg = f"{what} must be one value for each row: got {wrong!s:.60}. Give a text, a number or None for each row."
        raise DataError(msg)
    return column


def _plain(value: Any) -> Any:
    """Return a value as Python has it, not as numpy; a missing value of pandas is None."""
    if type(value).__name__ in NULLS:
        return None
    return value.item() if isinstance(value, np.generic) else value


def _column(values: Any, what: str, of: str, n: int) -> Column:
    column = _column_of(values, what)
    _check_rows(what, len(column), of, n)
    return column


def _id_texts(ids: Any) -> NDArray[np.str_]:
    column = _column_of(ids, "ids")
    check_filled(column, name="ids", what="an id")
    return np.array([str(value) for value in column], dtype=np.str_)


def _check_distinct(ids: NDArray[np.str_]) -> None:
    distinct, counts = np.unique(ids, return_counts=True)
    if len(distinct) < len(ids):
        twice, times = str(distinct[counts.argmax()]), counts.max()
        msg = (
            f"ids of {NAME} must be distinct: {twice!r:.60} occurs {times} times. Give every row its own id, or call "
            "without ids if all arrays have one order."
        )
        raise DataError(msg)


def _aligned(features: FeatureSet, ids: NDArray[np.str_]) -> FeatureSet:
    """Return the rows with these ids; advice of an error names the argument, not the flag."""
    try:
        return features.align(ids)
    except DataError as error:
        raise DataError(str(error).replace(NAME_IDS, "Give the ids of the same rows as ids=.")) from error


def _check_rows(what: str, rows: int, of: str, n: int) -> None:
    if rows != n:
        msg = (
            f"{what} must have one row for each row of {of}: got {rows} and {n}. Give all of them in the same order; a "
            "row of the pool has the label None."
        )
        raise ShapeError(msg)
