"""Odd ridge heads and their held-out predictions are those of explicit refits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from w2s_probe.linalg.moments import moments_of
from w2s_probe.linalg.odd import (
    about_zero,
    linked_held_out,
    linked_rows,
    linked_score,
    odd_path,
    without_means,
)
from w2s_probe.linalg.teacher_student import pipeline_of, student_path

Array = NDArray[np.float64]
SIZES = {"n > d": (60, 8, 12), "n < d": (40, 50, 70)}


def pairs(shape: str) -> tuple[Array, Array, Array, NDArray[np.intp], Array, Array]:
    """Return teacher and student differences, targets and links of labeled pairs, and differences of the pool."""
    n, d_t, d_s = SIZES[shape]
    rng = np.random.default_rng(3)
    items = [rng.standard_normal((30, d)) + 0.7 for d in (d_t, d_s)]
    links = np.array([rng.choice(30, size=2, replace=False) for _ in range(n)])
    T, S = (X[links[:, 1]] - X[links[:, 0]] + 0.1 for X in items)
    Y = np.eye(2)[(S[:, :3].sum(axis=1) + rng.standard_normal(n) > 0).astype(int)]
    return T, S, Y, links, rng.standard_normal((200, d_t)) + 0.3, rng.standard_normal((200, d_s)) - 0.2


def refit(X: Array, Y: Array, alpha: float) -> Ridge:
    return Ridge(alpha=alpha, fit_intercept=False, solver="svd").fit(X, Y - 0.5)


@pytest.mark.parametrize("shape", SIZES)
def test_a_path_is_ridge_without_intercept_around_one_half(shape: str) -> None:
    T, _, Y, *_ = pairs(shape)
    path = odd_path(T, Y, alphas=[0.5, 20.0], points=5)
    for index, alpha in enumerate((0.5, 20.0)):
        W, b = path.coefficients(index)
        np.testing.assert_allclose(W, refit(T, Y, alpha).coef_.T, atol=1e-10)
        np.testing.assert_allclose(b, 0.5, atol=1e-12)


def test_linked_pairs_are_those_with_a_common_item() -> None:
    links = np.array([[0, 1], [1, 2], [3, 4], [4, 4], [2, 0]])
    assert [rows.tolist() for rows in linked_rows(links)] == [[0, 1, 4], [0, 1, 4], [2, 3], [2, 3], [0, 1, 4]]


@pytest.mark.parametrize("shape", SIZES)
def test_the_score_of_strengths_is_the_error_of_heads_without_linked_pairs(shape: str) -> None:
    T, _, Y, links, *_ = pairs(shape)
    linked = linked_rows(links)
    path = odd_path(T, Y, alphas=[0.5, 20.0], points=5)
    for score, alpha in zip(linked_score(path, T, Y, linked), (0.5, 20.0), strict=True):
        errors = []
        for row, B in enumerate(linked):
            rest = np.setdiff1d(np.arange(len(Y)), B)
            errors.append(Y[row] - 0.5 - refit(T[rest], Y[rest], alpha).predict(T[[row]])[0])
        assert score == pytest.approx(float((np.array(errors) ** 2).sum(axis=1).mean()), rel=1e-9)


@pytest.mark.parametrize("shape", SIZES)
def test_held_out_predictions_are_those_of_pipelines_without_linked_pairs(shape: str) -> None:
    T, S, Y, links, pool_T, pool_S = pairs(shape)
    linked = linked_rows(links)
    pool = about_zero(moments_of({"teacher": pool_T, "student": pool_S}))
    teacher, baseline = odd_path(T, Y, alphas=[3.0], points=5), odd_path(S, Y, alphas=[5.0], points=5)
    student = student_path(pool, *teacher.coefficients(0), alphas=[7.0])
    maps = pipeline_of(teacher, baseline, student, pool, X_teacher=T, X_student=S, strengths=(0, 0, 0))
    found = linked_held_out([without_means(maps)], Y, linked)
    for row, B in enumerate(linked):
        rest = np.setdiff1d(np.arange(len(Y)), B)
        weak = refit(T[rest], Y[rest], 3.0)
        strong = Ridge(alpha=7.0, fit_intercept=False, solver="svd").fit(pool_S, weak.predict(pool_T))
        np.testing.assert_allclose(found.teacher[row], 0.5 + weak.predict(T[[row]])[0], atol=1e-9)
        np.testing.assert_allclose(found.student[row], 0.5 + strong.predict(S[[row]])[0], atol=1e-9)
        np.testing.assert_allclose(
            found.baseline[row], 0.5 + refit(S[rest], Y[rest], 5.0).predict(S[[row]])[0], atol=1e-9
        )


def test_swapped_sides_swap_the_sign_of_scores() -> None:
    T, _, Y, *_ = pairs("n > d")
    turned = np.where(np.arange(len(T)) % 3 == 0, -1.0, 1.0)
    W, _ = odd_path(T, Y, alphas=[2.0], points=5).coefficients(0)
    swapped = np.where(turned[:, None] < 0, Y[:, ::-1], Y)
    again, _ = odd_path(turned[:, None] * T, swapped, alphas=[2.0], points=5).coefficients(0)
    np.testing.assert_allclose(again, W, atol=1e-12)
