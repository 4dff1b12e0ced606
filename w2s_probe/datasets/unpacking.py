"""Unpacks .gz and .zst files as a stream into the system's folder of temporary files, up to a limit."""

from __future__ import annotations

import errno
import gzip
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from w2s_probe.core.errors import DataError
from w2s_probe.core.files import MOST_EXPANSION, reason
from w2s_probe.core.input_files import HEAD, packing_of
from w2s_probe.core.install import install_line

BLOCK = 2**20
ZSTD_BLOCK = 2**10  # a block of zstd may hold 32,768 times its size, and is unpacked at once
ALWAYS_UNPACKED = 2**20  # bytes up to which any file is unpacked


class _Frame(Protocol):
    """Decoder of one frame of zstd, as `compression.zstd` and `zstandard` have it."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


@contextmanager
def unpacked(path: Path, packing: str, *, most: int | None) -> Iterator[tuple[Path, int]]:
    """Context manager: an unpacked copy of a file, with the same name, and its number of bytes.

    Raises `DataError` if the file is not compressed as its name says, is damaged or cut short, or holds more than
    `most` bytes (default: 100 times its size).

    Parameters
    ----------
    path : Path
        A compressed file.
    packing : {"gzip", "zstd"}
        Its compression.
    most : int or None
        Largest number of unpacked bytes.
    """
    limit = max(MOST_EXPANSION * path.stat().st_size, ALWAYS_UNPACKED) if most is None else most
    with tempfile.TemporaryDirectory(prefix="w2s-probe-") as folder:
        copy = Path(folder, path.name)
        try:
            size = _unpack(path, copy, packing, limit)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            if isinstance(error, DataError):
                raise
            if getattr(error, "errno", None) == errno.ENOSPC:
                msg = f"{path.name} must be unpacked: the disk of {folder} is full. Set TMPDIR to a folder with space."
            else:
                msg = f"{path.name} must be a whole {packing} file: it cannot be unpacked ({reason(error)}). Copy the "
                msg += "file again."
            raise DataError(msg) from error
        yield copy, size


def _unpack(path: Path, copy: Path, packing: str, limit: int) -> int:
    """Write the content of a compressed file to `copy`; return its number of bytes."""
    size = 0
    with path.open("rb") as handle, copy.open("xb") as target:
        head = handle.read(HEAD)
        handle.seek(0)
        if packing_of(head) != packing:
            msg = (
                f"{path.name} must be compressed with {packing} as its name says: its content is not. Rename the file."
            )
            raise DataError(msg)
        for block in _gzip_blocks(handle) if packing == "gzip" else _zstd_blocks(handle, _zstd_frames(path.name)):
            size += len(block)
            if size > limit:
                msg = (
                    f"{path.name} must hold at most {limit:,} bytes, {MOST_EXPANSION} times its size or --max-bytes: it"
                    " holds more. If you trust the file, add --max-bytes with a larger number."
                )
                raise DataError(msg)
            target.write(block)
    with copy.open("rb") as content:
        inner = packing_of(content.read(HEAD))
    if inner is not None:
        msg = f"{path.name} must be compressed once: its content is compressed again ({inner}). Unpack it once."
        raise DataError(msg)
    return size


def _gzip_blocks(handle: BinaryIO) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=handle, mode="rb") as content:
        while block := content.read(BLOCK):
            yield block


def _zstd_blocks(handle: BinaryIO, frames: Callable[[], _Frame]) -> Iterator[bytes]:
    """Yield the content of all frames; `EOFError` if the last one is cut short."""
    frame = frames()
    while data := handle.read(ZSTD_BLOCK):
        while data:
            if frame.eof:
                frame = frames()
            yield frame.decompress(data)
            data = frame.unused_data if frame.eof else b""
    if not frame.eof:
        msg = "it ends in the middle"
        raise EOFError(msg)


def _zstd_frames(name: str) -> Callable[[], _Frame]:
    """Return what makes a decoder; errors of decoders become `ValueError`."""
    try:
        from compression import zstd  # from Python 3.14 on
    except ImportError:
        pass
    else:
        return lambda: _Checked(zstd.ZstdDecompressor(), zstd.ZstdError)
    try:
        import zstandard
    except ImportError as error:
        msg = f"{name} needs a decoder of zstd: the package zstandard is not installed. Run: {install_line('')}"
        raise DataError(msg) from error
    return lambda: _Checked(zstandard.ZstdDecompressor().decompressobj(), zstandard.ZstdError)


class _Checked:
    """A decoder of one frame whose errors are `ValueError`."""

    def __init__(self, frame: _Frame, error: type[Exception]) -> None:
        self._frame, self._error = frame, error

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data

    def decompress(self, data: bytes, /) -> bytes:
        try:
            return self._frame.decompress(data)
        except self._error as error:
            raise ValueError(str(error)) from error
