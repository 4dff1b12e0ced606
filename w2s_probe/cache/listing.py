"""The sidecars of a cache, folder by folder, each read once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from w2s_probe.cache.faults import Fault, FaultyFileError, unreadable
from w2s_probe.cache.marks import HASH
from w2s_probe.cache.shards import Sidecar, load_rows, read_sidecar
from w2s_probe.core.errors import CacheError

State = tuple[int, int, int]  # inode, size and time of change of a file
UNKNOWN: State = (0, 0, 0)


class Listing:
    """The sidecars that were read, those that are not served, and arrays whose bytes were all checked.

    Parameters
    ----------
    root : Path
        Folder of the cache.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults: dict[Path, FaultyFileError] = {}
        self._read: dict[Path, tuple[State, Sidecar]] = {}
        self._verified: dict[Path, State] = {}

    def folders(self) -> list[Path]:
        """Return the folders of all specs.

        Raises
        ------
        CacheError
            If they cannot be listed.
        """
        base = self.root / "features"
        try:
            with os.scandir(base) as entries:
                return sorted(base / entry.name for entry in entries if entry.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            msg = (
                f"the feature cache must be readable: got {error.strerror or error} for {base}. Choose another --cache."
            )
            raise CacheError(msg) from error

    def sidecars(self, folder: Path) -> Iterator[Sidecar]:
        """Yield the sidecars in a folder that can be trusted, by name; the others are added to `faults`.

        Parameters
        ----------
        folder : Path
            Folder of a spec.
        """
        for entry in self.examined(folder):
            if isinstance(entry, Sidecar):
                yield entry
            else:
                self.faults[entry.path] = entry

    def examined(self, folder: Path) -> Iterator[Sidecar | FaultyFileError]:
        """Yield all sidecars by name, each read again only if its file has changed, or what is wrong with them.

        Parameters
        ----------
        folder : Path
            Folder of a spec.
        """
        try:
            files = _files(folder)
        except OSError as error:
            yield unreadable(folder, "folder", error)
            return
        for path, state in files:
            entry = self._read.get(path)
            if entry is None or entry[0] != state:
                try:
                    entry = state, read_sidecar(path)
                except FaultyFileError as error:
                    yield error
                    continue
                except FileNotFoundError:  # another process has deleted it since the listing
                    continue
                self._read[path] = entry
            yield entry[1]

    def is_intact(self, sidecar: Sidecar) -> bool:
        """Return whether the array of a sidecar can be served; every byte is checked again if the file has changed."""
        state = _state(sidecar.path.with_suffix(".npy"))
        if state == UNKNOWN or self._verified.get(sidecar.path) != state:
            try:
                load_rows(sidecar, verify=True)
            except FaultyFileError as error:
                self.faults[sidecar.path] = error
                return False
            self._verified[sidecar.path] = state
        return True

    def forget_checks(self) -> None:
        """Check the bytes of arrays again."""
        self._verified.clear()

    def counts(self) -> Counter[Fault]:
        """Return how many files are not served, for each reason."""
        return Counter(error.fault for error in self.faults.values())

    def damaged_count(self, folder: Path) -> int:
        """Return how many damaged files of a folder were met.

        Parameters
        ----------
        folder : Path
            Folder of a spec.
        """
        return sum(error.fault == "damaged" and path.parent == folder for path, error in self.faults.items())

    def damaged_in(self, folders: Collection[Path]) -> list[Path]:
        """Return the sidecars of the damaged shards in some folders, and forget them; files of others stay."""
        paths = [
            path
            for path, error in self.faults.items()
            if error.fault == "damaged" and path.parent in folders and HASH.fullmatch(path.stem)
        ]
        for path in paths:
            del self.faults[path]
        return paths


def _files(folder: Path) -> list[tuple[Path, State]]:
    """Return the sidecars in a folder by name, each with the state of its file."""
    try:
        with os.scandir(folder) as entries:
            return sorted((folder / entry.name, _state(entry)) for entry in entries if entry.name.endswith(".json"))
    except FileNotFoundError:
        return []


def _state(file: Path | os.DirEntry[str]) -> State:
    try:
        stat = file.stat()
    except OSError:  # reading the file says what is wrong with it
        return UNKNOWN
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
