"""Which files DATA means: folders, patterns and folders that `datasets` saved."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from tests.images import image_folder
from tests.layouts import CLASSES, metadata, text_layout, text_table, write_saved
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import Table, open_data
from w2s_probe.datasets.data_files import DataFiles, find_files

ROWS = pl.DataFrame({"text": ["a", "b"], "label": [0, 1]})


def at(root: Path, *names: str) -> Path:
    """Write a small table under each name."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".parquet"):
            ROWS.write_parquet(root / name)
        else:
            (root / name).write_text("text,label\na,0\nb,1\n")
    return root


def files(data: Path | str) -> DataFiles:
    chosen = find_files(str(data))
    assert chosen is not None
    return chosen


def table(data: Path | str, **columns: str) -> Table:
    return open_data(DataConfig(data=str(data), text="text", **columns))  # type: ignore[arg-type]


def test_a_folder_is_read_in_numeric_order_without_hidden_files_and_documents(tmp_path: Path) -> None:
    at(tmp_path, "d/p-10.csv", "d/p-9.csv", "d/.hidden.csv", "d/_SUCCESS.csv", "d/README.md", "d/.git/x.csv")
    (tmp_path / "d" / "a.docx").touch()
    files_of_d = files(tmp_path / "d")
    assert [path.name for path in files_of_d.paths] == ["p-9.csv", "p-10.csv"]
    assert files_of_d.notes == ("Files of d that are no tables by their names are left out: 1 .docx.",)


def test_suffixes_in_capitals_are_suffixes_and_files_without_one_are_named(tmp_path: Path) -> None:
    at(tmp_path, "d/p0.csv", "d/p1.CSV", "d/LICENSE", "d/readme.txt", "d/part-00002", "d/more.txt")
    files_of_d = files(tmp_path / "d")
    assert [path.name for path in files_of_d.paths] == ["p0.csv", "p1.CSV"]
    assert len(table(tmp_path / "d")) == 4
    said = "Files of d that are no tables by their names are left out: 1 without a suffix, 1 .txt."
    assert files_of_d.notes == (said,)
    text_layout(tmp_path / "e", ".csv.gz").rename(tmp_path / "e" / "T.CSV.GZ")
    assert len(table(tmp_path / "e" / "T.CSV.GZ")) == 240
    at(tmp_path, "t.parquet").joinpath("t.parquet").rename(tmp_path / "T.Parquet")
    assert len(table(tmp_path / "T.Parquet")) == 2


def test_folders_behind_links_are_read_once(tmp_path: Path) -> None:
    at(tmp_path, "far/p2.csv", "d/p1.csv", "d/old/p0.csv")
    for link, target in {"more": "far", "loop": "d", "again": "d/old"}.items():
        (tmp_path / "d" / link).symlink_to(tmp_path / target)
    (tmp_path / "far" / "back").symlink_to(tmp_path / "far")
    read = [path.relative_to(tmp_path / "d").as_posix() for path in files(tmp_path / "d").paths]
    assert read == ["more/p2.csv", "old/p0.csv", "p1.csv"]


def test_images_beside_a_table_are_data_and_images_beside_shards_are_not(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "photos", 2, side=8)
    (folder / "metadata.csv").write_text("text,label\na,0\n")
    assert find_files(str(folder)) is None
    assert table_of_images(folder) == 4
    at(tmp_path, "plain/data/rows.csv")
    (tmp_path / "plain" / "logo.png").touch()
    assert files(tmp_path / "plain").kind == "CSV"
    (tmp_path / "plain" / "data" / "a.png").touch()
    assert find_files(str(tmp_path / "plain")) is None
    at(tmp_path, "hub/data/train-00000-of-00001.parquet")
    (tmp_path / "hub" / "logo.png").write_bytes((folder / "palace" / "000.png").read_bytes())
    assert files(tmp_path / "hub").kind == "Parquet"
    assert files(tmp_path / "hub").notes == ("Files of hub that are no tables by their names are left out: 1 .png.",)


def table_of_images(folder: Path) -> int:
    return len(open_data(DataConfig(data=str(folder))))


def test_a_pattern_may_choose_files_of_a_set(tmp_path: Path) -> None:
    names = [f"d/train-0000{i}-of-00003.parquet" for i in range(3)]
    at(tmp_path, *names)
    assert len(files(tmp_path / "d" / "*.parquet").paths) == 3
    (tmp_path / names[1]).unlink()
    with pytest.raises(DataError, match=r"train-00001-of-00003\.parquet is missing"):
        find_files(str(tmp_path / "d" / "train-*"))
    assert len(files(tmp_path / "d" / "train-0000[02]-of-00003.parquet").paths) == 2
    assert len(files(tmp_path / names[0]).paths) == 1
    with pytest.raises(DataError, match=re.escape("no.parquet' fits none")):
        find_files(str(tmp_path / "*" / "no.parquet"))


def test_parts_stand_in_the_order_of_hubs_however_they_are_stored(tmp_path: Path) -> None:
    order = ("train", "validation", "test")
    names = [f"test-0000{i}-of-00002.parquet" for i in range(2)]
    at(tmp_path, "hub/train-00000-of-00001.parquet", "hub/validation-00000-of-00001.parquet")
    at(tmp_path / "hub", *names)
    assert [path.name.partition("-")[0] for path in files(tmp_path / "hub").paths] == [*order, "test"]
    chosen = find_files(str(tmp_path / "hub" / "*.parquet"), split="part")
    assert chosen is not None
    assert chosen.paths == files(tmp_path / "hub").paths
    at(tmp_path, "d/test/0.csv", "d/dev/0.csv", "d/training/1.csv", "d/training/0.csv")
    read = [path.relative_to(tmp_path / "d").as_posix() for path in files(tmp_path / "d").paths]
    assert read == ["training/0.csv", "training/1.csv", "dev/0.csv", "test/0.csv"]
    for part in order:
        write_saved(tmp_path / "s" / part, [text_table(2)])
    (tmp_path / "s" / "dataset_dict.json").write_text(json.dumps({"splits": ["test", "validation", "train"]}))
    assert files(tmp_path / "s").parts == order


def test_names_with_words_of_parts_are_no_shards_unless_a_pattern_or_a_column_says_so(tmp_path: Path) -> None:
    folder = at(tmp_path / "[d]", "sms_train.csv", "sms_test.csv")
    with pytest.raises(DataError, match=re.escape("got sms_test.csv (test), sms_train.csv (train). Rename")) as refusal:
        find_files(str(folder))
    pattern = str(refusal.value).rpartition(", '")[2].removesuffix("'.")
    assert len(files(pattern).paths) == 2
    assert find_files(str(folder), split="part") is not None
    (folder / "sms_train.csv").rename(folder / "train.csv")
    (folder / "sms_test.csv").rename(folder / "test.csv")
    assert files(folder).parts == ("train", "test")
    for i in range(2):
        at(tmp_path / "f", f"train_{i}.csv")
    at(tmp_path / "f", "test_0.csv")
    with pytest.raises(DataError, match="Move the files of each part into a folder called train, validation or test,"):
        find_files(str(tmp_path / "f"))
    below = at(tmp_path / "e", "x/my_train.csv", "my_dev.csv.gz")
    with pytest.raises(DataError, match=re.escape(r"/e/**/*.csv*'.")) as refusal:
        find_files(str(below))
    assert len(files(str(refusal.value).rpartition(", '")[2].removesuffix("'.")).paths) == 2


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    at(tmp_path, "a[1].csv", "a1.csv")
    assert files(tmp_path / "a[1].csv").paths == (tmp_path / "a[1].csv",)


@pytest.mark.parametrize(
    ("name", "pattern"), [("d[2024]/rows.csv", "d[2024]/*.csv"), ("e/part[a]-1.csv", "e/part[a]-?.csv")]
)
def test_brackets_of_a_name_in_a_pattern_are_told_how_to_be_written(tmp_path: Path, name: str, pattern: str) -> None:
    at(tmp_path, name)
    with pytest.raises(DataError, match=r"write \[ as \[\[\] in a pattern") as refusal:
        find_files(str(tmp_path / pattern))
    assert files(str(refusal.value).rpartition(", '")[2].removesuffix("'.")).paths == (tmp_path / name,)
    with pytest.raises(DataError, match="Check the pattern, and put it in quotes"):
        find_files(str(tmp_path / "none[12]" / "*.csv"))


def test_compressed_and_plain_files_are_one_kind(tmp_path: Path) -> None:
    text_layout(tmp_path / "d", ".csv.gz")
    text_layout(tmp_path / "d", "CSV").rename(tmp_path / "d" / "u.csv")
    assert len(table(tmp_path / "d")) == 480


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a.parquet", "b.csv", "c.csv"), "got 2 CSV, 1 Parquet. Name those of one kind with a pattern in quotes"),
        (("a.csv", "b.tsv"), "got 1 CSV, 1 TSV."),
        (("y=0/a.csv", "y=1/b.csv"), "must not be values of a column: got 'y=0'"),
        (("a/train.csv", "a/test.csv", "b/train.csv", "b/test.csv"), "got files of parts in 2 folders, a, b."),
    ],
)  # fmt: skip
def test_folders_that_can_be_read_in_two_ways_are_refused(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(DataError, match=re.escape(said)):
        find_files(str(at(tmp_path / "d", *names)))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.parquet.gz", "(.gz, .zst of CSV, TSV, NDJSON, JSON are read): got '.parquet.gz'. Unpack it first."),
        ("a.xlsx", "got '.xlsx'. Convert or rename the file."),
        ("a", "got 'no suffix'."),
    ],
)
def test_other_suffixes_are_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=re.escape(said)):
        find_files(str(tmp_path / name))


def test_a_saved_dataset_has_names_of_classes_and_an_order_of_files(tmp_path: Path) -> None:
    codes = text_table(10).with_columns(label=pl.Series([0, 1] * 5))
    folder = write_saved(tmp_path / "s", [codes[:4], codes[4:]])
    read = table(folder)
    assert (list(read.items or ()), read.label) == (codes["text"].to_list(), list(CLASSES) * 5)
    (folder / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(DataError, match=r"'data-00001-of-00002\.arrow' is missing\. Save the data set again\."):
        find_files(str(folder))


@pytest.mark.parametrize(
    ("names", "alone"),
    [
        (("train.csv", "validation.csv"), "d/train.csv"),
        (("data/train-0-of-2.csv", "data/train-1-of-2.csv", "data/dev-0-of-1.csv"), "'d/data/train-*'"),
        (("train/0.csv", "train/1.csv", "dev/0.csv"), "'d/train/*'"),
        (("train.csv", "test.csv", "unsupervised-0-of-1.csv"), "d/train.csv"),
    ],
)
def test_other_parts_are_refused_with_what_names_one_and_a_split_file_switches_them_off(
    tmp_path: Path, names: tuple[str, ...], alone: str
) -> None:
    at(tmp_path / "d", *names)
    with pytest.raises(DataError, match=r"Name one part, as in .* or a file of parts with --split-file") as refusal:
        find_files(str(tmp_path / "d"))
    advised = re.search(r"as in '?(.*?)'?, or a column", str(refusal.value))
    assert advised is not None
    assert advised[1] == f"{tmp_path}/{alone}".replace("'", "")
    chosen = files(advised[1])
    assert (chosen.parts, len(chosen.paths)) == ((), sum("train" in name for name in names))
    assert len(table(tmp_path / "d", file_parts=False)) == 2 * len(names)  # type: ignore[arg-type]


def test_parts_of_a_saved_dict_are_named_by_their_folders(tmp_path: Path) -> None:
    for part in ("train", "validation"):
        write_saved(tmp_path / "s" / part, [text_table(2)])
    (tmp_path / "s" / "dataset_dict.json").write_text(json.dumps({"splits": ["validation", "train"]}))
    with pytest.raises(DataError, match=re.escape(f"Name one part, as in {tmp_path}/s/train, or")):
        find_files(str(tmp_path / "s"))
    assert len(table(tmp_path / "s" / "train")) == 2
    assert len(table(tmp_path / "s", file_parts=False)) == 4  # type: ignore[arg-type]


def test_a_saved_dict_has_parts(tmp_path: Path) -> None:
    codes = text_table(12).with_columns(label=pl.Series([0, 1] * 6))
    for part in ("train", "test"):
        write_saved(tmp_path / "s" / part, [codes])
    (tmp_path / "s" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    read = table(tmp_path / "s")
    assert read.split == [None] * 12 + ["test"] * 12
    assert read.published
    assert read.origin is not None
    assert read.origin.parts == {"train": 12, "test": 12}


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("state.json", "{}", "state.json names none"),
        ("state.json", "[", "state.json names none"),
        ("state.json", '{"_data_files": [{"filename": "d.arrow"}], "_indices_files": [1]}', "Call flatten_indices()"),
        ("dataset_dict.json", "{}", "dataset_dict.json of s must name the parts"),
    ],
)  # fmt: skip
def test_saved_folders_that_are_damaged_are_refused(tmp_path: Path, file: str, content: str, said: str) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "d.arrow").touch()
    (folder / file).write_text(content)
    with pytest.raises(DataError, match=re.escape(said)):
        find_files(str(folder))


def test_shards_of_whole_numbers_and_fractions_are_one_column_of_numbers(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    pl.DataFrame({"text": ["a"], "label": [1]}).write_parquet(tmp_path / "d" / "1.parquet")
    pl.DataFrame({"text": ["b"], "label": [None]}).write_parquet(tmp_path / "d" / "2.parquet")
    pl.DataFrame({"label": [0.5], "text": ["c"]}).write_parquet(tmp_path / "d" / "3.parquet")
    assert table(tmp_path / "d").label == [1, None, 0.5]


def test_zeros_at_the_front_of_one_shard_keep_all_labels_texts(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.csv").write_text("text,label\na,1\n")
    (tmp_path / "d" / "2.csv").write_text("text,label\nb,01\n")
    assert table(tmp_path / "d").label == ["1", "01"]


def test_names_of_classes_in_two_shards_replace_numbers_and_minus_one_is_no_label(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for i, codes in enumerate(([0, -1], [1, 0])):
        frame = pl.DataFrame({"text": ["a", "b"], "label": codes, "group": codes})
        frame.write_parquet(tmp_path / "d" / f"{i}.parquet", metadata=metadata())
    read = table(tmp_path / "d", group="group")
    assert (read.label, read.group) == (["neg", None, "pos", "neg"], [0, -1, 1, 0])
