"""Heat maps: each cell holds its number; colors, frames and hatching repeat it for the eye."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from w2s_probe.report.charts.lines import CELL, WIDTH
from w2s_probe.report.charts.svg import box, group, line, panel, words

LEFT, TOP, ROW, RIGHT = 52, 42, 30, WIDTH - 6
STRONGEST = 0.5  # a stronger color would leave the number in it hard to read
STEPS = 7
Scale = Literal["difference", "level"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """One cell of a heat map.

    Parameters
    ----------
    value : float
        Number in the cell; NaN is hatched.
    sure : bool
        Whether the interval excludes 0; such a cell has a frame.
    """

    value: float
    sure: bool = False


def heat_map(
    name: str,
    cells: Mapping[tuple[int, int], Heat],
    *,
    title: str,
    description: str,
    rows: Sequence[str],
    columns: Sequence[str],
    axes: tuple[str, str],
    scale: Scale,
    undefined: str = "undefined",
) -> str:
    """Return a grid of colored numbers, the first row at the bottom; cells are named by row and column.

    `rows` and `columns` are labels as short as numbers, `axes` names of rows and columns. A scale of differences has
    two colors from 0 to both sides, one of levels a single color from the least value to the largest. `undefined`
    names hatched cells in the legend.
    """
    size = ((RIGHT - LEFT) / len(columns), ROW)
    bottom = TOP + ROW * len(rows)
    shades = _Shades([cell.value for cell in cells.values() if not math.isnan(cell.value)], scale)
    marks = [words(6, 16, title), words(6, TOP - 8, axes[0], kind="soft")]
    for i, label in enumerate(rows):
        marks.append(words(LEFT - 5, bottom - ROW * i - ROW / 2 + 4, label, anchor="end"))
    marks += [
        words(LEFT + size[0] * (j + 0.5), bottom + 16, columns[j], anchor="middle")
        for j in _apart([len(label) for label in columns], size[0])
    ]
    marks.append(words((LEFT + RIGHT) / 2, bottom + 33, axes[1], anchor="middle", kind="soft"))
    for (i, j), cell in sorted(cells.items()):
        x, y = LEFT + size[0] * j, bottom - ROW * (i + 1)
        marks += _cell(cell, x, y, size=size, shades=shades)
    legend, height = _legend(list(cells.values()), shades, bottom + 44, undefined)
    return panel(name, size=(WIDTH, round(height)), title=title, description=description, marks=[*marks, *legend])


class _Shades:
    """Map from values to the class of a color and its strength."""

    def __init__(self, values: Sequence[float], scale: Scale) -> None:
        self.scale = scale
        most = max(map(abs, values), default=0.0)
        self.low, self.high = (-most, most) if scale == "difference" else (min(values, default=0.0), most)

    def at(self, value: float) -> tuple[str, float]:
        """Return the class of the color, and its strength in [0, 0.5]."""
        span = self.high if self.scale == "difference" else self.high - self.low
        share = (abs(value) if self.scale == "difference" else value - self.low) / span if span > 0 else 0.0
        kind = "level" if self.scale == "level" else "more" if value >= 0 else "less"
        return kind, STRONGEST * share

    def text(self, value: float, digits: int) -> str:
        """Return the number as a cell shows it."""
        return f"{value:+.{digits}f}" if self.scale == "difference" else f"{value:.{digits}f}"


def _cell(cell: Heat, x: float, y: float, *, size: tuple[float, float], shades: _Shades) -> list[str]:
    if math.isnan(cell.value):
        return [box(x, y, size=size, kind="grid"), *_hatching(x, y, size), _centered("–", x, y, size)]
    kind, strength = shades.at(cell.value)
    marks = [group(kind, [box(x, y, size=size, kind="heat", strength=strength)])]
    if cell.sure:
        marks.append(box(x + 2, y + 2, size=(size[0] - 4, size[1] - 4), kind="sure"))
    exact, short = shades.text(cell.value, 3), shades.text(cell.value, 2)
    for text in (exact, short, short.replace("0.", ".", 1)):
        if CELL * len(text) <= size[0] - 2:
            return [*marks, _centered(text, x, y, size)]
    return marks  # too many columns for numbers in cells; the table of points has them


def _centered(text: str, x: float, y: float, size: tuple[float, float]) -> str:
    return words(x + size[0] / 2, y + size[1] / 2 + 4, text, anchor="middle")


def _hatching(x: float, y: float, size: tuple[float, float]) -> list[str]:
    """Return strokes across two corners of a cell; its middle stays free."""
    width, height = size
    reach = min(width, height)
    cuts = (reach * 0.3, reach * 0.6)
    upper = [line([(x, y + cut), (x + cut, y)], kind="ideal") for cut in cuts]
    lower = [line([(x + width, y + height - cut), (x + width - cut, y + height)], kind="ideal") for cut in cuts]
    return [*upper, *lower]


def _legend(cells: Sequence[Heat], shades: _Shades, y: float, undefined: str) -> tuple[list[str], float]:
    """Return the legend of colors, frames and hatching, and its lower end."""
    marks: list[str] = []
    if any(not math.isnan(cell.value) for cell in cells):
        low, high = (shades.text(limit, 3) for limit in (shades.low, shades.high))
        start = 6 + CELL * len(low) + 6
        marks.append(words(6, y + 11, low))
        for step in range(STEPS):
            value = shades.low + (shades.high - shades.low) * step / (STEPS - 1)
            kind, strength = shades.at(value)
            marks.append(group(kind, [box(start + 16 * step, y, size=(16, 14), kind="heat", strength=strength)]))
        marks.append(words(start + 16 * STEPS + 6, y + 11, high))
        y += 22
    if any(cell.sure for cell in cells):
        marks += [box(8, y + 1, size=(20, 12), kind="sure"), words(34, y + 11, "interval excludes 0")]
        y += 22
    if any(math.isnan(cell.value) for cell in cells):
        marks += [box(8, y, size=(20, 14), kind="grid"), *_hatching(8, y, (20, 14)), words(34, y + 11, undefined)]
        y += 22
    return marks, y


def _apart(lengths: Sequence[int], width: float) -> range:
    """Return the columns to label: all, every second, every third, …, so that labels do not touch."""
    step = max(1, math.ceil((CELL * max(lengths) + 4) / width))
    return range(0, len(lengths), step)
