"""Parquet files read one row group at a time, after a child process has read them in the same way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from w2s_probe.core.files import native_reader

if TYPE_CHECKING:
    import polars as pl

# each file's number is printed before the file is read: after an abort, the last one is the file at fault
TRY = """
import json, sys
import polars
for number, (path, groups) in enumerate(json.load(sys.stdin)):
    print(number, flush=True)
    try:
        rows = polars.scan_parquet(path, glob=False, hive_partitioning=False)
        start = 0
        for count in groups:
            rows.slice(start, count).collect()
            start += count
    except BaseException:
        pass
"""


def first_that_aborts(groups: Mapping[Path, Sequence[int]]) -> Path | None:
    """Return the first file whose reading ends the interpreter; None if there is none.

    Parameters
    ----------
    groups : mapping of Path to sequence of int
        The rows of each row group of each file, see `group_rows`. Files that raise an exception are no aborts.
    """
    paths = list(groups)
    told = json.dumps([(str(path), list(groups[path])) for path in paths]).encode()
    trial = subprocess.run([sys.executable, "-P", "-c", TRY], input=told, capture_output=True, check=False)  # noqa: S603  # a constant program
    begun = trial.stdout.split()
    return paths[int(begun[-1])] if trial.returncode and begun else None


def schema_of(path: Path) -> dict[str, pl.DataType]:
    """Return the types of all columns by their names."""
    with native_reader():
        return dict(_scan(path).collect_schema())


def frames_of(path: Path, columns: Sequence[str], *, groups: Sequence[int]) -> Iterator[pl.DataFrame]:
    """Yield some columns of each row group, in the order of `columns`.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str
        Names of columns.
    groups : sequence of int
        Rows of each row group. Raises `ValueError` if the file has other numbers of rows.
    """
    import polars.selectors as cs

    start = 0
    for count in groups:
        with native_reader():
            frame = _scan(path).select(cs.by_name(*columns)).slice(start, count).collect()
        if len(frame) != count:
            msg = f"its footer says {count} rows, there are {len(frame)}"
            raise ValueError(msg)
        yield frame
        start += count


def whole_column(path: Path, name: str) -> pl.Series:
    """Return a whole column."""
    import polars.selectors as cs

    with native_reader():
        return _scan(path).select(cs.by_name(name)).collect().to_series()


def _scan(path: Path) -> pl.LazyFrame:
    import polars as pl

    return pl.scan_parquet(path, glob=False, hive_partitioning=False)
