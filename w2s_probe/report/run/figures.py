"""The figures of a run; each has its numbers in words for screen readers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from w2s_probe.core.text import shorten, visible
from w2s_probe.report.charts.lines import Row, frame, interval_chart, size_chart
from w2s_probe.report.charts.svg import Axis, group, line, panel, words
from w2s_probe.report.numbers import METRIC_NAMES, estimate_text, score_text
from w2s_probe.report.run.grids import system_rows
from w2s_probe.report.run.strategies import featured, ranked_rows
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import ReliabilityBin, W2SResult

BINS = 15
SYSTEMS = ("teacher", "student", "baseline", "ceiling")


def systems_figure(result: W2SResult) -> str:
    """Return the systems that are shown in full, with their intervals on the main score."""
    rows = [
        Row(system=row.system, name=row.name, estimate=estimate, text=score_text(result.score, estimate))
        for row in system_rows(result, featured(result))
        for estimate in [row.scores[result.score]]
    ]
    low, high = _limits([row.estimate for row in rows])
    title = f"{METRIC_NAMES[result.score]} on {result.n_test:,} test rows"
    return interval_chart("systems", rows, title=title, low=low, high=high)


def ranking_figures(result: W2SResult) -> list[str]:
    """Return the differences of all strategies to the vanilla student, and to the baseline."""
    charts = []
    for name, other in (("vanilla", "the vanilla student"), ("baseline", "the baseline")):
        rows = [
            Row(
                system="student" if row.student else "baseline" if row.name == "(baseline)" else "teacher",
                name=row.title,
                estimate=change,
                text=estimate_text(change, signed=True),
                wider=(row.adjusted.low, row.adjusted.high) if row.adjusted and name == "vanilla" else None,
                chance=0.0,
            )
            for row in ranked_rows(result)
            if (change := row.versus_vanilla if name == "vanilla" else row.versus_baseline)
        ]
        if rows:
            wide = [Estimate(value=0.0, low=row.wider[0], high=row.wider[1]) for row in rows if row.wider]
            low, high = _limits([*(row.estimate for row in rows), *wide])
            title = f"{METRIC_NAMES[result.score]} minus that of {other}"
            charts.append(interval_chart(f"ranking{name}", rows, title=title, low=low, high=high))
    return charts


def _limits(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Return the ends of an axis on which all intervals fit."""
    bounds = [limit for one in estimates for limit in (one.low, one.high) if not math.isnan(limit)] or [0.0, 1.0]
    margin = 0.08 * (max(bounds) - min(bounds)) or 0.01
    return min(bounds) - margin, max(bounds) + margin


def agreement_figure(result: W2SResult) -> str:
    """Return the share of rows where student and teacher decide alike, by whether the teacher is right; for classes.

    The students are those that the page shows in full.
    """
    several = len(result.students) > 1
    rows = [
        Row(
            system="student",
            name=f"{shorten(visible(name), 11)}, teacher {where}" if several else f"teacher {where}",
            estimate=estimate,
            text=estimate_text(estimate),
        )
        for name, student in featured(result).items()
        for where in ("right", "wrong")
        for estimate in [student.error_imitation[f"teacher_{where}"]]
    ]
    title = "Share of rows where the student decides as its teacher"
    return interval_chart("agreement", rows, title=title, low=0.0, high=1.0)


def curve_figures(result: W2SResult) -> list[str]:
    """Return the systems over n at the full N, and over N at the full n."""
    points = result.curve or ()
    n, N = max(point.n for point in points), max(point.N for point in points)
    limits = frame([getattr(point, system) for point in points for system in SYSTEMS])
    main = METRIC_NAMES[result.score]
    axes = {"n": f"n labels, at N = {N:,}", "N": f"N pseudolabels, at n = {n:,}"}
    along = {"n": [point for point in points if point.N == N], "N": [point for point in points if point.n == n]}
    return [
        size_chart(along[over], SYSTEMS, over=over, axis=axis, title=f"{main} over {axis}", subject=main, limits=limits)
        for over, axis in axes.items()
    ]


def reliability_figures(result: W2SResult) -> list[str]:
    """Return accuracy over confidence of each system that is shown in full; an empty list for regression."""
    names = {"teacher": ("teacher", "teacher")}
    names |= {key: ("student", "student" if len(result.students) == 1 else visible(key)) for key in featured(result)}
    names |= {"baseline": ("baseline", "baseline"), "ceiling": ("ceiling", "ceiling")}
    systems = {**result.systems, **result.students}
    return [
        _reliability(f"calibration{i}", system, name, result.reliability[key], systems[key].scores["ece"])
        for i, (key, (system, name)) in enumerate(names.items())
        if key in result.reliability
    ]


def _reliability(name: str, system: str, label: str, bins: Sequence[ReliabilityBin], ece: Estimate) -> str:
    x, y = Axis(low=0, high=1, start=30, end=192), Axis(low=0, high=1, start=178, end=34)
    most = max(row.rows for row in bins)
    marks = [words(8, 14, shorten(label, 14)), words(192, 14, f"ECE {ece.value:.3f}", anchor="end")]
    for tick in (0.0, 0.5, 1.0):
        marks += [line([(x.at(tick), 34), (x.at(tick), 178)], kind="grid")]
        marks += [line([(30, y.at(tick)), (192, y.at(tick))], kind="grid")]
        marks += [
            words(x.at(tick), 192, f"{tick:g}", anchor="middle"),
            words(24, y.at(tick) + 4, f"{tick:g}", anchor="end"),
        ]
    marks.append(line([(x.at(0), y.at(0)), (x.at(1), y.at(1))], kind="ideal"))
    bars = [
        line([(x.at(row.bin / BINS) + 4, 177), (x.at(row.bin / BINS) + 4, 177 - 40 * row.rows / most)], kind="count")
        for row in bins
    ]
    places = [(x.at(row.confidence), y.at(row.accuracy)) for row in bins]
    circles = [
        f'<circle class="dot" cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{2 + 3.5 * math.sqrt(row.rows / most):.1f}"/>'
        for place, row in zip(places, bins, strict=True)
    ]
    marks.append(group(system, [*bars, line(places), *circles]))
    texts = "; ".join(f"says {row.confidence:.2f}, right {row.accuracy:.2f}, {row.rows:,} rows" for row in bins)
    description = f"ECE {estimate_text(ece)}; {texts}."
    return panel(name, size=(200, 198), title=f"Calibration of {label}", description=description, marks=marks)
