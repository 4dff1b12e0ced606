"""The figures of a forecast, each with its numbers in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from w2s_probe.report.charts.lines import Mark, Row, Series, frame, interval_chart, line_chart
from w2s_probe.report.numbers import METRIC_NAMES, estimate_text, score_text, taught
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import Forecast, ForecastPoint, Outlook

SYSTEMS = ("teacher", "student", "baseline")
MOST_RANKED = 20


def systems_figure(found: Forecast) -> str:
    """Return the four systems on the main score."""
    rows = [
        Row(system=system, name=said, estimate=estimate, text=score_text(found.score, estimate))
        for system, said in {**dict.fromkeys(SYSTEMS, ""), "ceiling": ", extrapolated"}.items()
        for estimate, said in [(getattr(found, system), system + said)]
    ]
    low, high = frame([row.estimate for row in rows])
    return interval_chart("systems", rows, title=f"Expected {METRIC_NAMES[found.score]}", low=low, high=high)


def differences_figure(found: Forecast) -> str:
    """Return gain and student minus baseline, with what is expected and what a test set will show."""
    rows = [
        _difference("student", "gain", found.gain),
        _difference("baseline", "student - baseline", found.versus_baseline),
    ]
    return _around_zero("differences", rows, title=f"Difference in {METRIC_NAMES[found.score]}")


def ranking_figure(pairs: Sequence[Forecast]) -> str:
    """Return the expected gain of the first pairs."""
    rows = [
        _difference("student", taught(pair.teacher_backbone, pair.student_backbone, cells=11), pair.gain)
        for pair in pairs[:MOST_RANKED]
    ]
    return _around_zero("ranking", rows, title=f"Expected gain in {METRIC_NAMES[pairs[0].score]}")


def forecast_curves(found: Forecast) -> list[str]:
    """Return the systems over n at the full N, and over N at the full n; no figure of a single size."""
    low, high = frame([getattr(point, system) for point in found.curve for system in SYSTEMS])
    axes = {"n": f"n labels, at N = {found.N:,}", "N": f"N pseudolabels, at n = {found.n:,}"}
    return [
        _curve(name, points, score=METRIC_NAMES[found.score], axis=axis, low=low, high=high)
        for name, axis in axes.items()
        for points in [points_over(found, name)]
        if len(points) > 1
    ]


def points_over(found: Forecast, name: str) -> list[ForecastPoint]:
    """Return the points of one axis, ``"n"`` or ``"N"``, by size."""
    other, fixed = ("N", found.N) if name == "n" else ("n", found.n)
    at = {getattr(point, name): point for point in found.curve if getattr(point, other) == fixed}
    return [at[size] for size in sorted(at)]


def parts_figure(found: Forecast) -> str | None:
    """Return what the student's squared error is made of; None where that is not known."""
    if found.error_parts is None:
        return None
    values = {
        "inherited variance": found.error_parts.inherited.value,
        "reduced variance": found.error_parts.reduced.value,
        "bias and label noise": found.error_parts.bias.value,
    }
    known = [value for value in values.values() if not math.isnan(value)]
    rows = [
        Row(
            system="student",
            name=name,
            estimate=Estimate(value=value, low=min(0.0, value), high=max(0.0, value)),
            text="undefined" if math.isnan(value) else f"{value:.4g}",
        )
        for name, value in values.items()
    ]
    high = max([*known, 0.0]) or 1.0
    low = min([*known, 0.0])
    title = "Parts of the student's squared error"
    return interval_chart("parts", rows, title=title, low=low - 0.02 * (high - low), high=high + 0.04 * (high - low))


def _difference(system: str, name: str, found: Outlook) -> Row:
    estimate = Estimate(value=found.value, low=found.low, high=found.high)
    wider = (found.low_observed, found.high_observed)
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


def _curve(name: str, points: Sequence[ForecastPoint], *, score: str, axis: str, low: float, high: float) -> str:
    sizes = [getattr(point, name) for point in points]
    series = [
        Series(
            system=system,
            name=system,
            marks=[
                Mark(at=size, estimate=getattr(point, system), measured=point.measured)
                for size, point in zip(sizes, points, strict=True)
            ],
        )
        for system in SYSTEMS
    ]
    said = "; ".join(
        f"at {size:,}{'' if point.measured else ', extrapolated'}: "
        + ", ".join(f"{system} {estimate_text(getattr(point, system))}" for system in SYSTEMS)
        for size, point in zip(sizes, points, strict=True)
    )
    return line_chart(
        f"curve{name}",
        series,
        title=f"Expected {score} over {axis}",
        subject=score,
        axis=axis,
        said=f"{said}.",
        limits=(low, high),
        sizes=sizes,
    )
