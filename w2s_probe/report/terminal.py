"""Results as text of 80 columns."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from w2s_probe.report.tables import METRIC_NAMES, comparison_rows, estimate_text, headline, score_text, system_rows
from w2s_probe.results import W2SResult

__all__ = ["WIDTH", "columns", "run_text"]

WIDTH = 80


def run_text(result: W2SResult) -> str:
    """Return one table of the systems, one of the comparisons, and the verdict."""
    error = "brier" if result.score == "accuracy" else "squared_error"
    systems = [
        (row.name, row.trained_on, estimate_text(row.scores[result.score]), score_text(error, row.scores[error]))
        for row in system_rows(result)
    ]
    compared = [
        (name, said, estimate_text(estimate, signed=name.endswith(("gain", "baseline"))))
        for name, said, estimate in comparison_rows(result)
    ]
    parts = [
        *headline(result),
        "",
        columns(("system", "trained on", METRIC_NAMES[result.score], METRIC_NAMES[error]), systems),
        "",
        columns(("", "", f"in {METRIC_NAMES[result.score]}"), compared),
        "",
        textwrap.fill(result.verdict.advice, WIDTH),
        *(textwrap.fill(f"Note: {note}", WIDTH) for note in result.notes),
    ]
    return "\n".join(parts)


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Return a plain table; text is shown as it is, never read as markup."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for i, name in enumerate(header):
        table.add_column(Text(name), justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    out = io.StringIO()
    Console(file=out, width=WIDTH, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))
