"""A report as data: what it says, in order. The page and the Markdown are both made from this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from w2s_probe.results.run import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One heading with what stands below it.

    Parameters
    ----------
    name : str
        Heading.
    figures : sequence of str
        SVG, which only the page shows.
    caption : str
        Below the figures.
    grid : Grid or None
        The numbers.
    folded : bool
        Whether the numbers are shown only when asked for.
    text : sequence of str
        Sentences that say what the numbers mean.
    user : sequence of int
        Columns of the grid that hold a user's text.
    """

    name: str
    figures: Sequence[str] = ()
    caption: str = ""
    grid: Grid | None = None
    folded: bool = False
    text: Sequence[str] = ()
    user: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A whole report.

    Parameters
    ----------
    kind : str
        What it reports, the heading of the Markdown.
    title : str
        What taught what.
    headline : sequence of str
        Sizes and the like, without full stops.
    data : str or None
        What the user calls the data, if there are any; then the title names features.
    verdict : Verdict or None
        Comes first.
    notes : sequence of str
        What is right but surprising.
    sections : sequence of Section
        In order.
    settings : sequence of (str, str)
        The configuration.
    """

    kind: str
    title: str
    headline: Sequence[str]
    sections: Sequence[Section]
    settings: Sequence[tuple[str, str]]
    data: str | None = None
    verdict: Verdict | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table: names of its columns, and rows as long as they are; the first cell names its row."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
