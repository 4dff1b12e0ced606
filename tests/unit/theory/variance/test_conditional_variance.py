"""The variance of a student on given rows, against explicit heads and redrawn labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tests.unit.theory.variance.test_intrinsic_dimension import BASE
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.types import Float
from w2s_probe.linalg.moments import Moments, moments_of
from w2s_probe.theory import expected_errors, student_variance


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alphas", [(1e-9, 1e-9), (5.0, 0.7)])
@pytest.mark.parametrize("n", [15, 60])  # fewer rows than teacher features, and more
def test_it_is_that_of_fitted_heads(fit_intercept: bool, alphas: tuple[float, float], n: int) -> None:
    rng = np.random.default_rng(n)
    Z, X = rng.standard_normal((n + 200, 20)) + 2, rng.standard_normal((n + 200, 30)) - 1
    X[:, :8] += Z[:, :8]
    L, U, T = slice(n), slice(n, n + 90), slice(n + 90, None)
    teacher = Ridge(alpha=alphas[0], fit_intercept=fit_intercept, solver="svd").fit(Z[L], np.eye(n))
    student = Ridge(alpha=alphas[1], fit_intercept=fit_intercept, solver="svd").fit(X[U], teacher.predict(Z[U]))
    influence = student.predict(X[T])  # of every label on every prediction
    got = student_variance(
        *moments_of_parts(Z[L], Z[U], X[U], X[T]),
        teacher_alpha=alphas[0],
        student_alpha=alphas[1],
        noise_variance=0.4,
        fit_intercept=fit_intercept,
    )
    assert got == pytest.approx(0.4 * (influence**2).sum() / len(influence), rel=1e-8)


def test_redrawn_labels_vary_as_much() -> None:
    rng = np.random.default_rng(3)
    Z, X = rng.standard_normal((400, 6)), rng.standard_normal((400, 9))
    L, U, T = slice(40), slice(40, 140), slice(140, None)
    Y = X[L] @ rng.standard_normal((9, 1)) + 0.5 * rng.standard_normal((40, 5000))
    student = Ridge(alpha=2.0).fit(X[U], Ridge(alpha=3.0).fit(Z[L], Y).predict(Z[U]))
    measured = student.predict(X[T]).var(axis=1).mean()
    parts = moments_of_parts(Z[L], Z[U], X[U], X[T])
    expected = student_variance(*parts, teacher_alpha=3.0, student_alpha=2.0, noise_variance=0.25)
    assert measured == pytest.approx(expected, rel=0.05)  # one prediction's variance is known to 2 %


def test_its_mean_over_gaussian_rows_is_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    n, N, d_s, d_t, shared = BASE.n, BASE.N, BASE.d_student, BASE.d_teacher, 5
    population = moments_of({"student": _whitened(rng, 4000, d_s)})
    values = []
    for _ in range(150):
        X, own = rng.standard_normal((n + N, d_s)), rng.standard_normal((n + N, d_t - shared))
        Z = np.concatenate([X[:, :shared], own], axis=1)
        labeled, pool = moments_of({"teacher": Z[:n]}), moments_of({"teacher": Z[n:], "student": X[n:]})
        values.append(
            student_variance(
                labeled,
                pool,
                population,
                teacher_alpha=0,
                student_alpha=0,
                noise_variance=BASE.noise_variance,
                fit_intercept=False,
            )
        )
    se = np.std(values, ddof=1) / np.sqrt(len(values))
    assert abs(np.mean(values) - expected_errors(BASE).total.student_fresh) < 4 * se


def moments_of_parts(Z_L: Float, Z_U: Float, X_U: Float, X_T: Float) -> tuple[Moments, Moments, Moments]:
    return moments_of({"teacher": Z_L}), moments_of({"teacher": Z_U, "student": X_U}), moments_of({"student": X_T})


def _whitened(rng: np.random.Generator, rows: int, d: int) -> np.ndarray:
    """Return rows whose uncentered second moment is exactly the identity."""
    return np.linalg.qr(rng.standard_normal((rows, d)))[0] * np.sqrt(rows)


def test_a_negative_strength_is_refused() -> None:
    part = moments_of({"teacher": np.eye(3), "student": np.eye(3)})
    with pytest.raises(ConfigError, match="`teacher_alpha` must be finite and at least 0: got -1"):
        student_variance(part, part, part, teacher_alpha=-1, student_alpha=0)
