"""Several pairs: one baseline for each student, and their order."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.experiments.forecast.pair import forecast_pair
from w2s_probe.experiments.forecast.pairs import ranking, with_equal_baselines
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import Forecast


@pytest.fixture(scope="module")
def forecasts() -> list[Forecast]:
    """Two teachers of one student, and one of another."""
    teacher, student, labels = pair_of_views(300)
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(teacher.X.shape)
    sides = {"a": teacher.X, "b": teacher.X + 3 * noise}, {"s": student.X, "r": student.X[:, :9]}
    return [
        forecast_pair(
            sides[0][weak][:64],
            sides[1][strong][:64],
            labels.targets(np.arange(64)),
            pool_teacher=sides[0][weak][64:],
            pool_student=sides[1][strong][64:],
            config=W2SConfig(),
            names=(weak, strong),
        )
        for weak, strong in (("a", "s"), ("b", "s"), ("a", "r"))
    ]


def scored(pair: Forecast, student: float, baseline: float) -> Forecast:
    level = [Estimate(value=value, low=value, high=value) for value in (student, baseline)]
    return replace(pair, student=level[0], baseline=level[1])


def test_a_student_has_one_baseline_whoever_teaches_it(forecasts: list[Forecast]) -> None:
    first, second, third = with_equal_baselines(forecasts)
    assert forecasts[0].baseline != forecasts[1].baseline
    mean = (forecasts[0].baseline.value + forecasts[1].baseline.value) / 2
    assert first.baseline == second.baseline
    assert first.baseline.value == pytest.approx(mean, abs=1e-15)
    assert [point.baseline for point in first.curve] == [point.baseline for point in second.curve]
    assert first.others["brier"].baseline == second.others["brier"].baseline
    for pair in (first, second):
        assert pair.opr.value == pytest.approx((1 - pair.baseline.value) / (1 - pair.student.value), rel=1e-9)
    assert third == forecasts[2]


def test_pairs_are_ranked_by_the_better_of_student_and_baseline(forecasts: list[Forecast]) -> None:
    pair = forecasts[0]
    pairs = [scored(pair, *values) for values in ((0.6, 0.8), (0.7, 0.8), (0.9, 0.5), (0.5, math.nan), (0.7, 0.8))]
    assert ranking(pairs) == [2, 1, 4, 0, 3]


def test_scores_of_one_change_no_ratio(forecasts: list[Forecast]) -> None:
    perfect = [scored(pair, 1.0, 0.9) for pair in forecasts[:2]]
    assert [pair.baseline.value for pair in with_equal_baselines(perfect)] == [0.9, 0.9]
