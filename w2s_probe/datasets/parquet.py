"""Parquet files: memory is estimated from the footer, then a child process reads the file first.

On some damaged pages polars requests 2**61 bytes, and Rust then aborts the whole process without an exception. A
child process costs a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_probe.core.files import check_expansion, native_reader
from w2s_probe.datasets.trial import FAULT, fatal_file

if TYPE_CHECKING:
    import polars as pl

MAGIC = b"PAR1"
DEEPEST = 32  # nested structures in a footer; real footers have five levels
# field numbers of parquet.thrift
FILE_ROW_GROUPS, GROUP_COLUMNS, GROUP_ROWS, CHUNK_META, META_VALUES, META_BYTES = 4, 1, 3, 3, 5, 6


def read_parquet(path: Path, *, name: str) -> pl.DataFrame:
    """Return a Parquet file, called `name` in messages, as a polars frame.

    Raises `DataError` if its columns would need far more memory than the file has bytes, and `ValueError` if it is
    damaged or not a Parquet file.
    """
    import polars as pl

    check_expansion(name, on_disk=path.stat().st_size, in_memory=promised_bytes(path))
    if fatal_file([path], "parquet", None) is not None:
        raise ValueError(FAULT)
    with native_reader():
        return pl.read_parquet(path, glob=False)


def parquet_blocks(path: Path, expression: pl.Expr) -> Iterator[pl.Series]:
    """Yield one computed column of a Parquet file by row groups."""
    import polars as pl

    start = 0
    for rows in group_rows(path):
        with native_reader():
            block = pl.scan_parquet(path, glob=False).select(expression).slice(start, rows).collect().to_series()
        yield block
        start += rows


def promised_bytes(path: Path) -> int:
    """Return the bytes of memory for all columns, from the footer's counts of values and sizes of pages.

    Raises `ValueError` if there is no readable footer.
    """
    with _damaged_footer():
        return sum(_chunk_bytes(chunk, group) for group in _groups(path) for chunk in group[GROUP_COLUMNS])


def group_rows(path: Path) -> list[int]:
    """Return the number of rows of each row group, from the footer. Raises `ValueError` if there is no readable one."""
    with _damaged_footer():
        rows = [int(group[GROUP_ROWS]) for group in _groups(path)]
    if min(rows, default=0) < 0:
        msg = "its Parquet footer is damaged"
        raise ValueError(msg)
    return rows


@contextmanager
def _damaged_footer() -> Iterator[None]:
    """Turn the errors of a footer's fields into `ValueError`."""
    try:
        yield
    except (LookupError, TypeError, AttributeError) as error:
        msg = "its Parquet footer is damaged"
        raise ValueError(msg) from error


def _groups(path: Path) -> list[dict[int, Any]]:
    """Return the row groups of a footer, each as its fields by number."""
    with path.open("rb") as handle:
        end = handle.seek(0, 2)
        handle.seek(max(end - 8, 0))
        tail = handle.read(8)
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != MAGIC or length > end - 12:
            msg = "it has no Parquet footer"
            raise ValueError(msg)
        handle.seek(end - 8 - length)
        footer = handle.read(length)
    groups: list[dict[int, Any]] = _Compact(footer).value(STRUCT).get(FILE_ROW_GROUPS, [])
    return groups


def _chunk_bytes(chunk: dict[int, Any], group: dict[int, Any]) -> int:
    meta = chunk[CHUNK_META]
    return max(8 * meta[META_VALUES], 8 * group[GROUP_ROWS], meta[META_BYTES])


BOOLEANS, BYTE, INTEGERS, DOUBLE, BINARY, LISTS, MAP, STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, (9, 10), 11, 12


class _Compact:
    """Reader of Thrift's compact protocol: structures become dicts from field number to value."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.depth = data, 0, 0

    def value(self, kind: int) -> Any:
        if kind in INTEGERS:
            number = self._varint()
            return (number >> 1) ^ -(number & 1)
        if kind == BINARY:
            return self._take(self._varint())
        if kind in LISTS:
            return self._list()
        if kind == STRUCT:
            return self._struct()
        if kind == MAP:
            return self._map()
        return self._take({BYTE: 1, DOUBLE: 8}[kind])

    def _take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        if len(part) < count:
            raise IndexError
        self.at += count
        return part

    def _varint(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            (byte,) = self._take(1)
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise IndexError

    def _struct(self) -> dict[int, Any]:
        self.depth += 1
        if self.depth > DEEPEST:
            raise IndexError
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._take(1)[0]) != 0:
            number = number + (head >> 4) if head >> 4 else self.value(INTEGERS[0])
            kind = head & 15
            fields[number] = kind == BOOLEANS[0] if kind in BOOLEANS else self.value(kind)
        self.depth -= 1
        return fields

    def _list(self) -> list[Any]:
        (head,) = self._take(1)
        count, kind = head >> 4, head & 15
        count = self._varint() if count == 15 else count
        kind = BYTE if kind in BOOLEANS else kind  # in a list, a boolean takes a byte
        self.depth += 1
        if self.depth > DEEPEST or count > len(self.data):  # each element has at least one byte
            raise IndexError
        elements = [self.value(kind) for _ in range(count)]
        self.depth -= 1
        return elements

    def _map(self) -> list[tuple[Any, Any]]:
        count = self._varint()
        if count == 0:
            return []
        (kinds,) = self._take(1)
        return [(self.value(kinds >> 4), self.value(kinds & 15)) for _ in range(count)]
