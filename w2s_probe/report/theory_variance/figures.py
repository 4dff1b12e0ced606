"""The figures of ``theory variance``: errors over sizes by the closed forms, with simulated points."""

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
    over = {size: points_over(output, size) for size in axes}
    curves = {size: _series(c, size, points) for size, points in over.items() if len(points) > 1}
    limits = _limits([curve for series in curves.values() for curve in series])
    return [
        line_chart(
            f"errors{size}",
            series,
            title=f"Expected squared error over {axes[size]}",
            subject="squared error",
            axis=axes[size],
            description=_numbers(size, over[size]),
            limits=limits,
            sizes=[getattr(point, size) for point in over[size]],
            log="both",
        )
        for size, series in curves.items()
    ]


def points_over(output: VarianceOutput, size: str) -> list[SizePoint]:
    """Return the points along one size, ``"n"`` or ``"N"``, the smallest first."""
    other = "N" if size == "n" else "n"
    fixed = getattr(output.config, other)
    points = {getattr(point, size): point for point in output.curve or () if getattr(point, other) == fixed}
    return [points[value] for value in sorted(points)]


def error_text(point: SizePoint, system: str, beside: str = "[{}]") -> str:
    """Return the expected error of one system, and in brackets its simulated mean with the standard error."""
    value, simulated = getattr(point.expected, system), (point.simulated or {}).get(system)
    expected = "undefined" if math.isnan(value) else f"{value:.4g}"
    if simulated is None or math.isnan(simulated.value):
        return expected
    return f"{expected} {beside.format(f'{simulated.value:.4g} ± {simulated.se:.2g}')}"


def _series(config: IntrinsicDimension, size: str, points: Sequence[SizePoint]) -> list[Series]:
    smooth = _smooth(config, size, [getattr(point, size) for point in points])
    return [
        Series(
            system="student" if system == "student_fresh" else system,
            name=name,
            marks=[
                Mark(at=getattr(point, size), estimate=_simulated(point, system)) for point in points if point.simulated
            ],
            smooth=[(value, errors[system]) for value, errors in smooth if errors[system] > 0],
        )
        for system, name in NAMES.items()
    ]


def _smooth(config: IntrinsicDimension, size: str, values: Sequence[int]) -> list[tuple[int, dict[str, float]]]:
    """Return the closed forms at sizes close to each other, from the smallest of `values` to the largest."""
    low, high = min(values), max(values)
    between = {round(low * (high / low) ** (i / STEPS)) for i in range(STEPS + 1)}
    configs = {"n": lambda value: replace(config, n=value), "N": lambda value: replace(config, N=value)}
    return [(value, expected_errors(configs[size](value)).total.to_dict()) for value in sorted(between)]


def _simulated(point: SizePoint, system: str) -> Estimate:
    """Return a simulated mean plus and minus two standard errors; undefined at or below 0, for the log scale."""
    mean = (point.simulated or {})[system]
    if not mean.value > 0:
        return Estimate(value=math.nan, low=math.nan, high=math.nan)
    return Estimate(value=mean.value, low=mean.value - 2 * mean.se, high=mean.value + 2 * mean.se)


def _limits(series: Sequence[Series]) -> tuple[float, float]:
    values = [value for curve in series for _, value in curve.smooth]
    values += [mark.estimate.value for curve in series for mark in curve.marks if mark.estimate.value > 0]
    if not values:
        return 0.1, 1.0
    return min(values) / 1.3, max(values) * 1.3


def _numbers(size: str, points: Sequence[SizePoint]) -> str:
    texts = [
        f"at {getattr(point, size):,}: "
        + ", ".join(f"{name} {error_text(point, system, '(simulated {})')}" for system, name in NAMES.items())
        for point in points
    ]
    return f"{'; '.join(texts)}."
