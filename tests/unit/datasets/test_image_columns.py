"""Images inside columns of Parquet and Arrow files: hashed block by block, copied only to be decoded."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import polars as pl
import pytest

from tests.images import image_folder
from tests.layouts import STRUCT
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.core.images import ImageFiles, Images
from w2s_probe.datasets import Table, open_data
from w2s_probe.datasets.image_columns import ColumnImages, ImageColumn
from w2s_probe.pipeline.data import open_table


@pytest.fixture
def contents(tmp_path: Path) -> list[bytes]:
    folder = image_folder(tmp_path / "photos", 6, side=8)
    return [path.read_bytes() for path in sorted(folder.rglob("*.*"))]


def structs(contents: list[bytes | None], paths: list[str | None] | None = None) -> pl.DataFrame:
    names = paths or [f"{i}.png" for i in range(len(contents))]
    rows = [{"bytes": content, "path": name} for content, name in zip(contents, names, strict=True)]
    return pl.DataFrame({"picture": rows, "label": range(len(contents))}, schema_overrides={"picture": STRUCT})


def write(path: Path, form: str, frame: pl.DataFrame) -> Path:
    if form == "parquet":
        frame.write_parquet(path, row_group_size=5)
    elif form == "file":
        frame.write_ipc(path)
    else:
        frame.write_ipc_stream(path)
    return path


def opened(path: Path, **columns: str) -> Table:
    return open_data(DataConfig(data=str(path), **columns))  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["parquet", "file", "stream"])
@pytest.mark.parametrize("column", ["structures", "bytes"])
def test_all_forms_hold_the_same_items(tmp_path: Path, contents: list[bytes], form: str, column: str) -> None:
    frame = structs([*contents])
    if column == "bytes":
        frame = frame.with_columns(pl.col("picture").struct.field("bytes").alias("picture"))
    path = write(tmp_path / f"t.{'parquet' if form == 'parquet' else 'arrow'}", form, frame)
    table = opened(path, **({} if column == "structures" else {"image": "picture"}))
    images = table.items
    assert isinstance(images, ColumnImages)
    assert images.hashes == [hashlib.sha256(content).digest() for content in contents]
    taken = images.take([7, 0, 7])
    assert [taken[row].read() for row in range(3)] == [contents[7], contents[0], contents[7]]
    assert (taken.name_of(0), len(taken), taken.hashes[1]) == (f"row 7 of {path.name}", 3, images.hashes[0])
    assert (item_digests(taken) == item_digests(images)[[7, 0, 7]]).all()


@pytest.mark.parametrize("form", ["parquet", "file", "stream"])
def test_images_may_be_the_only_column(tmp_path: Path, contents: list[bytes], form: str) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    for number, part in enumerate((contents[:5], contents[5:])):
        only = structs([*part]).select("picture")
        write(folder / f"{number}.{'parquet' if form == 'parquet' else 'arrow'}", form, only)
    table = opened(folder)
    assert isinstance(table.items, ColumnImages)
    assert (len(table), table.columns, table.label) == (len(contents), ("picture",), None)
    assert table.items.hashes == [hashlib.sha256(content).digest() for content in contents]


def test_hashes_alone_copy_nothing(tmp_path: Path, contents: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    images = opened(write(tmp_path / "t.parquet", "parquet", structs([*contents]))).items
    assert isinstance(images, Images)
    monkeypatch.setattr("w2s_probe.datasets.image_columns.tempfile.TemporaryFile", lambda **_: 1 / 0)
    assert len(set(images.hashes)) == 12
    with pytest.raises(ZeroDivisionError):
        images[0]


def test_structures_without_bytes_are_paths(tmp_path: Path, contents: list[bytes]) -> None:
    names = sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "photos").rglob("*.*"))
    table = opened(write(tmp_path / "t.parquet", "parquet", structs([None] * 12, [*names])))
    assert isinstance(table.items, ImageFiles)
    assert table.items.hashes == [hashlib.sha256(content).digest() for content in contents]


@pytest.mark.parametrize("form", ["parquet", "file", "stream"])
@pytest.mark.parametrize("named", [{"image": "picture"}, {}])
def test_a_field_without_a_value_may_have_no_type(
    tmp_path: Path, contents: list[bytes], form: str, named: dict[str, str]
) -> None:
    def table(name: str, rows: list[dict[str, object]], **types: type[pl.DataType]) -> Table:
        frame = pl.DataFrame({"picture": rows, "label": range(12)}, schema_overrides={"picture": pl.Struct(types)})
        return opened(write(tmp_path / f"{name}.{'parquet' if form == 'parquet' else 'arrow'}", form, frame), **named)

    rows: list[dict[str, object]] = [{"bytes": content, "path": None} for content in contents]
    images = table("a", rows, bytes=pl.Binary, path=pl.Null).items
    assert isinstance(images, ColumnImages)
    assert images.hashes == [hashlib.sha256(content).digest() for content in contents]
    rows[0] = {"bytes": None, "path": None}
    with pytest.raises(DataError, match=r"must hold an image in every row: row 0 has none\. Remove such rows"):
        item_digests(table("b", rows, bytes=pl.Binary, path=pl.Null).items or [])
    names = sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "photos").rglob("*.*"))
    paths: list[dict[str, object]] = [{"bytes": None, "path": name} for name in names]
    assert isinstance(table("c", paths, bytes=pl.Null, path=pl.String).items, ImageFiles)


def test_only_one_column_of_structures_is_a_guess(tmp_path: Path, contents: list[bytes]) -> None:
    frame = structs([*contents])
    path = write(tmp_path / "t.parquet", "parquet", frame.with_columns(pl.col("picture").alias("other")))
    assert opened(path).items is None
    assert isinstance(opened(path, image="other").items, ColumnImages)
    table = opened(write(tmp_path / "u.parquet", "parquet", frame.with_columns(text=pl.lit("a"))), text="text")
    assert table.modality == "text"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({5: (None, "a.png")}, "column 'picture' of t.parquet must hold an image in every row: row 5 has none."),
        ({0: (None, "photos/daisy/000.png")}, "must hold an image in every row: row 0 has none."),
        ({0: (None, None)}, "must hold an image in every row: row 0 has none. Remove such rows, add their images, or"),
        (dict.fromkeys(range(7), (None, None)), "must hold an image in every row: row 0 has none."),
        (
            {0: (None, "photos/daisy/000.png"), **{row: (None, f"{row}.png") for row in range(1, 12)}},
            "t.parquet must be a file: 11 of 12 are missing, the first is row 1",
        ),
        (
            {3: (None, None), **{row: (None, "a.png") for row in range(12) if row != 3}},
            "must hold an image in every row: row 3 has none.",
        ),
    ],
)  # fmt: skip
def test_rows_without_an_image_are_refused(
    tmp_path: Path, contents: list[bytes], change: dict[int, tuple[bytes | None, str | None]], said: str
) -> None:
    rows = [change.get(row, (content, f"{row}.png")) for row, content in enumerate(contents)]
    path = write(tmp_path / "t.parquet", "parquet", structs([row[0] for row in rows], [row[1] for row in rows]))
    with pytest.raises(DataError, match=re.escape(said)):
        item_digests(opened(path).items or [])


def test_rows_without_an_image_are_damaged_images_if_those_are_left_out(tmp_path: Path, contents: list[bytes]) -> None:
    rows = [None if row in (2, 7) else content for row, content in enumerate(contents)]
    path = write(tmp_path / "t.parquet", "parquet", structs([*rows]))
    table = open_table(DataConfig(data=str(path), skip_damaged=True), FeatureStore(tmp_path / "cache"))
    assert (len(table), table.left_out) == (10, {"damaged image": 2})
    assert table.label == [0, 1, 3, 4, 5, 6, 8, 9, 10, 11]
    assert "2 of 12 images cannot be decoded and are left out: row 2 of t.parquet" in table.notes[0]


@pytest.mark.parametrize("form", ["csv", "parquet", "structures"])
def test_rows_without_a_path_are_damaged_images_if_those_are_left_out(
    tmp_path: Path, contents: list[bytes], form: str
) -> None:
    assert contents
    files = sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "photos").rglob("*.*"))
    names = [None if row in (2, 7) else name for row, name in enumerate(files)]
    path = tmp_path / f"t.{'csv' if form == 'csv' else 'parquet'}"
    frame = pl.DataFrame({"picture": names, "label": range(12)})
    if form == "csv":
        frame.write_csv(path)
    else:
        write(path, "parquet", structs([None] * 12, [*names]) if form == "structures" else frame)
    config = DataConfig(data=str(path), image="picture", skip_damaged=True)
    table = open_table(config, FeatureStore(tmp_path / "cache"))
    assert (len(table), table.left_out, table.label) == (10, {"damaged image": 2}, [0, 1, 3, 4, 5, 6, 8, 9, 10, 11])
    assert "2 of 12 images cannot be decoded and are left out: row 2 (" in table.notes[0]
    with pytest.raises(DataError, match=r"row (2 has none|2\. Fill in or remove)"):
        item_digests(opened(path, image="picture").items or [])


def test_a_full_disk_is_one_line(tmp_path: Path, contents: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full stands for a full disk")
    path = write(tmp_path / "t.parquet", "parquet", structs([*contents]))
    column = ImageColumn([path], "Parquet", "picture", "t.parquet")
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: open("/dev/full", "r+b", buffering=0))  # noqa: PTH123, SIM115
    with pytest.raises(DataError, match=r"images of t\.parquet must be copied to .*: No space left on device"):
        column.content(0)
