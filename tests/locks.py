"""Whether this system can lock folders, which Windows and systems without `fcntl` cannot."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from w2s_probe.core.writing import sole_writer

__all__ = ["FOLDER_LOCKS", "needs_folder_locks", "needs_locks"]


def _can_lock() -> bool:
    with TemporaryDirectory() as folder, sole_writer(Path(folder)) as is_alone:
        return is_alone


FOLDER_LOCKS = _can_lock()
needs_folder_locks = pytest.mark.skipif(
    not FOLDER_LOCKS, reason="without locks gc leaves for a day what another process may be writing"
)
needs_locks = pytest.mark.skipif(not FOLDER_LOCKS, reason="without locks the files of a living process stay for a day")
