"""Malformed inputs by kind: the file that is wrong, and the verb that reads it; `PREPARE` writes what they share."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

__all__ = ["ARGUMENTS", "FILES", "prepare", "write"]

ROWS = 60
SIZES = ("-n", "12", "-N", "20", "--n-test", "20", "--seeds", "1")
TEACHER = ("--teacher", "features:f.npy")
STUDENT = ("--student", "features:s.npy")
RUN = ("run", "t.csv", *TEACHER, *STUDENT)
X = np.random.default_rng(0).standard_normal((ROWS, 4))
LABELS = [int(value > 0) for value in X[:, 0]]
LINES = ["id,text,label", *(f"{row},word{row % 7},{label}" for row, label in enumerate(LABELS))]
CSV = "\n".join(LINES).encode() + b"\n"
NDJSON = b"".join(json.dumps({"id": row, "label": label}).encode() + b"\n" for row, label in enumerate(LABELS))
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zlib": zlib.compress,
    "zstd": lambda content: b"\x28\xb5\x2f\xfd" + content,
    "lz4": lambda content: b"\x04\x22\x4d\x18" + content,
    "zip": lambda content: archive({"member": content}),
}


def saved(write: Callable[[io.BytesIO], object]) -> bytes:
    """Return what a writer writes."""
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def archive(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive."""

    def write(buffer: io.BytesIO) -> None:
        with zipfile.ZipFile(buffer, "w", method) as file:
            for name, content in members.items():
                file.writestr(name, content)

    return saved(write)


def npy(shape: tuple[int, ...], body: bytes = b"1" * 64, *, kind: str = "<f8") -> bytes:
    """Return a .npy file whose header may lie."""
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


def safetensors(header: object, body: bytes = b"1" * 24, *, length: int | None = None) -> bytes:
    """Return a .safetensors file whose header may lie."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def tensor(shape: list[int], end: int, kind: str = "F64") -> dict[str, Any]:
    """Return the header of one array X."""
    return {"X": {"dtype": kind, "shape": shape, "data_offsets": [0, end]}}


def parquet(columns: Mapping[str, object]) -> bytes:
    """Return a Parquet file."""
    return saved(pl.DataFrame(columns).write_parquet)


def labels(*values: str) -> bytes:
    """Return a table with these labels in turn."""
    return b"id,label\n" + b"".join(f"{row},{values[row % len(values)]}\n".encode() for row in range(ROWS))


def parts(seed: str) -> bytes:
    """Return a split file of one seed."""
    names = ("labeled", "unlabeled", "test")
    return b"seed,id,part\n" + "".join(f"{seed},{row},{names[row % 3]}\n" for row in range(ROWS)).encode()


def png(width: int, height: int) -> bytes:
    """Return the beginning of a PNG file of a size, with the pixels of a small one."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


FEATURES = saved(lambda buffer: np.save(buffer, X))
ARCHIVE = archive({"X.npy": FEATURES})
TABLE = parquet({"id": list(range(ROWS)), "label": LABELS})
PICTURE = saved(lambda buffer: Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(buffer, "PNG"))

TABLES: dict[str, bytes] = {
    "utf16.csv": "id,label\n1,2\n".encode("utf-16"),
    "header.csv": b"id,label\n",
    "blank.csv": b"\n\n\n",
    "zeros.csv": bytes(1000),
    "open-quote.csv": b'id,label\n1,"a\n',
    "all-bytes.csv": bytes(range(256)) * 20,
    "commas.csv": b"label\n" + b"," * 100_000,
    "other-separator.csv": b"id;label\n1;2\n",
    "repeated.csv": b"label,label\n1,2\n",
    "escapes.csv": b"\x1b[31mlabel\n1\n2\n",
    "one-class.csv": labels("a"),
    "own-classes.csv": b"label\n" + b"".join(b"c%d\n" % row for row in range(ROWS)),
    "empty-labels.csv": b"id,label\n" + b"".join(b"%d,\n" % row for row in range(ROWS)),
    "nested.ndjson": b'{"label":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    "cut.ndjson": NDJSON[:-8],
    "array.ndjson": b"[" + NDJSON.replace(b"\n", b",")[:-1] + b"]",
    "strings.jsonl": b'"a"\n' * 10,
    "nulls.jsonl": b"null\n" * 10,
    "digits.ndjson": b'{"label":' + b"9" * 5000 + b"}\n",
    "latin.ndjson": b'{"label":"\xff"}\n',
    "every-row-other-keys.ndjson": b"".join(b'{"k%d":1}\n' % row for row in range(2000)),
    "cut.parquet": TABLE[:-20],
    "footer.parquet": TABLE[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1",
    "magic.parquet": b"PAR1PAR1",
    "zeros.parquet": b"PAR1" + bytes(100) + struct.pack("<I", 90) + b"PAR1",
    "lists.parquet": parquet({"label": [[1]] * ROWS}),
    "empty.parquet": b"",
}
REGRESSION: dict[str, bytes] = {
    "huge.csv": labels("1e308", "-1e308"),
    "one-huge.csv": labels(*map(str, range(50)), "1e308"),
    "infinite.csv": labels("1", "-inf"),
    "nan.csv": labels("1", "nan"),
    "constant.csv": labels("5"),
    "tiny.csv": labels("1e-300", "2e-300"),
    "texts.csv": labels("a", "1"),
}
FEATURE_FILES: dict[str, bytes] = {
    "two-terabytes.npy": npy((2**32, 64)),
    "negative.npy": npy((-1, 3)),
    "overflow.npy": npy((2**62, 2**62)),
    "no-rows.npy": npy((0, 2**40), b""),
    "objects.npy": npy((ROWS, 3), b"\x80\x04", kind="|O"),
    "texts.npy": npy((ROWS, 3), kind="<U1000000000"),
    "code.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", 60) + b"{'descr': __import__('os')}".ljust(60),
    "header.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{",
    "brackets.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000,
    "cut.npy": FEATURES[:-50],
    "longer.npy": FEATURES + b"12345678",
    "empty.npy": b"",
    "large.npy": saved(lambda buffer: np.save(buffer, X * 1e300)),
    "one-large.npy": saved(lambda buffer: np.save(buffer, np.where(np.eye(ROWS, 4), -1e300, X))),
    "small.npy": saved(lambda buffer: np.save(buffer, X * 1e-300)),
    "complex.npy": saved(lambda buffer: np.save(buffer, X * 1j)),
    "constant.npy": saved(lambda buffer: np.save(buffer, np.ones((ROWS, 2)))),
    "member.npz": archive({"X.npy": npy((2**40, 1))}),
    "zeros.npz": archive({"X.npy": npy((2**28, 1), bytes(2**21))}),
    "two-names.npz": archive({"Y.npy": FEATURES, "Z.npy": FEATURES}),
    "objects.npz": archive({"X.npy": npy((ROWS, 3), b"\x80", kind="|O")}),
    "ids.npz": archive({"X.npy": FEATURES, "ids.npy": npy((2**40,), b"11", kind="<i8")}),
    "path.npz": archive({"../../X.npy": FEATURES, "X.npy": FEATURES}),
    "lzma.npz": archive({"X.npy": FEATURES}, zipfile.ZIP_LZMA),
    "nothing.npz": archive({}),
    "cut.npz": ARCHIVE[:-30],
    "length.safetensors": safetensors(b"{}", length=2**60),
    "longer-header.safetensors": safetensors(b"{}", length=2**27),
    "empty-header.safetensors": safetensors({}),
    "offsets.safetensors": safetensors(tensor([ROWS, 3], 2**50)),
    "shape.safetensors": safetensors(tensor([2**60, 3], 24)),
    "negative.safetensors": safetensors(tensor([-1, 3], 24)),
    "bfloat.safetensors": safetensors(tensor([4, 3], 24, "BF16")),
    "braces.safetensors": safetensors(b"{" * 1000),
    "short.safetensors": b"1234567",
    "texts.parquet": parquet({"a": ["x"] * ROWS}),
    "ragged.parquet": parquet({"features": [[1.0, 2.0]] * (ROWS - 1) + [[1.0]]}),
    "nan.parquet": parquet({"features": [[1.0, float("nan")]] * ROWS}),
}
SPLITS: dict[str, bytes] = {
    **{
        f"seed-{seed or 'missing'}.csv": parts(seed)
        for seed in ("-5", "1e20", "9" * 20, "1.5", "nan", "", "a", "9" * 18)
    },
    "part.csv": parts("0").replace(b"test", b"tset"),
    "no-id.csv": b"seed,part\n0,test\n",
    "other-id.csv": parts("0").replace(b"0,3,", b"0,zzz,"),
    "one-row.csv": b"seed,id,part\n0,1,test\n",
    "two-parts.csv": parts("0") + parts("0").replace(b"test", b"labeled")[13:],
    "many-seeds.csv": b"seed,id,part\n" + b"".join(b"%d,1,test\n" % seed for seed in range(100_001)),
    "no-columns.ndjson": b"{}\n",
    "unsigned.parquet": parquet(
        {"seed": pl.Series([2**64 - 1] * 3, dtype=pl.UInt64), "id": [1, 2, 3], "part": ["test"] * 3}
    ),
}
CONFIGS: dict[str, bytes] = {
    "nul-out.toml": b'out = "a\\u0000b"',
    "nul-cache.toml": b'cache = "a\\u0000b"',
    "nul-list.toml": b'strategy = ["a\\u0000"]',
    "infinite.toml": b"n-labeled = 1e400",
    "large.toml": b"n-labeled = 99999999999999999999999999",
    "seeds.toml": b"seeds = 1_000_000",
    "truth.toml": b"n-labeled = true",
    "date.toml": b"n-labeled = 1979-05-27",
    "brackets.toml": b"a = " + b"[" * 5000 + b"]" * 5000,
    "twice.toml": b"seed = 1\nseed = 2\n",
    "bytes.toml": bytes(range(256)),
    "long.toml": b"#" * 20_000,
    "table.toml": b"[label]\na = 1",
    "json.toml": b'{"a": 1}',
}
IMAGES: dict[str, bytes] = {
    "text.png": b"no image",
    "empty.png": b"",
    "cut.png": PICTURE[:40],
    "gigapixels.png": png(200_000, 200_000),
    "lying-size.png": png(9_000, 9_000),
    "packed.png": gzip.compress(PICTURE),
}
FILES: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    **{f"table {name}": (name, content, ("run", name, *TEACHER, *STUDENT, *SIZES)) for name, content in TABLES.items()},
    **{
        f"regression {name}": (name, content, ("run", name, *TEACHER, *STUDENT, *SIZES, "--task", "regression"))
        for name, content in REGRESSION.items()
    },
    **{
        f"features {name}": (name, content, ("run", "t.csv", "--teacher", f"features:{name}", *STUDENT, *SIZES))
        for name, content in FEATURE_FILES.items()
    },
    **{
        f"split {name}": (name, content, (*RUN, "--id", "id", "--split-file", name)) for name, content in SPLITS.items()
    },
    **{f"config {name}": (name, content, (*RUN, "--config", name)) for name, content in CONFIGS.items()},
    **{
        f"image {name}": (f"images/a/{name}", content, ("embed", "images", "--backbone", "classic:pixels-2x2"))
        for name, content in IMAGES.items()
    },
    **{
        f"{packing} named {name}": (name, pack(content), arguments)
        for packing, pack in PACKINGS.items()
        for name, content, arguments in (
            ("p.csv", CSV, ("run", "p.csv", *TEACHER, *STUDENT)),
            ("p.tsv", CSV, ("forecast", "p.tsv", *TEACHER, *STUDENT)),
            ("p.ndjson", NDJSON, ("run", "p.ndjson", *TEACHER, *STUDENT)),
            ("p.parquet", TABLE, ("diagnose", "p.parquet", *TEACHER, *STUDENT)),
            ("p.npy", FEATURES, ("run", "t.csv", "--teacher", "features:p.npy", *STUDENT)),
            ("p.safetensors", FEATURES, ("cache", "import", "p.safetensors", "--name", "p")),
            ("p.npz", FEATURES, ("cache", "import", "p.npz", "--name", "p")),
            ("p.toml", b"seeds = 1", (*RUN, "--config", "p.toml")),
        )
    },
}
HUGE = str(10**20)
LONG = "a" * 300
THEORY = {
    "--d-student": "20",
    "--d-teacher": "60",
    "--correlation-dimension": "5",
    "-n": "110",
    "-N": "1000",
    "--noise-variance": "1",
}


def theory(**changed: str) -> tuple[str, ...]:
    """Return a command with some values replaced."""
    flags = {
        **THEORY,
        **{f"--{name.replace('_', '-')}" if len(name) > 1 else f"-{name}": value for name, value in changed.items()},
    }
    return ("theory", "variance", *(word for pair in flags.items() for word in pair))


ARGUMENTS: dict[str, tuple[str, ...]] = {
    **{
        f"run {flag}": (*RUN, flag, HUGE)
        for flag in ("--seed", "--seeds", "-n", "-N", "--n-test", "--threads", "--batch-size")
    },
    **{f"sweep {flag}": ("sweep", *RUN[1:], flag, HUGE) for flag in ("--seed", "--seeds", "-n", "-N", "--jobs")},
    **{f"diagnose {flag}": ("diagnose", *RUN[1:], flag, HUGE) for flag in ("--seed", "--neighbors", "--sample")},
    **{
        f"reason {flag}": ("reason", flag, HUGE)
        for flag in ("--seed", "--seeds", "-n", "-N", "--n-test", "--steps", "--teacher-size", "--updates", "--lr")
    },
    **{f"theory {name}": theory(**{name: HUGE}) for name in ("simulate", "seed", "d_student", "n", "N")},
    "not a number": (*RUN, "--level", "nan"),
    "infinite strength": (*RUN, "--teacher-alpha", "1e400"),
    "seeds above the limit": (*RUN, "--seeds", "100001"),
    "seeds of a grid": ("sweep", *RUN[1:], "--seed", "5", "--seeds", "100001"),
    "cells of a grid": (
        "sweep",
        *RUN[1:],
        *("-n", ",".join(map(str, range(2, 1200)))),
        *("-N", ",".join(map(str, range(2, 1200)))),
    ),
    "wide simulation": theory(d_student="9000", n="99999", N="99999", simulate="2"),
    "rows of a shard": ("embed", "t.csv", "--text", "text", "--backbone", "classic:hashing-8", "--shard-rows", HUGE),
    "wide hashing": ("embed", "t.csv", "--text", "text", "--backbone", "classic:hashing-99999999"),
    "fine pixels": ("embed", "images", "--backbone", "classic:pixels-9999x9999"),
    "long table": ("run", f"{LONG}.csv", *TEACHER, *STUDENT),
    "long features": ("run", "t.csv", "--teacher", f"features:{LONG}.npy", *STUDENT),
    "long model": ("embed", "t.csv", "--text", "text", "--backbone", f"sentence-transformers:./{LONG}"),
    "long result": ("report", LONG),
    "long --out": (*RUN, *SIZES, "--out", LONG),
    "long --cache": ("embed", "t.csv", "--text", "text", "--backbone", "classic:hashing-8", "--cache", LONG),
    "long --config": (*RUN, "--config", LONG),
    "NUL in --out": (*RUN, *SIZES, "--out", "a\0b"),
    "NUL in --save-split": (*RUN, *SIZES, "--save-split", "a\0b.csv"),
    "escapes in a name": ("run", "\x1b[31mred.csv", *TEACHER, *STUDENT),
    "no Unicode in a name": ("run", "\udcff.csv", *TEACHER, *STUDENT),
    "no place for --out": (*RUN, *SIZES, "--out", "/proc/w2s"),
    "device for --out": (*RUN, *SIZES, "--out", "/dev/null"),
    "no place for a split": (*RUN, *SIZES, "--save-split", "/proc/w2s/split.csv"),
    "a result of nothing": ("report", "t.csv"),
    "colons": ("run", "t.csv", "--teacher", ":" * 500, *STUDENT),
}


def prepare(folder: Path) -> None:
    """Write the files that are right."""
    (folder / "t.csv").write_bytes(CSV)
    np.save(folder / "f.npy", X[:, :2])
    np.save(folder / "s.npy", X)
    write(folder, {f"images/{name}": PICTURE for name in ("a/1.png", "a/2.png", "b/1.png")})


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their names in a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
