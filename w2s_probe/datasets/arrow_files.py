"""Arrow files, also those of `datasets.save_to_disk`: both forms of Arrow IPC, checked in a child process first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_probe.core.files import native_reader

if TYPE_CHECKING:
    import polars as pl

FILE = b"ARROW1"  # begins the form with a footer, which can be read anywhere
STREAM = b"\xff\xff\xff\xff"  # begins each message of the form without
END = STREAM + b"\0\0\0\0"  # ends it
MARK = b'{"info": {"features"'  # begins the metadata of Hugging Face in the schema
HEAD = 2**22  # bytes in which a schema ends
ROWS = 1024


def is_stream(path: Path) -> bool:
    """Return whether an Arrow file has the form of a stream; `ValueError` if it has none of both forms, or no end.

    A stream that is cut between two messages would otherwise be read without its last rows.
    """
    with path.open("rb") as handle:
        head = handle.read(len(END))
        handle.seek(max(handle.seek(0, 2) - len(END), 0))
        end = handle.read()
    if head.startswith(FILE):
        return False
    if head.startswith(STREAM) and end == END:
        return True
    if head.startswith(STREAM):
        msg = "it ends in the middle"
        raise ValueError(msg)
    msg = "it is no Arrow file"
    raise ValueError(msg)


def arrow_schema(path: Path) -> dict[str, pl.DataType]:
    """Return the types of all columns."""
    import polars as pl

    with native_reader():
        if is_stream(path):
            return dict(pl.read_ipc_stream(path, n_rows=0).schema)
        return dict(pl.scan_ipc(path, glob=False).collect_schema())


def read_arrow(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Return these columns of an Arrow file."""
    import polars as pl

    with native_reader():
        if is_stream(path):
            return pl.read_ipc_stream(path, columns=list(columns))
        return pl.scan_ipc(path, glob=False).select(columns).collect()


def arrow_blocks(path: Path, expression: pl.Expr) -> Iterator[pl.Series]:
    """Yield one computed column in blocks of rows; a stream is one block."""
    import polars as pl

    if is_stream(path):
        with native_reader():
            column = expression.meta.root_names()
            whole = pl.read_ipc_stream(path, columns=column).select(expression).to_series()
        yield whole
        return
    rows = pl.scan_ipc(path, glob=False).select(pl.len()).collect().item()
    for start in range(0, rows, ROWS):
        with native_reader():
            block = pl.scan_ipc(path, glob=False).select(expression).slice(start, ROWS).collect().to_series()
        yield block


def arrow_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata that `datasets` writes into the schema; empty without any.

    polars does not return metadata of Arrow files. They are JSON, stored as they are in the head of the file.
    """
    with path.open("rb") as handle:
        head = handle.read(HEAD)
    start = head.find(MARK)
    if start < 0:
        return {}
    try:
        value, _ = json.JSONDecoder().raw_decode(head[start:].decode(errors="replace"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
