"""Images inside a column of Parquet or Arrow files, as bytes or as structures of bytes and path.

The column is never whole in memory. It is read once for the hashes of its images; features that the cache has need no
more. Where images must be decoded, their bytes are copied to a temporary file, which can be read in any order.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import DataError
from w2s_probe.core.images import ImageFiles, Images
from w2s_probe.core.types import Rows
from w2s_probe.datasets.arrow_files import arrow_blocks, is_stream
from w2s_probe.datasets.parquet import parquet_blocks
from w2s_probe.datasets.trial import FAULT, fatal_file

if TYPE_CHECKING:
    import polars as pl


def is_image_struct(kind: pl.DataType) -> bool:
    """Return whether a type is a structure of bytes and path, as `datasets` stores images.

    A field that is empty in all rows may have no type of its own, as pyarrow and polars write it.
    """
    import polars as pl

    if not isinstance(kind, pl.Struct):
        return False
    fields = {field.name: field.dtype for field in kind.fields}
    expected = {"bytes": pl.Binary(), "path": pl.String()}
    if fields.keys() != expected.keys() or set(fields.values()) == {pl.Null()}:
        return False
    return all(fields[name] in (dtype, pl.Null()) for name, dtype in expected.items())


def image_column(schema: Mapping[str, pl.DataType], *, text: str | None, image: str | None) -> str | None:
    """Return the column of stored images: the named one, else the only column of structures; None without one."""
    import polars as pl

    if image is not None:
        kind = schema.get(image)
        return image if kind is not None and (kind == pl.Binary() or is_image_struct(kind)) else None
    structs = [column for column, kind in schema.items() if is_image_struct(kind)]
    return structs[0] if text is None and len(structs) == 1 else None


def images_in_column(
    paths: Sequence[Path], kind: str, column: str, *, name: str, folder: Path, gaps: bool = False
) -> Images:
    """Return the images of a column, in the order of the rows.

    Structures of which none has bytes are paths of files, relative to `folder`.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    kind : {"Parquet", "Arrow"}
        Their format.
    column : str
        The column.
    name : str
        Name of the data, for messages.
    folder : Path
        Folder to which paths belong.
    gaps : bool
        Whether a row of bytes may have no image; it counts as one that cannot be decoded.
    """
    stored = ImageColumn(paths, kind, column, name, gaps=gaps)
    stored.check_readable()
    written = stored.written_paths()
    if written is None:
        return ColumnImages(stored, np.arange(len(stored)))
    files = ImageFiles(folder, tuple(written))
    files.check_present(name)
    return files


class ImageColumn:
    """The images of all rows of a data set.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    kind : {"Parquet", "Arrow"}
        Their format.
    column : str
        The column.
    name : str
        Name of the data, for messages.
    gaps : bool
        Whether a row may have no image, which is read as no bytes.
    """

    def __init__(self, paths: Sequence[Path], kind: str, column: str, name: str, *, gaps: bool = False) -> None:
        self.paths, self.kind, self.column, self.name, self.gaps = paths, kind, column, name, gaps
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.hashes)

    def check_readable(self) -> None:
        """Raise `DataError` if a file is damaged so that reading its images would end the process."""
        for streams in (False, True):
            paths = [path for path in self.paths if (self.kind == "Arrow" and is_stream(path)) == streams]
            form = "stream" if streams else "file" if self.kind == "Arrow" else "parquet"
            fatal = fatal_file(paths, form, [self.column]) if paths else None
            if fatal is not None:
                msg = f"{fatal.name} must be readable: its images cannot be read ({FAULT}). Copy the file again."
                raise DataError(msg)

    def written_paths(self) -> list[str] | None:
        """Return the paths in structures of which none has bytes; None for bytes."""
        import polars as pl

        part = pl.col(self.column)
        if self._is_binary or any(block.any() for block in self._blocks(part.struct.field("bytes").is_not_null())):
            return None
        written = pl.concat(list(self._blocks(part.struct.field("path").cast(pl.String))))
        row = written.is_null().arg_max() if written.null_count() and not self.gaps else None
        if row is not None:
            self._refuse(row)
        return written.fill_null("").to_list()

    @cached_property
    def hashes(self) -> list[bytes]:
        """SHA-256 of each image's bytes."""
        return [hashlib.sha256(content).digest() for content in self._contents()]

    def content(self, row: int) -> bytes:
        """Return the bytes of one image."""
        handle, ends = self._copy
        start = int(ends[row])
        with self._lock:
            handle.seek(start)
            return handle.read(int(ends[row + 1]) - start)

    @cached_property
    def _copy(self) -> tuple[BinaryIO, NDArray[np.int64]]:
        """All images in a temporary file without a name, and where each one ends."""
        handle = cast("BinaryIO", tempfile.TemporaryFile(prefix="w2s-probe-"))  # noqa: SIM115  # open as long as the images
        weakref.finalize(self, handle.close)
        sizes = [0]
        try:
            for content in self._contents():
                handle.write(content)
                sizes.append(len(content))
            handle.flush()
        except OSError as error:
            msg = (
                f"images of {self.name} must be copied to {tempfile.gettempdir()}: {error.strerror or error}. Set "
                "TMPDIR to a folder with space."
            )
            raise DataError(msg) from error
        return handle, np.cumsum(sizes)

    def _contents(self) -> Iterator[bytes]:
        import polars as pl

        part = pl.col(self.column)
        row = 0
        for block in self._blocks(part if self._is_binary else part.struct.field("bytes")):
            for content in block.to_list():
                if content is None and not self.gaps:
                    self._refuse(row)
                yield content or b""
                row += 1

    def _refuse(self, row: int) -> None:
        msg = f"column {self.column!r} of {self.name} must hold an image in every row: row {row} has none. Remove such "
        msg += "rows, add their images, or add --skip-damaged."
        raise DataError(msg)

    @cached_property
    def _is_binary(self) -> bool:
        import polars as pl

        return bool(next(self._blocks(pl.col(self.column))).dtype == pl.Binary)

    def _blocks(self, expression: pl.Expr) -> Iterator[pl.Series]:
        for path in self.paths:
            yield from (parquet_blocks if self.kind == "Parquet" else arrow_blocks)(path, expression)


class ColumnImages(Images):
    """Images of some rows of a column.

    Parameters
    ----------
    column : ImageColumn
        The images of all rows.
    rows : array of int, shape (n,)
        Rows of the data.
    """

    def __init__(self, column: ImageColumn, rows: Rows) -> None:
        self.column, self.rows = column, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> BytesIO:
        return BytesIO(self.column.content(int(self.rows[row])))

    def name_of(self, row: int) -> str:
        """Return what messages call the image."""
        return f"row {self.rows[row]} of {self.column.name}"

    def take(self, rows: Iterable[int]) -> ColumnImages:
        """Return the images of these rows, in this order."""
        return ColumnImages(self.column, self.rows[np.fromiter(rows, dtype=np.intp)])

    @property
    def hashes(self) -> list[bytes]:
        """SHA-256 of each image's bytes."""
        return [self.column.hashes[row] for row in self.rows.tolist()]
