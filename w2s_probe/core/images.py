"""Images as items: identified by the hash of their bytes, decoded only when pixels are needed."""

from __future__ import annotations

import hashlib
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import DataError
from w2s_probe.core.files import is_regular_file, reason
from w2s_probe.core.input_files import check_no_pipe

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
MOST_THREADS = min(8, os.cpu_count() or 1)  # reading and decoding release Python's lock


class Images(ABC):
    """One encoded image for each row; none is read until its bytes are needed."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of rows."""

    @abstractmethod
    def __getitem__(self, row: int) -> Path | io.BytesIO:
        """Return what Pillow opens: the file, or its bytes."""

    def __iter__(self) -> Iterator[Path | io.BytesIO]:
        return (self[row] for row in range(len(self)))

    @abstractmethod
    def name_of(self, row: int) -> str:
        """Return what messages call the image."""

    @abstractmethod
    def take(self, rows: Iterable[int]) -> Images:
        """Return the images of these rows, in this order."""

    @property
    @abstractmethod
    def hashes(self) -> list[bytes]:
        """SHA-256 of each image's bytes; names do not enter, so that two copies of an image are one item."""


@dataclass(frozen=True, eq=False)
class ImageFiles(Images):
    """One image file for each row, relative to a folder; no file is opened until its bytes are needed.

    Parameters
    ----------
    folder : Path
        Folder to which relative names belong.
    names : tuple of str
        Paths as the data gives them, relative or absolute; empty for a row without one, which cannot be decoded.
    """

    folder: Path
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> Path:
        return self.folder / self.names[row]

    def __iter__(self) -> Iterator[Path]:
        return (self.folder / name for name in self.names)

    def name_of(self, row: int) -> str:
        """Return the path as the data gives it."""
        return self.names[row] or f"row {row}"

    def take(self, rows: Iterable[int]) -> ImageFiles:
        """Return the files of these rows, in this order."""
        positions = [int(row) for row in rows]
        subset = ImageFiles(self.folder, tuple(self.names[row] for row in positions))
        if "hashes" in self.__dict__:  # copied, so that no file is hashed twice
            subset.__dict__["hashes"] = [self.hashes[row] for row in positions]
        return subset

    def check_present(self, name: str) -> None:
        """Raise `DataError`, with the `name` of the data, unless every path is a file."""
        missing = [row for row, path in enumerate(self) if self.names[row] and not is_regular_file(path)]
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
        if not self.names[row]:
            return hashlib.sha256().digest()
        check_no_pipe(self[row], self.names[row])
        try:
            with self[row].open("rb") as handle:
                return hashlib.file_digest(handle, "sha256").digest()
        except OSError as error:
            msg = f"{self.names[row]} must be readable: {reason(error)}. Check the permissions of the file."
            raise DataError(msg) from error


@dataclass(frozen=True, eq=False)
class ImageRanges(Images):
    """One image for each row, a range of bytes of a file such as an archive.

    Parameters
    ----------
    files : sequence of Path
        The files.
    places : array of int, shape (n, 3)
        File, first byte and number of bytes of each image.
    names : sequence of str
        What messages call the images.
    """

    files: Sequence[Path]
    places: NDArray[np.int64]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, row: int) -> io.BytesIO:
        return io.BytesIO(self._content(row))

    def name_of(self, row: int) -> str:
        """Return the name of the image in its archive."""
        return self.names[row]

    def take(self, rows: Iterable[int]) -> ImageRanges:
        """Return the images of these rows, in this order."""
        positions = [int(row) for row in rows]
        subset = ImageRanges(self.files, self.places[positions], [self.names[row] for row in positions])
        if "hashes" in self.__dict__:
            subset.__dict__["hashes"] = [self.hashes[row] for row in positions]
        return subset

    @cached_property
    def hashes(self) -> list[bytes]:
        """SHA-256 of each image's bytes."""
        with ThreadPoolExecutor(MOST_THREADS) as pool:
            return list(pool.map(lambda row: hashlib.sha256(self._content(row)).digest(), range(len(self))))

    def _content(self, row: int) -> bytes:
        file, start, size = self.places[row].tolist()
        try:
            with self.files[file].open("rb") as handle:
                handle.seek(start)
                content = handle.read(size)
        except OSError as error:
            msg = f"{self.files[file].name} must be readable: {reason(error)}. Check the permissions of the file."
            raise DataError(msg) from error
        if len(content) < size:
            msg = f"{self.files[file].name} must stay as it is while it is read: it became shorter. Start again."
            raise DataError(msg)
        return content
