"""The figures of the page, each with its numbers in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from w2s_probe.core.text import shorten, visible
from w2s_probe.report.charts.lines import Mark, Row, Series, frame, interval_chart, line_chart
from w2s_probe.report.charts.svg import Axis, group, line, panel, words
from w2s_probe.report.numbers import METRIC_NAMES, estimate_text, score_text, system_rows
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import CurvePoint, ReliabilityBin, W2SResult

BINS = 15
SYSTEMS = ("teacher", "student", "baseline", "ceiling")


def systems_figure(result: W2SResult) -> str:
    """Return the systems with their intervals on the main score."""
    rows = [
        Row(system=row.system, name=row.name, estimate=row.scores[result.score], text=score)
        for row in system_rows(result)
        for score in [score_text(result.score, row.scores[result.score])]
    ]
    bounds = [limit for row in rows for limit in (row.estimate.low, row.estimate.high) if not math.isnan(limit)]
    bounds = bounds or [0.0, 1.0]
    margin = 0.08 * (max(bounds) - min(bounds)) or 0.01
    title = f"{METRIC_NAMES[result.score]} on {result.n_test:,} test rows"
    return interval_chart("systems", rows, title=title, low=min(bounds) - margin, high=max(bounds) + margin)


def agreement_figure(result: W2SResult) -> str:
    """Return how often each student decides as its teacher where that is right, and where wrong; for classes only."""
    one = len(result.students) == 1
    rows = [
        Row(
            system="student",
            name=f"teacher {where}" if one else f"{shorten(visible(name), 11)}, teacher {where}",
            estimate=student.error_imitation[f"teacher_{where}"],
            text=estimate_text(student.error_imitation[f"teacher_{where}"]),
        )
        for name, student in result.students.items()
        for where in ("right", "wrong")
    ]
    title = "Share of rows where the student decides as its teacher"
    return interval_chart("agreement", rows, title=title, low=0.0, high=1.0)


def curve_figures(result: W2SResult) -> list[str]:
    """Return the systems over n at the full N, and over N at the full n."""
    points = result.curve or ()
    n, N = max(point.n for point in points), max(point.N for point in points)
    low, high = frame([getattr(point, system) for point in points for system in SYSTEMS])
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
    scores = {key: found.scores for key, found in {**result.systems, **result.students}.items()}
    return [
        _reliability(f"calibration{i}", system, name, result.reliability[key], scores[key]["ece"])
        for i, (key, (system, name)) in enumerate(names.items())
        if key in result.reliability
    ]


def _curve(name: str, points: Sequence[CurvePoint], *, score: str, axis: str, low: float, high: float) -> str:
    sizes = [getattr(point, name) for point in points]
    said = "; ".join(
        f"at {size:,}: " + ", ".join(f"{system} {estimate_text(getattr(point, system))}" for system in SYSTEMS)
        for size, point in zip(sizes, points, strict=True)
    )
    series = [
        Series(
            system=system,
            name=system,
            marks=[Mark(at=size, estimate=getattr(p, system)) for size, p in zip(sizes, points, strict=True)],
        )
        for system in SYSTEMS
    ]
    return line_chart(
        f"curve{name}",
        series,
        title=f"{score} over {axis}",
        subject=score,
        axis=axis,
        said=f"{said}.",
        limits=(low, high),
        sizes=sizes,
    )


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
