"""Names of classes that differ between the files of one table: each file's numbers are read with its own names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Cli
from tests.layouts import metadata, text_table, write_saved
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import Table, open_data
from w2s_probe.datasets.data_files import DataFiles, joined
from w2s_probe.datasets.readers import table_of_files

Names = tuple[str, ...]


def plain(folder: Path, **files: tuple[list[object], Names]) -> Path:
    """Write a Parquet file for each name, with labels and the names of their classes."""
    folder.mkdir(exist_ok=True)
    for name, (labels, names) in files.items():
        frame = pl.DataFrame({"text": [f"{name} {i}" for i in range(len(labels))], "label": labels})
        frame.write_parquet(folder / f"{name}.parquet", metadata=metadata("label", names) if names else {})
    return folder


def table(data: Path, **columns: str) -> Table:
    return open_data(DataConfig(data=str(data), text="text", **columns))  # type: ignore[arg-type]


def test_the_numbers_of_each_file_are_read_with_its_own_names(tmp_path: Path) -> None:
    read = table(plain(tmp_path / "d", train=([0, 1, -1], ("no", "yes")), test=([0, 1], ("yes", "no"))))
    pairs = sorted(zip(list(read.items or ()), read.label or (), strict=True))
    assert pairs == [("test 0", "yes"), ("test 1", "no"), ("train 0", "no"), ("train 1", "yes"), ("train 2", None)]
    assert len(read.notes) == 1
    assert "number the classes of column 'label' in different ways" in read.notes[0]
    assert "train.parquet says no, yes" in read.notes[0]
    assert "test.parquet says yes, no" in read.notes[0]


def test_the_same_names_need_no_note_and_a_file_may_have_fewer_classes(tmp_path: Path) -> None:
    read = table(plain(tmp_path / "d", a1=([0, 1, 2], ("x", "y", "z")), a2=([1], ("x", "y"))))
    assert (read.label, read.notes) == (["x", "y", "z", "y"], ())
    assert read.origin is not None
    assert read.origin.classes == ("x", "y", "z")
    read = table(plain(tmp_path / "e", a1=([0, 1, 2], ("x", "y", "z")), a2=([0], ("z",))))
    assert read.label == ["x", "y", "z", "z"]
    assert read.notes
    assert read.origin is not None
    assert read.origin.classes == ()  # a number means two classes


def saved(folder: Path, **parts: Names) -> Path:
    """Write a DatasetDict, each part with the same numbers and its own names."""
    codes = text_table(4).with_columns(label=pl.Series([0, 1, 0, 1]))
    for part, names in parts.items():
        write_saved(folder / part, [codes], {"label": {"names": list(names), "_type": "ClassLabel"}})
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(parts)}))
    return folder


def test_the_parts_of_a_saved_dict_have_their_own_names(tmp_path: Path) -> None:
    read = table(saved(tmp_path / "d", train=("no", "yes"), test=("yes", "no")))
    assert read.label == ["no", "yes", "no", "yes", "yes", "no", "yes", "no"]
    assert "test/data-00000-of-00001.arrow says yes, no" in read.notes[0]


def test_the_parts_of_a_hub_have_their_own_names(tmp_path: Path) -> None:
    parts = {}
    for part, names in {"train": ("a", "b", "c"), "test": ("c", "b", "a")}.items():
        pl.DataFrame({"label": [0, 2]}).write_ipc(tmp_path / f"{part}.arrow")
        parts[part] = DataFiles(
            name=part, folder=tmp_path, kind="Arrow", paths=(tmp_path / f"{part}.arrow",), class_names={"label": names}
        )
    read = table_of_files(joined(parts, name="d", split=None), DataConfig(data="d"))
    assert read.label == ["a", "c", "c", "a"]


def test_groups_have_names_of_their_own_file_too(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for name, names in {"1": ("m", "w"), "2": ("w", "m")}.items():
        frame = pl.DataFrame({"text": ["a", "b"], "label": [0, 1], "place": [0, 1]})
        frame.write_parquet(tmp_path / "d" / f"{name}.parquet", metadata=metadata("place", names))
    read = table(tmp_path / "d", group="place")
    assert (read.group, read.label) == (["m", "w", "w", "m"], [0, 1, 0, 1])


def test_a_file_without_names_may_hold_texts_or_no_labels(tmp_path: Path) -> None:
    read = table(plain(tmp_path / "d", a1=([0, 1], ("x", "y")), a2=(["y", "x"], ()), a3=([-1, None], ())))
    assert read.label == ["x", "y", "y", "x", None, None]


many = tuple(f"class {i}" for i in range(12))


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (([0, 1], ("no", "yes")), ([0, 1], ()), "a.parquet says no, yes; b.parquet holds numbers without names."),
        (([0, 1], ("no", "yes")), ([0, 1], ("bad", "good")), "b.parquet says bad, good; a.parquet says no, yes."),
        (([0], many), ([0], ("other",)), "b.parquet has 'other', which a.parquet lacks. Save them with the same Class"),
    ],
)
def test_files_that_do_not_name_the_same_classes_are_refused(
    tmp_path: Path, first: tuple[list[object], Names], second: tuple[list[object], Names], said: str
) -> None:
    with pytest.raises(DataError, match=re.escape(said)):
        table(plain(tmp_path / "d", a=first, b=second))


def test_a_long_list_of_names_is_told_by_the_first_number_that_differs(tmp_path: Path) -> None:
    read = table(plain(tmp_path / "d", a=([9], many), b=([9], (*many[:9], many[10], many[9], many[11]))))
    assert read.label == ["class 9", "class 10"]
    assert "9 is 'class 9' in a.parquet and 'class 10' in b.parquet" in read.notes[0]


def test_a_run_on_such_parts_scores_the_classes_that_are_meant(cli: Cli, tmp_path: Path) -> None:
    rows = text_table(240)
    flags = ("--text", "text", "--teacher", "classic:hashing-64", "--student", "classic:hashing-128", "-n", "60")
    scores = []
    for name, test in {"d": ("neg", "pos"), "e": ("pos", "neg")}.items():
        (tmp_path / name).mkdir()
        for part, names, frame in (("train", ("neg", "pos"), rows[:180]), ("test", test, rows[180:])):
            codes = frame.with_columns(pl.col("label").replace_strict(names, range(2)))
            codes.write_parquet(tmp_path / name / f"{part}.parquet", metadata=metadata("label", names))
        done = cli("run", str(tmp_path / name), *flags, "--seeds", "1", "--json", "--quiet")
        assert done.returncode == 0, done.stderr
        scores.append(json.loads(done.stdout)["systems"])
        assert ("Each file is read with its own names" in done.stderr) == (name == "e")
    assert scores[0] == scores[1]
