"""Intervals of one split against resampled rows: widths, order of the rows, degenerate tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from w2s_probe import metrics
from w2s_probe.metrics import Draws, GroupRows, RowScore
from w2s_probe.metrics.intervals import ratio_of_means

Array = NDArray[np.float64]
RESAMPLES = 50_000
NAMES = ("common", "other", "rare")
SHAPES = [("two classes", 2), ("ten classes", 10), ("regression", 0)]


def one_split(rows: int, level: float = 0.95) -> Draws:
    return Draws(rows=[np.arange(rows)], level=level)


def systems(rows: int, classes: int, rng: np.random.Generator) -> dict[str, dict[str, RowScore]]:
    """Return the scores of three systems that err on the same rows more often than by chance."""
    shared = rng.standard_normal((rows, max(classes, 1)))
    noise = {"teacher": 1.6, "student": 1.1, "baseline": 1.2, "ceiling": 0.7}
    if not classes:
        values = shared[:, 0] + rng.standard_normal(rows)
        return {
            name: metrics.regression_rows(values + 0.6 * size * (shared[:, 0] + rng.standard_normal(rows)), values)
            for name, size in noise.items()
        }
    truth = rng.integers(classes, size=rows)
    signal = 2.2 * np.eye(classes)[truth] + shared
    scored = {name: signal + size * rng.standard_normal((rows, classes)) for name, size in noise.items()}
    return {
        name: metrics.classification_rows(raw, np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True), truth)
        for name, raw in scored.items()
    }


def pairs(rows: int, classes: int) -> Iterator[tuple[str, Array, Array, tuple[float, float]]]:
    """Yield name, numerator, denominator and bounds of scores, gain, PGR, OPR and the scores of groups."""
    rng = np.random.default_rng([rows, classes])
    scores = systems(rows, classes, rng)
    for metric, row in scores["student"].items():
        yield metric, row.numerator, row.denominator, row.bounds
    main, by_group = ("accuracy", "accuracy") if classes else ("r2", "squared_error")
    teacher, student, ceiling = (scores[system][main] for system in ("teacher", "student", "ceiling"))
    gap, unbounded = ceiling.numerator - teacher.numerator, (-np.inf, np.inf)
    yield "gain", student.numerator - teacher.numerator, student.denominator, unbounded
    if gap.mean() / gap.std() * np.sqrt(rows) > 6:  # where the gap is narrow, percentiles of the ratio are skewed
        yield "pgr", student.numerator - teacher.numerator, gap, unbounded
    errors = [
        1 - scores[name]["accuracy"].numerator if classes else scores[name]["squared_error"].numerator
        for name in ("baseline", "student")
    ]
    if errors[1].sum() > 50 or not classes:
        yield "opr", errors[0], errors[1], unbounded
    codes = np.repeat([0, 1, 2], [rows - rows // 5 - rows // 10, rows // 5, rows // 10])
    groups = GroupRows.of(scores["student"][by_group], codes, NAMES, np.ones(3) / 3)
    for name, row in zip(groups.names, groups.rows, strict=True):
        yield name, row.numerator, row.denominator, row.bounds


def resampled_limits(scores: list[tuple[Array, Array]], level: float = 0.95) -> Array:
    """Return percentiles of every score over resampled rows, shape (scores, 2)."""
    table = np.column_stack([column for pair in scores for column in pair])
    rows, rng, values = len(table), np.random.default_rng(0), []
    for _ in range(RESAMPLES // 1000):
        drawn = rng.integers(rows, size=(1000, rows)) + rows * np.arange(1000)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=1000 * rows).reshape(1000, rows)
        sums = counts.astype(np.float64) @ table
        values.append(sums[:, ::2] / sums[:, 1::2])
    return np.quantile(np.concatenate(values), [(1 - level) / 2, (1 + level) / 2], axis=0).T


@pytest.mark.statistical
@pytest.mark.parametrize("rows", [50, 200, 2000])
@pytest.mark.parametrize(("shape", "classes"), SHAPES)
def test_widths_are_those_of_50_000_resamples_of_rows(shape: str, classes: int, rows: int) -> None:
    names, numerators, denominators, bounds = zip(*pairs(rows, classes), strict=True)
    limits = resampled_limits(list(zip(numerators, denominators, strict=True)))
    assert len(names) >= 6, shape
    for at, name in enumerate(names):
        low, high = np.clip(limits[at], *bounds[at])
        found = ratio_of_means(numerators[at], denominators[at], one_split(rows), bounds=bounds[at])
        values = np.unique(numerators[at])  # percentiles of few values move in steps
        step = np.diff(values).min() / rows if 1 < len(values) < 4 else 0.0
        # resampled R² of few rows is skewed towards 0, since its denominator varies too
        share = 0.1 if name == "r2" and rows < 100 else 0.05
        assert found.high - found.low == pytest.approx(high - low, rel=share, abs=1.01 * step), name


@pytest.mark.parametrize(("shape", "classes"), SHAPES)
def test_limits_do_not_depend_on_the_order_of_the_rows(shape: str, classes: int) -> None:
    order = np.random.default_rng(4).permutation(200)
    for name, numerator, denominator, bounds in pairs(200, classes):
        one, other = (
            ratio_of_means(numerator[at], denominator[at], one_split(200), bounds=bounds) for at in (order, order[::-1])
        )
        assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-12, abs=1e-12), (shape, name)


@pytest.mark.parametrize("groups", [2, 5, 12])
def test_means_over_groups_have_one_value_for_each_pattern_of_a_row(groups: int) -> None:
    rng = np.random.default_rng(groups)
    codes, right = rng.integers(groups, size=999), rng.random(999) < 0.7
    score = RowScore(numerator=right.astype(float), denominator=np.ones(999), bounds=(0.0, 1.0))
    names, shares = [str(g) for g in range(groups)], rng.dirichlet(np.ones(groups))
    draws = one_split(999)
    exact = GroupRows.of(score, codes, names, shares)
    numerator = sum(share * row.numerator for share, row in zip(exact.shares, exact.rows, strict=True))
    assert len(np.unique(numerator)) == 2 * groups
    expected = ratio_of_means(numerator, np.ones(999), draws, bounds=(0, 1))
    assert exact.prior_mean(draws) == expected


@pytest.mark.parametrize(("rows", "right"), [(40, 40), (40, 0), (1000, 1000), (2, 2)])
def test_rows_that_are_all_alike_give_no_width(rows: int, right: int) -> None:
    values = (np.arange(rows) < right).astype(float)
    found = ratio_of_means(values, np.ones(rows), one_split(rows), bounds=(0, 1))
    assert (found.low, found.high) == (found.value, found.value)


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (0.0, np.inf), (-np.inf, np.inf)])
def test_a_single_row_has_no_limits_but_the_bounds(bounds: tuple[float, float]) -> None:
    found = ratio_of_means(np.ones(1), np.ones(1), one_split(1), bounds=bounds)
    assert (found.value, found.low, found.high) == (1.0, *bounds)


@pytest.mark.parametrize("copies", [1, 3])
def test_no_gap_leaves_pgr_unresolved(copies: int) -> None:
    right = np.tile(np.random.default_rng(0).random(100) < 0.6, copies).astype(float)
    same = RowScore(numerator=right, denominator=np.ones(len(right)), bounds=(0.0, 1.0))
    pgr = metrics.performance_gap_recovered(teacher=same, student=same, ceiling=same, draws=one_split(len(right)))
    assert pgr.resolved is False
    assert np.isnan([pgr.value, pgr.low, pgr.high]).all()


@pytest.mark.parametrize("rows", [5, 20, 300])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_mean_of_numbers_has_the_t_interval(rows: int, level: float) -> None:
    values = np.random.default_rng(rows).standard_normal(rows)
    found = ratio_of_means(values, np.ones(rows), one_split(rows, level))
    expected = stats.t.interval(level, rows - 1, loc=values.mean(), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-9)


def test_pairs_of_one_item_have_no_limits() -> None:
    ones = np.ones(4)
    items = [np.zeros((4, 2), dtype=np.intp)]
    estimate = ratio_of_means(ones, ones, Draws(rows=[np.arange(4)], level=0.95, items=items), bounds=(-np.inf, np.inf))
    assert (estimate.low, estimate.high) == (-np.inf, np.inf)
