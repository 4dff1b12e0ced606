"""Data sets that `datasets` loads: local folders, configurations, and a network that refuses."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.images import image_folder
from tests.layouts import text_table
from w2s_probe.cache import item_digests
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, MissingExtraError
from w2s_probe.datasets import Table, open_data
from w2s_probe.datasets.hub import _sentence

CONFIGS = """---
configs:
- config_name: north
  data_files:
  - split: train
    path: north/train.parquet
- config_name: south
  data_files:
  - split: train
    path: south/train.parquet
---
"""


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the package, whose cache is a folder of the test."""
    package = pytest.importorskip("datasets")
    monkeypatch.setattr(package.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(package.config, "HF_HUB_OFFLINE", True)
    return package


def opened(data: str, **columns: str) -> Table:
    return open_data(DataConfig(data=data, **columns))  # type: ignore[arg-type]


@pytest.mark.usefixtures("datasets")
def test_a_local_folder_has_parts_and_configurations(tmp_path: Path) -> None:
    frame = text_table(20)
    for name, rows in {"north": frame[:12], "south": frame[12:]}.items():
        (tmp_path / "d" / name).mkdir(parents=True)
        rows.write_parquet(tmp_path / "d" / name / "train.parquet")
    (tmp_path / "d" / "README.md").write_text(CONFIGS)
    table = opened(f"hf:{tmp_path / 'd'}@south", text="text")
    assert (list(table.items or ()), table.name) == (frame["text"].to_list()[12:], "d@south")
    for data in (f"hf:{tmp_path / 'd'}", f"hf:{tmp_path / 'd'}@west"):
        with pytest.raises(DataError, match="must name a configuration that the data set has: it has north, south"):
            opened(data, text="text")


@pytest.mark.usefixtures("datasets")
def test_parts_and_names_of_classes_come_along(tmp_path: Path, datasets: Any) -> None:
    (tmp_path / "d").mkdir()
    features = datasets.Features(text=datasets.Value("string"), label=datasets.ClassLabel(names=["no", "yes"]))
    for part, codes in {"train": [0, 1, -1], "test": [1]}.items():
        rows = datasets.Dataset.from_dict({"text": ["a"] * len(codes), "label": codes}, features=features)
        rows.to_parquet(tmp_path / "d" / f"{part}-00000-of-00001.parquet")
    loaded, plain = opened(f"hf:{tmp_path / 'd'}", text="text"), opened(str(tmp_path / "d"), text="text")
    assert loaded.label == ["no", "yes", None, "yes"]
    assert loaded.split == [None, None, None, "test"]
    assert plain.label == loaded.label


@pytest.mark.usefixtures("datasets")
def test_parts_are_named_behind_a_sharp(tmp_path: Path) -> None:
    frame = text_table(30)
    (tmp_path / "d").mkdir()
    for part, rows in {"train": frame[:10], "validation": frame[10:30], "test": frame[:4]}.items():
        rows.write_parquet(tmp_path / "d" / f"{part}.parquet")
    data = f"hf:{tmp_path / 'd'}"
    assert opened(f"{data}#test,train", text="text").split == [None] * 10 + ["test"] * 4
    with pytest.raises(DataError, match=rf"must tell the parts .* Name one part, as in {data}#train.*, or"):
        opened(f"{data}#train,validation", text="text")
    table = opened(f"{data}#validation", text="text")
    assert (list(table.items or ()), table.name) == (frame["text"].to_list()[10:], "d#validation")
    with pytest.raises(
        DataError, match=r"must name parts of the data set: it has .*, not 'trains'\. Did you mean train"
    ):
        opened(f"{data}#trains", text="text")
    with pytest.raises(DataError, match="hf: must be followed by"):
        opened(f"{data}#", text="text")


@pytest.mark.usefixtures("datasets")
def test_what_datasets_saves_is_read_without_it(tmp_path: Path, datasets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    features = datasets.Features(text=datasets.Value("string"), label=datasets.ClassLabel(names=["no", "yes"]))
    rows = datasets.Dataset.from_dict({"text": list("abcd"), "label": [0, 1, 1, -1]}, features=features)
    rows.save_to_disk(tmp_path / "s", num_shards=2)
    datasets.DatasetDict(train=rows, test=rows).save_to_disk(tmp_path / "dict")
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert opened(str(tmp_path / "s"), text="text").label == ["no", "yes", "yes", None]
    assert opened(str(tmp_path / "s" / "data-00000-of-00002.arrow"), text="text").label == ["no", "yes"]
    assert opened(str(tmp_path / "dict"), text="text").split == [None] * 4 + ["test"] * 4


@pytest.mark.usefixtures("datasets")
def test_images_of_a_local_folder_are_the_same_items(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "photos", 3, side=8)
    loaded, plain = opened(f"hf:{folder}"), opened(str(folder))
    assert set(item_digests(loaded.items or []).tolist()) == set(item_digests(plain.items or []).tolist())
    assert sorted(loaded.label or ()) == sorted(plain.label or ())


@pytest.mark.usefixtures("datasets")
def test_no_network_and_no_folder_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the hub cannot be reached") as refusal:
        opened("hf:no-such-organization/no-such-name")
    assert "\n" not in str(refusal.value)
    with pytest.raises(DataError, match="must be a data set of the hub, or a folder: there is none"):
        opened(f"hf:{tmp_path / 'nowhere'}")


def test_errors_that_nobody_foresaw_are_one_sentence() -> None:
    assert _sentence("hf:a/b", "odd", ["OddError"]).startswith("hf:a/b must be a data set that load_dataset can load:")


def test_a_name_and_the_package_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in ("hf:", "hf:@x", "hf:a/b@"):
        with pytest.raises(DataError, match="hf: must be followed by ORG/NAME, ORG/NAME@CONFIG or ORG/NAME#PART"):
            opened(data)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"needs the package datasets.* pip install .*\[hf\]"):
        opened("hf:a/b")
