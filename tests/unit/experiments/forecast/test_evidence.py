"""Counting and smoothing combined: limits, intervals, and sums of estimates from the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm, t

from w2s_probe.experiments.forecast import evidence
from w2s_probe.experiments.forecast.evidence import DF, SMALL, CombinedEstimate, MeanEstimate, combine, weighted_sum
from w2s_probe.experiments.forecast.pool_sums import Smooth
from w2s_probe.metrics.dyadic import Dyads

Array = NDArray[np.float64]


def parts(n: int = 50, N: int = 400) -> tuple[Array, tuple[float, Array, Array]]:
    rng = np.random.default_rng(0)
    rows = 0.1 + 0.2 * rng.standard_normal(N)
    return rng.choice([-1.0, 0.0, 1.0], n), (float(rows.mean()), 0.01 * rng.standard_normal(n), rows)


def combined(
    counted: Array, smooth: tuple[float, Array, Array], *, row_variance: float, unit: float = 1.0
) -> CombinedEstimate:
    """Return both estimates combined, the smooth one from its mean, influences, and expectation of each row."""
    mean, influence, rows = smooth
    sampled = float(rows.std()) / len(rows) ** 0.5
    model = Smooth(mean=mean, influence=influence, sampled=sampled, squares=np.nan)
    return combine(counted, model, row_variance=row_variance, unit=unit)


def test_a_model_that_nothing_holds_leaves_counting_alone() -> None:
    counted, (mean, influence, rows) = parts()
    found = combined(counted, (mean, 1e6 * influence, rows), row_variance=0.5)
    assert found.value == pytest.approx(counted.mean(), abs=1e-9)
    expected = np.hypot(np.sqrt(1 + SMALL / 50) * counted.std() / np.sqrt(50), 1 / 52)
    assert found.error == pytest.approx(expected, rel=1e-4)


def test_rows_that_all_agree_are_no_certainty() -> None:
    _, (_, influence, rows) = parts()
    found = combined(np.zeros(50), (0.1, influence, rows), row_variance=0.04)
    assert 0 < found.value < 0.1
    assert found.error > 0.25 / 52
    few, many = (combined(np.zeros(n), (0.0, np.zeros(n), np.zeros(1000)), row_variance=0.0).error for n in (50, 5000))
    assert few > 5 * many > 0


def test_a_steady_model_outweighs_few_rows() -> None:
    counted, _ = parts(n=5)
    found = combined(counted, (0.1, np.zeros(5), np.full(1000, 0.1)), row_variance=0.5)
    assert abs(found.value - 0.1) < 0.01 * abs(counted.mean() - 0.1)
    assert found.error == pytest.approx(evidence.SMOOTH_BIAS, rel=0.01)


def test_a_small_pool_is_a_sample_too() -> None:
    counted, (mean, influence, rows) = parts()
    many, few = (
        combined(counted, (mean, influence, part), row_variance=0.5) for part in (np.tile(rows, 100), rows[:10])
    )
    assert few.error > 1.05 * many.error
    assert abs(few.value - counted.mean()) < abs(many.value - counted.mean())


@given(scale=st.floats(1e-3, 1e3))
def test_the_combination_does_not_depend_on_the_unit(scale: float) -> None:
    counted, (mean, influence, rows) = parts()
    one = combined(counted, (mean, influence, rows), row_variance=0.5)
    other = combined(
        scale * counted, (scale * mean, scale * influence, scale * rows), row_variance=0.5 * scale**2, unit=scale
    )
    assert other.value == pytest.approx(scale * one.value)
    assert other.error == pytest.approx(scale * one.error)


def test_intervals_are_students_with_a_quarter_of_the_rows() -> None:
    influence = np.tile([0.03, -0.04], 40)
    found = MeanEstimate(value=0.2, influence=influence, bias=0.02, row_variance=0.3)
    error = np.hypot(np.sqrt((1 + SMALL / 80) * 40) * 0.05, 0.02)
    assert found.error == pytest.approx(error)
    low, high = t(80 / DF, 0.2, error).interval(0.9)
    estimate = found.estimate(0.9)
    assert (estimate.low, estimate.value, estimate.high) == pytest.approx((low, 0.2, high))
    assert found.observed(0.9, 60) == pytest.approx(t(80 / DF, 0.2, np.sqrt(error**2 + 0.3 / 60)).interval(0.9))
    assert found.observed(0.9, 10**12) == pytest.approx((low, high))
    many = MeanEstimate(value=0.2, influence=np.full(10**5, 1e-4), bias=0.0, row_variance=0.3)
    assert (many.estimate(0.9).low, many.estimate(0.9).high) == pytest.approx(
        norm(0.2, many.error).interval(0.9), rel=1e-4
    )


def test_sums_keep_what_rows_share() -> None:
    one = MeanEstimate(value=0.5, influence=np.array([0.1, -0.2, 0.1]), bias=0.01, row_variance=0.2)
    other = MeanEstimate(value=0.3, influence=np.array([0.0, 0.1, -0.1]), bias=0.02, row_variance=0.1)
    nothing = weighted_sum([one, one], np.array([1.0, -1.0]))
    assert (nothing.value, nothing.error) == (0.0, 0.0)
    found = weighted_sum([one, other], np.array([2.0, -1.0]), bias=0.03)
    assert found.value == pytest.approx(0.7)
    np.testing.assert_allclose(found.influence, [0.2, -0.5, 0.3])
    assert found.bias == pytest.approx(np.hypot(0.03, 0.0))


def test_errors_of_pairs_count_what_pairs_with_a_common_item_share() -> None:
    influence = np.array([0.1, 0.2, -0.3, 0.05])
    given: dict[str, Any] = {"value": 0.5, "influence": influence, "bias": 0.0, "row_variance": 0.2}
    alone = Dyads.of(np.array([[0, 1], [2, 3], [4, 5], [6, 7]]))
    assert MeanEstimate(**given, dyads=alone).error == pytest.approx(MeanEstimate(**given).error)
    chain = Dyads.of(np.array([[0, 1], [1, 2], [4, 5], [6, 7]]))  # the first two pairs share item 1
    found = MeanEstimate(**given, dyads=chain).error ** 2 / (1 + SMALL / 4)
    assert found == pytest.approx(float((influence**2).sum()) + 2 * 0.1 * 0.2)
    counted = np.array([1.0, 1.0, -1.0, 0.0])  # the first two pairs err alike
    smooth = Smooth(mean=0.1, influence=np.array([0.02, 0.01, -0.02, 0.0]), sampled=0.01, squares=1.0)
    both = combine(counted, smooth, row_variance=0.5, dyads=chain)
    assert float(both.errors.error(np.array(4))) == pytest.approx(both.error)
    assert weighted_sum([both, both], np.array([1.0, 0.0])).error == pytest.approx(both.error)


@pytest.mark.parametrize("n", [20, 50, 400])
def test_the_error_of_the_present_labels_is_the_estimates_own(n: int) -> None:
    counted, smooth = parts(n)
    found = combined(counted, smooth, row_variance=0.5)
    estimate = found.estimate(0.9)
    assert float(found.errors.error(np.array(n))) == pytest.approx(found.error)
    assert float(found.errors.half_width(np.array(n), 0.9)) == pytest.approx(estimate.high - estimate.value)


@pytest.mark.parametrize("times", [2, 5, 20])
def test_more_labels_give_the_error_of_the_same_rows_repeated(times: int) -> None:
    """Every labeled row again and again: the errors of a larger sample with the same variances."""
    counted, (mean, influence, rows) = parts()
    more = combined(np.tile(counted, times), (mean, np.tile(influence / times, times), rows), row_variance=0.5)
    found = combined(counted, (mean, influence, rows), row_variance=0.5)
    assert float(found.errors.error(np.array(50 * times))) == pytest.approx(more.error)


@pytest.mark.parametrize("times", [2, 5, 20])
def test_more_labels_do_not_remove_the_pools_error_and_the_models_bias(times: int) -> None:
    _, (mean, influence, rows) = parts()
    steady = combined(100 * rows[:50], (mean, influence, rows), row_variance=0.5).errors
    assert steady.bias(np.array(50.0 * times)) > 0.9 * np.hypot(evidence.SMOOTH_BIAS, rows.std() / 20)
