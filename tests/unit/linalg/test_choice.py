"""The grid of ridge strengths: its center, how it goes on, and the choice of a strength."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from w2s_probe.linalg import loo_error, ridge_path
from w2s_probe.linalg.choice import choose_strength
from w2s_probe.linalg.loo import loo_score, loo_score_of_rows
from w2s_probe.linalg.ridge import RidgePath
from w2s_probe.linalg.strengths import alpha_grid, covering_grid

Array = NDArray[np.float64]


def a_path(rows: int = 60, columns: int = 9) -> RidgePath:
    rng = np.random.default_rng(0)
    return ridge_path(rng.standard_normal((rows, columns)), rng.standard_normal((rows, 2)))


def median_eigenvalue(X: Array) -> float:
    values = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    return float(np.median(values[values > 1e-9 * values.max()]))


def scored(score: Callable[[Array], Array], path: RidgePath) -> list[Array]:
    """Return the exponents of the strengths of every call, and the choice's strengths last."""
    calls: list[Array] = []
    center = np.median(path.spectrum.eigenvalues)

    def of_path(tried: RidgePath) -> Array:
        calls.append(np.log10(tried.alphas / center))
        return score(calls[-1])

    choice = choose_strength(path, of_path)
    return [*calls, np.log10(choice.path.alphas / center)]


@pytest.mark.parametrize("shape", [(80, 12), (25, 60), (40, 40)])
@pytest.mark.parametrize("repeated", [False, True])
def test_the_grid_has_four_strengths_a_decade_around_the_median_positive_eigenvalue(
    shape: tuple[int, int], repeated: bool
) -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal(shape) + 5
    if repeated:
        X = np.hstack([X, X, np.ones((len(X), 2))])
    alphas = ridge_path(X, rng.standard_normal((len(X), 1))).alphas
    assert len(alphas) == 33
    np.testing.assert_allclose(alphas / median_eigenvalue(X), 10 ** (np.arange(-16, 17) / 4), rtol=1e-8)


@pytest.mark.parametrize("scale", [1e2, 1e4, 1e6])
def test_neither_one_large_column_nor_one_large_row_moves_the_center(scale: float) -> None:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((200, 15))
    column, row = X.copy(), X.copy()
    column[:, 4] *= scale
    row[7] = scale
    plain = np.median(ridge_path(X, X[:, :1]).spectrum.eigenvalues)
    for moved in (column, row):
        spectrum = ridge_path(moved, X[:, :1]).spectrum
        center = alpha_grid(spectrum)[16]
        assert 0.8 * plain < center < 1.25 * plain
        assert covering_grid(spectrum)[-1] > 0.1 * spectrum.eigenvalues[-1]  # no axis is out of reach


def test_the_grid_reaches_every_axis_even_if_most_columns_are_large() -> None:
    rng = np.random.default_rng(3)
    spectrum = ridge_path(np.c_[rng.standard_normal((99, 3)), 1e5 * rng.standard_normal((99, 8))], np.eye(99)).spectrum
    assert covering_grid(spectrum)[0] <= 10 * spectrum.eigenvalues[0] * 1.001
    assert len(alpha_grid(spectrum)) == 33


@pytest.mark.parametrize(
    ("best", "low", "high"), [(-6.3, -7, 4), (-4.2, -5, 4), (7.9, -4, 9), (0.0, -4, 4), (4.0, -4, 5), (-11.9, -12, 4)]
)
def test_the_grid_goes_on_by_decades_while_an_end_is_best(best: float, low: float, high: float) -> None:
    *_, tried = scored(lambda exponents: (exponents - best) ** 2, a_path())
    np.testing.assert_allclose([tried[0], tried[-1]], [low, high])
    np.testing.assert_allclose(np.diff(tried), 0.25)


@pytest.mark.parametrize(("sign", "end"), [(1, "lower"), (-1, "upper")])
def test_an_end_is_reported_only_twelve_decades_from_the_center(sign: int, end: str) -> None:
    path = a_path()
    choice = choose_strength(path, lambda tried: 1e3 + sign * np.log10(tried.alphas))
    assert choice.end == end
    assert len(choice.path.alphas) == 65
    assert abs(np.log10(choice.path.alphas[choice.index] / np.median(path.spectrum.eigenvalues))) == pytest.approx(12)


def test_rows_are_read_twice_more_at_most_when_the_grid_goes_on() -> None:
    assert len(scored(lambda exponents: 50.0 + exponents, a_path())) - 1 == 3
    assert len(scored(np.abs, a_path())) - 1 == 1


def test_given_strengths_do_not_go_on() -> None:
    rng = np.random.default_rng(0)
    path = ridge_path(rng.standard_normal((30, 4)), rng.standard_normal((30, 1)), alphas=[1.0, 10.0, 100.0])
    choice = choose_strength(path, lambda tried: -np.log10(tried.alphas))
    assert (choice.index, choice.end, len(choice.path.alphas)) == (2, "upper", 3)


def test_ties_go_to_the_larger_strength_and_rounding_breaks_none() -> None:
    path = a_path()
    flat = np.ones(33)
    flat[10:20] = 0.5 * (1 + 1e-12 * np.arange(10))
    assert choose_strength(path, lambda tried: flat).index == 19


def test_a_flat_limit_of_small_strengths_is_no_end() -> None:
    rng = np.random.default_rng(4)
    X = rng.standard_normal((40, 200))
    Y = X[:, :1].copy()
    X[:, 0] *= 20  # the other columns shrink the head already: the smaller the strength, the better
    choice = choose_strength(ridge_path(X, Y), lambda path: loo_score(path, X, Y))
    ridgeless = loo_error(ridge_path(X, Y, alphas=[0.0]), X, Y)[0]
    assert choice.end == ""
    assert loo_error(choice.path, X, Y)[choice.index] == pytest.approx(ridgeless, rel=1e-6)


def test_an_exact_fit_is_no_end() -> None:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((200, 6))
    Y = X @ rng.standard_normal((6, 2))
    for score in (lambda path: loo_score(path, X, Y), lambda path: path.gcv):
        choice = choose_strength(ridge_path(X, Y), score)
        assert choice.end == ""
        W, b = choice.path.coefficients(choice.index)
        np.testing.assert_allclose(X @ W + b, Y, atol=1e-5)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("n", "d"), [(60, 5), (60, 58), (40, 90), (200, 30)])
def test_the_bound_chooses_no_other_strength_for_ordinary_rows(n: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    Y = np.eye(2)[(X[:, 0] + rng.standard_normal(n) > 0).astype(int)]
    path = ridge_path(X, Y)
    exact, bounded = loo_error(path, X, Y), loo_score(path, X, Y)
    useful = exact <= exact[-1]  # the score of a head without features
    np.testing.assert_allclose(bounded[useful], exact[useful], rtol=1e-3)
    assert exact.argmin() == bounded.argmin()


@pytest.mark.parametrize("size", [1e2, 1e4, 1e7])
def test_one_row_cannot_choose_the_strength(size: float) -> None:
    rng = np.random.default_rng(6)
    X = rng.standard_normal((150, 10))
    Y = np.eye(2)[(X[:, :3].sum(axis=1) > 0).astype(int)]
    without = choose_strength(ridge_path(X[1:], Y[1:]), lambda path: loo_score(path, X[1:], Y[1:]))
    X[0] = size
    choice = choose_strength(ridge_path(X, Y), lambda path: loo_score(path, X, Y))
    alphas = [c.path.alphas[c.index] for c in (without, choice)]
    assert abs(np.log10(alphas[0] / alphas[1])) <= 1.5


def test_the_score_of_rows_read_by_blocks_is_the_score() -> None:
    rng = np.random.default_rng(7)
    X = rng.standard_normal((120, 8))
    X[5] = 1e5
    Y = np.eye(3)[rng.integers(0, 3, 120)]
    path = ridge_path(X, Y)
    by_blocks = loo_score_of_rows(path, X, np.arange(120), lambda rows: Y[rows])
    np.testing.assert_allclose(by_blocks, loo_score(path, X, Y), rtol=1e-6)
