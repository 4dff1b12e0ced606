"""Inherited and reduced variance of a student, on planted features and on real pixels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.datasets import load_digits

from tests.unit.theory.variance.test_intrinsic_dimension import BASE
from w2s_probe.core.errors import ConfigError, ShapeError
from w2s_probe.core.serialize import plain
from w2s_probe.linalg.moments import Moments, moments_of
from w2s_probe.results.forecast import ErrorParts
from w2s_probe.theory import IntrinsicDimension, decompose, expected_errors, student_variance

ROWS = 1797


def planted(config: IntrinsicDimension, *, rows: int, seed: int) -> Moments:
    """Return moments of whitened features that share as many directions as the config says."""
    rng = np.random.default_rng(seed)
    shared = int(config.correlation_dimension)
    X, own = rng.standard_normal((rows, config.d_student)), rng.standard_normal((rows, config.d_teacher - shared))
    return moments_of({"teacher": np.concatenate([X[:, :shared], own], axis=1), "student": X})


def digits(side: int) -> np.ndarray:
    """Return all images, pooled to `side` x `side` pixels."""
    step = 8 // side
    return load_digits().images.reshape(ROWS, side, step, side, step).mean(axis=(2, 4)).reshape(ROWS, -1)


def test_planted_features_give_the_closed_form() -> None:
    found = decompose(
        planted(BASE, rows=BASE.N + 1, seed=0), n=BASE.n + 1, teacher_alpha=0, student_alpha=0, noise_variance=0.25
    )  # an intercept takes a row of each part, and adds what means vary by
    tau = 0.25 / (BASE.n - BASE.d_teacher - 1)
    q = BASE.d_student / (BASE.N - BASE.d_student - 1)
    means = (0.25 + 60 * tau) / (BASE.n + 1)
    # canonical correlations of 1,000 rows: the corrected sum is known to a few percent
    assert found.inherited.value - means == pytest.approx(5 * tau, rel=0.06)
    assert found.reduced.value == pytest.approx((q + (1 + q) / (BASE.N + 1)) * 55 * tau, rel=0.02)
    assert found.correlation_dimension == pytest.approx(5, rel=0.06)
    assert found.teacher_variance - means == pytest.approx(expected_errors(BASE).total.teacher, rel=1e-9)


def test_chance_overlap_is_taken_off() -> None:
    config = replace(BASE, correlation_dimension=0, N=200)
    means = [
        decompose(
            planted(config, rows=200, seed=seed), n=110, teacher_alpha=0, student_alpha=0, noise_variance=1
        ).correlation_dimension
        for seed in range(60)
    ]
    # 60 x 20 / 199 = 6 by chance; what is left is that a negative estimate counts as 0
    assert np.mean(means) < 0.4


@pytest.mark.parametrize(
    ("teacher", "student", "n", "N", "alphas"),
    [
        (4, 8, 60, 300, (300.0, 300.0)),
        (4, 8, 120, 500, (1000.0, 3000.0)),
        (8, 4, 100, 150, (2000.0, 0.0)),
        (8, 4, 200, 400, (3000.0, 1000.0)),
        (8, 2, 100, 200, (3000.0, 0.0)),
        (8, 2, 30, 60, (10000.0, 500.0)),  # fewer labels than teacher features
    ],
)
def test_on_real_pixels_the_parts_add_up_to_the_variance(
    teacher: int, student: int, n: int, N: int, alphas: tuple[float, float]
) -> None:
    Z, X = digits(teacher), digits(student)
    rng = np.random.default_rng(n + N)
    exact, forecast, kept, limit = [], [], [], []
    for _ in range(60):
        order = rng.permutation(ROWS)
        L, U, rest = order[:n], order[n : n + N], order[n + N :]
        labeled = moments_of({"teacher": Z[L]})
        pool = moments_of({"teacher": Z[U], "student": X[U]})
        teacher_alpha, student_alpha = alphas
        exact.append(
            student_variance(
                labeled,
                pool,
                moments_of({"student": X[rest]}),
                teacher_alpha=teacher_alpha,
                student_alpha=student_alpha,
            )
        )
        parts = decompose(pool, n=n, teacher_alpha=teacher_alpha, student_alpha=student_alpha, noise_variance=1.0)
        forecast.append(parts.variance)
        kept.append(parts.inherited.value)
        everything = moments_of({"teacher": Z, "student": X})
        limit.append(
            student_variance(
                labeled, everything, everything, teacher_alpha=teacher_alpha, student_alpha=student_alpha * ROWS / N
            )
        )
    # limits of ridge regression are exact for many dimensions: measured within 2 % here
    assert np.mean(forecast) == pytest.approx(np.mean(exact), rel=0.05)
    # a pool of all images stands for an endless one
    assert np.mean(kept) == pytest.approx(np.mean(limit), rel=0.05)


def parts_of(**changes: float) -> ErrorParts:
    settings: dict[str, float] = {
        "n": 150,
        "teacher_alpha": 0.0,
        "student_alpha": 0.0,
        "noise_variance": 0.25,
        **changes,
    }
    return decompose(planted(BASE, rows=1000, seed=1), **settings)  # type: ignore[arg-type]


def test_at_the_sizes_named_a_part_is_half_as_large() -> None:
    here = parts_of()
    assert parts_of(n=here.inherited.n_to_halve).inherited.value == pytest.approx(here.inherited.value / 2)
    assert parts_of(n=here.reduced.n_to_halve).reduced.value == pytest.approx(here.reduced.value / 2)
    larger = parts_of(N=here.reduced.N_to_halve)
    assert larger.reduced.value == pytest.approx(here.reduced.value / 2)
    assert larger.inherited.value == here.inherited.value
    assert math.isinf(here.inherited.N_to_halve)
    assert plain(here.bias) == {"value": None, "n_to_halve": None, "N_to_halve": None}


def test_bias_is_what_variance_does_not_explain() -> None:
    found = parts_of(squared_error=0.5, label_noise=0.25)
    assert found.bias.value == pytest.approx(0.25 - found.variance)
    assert plain(found, exact=True)["bias"]["value"] == found.bias.value


def test_a_ridge_head_acts_as_its_limit_says() -> None:
    # heavily penalized and with fewer rows than features: the teacher's variance on fresh points
    rng = np.random.default_rng(0)
    scales = np.geomspace(3, 0.1, 80)
    X = rng.standard_normal((20_000, 80)) * scales
    pool = moments_of({"teacher": X, "student": X})
    for alpha in (0.0, 5.0, 100.0):
        found = decompose(pool, n=50, teacher_alpha=alpha, student_alpha=0, noise_variance=1)
        traces = []
        for _ in range(200):
            Z = rng.standard_normal((50, 80)) * scales
            Z -= Z.mean(axis=0)
            A = np.linalg.pinv(Z.T @ Z + alpha * np.eye(80), rcond=1e-10, hermitian=True) @ Z.T
            traces.append((1 + 1 / 50) * ((scales[:, None] * A) ** 2).sum())
        assert found.teacher_variance - 1 / 50 == pytest.approx(np.mean(traces), rel=0.04)  # a limit, at 50 rows


def test_a_penalized_student_holds_less_and_fits_less_of_the_rest() -> None:
    N, alpha, d, shared = 120, 60.0, BASE.d_student, 5
    kappa = brentq(lambda k: k * (N - 1 - d / (1 + k)) - alpha, 0, 10)  # whitened: every eigenvalue is 1
    tau = 1 / (BASE.n - 1 - BASE.d_teacher - 1)
    misfit = tau * (BASE.d_teacher - shared + shared * (kappa / (1 + kappa)) ** 2)
    share = d / (1 + kappa) ** 2 / (N - 1 - d / (1 + kappa) ** 2 - (1 / (1 + kappa)) ** 2)
    parts = [
        decompose(planted(BASE, rows=N, seed=seed), n=BASE.n, teacher_alpha=0, student_alpha=alpha, noise_variance=1)
        for seed in range(60)
    ]
    reduced = np.mean([part.reduced.value for part in parts])
    inherited = np.mean([part.inherited.value for part in parts]) - (1 + BASE.d_teacher * tau) / BASE.n
    # limits, at 120 rows for 60 + 20 dimensions
    assert reduced == pytest.approx(misfit * (1 / N + (1 + 1 / N) * share), rel=0.05)
    assert inherited == pytest.approx(tau * shared / (1 + kappa) ** 2, rel=0.06)


def test_too_small_sizes_and_constant_features_are_refused() -> None:
    with pytest.raises(ConfigError, match="`n` must be above"):
        parts_of(n=61)
    with pytest.raises(ConfigError, match="`N` must be above"):
        parts_of(N=21)
    with pytest.raises(ConfigError, match="`noise_variance` must be finite"):
        parts_of(noise_variance=-1)
    flat = moments_of({"teacher": np.ones((9, 2)), "student": np.ones((9, 2))})
    with pytest.raises(ShapeError, match="teacher features must differ"):
        decompose(flat, n=9, teacher_alpha=1, student_alpha=1, noise_variance=1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rows", [20, 60])
def test_a_pool_of_fewer_rows_than_features_has_the_limit_of_small_strengths(rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = 30 * rng.standard_normal((rows, 75))
    pool = moments_of({"teacher": X[:, :6] + 0.01 * rng.standard_normal((rows, 6)), "student": X})
    least, small, large = (
        decompose(pool, n=200, teacher_alpha=1, student_alpha=alpha, noise_variance=1) for alpha in (1e-12, 1e-6, 1e3)
    )
    for parts in (least, small, large):
        assert 0 < parts.inherited.value < parts.teacher_variance
        assert 0 < parts.reduced.value < parts.teacher_variance
        assert 0 <= parts.correlation_dimension <= 6
    assert least.inherited.value == pytest.approx(small.inherited.value, rel=1e-6)
    assert least.reduced.value == pytest.approx(small.reduced.value, rel=1e-6)
    assert large.inherited.value != pytest.approx(small.inherited.value, rel=1e-3)


@pytest.mark.parametrize("alpha", [1e12, 1e15, 1e18])
@pytest.mark.parametrize("rows", [20, 60, 200])
def test_a_student_that_learns_almost_nothing_reduces_nothing(rows: int, alpha: float) -> None:
    rng = np.random.default_rng(rows)
    X = rng.standard_normal((rows, 75))
    pool = moments_of({"teacher": X[:, :6], "student": X})
    parts = decompose(pool, n=200, teacher_alpha=1, student_alpha=alpha, noise_variance=1)
    assert 0 < parts.reduced.value < parts.teacher_variance / rows * 1.01  # its intercept's mean only
    assert rows < parts.reduced.N_to_halve <= 2 * rows
