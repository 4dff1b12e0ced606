"""Files of predictions without ids whose columns say that their rows are not in the data's order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from w2s_probe.core.columns import Column
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import Table
from w2s_probe.pipeline.row_order import INDEX, by_shared, numbers_another_order, order_of_shared

if TYPE_CHECKING:
    import polars as pl


def check_order(columns: Mapping[str, Column], table: Table, data: DataConfig, *, file: str) -> None:
    """Raise `DataError` if a column holds the ids of the data, or says that rows stand in another order.

    Parameters
    ----------
    columns : mapping of str to Column
        All columns of the file by name.
    table : Table
        The data.
    data : DataConfig
        Where the data is.
    file : str
        ``labels:`` with the name of the file.
    """
    wanted = set(table.ids.tolist()) if table.has_ids else set()
    for name, values in columns.items():
        if wanted and len(values.values) >= len(wanted) and wanted <= {str(value) for value in values.values}:
            msg = (
                f"{file} must have its ids in a column id, or in the column that --id names: got the ids of "
                f"{table.name} in column {name!r:.60}. Rename this column, or remove it if the rows are in the order "
                f"of {table.name}."
            )
            raise DataError(msg)
    for name, values in columns.items():
        if name in table.columns or INDEX.fullmatch(name):
            _check_column(_texts(name, values), table, data, file=file)


def _check_column(column: pl.Series, table: Table, data: DataConfig, *, file: str) -> None:
    """Raise `DataError` if a column that file and data share, or an index, tells another order of the file's rows."""
    name, order = str(column.name), order_of_shared(column, table, data)
    if order == "other":
        msg = (
            f"{file} must have its rows in the order of {table.name}, or ids: its column {name!r:.60} has the values "
            f"of the table's column {name!r:.60} in another order. {by_shared(column, data, kind='predictions')}."
        )
        raise DataError(msg)
    if order == "unknown" and INDEX.fullmatch(name) and numbers_another_order(column):
        of_pandas = "Save df.sort_index(); or df.reset_index(drop=True)"
        advice = of_pandas if "0" in column else "Sort the rows by it before saving, or leave it out"
        msg = (
            f"{file} must have its rows in the order of {table.name}, or ids: its index, column {name!r:.60}, has the "
            f"numbers of {len(column):,} rows in another order. {advice}, if the rows are in the order of "
            f"{table.name}."
        )
        raise DataError(msg)


def _texts(name: str, column: Column) -> pl.Series:
    """Return a column as texts, missing values as null."""
    import polars as pl

    texts = [None if value is None else str(value) for value in column.values]
    return pl.Series(name, texts, dtype=pl.String).gather(column.codes)
