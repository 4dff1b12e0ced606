"""Results as text of 80 columns."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from w2s_probe.core.text import shorten, visible, width
from w2s_probe.report.numbers import METRIC_NAMES, comparisons, estimate_text, headline, score_text, system_rows
from w2s_probe.report.run.groups import change_grid, cue_text, group_grid
from w2s_probe.report.suspects import suspects_lines
from w2s_probe.results.run import W2SResult
from w2s_probe.results.suspects import SuspectsFound

WIDTH = 80
GAP = 2  # cells between columns
LEAST = 8  # cells that a shortened first column keeps


def run_text(result: W2SResult) -> str:
    """Return tables of the systems, the comparisons and smaller sizes, the verdict and the notes."""
    main = METRIC_NAMES[result.score]
    error = "brier" if result.score == "accuracy" else "squared_error"
    systems = [
        (row.name, row.trained_on, *(score_text(metric, row.scores[metric]) for metric in (result.score, error)))
        for row in system_rows(result)
    ]
    parts = [*headline(result), "", columns(("system", "trained on", main, METRIC_NAMES[error]), systems), ""]
    for name, rows in comparisons(result).items():
        head = "" if len(result.students) == 1 else name
        parts += [columns((head, "", f"in {main}"), [(row.name, row.said, row.text) for row in rows]), ""]
    parts += _groups(result)
    if result.suspects is not None:
        parts += [suspects_text(result.suspects), ""]
    if result.curve is not None:
        parts += [_curve(result), ""]
    parts.append(textwrap.fill(result.verdict.advice, WIDTH))
    parts += [textwrap.fill(visible(f"Note: {note}"), WIDTH) for note in result.notes]
    return "\n".join(parts)


def suspects_text(found: SuspectsFound) -> str:
    """Return the likely minority as lines of at most 80 cells."""
    return "\n".join(["Likely minority", *(line for said in suspects_lines(found) for line in _wrapped(visible(said)))])


def _wrapped(said: str) -> list[str]:
    indent = len(said) - len(said.lstrip(" -"))
    return textwrap.wrap(said, WIDTH, subsequent_indent=" " * indent, drop_whitespace=True) or [said]


def _groups(result: W2SResult) -> list[str]:
    """Return the score of each group, and what remedies changed."""
    parts: list[str] = []
    if result.systems["teacher"].groups:
        grid = group_grid(result)
        bare = [[row[0], *(cell.partition(" [")[0] for cell in row[1:])] for row in grid.rows]
        said = [textwrap.fill(cue_text(result), WIDTH)] if result.config.get("cue") else []
        parts += [*said, "", columns([shorten(name, 13) for name in grid.header], bare), ""]
    changes = change_grid(result)
    if changes.rows:
        parts += [columns(changes.header, changes.rows), ""]
    return parts


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Return a table of at most 80 columns; text is shown as it is, never read as markup.

    The first column, which holds names, is shortened in the middle to the room the others leave.
    """
    shown = [[visible(cell) for cell in row] for row in (header, *rows)]
    others = [max(width(cell) for cell in column) for column in zip(*shown, strict=True)][1:]
    room = max(WIDTH - sum(others) - GAP * len(others), LEAST)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    (first, *names), *cells = [[shorten(row[0], room), *row[1:]] for row in shown]
    for i, name in enumerate((first, *names)):
        table.add_column(Text(name), justify="right" if i in right else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    out = io.StringIO()
    Console(file=out, width=WIDTH, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))


def _curve(result: W2SResult) -> str:
    points = [
        (
            f"{point.n:,}",
            f"{point.N:,}",
            *(f"{estimate.value:.3f}" for estimate in (point.teacher, point.student, point.baseline, point.ceiling)),
            estimate_text(point.gain, signed=True),
        )
        for point in result.curve or ()
    ]
    return columns(("n", "N", "teacher", "student", "baseline", "ceiling", "gain"), points, right=range(6))
