"""CSV and TSV files as frames of texts: the rows that Python's `csv` reads in strict mode, or one sentence."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_probe.core.errors import DataError, listed
from w2s_probe.core.files import check_expansion, native_reader

if TYPE_CHECKING:
    import polars as pl

SEPARATORS = {",": ",", ";": ";", "\t": "tabs", "|": "|"}  # and how a message calls them
SEPARATOR_LINE = re.compile(r"sep=.?", re.IGNORECASE)  # tells Excel the separator
LONGEST_FIELD = 2**31 - 1  # characters; the limit of `csv` is 131,072
CELLS_AT_ONCE = 1_000_000  # fields that are Python objects at the same time
WHOLE = r"0|-?[1-9][0-9]{0,17}"
NUMBER = rf"{WHOLE}|-?(?:0|[1-9][0-9]{{0,14}})?\.[0-9]+|-?(?:0|[1-9][0-9]{{0,14}})\.|-?[0-9](?:\.[0-9]+)?[eE]-[0-9]+"


def read_delimited(path: Path, separator: str, *, columns: Collection[str] = ()) -> pl.DataFrame:
    """Return all columns of a file as texts; see `read_rows`."""
    return read_rows(path, separator, columns=columns)[0]


def read_rows(path: Path, separator: str, *, columns: Collection[str] = ()) -> tuple[pl.DataFrame, int]:
    """Return all columns of a file as texts, and how many rows have fewer fields than the header.

    An empty field without quotes is null, and so is a field that a short row lacks.

    polars reads the file. It also accepts quotes that RFC 4180 does not allow, and then joins or divides rows
    without an error. A file with quotes, or with carriage returns inside a line, is therefore read by `csv` in
    strict mode too; where the two differ, the rows of `csv` are returned. Raises `DataError`, which names the row,
    if `csv` refuses a row, if a row has more fields than the header, if a short row lacks one of `columns`, or if
    another character separates the fields: the header then lacks one of `columns`, or without any is one field.
    """
    content = _Content.of(path, separator)
    names = _check_header(path, separator, columns)
    check_expansion(path.name, on_disk=path.stat().st_size, in_memory=8 * len(names) * content.lines)
    frame = _read_quickly(path, separator)
    if frame is not None and frame.columns == names and content.plain(separator):
        whole = content.separators == (len(frame) + 1) * (len(names) - 1)
        return frame, 0 if whole else _short_rows(path, separator, names, columns)
    strict = _read_strictly(path, separator, names, whole_rows=content.returns)
    short = _short_rows(path, separator, names, columns)
    if frame is not None and frame.columns == names and frame.fill_null("").equals(strict):
        return frame, short
    return strict.with_columns(strict[name].replace("", None) for name in names), short


def with_numbers(frame: pl.DataFrame, columns: Collection[str]) -> pl.DataFrame:
    """Return a frame of texts in which these columns are numbers or truth values, if all their texts can be.

    A column stays text if a number has leading zeros, a plus sign or a positive exponent: "01" is not "1".
    """
    import polars as pl

    for name in columns:
        texts = frame[name]
        filled = texts.drop_nulls()
        if filled.str.contains(rf"^(?:{WHOLE})$").all():
            frame = frame.with_columns(texts.cast(pl.Int64))
        elif filled.str.contains(rf"^(?:{NUMBER}|(?i:nan)|-?inf)$").all():
            frame = frame.with_columns(texts.str.to_lowercase().cast(pl.Float64))
        elif filled.str.contains(r"^(?i:true|false)$").all():
            frame = frame.with_columns(texts.str.to_lowercase() == "true")
    return frame


@dataclass(frozen=True, slots=True)
class _Content:
    """Line feeds, separators and last byte of a file, and whether it has quotes and bare carriage returns."""

    lines: int
    separators: int
    quotes: bool
    returns: bool
    end: bytes

    def plain(self, separator: str) -> bool:
        """Return whether polars reads the file as `csv` does: it ignores an empty field at the end of the file."""
        return not (self.quotes or self.returns or self.end == separator.encode())

    @classmethod
    def of(cls, path: Path, separator: str) -> _Content:
        lines = separators = returns = 0
        quotes, last = False, b""
        with path.open("rb") as handle:
            for block in iter(lambda: handle.read(2**20), b""):
                lines += block.count(b"\n")
                separators += block.count(separator.encode())
                quotes = quotes or b'"' in block
                returns += block.count(b"\r") - block.count(b"\r\n") - (last + block[:1] == b"\r\n")
                last = block[-1:]
        return cls(lines, separators, quotes, returns > 0, last)


def _check_header(path: Path, separator: str, columns: Collection[str]) -> list[str]:
    """Return the names of the columns, read without the rest of the file."""
    with _rows(path, separator, strict=False) as rows:
        names: list[str] = next((row for row in rows if row), [])
        first: list[str] = next((row for row in rows if row), [])
    if not names:
        msg = "empty CSV"
        raise ValueError(msg)
    header, expected = separator.join(names), SEPARATORS[separator]
    if SEPARATOR_LINE.fullmatch(header):
        again = "" if header.endswith(separator) else f", and export the table with {expected} as separator"
        msg = f"the first line of {path.name} must be the header: got {header!r}, a line for Excel. Remove it{again}."
        raise DataError(msg)
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        msg = f"columns of {path.name} must have distinct names: got repeated {listed(repeated)}. Rename these columns."
        raise DataError(msg)
    missing, single = set(columns) - set(names), len(names) == 1 and not columns
    for other, word in SEPARATORS.items():
        names_columns = {name.strip('"') for name in header.split(other)} & missing
        divides_rows = single and 0 < header.count(other) == separator.join(first).count(other)
        if other != separator and (names_columns or divides_rows):
            msg = (
                f"fields of {path.name} must be separated by {expected}: the header {header[:60]!r} is separated by "
                f"{word}. Export the table with {expected} as separator."
            )
            raise DataError(msg)
    return names


def _read_quickly(path: Path, separator: str) -> pl.DataFrame | None:
    """Return the frame that polars reads, or None if polars refuses the file."""
    import polars as pl

    try:
        with native_reader():
            return pl.read_csv(path, separator=separator, infer_schema=False, glob=False)
    except (pl.exceptions.PolarsError, ValueError):
        return None


def _read_strictly(path: Path, separator: str, names: list[str], *, whole_rows: bool) -> pl.DataFrame:
    """Return the frame that `csv` reads in strict mode; a field that a short row lacks is an empty text.

    With `whole_rows`, a short row is refused: a carriage return inside a text without quotes ends a row.
    """
    import polars as pl

    frames = [pl.DataFrame(schema=dict.fromkeys(names, pl.String))]
    with _rows(path, separator, strict=True) as rows:
        try:
            next(row for row in rows if row)
            while block := list(islice(rows, max(1, CELLS_AT_ONCE // len(names)))):
                frames.append(_frame(block, names, whole_rows=whole_rows))
        except csv.Error:
            raise _wrong_row(path, separator, len(names), whole_rows=whole_rows) from None
    return pl.concat(frames)


def _frame(block: list[list[str]], names: list[str], *, whole_rows: bool) -> pl.DataFrame:
    import polars as pl

    lengths = {len(row) for row in block}
    if max(lengths) > len(names) or (whole_rows and lengths - {0, len(names)}):
        raise csv.Error
    columns = dict(zip(names, zip_longest(*block, fillvalue=""), strict=False))
    values: dict[str, Any] = {name: columns.get(name, ("",) * len(block)) for name in names}
    return pl.DataFrame(values, schema=dict.fromkeys(names, pl.String))


def _short_rows(path: Path, separator: str, names: list[str], columns: Collection[str]) -> int:
    """Return how many rows lack fields at their end; raise `DataError` if one lacks a field of `columns`.

    Of a file with one column, a blank line is an empty field.
    """
    places = {names.index(name): name for name in columns if name in names}
    needed, short = max(places, default=-1) + 1, 0
    with _rows(path, separator, strict=True) as rows:
        next(row for row in rows if row)
        line = rows.line_num + 1
        for number, fields in enumerate(rows):
            short += len(fields) < len(names) > 1
            if len(fields) < needed and len(names) > 1:
                name = places[min(place for place in places if place >= len(fields))]
                content = f"{len(fields)} of {len(names)} fields" if fields else "none, since it is blank"
                msg = (
                    f"rows of {path.name} must have a field for column {name!r:.60}: row {number} (line {line} of the "
                    f"file) has {content}. Write all separators, also before empty fields, put quotes around "
                    "fields that hold a line end, and remove blank lines."
                )
                raise DataError(msg)
            line = rows.line_num + 1
    return short


def _wrong_row(path: Path, separator: str, width: int, *, whole_rows: bool) -> DataError:
    """Return the error for the first row that cannot be read."""
    with _rows(path, separator, strict=True) as rows:
        row, line, problem = _first_problem(rows, width, whole_rows=whole_rows)
    where = f"row {row} (line {line} of the file)" if row >= 0 else "the header"
    if isinstance(problem, int):
        msg = (
            f"rows of {path.name} must have as many fields as the header, {width}: {where} has "
            f"{'more' if problem > width else 'fewer'} fields, {problem}. "
            "Put quotes around fields that hold a separator or a line end."
        )
        return DataError(msg)
    with path.open(encoding="utf-8-sig", newline="") as handle:
        text = "".join(islice(handle, line - 1, line + 1))
    if '\\"' in text:
        problem = 'backslash-escaped quotes (\\") are not CSV'
    msg = (
        f"a quote inside a quoted field of {path.name} must be written twice: {where} cannot be read, {problem}. "
        'Export the table again with doubled quotes ("").'
    )
    return DataError(msg)


def _first_problem(rows: Any, width: int, *, whole_rows: bool) -> tuple[int, int, str | int]:
    """Return the first wrong row (-1: the header), its line in the file, and what is wrong or its number of fields."""
    row, line = -1, 1
    try:
        for fields in rows:
            if len(fields) > width or (whole_rows and 0 < len(fields) < width):
                return row, line, len(fields)
            row, line = row + (row >= 0 or bool(fields)), rows.line_num + 1
    except csv.Error as error:
        if "expected after" in str(error):
            return row, line, "a quote inside a quoted field is not doubled"
    return row, line, "a quote is not closed"


@contextmanager
def _rows(path: Path, separator: str, *, strict: bool) -> Iterator[Any]:
    """Open a file as rows of `csv`; fields may have any length."""
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            yield csv.reader(handle, delimiter=separator, strict=strict)
    finally:
        csv.field_size_limit(limit)
