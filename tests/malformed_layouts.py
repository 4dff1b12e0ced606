"""Malformed inputs of several files: shards, saved folders, archives, and files that hold a teacher's predictions."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from tests.layouts import metadata
from tests.malformed import (
    CSV,
    LABELS,
    PICTURE,
    ROWS,
    SIZES,
    STUDENT,
    TABLE,
    TEACHER,
    X,
    npy,
    parquet,
    safetensors,
    saved,
    tensor,
)

__all__ = ["LAYOUTS"]

Files = Mapping[str, bytes]
HALF = ROWS // 2
HALVES = [parquet({"id": list(range(at, at + HALF)), "label": LABELS[at : at + HALF]}) for at in (0, HALF)]
ARRAYS = [saved(lambda buffer, at=at: np.save(buffer, X[at : at + HALF])) for at in (0, HALF)]  # type: ignore[misc]
STREAM = saved(pl.DataFrame({"id": list(range(ROWS)), "label": LABELS}).write_ipc_stream)
ARROW = saved(pl.DataFrame({"id": list(range(ROWS)), "label": LABELS}).write_ipc)
STATE = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_fingerprint": "a", "_split": None}


def tar(add: Callable[[tarfile.TarFile], object]) -> bytes:
    """Return an archive with what `add` adds."""

    def write(buffer: io.BytesIO) -> None:
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            add(archive)

    return saved(write)


def member(
    name: str, content: bytes = PICTURE, *, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> Callable[[Any], None]:
    """Return what adds one member of an archive."""

    def add(archive: tarfile.TarFile) -> None:
        one = tarfile.TarInfo(name)
        one.type, one.linkname, one.size = kind, link, len(content) if kind == tarfile.REGTYPE else 0
        archive.addfile(one, io.BytesIO(content))

    return add


def pictures(name: str) -> bytes:
    """Return an archive of ten pictures with classes, and a member of another kind."""
    adds = [
        member(f"{row}.{end}", content)
        for row in range(10)
        for end, content in (("png", PICTURE), ("cls", b"%d" % (row % 2)))
    ]
    others = {
        "link": member("11.png", kind=tarfile.SYMTYPE, link="/etc/hostname"),
        "hard": member("11.png", kind=tarfile.LNKTYPE, link="/etc/hostname"),
        "device": member("11.png", kind=tarfile.CHRTYPE),
        "text": member("11.png", b"no image"),
    }
    return tar(lambda archive: [add(archive) for add in (*adds, others[name])])


def hub(files: Files, folder: str = "d/data") -> dict[str, bytes]:
    """Return files of a folder as hubs serve it."""
    return {f"{folder}/{name}": content for name, content in files.items()}


def dataset(state: object, info: object = None, stream: bytes = STREAM) -> dict[str, bytes]:
    """Return what `Dataset.save_to_disk` writes, with another state or info."""
    texts = {"state.json": state, "dataset_info.json": {"features": {}} if info is None else info}
    return {
        "d/data-00000-of-00001.arrow": stream,
        **{f"d/{name}": text if isinstance(text, bytes) else json.dumps(text).encode() for name, text in texts.items()},
    }


def structs(value: object) -> dict[str, bytes]:
    """Return a table whose images are one structure each."""
    schema = {"image": pl.Struct({"bytes": pl.Binary, "path": pl.String}), "label": pl.Int64()}
    frame = pl.DataFrame({"image": [value] * ROWS, "label": LABELS}, schema=schema)
    return {"d/train-00000-of-00001.parquet": saved(frame.write_parquet)}


TABLES: dict[str, Files] = {
    "missing shard": hub({"train-00000-of-00003.parquet": HALVES[0], "train-00002-of-00003.parquet": HALVES[1]}),
    "cut shard": hub({"train-00000-of-00002.parquet": HALVES[0], "train-00001-of-00002.parquet": HALVES[1][:-20]}),
    "empty shard": hub({"train-00000-of-00002.parquet": HALVES[0], "train-00001-of-00002.parquet": b""}),
    "other columns": hub({"0.parquet": HALVES[0], "1.parquet": parquet({"text": ["a"]})}),
    "other types": hub({"0.parquet": HALVES[0], "1.parquet": parquet({"id": [[1]], "label": [[0]]})}),
    "two formats": hub({"0.parquet": HALVES[0], "1.csv": CSV}),
    "a shard named otherwise": hub({"0.parquet": HALVES[0], "1.parquet": CSV}),
    "ids twice": hub({"0.parquet": TABLE, "1.parquet": TABLE}),
    "nothing": {"d/README.md": b"nothing here"},
    "only hidden files": {"d/.0.parquet": TABLE},
    "more classes than names": {
        "d/0.parquet": saved(
            lambda buffer: pl.DataFrame({"label": [7] * ROWS}).write_parquet(buffer, metadata=metadata(names=("a",)))
        )
    },
    "state of brackets": dataset(b"[" * 100_000),
    "state of another folder": dataset({"_data_files": [{"filename": "../../../etc/hostname"}]}),
    "state of an absolute path": dataset({"_data_files": [{"filename": "/etc/hostname"}]}),
    "state of no files": dataset({"_data_files": []}),
    "state of a number": dataset({"_data_files": 7}),
    "state of other files": dataset({"_data_files": [{"filename": "data-00001-of-00002.arrow"}]}),
    "info of a number": dataset(STATE, 7, STREAM[:50]),
    "cut stream": dataset(STATE, stream=STREAM[: len(STREAM) // 2]),
    "stream of zeros": dataset(STATE, stream=bytes(1000)),
    "stream that promises": dataset(STATE, stream=b"\xff\xff\xff\xff" + struct.pack("<i", 2**31 - 1) + bytes(64)),
}
ONE_FILE: dict[str, bytes] = {
    "cut.arrow": ARROW[: len(ARROW) // 2],
    "zeros.arrow": b"ARROW1\0\0" + bytes(1000),
    "footer.arrow": ARROW[:-10] + struct.pack("<i", 2**31 - 1) + b"ARROW1",
    "empty.arrow": b"",
    "cut.csv.gz": gzip.compress(CSV)[:-20],
    "bomb.csv.gz": gzip.compress(b"label\n" + b"1\n" * 5_000_000, 9),
    "nested.json.gz": gzip.compress(b"[" * 2_000_000),
    "other.csv.gz": CSV,
    "twice.csv.gz": gzip.compress(gzip.compress(CSV)),
    "zeros.csv.zst": b"\x28\xb5\x2f\xfd" + bytes(100),
    "window.csv.zst": b"\x28\xb5\x2f\xfd\x00\xff" + bytes(100),
    "text.csv.zst": CSV,
    "brackets.json": b"[" * 100_000 + b"]" * 100_000,
    "numbers.json": b"[1, 2, 3]",
    "object.json": b'{"label": 1}',
    "cut.json": b'[{"label": 1}, {"label": 2}',
    "nothing.json": b"[]",
}
IMAGES: dict[str, Files] = {
    "no bytes": structs({"bytes": None, "path": None}),
    "path outside": structs({"bytes": None, "path": "../../../etc/hostname"}),
    "texts": structs({"bytes": b"no image", "path": "a.png"}),
    "cut.tar": {"d.tar": pictures("text")[:700]},
    "zeros.tar": {"d.tar": bytes(20_000)},
    "text.tar": {"d.tar": CSV},
    "links.tar": {"d.tar": tar(member("1.png", kind=tarfile.SYMTYPE, link="/etc/hostname"))},
    "device.tar": {"d.tar": tar(member("1.png", kind=tarfile.CHRTYPE))},
    "no pictures.tar": {"d.tar": tar(member("1.txt", b"a"))},
    "promise.tar": {"d.tar": pictures("text")[:124] + b"77777777777\0" + pictures("text")[136:]},
}
FEATURES: dict[str, tuple[Files, str]] = {
    "missing shard": ({"f/0.npy": ARRAYS[0], "f/2.npy": ARRAYS[1]}, "f/*.npy"),
    "other width": ({"f/0.npy": ARRAYS[0], "f/1.npy": saved(lambda buffer: np.save(buffer, X[HALF:, :3]))}, "f/*.npy"),
    "cut shard": ({"f/0.npy": ARRAYS[0], "f/1.npy": ARRAYS[1][:-9]}, "f/*.npy"),
    "shard that promises": ({"f/0.npy": ARRAYS[0], "f/1.npy": npy((2**40, 4))}, "f/*.npy"),
    "few rows": ({"f/0.npy": ARRAYS[0]}, "f/*.npy"),
    "objects": ({"f/0.npy": npy((HALF, 3), b"\x80\x04", kind="|O"), "f/1.npy": ARRAYS[1]}, "f/*.npy"),
    "no shards": ({}, "f/*.npy"),
    "two formats": ({"f/0.npy": ARRAYS[0], "f/1.parquet": parquet({"features": X[HALF:].tolist()})}, "f/*"),
    "ids twice": (
        {f"f/{at}.parquet": parquet({"id": list(range(HALF)), "v": X[:HALF].tolist()}) for at in range(2)},
        "f/*.parquet",
    ),
    "two list columns": ({"f.parquet": parquet({"v": X.tolist(), "w": X.tolist()})}, "f.parquet"),
    "unknown tensor": ({"f.safetensors": safetensors(tensor([ROWS, 4], ROWS * 32), X.tobytes())}, "f.safetensors#b"),
    "tensor of three axes": (
        {"f.safetensors": safetensors(tensor([ROWS, 2, 2], ROWS * 32), X.tobytes())},
        "f.safetensors#X",
    ),
    "lying tensor": ({"f.safetensors": safetensors(tensor([2**40, 4], 24, "BF16"))}, "f.safetensors#X"),
}
PREDICTIONS: dict[str, tuple[Files, str]] = {
    "no such column": ({}, "labels:nothing"),
    "texts for classes": ({}, "labels:text"),
    "ids for classes": ({}, "labels:id"),
    "no such file": ({}, "labels:p.npy"),
    "few rows": ({"p.npy": saved(lambda buffer: np.save(buffer, np.full((5, 2), 0.5)))}, "labels:p.npy"),
    "many columns": ({"p.npy": saved(lambda buffer: np.save(buffer, np.full((ROWS, 5), 0.2)))}, "labels:p.npy"),
    "above one": ({"p.npy": saved(lambda buffer: np.save(buffer, np.full((ROWS, 2), 1.5)))}, "labels:p.npy"),
    "negative": ({"p.npy": saved(lambda buffer: np.save(buffer, np.full(ROWS, -0.5)))}, "labels:p.npy"),
    "nothing but nan": ({"p.npy": saved(lambda buffer: np.save(buffer, np.full(ROWS, np.nan)))}, "labels:p.npy"),
    "complex": ({"p.npy": saved(lambda buffer: np.save(buffer, np.full(ROWS, 0.5j)))}, "labels:p.npy"),
    "two terabytes": ({"p.npy": npy((2**38, 1))}, "labels:p.npy"),
    "objects": ({"p.npy": npy((ROWS,), b"\x80\x04", kind="|O")}, "labels:p.npy"),
    "cut": ({"p.parquet": TABLE[:-20]}, "labels:p.parquet"),
    "other ids": ({"p.csv": CSV.replace(b"\n1", b"\nx1")}, "labels:p.csv"),
    "other classes": ({"p.csv": b"id,label\n" + b"".join(b"%d,c\n" % row for row in range(ROWS))}, "labels:p.csv"),
    "ids twice": ({"p.csv": CSV + CSV.partition(b"\n")[2]}, "labels:p.csv"),
    "empty": ({"p.csv": b""}, "labels:p.csv"),
    "a column and a file": ({}, "labels:label,p.csv"),
    "nothing": ({}, "labels:"),
    "commas": ({}, "labels:" + "," * 50),
}
LAYOUTS: dict[str, tuple[Files, tuple[str, ...]]] = {
    **{f"tables {name}": (files, ("run", "d", *TEACHER, *STUDENT, *SIZES)) for name, files in TABLES.items()},
    **{
        f"table {name}": ({name: content}, ("run", name, *TEACHER, *STUDENT, *SIZES))
        for name, content in ONE_FILE.items()
    },
    **{
        f"images {name}": (files, ("embed", "d.tar" if "d.tar" in files else "d", "--backbone", "classic:pixels-2x2"))
        for name, files in IMAGES.items()
    },
    **{
        f"shards {name}": (files, ("run", "t.csv", "--teacher", f"features:{spec}", *STUDENT, *SIZES))
        for name, (files, spec) in FEATURES.items()
    },
    **{
        f"predictions {name} in {verb}": (
            files,
            (verb, "t.csv", "--id", "id", "--label", "label", "--teacher", spec, *STUDENT, *SIZES),
        )
        for name, (files, spec) in PREDICTIONS.items()
        for verb in ("run", "forecast")
    },
}
