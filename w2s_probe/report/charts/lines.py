"""Charts that reports share: rows with intervals, and lines over sizes or fractions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from w2s_probe.core.text import shorten
from w2s_probe.report.charts.svg import Axis, band, dot, group, line, panel, ticks, words
from w2s_probe.report.numbers import estimate_text
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import ForecastPoint
from w2s_probe.results.run import CurvePoint

WIDTH = 360
ROW = 40
CELL = 7.5  # largest width of a digit
LEFT, RIGHT = 40, WIDTH - 10  # frame of a chart with lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of an interval chart.

    Parameters
    ----------
    system : str
        Color and shape of the mark.
    name, text : str
        Words above the mark, on the left and on the right.
    estimate : Estimate
        Mark and bar.
    wider : tuple of float or None
        Limits of a second, thin bar.
    chance : float or None
        Place of a dashed stroke: the value expected by chance.
    """

    system: str
    name: str
    estimate: Estimate
    text: str
    wider: tuple[float, float] | None = None
    chance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One point of a line: its place, its value with limits, and whether it was measured or extrapolated."""

    at: float
    estimate: Estimate
    measured: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A line through its marks, or through the points of `smooth` where there are any."""

    system: str
    name: str
    marks: Sequence[Mark]
    smooth: Sequence[tuple[float, float]] = ()
    dots: bool = True


def interval_chart(name: str, rows: Sequence[Row], *, title: str, low: float, high: float) -> str:
    """Return a chart with a row for each estimate, on one axis from `low` to `high`."""
    x = Axis(low=low, high=high, start=10, end=WIDTH - 10)
    bottom = 26 + ROW * len(rows)
    marks = [words(10, 14, title, kind="soft")]
    for tick in ticks(low, high):
        half = CELL * len(f"{tick:g}") / 2  # a label at the edge moves inward
        marks.append(words(min(max(x.at(tick), half), WIDTH - half), bottom + 15, f"{tick:g}", anchor="middle"))
    for i, row in enumerate(rows):
        y = 40 + ROW * i
        marks += [line([(x.at(tick), y + 6), (x.at(tick), y + 20)], kind="grid") for tick in ticks(low, high)]
        marks.append(words(10, y, shorten(row.name, 26)))
        marks.append(words(WIDTH - 10, y, row.text, anchor="end"))
        marks += _row(row, x, y + 13)
    description = "; ".join(f"{row.name} {row.text}" for row in rows)
    return panel(name, size=(WIDTH, bottom + 22), title=title, description=f"{description}.", marks=marks)


def _row(row: Row, x: Axis, y: float) -> list[str]:
    marks = []
    if row.chance is not None and not math.isnan(row.chance):
        marks.append(line([(x.at(row.chance), y - 8), (x.at(row.chance), y + 8)], kind="ideal"))
    if math.isnan(row.estimate.value):
        return marks
    thin = [] if row.wider is None else [line([(x.at(limit), y) for limit in row.wider], kind="thin")]
    limits = (row.estimate.low, row.estimate.high)
    thick = [] if any(map(math.isnan, limits)) else [line([(x.at(limit), y) for limit in limits], kind="interval")]
    return [*marks, group(row.system, [*thin, *thick, dot(row.system, x.at(row.estimate.value), y)])]


def line_chart(
    name: str,
    series: Sequence[Series],
    *,
    title: str,
    subject: str,
    axis: str,
    description: str,
    limits: tuple[float, float],
    sizes: Sequence[float],
    log: Literal["x", "both", "none"] = "x",
    levels: Sequence[float] = (),
) -> str:
    """Return lines over sizes, or over fractions, with the legend above.

    `name`, `title` and `description` are those of `panel`. `subject` and `axis` name the two axes, `limits` are the
    least and the largest value drawn, `sizes` the labels of the horizontal axis, `log` the axes that are
    logarithmic, and `levels` dashed lines across.
    """
    low, high = limits
    labels = {tick: f"{tick:g}" for tick in (powers(low, high) if log == "both" else ticks(low, high))}
    left = max(LEFT, 4 + CELL * max(map(len, labels.values()), default=0))
    x = Axis(low=min(sizes), high=max(sizes), start=left + 18, end=WIDTH - 26, log=log != "none")
    y = Axis(low=low, high=high, start=226, end=44, log=log == "both")
    marks = [words(26 + 88 * i, 16, entry.name) for i, entry in enumerate(series)]
    marks += [group(entry.system, [dot(entry.system, 15 + 88 * i, 12)]) for i, entry in enumerate(series)]
    for tick, label in labels.items():
        marks.append(line([(left, y.at(tick)), (RIGHT, y.at(tick))], kind="grid"))
        marks.append(words(left - 4, y.at(tick) + 4, label, anchor="end"))
    marks.append(words(left, 36, subject, kind="soft"))
    marks += [words(x.at(size), 244, f"{size:,}", anchor="middle") for size in _apart(sorted(set(sizes)), x)]
    marks.append(words((left + WIDTH) / 2, 263, axis, anchor="middle", kind="soft"))
    marks += [line([(left, y.at(level)), (RIGHT, y.at(level))], kind="ideal") for level in levels]
    marks += [shape for entry in series for shape in _series(entry, x, y)]
    return panel(name, size=(WIDTH, 270), title=title, description=description, marks=marks)


def _series(series: Series, x: Axis, y: Axis) -> list[str]:
    marks = [mark for mark in series.marks if not math.isnan(mark.estimate.value)]
    smooth = [(x.at(at), y.at(value)) for at, value in series.smooth]
    if not marks:
        return [group(series.system, [line(smooth)])] if smooth else []
    value, upper, lower = (
        [(x.at(mark.at), y.at(min(max(getattr(mark.estimate, limit), y.low), y.high))) for mark in marks]
        for limit in ("value", "high", "low")
    )
    if smooth:
        bars = [line([high, low], kind="thin") for high, low in zip(upper, lower, strict=True)]
        return [group(series.system, [line(smooth), *bars, *_dots(series, marks, value)])]
    measured = sum(mark.measured for mark in marks)
    solid = [line(value[:measured])] if measured else []
    dashed = [line(value[max(measured - 1, 0) :], kind="dashed")] if measured < len(marks) else []
    return [group(series.system, [band(upper, lower), *solid, *dashed, *_dots(series, marks, value)])]


def _dots(series: Series, marks: Sequence[Mark], places: Sequence[tuple[float, float]]) -> list[str]:
    if not series.dots:
        return []
    return [
        dot(series.system, *place, kind="dot" if mark.measured else "hollow")
        for mark, place in zip(marks, places, strict=True)
    ]


def _apart(sizes: Sequence[float], x: Axis) -> list[float]:
    """Return the sizes, from the largest on, whose labels do not touch."""
    labels: list[float] = []
    for size in reversed(sizes):
        reach = CELL / 2 * (len(f"{size:,}") + len(f"{labels[-1]:,}")) + 6 if labels else 0.0
        if not labels or x.at(labels[-1]) - x.at(size) >= reach:
            labels.append(size)
    return labels[::-1]


def size_chart(
    points: Sequence[CurvePoint | ForecastPoint],
    systems: Sequence[str],
    *,
    over: str,
    axis: str,
    title: str,
    subject: str,
    limits: tuple[float, float],
) -> str:
    """Return the systems over one size, ``"n"`` or ``"N"``, with intervals; extrapolated points are hollow."""
    sizes = [getattr(point, over) for point in points]
    measured = [not isinstance(point, ForecastPoint) or point.measured for point in points]
    description = "; ".join(
        f"at {size:,}{'' if tried else ', extrapolated'}: "
        + ", ".join(f"{system} {estimate_text(getattr(point, system))}" for system in systems)
        for size, tried, point in zip(sizes, measured, points, strict=True)
    )
    series = [
        Series(
            system=system,
            name=system,
            marks=[
                Mark(at=size, estimate=getattr(point, system), measured=tried)
                for size, tried, point in zip(sizes, measured, points, strict=True)
            ],
        )
        for system in systems
    ]
    return line_chart(
        f"curve{over}",
        series,
        title=title,
        subject=subject,
        axis=axis,
        description=f"{description}.",
        limits=limits,
        sizes=sizes,
    )


def frame(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Return axis limits: all values fit, and intervals are cut where they reach further than the values' own span."""
    defined = [estimate for estimate in estimates if not math.isnan(estimate.value)]
    if not defined:
        return 0.0, 1.0
    least, most = min(e.value for e in defined), max(e.value for e in defined)
    span = max(most - least, 0.02)
    low = max(min(e.low for e in defined), least - span)
    high = min(max(e.high for e in defined), most + span)
    margin = max(0.04 * span, (0.02 - (high - low)) / 2)  # ticks of a flat line are short numbers too
    return low - margin, high + margin


def powers(low: float, high: float) -> list[float]:
    """Return round numbers in [low, high] for a logarithmic axis: powers of ten, on a short axis also times 2 and 5.

    Examples
    --------
    >>> powers(0.003, 0.5)
    [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1.0,) if len(decades) > 4 else (1.0, 2.0, 5.0)
    numbers = [round(step * 10.0**power, 12 - power) for power in decades for step in steps]
    return [tick for tick in numbers if low <= tick <= high]
