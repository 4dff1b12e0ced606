"""Arrow files of both forms, their metadata, and damaged ones, which never end the process."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.layouts import text_table, write_saved
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import Table, read_table
from w2s_probe.datasets.arrow_files import arrow_metadata, arrow_schema
from w2s_probe.datasets.trial import fatal_file

CONFIG = DataConfig(data="", text="text")


def content(form: str, frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    (frame.write_ipc if form == "file" else frame.write_ipc_stream)(buffer)
    return buffer.getvalue()


def read(path: Path, data: bytes) -> Table:
    path.write_bytes(data)
    return read_table(path, CONFIG)


@pytest.mark.parametrize("form", ["file", "stream"])
def test_both_forms_are_read_also_where_a_name_has_brackets(tmp_path: Path, form: str) -> None:
    frame = text_table(50)
    table = read(tmp_path / "a[1].arrow", content(form, frame))
    assert (list(table.items or ()), table.label) == (frame["text"].to_list(), frame["label"].to_list())
    assert table.columns == ("text", "label", "other")
    assert arrow_schema(tmp_path / "a[1].arrow")["other"] == pl.Int64()


def test_metadata_of_datasets_is_in_the_schema(tmp_path: Path) -> None:
    info = {"info": {"features": {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}}}
    head = b"\xff\xff\xff\xff...." + json.dumps(info).encode() + b"\0\0huggingface"
    (tmp_path / "a.arrow").write_bytes(head)
    assert arrow_metadata(tmp_path / "a.arrow") == info
    (tmp_path / "a.arrow").write_bytes(content("stream", text_table(5)))
    assert arrow_metadata(tmp_path / "a.arrow") == {}
    (tmp_path / "a.arrow").write_bytes(b'{"info": {"features": {')
    assert arrow_metadata(tmp_path / "a.arrow") == {}


def test_other_bytes_and_cut_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be an arrow table in UTF-8: it cannot be read"):
        read(tmp_path / "t.arrow", b"no arrow at all")
    for form in ("file", "stream"):
        whole = content(form, text_table(200))
        with pytest.raises(DataError, match=r"t.arrow"):
            read(tmp_path / "t.arrow", whole[: len(whole) // 2])
        with pytest.raises(DataError, match=r"t.arrow"):
            read(tmp_path / "t.arrow", whole[:-8])


@pytest.mark.slow
@pytest.mark.parametrize("form", ["file", "stream"])
def test_changed_bytes_are_read_or_refused(tmp_path: Path, form: str) -> None:
    whole, rng = content(form, text_table(60)), np.random.default_rng(0)
    for _ in range(25):
        data = bytearray(whole)
        for place in rng.integers(len(data), size=3):
            data[place] ^= int(rng.integers(1, 256))
        try:
            read(tmp_path / "t.arrow", bytes(data))
        except DataError as error:
            assert "t.arrow" in str(error)  # either outcome is right


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{i}.arrow" for i in range(3)]
    for path in paths:
        path.write_bytes(content("stream", text_table(5)))
    assert fatal_file(paths, "stream", ["text"]) is None
    monkeypatch.setattr("w2s_probe.core.files.ALWAYS_READ", 2**20)
    frame = pl.DataFrame({"text": ["a"], "x": ["0" * 1000]})
    zeros = frame.select(pl.all().repeat_by(10_000).explode())
    buffer = io.BytesIO()
    zeros.write_ipc(buffer, compression="zstd")
    paths[1].write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match=r"1\.arrow must need at most 100 times its size in memory"):
        fatal_file([paths[1]], "file", ["x"])


def test_a_saved_folder_of_several_types_is_read_by_column(tmp_path: Path) -> None:
    frame = text_table(6).with_columns(scores=pl.Series([[0.1, 0.2]] * 6), label=pl.Series([0, 1] * 3))
    table = read_table(write_saved(tmp_path / "s", [frame]), CONFIG)
    assert table.columns == ("text", "label", "other", "scores")
    assert table.label == ["neg", "pos"] * 3
