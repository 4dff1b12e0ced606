"""The figures of the page, each with its numbers in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from w2s_probe.report.svg import Axis, band, dot, group, line, panel, ticks, words
from w2s_probe.report.tables import METRIC_NAMES, estimate_text, score_text, system_rows
from w2s_probe.results import CurvePoint, Estimate, ReliabilityBin, W2SResult
from w2s_probe.text import shorten, visible

__all__ = ["agreement_figure", "curve_figures", "reliability_figures", "systems_figure"]

WIDTH = 360
ROW = 40
BINS = 15
SYSTEMS = ("teacher", "student", "baseline", "ceiling")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    system: str
    name: str
    estimate: Estimate
    text: str


def systems_figure(result: W2SResult) -> str:
    """Return the systems with their intervals on the main score."""
    rows = [
        _Row(system=row.system, name=row.name, estimate=row.scores[result.score], text=score)
        for row in system_rows(result)
        for score in [score_text(result.score, row.scores[result.score])]
    ]
    bounds = [limit for row in rows for limit in (row.estimate.low, row.estimate.high) if not math.isnan(limit)]
    bounds = bounds or [0.0, 1.0]
    margin = 0.08 * (max(bounds) - min(bounds)) or 0.01
    title = f"{METRIC_NAMES[result.score]} on {result.n_test:,} test rows"
    return _intervals("systems", rows, title=title, low=min(bounds) - margin, high=max(bounds) + margin)


def agreement_figure(result: W2SResult) -> str:
    """Return how often each student decides as its teacher where that is right, and where wrong; for classes only."""
    one = len(result.students) == 1
    rows = [
        _Row(
            system="student",
            name=f"teacher {where}" if one else f"{shorten(visible(name), 11)}, teacher {where}",
            estimate=student.error_imitation[f"teacher_{where}"],
            text=estimate_text(student.error_imitation[f"teacher_{where}"]),
        )
        for name, student in result.students.items()
        for where in ("right", "wrong")
    ]
    title = "Share of rows where the student decides as its teacher"
    return _intervals("agreement", rows, title=title, low=0.0, high=1.0)


def curve_figures(result: W2SResult) -> list[str]:
    """Return the systems over n at the full N, and over N at the full n."""
    points = result.curve or ()
    n, N = max(point.n for point in points), max(point.N for point in points)
    low, high = _frame([getattr(point, system) for point in points for system in SYSTEMS])
    main = METRIC_NAMES[result.score]
    return [
        _curve(name, [p for p in points if p.N == N] if name == "n" else [p for p in points if p.n == n],
               score=main, axis=axis, low=low, high=high)
        for name, axis in {
            "n": f"n labels, at N = {N:,}",
            "N": f"N pseudolabels, at n = {n:,}",
        }.items()
    ]  # fmt: skip


def reliability_figures(result: W2SResult) -> list[str]:
    """Return accuracy over confidence for each system; an empty list for regression."""
    names = {"teacher": ("teacher", "teacher")}
    names |= {key: ("student", "student" if len(result.students) == 1 else visible(key)) for key in result.students}
    names |= {"baseline": ("baseline", "baseline"), "ceiling": ("ceiling", "ceiling")}
    scores = {**result.systems, **{key: student.scores for key, student in result.students.items()}}
    return [
        _reliability(f"calibration{i}", system, name, result.reliability[key], scores[key]["ece"])
        for i, (key, (system, name)) in enumerate(names.items())
        if key in result.reliability
    ]


def _intervals(name: str, rows: Sequence[_Row], *, title: str, low: float, high: float) -> str:
    x = Axis(low=low, high=high, start=10, end=WIDTH - 10)
    bottom = 26 + ROW * len(rows)
    marks = [words(10, 14, title, kind="soft")]
    marks += [words(x.at(tick), bottom + 15, f"{tick:g}", anchor="middle") for tick in ticks(low, high)]
    for i, row in enumerate(rows):
        y = 40 + ROW * i
        marks += [line([(x.at(tick), y + 6), (x.at(tick), y + 20)], kind="grid") for tick in ticks(low, high)]
        marks.append(words(10, y, shorten(row.name, 26)))
        marks.append(words(WIDTH - 10, y, row.text, anchor="end"))
        if not math.isnan(row.estimate.value):
            limits = [(x.at(row.estimate.low), y + 13), (x.at(row.estimate.high), y + 13)]
            marks.append(
                group(row.system, [line(limits, kind="interval"), dot(row.system, x.at(row.estimate.value), y + 13)])
            )
    said = "; ".join(f"{row.name} {row.text}" for row in rows)
    return panel(name, size=(WIDTH, bottom + 22), title=title, said=f"{said}.", marks=marks)


def _curve(name: str, points: Sequence[CurvePoint], *, score: str, axis: str, low: float, high: float) -> str:
    sizes = [getattr(point, name) for point in points]
    x = Axis(low=min(sizes), high=max(sizes), start=58, end=WIDTH - 26, log=True)
    y = Axis(low=low, high=high, start=226, end=44)
    marks = [words(26 + 88 * i, 16, system) for i, system in enumerate(SYSTEMS)]
    marks += [group(system, [dot(system, 15 + 88 * i, 12)]) for i, system in enumerate(SYSTEMS)]
    for tick in ticks(low, high):
        marks.append(line([(40, y.at(tick)), (WIDTH - 10, y.at(tick))], kind="grid"))
        marks.append(words(36, y.at(tick) + 4, f"{tick:g}", anchor="end"))
    marks.append(words(40, 36, score, kind="soft"))
    marks += [words(x.at(size), 244, f"{size:,}", anchor="middle") for size in sizes]
    marks.append(words((40 + WIDTH) / 2, 263, axis, anchor="middle", kind="soft"))
    for system in SYSTEMS:
        known = [(x.at(getattr(point, name)), getattr(point, system)) for point in points]
        known = [(at, estimate) for at, estimate in known if not math.isnan(estimate.value)]
        value, upper, lower = (
            [(at, y.at(min(max(getattr(estimate, limit), low), high))) for at, estimate in known]
            for limit in ("value", "high", "low")
        )
        if known:
            marks.append(group(system, [band(upper, lower), line(value), *(dot(system, *place) for place in value)]))
    said = "; ".join(
        f"at {size:,}: " + ", ".join(f"{system} {estimate_text(getattr(point, system))}" for system in SYSTEMS)
        for size, point in zip(sizes, points, strict=True)
    )
    return panel(f"curve{name}", size=(WIDTH, 270), title=f"{score} over {axis}", said=f"{said}.", marks=marks)


def _frame(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Return limits that hold all values, and of the intervals what is not far wider than those."""
    known = [estimate for estimate in estimates if not math.isnan(estimate.value)]
    if not known:
        return 0.0, 1.0
    least, most = min(e.value for e in known), max(e.value for e in known)
    span = max(most - least, 0.02)
    low = max(min(e.low for e in known), least - span)
    high = min(max(e.high for e in known), most + span)
    return low - 0.04 * span, high + 0.04 * span


def _reliability(name: str, system: str, label: str, bins: Sequence[ReliabilityBin], ece: Estimate) -> str:
    x, y = Axis(low=0, high=1, start=30, end=192), Axis(low=0, high=1, start=178, end=34)
    most = max(each.rows for each in bins)
    marks = [words(8, 14, shorten(label, 14)), words(192, 14, f"ECE {ece.value:.3f}", anchor="end")]
    for tick in (0.0, 0.5, 1.0):
        marks += [line([(x.at(tick), 34), (x.at(tick), 178)], kind="grid")]
        marks += [line([(30, y.at(tick)), (192, y.at(tick))], kind="grid")]
        marks += [
            words(x.at(tick), 192, f"{tick:g}", anchor="middle"),
            words(24, y.at(tick) + 4, f"{tick:g}", anchor="end"),
        ]
    marks.append(line([(x.at(0), y.at(0)), (x.at(1), y.at(1))], kind="ideal"))
    inside = [
        line([(x.at(each.bin / BINS) + 4, 177), (x.at(each.bin / BINS) + 4, 177 - 40 * each.rows / most)], kind="count")
        for each in bins
    ]
    places = [(x.at(each.confidence), y.at(each.accuracy)) for each in bins]
    circles = [
        f'<circle class="dot" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{2 + 3.5 * math.sqrt(each.rows / most):.1f}"/>'
        for at, each in zip(places, bins, strict=True)
    ]
    marks.append(group(system, [*inside, line(places), *circles]))
    said = "; ".join(f"says {each.confidence:.2f}, right {each.accuracy:.2f}, {each.rows:,} rows" for each in bins)
    title = f"Calibration of {label}"
    return panel(name, size=(200, 198), title=title, said=f"ECE {estimate_text(ece)}; {said}.", marks=marks)
