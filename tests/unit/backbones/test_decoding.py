"""Files of every kind become RGB, and those that are no images are named."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.images import crops
from w2s_probe.backbones.decoding import map_batches, read_image, undecodable
from w2s_probe.core.errors import BackboneError, DataError
from w2s_probe.core.images import ImageFiles

CROP = crops("daisy", 1, side=16)[0]
PIXELS = np.asarray(CROP)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(read_image(path))


def gray16(path: Path) -> None:
    Image.fromarray((PIXELS[:, :, 0].astype(np.uint16) << 8) + 255).save(path)


def two_frames(path: Path) -> None:
    CROP.quantize(256).save(path, save_all=True, append_images=[Image.new("P", CROP.size)])


def transparent_palette(path: Path) -> None:
    CROP.quantize(256).save(path, transparency=b"\0" * 100)


def with_alpha(path: Path) -> None:
    opaque = CROP.convert("RGBA")
    opaque.putalpha(0)
    opaque.save(path)


KINDS: dict[str, tuple[str, Callable[[Path], object], np.ndarray]] = {
    "color": ("png", CROP.save, PIXELS),
    "gray": ("png", CROP.convert("L").save, np.asarray(CROP.convert("L").convert("RGB"))),
    "black and white": ("png", CROP.convert("1").save, np.asarray(CROP.convert("1").convert("RGB"))),
    "gray with alpha": ("png", CROP.convert("LA").save, np.asarray(CROP.convert("L").convert("RGB"))),
    "hidden by alpha": ("png", with_alpha, PIXELS),
    "16-bit gray": ("png", gray16, np.repeat(PIXELS[:, :, :1], 3, axis=2)),
    "16-bit gray TIFF": ("tiff", gray16, np.repeat(PIXELS[:, :, :1], 3, axis=2)),
    "CMYK": ("tif", CROP.convert("CMYK").save, np.asarray(CROP.convert("CMYK").convert("RGB"))),
    "animated GIF": ("gif", two_frames, np.asarray(CROP.quantize(256).convert("RGB"))),
    "palette with alpha": ("png", transparent_palette, np.asarray(CROP.quantize(256).convert("RGB"))),
    "bitmap": ("bmp", CROP.save, PIXELS),
    "PPM": ("ppm", CROP.save, PIXELS),
    "WebP": ("webp", lambda path: CROP.save(path, lossless=True), PIXELS),
    "upper case": ("PNG", CROP.save, PIXELS),
    "wrong suffix": ("jpg", lambda path: CROP.save(path, format="png"), PIXELS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_becomes_rgb(tmp_path: Path, kind: str) -> None:
    suffix, save, expected = KINDS[kind]
    path = tmp_path / f"image.{suffix}"
    save(path)
    assert read_image(path).mode == "RGB"
    np.testing.assert_array_equal(pixels(path), expected)


def test_orientation_in_exif_is_ignored_as_torchvision_does(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    CROP.save(tmp_path / "turned.png", exif=turned)
    with Image.open(tmp_path / "turned.png") as written:
        assert written.getexif()[0x0112] == 6
    np.testing.assert_array_equal(pixels(tmp_path / "turned.png"), PIXELS)


def cut(path: Path) -> None:
    CROP.resize((64, 64)).save(path, format="jpeg")
    path.write_bytes(path.read_bytes()[:-200])


def damaged_png(path: Path) -> None:
    CROP.save(path, format="png")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(bytes(content))


def png_that_claims(width: int, height: int) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        def chunk(kind: bytes, content: bytes) -> bytes:
            return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))

    return write


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut JPEG": (cut, "Truncated File Read"),
    "damaged PNG": (damaged_png, ""),
    "text": (lambda path: path.write_text("hello"), "no JPEG, PNG"),
    "empty": (Path.touch, "no JPEG, PNG"),
    "PostScript": (lambda path: CROP.save(path, format="eps"), "no JPEG, PNG"),
    "floating point": (lambda path: CROP.convert("F").save(path, format="tiff"), "floating-point pixels"),
    "bomb": (png_that_claims(60_000, 60_000), "too large to decode safely"),
    "large": (png_that_claims(10_000, 10_000), "too large to decode safely"),  # Pillow would only warn
    "32-bit gray": (lambda path: Image.new("I", (4, 4), 2**20).save(path, format="tiff"), "beyond 16 bits"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_image_is_found_with_its_reason(tmp_path: Path, kind: str) -> None:
    write, said = REFUSED[kind]
    CROP.save(tmp_path / "good.png")
    write(tmp_path / "bad.png")
    files = ImageFiles(tmp_path, ("good.png", "bad.png", "good.png"))
    found = undecodable(files, np.arange(3))
    assert list(found) == [1]
    assert said in found[1]
    assert undecodable(files, np.array([0, 2])) == {}
    with pytest.raises(DataError, match=r"every image must be decodable: bad\.png is not \("):
        map_batches(files, np.asarray, list, batch_size=2)


def test_any_cut_of_a_file_is_an_image_or_a_reason(tmp_path: Path) -> None:
    for suffix in ("png", "gif", "tiff", "webp", "bmp", "jpg"):
        CROP.save(tmp_path / f"whole.{suffix}")
        content = (tmp_path / f"whole.{suffix}").read_bytes()
        names = []
        for at in range(0, len(content), 1 + len(content) // 25):
            names.append(f"{at}.{suffix}")
            (tmp_path / names[-1]).write_bytes(content[:at])
        said = undecodable(ImageFiles(tmp_path, tuple(names)), np.arange(len(names)))
        assert 0 in said
        assert all(why and len(why) < 300 and "\n" not in why for why in said.values())


def test_remarks_on_metadata_stay_off_the_terminal(tmp_path: Path) -> None:
    CROP.save(tmp_path / "whole.tif")
    content = (tmp_path / "whole.tif").read_bytes()
    names = tuple(f"{at}.tif" for at in range(10, 200, 5))
    for name in names:
        (tmp_path / name).write_bytes(content[: int(name.partition(".")[0])])
    files = ImageFiles(tmp_path, names)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        undecodable(files, np.arange(len(files)))
        assert caught == []
        for path in files:
            with suppress(DataError):
                read_image(path)
        assert caught  # Pillow itself remarks on some of them


def test_a_large_image_is_refused_also_where_warnings_are_off(tmp_path: Path) -> None:
    png_that_claims(10_000, 10_000)(tmp_path / "large.png")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DataError, match="too large to decode safely"):
            read_image(tmp_path / "large.png")


@pytest.mark.parametrize("batch_size", [1, 3, 7, 50])
def test_batches_come_in_order_and_hold_every_image_once(tmp_path: Path, batch_size: int) -> None:
    for i in range(7):
        Image.new("L", (2, 2), i).save(tmp_path / f"{i}.png")
    files = ImageFiles(tmp_path, tuple(f"{i}.png" for i in range(7)))
    batches = map_batches(files, lambda image: int(np.asarray(image)[0, 0, 0]), list, batch_size=batch_size, threads=3)
    assert [value for batch in batches for value in batch] == list(range(7))
    assert all(len(batch) == batch_size for batch in batches[:-1])


def test_no_more_than_two_batches_are_in_memory(tmp_path: Path) -> None:
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    prepared = 0

    def prepare(image: Image.Image) -> int:
        nonlocal prepared
        prepared += 1
        return prepared

    ahead: list[int] = []
    map_batches(
        ImageFiles(tmp_path, ("a.png",) * 30),
        prepare,
        lambda batch: ahead.append(prepared - max(batch)),
        batch_size=3,
        threads=2,
    )
    assert max(ahead) <= 3


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 4, 4, 1), (3, 4, 4, 3), (3, 4, 4, 4)])
def test_arrays_of_bytes_are_images(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    found = np.concatenate(map_batches(images, np.asarray, np.stack, batch_size=2))
    expected = images[..., :3] if shape[3:] and shape[3] > 1 else np.repeat(images.reshape(3, 4, 4, 1), 3, axis=3)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("images", [np.zeros((2, 4, 4)), np.zeros((2, 4, 4, 2), np.uint8), np.zeros((2, 4), np.uint8)])
def test_arrays_of_anything_else_are_refused(images: np.ndarray) -> None:
    with pytest.raises(BackboneError, match="uint8 arrays of shape"):
        map_batches(images, np.asarray, list, batch_size=2)
