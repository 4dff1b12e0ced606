"""Intervals: hand-computed variances, limits, one seed. Coverage is simulated in tests/statistical."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from w2s_probe.metrics import (
    Draws,
    RowScore,
    agreement_of_values,
    outperforming_ratio,
    performance_gap_recovered,
    ratio_of_means,
    repeated_error,
)


def draws(seeds: int, rows: int, *, fresh: bool = True, level: float = 0.95) -> Draws:
    start = np.arange(seeds) * rows if fresh else np.zeros(seeds, dtype=int)
    return Draws(rows=[s + np.arange(rows) for s in start], level=level)


def row_score(values: np.ndarray) -> RowScore:
    return RowScore(numerator=values, denominator=np.ones(len(values)), bounds=(0.0, 1.0))


def test_with_fresh_rows_the_variance_is_that_of_seed_means() -> None:
    rng = np.random.default_rng(0)
    shift = np.repeat(rng.standard_normal(6), 50)
    values = shift + 0.1 * rng.standard_normal(300)
    estimate = ratio_of_means(values, np.ones(300), draws(6, 50))
    means = values.reshape(6, 50).mean(axis=1)
    # V_row = V_cell when no row is shared, so V is V_seed and the t has S - 1 degrees of freedom
    half = stats.t.ppf(0.975, 5) * means.std(ddof=1) / np.sqrt(6)
    assert estimate.high - estimate.value == pytest.approx(half)


def test_with_shared_rows_their_difficulty_is_counted_once() -> None:
    hard = (np.arange(200) % 4 == 0).astype(float)
    estimate = ratio_of_means(np.tile(hard, 5), np.ones(1000), draws(5, 200, fresh=False))
    # every seed repeats the same rows: five seeds are worth no more than one
    half = (estimate.high - estimate.low) / 2
    assert half > 1.96 * hard.std() / np.sqrt(200) * 0.99


def test_no_variation_gives_an_interval_of_no_width() -> None:
    estimate = ratio_of_means(np.zeros(100), np.ones(100), draws(5, 20))
    assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 0.0)


def test_one_seed_resamples_row_patterns() -> None:
    values = (np.arange(400) < 300).astype(float)
    estimate = ratio_of_means(values, np.ones(400), draws(1, 400))
    exact = stats.binom.ppf([0.025, 0.975], 400, 0.75) / 400
    np.testing.assert_allclose([estimate.low, estimate.high], exact, atol=0.006)  # 2,000 resamples


def test_a_ratio_that_is_endless_in_many_resamples_has_no_upper_limit_and_warns_of_nothing() -> None:
    denominator = np.array([1.0, 1.0, 1.0, -1.0])  # a fifth of the resamples sum to 0
    found = ratio_of_means(np.ones(4), denominator, draws(1, 4))
    assert found.value == 2
    assert not np.isfinite(found.high)


def test_a_higher_level_gives_a_wider_interval() -> None:
    values = np.random.default_rng(0).random(100)
    wide, narrow = (ratio_of_means(values, np.ones(100), draws(5, 20, level=level)) for level in (0.99, 0.8))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_limits_stay_inside_the_bounds() -> None:
    values = (np.arange(100) > 1).astype(float)
    estimate = ratio_of_means(values, np.ones(100), draws(5, 20), bounds=(0, 1))
    assert estimate.high == 1.0


def test_pgr_is_unresolved_when_the_gap_may_be_nothing() -> None:
    rng = np.random.default_rng(0)
    teacher, student, ceiling = (row_score((rng.random(500) < p).astype(float)) for p in (0.7, 0.71, 0.70))
    pgr = performance_gap_recovered(teacher=teacher, student=student, ceiling=ceiling, draws=draws(5, 100))
    assert pgr.resolved is False
    assert np.isnan([pgr.value, pgr.low, pgr.high]).all()


def test_pgr_is_the_ratio_of_mean_gaps() -> None:
    rng = np.random.default_rng(0)
    teacher, student, ceiling = (row_score((rng.random(5000) < p).astype(float)) for p in (0.6, 0.75, 0.9))
    pgr = performance_gap_recovered(teacher=teacher, student=student, ceiling=ceiling, draws=draws(5, 1000))
    gaps = student.numerator.mean() - teacher.numerator.mean(), ceiling.numerator.mean() - teacher.numerator.mean()
    assert pgr.resolved is True
    assert pgr.value == pytest.approx(gaps[0] / gaps[1])
    assert pgr.low < 0.5 < pgr.high


def test_opr_is_unresolved_when_the_student_may_make_no_error() -> None:
    opr = outperforming_ratio(
        baseline_error=row_score(np.ones(100)), student_error=row_score(np.zeros(100)), draws=draws(5, 20)
    )
    assert opr.resolved is False


def test_likeness_of_values_equals_its_definitions() -> None:
    rng = np.random.default_rng(3)
    truth, teacher, student = rng.standard_normal((3, 100))
    student += 0.5 * teacher
    like = agreement_of_values(student, teacher, draws(5, 20))
    assert like.value == pytest.approx(r2_score(teacher, student))
    assert agreement_of_values(teacher, teacher, draws(5, 20)).value == 1.0
    slope = LinearRegression(fit_intercept=False).fit((teacher - truth)[:, None], student - truth).coef_[0]
    assert repeated_error(student - truth, teacher - truth, draws(5, 20)).value == pytest.approx(slope)
