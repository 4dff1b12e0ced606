"""Weights of several teachers against scikit-learn's one-class SVM, optimality conditions and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import nnls
from sklearn.svm import OneClassSVM

from w2s_probe.core.errors import ConfigError
from w2s_probe.linalg.min_norm import TIE, min_norm_weights, stacked_weights

Array = NDArray[np.float64]


def one_class_svm(gram: Array, cap: float) -> Array:
    """Return the same weights by scikit-learn: its coefficients lie below 1 and sum to M times nu = 1/cap."""
    M = len(gram)
    nu = 1 / (cap * M)
    fitted = OneClassSVM(kernel="precomputed", nu=nu, tol=1e-12).fit(gram / (gram.trace() / M))
    weights = np.zeros(M)
    weights[fitted.support_] = fitted.dual_coef_[0] / (M * nu)
    return weights


def vectors(rng: np.random.Generator, M: int, dimensions: int) -> Array:
    return rng.standard_normal((M, dimensions)) * rng.uniform(0.3, 3, (M, 1))


@pytest.mark.parametrize("seed", range(100))
def test_weights_equal_the_one_class_svms(seed: int) -> None:
    rng = np.random.default_rng(seed)
    M = 2 + seed % 3
    A = vectors(rng, M, M + 3)
    cap = float(rng.uniform(1 / M, 1.1)) if seed % 4 else 1.0
    # its tolerance is 1e-12 in the objective's slope, ours adds 1e-9 to a curvature of 1e-2 or more
    np.testing.assert_allclose(min_norm_weights(A @ A.T, cap=cap), one_class_svm(A @ A.T, cap), atol=1e-6)


@settings(max_examples=120)
@given(seed=st.integers(0, 10**9), M=st.integers(2, 20), rank=st.integers(1, 24), kind=st.integers(0, 3))
def test_weights_are_optimal_whatever_the_gram(seed: int, M: int, rank: int, kind: int) -> None:
    """Equal vectors, whole numbers (ties), sizes from 1e-6 to 10, fewer dimensions than vectors, caps at corners."""
    rng = np.random.default_rng(seed)
    A = vectors(rng, M, rank) * 10.0 ** rng.uniform(-6, 1, (M, 1)) if kind % 2 else rng.integers(-2, 3, (M, rank)) * 1.0
    if kind == 2:
        A[M // 2 :] = A[: M - M // 2]
    cap = max((1.0, 1 / (M // 2), float(rng.uniform(0, 1)))[seed % 3], 1 / M)
    w = min_norm_weights(A @ A.T, cap=cap)
    assert abs(w.sum() - 1) < 1e-12
    assert w.min() >= 0
    assert w.max() <= cap * (1 + 1e-14)
    slope = A @ (A.T @ w) / max((A**2).sum() / M, 1e-300) + TIE * w
    if (w < cap).any():  # the slope of a weight that may fall is no larger than the slope of one that may rise
        assert slope[w > 0].max() <= slope[w < cap].min() + 1e-11  # rounding of M products of size 1, and FLAT


@given(seed=st.integers(0, 10**9), M=st.integers(2, 6))
def test_weights_do_not_depend_on_the_unit_and_follow_the_order_of_the_vectors(seed: int, M: int) -> None:
    rng = np.random.default_rng(seed)
    A = vectors(rng, M, M + 3)
    order = rng.permutation(M)
    w = min_norm_weights(A @ A.T, cap=0.6)
    np.testing.assert_allclose(min_norm_weights(1e-12 * A @ A.T, cap=0.6), w, atol=1e-9)
    np.testing.assert_allclose(min_norm_weights(A[order] @ A[order].T, cap=0.6), w[order], atol=1e-9)


def test_the_lowest_cap_gives_the_plain_average_and_a_lower_one_is_refused() -> None:
    gram = np.diag([1.0, 10.0, 100.0])
    np.testing.assert_array_equal(min_norm_weights(gram, cap=1 / 3), np.full(3, 1 / 3))
    np.testing.assert_array_equal(min_norm_weights(np.eye(1), cap=1.0), [1.0])
    for cap in (0.33, 0.0, float("nan")):
        with pytest.raises(ConfigError, match=r"at least 1 divided by the number of teachers, 0\.333333: got") as error:
            min_norm_weights(gram, cap=cap)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("gram", [np.zeros((3, 3)), np.ones((3, 3)), np.eye(3)], ids=["zero", "equal", "alike"])
def test_equal_vectors_share_the_weight(gram: Array) -> None:
    np.testing.assert_allclose(min_norm_weights(gram), np.full(3, 1 / 3), atol=1e-12)
    np.testing.assert_allclose(min_norm_weights(gram, cap=0.5), np.full(3, 1 / 3), atol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_stacked_weights_are_the_least_squares_on_the_simplex(seed: int) -> None:
    rng = np.random.default_rng(seed)
    Y = np.eye(3)[rng.integers(3, size=40)]
    scores = [Y + rng.uniform(0.3, 2) * rng.standard_normal(Y.shape) for _ in range(4)]
    errors = np.stack([(S - Y).ravel() for S in scores], axis=1)
    # least squares with the sum as a further row: its positive solution is the same point, up to a factor
    theirs, _ = nnls(np.vstack([errors, np.ones((1, 4))]), np.append(np.zeros(len(errors)), 1.0))
    np.testing.assert_allclose(stacked_weights(scores, Y), theirs / theirs.sum(), atol=1e-8)


def test_stacking_gives_all_weight_to_a_perfect_teacher_and_halves_two_opposite_ones() -> None:
    rng = np.random.default_rng(0)
    Y = np.eye(2)[rng.integers(2, size=50)]
    noisy = Y + rng.standard_normal(Y.shape)
    np.testing.assert_allclose(stacked_weights([noisy, Y], Y), [0, 1], atol=1e-9)
    np.testing.assert_allclose(stacked_weights([Y + 1.0, Y - 1.0], Y), [0.5, 0.5], atol=1e-9)


@given(seed=st.integers(0, 10**9), M=st.integers(2, 6), corner=st.booleans())
def test_the_start_of_the_search_changes_nothing(seed: int, M: int, corner: bool) -> None:
    rng = np.random.default_rng(seed)
    A = vectors(rng, M, M + 3)
    start = np.eye(M)[seed % M] if corner else rng.dirichlet(np.ones(M))
    np.testing.assert_allclose(min_norm_weights(A @ A.T, start=start), min_norm_weights(A @ A.T), atol=1e-8)
