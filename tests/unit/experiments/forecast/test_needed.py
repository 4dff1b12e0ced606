"""Labels needed: closed forms, ranges, reasons, and agreement with the learning curve that is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.experiments.forecast.needed import NO_CURVE, THROUGH_ZERO, TO_ZERO, TOO_FAR, needed_labels
from w2s_probe.experiments.forecast.pair import forecast_pair
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import FURTHEST, Forecast, NeededLabels

Array = NDArray[np.float64]
NOW = 100
UNRESOLVED = Estimate(value=0.01, low=-0.1, high=0.12)


def needed(value: Callable[[Array], Array], *, uncertainty: float = 0.0, floor: float = 0.0) -> NeededLabels:
    """Return what is needed if the half-width is the root of 1/n and of a part that stays."""
    return needed_labels(
        UNRESOLVED,
        NOW,
        curve=lambda sizes: (value(sizes), np.full(len(sizes), uncertainty)),
        half_width=lambda sizes: np.sqrt(1 / sizes + floor**2),
    )


def steady(value: float) -> Callable[[Array], Array]:
    return lambda sizes: value + 0 * sizes


@given(value=st.floats(0.025, 0.09), sign=st.sampled_from([-1, 1]))
def test_a_steady_difference_needs_labels_by_its_square(value: float, sign: int) -> None:
    found = needed(steady(sign * value))
    assert found.n == pytest.approx(max(value**-2, NOW + 1), rel=0.005, abs=1)
    assert (found.low, found.high, found.reason) == (found.n, found.n, None)


@pytest.mark.parametrize("floor", [0.01, 0.03, 0.04])
def test_the_part_that_stays_costs_labels(floor: float) -> None:
    assert needed(steady(0.05), floor=floor).n == pytest.approx(1 / (0.05**2 - floor**2), rel=0.005)


@pytest.mark.parametrize(
    ("value", "n"),
    [
        (lambda n: 0.05 - 0.2 * n**-0.5, 5.76 / 0.05**2 / 4),
        (lambda n: -0.06 + 0.2 * n**-0.5, 400),  # |v| = .06 - .2/20 = .05 = 1/20
        (lambda n: -0.08 + 0.9 * n**-0.5, 564),  # above 0 today, resolved below 0
        (lambda n: 0.02 + 0.5 * n**-0.5, 625),
    ],
)
def test_the_value_is_the_one_that_the_curve_expects_there(value: Callable[[Array], Array], n: float) -> None:
    assert needed(value).n == pytest.approx(n, rel=0.005)


@pytest.mark.parametrize("present", [(0.02, 0.01, 0.03), (-0.2, -0.3, -0.1), (0.5, 1e-9, 1.0)])
@pytest.mark.parametrize("curve", [None, lambda sizes: (0 * sizes, 0 * sizes)])
def test_a_resolved_difference_needs_no_more_labels(present: tuple[float, float, float], curve: None) -> None:
    value, low, high = present
    found = needed_labels(Estimate(value=value, low=low, high=high), NOW, curve=curve, half_width=np.sqrt)
    assert found == NeededLabels(n=NOW, low=NOW, high=NOW, reason=None)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (needed(steady(0.02)), TOO_FAR),
        (needed(steady(-0.001)), TOO_FAR),
        (needed(steady(0.04), floor=0.05), TOO_FAR),
        (needed(lambda n: 0.5 / n), TO_ZERO),
        (needed(lambda n: -0.002 - 0.4 / n), TO_ZERO),
        (needed(lambda n: np.where(n < 200, 0.003, 0.0)), TO_ZERO),
        (needed(lambda n: 0.2 * n**-0.5 - 0.012), THROUGH_ZERO),
        (needed_labels(UNRESOLVED, NOW, curve=None, half_width=np.sqrt), NO_CURVE),
    ],
)
def test_none_has_a_reason(found: NeededLabels, reason: str) -> None:
    assert (found.n, found.low, found.high, found.reason) == (None, None, None, reason)


@given(value=st.floats(-0.09, 0.09), uncertainty=st.floats(0, 0.1), floor=st.floats(0, 0.05))
def test_the_range_holds_the_number_and_what_the_band_allows(value: float, uncertainty: float, floor: float) -> None:
    found = needed(steady(value), uncertainty=uncertainty, floor=floor)
    numbers = [math.inf if limit is None else limit for limit in (found.low, found.n, found.high)]
    assert numbers == sorted(numbers)
    assert (found.n is None) == (found.reason is not None)
    for inside in np.linspace(value - uncertainty, value + uncertainty, 5)[1:-1]:
        truth = needed(steady(inside), floor=floor).n or math.inf
        assert numbers[0] <= truth <= numbers[2]


def digits_forecasts() -> Iterator[Forecast]:
    """Yield 50 forecasts on handwritten digits: odd against even and pairs of digits, of several sizes and teachers."""
    X, y = load_digits(return_X_y=True)
    for number in range(50):
        rng = np.random.default_rng(number)
        some = rng.choice(10, 2 + 4 * (number % 3), replace=False)
        rows = rng.permutation(np.flatnonzero(np.isin(y, some)))[:360]
        n = (64, 100, 150)[number % 3]
        noisy = X[rows] + rng.uniform(0, 12) * rng.standard_normal((len(rows), 64))
        T, S = noisy[:, rng.permutation(64)[: rng.integers(3, 30)]], noisy[:, : rng.integers(12, 64)]
        Y = np.eye(2)[y[rows[:n]] % 2 if number % 3 else (y[rows[:n]] == some[0]).astype(int)]
        yield forecast_pair(T[:n], S[:n], Y, pool_teacher=T[n:], pool_student=S[n:], config=W2SConfig(alphas=9))


@pytest.mark.slow
def test_the_number_is_where_the_curve_that_is_shown_excludes_0() -> None:
    kinds = set()
    for found in digits_forecasts():
        for name in ("gain", "versus_baseline"):
            labels: NeededLabels = getattr(found.needed, name)
            shown = [point for point in found.curve if point.n >= found.n and point.N == found.N]
            assert [point.n for point in shown] == [found.n * times for times in (1, 2, 4, 8)]
            then: list[Estimate] = [getattr(point, f"{name}_then") for point in shown]
            excluded = [one.low > 0 or one.high < 0 for one in then]
            n = math.inf if labels.n is None else labels.n
            assert (n <= found.n) is excluded[0] is getattr(found, name).resolved
            if not any(excluded):
                assert n > shown[-1].n
            for i, (smaller, larger) in enumerate(pairwise(shown)):
                if not any(excluded[: i + 1]) and excluded[i + 1]:
                    assert smaller.n < n <= larger.n
            assert n <= FURTHEST * found.n or labels.reason in (TOO_FAR, TO_ZERO, THROUGH_ZERO)
            own = getattr(shown[0], name)
            assert (then[0].low, then[0].high) == pytest.approx((own.low, own.high))
            kinds.add("none" if labels.n is None else "now" if n == found.n else "later")
    assert kinds == {"none", "now", "later"}


def coded_forecasts(seed: int) -> dict[str, Forecast]:
    """Return forecasts from one teacher's probability, written in four ways."""
    weak, strong, labels = pair_of_views(500, seed=seed)
    T, S = np.asarray(weak.X, dtype=np.float64), np.asarray(strong.X, dtype=np.float64)
    p = 1 / (1 + np.exp(-T[:, :1] - 0.5 * T[:, 1:2]))
    codes = {
        "probability": p,
        "both classes": np.hstack([p, 1 - p]),
        "percent": 100 * p,
        "of the other class": 1 - p,
    }
    return {
        name: forecast_pair(
            code[:100], S[:100], labels.targets(np.arange(100)), pool_teacher=code[100:], pool_student=S[100:],
            config=W2SConfig(),
        )
        for name, code in codes.items()
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_the_coding_of_the_teacher_stays_within_the_range(seed: int) -> None:
    found = coded_forecasts(seed)
    for name in ("gain", "versus_baseline"):
        each: list[NeededLabels] = [getattr(forecast.needed, name) for forecast in found.values()]
        first = each[0]
        for other in each[1:]:
            assert (first.low or math.inf) <= (other.n or math.inf) <= (first.high or math.inf)
