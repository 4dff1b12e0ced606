"""A page as HTML and Markdown: which tables open it, and where they are folded."""

from __future__ import annotations

from typing import Any

import pytest

from w2s_probe.report.page import Grid, Page, Section
from w2s_probe.report.render.html import page_html
from w2s_probe.report.render.markdown import page_markdown


def grid(**changes: Any) -> Grid:
    return Grid(**{"header": ["name", "value"], "rows": [["a", "1"]], **changes})


def page(*sections: Section) -> Page:
    return Page(kind="Kind", title="title", headline=["n = 1"], sections=sections, settings=[], notes=["careful"])


def test_a_leading_section_opens_the_markdown_without_its_heading_and_before_the_notes() -> None:
    leading, other = (Section(name=name, grids=[grid()], lead=name == "First") for name in ("First", "Second"))
    markdown = page_markdown(page(other, leading), {})
    assert "First" not in markdown
    assert markdown.index("| a | 1 |") < markdown.index("> Note: careful") < markdown.index("**Second**")
    assert "<h2>First</h2>" in page_html(page(leading), {})


@pytest.mark.parametrize(
    ("folded", "html", "markdown"),
    [("never", False, False), ("in Markdown", False, True), ("always", True, True)],
)
def test_a_table_is_folded_where_it_should_be(folded: str, html: bool, markdown: bool) -> None:
    report = page(Section(name="Section", grids=[grid(folded=folded)]))
    assert ("<details><summary>The numbers</summary>" in page_html(report, {})) == html
    assert ("<details><summary>Section</summary>" in page_markdown(report, {})) == markdown
    assert ("**Section**" in page_markdown(report, {})) != markdown


def test_titles_stand_above_tables_and_captions_only_in_the_page() -> None:
    report = page(Section(name="Section", grids=[grid(title="<one>", caption="Below."), grid(title="two")]))
    html, markdown = page_html(report, {}), page_markdown(report, {})
    assert html.index("&lt;one&gt;") < html.index("Below.") < html.index("<h3><bdi>two</bdi></h3>")
    assert "**`two`**" in markdown
    assert "<one>" not in markdown
    assert "Below." not in markdown


def test_selected_columns_keep_their_cells() -> None:
    chosen = grid(rows=[["a", "1"], ["b", "2"]], title="t").select("value")
    assert chosen == Grid(header=("value",), rows=[["1"], ["2"]])
