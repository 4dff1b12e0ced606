"""A disk that keeps what was synced only: what a folder holds after the power has failed.

Every `os.fsync` is recorded: of a file, its bytes; of a folder, the files in it. After the power cut a folder has the
entries of its last fsync ("lazy"), or those of the last moment ("eager", as ext4 and xfs usually have). In both, a file
has the bytes of its last fsync, and none if it was never synced.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Entries = Literal["lazy", "eager"]


@dataclass(slots=True)
class SyncedDisk:
    """What of the files below a folder survives a power cut.

    Parameters
    ----------
    root : Path
        The folder; everything in it at the beginning is on the disk.
    cut_at : int
        Power fails after this number of calls of `os.fsync`.
    cut : callable
        Called at the power cut.
    """

    root: Path
    cut_at: int
    cut: Callable[[], None]
    content: dict[int, bytes] = field(default_factory=dict)
    entries: dict[Path, dict[str, int]] = field(default_factory=dict)
    calls: int = 0
    open_files: list[int] = field(default_factory=list)

    def start(self) -> None:
        """Take everything below the folder as written to the disk, and record each `os.fsync` from now on."""
        for folder, _, files in os.walk(self.root):
            self._sync_folder(Path(folder))
            for name in files:
                path = Path(folder, name)
                self.open_files.append(os.open(path, os.O_RDONLY))  # no new file gets the inode of a deleted one
                self.content[path.stat().st_ino] = path.read_bytes()
        system = os.fsync

        def fsync(descriptor: int) -> None:
            system(descriptor)
            self._record(descriptor)

        os.fsync = fsync  # type: ignore[assignment]

    def save(self, target: Path, entries: Entries) -> None:
        """Write what the disk holds into a new folder."""
        self._save(self.root, target, entries)

    def _record(self, descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            self._sync_folder(path)
        else:
            file = Path(f"/proc/self/fd/{descriptor}")
            self.open_files.append(os.open(file, os.O_RDONLY))  # not a copy, which would keep the writer's lock
            self.content[status.st_ino] = file.read_bytes()
        self.calls += 1
        if self.calls == self.cut_at:
            self.cut()

    def _sync_folder(self, folder: Path) -> None:
        with os.scandir(folder) as entries:
            self.entries[folder] = {entry.name: entry.inode() for entry in entries}

    def _save(self, folder: Path, target: Path, entries: Entries) -> None:
        target.mkdir()
        folders = {path.stat().st_ino: path for path in folder.iterdir() if path.is_dir()} if folder.exists() else {}
        if entries == "eager" and folder.exists():
            self._sync_folder(folder)
        for name, inode in self.entries.get(folder, {}).items():
            if inode in folders:
                self._save(folders[inode], target / name, entries)
            else:
                (target / name).write_bytes(self.content.get(inode, b""))


def replace(folder: Path, other: Path) -> None:
    """Put a folder in the place of another."""
    shutil.rmtree(folder)
    other.rename(folder)
