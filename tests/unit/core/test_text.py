"""User text that no terminal obeys and no Markdown reads as structure."""

from __future__ import annotations

import html
import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from w2s_probe.core.text import json_text, markdown_code, markdown_text, shorten, shorten_names, visible, width

texts = st.text(st.characters(codec=None) | st.sampled_from("|`<>&*_[]()#@~$\\\n\r\x1b\x9b\u202e\u2066\u200f\ud800"))
BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(texts)
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    for char in visible(text):
        assert unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(char) not in BIDI
        assert char not in "\u200e\u200f\u061c\u200b\ufeff"


@given(texts)
def test_json_is_visible_and_says_the_same(text: str) -> None:
    line = json_text({"text": text})
    assert visible(line) == line
    assert json.loads(line) == {"text": text}
    line.encode()


@given(texts, st.integers(1, 30))
def test_a_shortened_text_fits_and_keeps_both_ends(text: str, cells: int) -> None:
    short = shorten(text, cells)
    assert width(short) <= cells
    if width(text) <= cells:
        assert short == text
    else:
        head, _, tail = short.partition("…") if "…" not in text else ("", "", "")
        assert text.startswith(head)
        assert text.endswith(tail)


@given(texts)
def test_user_text_in_a_markdown_table_stays_in_its_cell_as_it_is(text: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {markdown_code(text)} | end |\n"
    page = MarkdownIt("commonmark").enable("table").render(table)
    cells = re.findall(r"<td>(.*?)</td>", page, flags=re.DOTALL)
    assert len(cells) == 2
    assert cells[1] == "end"
    shown = re.fullmatch(r'<code(?: dir="auto")?>(.*)</code>', cells[0], flags=re.DOTALL)
    assert shown is not None
    assert "<" not in shown[1]
    assert html.unescape(shown[1]) == html.unescape(html.escape(visible(text)))


@pytest.mark.parametrize("text", ["<img src=x>", "a|b", "[x](http://y)", "`code`", "*bold* _it_ ~~no~~", "@me #1 $x$"])
def test_names_in_our_sentences_are_no_markup(text: str) -> None:
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(f"Note: {markdown_text(text)}")
    assert page == f"<p>Note: {html.escape(text)}</p>\n"


def test_estimates_stay_readable_in_markdown() -> None:
    assert markdown_text("+0.050 [+0.037, +0.062] in accuracy") == "+0.050 [+0.037, +0.062] in accuracy"


LONG = "w" * 60


@pytest.mark.parametrize(
    "names",
    [
        [f"features:{LONG}-a.npy", f"features:{LONG}-b.npy"],
        [f"features:a-{LONG}.npy", f"features:b-{LONG}.npy"],
        [f"features:{LONG}-03-{LONG}.npy", f"features:{LONG}-17-{LONG}.npy"],
        [f"features:{LONG}1{LONG}.npy", f"features:{LONG}12{LONG}.npy", f"features:{LONG}2{LONG}.npy"],
        [f"features:{LONG}{'1' * 40}{LONG}.npy", f"features:{LONG}{'2' * 40}{LONG}.npy"],
        [f"{LONG}歩{LONG}", f"{LONG}走{LONG}", "short"],
    ],
    ids=["at the end", "at the start", "in the middle", "by length", "in a long part", "in wide characters"],
)
@pytest.mark.parametrize("cells", [12, 22, 36])
def test_short_names_differ_where_the_names_differ(names: list[str], cells: int) -> None:
    short = shorten_names(names, cells)
    assert len(set(short)) == len(names)
    assert max(map(width, short)) <= cells


@given(st.lists(st.text("ab/", max_size=40), max_size=6), st.integers(8, 20))
def test_a_name_is_short_or_whole_and_no_two_look_alike(names: list[str], cells: int) -> None:
    short = shorten_names(names, cells)
    assert len(set(short)) == len(set(names))
    assert all(width(text) <= cells or text == name for text, name in zip(short, names, strict=True))
    assert [short[names.index(name)] for name in names] == short
