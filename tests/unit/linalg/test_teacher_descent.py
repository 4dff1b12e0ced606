"""The descent toward several teachers, against gradient descent on the features with scikit-learn's weights."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.linalg.test_min_norm import one_class_svm
from w2s_probe.linalg.ridge import ridge_path
from w2s_probe.linalg.teacher_descent import TOLERANCE, Descent, logit_weights, teacher_descent

Array = NDArray[np.float64]
ALPHA = 20.0


def problem(M: int, *, seed: int = 0, K: int = 2) -> tuple[Array, Array]:
    """Return features (60, 8) and the targets of M teachers, (M, 60, K), of different sizes."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((60, 8)) * rng.uniform(0.3, 2, 8) + rng.uniform(-3, 3, 8)
    T = np.stack([X @ rng.standard_normal((8, K)) + rng.standard_normal((60, K)) for _ in range(M)])
    return X, T * rng.uniform(0.5, 2, (M, 1, 1)) + rng.uniform(-1, 1, (M, 1, K))


def descent(X: Array, T: Array, *, start: Array | None = None, **settings: object) -> Descent:
    """Return the descent on these features; `start` is a head of shape (8, K)."""
    path = ridge_path(X, np.hstack(list(T)), alphas=[ALPHA])
    loadings = np.stack(np.split(path.loadings, len(T), axis=1))
    along = None if start is None else path.spectrum.axes.T @ start
    return teacher_descent(path.spectrum.eigenvalues, loadings, alpha=ALPHA, start=along, **settings)  # type: ignore[arg-type]


def heads(X: Array, T: Array) -> Array:
    """Return the ridge head of each teacher, shape (M, 8, K)."""
    X, T = X - X.mean(axis=0), T - T.mean(axis=1, keepdims=True)
    return np.asarray(np.linalg.solve(X.T @ X + ALPHA * np.eye(8), X.T @ T))


def by_gradients(X: Array, T: Array, *, cap: float, steps: int, normalized: bool = False) -> tuple[Array, Array]:
    """Return weights (steps + 1, M) and the last head of plain gradient descent with the one-class SVM's weights."""
    X, T = X - X.mean(axis=0), T - T.mean(axis=1, keepdims=True)
    length = 1 / (np.linalg.eigvalsh(X.T @ X)[-1] + ALPHA)
    W, trajectory = np.zeros_like(X.T @ T[0]), []
    for _ in range(steps + 1):
        gradients = [X.T @ (X @ W - targets) + ALPHA * W for targets in T]
        sizes = [float(np.linalg.norm(g)) if normalized else 1.0 for g in gradients]
        A = np.stack([(g / size).ravel() for g, size in zip(gradients, sizes, strict=True)])
        weights = one_class_svm(A @ A.T, cap) / sizes
        trajectory.append(weights / weights.sum())
        last, W = W, W - length * np.tensordot(trajectory[-1], np.array(gradients), axes=1)
    return np.array(trajectory), last


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("cap", [1.0, 0.6, 0.4])
def test_weights_and_distance_are_those_of_gradient_descent_on_the_features(cap: float, normalized: bool) -> None:
    X, T = problem(3)
    own = descent(X, T, cap=cap, gradient="normalized" if normalized else "weights")
    assert own.steps > 10
    trajectory, last = by_gradients(X, T, cap=cap, steps=own.steps, normalized=normalized)
    # the SVM's weights near the end, where the shortest combination is 1e-3 of the gradients, are good to 1e-5
    np.testing.assert_allclose(own.trajectory, trajectory, atol=1e-4)
    end = np.tensordot(own.weights, heads(X, T), axes=1)
    size = np.mean([np.linalg.norm(head) for head in heads(X, T)])
    assert own.distance == pytest.approx(np.linalg.norm(last - end) / size, rel=1e-2)
    assert own.distance <= TOLERANCE


@pytest.mark.parametrize(
    ("cap", "gradient"),
    [
        (1 / 3, "weights"),
        (0.34, "weights"),
        (0.6, "weights"),
        (1.0, "weights"),
        (0.6, "normalized"),
        (1.0, "normalized"),
    ],
)
def test_at_the_average_head_the_weights_are_equal_for_every_cap(cap: float, gradient: str) -> None:
    X, T = problem(3)
    stays = descent(X, T, start=heads(X, T).mean(axis=0), cap=cap, gradient=gradient, tol=1e-6)
    assert stays.steps == 0
    np.testing.assert_allclose(stays.weights, np.full(3, 1 / 3), atol=1e-6)  # the term that decides ties is 1e-9


def test_every_head_in_the_capped_hull_is_stationary() -> None:
    X, T = problem(3)
    weights = np.array([0.55, 0.35, 0.1])
    stays = descent(X, T, start=np.tensordot(weights, heads(X, T), axes=1), cap=0.6, tol=1e-6)
    assert stays.steps == 0
    np.testing.assert_allclose(stays.weights, weights, atol=1e-6)
    moves = descent(X, T, start=np.tensordot(weights, heads(X, T), axes=1), cap=0.5, tol=1e-6)
    assert moves.steps > 0
    assert moves.weights.max() <= 0.5 + 1e-12


def test_the_lowest_cap_is_the_plain_average_at_every_step() -> None:
    X, T = problem(4)
    plain = descent(X, T, cap=0.25)
    np.testing.assert_array_equal(plain.trajectory, np.full((plain.steps + 1, 4), 0.25))


def test_without_a_cap_the_weight_lies_on_the_teacher_with_the_smallest_gradient() -> None:
    X, T = problem(3)
    T[2] *= 0.02
    own = descent(X, T, cap=1.0)
    assert own.weights[2] > 0.9
    assert own.at(0)[2] > 0.9
    np.testing.assert_array_equal(own.at(10**6), own.weights)


def test_constant_teachers_and_equal_ones_end_at_once_or_with_equal_weights() -> None:
    X, T = problem(3)
    constant = np.ones_like(T)
    still = descent(X, constant, cap=1.0)
    assert (still.steps, still.distance) == (0, 0.0)
    np.testing.assert_allclose(still.weights, np.full(3, 1 / 3))
    equal = descent(X, T[[0, 0, 0]], cap=1.0)
    np.testing.assert_allclose(equal.trajectory, np.full((equal.steps + 1, 3), 1 / 3), atol=1e-9)
    T[1] = 0.5
    for gradient in ("weights", "normalized"):
        absorbed = descent(X, T, cap=1.0, gradient=gradient)
        assert absorbed.steps == 0  # its gradient at the zero head is 0
        assert absorbed.weights[1] == pytest.approx(1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cap", [1.0, 0.6])
def test_weights_by_mean_logits_are_those_of_the_whole_path(seed: int, cap: float) -> None:
    rng = np.random.default_rng(seed)
    means = rng.dirichlet(np.ones(5), size=3)
    weights = logit_weights(means, cap=cap)
    b = np.zeros(5)
    for _ in range(30):
        gradients = b - means
        np.testing.assert_allclose(
            one_class_svm(gradients @ gradients.T, cap), weights, atol=1e-5
        )  # near a singular Gram
        b = b - 0.1 * weights @ gradients
