"""Files of the cache that are not served: damaged, unreadable, or of a newer version."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import ClassVar, Literal

from w2s_probe.core.errors import CacheError

Fault = Literal["damaged", "unreadable", "newer"]
NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # a pipe without a writer would be waited for
ADVICE = "Embed or import the data again."
BINARY = getattr(os, "O_BINARY", 0)  # Windows


class FaultyFileError(CacheError):
    """A file of the cache that is not served.

    Parameters
    ----------
    message : str
        What is wrong with the file, and what to do.
    path : Path
        The file.
    """

    fault: ClassVar[Fault]

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


class DamagedFileError(FaultyFileError):
    """A file that was read and holds other bytes than were written, or no file where one must be."""

    fault = "damaged"


class UnreadableFileError(FaultyFileError):
    """A file that could not be read, so that nothing is known about its bytes."""

    fault = "unreadable"


class NewerFileError(FaultyFileError):
    """A file whose format or fields this version does not know."""

    fault = "newer"


def damaged(path: Path, kind: str, *, advice: str = ADVICE) -> DamagedFileError:
    """Return the error of a changed file; `kind` is what the file is."""
    return DamagedFileError(f"a cache {kind} must keep its bytes: {path} was changed. {advice}", path)


def unreadable(path: Path, kind: str, error: OSError) -> UnreadableFileError:
    """Return the error of a file that the system does not let us read; `kind` is what the file is."""
    return UnreadableFileError(
        f"a cache {kind} must be readable: got {error.strerror or error} for {path}. It stays as it is: check "
        "the disk and your permissions.",
        path,
    )


def newer(path: Path, kind: str) -> NewerFileError:
    """Return the error of a file of another version; `kind` is what the file is."""
    return NewerFileError(
        f"a cache {kind} must have a format that is known here: {path} is of a newer version. It stays as it is: "
        "update w2s_probe to read it.",
        path,
    )


def read_file(path: Path, kind: str) -> bytes:
    """Return the bytes of a file; `kind` is what the file is.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    DamagedFileError
        If it is a folder, a pipe or a device; a pipe is not waited for.
    UnreadableFileError
        If the system cannot read it.
    """
    try:
        descriptor = os.open(os.fspath(path), os.O_RDONLY | NO_WAIT | BINARY)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise damaged(path, kind)
            with open(descriptor, "rb", closefd=False) as handle:
                return handle.read()
        finally:
            os.close(descriptor)
    except (FileNotFoundError, FaultyFileError):
        raise
    except OSError as error:
        if isinstance(error, PermissionError) and path.is_dir():  # Windows opens no folder
            raise damaged(path, kind) from error
        raise unreadable(path, kind, error) from error


def is_plain(path: Path) -> bool:
    """Return whether there is nothing at `path`, or a file or link, which `unlink` deletes without loss."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return True
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)
