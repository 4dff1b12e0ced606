r"""Learning curves of a forecast: :math:`a + c\,m^{-1/2}` through estimates at measured sizes m."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from w2s_probe.core.types import Float
from w2s_probe.experiments.forecast.evidence import SMALL, ErrorModel, MeanEstimate, quantile, weighted_sum
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import ForecastPoint

BEYOND = (2, 4, 8)  # multiples of n and N to extrapolate to
LEAST_POINTS = 3  # of a curve of differences
EXTRAPOLATED = 0.01  # standard deviation of the curve's own error, in units of the score
BOUNDS = {"accuracy": (0.0, 1.0), "brier": (0.0, 2.0), "r2": (-math.inf, 1.0), "squared_error": (0.0, math.inf)}
# weights of teacher, student and baseline
DIFFERENCES = {"gain": (-1, 1, 0), "versus_baseline": (0, 1, -1)}
SYSTEMS = {"teacher": (1, 0, 0), "student": (0, 1, 0), "baseline": (0, 0, 1)}
Point = tuple[tuple[int, int], Mapping[str, MeanEstimate]]  # sizes n and N; estimates by system and difference


def extrapolate(points: list[tuple[int, MeanEstimate]], size: int) -> MeanEstimate:
    r"""Return a score at another size from :math:`a + c\,m^{-1/2}` through the points, larger sizes weighing more.

    The curve's own error is added. A single point is returned as it is, with twice that error.
    """
    if len(points) == 1:
        return weighted_sum([points[0][1]], np.ones(1), bias=2 * EXTRAPOLATED)
    weights = _weights([m for m, _ in points], np.array([float(size)]))[0]
    return weighted_sum([part for _, part in points], weights, bias=EXTRAPOLATED)


def expected_over(points: list[tuple[int, MeanEstimate]], sizes: Float, level: float) -> tuple[Float, Float]:
    """Return the values that `extrapolate` gives at many sizes, and the half-widths of their intervals."""
    weights = _weights([m for m, _ in points], sizes)
    values = weights @ np.array([part.value for _, part in points])
    influences = np.array([part.influence for _, part in points])
    n = influences.shape[1]
    rows = (1 + SMALL / n) * np.einsum("sp,pq,sq->s", weights, influences @ influences.T, weights)
    bias = weights @ np.array([part.bias for _, part in points])
    return values, quantile(np.array(n), level) * np.sqrt(rows + bias**2 + EXTRAPOLATED**2)


def _weights(measured: list[int], sizes: Float) -> Float:
    """Return the weight of every point in the fit's value at every size, shape (sizes, points)."""
    m = np.array(measured, dtype=np.float64)
    design = np.column_stack([np.ones(len(m)), m**-0.5])
    at = np.column_stack([np.ones(len(sizes)), sizes**-0.5])
    return np.asarray(at @ np.linalg.pinv(np.sqrt(m)[:, None] * design) * np.sqrt(m))


def curve_points(
    over_n: list[Point], over_N: list[Point], errors: Mapping[str, ErrorModel], *, score: str, level: float
) -> tuple[ForecastPoint, ...]:
    """Return the points of both curves, which end at the full sizes; `errors` of the differences belong to these."""
    full = over_n[-1][0]
    points = [*over_n, *_beyond(over_n, 0, full), *over_N[:-1], *_beyond(over_N, 1, full)]
    return tuple(
        ForecastPoint(
            n=size[0],
            N=size[1],
            measured=size[0] <= full[0] and size[1] <= full[1],
            **{name: parts[name].estimate(level) for name in DIFFERENCES},
            **{
                f"{name}_then": _then(parts[name].value, errors[name], size, pool=full[1], level=level)
                for name in DIFFERENCES
            },
            **{name: bounded(parts[name].estimate(level), score) for name in SYSTEMS},
        )
        for size, parts in points
    )


def _then(value: float, errors: ErrorModel, size: tuple[int, int], *, pool: int, level: float) -> Estimate:
    """Return a value with the interval that one would have at these sizes; `errors` belong to a pool of size `pool`."""
    there = replace(errors, sampled=errors.sampled * math.sqrt(pool / size[1]))
    half = float(there.half_width(np.array(size[0]), level))
    return Estimate(value=value, low=value - half, high=value + half)


def _beyond(points: list[Point], axis: int, full: tuple[int, int]) -> list[Point]:
    """Return the extrapolated points at larger sizes of one axis; none from fewer than three points."""
    if len(points) < LEAST_POINTS:
        return []
    larger: list[Point] = []
    for times in BEYOND:
        size = (full[0] * times, full[1]) if axis == 0 else (full[0], full[1] * times)
        parts = {name: extrapolate([(m[axis], p[name]) for m, p in points], size[axis]) for name in points[0][1]}
        larger.append((size, parts))
    return larger


def bounded(estimate: Estimate, score: str) -> Estimate:
    """Return an estimate clipped to the range of its score."""
    low, value, high = np.clip((estimate.low, estimate.value, estimate.high), *BOUNDS[score]).tolist()
    return Estimate(value=value, low=low, high=high)
