"""Arrays of JSON objects are read as lines of JSON are; anything else is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import Table, read_table
from w2s_probe.datasets.json_arrays import json_lines

VALUES = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text() | st.lists(st.text(), max_size=2)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), max_size=4)


@settings(max_examples=40)
@given(rows=OBJECTS, indent=st.sampled_from([None, 0, 2, "\t"]), ascii_only=st.booleans())
def test_each_object_is_one_line(rows: list[dict[str, Any]], indent: int | str | None, *, ascii_only: bool) -> None:
    content = json.dumps(rows, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    if b"\xed" in content and not ascii_only:  # perhaps half a character, which is no UTF-8
        return
    lines = json_lines(b" \n" + content + b"\n", name="t.json").decode().split("\n")[:-1]
    assert [json.loads(line) for line in lines] == rows


def read(path: Path, content: str) -> Table:
    path.write_text(content)
    return read_table(path, DataConfig(data="", text="text"))


def test_arrays_and_lines_give_the_same_table(tmp_path: Path) -> None:
    rows = [{"text": "a\nb", "label": 1}, {"label": 0.5, "text": '"]'}, {"text": "c", "more": {"x": [1]}}]
    lines = "\n".join(map(json.dumps, rows))
    tables = [read(tmp_path / "t.json", json.dumps(rows)), read(tmp_path / "u.json", lines)]
    tables.append(read(tmp_path / "t.jsonl", lines))
    for table in tables:
        assert (list(table.items or ()), table.label) == (["a\nb", '"]', "c"], [1.0, 0.5, None])
        assert table.columns == ("text", "label", "more")


@pytest.mark.parametrize(
    ("name", "content"),
    [("t.json", '[{"text": "a"}]'), ("t.json", '{"text": "a"}\n{"text": "b"}'), ("t.jsonl", '{"text": "a"}')],
)
def test_a_byte_order_mark_is_no_content(tmp_path: Path, name: str, content: str) -> None:
    table = read(tmp_path / name, "\ufeff" + content)
    assert (table.columns, (table.items or ())[0]) == (("text",), "a")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"text": ["a"], "label": [1]}', "must be an array of objects, one for each row: got one object. Write"),
        ('{\n "text": "a"\n}', "got one object"),
        ('{"text": "a"}\n', "got one object"),
        ('"a"', "got another value"),
        ("  ", "got nothing"),
        ('[{"text": "a"}, 2]', "element 1 is a number"),
        ('[["a"]]', "element 0 is an array"),
        ('[{"text": "a"}, null]', "element 1 is null"),
        ('[{"text": "a"} {"text": "b"}]', "it cannot be read (a comma or ] is missing after element 0)"),
        ('[{"text": "a"}] []', "it cannot be read (more stands after the end of the array)"),
        ('[{"text": "a"},', "must be a json table in UTF-8: it cannot be read"),
        ('[{"text": "a"}', "it cannot be read"),
        ("[]", "must hold at least one row"),
        ("[" * 100_000, "it cannot be read"),
    ],
)
def test_other_json_is_refused_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(DataError) as refusal:
        read(tmp_path / "t.json", content)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
