"""Rows of a CSV file with fewer fields than the header: counted, or refused if a field that is read is missing."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import read_table
from w2s_probe.datasets.delimited import read_rows

COLUMNS = DataConfig(data="", text="text", label="y")
COUNTED = {
    "one field": ("text,y,more\na,1,x\nb,0\nc,1,z\n", 1),
    "at the end": ("text,y,more\na,1,x\nb,0", 1),
    "first": ("text,y,more\na,1\nb,0,y\n", 1),
    "every row": ("text,y,more,other\na,1\nb,0\nc,1,x\n", 3),
    "with quotes": ('text,y,more\n"a, b",1,x\n"c ""d""",0\n', 1),
    "quotes around separators": ('text,y,more\n"a,b",1\n"c",0,x\n', 1),
    "carriage returns": ("text,y,more\r\na,1\r\nb,0,x\r\n", 1),
}


@pytest.mark.parametrize("name", COUNTED)
def test_short_rows_that_lack_no_field_in_use_are_counted(tmp_path: Path, name: str) -> None:
    content, short = COUNTED[name]
    (tmp_path / "t.csv").write_bytes(content.encode())
    table = read_table(tmp_path / "t.csv", COLUMNS)
    assert table.short_rows == short
    note = f"{short} of {len(table)} rows of t.csv have fewer fields than the header: the last ones are empty."
    assert table.notes == (note,)


WHOLE = {
    "whole rows": "text,y,more\na,1,x\nb,0,y\n",
    "empty fields": "text,y,more\na,1,\nb,0,\n",
    "no line end": "text,y\na,1\nb,0",
    "a blank line before the header": "\ntext,y\na,1\nb,0\n",
    "quotes": 'text,y\n"a, b",1\n"c\nd",0\n',
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_rows_have_no_note(tmp_path: Path, name: str) -> None:
    (tmp_path / "t.csv").write_bytes(WHOLE[name].encode())
    table = read_table(tmp_path / "t.csv", COLUMNS)
    assert (table.short_rows, table.notes) == (0, ())


REFUSED = {
    "no label": ("t.csv", "text,y\na,1\nb\nc,0\n", "column 'y': row 1 (line 3 of the file) has 1 of 2 fields"),
    "a line end without quotes": ("t.csv", "text,y\nI like\nit,1\nc,0\n", "'y': row 0 (line 2 of the file) has 1 of 2"),
    "a blank line": (
        "t.csv",
        "text,y\na,1\n\nb,0\n",
        "column 'text': row 1 (line 3 of the file) has none, since it is",
    ),
    "a blank line at the end": ("t.csv", "text,y\na,1\nb,0\n\n", "column 'text': row 2 (line 4 of the file) has none"),
    "with quotes": ("t.csv", 'text,y\n"a\nb",1\n"c, d"\n', "column 'y': row 1 (line 4 of the file) has 1 of 2 fields"),
    "tabs": ("t.tsv", "text\ty\na\t1\nb\n", "column 'y': row 1 (line 3 of the file) has 1 of 2 fields"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_row_that_lacks_a_field_in_use_is_refused(tmp_path: Path, name: str) -> None:
    file, content, problem = REFUSED[name]
    (tmp_path / file).write_bytes(content.encode())
    with pytest.raises(DataError) as refusal:
        read_table(tmp_path / file, COLUMNS)
    assert problem in str(refusal.value)
    assert "Write all separators, also before empty fields" in str(refusal.value)


def test_a_blank_line_is_refused_where_only_the_first_column_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("y,text\n1,a\n\n0,b\n")
    with pytest.raises(DataError, match=r"row 1 \(line 3 of the file\) has none, since it is blank"):
        read_table(tmp_path / "t.csv", DataConfig(data="", label="y"))


def test_a_blank_line_of_one_column_is_an_empty_field(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("y\n1\n\n0\n\n")
    table = read_table(tmp_path / "t.csv", DataConfig(data="", label="y"))
    assert (table.label, table.short_rows, table.notes) == ([1, None, 0, None], 0, ())


@given(
    rows=st.lists(
        st.lists(st.sampled_from(["a", "1", "b c", "x,y", 'say "z"', ""]), min_size=1, max_size=4), max_size=6
    ),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_the_count_is_that_of_csv(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], quoting: int
) -> None:
    handle = io.StringIO(newline="")
    csv.writer(handle, quoting=quoting).writerows([["c0", "c1", "c2", "c3"], *rows])  # type: ignore[arg-type]
    path = tmp_path_factory.mktemp("short") / "t.csv"
    path.write_bytes(handle.getvalue().encode())
    assert read_rows(path, ",")[1] == sum(len(row) < 4 for row in rows)
