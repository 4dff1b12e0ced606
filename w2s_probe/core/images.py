"""Image files as items: identified by the hash of their bytes, decoded only when pixels are needed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from w2s_probe.core.errors import DataError
from w2s_probe.core.files import is_regular_file, reason
from w2s_probe.core.input_files import check_no_pipe

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
MOST_THREADS = min(8, os.cpu_count() or 1)  # reading and decoding release Python's lock


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """One image file for each row, relative to a folder; no file is opened until its bytes are needed.

    Parameters
    ----------
    folder : Path
        Folder to which relative names belong.
    names : tuple of str
        Paths as the data gives them, relative or absolute.
    """

    folder: Path
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> Path:
        return self.folder / self.names[row]

    def __iter__(self) -> Iterator[Path]:
        return (self.folder / name for name in self.names)

    def take(self, rows: Iterable[int]) -> ImageFiles:
        """Return the files of these rows, in this order."""
        positions = [int(row) for row in rows]
        subset = ImageFiles(self.folder, tuple(self.names[row] for row in positions))
        if "hashes" in self.__dict__:  # copied, so that no file is hashed twice
            subset.__dict__["hashes"] = [self.hashes[row] for row in positions]
        return subset

    def check_present(self, name: str) -> None:
        """Raise `DataError`, with the `name` of the data, unless every path is a file."""
        missing = [row for row, path in enumerate(self) if not is_regular_file(path)]
        if missing:
            check_no_pipe(self[missing[0]], f"row {missing[0]} of {name}")
            msg = (
                f"every image of {name} must be a file: {len(missing)} of {len(self)} are missing, the first is row "
                f"{missing[0]}, {self.names[missing[0]]!r:.120}. Write paths relative to the table's folder."
            )
            raise DataError(msg)

    @cached_property
    def hashes(self) -> list[bytes]:
        """SHA-256 of each file's bytes; paths do not enter, so that two copies of an image are one item."""
        with ThreadPoolExecutor(MOST_THREADS) as pool:
            return list(pool.map(self._hash, range(len(self))))

    def _hash(self, row: int) -> bytes:
        check_no_pipe(self[row], self.names[row])
        try:
            with self[row].open("rb") as handle:
                return hashlib.file_digest(handle, "sha256").digest()
        except OSError as error:
            msg = f"{self.names[row]} must be readable: {reason(error)}. Check the permissions of the file."
            raise DataError(msg) from error
