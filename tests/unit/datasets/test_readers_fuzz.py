"""Tables, split files and configs with bytes changed: what they hold or one sentence, never anything else."""

from __future__ import annotations

import io
import tempfile
from functools import cache
from pathlib import Path

import click
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import mutations
from w2s_probe.cli.run import run
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import W2SProbeError
from w2s_probe.datasets import read_split_file, read_table

COLUMNS = DataConfig(data="", text="text", label="y", id="id", group="g")
IN_PROCESS = ("t.csv", "t.tsv", "t.ndjson")
CONFIG = """label = "y"  # a comment
seeds = 2
level = 0.9
json = true
strategy = ["vanilla", 'other']
[set.half]
keep = 0.5
"""


@cache
def valid(name: str) -> bytes:
    """Return a table of five rows."""
    frame = pl.DataFrame(
        {"id": list("abcde"), "text": ["x, y", '"q"', "é\n", "", "z"], "y": [1, 2, None, 3, 4], "g": [0.5] * 5}
    )
    buffer = io.BytesIO()
    if name == "t.parquet":
        frame.write_parquet(buffer)
    elif name == "t.ndjson":
        frame.write_ndjson(buffer)
    else:
        frame.write_csv(buffer, separator="\t" if name == "t.tsv" else ",")
    return buffer.getvalue()


def read_changed(name: str, changed: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(changed)
        try:
            table = read_table(path, COLUMNS)
        except W2SProbeError as error:
            assert len(str(error)) < 1000
            return
        assert len(table.items or []) == len(table.label or table.ids) == len(table.group or []) == len(table)
        assert all(isinstance(text, str) for text in table.items or [])


@pytest.mark.parametrize("name", [*IN_PROCESS, "t.parquet"])
def test_the_tables_are_read_while_nothing_is_changed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(valid(name))
    table = read_table(tmp_path / name, COLUMNS)
    assert table.items == ["x, y", '"q"', "é\n", "", "z"]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=st.sampled_from(IN_PROCESS))
def test_a_changed_table_is_a_table_or_one_sentence(data: st.DataObject, name: str) -> None:
    read_changed(name, data.draw(mutations(valid(name))))


@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_a_changed_parquet_table_is_a_table_or_one_sentence(data: st.DataObject) -> None:
    read_changed("t.parquet", data.draw(mutations(valid("t.parquet"))))


SPLITS = b"seed,id,part\n" + b"".join(
    b"%d,%s,%s\n" % (seed, id_, part)
    for seed in (0, 1)
    for id_, part in zip([b"a", b"b", b"c"], [b"labeled", b"unlabeled", b"test"], strict=True)
)


@settings(max_examples=100, deadline=None)
@given(changed=mutations(SPLITS))
def test_a_changed_split_file_is_splits_or_one_sentence(changed: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "split.csv"
        path.write_bytes(changed)
        try:
            splits = read_split_file(path, np.array(["a", "b", "c"]))
        except W2SProbeError:
            return
        assert all(len(np.concatenate(list(split.parts().values()))) == 3 for split in splits)


def parse(config: bytes) -> None:
    """Parse `run` with a config file; nothing runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.toml"
        path.write_bytes(config)
        arguments = ["table.csv", "--teacher", "features:t.npy", "--student", "features:s.npy", "--config", str(path)]
        try:
            with run.make_context("run", arguments) as context:
                assert isinstance(context.params["as_json"], bool)
                assert isinstance(context.params["seeds"], int)
        except W2SProbeError:
            return
        except click.ClickException as error:
            raise AssertionError(error.format_message()) from error


def test_the_config_is_read_while_nothing_is_changed() -> None:
    parse(CONFIG.encode())


@settings(max_examples=150, deadline=None)
@given(changed=mutations(CONFIG.encode()))
def test_a_changed_config_is_options_or_one_sentence(changed: bytes) -> None:
    parse(changed)


VALUES = st.recursive(
    st.sampled_from(["1", "-1", "1.5", "nan", "true", '"x"', "1979-05-27", '"\\u0000"', "9" * 30, "9" * 5000]),
    lambda inner: st.lists(inner, max_size=2).map(lambda parts: f"[{', '.join(parts)}]"),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(key=st.sampled_from([str(option.name).replace("_", "-") for option in run.params]), value=VALUES)
def test_any_value_of_any_key_is_an_option_or_one_sentence(key: str, value: str) -> None:
    parse(f"{key} = {value}\n".encode())


@pytest.mark.slow
@settings(max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), name=st.sampled_from(IN_PROCESS))
def test_many_changed_tables(data: st.DataObject, name: str) -> None:
    read_changed(name, data.draw(mutations(valid(name))))


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_many_changed_parquet_tables(data: st.DataObject) -> None:
    read_changed("t.parquet", data.draw(mutations(valid("t.parquet"))))
