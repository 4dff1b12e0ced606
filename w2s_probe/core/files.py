"""Checks of files before and while they are read, and one-line errors of their readers."""

from __future__ import annotations

import errno
import os
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import DataError

ALWAYS_READ = 2**30  # bytes in memory below which any file is read
MOST_EXPANSION = 100  # bytes in memory for each byte on disk, above ALWAYS_READ; deflate reaches 1,000 on zeros only
_stderr_lock = threading.Lock()


def is_regular_file(path: Path) -> bool:
    """Return whether `path` is a file that can be read to its end: no folder, pipe or device."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # the name is too long or holds a NUL, or its folder is not readable
        return False


def is_folder(path: Path) -> bool:
    """Return whether `path` is a folder; False if the system rejects the name."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def check_expansion(name: str, *, on_disk: int, in_memory: int) -> None:
    """Raise `DataError` if a file of `on_disk` bytes would need far more bytes in memory."""
    if in_memory > ALWAYS_READ and in_memory > MOST_EXPANSION * on_disk:
        msg = (
            f"{name} must need at most {MOST_EXPANSION} times its size in memory: it has {on_disk:,} bytes and needs "
            f"{in_memory:,}. If you trust the file, save it without compression."
        )
        raise DataError(msg)


def read_member(path: Path, archive: zipfile.ZipFile, name: str, *, label: str) -> NDArray[Any]:
    """Return the array `name` of the .npz file at `path`, open as `archive`; nothing is unpickled.

    Unpacks no more bytes than the archive's index declares. Raises `DataError`, which calls the file `label`, if
    the array would need far more memory than the file has bytes; `KeyError` if there is no such array; `ValueError`
    if its content contradicts its header.
    """
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        msg = f"{entry.filename} has a compression that numpy does not use"  # other methods unpack without a limit
        raise ValueError(msg)
    check_expansion(label, on_disk=path.stat().st_size, in_memory=entry.file_size)
    with archive.open(entry) as handle:
        array: NDArray[Any] = np.lib.format.read_array(handle, allow_pickle=False)
        if handle.read(1):
            msg = f"{entry.filename} has more bytes than its header declares"
            raise ValueError(msg)
    return array


@contextmanager
def native_reader() -> Iterator[None]:
    """Turn a panic of polars into `ValueError`, and keep its backtrace off the terminal.

    Python does not count a panic as an `Exception`, and the backtrace is printed before Python is told.
    """
    with _stderr_lock, _stderr_closed():
        try:
            yield
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            msg = "its parts contradict each other"
            raise ValueError(msg) from error


def check_memory(error: BaseException) -> None:
    """Raise `MemoryError` if a reader's error says that the system has no memory left: the file is not at fault."""
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        raise MemoryError(error.strerror) from error


def reason(error: BaseException) -> str:
    """Return the message of a reader's error as one short line."""
    text = " ".join(str(error).split())[:160].rstrip(".") or type(error).__name__
    if "pickle" in text:  # numpy's message advises to trust the file
        return "it holds pickled objects, which are never loaded"
    return "some bytes are not UTF-8" if "utf-8" in text.lower() or "utf8" in text.lower() else text


@contextmanager
def _stderr_closed() -> Iterator[None]:
    try:
        stderr = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
