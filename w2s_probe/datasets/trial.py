"""A child process reads files first: on some damaged bytes polars aborts the whole process without an exception."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from w2s_probe.core.files import ALWAYS_READ, MOST_EXPANSION, check_expansion

SPARE = 4 * ALWAYS_READ  # bytes of memory that the interpreter and its threads may take besides the data
FAULT = "its parts contradict each other"
TRY = """
import json, sys
import polars
form, columns, most, paths = json.load(sys.stdin)
try:
    import resource
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
except (ImportError, OSError, ValueError):
    pass
for number, path in enumerate(paths):
    print(number, flush=True)
    if form == "parquet":
        frame = polars.read_parquet(path, columns=columns, glob=False)
    elif form == "stream":
        frame = polars.read_ipc_stream(path, columns=columns)
    else:
        frame = polars.scan_ipc(path, glob=False).select(columns or polars.all()).collect()
    print(frame.estimated_size(), flush=True)
"""


def fatal_file(paths: Sequence[Path], form: str, columns: Sequence[str] | None) -> Path | None:
    """Return the first file that ends a process which reads it; None if every file can be read or raises an exception.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    form : {"parquet", "stream", "file"}
        Parquet, or a form of Arrow IPC.
    columns : sequence of str or None
        Columns that are read; None for all.

    Raises
    ------
    DataError
        If the columns of an Arrow file need far more memory than the file has bytes.
    """
    largest = max((path.stat().st_size for path in paths), default=0)
    order = json.dumps([form, columns, SPARE + MOST_EXPANSION * largest, [str(path) for path in paths]])
    trial = subprocess.run(  # noqa: S603  # a constant program
        [sys.executable, "-P", "-c", TRY], input=order.encode(), capture_output=True, check=False
    )
    numbers = [int(line) for line in trial.stdout.split()]
    if form != "parquet":  # the footer of a Parquet file tells the size before
        for path, size in zip(paths, numbers[1::2], strict=False):
            check_expansion(path.name, on_disk=path.stat().st_size, in_memory=size)
    if trial.returncode in (0, 1):  # an exception (1) is raised again by the reader, with its reason
        return None
    return paths[numbers[-1 if len(numbers) % 2 else -2] if numbers else 0]
