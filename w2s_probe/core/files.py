"""Files from strangers: what holds before a reader opens one, and what becomes of a reader's panic."""

from __future__ import annotations

import os
import secrets
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import DataError

ALWAYS_READ = 2**30  # bytes in memory that need no excuse
MOST_EXPANSION = 100  # bytes in memory for each byte on disk, beyond that; deflate reaches 1,000 on zeros only
_one_at_a_time = threading.Lock()


def is_regular_file(path: Path) -> bool:
    """Return whether `path` names a file that can be read to its end: no folder, pipe or device."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, a folder that may not be looked into, a NUL
        return False


def is_folder(path: Path) -> bool:
    """Return whether `path` names a folder, also if the system refuses the name."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def check_expansion(name: str, *, on_disk: int, in_memory: int) -> None:
    """Raise `DataError` if a file would fill memory far beyond its own size."""
    if in_memory > ALWAYS_READ and in_memory > MOST_EXPANSION * on_disk:
        msg = (
            f"{name} must not grow beyond {MOST_EXPANSION} times its size in memory: it has {on_disk:,} bytes and "
            f"says it needs {in_memory:,}. If you trust it, save it without compression."
        )
        raise DataError(msg)


def read_member(path: Path, archive: zipfile.ZipFile, name: str, *, shown: str) -> NDArray[Any]:
    """Return one array of an .npz archive, never unpickling, nor unpacking more than the archive says it holds.

    Parameters
    ----------
    path : Path
        The archive's file.
    archive : ZipFile
        The same, open.
    name : str
        Of the array.
    shown : str
        What the user calls the file.

    Raises
    ------
    DataError
        If it would fill memory far beyond the size of the file.
    KeyError, ValueError
        If there is no such array, or it is not what its header says.
    """
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        msg = f"{entry.filename} is compressed in a way numpy does not use"  # others unpack without a limit
        raise ValueError(msg)
    check_expansion(shown, on_disk=path.stat().st_size, in_memory=entry.file_size)
    with archive.open(entry) as handle:
        array: NDArray[Any] = np.lib.format.read_array(handle, allow_pickle=False)
        if handle.read(1):
            msg = f"{entry.filename} has more bytes than its header says"
            raise ValueError(msg)
    return array


def reason(error: BaseException) -> str:
    """Return what a reader said, in one short line."""
    text = " ".join(str(error).split())[:160].rstrip(".") or type(error).__name__
    if "pickle" in text:  # numpy advises to trust the file
        return "it holds pickled objects, which are never loaded"
    return "some bytes are not UTF-8" if "utf-8" in text.lower() or "utf8" in text.lower() else text


@contextmanager
def native_reader() -> Iterator[None]:
    """Turn the panics of polars into `ValueError`, and keep their messages off the terminal.

    A panic is no `Exception` to Python, and prints a backtrace before Python hears of it.
    """
    with _one_at_a_time, _stderr_closed():
        try:
            yield
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            msg = "its parts contradict each other"
            raise ValueError(msg) from error


@contextmanager
def _stderr_closed() -> Iterator[None]:
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 2)
        os.close(nothing)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a new name beside `path` to write to; it takes the place of `path` if the block succeeds.

    Enter several of these on one `contextlib.ExitStack`, and either all files are replaced or none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")  # writers look at the suffix
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
