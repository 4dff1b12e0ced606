"""What says that the rows of a file without ids stand in another order than those of the table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import numpy as np

from w2s_probe.core.config import DataConfig
from w2s_probe.datasets import Table
from w2s_probe.datasets.frames import read_files
from w2s_probe.datasets.load import open_files

if TYPE_CHECKING:
    import polars as pl

INDEX = re.compile(
    r"|__index_level_\d+__|unnamed: ?\d+|level_\d+|index|idx|order|row_?(nr|number|num|index|id|names?)?"
    r"|(.*_)?ids?_?\d*",
    re.IGNORECASE,
)  # names that the index of a frame, row numbers and ids have in a file
LONGEST = 18  # digits of a number of a row

Order = Literal["same", "other", "unknown"]


def numbers_another_order(column: pl.Series) -> bool:
    """Return whether texts are the numbers of all rows, from 0 or from 1, in another order than theirs.

    Parameters
    ----------
    column : polars.Series
        A column of texts.

    Examples
    --------
    >>> import polars as pl
    >>> [numbers_another_order(pl.Series(rows)) for rows in (["2", "1", "3"], ["0", "1"], ["5", "4"])]
    [True, False, False]
    """
    import polars as pl

    if not column.str.contains(rf"^[0-9]{{1,{LONGEST}}}$").all(ignore_nulls=False):
        return False
    numbers = column.cast(pl.Int64).to_numpy()
    order = np.arange(len(numbers)) + min(numbers, default=0)
    return bool(len(order) and order[0] in (0, 1) and (numbers != order).any() and (np.sort(numbers) == order).all())


def order_of_shared(column: pl.Series, table: Table, data: DataConfig) -> Order:
    """Return what a column of texts that file and data share says about the order of the file's rows.

    It is another one where both have the same values, most of which occur once, in another order; unknown for a column
    that the data does not have, or with other values there.

    Parameters
    ----------
    column : polars.Series
        The column of the file.
    table : Table
        The data.
    data : DataConfig
        Where the data is.
    """
    if column.name not in table.columns or isinstance(table.items, np.ndarray) or data.data.startswith("builtin:"):
        return "unknown"
    own = _column_of_data(str(column.name), data)
    if own is None:
        return "unknown"
    if len(own) != len(column) == len(table) and table.positions is not None:
        own = own[np.sort(table.positions)]
    own, column = own.replace("", None), column.replace("", None)  # empty fields
    if len(own) == len(column) and own.equals(column):
        return "same"
    mixed = len(own) == len(column) and 2 * own.n_unique() >= len(own) and own.sort().equals(column.sort())
    return "other" if mixed else "unknown"


def by_shared(column: pl.Series, data: DataConfig, *, kind: Literal["features", "predictions"]) -> str:
    """Return what to do about a file whose rows stand in another order by a column that it shares with the data.

    Parameters
    ----------
    column : polars.Series
        The column of the file.
    data : DataConfig
        Where the data is.
    kind : {"features", "predictions"}
        What the file holds.
    """
    distinct = column.n_unique() == len(column) and not column.null_count()
    if not distinct:
        return f"Save the {kind} in the order of the table"
    return f"Give --id {column.name} instead of --id {data.id}" if data.id else f"Add --id {column.name}"


def _column_of_data(column: str, data: DataConfig) -> pl.Series | None:
    """Return a column of all rows of the data as texts; None where it holds neither texts nor whole numbers."""
    import polars as pl

    files = open_files(data)
    if files is None or files.kind == "tar":
        return None
    values = read_files(files, DataConfig(data=data.data, text=column, max_bytes=data.max_bytes)).frame[column]
    is_text = values.dtype in (pl.String, pl.Categorical, pl.Enum)
    return values.cast(pl.String) if is_text or values.dtype.is_integer() else None
