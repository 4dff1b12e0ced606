"""Archives of images: rows, labels and ids of their members; what is no such archive is refused."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

import pytest

from tests.images import crops
from tests.layouts import write_tar
from w2s_probe.backbones.decoding import undecodable
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.core.images import ImageRanges
from w2s_probe.datasets import Table, missing_label, open_data


def png(number: int) -> bytes:
    buffer = io.BytesIO()
    crops("palace", number + 1, side=6)[number].save(buffer, "PNG")
    return buffer.getvalue()


A, B, C = png(0), png(1), png(2)


def read(path: Path, members: dict[str, bytes], **columns: str) -> Table:
    return open_data(DataConfig(data=str(write_tar(path, members)), **columns))  # type: ignore[arg-type]


def test_members_of_one_name_are_a_row(tmp_path: Path) -> None:
    members = {
        "0002.jpg": B,
        "0002.cls": b"1\n",
        "0001.cls": b"0",
        "0001.png": A,
        "x/._1.png": b"",
        "0001.meta.bin": b"x",
    }
    table = read(tmp_path / "t.tar", members)
    assert (table.ids.tolist(), table.label, table.has_ids) == (["0002", "0001"], [1, 0], True)
    assert isinstance(table.items, ImageRanges)
    assert table.items.hashes == [hashlib.sha256(content).digest() for content in (B, A)]
    assert (table.columns, table.notes) == (
        ("key", "cls"),
        ("Members that are no images or labels are left out: 1 .meta.bin.",),
    )
    assert table.in_id_order().label == [0, 1]
    taken = table.in_id_order().items
    assert isinstance(taken, ImageRanges)
    assert taken.hashes == [hashlib.sha256(content).digest() for content in (A, B)]
    assert (taken[0].read(), taken.name_of(0)) == (A, "0001")


def test_labels_are_a_column_of_json_or_texts(tmp_path: Path) -> None:
    metadata = [{"label": "a", "place": 3, "more": [1]}, {"label": None, "place": "x"}]
    members = {f"{i}.json": json.dumps(value).encode() for i, value in enumerate(metadata)}
    table = read(tmp_path / "t.tar", {**members, "0.png": A, "1.png": B, "1.txt": b"text"}, group="place")
    assert (table.label, table.group) == (["a", None], ["3", "x"])
    assert table.origin is not None
    assert table.origin.label == ""
    texts = read(tmp_path / "u.tar", {"0.png": A, "0.txt": b"no", "1.png": B, "1.txt": b"yes"})
    assert texts.label == ["no", "yes"]
    assert texts.origin is not None
    assert texts.origin.label == "txt"
    assert read(tmp_path / "v.tar", {"0.png": A}).label is None


def test_several_archives_have_parts_and_ids_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
        write_tar(tmp_path / "d" / f"{name}.tar", {"0.png": A, "0.cls": b"1", "1.png": B, "1.cls": b"0"})
    table = open_data(DataConfig(data=str(tmp_path / "d")))
    assert table.ids.tolist()[:3] == ["train-00000-of-00002/0", "train-00000-of-00002/1", "train-00001-of-00002/0"]
    assert (table.split, table.published) == ([None] * 4 + ["test"] * 2, True)
    assert table.origin is not None
    assert table.origin.parts == {"test": 2, "train": 4}


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_archives_of_one_name_in_two_folders_share_no_row(tmp_path: Path, suffix: str) -> None:
    for part, members in {"train": {"0.png": A, "1.png": B}, "test": {f"0.{suffix}": C}}.items():
        (tmp_path / "d" / part).mkdir(parents=True)
        write_tar(tmp_path / "d" / part / "00000.tar", members)
    table = open_data(DataConfig(data=str(tmp_path / "d")))
    assert table.ids.tolist() == ["train/00000/0", "train/00000/1", "test/00000/0"]
    assert table.split == [None, None, "test"]


def test_archives_whose_ids_would_be_equal_are_refused(tmp_path: Path) -> None:
    (tmp_path / "d" / "x").mkdir(parents=True)
    write_tar(tmp_path / "d" / "a.tar", {"b/0.png": A})
    write_tar(tmp_path / "d" / "x" / "a.tar", {"0.png": A})
    assert open_data(DataConfig(data=str(tmp_path / "d"))).ids.tolist() == ["a/b/0", "x/a/0"]
    (tmp_path / "d" / "x").rename(tmp_path / "d" / "a")
    (tmp_path / "d" / "a" / "a.tar").rename(tmp_path / "d" / "a" / "b.tar")
    write_tar(tmp_path / "d" / "b.tar", {"1.png": A})
    with pytest.raises(DataError, match=r"two archives have 'a/b/0'\. Rename an archive"):
        open_data(DataConfig(data=str(tmp_path / "d")))


def test_folders_of_an_archive_are_no_labels(tmp_path: Path) -> None:
    table = read(tmp_path / "t.tar", {"cat/0.png": A, "dog/0.png": B})
    error = missing_label("label", table)
    assert "t.tar must hold labels: it has images only, and folders in an archive are no labels. Unpack it" in str(
        error
    )


def test_rows_of_archives_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for number in (10, 9, 11):
        write_tar(tmp_path / "d" / f"w{number}.tar", {"b.png": A + bytes([number]), "a.png": B + bytes([number])})
    table = open_data(DataConfig(data=str(tmp_path / "d"))).in_id_order()
    assert table.ids.tolist() == ["w9/a", "w9/b", "w10/a", "w10/b", "w11/a", "w11/b"]
    assert isinstance(table.items, ImageRanges)
    assert table.items[2].read() == B + bytes([10])
    assert table.row_number(0) == 1  # in the archive, b is the first


def test_one_of_several_images_is_named_by_its_suffix(tmp_path: Path) -> None:
    members = {"0.seg.png": B, "0.jpg": A}
    one = read(tmp_path / "t.tar", members).items
    other = read(tmp_path / "t.tar", members, image="seg.png").items
    assert isinstance(one, ImageRanges)
    assert isinstance(other, ImageRanges)
    assert (one[0].read(), other[0].read()) == (A, B)
    with pytest.raises(DataError, match=r"must have one image: '0' has several, jpg, png. Name the suffix"):
        read(tmp_path / "t.tar", {"0.png": B, "0.jpg": A})


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    table = read(tmp_path / "t.tar", {"a/0.png": A, "a/1.png": A[:-30]})
    assert isinstance(table.items, ImageRanges)
    assert list(undecodable(table.items, table.in_id_order().rows_among(2))) == [1]  # type: ignore[arg-type]
    assert table.items.name_of(1) == "a/1"


@pytest.mark.parametrize(
    ("members", "columns", "said"),
    [
        ({"0.txt": b"a", "0.bin": b"b"}, {}, "t.tar must hold images (.jpg, "),
        ({}, {}, "got no files. Name an archive of images, or a table."),
        (
            {"0.png": A, "1.cls": b"1"},
            {},
            "each row of t.tar must have one image: '1' has none. Remove its other members.",
        ),
        ({"0.png": A, "0.json": b"[1]"}, {}, "members .json of t.tar must hold one JSON object each: got '[1]'"),
        ({"0.png": A, "0.cls": b"\xff"}, {}, "labels in t.tar must be texts in UTF-8"),
        ({"0.png": A}, {"image": "jpg"}, "must have one image .jpg: '0' has png."),
        ({"0.png": A}, {"text": "t"}, "--text and --prompt must be left out for t.tar"),
        ({"0.png": A}, {"group": "g"}, "--group must name a column of t.tar: got 'g', not one of key"),
    ],
)
def test_other_archives_are_refused(
    tmp_path: Path, members: dict[str, bytes], columns: dict[str, str], said: str
) -> None:
    with pytest.raises(DataError, match=re.escape(said)):
        read(tmp_path / "t.tar", members, **columns)


def test_links_copies_and_cut_archives_are_refused(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "t.tar", {"0.png": A * 5, "1.png": B})
    whole = path.read_bytes()
    config = DataConfig(data=str(path))
    last = whole.rindex(B)
    cut = [whole[:end] for end in (300, 700, last - 20, last - 512, last + len(B) // 2)]
    for content in (*cut, whole.replace(b"1.png", b"1.pnG"), whole + whole):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"t\.tar must be a whole tar archive: it cannot be read"):
            open_data(config)
    path.write_bytes(b"no archive" * 100)
    with pytest.raises(DataError, match="must be a whole tar archive"):
        open_data(config)
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("0.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(DataError, match=r"'0\.png' is a link or a device"):
        open_data(config)
    with tarfile.open(path, "w") as archive:
        for _ in range(2):
            member = tarfile.TarInfo("0.png")
            member.size = len(A)
            archive.addfile(member, io.BytesIO(A))
    with pytest.raises(DataError, match=r"an image \.png is there twice"):
        open_data(config)


def test_an_archive_that_becomes_shorter_is_an_error(tmp_path: Path) -> None:
    table = read(tmp_path / "t.tar", {"0.png": A})
    (tmp_path / "t.tar").write_bytes(b"")
    assert isinstance(table.items, ImageRanges)
    with pytest.raises(DataError, match=r"t\.tar must stay as it is while it is read"):
        table.items[0]
