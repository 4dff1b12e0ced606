"""Columns of a polars frame as the types of a `Table`: no Python object for each row stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.columns import Column
from w2s_probe.core.errors import DataError
from w2s_probe.core.labels import is_missing
from w2s_probe.core.types import Rows

if TYPE_CHECKING:
    import polars as pl

FEW = 10_000  # distinct values that are Python objects; more stay an Arrow column
A_COLUMN_EACH = "Save a column for each class, or the predicted classes."  # advice for lists of probabilities
ROWS = 65_536  # rows that are Python objects at the same time


class Texts(Sequence[str]):
    """The texts of n rows, an Arrow column; a text is a `str` while it is in use.

    Parameters
    ----------
    column : polars.Series
        Texts without nulls.
    """

    def __init__(self, column: pl.Series) -> None:
        self.column = column

    def __len__(self) -> int:
        return len(self.column)

    @overload
    def __getitem__(self, rows: int) -> str: ...

    @overload
    def __getitem__(self, rows: slice | Rows) -> Texts: ...

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, (int, np.integer)):
            return self.column[int(rows)]
        return Texts(self.column[rows])

    def __iter__(self) -> Iterator[str]:
        for rows in row_blocks(len(self), ROWS):
            yield from self.column[rows].to_list()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, (str, bytes)):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # equal to lists


def column_of(series: pl.Series, *, advice: str = "Save one value in each row, or name another column.") -> Column:
    """Return a column of labels or other names, in which texts of blanks are missing, as empty CSV fields are.

    Decimals become floats, so that 1.00 is the class 1, bytes become texts, and lists of one value this value. Raises
    `DataError` for bytes that are not UTF-8, longer lists and structs; `advice` says what to do about these.
    """
    import polars as pl

    series = _single(series, advice)
    if series.dtype.is_decimal():
        series = series.cast(pl.Float64)
    elif series.dtype == pl.Binary:
        series = _decoded(series)
    if series.dtype == pl.Object:
        return Column.of([None if is_missing(value) else value for value in series.to_list()])
    distinct = series.unique(maintain_order=True)
    positions = pl.DataFrame({"value": distinct, "code": np.arange(len(distinct), dtype=np.int32)})
    rows = pl.DataFrame({"value": series}).join(
        positions, on="value", how="left", nulls_equal=True, maintain_order="left"
    )
    codes = rows["code"].to_numpy()
    if len(distinct) > FEW and not any(is_missing(value) for value in _blockwise(distinct)):
        return Column(codes, _array_of(distinct))
    return Column(codes, [None if is_missing(value) else value for value in distinct.to_list()])


def _single(series: pl.Series, advice: str) -> pl.Series:
    """Return the only value of each list; empty lists are missing values."""
    import polars as pl

    while isinstance(series.dtype, (pl.List, pl.Array)):
        lists = series.arr.to_list() if isinstance(series.dtype, pl.Array) else series
        longer = np.flatnonzero((lists.list.len() > 1).fill_null(value=False).to_numpy())
        if len(longer):
            raise _several(series.name, lists[int(longer[0])].to_list(), int(longer[0]), advice)
        series = lists.list.get(0, null_on_oob=True)
    if isinstance(series.dtype, pl.Struct):
        row = next((row for row, value in enumerate(series) if value is not None), 0)
        raise _several(series.name, series[row], row, advice)
    return series


def _several(column: str, value: object, row: int, advice: str) -> DataError:
    return DataError(f"column {column!r:.60} must hold one value in each row: got {value!s:.60} in row {row}. {advice}")


def _decoded(series: pl.Series) -> pl.Series:
    """Return bytes as texts."""
    import polars as pl

    try:
        return series.cast(pl.String)
    except pl.exceptions.PolarsError:
        msg = (
            f"column {series.name!r:.60} must hold texts or numbers: got bytes that are no text in UTF-8. Save the "
            "column as text, or name another column."
        )
        raise DataError(msg) from None


def first_missing(series: pl.Series) -> int | None:
    """Return the first row without a value: null, NaN or a text of blanks; None if there is none."""
    import polars as pl

    doubtful = series.is_null()
    if series.dtype == pl.String:
        doubtful |= ~series.str.contains(r"[^\s\x1c-\x1f]").fill_null(value=False)
    elif not series.dtype.is_integer():
        doubtful = pl.Series([True]).new_from_index(0, len(series))
    rows = np.flatnonzero(doubtful.to_numpy())
    return next((int(row) for row in rows if is_missing(series[int(row)])), None)


def ids_of(series: pl.Series) -> NDArray[np.str_]:
    """Return ids as an array of texts."""
    import polars as pl

    texts = series.cast(pl.String) if series.dtype.is_integer() else series
    blocks = [np.array([str(value) for value in texts[rows].to_list()]) for rows in row_blocks(len(texts), ROWS)]
    return np.concatenate(blocks)


def row_numbers(n: int) -> NDArray[np.str_]:
    """Return the positions of n rows as texts."""
    return np.arange(n).astype(np.str_).astype(f"<U{len(str(n - 1))}")


def _array_of(distinct: pl.Series) -> Sequence[Any]:
    """Return many distinct values without a Python object for each, where their type has an array."""
    import polars as pl

    if distinct.dtype == pl.String:
        return Texts(distinct)
    if distinct.dtype.is_float():
        return cast("Sequence[Any]", distinct.cast(pl.Float64).to_numpy())
    return cast("Sequence[Any]", distinct.to_numpy()) if distinct.dtype.is_integer() else distinct.to_list()


def _blockwise(series: pl.Series) -> Iterator[Any]:
    for rows in row_blocks(len(series), ROWS):
        yield from series[rows].to_list()
