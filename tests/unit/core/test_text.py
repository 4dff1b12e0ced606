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

from w2s_probe.core.text import json_text, markdown_code, markdown_text, shorten, visible, width

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
