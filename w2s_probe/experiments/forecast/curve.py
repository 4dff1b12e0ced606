r"""Learning curves of a forecast: :math:`a + c\,m^{-1/2}` through estimates at measured sizes m."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from w2s_probe.core.types import Float
from w2s_probe.experiments.forecast.evidence import (
    SMALL,
    CombinedEstimate,
    ErrorModel,
    MeanEstimate,
    quantile,
    weighted_sum,
)
from w2s_probe.experiments.forecast.sizes import SUBSETS
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import ForecastPoint

BEYOND = (2, 4, 8)  # multiples of n and N to extrapolate to
LEAST_POINTS = 3  # of a curve of differences
EXTRAPOLATED = 0.01  # standard deviation of the curve's own error, in units of the score
BOUNDS = {"accuracy": (0.0, 1.0), "brier": (0.0, 2.0), "r2": (-math.inf, 1.0), "squared_error": (0.0, math.inf)}
# weights of teacher, student and baseline
DIFFERENCES = {"gain": (-1, 1, 0), "versus_baseline": (0, 1, -1)}
SYSTEMS = {"teacher": (1, 0, 0), "student": (0, 1, 0), "baseline": (0, 0, 1)}


@dataclass(frozen=True, eq=False, kw_only=True)
class Point:
    """Estimates at one pair of sizes.

    Parameters
    ----------
    n, N : int
        Labeled rows, and rows of the pool.
    parts : mapping of system or difference to MeanEstimate
        The estimates; at smaller n averaged over `SUBSETS` parts of the labeled rows.
    spread : mapping of difference to float
        Variance between draws of the labels, times the number of labels, from the variance between these parts.
        Empty where n is the full size.
    """

    n: int
    N: int
    parts: Mapping[str, MeanEstimate]
    spread: Mapping[str, float] = field(default_factory=dict)


def averaged_point(n: int, N: int, subsets: Sequence[Mapping[str, CombinedEstimate]], *, of: int) -> Point:
    """Return the mean of the estimates on several parts of n rows each, drawn from `of` labeled rows."""
    mean = np.full(len(subsets), 1 / len(subsets))
    within = 1 / n - 1 / of  # variance between parts of n rows, relative to the variance of one row
    return Point(
        n=n,
        N=N,
        parts={name: weighted_sum([parts[name] for parts in subsets], mean) for name in subsets[0]},
        spread={name: float(np.var([parts[name].value for parts in subsets], ddof=1)) / within for name in DIFFERENCES},
    )


def extrapolate(points: list[tuple[int, MeanEstimate]], size: int) -> MeanEstimate:
    r"""Return a score at another size from :math:`a + c\,m^{-1/2}` through the points, larger sizes weighing more.

    The curve's own error is added. A single point is returned as it is, with twice that error.
    """
    if len(points) == 1:
        return weighted_sum([points[0][1]], np.ones(1), bias=2 * EXTRAPOLATED)
    weights = _weights([m for m, _ in points], np.array([float(size)]))[0]
    return weighted_sum([part for _, part in points], weights, bias=EXTRAPOLATED)


def expected_over(points: list[Point], name: str, sizes: Float, level: float) -> tuple[Float, Float]:
    """Return the values that `extrapolate` gives at many n, and the half-widths of intervals for any labels.

    The interval of `extrapolate` is for the present labels. Other labels of the same number give other heads, which
    adds their variance: at the full n it is a shift of the whole curve, at smaller n the parts vary besides.
    """
    n, parts = points[-1].n, [point.parts[name] for point in points]
    weights = _weights([point.n for point in points], sizes)
    influences = np.array([part.influence for part in parts])
    rows = (1 + SMALL / n) * np.einsum("sp,pq,sq->s", weights, influences @ influences.T, weights)
    bias = weights @ np.array([part.bias for part in parts])
    parted = np.array([(1 / point.n - 1 / n) / SUBSETS for point in points])
    spread = float(np.mean([point.spread[name] for point in points[:-1]]))
    variance = rows + bias**2 + EXTRAPOLATED**2 + spread * (1 / n + weights**2 @ parted)
    values = weights @ np.array([part.value for part in parts])
    return values, quantile(np.array(n), level) * np.sqrt(variance)


def _weights(measured: list[int], sizes: Float) -> Float:
    """Return the weight of every point in the fit's value at every size, shape (sizes, points)."""
    m = np.array(measured, dtype=np.float64)
    design = np.column_stack([np.ones(len(m)), m**-0.5])
    at = np.column_stack([np.ones(len(sizes)), sizes**-0.5])
    return np.asarray(at @ np.linalg.pinv(np.sqrt(m)[:, None] * design) * np.sqrt(m))


def curve_points(
    over_n: list[Point], over_N: list[Point], own: Mapping[str, CombinedEstimate], *, score: str, level: float
) -> tuple[ForecastPoint, ...]:
    """Return the points of both curves, which end at the full sizes; `own` has the estimates there."""
    full = over_n[-1]
    points = [*over_n, *_beyond(over_n, "n"), *over_N[:-1], *_beyond(over_N, "N")]
    return tuple(
        ForecastPoint(
            n=point.n,
            N=point.N,
            measured=point.n <= full.n and point.N <= full.N,
            **{name: point.parts[name].estimate(level) for name in DIFFERENCES},
            **{f"{name}_then": _then(point, name, own[name].errors, pool=full.N, level=level) for name in DIFFERENCES},
            **{name: bounded(point.parts[name].estimate(level), score) for name in SYSTEMS},
        )
        for point in points
    )


def _then(point: Point, name: str, errors: ErrorModel, *, pool: int, level: float) -> Estimate:
    """Return a difference with the interval that one would have at these sizes; `errors` are for `pool` rows."""
    value = point.parts[name].value
    there = replace(errors, sampled=errors.sampled * math.sqrt(pool / point.N))
    half = float(there.half_width(np.array(point.n), level))
    return Estimate(value=value, low=value - half, high=value + half)


def _beyond(points: list[Point], size: Literal["n", "N"]) -> list[Point]:
    """Return the extrapolated points at larger sizes of one kind; none from fewer than three points."""
    if len(points) < LEAST_POINTS:
        return []
    full = points[-1]
    larger: list[Point] = []
    for times in BEYOND:
        n, N = (full.n * times, full.N) if size == "n" else (full.n, full.N * times)
        measured = {name: [(getattr(point, size), point.parts[name]) for point in points] for name in full.parts}
        target = n if size == "n" else N
        larger.append(Point(n=n, N=N, parts={name: extrapolate(over, target) for name, over in measured.items()}))
    return larger


def bounded(estimate: Estimate, score: str) -> Estimate:
    """Return an estimate clipped to the range of its score."""
    low, value, high = np.clip((estimate.low, estimate.value, estimate.high), *BOUNDS[score]).tolist()
    return Estimate(value=value, low=low, high=high)
