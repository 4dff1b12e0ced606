"""One table in many layouts gives one result; what was read is said; what cannot be read is refused in one line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.bench.memory import usage_of
from tests.conftest import Cli
from tests.images import image_folder
from tests.layouts import TEXT_LAYOUTS, image_layout, text_layout, text_table, write_tar
from tests.schemas import check_schema
from tests.stderr import read_line

TEXTS = ("--text", "text", "--teacher", "classic:hashing-32", "--student", "classic:hashing-128")
IMAGES = ("--teacher", "classic:pixels-2x2", "--student", "classic:pixels-6x6")
SIZES = ("-n", "8", "--seeds", "2", "--json", "--quiet")
FILES = {
    ".csv.gz": {"kind": "CSV", "number": 1},
    ".ndjson.zst": {"kind": "NDJSON", "number": 1},
    "shards": {"kind": "Parquet", "number": 7, "unpacked": 0},
    "hub": {"kind": "Parquet", "number": 2, "class_names": ["label"]},
    "saved": {"kind": "Arrow", "number": 2, "class_names": ["label"]},
    "structs": {"kind": "Parquet", "number": 2, "images": "image", "class_names": ["label"]},
    "tar": {"kind": "tar", "number": 1},
}
SAID = {
    "shards": "read: shards: 7 Parquet files: 240 rows, none left out; ",
    "hub": "classes of column label, with names from the metadata: neg (",
    ".csv.gz": "read: t.csv.gz: 1 CSV file, 7,983 bytes unpacked: 240 rows",
    "tar": "members .cls: daisy (12), palace (12) (guess: --label, --task); images; ids are names of members",
    "structs": "images of column image (guess: --image); no ids (guess: --id)",
}


def result(cli: Cli, data: Path, layout: str, flags: tuple[str, ...]) -> dict[str, Any]:
    """Run on one layout; return the JSON without what may differ between layouts."""
    done = cli("run", str(data), *flags, *SIZES)
    assert done.returncode == 0, done.stderr
    assert SAID.get(layout, "") in read_line(done.stderr)
    value: dict[str, Any] = json.loads(done.stdout)
    check_schema("run", value)
    files = value.pop("read").get("files")
    assert (files or {}) | FILES.get(layout, {}) == (files or {})
    assert (files is None) == (layout not in FILES)
    assert value["config"].pop("data") == data.name
    return value


def test_a_text_table_gives_one_result_in_all_layouts(cli: Cli, tmp_path: Path) -> None:
    first = result(cli, text_layout(tmp_path, "CSV"), "CSV", TEXTS)
    for layout in TEXT_LAYOUTS[1:]:
        if layout != ".ndjson.zst":
            assert result(cli, text_layout(tmp_path, layout), layout, TEXTS) == first


def test_a_zstd_table_gives_the_same_result(cli: Cli, tmp_path: Path) -> None:
    data = text_layout(tmp_path, ".ndjson.zst")
    assert result(cli, data, ".ndjson.zst", TEXTS) == result(cli, text_layout(tmp_path, "CSV"), "CSV", TEXTS)


def test_images_give_one_result_as_folder_structures_and_archive(cli: Cli, tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "photos", 12, side=16)
    first = result(cli, folder, "folder", IMAGES)
    for layout in ("structs", "tar"):
        assert result(cli, image_layout(tmp_path, layout, folder), layout, IMAGES) == first


def test_parts_of_file_names_are_the_parts_of_a_run_unless_a_flag_names_others(cli: Cli, tmp_path: Path) -> None:
    frame = text_table().with_columns(split=pl.Series(["train"] * 150 + ["validation"] * 30 + ["test"] * 60))
    (tmp_path / "d").mkdir()
    for (part,), rows in frame.group_by("split", maintain_order=True):
        rows.write_csv(tmp_path / "d" / f"{part}.csv")
    frame.write_csv(tmp_path / "one.csv")
    done = cli("run", "d", *TEXTS, *SIZES)
    assert done.returncode == 0, done.stderr
    said = "parts of file names: train (150), validation (30), test (60), read as train, val and test (guess: --split)"
    assert said in read_line(done.stderr)
    value = json.loads(done.stdout)
    assert value["read"]["files"]["parts"] == {"test": 60, "train": 150, "validation": 30}
    assert (value["n_test"], value["read"]["left_out"]) == (60, {"validation part": 30})
    column = json.loads(cli("run", "one.csv", *TEXTS, *SIZES, "--split", "split").stdout)
    assert column["systems"] == value["systems"]
    assert column["class_counts"] == value["class_counts"]
    own = cli("run", "d", *TEXTS, *SIZES, "--split", "split")
    assert "parts of column split, read as" in read_line(own.stderr)


@pytest.mark.parametrize("other", ["test", "unsupervised"])
def test_a_split_file_replaces_parts_of_file_names(cli: Cli, tmp_path: Path, other: str) -> None:
    frame = text_table(90)
    (tmp_path / "d").mkdir()
    for name, part in {"train": frame[:60], other: frame[60:]}.items():
        part.write_parquet(tmp_path / "d" / f"{name}.parquet")
    parts = ["labeled"] * 30 + ["unlabeled"] * 30 + ["test"] * 30
    pl.DataFrame({"seed": [0] * 90, "id": range(90), "part": parts}).write_csv(tmp_path / "s.csv")
    done = cli("run", "d", *TEXTS, "--split-file", "s.csv", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["class_counts"]["neg"]["labeled"] > 0


def test_pairs_and_pools_may_be_shards(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "pairs").mkdir()
    rows = [{"chosen": f"good {i} {i % 7}", "rejected": f"bad {i} {i % 5}", "more": i} for i in range(90)]
    pl.DataFrame(rows[:40]).write_parquet(tmp_path / "pairs" / "a-1.parquet")
    pl.DataFrame(rows[40:]).write_parquet(tmp_path / "pairs" / "a-2.parquet")
    done = cli("run", "pairs", "--task", "preference", *TEXTS[2:], "-n", "20", "--seeds", "1", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "read: pairs: 2 Parquet files: 90 rows, none left out; 90 pairs" in read_line(done.stderr)
    pool = text_layout(tmp_path / "p", "shards", text_table(70))
    data = text_layout(tmp_path, "CSV")
    done = cli("forecast", str(data), *TEXTS, "--pool", str(pool), "-n", "40", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["read"]["pool"]["rows"] == 70


def numbered(folder: Path, *numbers: int) -> Path:
    folder.mkdir()
    for number in numbers:
        text_table(30).write_parquet(folder / f"train-{number:05d}-of-00003.parquet")
    return folder


def other_columns(folder: Path) -> Path:
    folder.mkdir()
    text_table(30).write_csv(folder / "a.csv")
    text_table(30).rename({"other": "another"}).write_csv(folder / "b.csv")
    return folder


def two_types(folder: Path) -> Path:
    folder.mkdir()
    text_table(30).write_parquet(folder / "a.parquet")
    text_table(30).with_columns(label=pl.Series(range(30))).write_parquet(folder / "b.parquet")
    return folder


def two_kinds(folder: Path) -> Path:
    folder.mkdir()
    text_table(30).write_parquet(folder / "a.parquet")
    text_table(30).write_parquet(folder / "b.parquet")
    text_table(30).write_csv(folder / "c.csv")
    return folder


def repeated_ids(folder: Path) -> Path:
    folder.mkdir()
    text_table(30).write_parquet(folder / "a.parquet")
    text_table(20).write_parquet(folder / "b.parquet")
    return folder


def unreadable(folder: Path) -> Path:
    folder.mkdir()
    (folder / "a.docx").write_bytes(b"x")
    (folder / "b.docx").write_bytes(b"x")
    return folder


def bomb(path: Path) -> Path:
    path.write_bytes(gzip.compress(b"text,label\n" + b"a text of thirty-two characters.,0\n" * 40_000))
    return path


def words(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


REFUSED: dict[str, tuple[Any, tuple[str, ...], str]] = {
    "missing shard": (lambda at: numbered(at / "d", 0, 2), (), "train-00001-of-00003.parquet is missing"),
    "other columns": (lambda at: other_columns(at / "d"), (), "b.csv lacks other and also has another, unlike a.csv"),
    "two types": (lambda at: two_types(at / "d"), (), "'label' of d must have one type in all files: got String and"),
    "two kinds": (
        lambda at: two_kinds(at / "d"),
        (),
        "must be of one kind: got 2 Parquet, 1 CSV. Name those of one kind",
    ),
    "ids twice": (
        lambda at: repeated_ids(at / "d"),
        ("--id", "other"),
        "ids of d must be distinct: '0' occurs 2 times",
    ),
    "nothing": (lambda at: unreadable(at / "d"), (), "or tables (.csv, .tsv, .parquet, .ndjson, .jsonl, .json, .arrow"),
    "archive bomb": (lambda at: bomb(at / "t.csv.gz"), (), "must hold at most 1,048,576 bytes, 100 times its size"),
    "no images": (
        lambda at: write_tar(at / "t.tar", {"a.txt": b"x", "b.bin": b"x"}),
        (),
        "got 1 .bin, 1 .txt. Name an",
    ),
    "object": (
        lambda at: words(at / "t.json", '{"text": ["a"]}'),
        (),
        "must be an array of objects, one for each row: got",
    ),
    "no pattern": (lambda at: at / "d" / "*.parquet", (), "fits none. Check the pattern, and put it in quotes."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_line_with_an_advice(cli: Cli, tmp_path: Path, case: str) -> None:
    make, flags, said = REFUSED[case]
    text = () if case == "no images" else ("--text", "text")
    done = cli("embed", str(make(tmp_path)), *text, *flags, "--backbone", "classic:hashing-32")
    errors = [line for line in done.stderr.splitlines() if line]
    assert (done.returncode, len(errors), done.stdout) == (1, 1, ""), done.stderr
    assert said in errors[0]


def test_a_larger_file_is_unpacked_if_the_user_says_so(cli: Cli, tmp_path: Path) -> None:
    data = str(bomb(tmp_path / "t.csv.gz"))
    embed = ("embed", data, "--text", "text", "--backbone", "classic:hashing-32")
    done = cli(*embed, "--max-bytes", "5000000", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "1 CSV file, 1,400,011 bytes unpacked: 40,000 rows" in read_line(done.stderr)
    assert "--max-bytes must be at least 1: got 0" in cli(*embed, "--max-bytes", "0").stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RssAnon is read from /proc")
def test_a_million_rows_in_sixteen_shards_stream_through_embed(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    rng = np.random.default_rng(0)
    known = np.array([f"word{i}" for i in range(5000)])
    for shard in range(16):
        drawn = rng.choice(known, size=(62_500, 12)).tolist()
        texts = [f"{shard} {row} {' '.join(line)}" for row, line in enumerate(drawn)]
        frame = {"text": texts, "label": rng.choice(["no", "yes"], size=62_500), "unused": [t[::-1] for t in texts]}
        pl.DataFrame(frame).write_parquet(tmp_path / "rows" / f"train-{shard:05d}-of-00016.parquet")
    embed = ("embed", "rows", "--text", "text", "--backbone", "classic:hashing-64")
    assert usage_of(embed, tmp_path).anonymous < 600
