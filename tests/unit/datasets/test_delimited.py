"""CSV and TSV files: the rows of Python's `csv` in strict mode, or one sentence that names the row."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import read_split_file, read_table
from w2s_probe.datasets.delimited import read_delimited

COLUMNS = DataConfig(data="", text="text", label="y")
FIELDS = st.text(st.sampled_from("ab \"\\,;\t\n\r'é😀\0"), max_size=6)


def reference(content: str, separator: str) -> list[list[str]] | None:
    """Return the rows of `csv` in strict mode, with short rows filled up, or None if `csv` refuses the file."""
    try:
        rows = list(csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True))
    except csv.Error:
        return None
    start = next((i for i, row in enumerate(rows) if row), len(rows))
    width = len(rows[start]) if start < len(rows) else 0
    return [row + [""] * (width - len(row)) for row in rows[start:]]


def quoted(field: str, style: str, separator: str) -> str:
    """Return a field as a program of this style writes it."""
    if style == "backslash":
        return '"' + field.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if style == "unescaped":
        return f'"{field}"'
    if style == "bare":
        return field
    if style == "escaped bare":
        return field.replace(separator, f"\\{separator}").replace('"', '\\"')
    needs = style == "all" or any(mark in field for mark in (separator, '"', "\n", "\r"))
    return '"' + field.replace('"', '""') + '"' if needs else field


STYLES = ("all", "minimal", "backslash", "unescaped", "bare", "escaped bare")


@st.composite
def files(draw: st.DrawFn) -> tuple[str, str]:
    """Return the content of a file and its separator; every field may have a style of its own."""
    separator, end = draw(st.sampled_from(",\t")), draw(st.sampled_from(["\n", "\r\n"]))
    styles = st.sampled_from(draw(st.sampled_from([STYLES, *[(style,) for style in STYLES]])))
    width = draw(st.integers(1, 3))
    lines = [separator.join(f"c{i}" for i in range(width))]
    rows = draw(st.lists(st.lists(FIELDS, min_size=1, max_size=width), max_size=6))
    lines += [separator.join(quoted(field, draw(styles), separator) for field in fields) for fields in rows]
    return end.join(lines) + draw(st.sampled_from(["", end])), separator


@settings(max_examples=400, deadline=None)
@given(file=files())
def test_the_rows_are_those_of_csv_in_strict_mode_or_refused(file: tuple[str, str]) -> None:
    content, separator = file
    rows = reference(content, separator)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(content.encode())
        try:
            frame = read_delimited(path, separator)
        except DataError as error:
            assert "row " in str(error) or "header" in str(error)
            assert rows is None or "\r" in content or any(len(row) > len(rows[0]) for row in rows)
            return
    assert [frame.columns, *[[text or "" for text in row] for row in frame.rows()]] == rows


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(FIELDS, FIELDS), max_size=8), quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
)
def test_what_csv_writes_is_never_refused(rows: list[tuple[str, str]], quoting: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        with path.open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle, quoting=quoting).writerows([("c0", "c1"), *rows])
        frame = read_delimited(path, ",")
    assert [(a or "", b or "") for a, b in frame.rows()] == rows


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("t.csv", 'text,y\n"a",1\n"a 5\\" disk",0\n"b",1\n"a 5\\" disk",0\n', ("row 1 (line 3", "backslash-escaped")),
        ("t.tsv", 'text\ty\n"a 5\\" disk"\t0\n"b"\t1\n"6\\" disk"\t0\n', ("row 0 (line 2", "backslash-escaped")),
        ("t.csv", 'text,y\n"a\nb",1\n"say \\"hi\\"",0\n', ("row 1 (line 4", "backslash-escaped")),
        ("t.csv", 'text,y\n"a",1\n"the "best" one",0\n"c",1\n', ("row 1 (line 3", "is not doubled")),
        ("t.csv", 'text,y\n"a",1\n"b,0\n', ("row 1 (line 3", "is not closed")),
        ("t.csv", '"te"xt,y\n"a",1\n', ("the header", "is not doubled")),
        ("t.csv", "text,y\na,1\na\\, b,0\n", ("row 1 (line 3", "more fields, 3")),
        ("t.csv", "text,y\na,1\na\rb,0\n", ("row 1 (line 3", "fewer fields, 1")),
    ],
)
def test_a_row_that_is_not_csv_is_named(tmp_path: Path, name: str, content: str, parts: tuple[str, str]) -> None:
    (tmp_path / name).write_bytes(content.encode())
    with pytest.raises(DataError) as refusal:
        read_table(tmp_path / name, COLUMNS)
    for part in parts:
        assert part in str(refusal.value)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize("text", ['a 5" disk', 'a "b" c', '5" and 6"', "C:\\", "a\\tb"])
def test_quotes_in_a_field_without_quotes_are_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text("text,y\nfirst,0\n" + f"{text},1\n" * 3 + '"last, x",0\n')
    assert read_table(tmp_path / "t.csv", COLUMNS).items == ["first", text, text, text, "last, x"]


def test_a_quoted_empty_text_is_a_text_but_an_empty_field_is_not(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('text,y\n"",1\n"a",0\n')
    assert read_table(tmp_path / "t.csv", COLUMNS).items == ["", "a"]
    (tmp_path / "t.csv").write_text('text,y\n,1\n"a",0\n')
    with pytest.raises(DataError, match="got None in row 0"):
        read_table(tmp_path / "t.csv", COLUMNS)


def test_a_file_of_many_blocks_keeps_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("w2s_probe.datasets.delimited.CELLS_AT_ONCE", 8)
    texts = [f'a "{i}", 5" x' for i in range(50)]
    (tmp_path / "t.csv").write_text("text,y\n" + "".join(f'"{t.replace(chr(34), chr(34) * 2)}",1\n' for t in texts))
    assert read_table(tmp_path / "t.csv", COLUMNS).items == texts


@pytest.mark.parametrize(
    ("mark", "word"), [(";", "separated by ;"), ("\t", "separated by tabs"), ("|", "separated by |")]
)
def test_another_separator_is_named(tmp_path: Path, mark: str, word: str) -> None:
    (tmp_path / "t.csv").write_text(f"text{mark}y\na, b{mark}1\nc{mark}0\n")
    with pytest.raises(DataError) as refusal:
        read_table(tmp_path / "t.csv", COLUMNS)
    assert "must be separated by ,: the header" in str(refusal.value)
    assert word in str(refusal.value)
    (tmp_path / "t.tsv").write_text("text,y\na,1\n")
    with pytest.raises(DataError, match="must be separated by tabs: the header 'text,y' is separated by ,"):
        read_table(tmp_path / "t.tsv", COLUMNS)


NAMES = ["01", "1", "10"], ["007", "07", "7"], ["1e3", "1000", "2"], ["+1", "1", "2"], ["1E+2", "100", "0"]


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("mark", ["", '"'])
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_names_that_look_like_numbers_stay_apart(tmp_path: Path, names: list[str], mark: str, suffix: str) -> None:
    separator = "\t" if suffix == "tsv" else ","
    path = tmp_path / f"t.{suffix}"
    path.write_text(
        "\n".join(separator.join([f"{mark}{name}{mark}"] * 5) for name in ["n", *names]).replace(
            separator.join([f"{mark}n{mark}"] * 5), separator.join(["y", "g", "k", "s", "text"])
        )
    )
    columns = DataConfig(data="", label="y", group="g", id="k", group_split="s", text="text")
    table = read_table(path, columns)
    assert table.label == table.group == table.source == table.items == names
    assert table.ids.tolist() == names


def test_plain_numbers_are_numbers_in_labels_and_groups_only(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("y,g,k,s,text\n1.0,0.5,1.0,1.10,1.50\n0.0,1e-05,2.0,1.1,2\n,NaN,3.0,,3\n")
    columns = DataConfig(data="", label="y", group="g", id="k", group_split="s", text="text")
    table = read_table(tmp_path / "t.csv", columns)
    assert table.label == [1.0, 0.0, None]
    assert table.group is not None
    assert table.group[:2] == [0.5, 1e-05]
    assert table.ids.tolist() == ["1.0", "2.0", "3.0"]
    assert table.source == ["1.10", "1.1", None]
    assert table.items == ["1.50", "2", "3"]


def test_ids_of_a_split_file_keep_their_zeros(tmp_path: Path) -> None:
    import numpy as np

    (tmp_path / "split.csv").write_text("seed,id,part\n0,01,labeled\n0,1,unlabeled\n0,1.10,test\n")
    split = read_split_file(tmp_path / "split.csv", np.array(["1", "1.10", "01"]))[0]
    assert [split.labeled.tolist(), split.unlabeled.tolist(), split.test.tolist()] == [[2], [0], [1]]


def test_a_field_with_quotes_may_have_any_length(tmp_path: Path) -> None:
    text = 'a "quoted" word, ' * 20_000  # 340,000 characters; the limit of `csv` is 131,072
    (tmp_path / "t.csv").write_text('text,y\n"{}",1\n'.format(text.replace('"', '""')), encoding="utf-8")
    assert read_delimited(tmp_path / "t.csv", ",").rows() == [(text, "1")]
    assert csv.field_size_limit() == 131_072  # as it was


@pytest.mark.parametrize("blank", [0, 1, 2])
def test_blank_rows_are_counted_after_the_header_but_not_before_it(tmp_path: Path, blank: int) -> None:
    for before in (0, 2):
        (tmp_path / "t.csv").write_text("\n" * before + "text,y\n" + "\n" * blank + '"a"b,1\n', encoding="utf-8")
        with pytest.raises(DataError, match=rf"row {blank} \(line {before + 2 + blank} of the file\)"):
            read_delimited(tmp_path / "t.csv", ",")


@pytest.mark.parametrize(("first", "advice"), [("sep=,", "Remove it."), ("SEP=;", "Remove it, and export the table")])
def test_the_line_that_tells_excel_the_separator_is_named(tmp_path: Path, first: str, advice: str) -> None:
    (tmp_path / "t.csv").write_text(f"{first}\ntext{first[-1]}y\na{first[-1]}1\nc{first[-1]}0\n")
    with pytest.raises(DataError, match=f"t.csv must be the header: got '{first}', a line for Excel. {advice}"):
        read_table(tmp_path / "t.csv", COLUMNS)
