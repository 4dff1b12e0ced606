"""A report as data: the HTML page and the Markdown are rendered from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table of texts.

    Parameters
    ----------
    header : sequence of str
        Names of the columns.
    rows : sequence of sequence of str
        Cells, as many as columns; the first names its row.
    title : str
        Heading of one table among several, a user's text; of a folded table the line that unfolds it.
    caption : str
        Sentences below the table, which only the page shows.
    folded : {"never", "in Markdown", "always"}
        Where the table is hidden until the reader unfolds it.
    user : sequence of int
        Columns that hold a user's text.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    caption: str = ""
    folded: Literal["never", "in Markdown", "always"] = "never"
    user: Sequence[int] = ()

    def select(self, *names: str) -> Grid:
        """Return the columns with these names, in this order, without title and caption."""
        columns = [list(self.header).index(name) for name in names]
        return Grid(header=names, rows=[[row[i] for i in columns] for row in self.rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Figures, tables and sentences below one heading.

    Parameters
    ----------
    name : str
        Heading.
    figures : sequence of str
        SVG, which only the page shows.
    small : bool
        Whether the figures are small, so that more of them stand in a row.
    caption : str
        Sentences below the figures.
    grids : sequence of Grid
        Tables.
    text : sequence of str
        Sentences on the meaning of the numbers.
    lead : bool
        Whether the tables open the Markdown: without the heading, and before the notes.
    """

    name: str
    figures: Sequence[str] = ()
    small: bool = False
    caption: str = ""
    grids: Sequence[Grid] = ()
    text: Sequence[str] = ()
    lead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A whole report.

    Parameters
    ----------
    kind : str
        Kind of result, the heading of the Markdown.
    title : str
        Names of teacher and student, or the subject.
    headline : sequence of str
        Sizes and intervals, without full stops.
    sections : sequence of Section
        In order.
    settings : sequence of (str, str)
        The configuration.
    data : str or None
        The user's name of the data, if there are any; the title then names features.
    pair_line : str
        Data, teacher and student in one line, which the page shows; by default the name of the data.
    advice : str
        Sentences of the verdict, shown first; empty without a verdict.
    call : str
        Headline of the verdict.
    notes : sequence of str
        Warnings about results that are right but surprising.
    """

    kind: str
    title: str
    headline: Sequence[str]
    sections: Sequence[Section]
    settings: Sequence[tuple[str, str]]
    data: str | None = None
    pair_line: str = ""
    advice: str = ""
    call: str = ""
    notes: Sequence[str] = ()
