"""Names of classes in metadata: of Parquet files, of dataset_infos.json and of the head of a README."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from tests.layouts import metadata
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import Table, open_data
from w2s_probe.datasets.class_names import names_beside, names_in_features, names_in_metadata

README = """---
license: mit
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': World
          '1': "no"
          '2': Sci/Tech
  splits:
  - name: train
---
# Names
- name: other
  class_label:
  names:
    '0': x
"""


def test_a_readme_and_infos_name_the_classes(tmp_path: Path) -> None:
    assert names_beside(tmp_path) == {}
    (tmp_path / "README.md").write_text(README)
    assert names_beside(tmp_path) == {"label": ("World", "no", "Sci/Tech")}
    (tmp_path / "README.md").write_text(README.replace("'1'", "'5'"))
    assert names_beside(tmp_path) == {}
    features = {"label": {"names": ["a", "b"], "_type": "ClassLabel"}, "text": {"_type": "Value"}}
    other = {"label": {"names": ["c", "d"], "_type": "ClassLabel"}}
    (tmp_path / "dataset_infos.json").write_text(json.dumps({"x": {"features": features}}))
    assert names_beside(tmp_path) == {"label": ("a", "b")}
    (tmp_path / "dataset_infos.json").write_text(json.dumps({"x": {"features": features}, "y": {"features": other}}))
    assert names_beside(tmp_path) == {}
    assert names_beside(tmp_path, "y") == {"label": ("c", "d")}


@pytest.mark.parametrize(
    "text", [None, "", "[", "[]", "{}", '{"info": 1}', '{"info": {"features": [1]}}', "[" * 100_000]
)
def test_other_metadata_have_no_names(text: str | None) -> None:
    assert names_in_metadata(text) == {}
    assert names_in_features([1]) == {}


def read(folder: Path, labels: list[int], names: tuple[str, ...]) -> Table:
    path = folder / "t.parquet"
    pl.DataFrame({"label": labels}).write_parquet(path, metadata=metadata("label", names))
    return open_data(DataConfig(data=str(path)))


@pytest.mark.parametrize("kind", [pl.UInt8, pl.UInt32, pl.UInt64, pl.Int8])
def test_numbers_of_any_type_become_names(tmp_path: Path, kind: type[pl.DataType]) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"label": pl.Series([1, None, 0], dtype=kind)}).write_parquet(path, metadata=metadata())
    assert open_data(DataConfig(data=str(path))).label == ["pos", None, "neg"]
    largest = int(pl.select(kind.max()).item())  # type: ignore[attr-defined]
    pl.DataFrame({"label": pl.Series([1, largest], dtype=kind)}).write_parquet(path, metadata=metadata())
    with pytest.raises(DataError, match=f"must hold numbers of its 2 named classes, or -1 for none: got {largest}"):
        open_data(DataConfig(data=str(path)))


def test_names_in_a_file_that_differ_from_those_beside_it_are_noted(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    pl.DataFrame({"label": [1, 0], "text": ["a", "b"]}).write_parquet(
        tmp_path / "d" / "t.parquet", metadata=metadata("label", ("no", "yes"))
    )
    (tmp_path / "d" / "README.md").write_text(README)
    table = open_data(DataConfig(data=str(tmp_path / "d")))
    assert table.label == ["yes", "no"]
    assert table.notes == (
        "The names of classes of column 'label' differ in t.parquet (no, yes) and in the metadata beside it (World, "
        "no, Sci/Tech): those in the files of d are used.",
    )
    (tmp_path / "d" / "README.md").write_text(README.replace("label", "other"))
    assert open_data(DataConfig(data=str(tmp_path / "d"))).notes == ()


def test_numbers_become_names_and_the_table_says_so(tmp_path: Path) -> None:
    table = read(tmp_path, [1, 0, -1, 1], ("no", "yes"))
    assert table.label == ["yes", "no", None, "yes"]
    assert table.origin is not None
    assert (table.origin.named, table.origin.classes) == (("label",), ("no", "yes"))


@pytest.mark.parametrize(
    ("labels", "names", "said"),
    [
        ([0, 2], ("no", "yes"), "must hold numbers of its 2 named classes, or -1 for none: got 2."),
        ([0, -2], ("no", "yes"), "got -2."),
        ([0, 1], ("a", "a"), "must have distinct names: got 1 for 2 numbers."),
    ],
)
def test_numbers_without_a_name_are_refused(
    tmp_path: Path, labels: list[int], names: tuple[str, ...], said: str
) -> None:
    with pytest.raises(DataError, match=re.escape(said)):
        read(tmp_path, labels, names)


def test_names_beside_the_data_serve_formats_without_metadata(tmp_path: Path) -> None:
    (tmp_path / "d" / "data").mkdir(parents=True)
    (tmp_path / "d" / "data" / "train.csv").write_text("text,label\na,2\nb,0\n")
    (tmp_path / "d" / "README.md").write_text(README)
    for data in (tmp_path / "d", tmp_path / "d" / "data"):
        assert open_data(DataConfig(data=str(data), text="text")).label == ["Sci/Tech", "World"]
