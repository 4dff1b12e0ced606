"""Forecast against measurement as a figure: ``python -m docs.fidelity FILE.csv FIGURE.svg [NAME]``.

The file is what ``python -m tests.fidelity --out FILE.csv`` wrote; NAME is ``gain``, the default, or
``student - baseline``.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from w2s_probe.report.charts.svg import Axis, dot, group, line, panel, ticks, words

__all__ = ["fidelity_figure"]

WIDTH, HEIGHT = 360, 390
STYLE = """<style>
svg { --ink: #1a1a1a; --soft: #5c5c5c; --line: #ddd; --paper: #fff;
  --teacher: #c25700; --student: #0068a8; --baseline: #00805c; --ceiling: #6b6b6b; background: var(--paper); }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e6e6e6; --soft: #a3a9b0; --line: #363b42; --paper: #16181c;
    --teacher: #f0a030; --student: #56b4e9; --baseline: #2cc295; --ceiling: #b0b0b0; }
}
text { fill: var(--ink); font: 12px system-ui, sans-serif; } text.soft { fill: var(--soft); }
.teacher { color: var(--teacher); } .student { color: var(--student); }
.baseline { color: var(--baseline); } .ceiling { color: var(--ceiling); }
path { fill: none; } .dot { fill: currentColor; stroke: var(--paper); stroke-width: 1; }
.grid { stroke: var(--line); } .ideal { stroke: var(--soft); stroke-dasharray: 3 3; }
</style>"""
MARKS = ("teacher", "student", "baseline", "ceiling")  # shapes and colors of the label budgets, in turn
Cell = tuple[str, str, str, int]


def fidelity_figure(rows: Iterable[Mapping[str, Any]], *, name: str = "gain") -> str:
    """Return a scatter of measured over forecast differences, a mark for each cell, as a file of SVG.

    Parameters
    ----------
    rows : iterable of mapping
        Runs with data, teacher, student, n, name, forecast and measured; numbers may be texts.
    name : str
        Which of the differences is drawn.

    Raises
    ------
    ValueError
        If no row has this name.
    """
    cells = _cells(row for row in rows if row["name"] == name)
    if not cells:
        msg = f"rows must hold the difference {name!r}: got none. Check the file."
        raise ValueError(msg)
    said = "; ".join(
        f"{data}, {teacher} to {student}, n = {n:,}: {forecast:+.3f} forecast, {measured:+.3f} measured"
        for (data, teacher, student, n), (forecast, measured) in cells.items()
    )
    title = f"{name[0].upper()}{name[1:]}: forecast against measurement"
    figure = panel(
        "fidelity", size=(WIDTH, HEIGHT), title=title, description=f"{_summary(cells)}. {said}.", marks=_marks(cells)
    )
    return figure.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace("<title", f"{STYLE}<title", 1)


def _cells(rows: Iterable[Mapping[str, Any]]) -> dict[Cell, tuple[float, float]]:
    """Return mean forecast and measurement over the seeds of each cell."""
    runs: dict[Cell, list[tuple[float, float]]] = {}
    for row in rows:
        cell = (str(row["data"]), str(row["teacher"]), str(row["student"]), int(row["n"]))
        runs.setdefault(cell, []).append((float(row["forecast"]), float(row["measured"])))
    means = {cell: np.mean(found, axis=0) for cell, found in sorted(runs.items())}
    return {cell: (float(mean[0]), float(mean[1])) for cell, mean in means.items()}


def _summary(cells: Mapping[Cell, tuple[float, float]]) -> str:
    pairs = np.array(list(cells.values()))
    error = float(np.abs(pairs[:, 0] - pairs[:, 1]).mean())
    few = len(pairs) < 3 or min(np.ptp(pairs, axis=0)) == 0
    ranked = "" if few else f"Spearman {spearmanr(*pairs.T).statistic:.2f}, "
    return f"{len(pairs)} cells: {ranked}mean error {error:.3f}"


def _marks(cells: Mapping[Cell, tuple[float, float]]) -> list[str]:
    values = [value for pair in cells.values() for value in pair]
    margin = 0.06 * (max(values) - min(values)) or 0.01
    low, high = min(values) - margin, max(values) + margin
    x, y = Axis(low=low, high=high, start=48, end=WIDTH - 14), Axis(low=low, high=high, start=346, end=48)
    budgets = sorted({n for *_, n in cells})
    kinds = {n: MARKS[i % len(MARKS)] for i, n in enumerate(budgets)}
    marks = [words(10, 14, _summary(cells), kind="soft")]
    for i, n in enumerate(budgets):
        marks += [group(kinds[n], [dot(kinds[n], 15 + 84 * i, 30)]), words(25 + 84 * i, 34, f"n = {n:,}")]
    for tick in ticks(low, high):
        marks.append(line([(x.at(tick), y.start), (x.at(tick), y.end)], kind="grid"))
        marks.append(line([(x.start, y.at(tick)), (x.end, y.at(tick))], kind="grid"))
        marks.append(words(x.at(tick), 362, f"{tick:g}", anchor="middle"))
        marks.append(words(x.start - 4, y.at(tick) + 4, f"{tick:g}", anchor="end"))
    marks.append(line([(x.at(low), y.at(low)), (x.at(high), y.at(high))], kind="ideal"))
    marks.append(words((x.start + x.end) / 2, 382, "forecast (across), measured (up)", anchor="middle", kind="soft"))
    marks += [
        group(kinds[n], [dot(kinds[n], x.at(forecast), y.at(measured))])
        for (*_, n), (forecast, measured) in cells.items()
    ]
    return marks


if __name__ == "__main__":
    source, target, *names = sys.argv[1:]
    with Path(source).open(encoding="utf-8", newline="") as file:
        svg = fidelity_figure(list(csv.DictReader(file)), name=names[0] if names else "gain")
    Path(target).write_text(svg + "\n", encoding="utf-8")
