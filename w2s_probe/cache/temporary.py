"""Atomic writing through temporary files, and removal of files that killed processes left.

A writer locks its temporary file while it writes, and the system drops the lock when the process ends. A process
that gets the lock of a temporary file therefore knows that the writer is gone, and may delete the file.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from w2s_probe.core.errors import CacheError

try:
    import fcntl
except ImportError:  # Windows: files of dead writers stay until `remove_abandoned` can delete them
    fcntl = None  # type: ignore[assignment]


ADVICE = "Free some space, or choose another folder with --cache; what is cached stays valid."


@contextmanager
def new_temporary(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Yield an open, locked file with a new name in `folder`; it is deleted afterwards unless it was renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = _locked(folder)
    try:
        with handle:
            yield handle, name
    finally:
        name.unlink(missing_ok=True)


def write_file(path: Path, content: bytes, temporary: Path) -> None:
    """Write a whole file or nothing, even if the power fails; `temporary` is the folder of temporary files."""
    with new_temporary(temporary) as (handle, name):
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
        name.replace(path)
    with suppress(OSError):  # some systems cannot open a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def abandoned(folder: Path) -> Iterator[Path]:
    """Yield the temporary files in `folder` whose writers are gone; each is locked until the next."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        with suppress(OSError), path.open("rb") as handle:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield path


def remove_abandoned(folder: Path) -> None:
    """Delete the temporary files in `folder` whose writers are gone."""
    for path in abandoned(folder):
        with suppress(OSError):
            path.unlink()


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, so that no two processes change its shards at the same time."""
    with ExitStack() as stack:
        if fcntl is not None:
            handle = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def disk_errors(place: Path, *, advice: str = ADVICE) -> Iterator[None]:
    """Turn an `OSError` of the block into a `CacheError` that names the `place` and ends with the `advice`."""
    try:
        yield
    except CacheError:
        raise
    except OSError as error:
        msg = f"the feature cache must be writable: got {error.strerror or error} for {place}. {advice}"
        raise CacheError(msg) from error


def _locked(folder: Path) -> tuple[IO[bytes], Path]:
    while True:
        name = folder / f"{os.getpid()}-{secrets.token_hex(8)}"
        handle = name.open("xb")
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        if name.exists():  # else another process deleted it as abandoned before it was locked
            return handle, name
        handle.close()
