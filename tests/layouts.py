"""One text table and one set of images in every layout that data come in."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

__all__ = [
    "CLASSES",
    "TEXT_LAYOUTS",
    "image_layout",
    "metadata",
    "text_layout",
    "text_table",
    "write_saved",
    "write_tar",
    "zstd",
]

CLASSES = ("neg", "pos")
ROWS = 240
TEXT_LAYOUTS = (
    "CSV", "TSV", ".csv.gz", ".ndjson.zst", "NDJSON", "JSON array", "Parquet", "shards", "hub", "saved", ".arrow",
)  # fmt: skip
STRUCT = pl.Struct({"bytes": pl.Binary, "path": pl.String})


def zstd(content: bytes) -> bytes:
    """Return compressed bytes; the test is skipped where no encoder is installed."""
    try:
        from compression.zstd import compress
    except ImportError:
        compress = pytest.importorskip("zstandard").compress
    return bytes(compress(content))


def metadata(column: str = "label", names: tuple[str, ...] = CLASSES) -> dict[str, str]:
    """Return the metadata of Parquet files that `datasets` writes for a column of classes."""
    features = {column: {"names": list(names), "_type": "ClassLabel"}}
    return {"huggingface": json.dumps({"info": {"features": features}})}


def text_table(rows: int = ROWS) -> pl.DataFrame:
    """Return texts of which some words tell the label, and a column that nothing needs."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=rows)
    words = np.array([["bad", "poor", "awful", "sad"], ["good", "fine", "great", "nice"]])
    sides = np.where(rng.random(rows) < 0.8, y, 1 - y)
    texts = [f'{" ".join(rng.choice(words[side], size=3))}, "{row}"' for row, side in enumerate(sides.tolist())]
    return pl.DataFrame({"text": texts, "label": [CLASSES[side] for side in y.tolist()], "other": range(rows)})


def text_layout(root: Path, layout: str, frame: pl.DataFrame | None = None) -> Path:
    """Write the table in one layout below a folder; return what DATA is."""
    frame = text_table() if frame is None else frame
    root.mkdir(parents=True, exist_ok=True)
    codes = frame.with_columns(pl.col("label").replace_strict(CLASSES, range(2)))
    if layout == "shards":
        return _shards(root / "shards", frame)
    if layout == "hub":
        (root / "hub" / "data").mkdir(parents=True)
        for i, part in enumerate(_halves(codes)):
            part.write_parquet(root / "hub" / "data" / f"train-0000{i}-of-00002.parquet", metadata=metadata())
        return root / "hub"
    if layout == "saved":
        return write_saved(root / "saved", _halves(codes))
    name, content = _file(layout, frame)
    (root / name).write_bytes(content)
    return root / name


def _file(layout: str, frame: pl.DataFrame) -> tuple[str, bytes]:
    """Return name and content of one file."""
    parquet, arrow = io.BytesIO(), io.BytesIO()
    frame.write_parquet(parquet)
    frame.write_ipc(arrow)
    csv, lines = frame.write_csv().encode(), frame.write_ndjson().encode()
    files = {
        "CSV": ("t.csv", csv),
        "TSV": ("t.tsv", frame.write_csv(separator="\t").encode()),
        ".csv.gz": ("t.csv.gz", gzip.compress(csv)),
        "NDJSON": ("t.ndjson", lines),
        "JSON array": ("t.json", json.dumps(frame.to_dicts(), indent=1).encode()),
        "Parquet": ("t.parquet", parquet.getvalue()),
        ".arrow": ("t.arrow", arrow.getvalue()),
    }
    return ("t.ndjson.zst", zstd(lines)) if layout == ".ndjson.zst" else files[layout]


def _halves(frame: pl.DataFrame) -> list[pl.DataFrame]:
    return [frame[: len(frame) // 2], frame[len(frame) // 2 :]]


def _shards(folder: Path, frame: pl.DataFrame) -> Path:
    """Write seven Parquet files, whose numbers have one digit or two."""
    folder.mkdir()
    ends = np.linspace(0, len(frame), 8).astype(int).tolist()
    for number, (start, end) in enumerate(pairwise(ends), start=5):
        frame[start:end].write_parquet(folder / f"part-{number}.parquet")
    return folder


def write_saved(folder: Path, parts: list[pl.DataFrame], names: Mapping[str, Any] | None = None) -> Path:
    """Write what `Dataset.save_to_disk` writes: Arrow streams, state.json and dataset_info.json."""
    folder.mkdir(parents=True)
    files = [f"data-{i:05d}-of-{len(parts):05d}.arrow" for i in range(len(parts))]
    for name, part in zip(files, parts, strict=True):
        part.write_ipc_stream(folder / name)
    state = {"_data_files": [{"filename": name} for name in files], "_fingerprint": "a", "_split": None}
    (folder / "state.json").write_text(json.dumps(state))
    features = names or {"label": {"names": list(CLASSES), "_type": "ClassLabel"}}
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return folder


def write_tar(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write an archive."""
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def image_layout(root: Path, layout: str, folder: Path) -> Path:
    """Write the images of a folder of classes as structures of two Parquet files, or as an archive."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    classes = sorted({name.split("/")[0] for name in names})
    contents = [(folder / name).read_bytes() for name in names]
    if layout == "tar":
        labels = {f"{name.partition('.')[0]}.cls": name.split("/")[0].encode() for name in names}
        return write_tar(
            root / "images.tar", dict(sorted({**dict(zip(names, contents, strict=True)), **labels}.items()))
        )
    rows = {
        "image": [{"bytes": content, "path": name} for name, content in zip(names, contents, strict=True)],
        "label": [classes.index(name.split("/")[0]) for name in names],
    }
    frame = pl.DataFrame(rows, schema={"image": STRUCT, "label": pl.Int64})
    (root / "structs").mkdir()
    for i, part in enumerate(_halves(frame)):
        path = root / "structs" / f"train-0000{i}-of-00002.parquet"
        part.write_parquet(path, metadata=metadata("label", tuple(classes)), row_group_size=5)
    return root / "structs"
