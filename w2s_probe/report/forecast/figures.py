"""The figures of a forecast; each has its numbers in words for screen readers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from w2s_probe.core.text import shorten_names, visible
from w2s_probe.report.charts.lines import Row, frame, interval_chart, size_chart
from w2s_probe.report.forecast.text import pair_names
from w2s_probe.report.numbers import METRIC_NAMES, estimate_of, estimate_text, score_text
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import Forecast, ForecastPoint, Outlook

SYSTEMS = ("teacher", "student", "baseline")
MOST_RANKED = 20


def systems_figure(forecast: Forecast) -> str:
    """Return the four systems on the main score."""
    names = {**{system: system for system in SYSTEMS}, "ceiling": "ceiling, extrapolated"}
    rows = [
        Row(system=system, name=name, estimate=estimate, text=score_text(forecast.score, estimate))
        for system, name in names.items()
        for estimate in [getattr(forecast, system)]
    ]
    low, high = frame([row.estimate for row in rows])
    return interval_chart("systems", rows, title=f"Expected {METRIC_NAMES[forecast.score]}", low=low, high=high)


def differences_figure(forecast: Forecast) -> str:
    """Return gain and student minus baseline with two bars: the expected value, and a test set's result."""
    rows = [
        _difference("student", "gain", forecast.gain),
        _difference("baseline", "student - baseline", forecast.versus_baseline),
    ]
    return _around_zero("differences", rows, title=f"Difference in {METRIC_NAMES[forecast.score]}")


def ranking_figures(pairs: Sequence[Forecast]) -> list[str]:
    """Return gain and student minus baseline of the first pairs, in their order."""
    first = pairs[:MOST_RANKED]
    names = [f"{rank}. {name}" for rank, name in enumerate(_distinct_names(first), start=1)]
    score = METRIC_NAMES[pairs[0].score]
    differences = {"gain": ("student", "Expected gain"), "versus_baseline": ("baseline", "Expected student - baseline")}
    return [
        _around_zero(
            f"ranking-{field}",
            [_difference(system, name, getattr(pair, field)) for name, pair in zip(names, first, strict=True)],
            title=f"{title} in {score}",
        )
        for field, (system, title) in differences.items()
    ]


def _distinct_names(pairs: Sequence[Forecast]) -> list[str]:
    """Return a short name of each pair: its teacher where all students are equal, and so on."""
    for own, other in (("teacher_backbone", "student_backbone"), ("student_backbone", "teacher_backbone")):
        if len({getattr(pair, other) for pair in pairs}) == 1:
            return shorten_names([visible(getattr(pair, own)) for pair in pairs], 22)
    return pair_names(pairs, "→", cells=9)


def forecast_curves(forecast: Forecast) -> list[str]:
    """Return the systems over n at the full N, and over N at the full n; no figure of a single size."""
    limits = frame([getattr(point, system) for point in forecast.curve for system in SYSTEMS])
    score = METRIC_NAMES[forecast.score]
    axes = {"n": f"n labels, at N = {forecast.N:,}", "N": f"N pseudolabels, at n = {forecast.n:,}"}
    return [
        size_chart(
            points, SYSTEMS, over=over, axis=axis, title=f"Expected {score} over {axis}", subject=score, limits=limits
        )
        for over, axis in axes.items()
        for points in [points_over(forecast, over)]
        if len(points) > 1
    ]


def points_over(forecast: Forecast, size: str) -> list[ForecastPoint]:
    """Return the points along one size, ``"n"`` or ``"N"``, the smallest first."""
    other, fixed = ("N", forecast.N) if size == "n" else ("n", forecast.n)
    points = {getattr(point, size): point for point in forecast.curve if getattr(point, other) == fixed}
    return [points[value] for value in sorted(points)]


def parts_figure(forecast: Forecast) -> str | None:
    """Return the parts of the student's squared error; None where they are not known."""
    parts = forecast.error_parts
    if parts is None:
        return None
    values = {
        "inherited variance": parts.inherited.value,
        "reduced variance": parts.reduced.value,
        "bias and label noise": parts.bias.value,
    }
    rows = [
        Row(
            system="student",
            name=name,
            estimate=Estimate(value=value, low=min(0.0, value), high=max(0.0, value)),
            text="undefined" if math.isnan(value) else f"{value:.4g}",
        )
        for name, value in values.items()
    ]
    defined = [value for value in values.values() if not math.isnan(value)]
    high = max([*defined, 0.0]) or 1.0
    low = min([*defined, 0.0])
    title = "Parts of the student's squared error"
    return interval_chart("parts", rows, title=title, low=low - 0.02 * (high - low), high=high + 0.04 * (high - low))


def _difference(system: str, name: str, outlook: Outlook) -> Row:
    estimate = estimate_of(outlook)
    wider = (outlook.low_observed, outlook.high_observed)
    return Row(
        system=system,
        name=name,
        estimate=estimate,
        text=estimate_text(estimate, signed=True),
        wider=None if any(map(math.isnan, wider)) else wider,
        chance=0.0,
    )


def _around_zero(name: str, rows: Sequence[Row], *, title: str) -> str:
    limits = [limit for row in rows for limit in (row.estimate.low, row.estimate.high, *(row.wider or ()))]
    limits = [limit for limit in limits if not math.isnan(limit)]
    low, high = min([*limits, 0.0]), max([*limits, 0.0])
    margin = 0.08 * (high - low) or 0.01
    return interval_chart(name, rows, title=title, low=low - margin, high=high + margin)
