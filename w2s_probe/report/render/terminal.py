"""Tables and sentences as text of 80 columns."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from w2s_probe.core.text import shorten_names, visible, width
from w2s_probe.report.numbers import estimate_text
from w2s_probe.results.forecast import ForecastPoint
from w2s_probe.results.run import CurvePoint
from w2s_probe.results.sweep import SweepPoint

WIDTH = 80
GAP = 2  # cells between columns
LEAST = 8  # cells that a shortened first column keeps


def wrapped(text: str) -> str:
    """Return a sentence as lines of at most 80 cells, all with the indent of the first; a dash counts as indent.

    Lines end at spaces, so that flags and names with hyphens stay whole.
    """
    indent = len(text) - len(text.lstrip(" -"))
    lines = textwrap.fill(visible(text), WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)
    return lines or text


def columns(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), whole: bool = False
) -> str:
    """Return a table of at most 80 columns; text is shown as it is, never read as markup.

    The first column, which holds names, is shortened to the room that the others leave; a name that would then look
    like another is folded. If `whole`, the first column is never cut or folded: the others are.
    """
    cells = [[visible(cell) for cell in row] for row in (header, *rows)]
    widths = [max(width(cell) for cell in column) for column in zip(*cells, strict=True)][1:]
    room = max(WIDTH - sum(widths) - GAP * len(widths), LEAST)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    names_given = [row[0] for row in cells]
    first = names_given if whole else shorten_names(names_given, room)
    names, *lines = [[name, *row[1:]] for name, row in zip(first, cells, strict=True)]
    for i, name in enumerate(names):
        kept = whole and i == 0
        least = max(map(width, first)) if kept else None
        justify: JustifyMethod = "right" if i in right else "left"
        table.add_column(Text(name), justify=justify, overflow="fold", no_wrap=kept, min_width=least)
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))
    out = io.StringIO()
    Console(file=out, width=WIDTH, color_system=None, force_jupyter=False).print(table)  # also in a notebook as text
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))


def size_table(
    points: Sequence[CurvePoint | ForecastPoint | SweepPoint],
    systems: Sequence[str],
    *,
    last: tuple[str, Sequence[str]] | None = None,
) -> str:
    """Return the systems at each n and N without intervals, the gain with its interval, and a last column if given."""
    name, cells = last or ("", [])
    rows = [
        (
            f"{point.n:,}",
            f"{point.N:,}",
            *(_number(getattr(point, system).value) for system in systems),
            estimate_text(point.gain, signed=True),
            *cells[i : i + 1],
        )
        for i, point in enumerate(points)
    ]
    header = ("n", "N", *systems, "gain", *([name] if name else []))
    return columns(header, rows, right=range(2 + len(systems)))


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
