"""Temporary files that a killed process cannot leave behind for long.

A writer holds a lock on its file while it writes; the system drops the lock with the process. So
whoever gets the lock of a temporary file knows that its writer is gone, and removes it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: files of dead writers stay until `remove_abandoned` can delete them
    fcntl = None  # type: ignore[assignment]


@contextmanager
def new_temporary(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Yield an open, locked file of its own name in `folder`; gone afterwards unless renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = _locked(folder)
    try:
        with handle:
            yield handle, name
    finally:
        name.unlink(missing_ok=True)


def write_file(path: Path, content: bytes, temporary: Path) -> None:
    """Write a file that is there completely or not at all, even if the power fails."""
    with new_temporary(temporary) as (handle, name):
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
        name.replace(path)
    with suppress(OSError):  # not every system lets a folder be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def abandoned(folder: Path) -> Iterator[Path]:
    """Yield the temporary files in `folder` whose writers are gone, each locked while it is looked at."""
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
    """Hold the lock of a folder, so that no two processes change a shard in it at once."""
    with ExitStack() as held:
        if fcntl is not None:
            handle = os.open(folder, os.O_RDONLY)
            held.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _locked(folder: Path) -> tuple[IO[bytes], Path]:
    while True:
        name = folder / f"{os.getpid()}-{secrets.token_hex(8)}"
        handle = name.open("xb")
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        if name.exists():  # else it was taken for abandoned before the lock was ours
            return handle, name
        handle.close()
