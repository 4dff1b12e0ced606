"""Temporary files of the cache, which `core/writing.py` writes and locks, and errors of its disk."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from w2s_probe.core.errors import CacheError
from w2s_probe.core.writing import leftovers, remove_leftovers

ADVICE = "Free some space, or choose another folder with --cache; what is cached stays valid."
RIGHTS = "Check the permissions of the folder, or choose another one with --cache; what is cached stays valid."
OLDER = re.compile(r"[1-9][0-9]*-[0-9a-f]{16}")  # names that version 0.1 gave: PID and random digits


def abandoned(folder: Path) -> Iterator[Path]:
    """Yield the temporary files in `folder` whose writers are gone."""
    return leftovers(folder, older=OLDER)


def remove_abandoned(folder: Path) -> None:
    """Delete the temporary files in `folder` whose writers are gone."""
    remove_leftovers(folder, older=OLDER)


@contextmanager
def disk_errors(place: Path, *, advice: str = ADVICE) -> Iterator[None]:
    """Turn an `OSError` of the block into a `CacheError` that names the `place` and ends with the `advice`.

    Where rights are missing, or the file system is only for reading, free space would not help: `RIGHTS` is the advice.
    """
    try:
        yield
    except CacheError:
        raise
    except OSError as error:
        advice = RIGHTS if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and advice == ADVICE else advice
        msg = f"the feature cache must be writable: got {error.strerror or error} for {place}. {advice}"
        raise CacheError(msg) from error
