"""Parts of a student's error from held-out predictions alone, against what many draws of the same size show."""

from __future__ import annotations

import numpy as np
import pytest

from w2s_probe.core.config import W2SConfig
from w2s_probe.experiments.forecast.pair import forecast_pair
from w2s_probe.linalg.moments import moments_of
from w2s_probe.theory import decompose, decompose_held_out


def test_the_noise_is_the_held_out_error_without_the_teachers_own_variance() -> None:
    rng = np.random.default_rng(0)
    T, S = rng.standard_normal((2000, 8)), rng.standard_normal((2000, 6))
    pool = moments_of({"teacher": T, "student": S})
    n, alpha, noise = 60, 1e-6, 0.5
    beta, errors, missed = rng.standard_normal(8), [], []
    for _ in range(400):
        X = rng.standard_normal((n, 8))
        y = X @ beta + np.sqrt(noise) * rng.standard_normal(n)
        centered = X - X.mean(axis=0)
        hat = centered @ np.linalg.solve(centered.T @ centered + alpha * np.eye(8), centered.T) + 1 / n
        errors.append(((y - hat @ y) / (1 - np.diag(hat)))[:, None])
        missed.append(float((errors[-1] ** 2).mean()))
    parts = decompose_held_out(
        pool,
        np.zeros((n, 1)),
        teacher=np.full((n, 1), np.sqrt(np.mean(missed))),
        student=np.full((n, 1), 2.0),
        teacher_alpha=alpha,
        student_alpha=alpha,
    )
    assert parts is not None
    known = decompose(pool, n=n, teacher_alpha=alpha, student_alpha=alpha, noise_variance=noise, squared_error=4.0)
    assert parts.teacher_variance == pytest.approx(known.teacher_variance, rel=0.03)  # 1.4 % is one standard error
    assert parts.inherited.value + parts.reduced.value + parts.bias.value == pytest.approx(4.0)
    assert parts.inherited.n_to_halve == pytest.approx(known.inherited.n_to_halve)


def test_too_few_rows_have_no_parts() -> None:
    X = np.random.default_rng(0).standard_normal((40, 3))
    pool = moments_of({"teacher": X, "student": X})
    short = dict.fromkeys(("teacher", "student"), np.zeros((4, 1)))
    assert decompose_held_out(pool, np.ones((4, 1)), **short, teacher_alpha=0.0, student_alpha=0.0) is None


@pytest.mark.parametrize(
    ("config", "known"),
    [
        (W2SConfig(), True),
        (W2SConfig(pseudolabels="hard"), False),
        (W2SConfig(scale="standard"), False),
        (W2SConfig(head="softmax"), False),
    ],
)
def test_a_forecast_has_parts_only_for_ridge_heads_on_soft_pseudolabels(config: W2SConfig, known: bool) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((140, 4))
    Y = np.eye(2)[(X[:40, 0] > 0).astype(int)]
    found = forecast_pair(X[:40], X[:40], Y, pool_teacher=X[40:], pool_student=X[40:], config=config)
    assert (found.error_parts is not None) is known
