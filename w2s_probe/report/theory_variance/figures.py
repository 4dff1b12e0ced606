"""The figures of a theory: errors over sizes by the closed forms, and simulated points beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from w2s_probe.report.charts.lines import Mark, Series, line_chart
from w2s_probe.results.estimate import Estimate
from w2s_probe.theory import IntrinsicDimension, expected_errors
from w2s_probe.theory.variance.output import SizePoint, VarianceOutput

NAMES = {"teacher": "teacher", "student_fresh": "student", "baseline": "baseline", "ceiling": "ceiling"}
STEPS = 40


def errors_figures(output: VarianceOutput) -> list[str]:
    """Return errors over n at the full N, and over N at the full n; no figure of a single size."""
    c = output.config
    axes = {"n": f"n labels, at N = {c.N:,}", "N": f"N pseudolabels, at n = {c.n:,}"}
    over = {name: points_over(output, name) for name in axes}
    drawn = {name: _series(c, name, points) for name, points in over.items() if len(points) > 1}
    low, high = _limits([each for series in drawn.values() for each in series])
    return [
        line_chart(
            f"errors{name}",
            series,
            title=f"Expected squared error over {axes[name]}",
            subject="squared error",
            axis=axes[name],
            said=_said(name, over[name]),
            limits=(low, high),
            sizes=[getattr(point, name) for point in over[name]],
            log="both",
        )
        for name, series in drawn.items()
    ]


def points_over(output: VarianceOutput, name: str) -> list[SizePoint]:
    """Return the points of one axis, ``"n"`` or ``"N"``, by size."""
    other = "N" if name == "n" else "n"
    fixed = getattr(output.config, other)
    at = {getattr(point, name): point for point in output.curve or () if getattr(point, other) == fixed}
    return [at[size] for size in sorted(at)]


def _series(config: IntrinsicDimension, name: str, points: Sequence[SizePoint]) -> list[Series]:
    smooth = _smooth(config, name, [getattr(point, name) for point in points])
    return [
        Series(
            system="student" if system == "student_fresh" else system,
            name=said,
            marks=[
                Mark(at=getattr(point, name), estimate=_measured(point, system)) for point in points if point.simulated
            ],
            smooth=[(size, errors[system]) for size, errors in smooth if errors[system] > 0],
        )
        for system, said in NAMES.items()
    ]


def _smooth(config: IntrinsicDimension, name: str, sizes: Sequence[int]) -> list[tuple[int, dict[str, float]]]:
    """Return the closed forms at sizes close to each other, from the smallest to the largest of those given."""
    low, high = min(sizes), max(sizes)
    between = {round(low * (high / low) ** (i / STEPS)) for i in range(STEPS + 1)}
    configs = {"n": lambda size: replace(config, n=size), "N": lambda size: replace(config, N=size)}
    return [(size, expected_errors(configs[name](size)).total.to_dict()) for size in sorted(between)]


def _measured(point: SizePoint, system: str) -> Estimate:
    """Return a simulated mean with twice its standard error to either side; undefined where a log scale ends."""
    found = (point.simulated or {})[system]
    if not found.value > 0:
        return Estimate(value=math.nan, low=math.nan, high=math.nan)
    return Estimate(value=found.value, low=found.value - 2 * found.se, high=found.value + 2 * found.se)


def _limits(series: Sequence[Series]) -> tuple[float, float]:
    values = [value for each in series for _, value in each.smooth]
    values += [mark.estimate.value for each in series for mark in each.marks if mark.estimate.value > 0]
    if not values:
        return 0.1, 1.0
    return min(values) / 1.3, max(values) * 1.3


def _said(name: str, points: Sequence[SizePoint]) -> str:
    said = "; ".join(
        f"at {getattr(point, name):,}: "
        + ", ".join(f"{said} {_value(point, system)}" for system, said in NAMES.items())
        for point in points
    )
    return f"{said}."


def _value(point: SizePoint, system: str) -> str:
    value = getattr(point.expected, system)
    said = "undefined" if math.isnan(value) else f"{value:.4g}"
    found = (point.simulated or {}).get(system)
    return (
        said if found is None or math.isnan(found.value) else f"{said} (simulated {found.value:.4g} ± {found.se:.2g})"
    )
