"""Held-out predictions of teacher, student and baseline against explicit refits of the whole pipeline."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from w2s_probe.linalg.moments import Moments, moments_of
from w2s_probe.linalg.ridge import ridge_path
from w2s_probe.linalg.teacher_student import Pipeline, pipeline_of, student_path

Array = NDArray[np.float64]
ALPHAS = (0.7, 3.0, 0.2)  # of teacher, student, baseline


def data(n: int, d_t: int, d_s: int, *, N: int = 400, K: int = 1) -> tuple[Array, Array, Array, Array, Array]:
    rng = np.random.default_rng(0)
    core = rng.standard_normal((n + N, 6)) + 0.5
    X_t = core @ rng.standard_normal((6, d_t)) + rng.standard_normal((n + N, d_t))
    X_s = core @ rng.standard_normal((6, d_s)) + 0.5 * rng.standard_normal((n + N, d_s)) + 2
    if K == 1:
        Y = core[:, :1] + rng.standard_normal((n + N, 1))
    else:
        Y = np.eye(K)[np.argmax(core[:, :K] + rng.standard_normal((n + N, K)), axis=1)]
    return X_t[:n], X_s[:n], X_t[n:], X_s[n:], Y[:n]


def pipeline(X_t: Array, X_s: Array, pool: Moments, Y: Array, w: Array) -> Pipeline:
    teacher = ridge_path(X_t, Y, alphas=[ALPHAS[0]], sample_weight=w)
    student = student_path(pool, *teacher.coefficients(0), alphas=[ALPHAS[1]])
    baseline = ridge_path(X_s, Y, alphas=[ALPHAS[2]], sample_weight=w)
    return pipeline_of(teacher, baseline, student, pool, X_teacher=X_t, X_student=X_s, strengths=(0, 0, 0))


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize(("n", "d_t", "d_s"), [(40, 8, 12), (30, 60, 45)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("K", [1, 2, 4])
def test_held_out_predictions_equal_refits_without_the_rows(
    n: int, d_t: int, d_s: int, K: int, size: int, weighted: bool
) -> None:
    X_t, X_s, P_t, P_s, Y = data(n, d_t, d_s, K=K)
    pool = moments_of({"teacher": P_t, "student": P_s})
    blocks = np.array_split(np.random.default_rng(1).permutation(n), -(-n // size))
    w = np.random.default_rng(2).uniform(0.3, 3, n) if weighted else np.ones(n)
    held = pipeline(X_t, X_s, pool, Y, w).held_out(Y, None if size == 1 else blocks)
    for B in blocks:
        rest = np.delete(np.arange(n), B)
        W, b = ridge_path(X_t[rest], Y[rest], alphas=[ALPHAS[0]], sample_weight=w[rest]).coefficients(0)
        V, c = ridge_path(P_s, P_t @ W + b, alphas=[ALPHAS[1]]).coefficients(0)
        Z, e = ridge_path(X_s[rest], Y[rest], alphas=[ALPHAS[2]], sample_weight=w[rest]).coefficients(0)
        np.testing.assert_allclose(held.teacher[B], X_t[B] @ W + b, atol=1e-8)
        np.testing.assert_allclose(held.student[B], X_s[B] @ V + c, atol=1e-8)
        np.testing.assert_allclose(held.baseline[B], X_s[B] @ Z + e, atol=1e-8)


@pytest.mark.parametrize("N", [25, 400])
def test_the_student_of_moments_is_the_student_of_explicit_pseudolabels(N: int) -> None:
    X_t, _, P_t, P_s, Y = data(50, 20, 30, N=N, K=3)
    teacher = ridge_path(X_t, Y, alphas=[0.5])
    W, b = teacher.coefficients(0)
    ours = student_path(moments_of({"teacher": P_t, "student": P_s}), W, b)
    theirs = ridge_path(P_s, P_t @ W + b)
    np.testing.assert_allclose(ours.alphas, theirs.alphas, rtol=1e-10)
    np.testing.assert_allclose(ours.gcv[8:], theirs.gcv[8:], rtol=1e-6)  # at tiny strengths little is left to compare
    for index in (8, 16, 32):
        for mine, other in zip(ours.coefficients(index), theirs.coefficients(index), strict=True):
            np.testing.assert_allclose(mine, other, atol=1e-8)
