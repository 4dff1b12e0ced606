"""Decodes image files and arrays to RGB images, as torchvision and open_clip do.

Only the first frame is read, EXIF rotation and color profile are ignored, and an alpha channel is dropped, not
blended, so that features equal those of torchvision's and open_clip's own readers. One difference: 16-bit gray
levels are scaled to 8 bits, where Pillow would clip them at 255.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import BackboneError, DataError
from w2s_probe.core.files import reason
from w2s_probe.core.images import MOST_THREADS, Images
from w2s_probe.core.types import Rows

if TYPE_CHECKING:
    from PIL.Image import Image

    from w2s_probe.backbones.base import Items

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")  # Pillow starts programs for some other formats
BLACK = 512  # 16-bit levels below are 0 or 1 in 8 bits
T = TypeVar("T")
R = TypeVar("R")


def map_batches(
    items: Items,
    prepare: Callable[[Image], T],
    forward: Callable[[list[T]], R],
    *,
    batch_size: int,
    threads: int | None = None,
) -> list[R]:
    """Return the result of `forward` for each batch of prepared images, in order.

    `items` are image files or a uint8 array of shape (m, height, width[, 1, 3 or 4]). Threads decode the next batch
    and call `prepare` on each RGB image during `forward`, so that at most two batches are in memory. Raises
    `DataError`, with the name of the file, if an image cannot be decoded.
    """
    starts = range(0, len(items), batch_size)
    batches = [(items, range(start, min(start + batch_size, len(items)))) for start in starts]
    return list(mapped_batches(batches, prepare, forward, threads=threads))


def mapped_batches(
    batches: Iterable[tuple[Items, Sequence[int]]],
    prepare: Callable[[Image], T],
    forward: Callable[[list[T]], R],
    *,
    threads: int | None = None,
) -> Generator[R, None, None]:
    """Yield what `map_batches` returns, for batches of items and rows of them; the next one is decoded meanwhile."""
    with _quiet_pillow(), ThreadPoolExecutor(threads or MOST_THREADS) as pool:

        def prepared(items: Items, rows: Sequence[int]) -> Iterator[T]:
            return pool.map(lambda row: prepare(_image(items, row)), rows)

        submitted = (prepared(items, rows) for items, rows in batches)
        coming = next(submitted, None)
        while coming is not None:
            batch = list(coming)
            coming = next(submitted, None)
            yield forward(batch)


def undecodable(items: Images, rows: Rows) -> dict[int, str]:
    """Decode these rows; return, by row, the reasons why images cannot be decoded."""

    def attempt(row: int) -> str:
        try:
            read_image(items[row])
        except DataError as error:
            return str(error)
        return ""

    with _quiet_pillow(), ThreadPoolExecutor(MOST_THREADS) as pool:
        reasons = pool.map(attempt, rows.tolist())
        return {row: text for row, text in zip(rows.tolist(), reasons, strict=True) if text}


def check_gray_levels(items: Images, rows: Rows) -> None:
    """Raise `DataError` if gray images of more than 8 bits among these rows all become black when scaled to 8 bits."""
    from PIL import Image

    def highest(row: int) -> int | None:
        with suppress(Exception), Image.open(items[row], formats=FORMATS) as image:  # damaged files are named before
            return int(np.asarray(image).max()) if image.mode.startswith("I") else None
        return None

    with _quiet_pillow(), ThreadPoolExecutor(MOST_THREADS) as pool:
        levels = [level for level in pool.map(highest, rows.tolist()) if level is not None]
    if levels and max(levels) < BLACK:
        msg = (
            f"16-bit and 32-bit gray images must use levels up to {2**16 - 1}, which are scaled to 8 bits: the largest "
            f"level in {len(levels)} such images is {max(levels)}, so that all become black or nearly black. Save them "
            "as 8-bit images, or multiply their levels by 257."
        )
        raise DataError(msg)


def read_image(path: Path | BytesIO) -> Image:
    """Return a file or its bytes as an RGB image of 8 bits; `DataError` has the reason, not the name of the file."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_size(image)
            image.load()
            return _as_rgb(image)
    except UnidentifiedImageError as error:
        raise DataError(f"no {', '.join(FORMATS)} image") from error  # noqa: TRY003, EM102
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(_too_large()) from error
    except DataError:
        raise
    except Exception as error:  # crafted bytes make readers raise errors of any type
        raise DataError(reason(error)) from error


def _check_size(image: Image) -> None:
    """Raise `DataError` before an image is decoded that is so large that Pillow would warn."""
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise DataError(_too_large())


def _too_large() -> str:
    from PIL import Image

    return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels, too large to decode safely"


def _as_rgb(image: Image) -> Image:
    from PIL import Image

    if image.mode.startswith("I"):  # 16-bit gray, which Pillow opens with 32 bits from some files
        levels = np.asarray(image)
        if levels.min() < 0 or levels.max() >= 2**16:
            raise DataError(f"gray levels from {levels.min()} to {levels.max()}, beyond 16 bits")  # noqa: TRY003, EM102
        return Image.fromarray((levels >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise DataError("floating-point pixels")  # noqa: TRY003, EM101
    if image.mode == "P":  # Pillow warns if it converts a palette with transparent entries to RGB
        image = image.convert("RGBA")
    return image.convert("RGB")


def _image(items: Items, row: int) -> Image:
    from PIL import Image

    if isinstance(items, Images):
        try:
            return read_image(items[row])
        except DataError as error:
            msg = f"every image must be decodable: {items.name_of(row)} is not ({error}). Replace or remove this file."
            raise DataError(msg) from error
    pixels: NDArray[Any] = np.asarray(items[row])
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        msg = (
            "images must be files, or uint8 arrays of shape (height, width) or (height, width, 3): "
            f"got {pixels.dtype!s:.60} {pixels.shape}. Convert them to such arrays."
        )
        raise BackboneError(msg)
    return _as_rgb(Image.fromarray(pixels))


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Turn Pillow's warning of a large image into an error, and hide its warnings of metadata, in all threads."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield
