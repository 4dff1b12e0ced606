"""Learning curves of a forecast: exact on their own curve, with the spread that other labels would give."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from w2s_probe.experiments.forecast.curve import (
    EXTRAPOLATED,
    Point,
    averaged_point,
    curve_points,
    expected_over,
    extrapolate,
)
from w2s_probe.experiments.forecast.evidence import CombinedEstimate, ErrorModel, MeanEstimate

Array = NDArray[np.float64]
LEVEL = 0.9
NAMES = ("gain", "versus_baseline", "teacher", "student", "baseline")
ERRORS = ErrorModel(counted=0.3, smooth=0.1, shared=0.05, sampled=0.01, unit=1.0)


def estimate(value: float, *, rows: int = 40, seed: int = 0, bias: float = 0.0) -> CombinedEstimate:
    influence = 0.002 * np.random.default_rng(seed).standard_normal(rows)
    return CombinedEstimate(value=value, influence=influence, bias=bias, row_variance=0.1, errors=ERRORS)


def curve(values: dict[int, float], spread: float) -> list[Point]:
    *smaller, full = values
    points = [
        Point(
            n=n,
            N=300,
            parts={name: estimate(values[n], seed=n, bias=0.01) for name in NAMES},
            spread={"gain": spread, "versus_baseline": spread},
        )
        for n in smaller
    ]
    return [*points, Point(n=full, N=300, parts={name: estimate(values[full], bias=0.01) for name in NAMES})]


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_extrapolation_is_exact_on_its_own_curve(sign: float) -> None:
    points: list[tuple[int, MeanEstimate]] = [(m, estimate(0.8 + sign * m**-0.5)) for m in (50, 100, 200, 400)]
    found = extrapolate(points, 6400)
    assert found.value == pytest.approx(0.8 + sign * 6400**-0.5)
    assert found.bias == EXTRAPOLATED


@pytest.mark.parametrize("size", [41, 160, 800])
def test_many_sizes_equal_one_at_a_time_where_labels_do_not_matter(size: int) -> None:
    points = curve({10: 0.3, 20: 0.1, 40: 0.2}, 0.0)
    values, half = expected_over(points, "gain", np.array([7.0, size]), LEVEL)
    one = extrapolate([(point.n, point.parts["gain"]) for point in points], size).estimate(LEVEL)
    assert (values[1], half[1]) == pytest.approx((one.value, one.high - one.value))
    assert (expected_over(curve({10: 0.3, 20: 0.1, 40: 0.2}, 0.5), "gain", np.array([size]), LEVEL)[1] > half[1]).all()


@pytest.mark.parametrize("n", [25, 50, 100])
def test_the_spread_between_parts_gives_the_variance_of_one_row(n: int) -> None:
    rng = np.random.default_rng(n)
    rows = rng.standard_normal(200)
    found = [
        averaged_point(
            n, 300, [dict.fromkeys(NAMES, estimate(float(rng.permutation(rows)[:n].mean()))) for _ in range(4)], of=200
        ).spread["gain"]
        for _ in range(400)
    ]
    # 1,200 degrees of freedom: the standard error is .04
    assert np.mean(found) == pytest.approx(rows.var(ddof=1), rel=0.13)


def test_the_band_covers_a_curve_of_means_over_draws_of_the_labels() -> None:
    """Values are means over the rows of the subset, so that the true curve is 0 and the labels are all that varies."""
    inside, half_widths = [], []
    for number in range(600):
        rng = np.random.default_rng(number)
        rows = rng.standard_normal(160)
        points = [
            averaged_point(m, 9, [dict.fromkeys(NAMES, silent(rng.permutation(rows)[:m])) for _ in range(4)], of=160)
            for m in (20, 40, 80)
        ]
        points.append(Point(n=160, N=9, parts=dict.fromkeys(NAMES, silent(rows))))
        values, half = expected_over(points, "gain", np.array([640.0]), LEVEL)
        inside.append(abs(values[0]) < half[0])
        half_widths.append(half[0])
    # the spread has 9 degrees of freedom; the binomial standard error is .012
    assert 0.84 <= np.mean(inside) <= 0.95
    assert np.std(half_widths) > 0


def silent(rows: Array) -> CombinedEstimate:
    """Return an estimate that knows no error of its own."""
    return CombinedEstimate(
        value=float(rows.mean()), influence=np.zeros(160), bias=0.0, row_variance=0.1, errors=ERRORS
    )


@pytest.mark.parametrize("name", ["gain", "versus_baseline"])
def test_points_have_todays_interval_and_that_of_their_own_sizes(name: str) -> None:
    over_n = curve({10: 0.3, 20: 0.1, 40: 0.2}, 0.1)
    over_N = [Point(n=40, N=N, parts=over_n[-1].parts) for N in (75, 150, 300)]
    own = dict.fromkeys(NAMES, estimate(0.2))
    found = {(p.n, p.N): p for p in curve_points(over_n, over_N, own, score="accuracy", level=LEVEL)}
    assert list(found)[:6] == [(10, 300), (20, 300), (40, 300), (80, 300), (160, 300), (320, 300)]
    halves = {size: (getattr(p, f"{name}_then").high - getattr(p, name).value) for size, p in found.items()}
    for (n, N), half in halves.items():
        there = ErrorModel(counted=0.3, smooth=0.1, shared=0.05, sampled=0.01 * np.sqrt(300 / N), unit=1.0)
        assert half == pytest.approx(float(there.half_width(np.array(n), LEVEL)))
    assert halves[10, 300] > halves[40, 300] > halves[320, 300] > 0
    assert halves[40, 75] > halves[40, 300] > halves[40, 2400]
