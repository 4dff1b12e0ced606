"""Compressed texts: unpacked as a stream and up to a limit; what is damaged, cut or something else is refused."""

from __future__ import annotations

import errno
import gzip
import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.layouts import zstd
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import read_table
from w2s_probe.datasets.unpacking import _gzip_blocks, _zstd_blocks, _zstd_frames, unpacked

TEXT = b"text,label\n" + b"".join(b"%d,%d\n" % (i, i % 2) for i in range(20_000))
PACKINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {".gz": ("gzip", gzip.compress), ".zst": ("zstd", zstd)}


@pytest.fixture(params=PACKINGS)
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def written(folder: Path, suffix: str, content: bytes) -> Path:
    path = folder / f"t.csv{suffix}"
    path.write_bytes(content)
    return path


def content_of(path: Path, *, most: int | None = None) -> bytes:
    with unpacked(path, PACKINGS[path.suffix][0], most=most) as (copy, size):
        content = copy.read_bytes()
    assert size == len(content)
    assert not copy.exists()
    return content


def test_frames_after_each_other_are_one_text(tmp_path: Path, suffix: str) -> None:
    pack = PACKINGS[suffix][1]
    assert content_of(written(tmp_path, suffix, pack(TEXT))) == TEXT
    assert content_of(written(tmp_path, suffix, pack(TEXT[:1000]) + pack(b"") + pack(TEXT[1000:]))) == TEXT


@pytest.mark.parametrize("content", [b"", b"1234", b"{" * 3, b"x" * 100])
@pytest.mark.parametrize("kind", [0x50, 0x57, 0x5F])
def test_frames_of_zstd_that_decoders_skip_may_stand_anywhere(tmp_path: Path, content: bytes, kind: int) -> None:
    skipped = bytes([kind]) + b"\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content
    whole = skipped + zstd(TEXT[:5000]) + skipped + skipped + zstd(TEXT[5000:]) + skipped
    assert content_of(written(tmp_path, ".zst", whole)) == TEXT
    with pytest.raises(DataError, match="must be a whole zstd file"):
        content_of(written(tmp_path, ".zst", whole[:-1]))
    (tmp_path / "u.csv").write_bytes(whole)
    with pytest.raises(DataError, match=r"its content is compressed \(zstd\)"):
        read_table(tmp_path / "u.csv", DataConfig(data="u.csv"))


def test_a_cut_or_changed_file_is_refused_whatever_its_length(tmp_path: Path, suffix: str) -> None:
    packed = PACKINGS[suffix][1](TEXT)
    for end in (len(packed) - 1, len(packed) // 2, 20, 6):
        with pytest.raises(DataError, match=r"must be a whole .* file: it cannot be unpacked"):
            content_of(written(tmp_path, suffix, packed[:end]))
    middle = len(packed) // 2
    changed = packed[:middle] + bytes([packed[middle] ^ 255]) * 50 + packed[middle + 50 :]
    if suffix == ".gz":  # a frame of zstd has no checksum unless its writer adds one
        with pytest.raises(DataError, match="must be a whole gzip file"):
            content_of(written(tmp_path, suffix, changed))


def test_the_limit_is_a_hundred_times_the_size_or_the_users(tmp_path: Path, suffix: str) -> None:
    pack = PACKINGS[suffix][1]
    path = written(tmp_path, suffix, pack(b"0" * 2_000_000))
    with pytest.raises(DataError, match=r"must hold at most 1,048,576 bytes.*add --max-bytes"):
        content_of(path)
    assert len(content_of(path, most=2_000_000)) == 2_000_000
    with pytest.raises(DataError, match="at most 1,999,999 bytes"):
        content_of(path, most=1_999_999)
    assert len(content_of(written(tmp_path, suffix, pack(b"0" * 1_000_000)))) == 1_000_000
    real = os.urandom(500_000).hex().encode()  # needs half its bytes
    assert content_of(written(tmp_path, suffix, pack(real))) == real


def test_no_part_of_a_bomb_is_large(tmp_path: Path, suffix: str) -> None:
    packed = io.BytesIO(PACKINGS[suffix][1](b"0" * 100_000_000))
    blocks = _gzip_blocks(packed) if suffix == ".gz" else _zstd_blocks(packed, _zstd_frames("t"))
    sizes = list(map(len, blocks))
    assert (sum(sizes), max(sizes) <= 2**25) == (100_000_000, True)


def test_a_name_must_be_right_and_a_file_packed_once(tmp_path: Path, suffix: str) -> None:
    pack = PACKINGS[suffix][1]
    with pytest.raises(DataError, match=re.escape(f"t.csv{suffix} must be compressed with")):
        content_of(written(tmp_path, suffix, TEXT))
    with pytest.raises(DataError, match="must be compressed once: its content is compressed again"):
        content_of(written(tmp_path, suffix, pack(pack(TEXT))))
    with pytest.raises(DataError, match=r"its content is compressed \("):
        read_table(written(tmp_path, "", pack(TEXT)), DataConfig(data=""))


def test_messages_name_the_compressed_file(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, suffix, PACKINGS[suffix][1](b'text,label\n"a\\"b",0\n'))
    with pytest.raises(DataError, match=re.escape(f"a quote inside a quoted field of t.csv{suffix} must be written")):
        read_table(path, DataConfig(data="", text="text"))


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("w2s_probe.datasets.unpacking._unpack", full)
    with pytest.raises(DataError, match=r"is full\. Set TMPDIR to a folder with space"):
        content_of(written(tmp_path, ".gz", gzip.compress(TEXT)))
