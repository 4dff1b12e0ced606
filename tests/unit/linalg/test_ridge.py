"""The ridge path against scikit-learn, lstsq and refits without one row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import Ridge, RidgeCV

from w2s_probe.core.errors import ConfigError, ShapeError
from w2s_probe.linalg import loo_error, loo_residuals, ridge_path

Array = NDArray[np.float64]
ALPHAS = np.logspace(-2, 3, 9)
SHAPES = {"n > d": (80, 12), "n < d": (25, 60), "n = d": (40, 40), "n = d + 1": (31, 30)}


def problem(shape: str, *, duplicated: bool = False, seed: int = 0) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    n, d = SHAPES[shape]
    X = rng.standard_normal((n, d)) @ np.diag(rng.uniform(0.2, 3, d)) + rng.uniform(-5, 5, d)
    if duplicated:
        X = np.hstack([X, X[:, : d // 2]])
    Y = X[:, :3] @ rng.standard_normal((3, 3)) + rng.standard_normal((n, 3))
    return X, Y, rng.uniform(0.2, 4, n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("duplicated", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_path_and_loo_equal_ridgecv(shape: str, duplicated: bool, weighted: bool) -> None:
    X, Y, weights = problem(shape, duplicated=duplicated)
    w = weights if weighted else None
    path = ridge_path(X, Y, alphas=ALPHAS, sample_weight=w)
    theirs = RidgeCV(alphas=ALPHAS, store_cv_results=True).fit(X, Y, sample_weight=w)
    # RidgeCV stores squared residuals (n, K, alpha), times the weights
    expected = theirs.cv_results_.sum(axis=(0, 1)) / (len(X) if w is None else w.sum())
    errors = loo_error(path, X, Y)
    np.testing.assert_allclose(errors, expected, rtol=1e-8)
    best = int(errors.argmin())
    assert path.alphas[best] == theirs.alpha_
    W, b = path.coefficients(best)
    np.testing.assert_allclose(W, theirs.coef_.T, atol=1e-8)
    np.testing.assert_allclose(b, theirs.intercept_, atol=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("duplicated", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_loo_residuals_equal_refits_without_each_row(shape: str, duplicated: bool, weighted: bool) -> None:
    X, Y, weights = problem(shape, duplicated=duplicated, seed=1)
    w = weights if weighted else np.ones(len(X))
    path = ridge_path(X, Y, alphas=ALPHAS, sample_weight=w)
    for index in (0, 4, 8):
        residuals = loo_residuals(path, X, Y, index=index)
        for i in range(len(X)):
            rest = np.arange(len(X)) != i
            without = Ridge(alpha=ALPHAS[index], solver="cholesky").fit(X[rest], Y[rest], sample_weight=w[rest])
            np.testing.assert_allclose(residuals[i], Y[i] - without.predict(X[[i]])[0], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("duplicated", [False, True])
def test_vanishing_alpha_is_minimum_norm_least_squares(shape: str, duplicated: bool) -> None:
    X, Y, _ = problem(shape, duplicated=duplicated, seed=2)
    centered = X - X.mean(axis=0)
    expected = np.linalg.lstsq(centered, Y - Y.mean(axis=0), rcond=1e-10)[0]
    for alpha in (0.0, 1e-12):
        W, b = ridge_path(X, Y, alphas=[alpha]).coefficients(0)
        np.testing.assert_allclose(W, expected, atol=1e-6)
        np.testing.assert_allclose(b, Y.mean(axis=0) - X.mean(axis=0) @ W, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), exponent=st.floats(0, 4))
def test_ridgeless_holds_up_to_condition_number_1e4(seed: int, exponent: float) -> None:
    rng = np.random.default_rng(seed)
    n, d = 60, 20
    U, V = np.linalg.qr(rng.standard_normal((n, d)))[0], np.linalg.qr(rng.standard_normal((d, d)))[0]
    X = U @ np.diag(np.logspace(0, -exponent, d)) @ V.T
    X -= X.mean(axis=0)
    Y = X @ rng.standard_normal((d, 2)) + 0.01 * rng.standard_normal((n, 2))
    expected = np.linalg.lstsq(X, Y - Y.mean(axis=0), rcond=None)[0]
    W, _ = ridge_path(X, Y, alphas=[0.0]).coefficients(0)
    np.testing.assert_allclose(W, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_loo_of_an_interpolating_head_is_its_limit() -> None:
    X, Y, _ = problem("n < d")
    limit = loo_error(ridge_path(X, Y, alphas=[0.0]), X, Y)
    near = loo_error(ridge_path(X, Y, alphas=[1e-9]), X, Y)
    np.testing.assert_allclose(limit, near, rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_gcv_equals_its_definition(shape: str) -> None:
    X, Y, _ = problem(shape)
    path = ridge_path(X, Y, alphas=ALPHAS)
    n = len(X)
    centered = X - X.mean(axis=0)
    for alpha, score, dof in zip(ALPHAS, path.gcv, path.dof, strict=True):
        hat = centered @ np.linalg.solve(centered.T @ centered + alpha * np.eye(X.shape[1]), centered.T) + 1 / n
        rss = ((Y - hat @ Y) ** 2).sum()
        assert dof == pytest.approx(np.trace(hat), rel=1e-8)
        assert score == pytest.approx(n * rss / (n - np.trace(hat)) ** 2, rel=1e-7)


@pytest.mark.parametrize(("n", "d"), [(12, 1), (12, 9), (12, 10), (12, 11), (12, 12), (12, 30)])
def test_gcv_counts_the_residuals_that_no_feature_reaches(n: int, d: int) -> None:
    rng = np.random.default_rng(2)
    X, Y = rng.standard_normal((n, d)), rng.standard_normal((n, 2))
    centered = X - X.mean(axis=0)
    for alpha, score in zip(ALPHAS, ridge_path(X, Y, alphas=ALPHAS).gcv, strict=True):
        hat = centered @ np.linalg.solve(centered.T @ centered + alpha * np.eye(d), centered.T) + 1 / n
        assert score == pytest.approx(n * ((Y - hat @ Y) ** 2).sum() / (n - np.trace(hat)) ** 2, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), copies=st.integers(2, 4))
def test_a_weight_of_k_is_k_copies_of_the_row(seed: int, copies: int) -> None:
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((20, 5)), rng.standard_normal((20, 2))
    weights = np.ones(20)
    weights[3] = copies
    repeated = np.repeat(np.arange(20), weights.astype(int))
    W, b = ridge_path(X, Y, alphas=[0.7], sample_weight=weights).coefficients(0)
    W2, b2 = ridge_path(X[repeated], Y[repeated], alphas=[0.7]).coefficients(0)
    np.testing.assert_allclose(W, W2, atol=1e-10)
    np.testing.assert_allclose(b, b2, atol=1e-10)


def test_a_weight_of_zero_is_a_row_left_out() -> None:
    X, Y, weights = problem("n > d")
    weights[:7] = 0
    path = ridge_path(X, Y, alphas=[0.7], sample_weight=weights)
    rest = ridge_path(X[7:], Y[7:], alphas=[0.7], sample_weight=weights[7:])
    np.testing.assert_allclose(path.coefficients(0)[0], rest.coefficients(0)[0], atol=1e-10)
    np.testing.assert_allclose(loo_error(path, X, Y), loo_error(rest, X[7:], Y[7:]), rtol=1e-10)
    np.testing.assert_allclose(path.gcv, rest.gcv, rtol=1e-10)


def test_float32_features_are_computed_in_float64() -> None:
    X, Y, _ = problem("n > d")
    single = X.astype(np.float32)
    W, _ = ridge_path(single, Y, alphas=[1.0]).coefficients(0)
    W2, _ = ridge_path(single.astype(np.float64), Y, alphas=[1.0]).coefficients(0)
    np.testing.assert_allclose(W, W2, rtol=1e-12)


@pytest.mark.parametrize(
    ("X", "Y", "kwargs", "error", "said"),
    [
        (np.ones((4, 2)), np.ones((4, 1)), {}, ShapeError, "got 4 equal rows"),
        (np.full((7, 2), 0.1), np.ones((7, 1)), {}, ShapeError, "got 7 equal rows"),
        (np.full((3, 9), 0.1), np.ones((3, 1)), {}, ShapeError, "got 3 equal rows"),
        (np.eye(4), np.ones((3, 1)), {}, ShapeError, "got 3 rows and 4"),
        (np.eye(4), np.ones((4, 1)), {"alphas": [-1.0]}, ConfigError, "at least 0"),
        (np.eye(4), np.ones((4, 1)), {"sample_weight": [1, 1, 1]}, ShapeError, "shape (4,)"),
        (np.eye(4), np.ones((4, 1)), {"sample_weight": [1, 1, 1, -1]}, ShapeError, "non-negative"),
        (np.full((4, 2), np.nan), np.ones((4, 1)), {}, ShapeError, "got nan in row 0, column 0"),
    ],
)
def test_wrong_input_is_named(X: Array, Y: Array, kwargs: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error) as caught:
        ridge_path(X, Y, **kwargs)
    assert said in str(caught.value)
