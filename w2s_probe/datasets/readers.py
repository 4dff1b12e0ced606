"""CSV, Parquet and NDJSON tables, through polars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2s_probe.config import DataConfig
from w2s_probe.datasets.table import Table
from w2s_probe.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import polars as pl

__all__ = ["missing_column", "read_frame", "read_table", "table_from_frame"]

SUFFIXES = (".csv", ".tsv", ".parquet", ".ndjson", ".jsonl")


def read_table(path: Path, config: DataConfig) -> Table:
    """Return the table at `path` with the columns that `config` names.

    Raises
    ------
    DataError
        If the file is missing, empty, unreadable or not UTF-8, a column is missing, a text is
        missing, or ids repeat.
    """
    return table_from_frame(read_frame(path), config, name=path.name)


def table_from_frame(frame: pl.DataFrame, config: DataConfig, *, name: str, license: str = "") -> Table:  # noqa: A002
    """Return a polars frame as a table; see `read_table`."""
    if not len(frame):
        msg = f"{name} must hold at least one row: it has columns {frame.columns} and no rows. Check the export."
        raise DataError(msg)
    text = _column(frame, config.text, "--text", name)
    if text is not None:
        _check_texts(text, config.text or "", name)
    ids = _column(frame, config.id, "--id", name)
    if ids is not None and None in ids:
        msg = (
            f"column {config.id!r} of {name} must hold an id in every row: row {ids.index(None)} has none. Fill it in."
        )
        raise DataError(msg)
    has_label = config.label in frame.columns
    return Table(
        name=name,
        ids=np.array([str(i) for i in (ids if ids is not None else range(len(frame)))]),
        named=ids is not None,
        modality=None if text is None else "text",
        items=text,
        columns=tuple(frame.columns),
        label=frame[config.label].to_list() if has_label else None,
        group=_column(frame, config.group, "--group", name),
        split=_column(frame, config.split, "--split", name),
        source=_column(frame, config.group_split, "--group-split", name),
        license=license,
    )


def read_frame(path: Path) -> pl.DataFrame:
    """Return a whole table file as a polars frame, or raise `DataError` in one sentence."""
    import polars as pl

    if not path.is_file():
        msg = f"data must be a table file or builtin:NAME: there is no file {path}. Check the path."
        raise DataError(msg)
    if path.suffix not in SUFFIXES:
        msg = (
            f"{path.name} must end in {', '.join(SUFFIXES)}: got {path.suffix or 'no suffix'!r}. Convert or rename it."
        )
        raise DataError(msg)
    if path.stat().st_size == 0:
        msg = f"{path.name} must hold a table: it is empty (0 bytes). Check the export."
        raise DataError(msg)
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path, glob=False)  # a name may hold brackets and stars
        if path.suffix in (".csv", ".tsv"):
            separator = "\t" if path.suffix == ".tsv" else ","
            return pl.read_csv(path, separator=separator, infer_schema_length=None, glob=False)
        return pl.read_ndjson(path.read_bytes(), infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        utf8 = "utf-8" in reason.lower() or "utf8" in reason.lower()
        why = "some bytes are not UTF-8" if utf8 else reason[:160].rstrip(".")
        msg = f"{path.name} must be a {path.suffix[1:]} table in UTF-8: it cannot be read ({why}). Convert it first."
        raise DataError(msg) from error


def _column(frame: pl.DataFrame, column: str | None, flag: str, name: str) -> list[Any] | None:
    if column is None:
        return None
    if column not in frame.columns:
        raise missing_column(column, frame.columns, flag=flag, name=name)
    return frame[column].to_list()


def missing_column(column: str, columns: Sequence[str], *, flag: str, name: str) -> DataError:
    """Return the error for a column that the data does not have."""
    shown = ", ".join(columns[:8]) + (", …" if len(columns) > 8 else "")
    near = did_you_mean(column, columns) or " Name one of these."
    return DataError(f"{flag} must name a column of {name}: got {column!r}, it has {shown}.{near}")


def _check_texts(texts: list[Any], column: str, name: str) -> None:
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            msg = f"column {column!r} of {name} must hold a text in every row: row {row} is {text!r}. Drop or fill it."
            raise DataError(msg)
