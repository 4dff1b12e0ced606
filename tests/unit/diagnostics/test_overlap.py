"""Correlation dimension and angles: known overlaps, scipy's angles, rotations, shuffled rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from tests.unit.diagnostics.planted import planted, related, rotation
from w2s_probe.core.errors import ShapeError
from w2s_probe.diagnostics import (
    correlation_dimension,
    linear_cka,
    overlap_uncalibrated,
    paired_moments,
    principal_angles,
    procrustes,
)
from w2s_probe.diagnostics.overlap import smallest_angle_by_chance
from w2s_probe.diagnostics.similarity import procrustes_by_chance


@pytest.mark.parametrize("shared", [5, 18, 0])
@pytest.mark.parametrize(("d_student", "d_teacher"), [(20, 60), (100, 200)])
def test_planted_overlaps_are_recovered(shared: int, d_student: int, d_teacher: int) -> None:
    rng = np.random.default_rng(shared)
    pair = paired_moments(*planted(20_000, d_student, d_teacher, shared, rng), rng=rng)
    found = correlation_dimension(pair, energy=1.0)
    assert found.corrected == pytest.approx(shared, abs=0.1)
    assert found.cross_fitted == pytest.approx(shared, abs=0.2)  # halves of the rows: twice the noise
    assert (found.d_student, found.d_teacher) == (d_student, d_teacher)


def test_the_correction_holds_where_rows_are_few() -> None:
    rng = np.random.default_rng(0)
    found = [
        correlation_dimension(paired_moments(*planted(600, 100, 200, 18, rng), rng=rng), energy=1.0) for _ in range(8)
    ]
    assert np.mean([one.value for one in found]) > 40
    # 0.35 is the standard deviation of one draw
    assert np.mean([one.corrected for one in found]) == pytest.approx(18, abs=4 * 0.35 / np.sqrt(8))


def test_equal_and_nested_spaces_are_exact_whatever_the_rows() -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 12))
    nested = correlation_dimension(paired_moments(X, X[:, :5] @ rotation(5, rng), rng=rng), energy=1.0)
    equal = correlation_dimension(paired_moments(X, X @ rotation(12, rng), rng=rng), energy=1.0)
    assert nested.corrected == pytest.approx(5, abs=1e-9)
    assert equal.corrected == pytest.approx(12, abs=1e-9)
    assert equal.cross_fitted == pytest.approx(12, abs=1e-9)


@given(seed=st.integers(0, 2**32 - 1), d_teacher=st.integers(1, 9), d_student=st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_angles_are_scipys(seed: int, d_teacher: int, d_student: int) -> None:
    rng = np.random.default_rng(seed)
    T, S = related(80, rng, d_teacher, d_student)
    angles = principal_angles(paired_moments(T, S, rng=rng), energy=1.0)
    theirs = linalg.subspace_angles(T - T.mean(axis=0), S - S.mean(axis=0))
    np.testing.assert_allclose(angles, theirs, atol=1e-8)  # the square root of what rounding does to 1 - cos²


def test_truncated_angles_are_scipys_on_principal_components() -> None:
    rng = np.random.default_rng(2)
    T, S = related(300, rng)
    pair = paired_moments(T, S, rng=rng)
    found = correlation_dimension(pair, energy=0.9)
    scores = []
    for X, k in ((T, found.d_teacher), (S, found.d_student)):
        U, s, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
        assert (s[:k] ** 2).sum() >= 0.9 * (s**2).sum() > (s[: k - 1] ** 2).sum()
        scores.append(U[:, :k])
    theirs = linalg.subspace_angles(*scores)
    np.testing.assert_allclose(principal_angles(pair, energy=0.9), theirs, atol=1e-10)
    assert found.value == pytest.approx((np.cos(theirs) ** 2).sum(), abs=1e-10)


@pytest.mark.parametrize("shared", [0, 7])
def test_rotating_either_space_changes_nothing(shared: int) -> None:
    rng = np.random.default_rng(3)
    T, S = planted(500, 12, 20, shared, rng)
    T, S = T * np.linspace(1, 3, 20) + 1, S * np.linspace(2, 1, 12) - 2
    plain, turned = (
        paired_moments(A, B, rng=np.random.default_rng(0))
        for A, B in ((T, S), (T @ rotation(20, rng), S @ rotation(12, rng)))
    )
    before, after = (correlation_dimension(pair) for pair in (plain, turned))
    for name in ("value", "chance", "corrected", "cross_fitted"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), abs=1e-8)
    np.testing.assert_allclose(principal_angles(turned), principal_angles(plain), atol=1e-8)
    for name in ("biased", "biased_chance", "debiased"):
        assert getattr(linear_cka(turned), name) == pytest.approx(getattr(linear_cka(plain), name), abs=1e-8)
    assert procrustes(turned) == pytest.approx(procrustes(plain), abs=1e-8)


def test_shuffled_rows_collapse_to_chance() -> None:
    rng = np.random.default_rng(4)
    T, S = related(3000, rng)
    pair = paired_moments(T[rng.permutation(3000)], S, rng=rng)
    found, cka = correlation_dimension(pair, energy=1.0), linear_cka(pair)
    # the squared correlations of 240 unrelated directions: standard deviation sqrt(2 * 240) / 3000
    assert found.value == pytest.approx(found.chance, abs=4 * np.sqrt(2 * 240) / 3000)
    assert found.corrected == pytest.approx(0, abs=4 * np.sqrt(2 * 240) / 3000)
    assert principal_angles(pair, energy=1.0)[-1] == pytest.approx(smallest_angle_by_chance(3000, 12, 20), abs=0.03)
    assert cka.biased == pytest.approx(cka.biased_chance, rel=0.5)
    assert abs(cka.debiased) < 0.003
    assert procrustes(pair) == pytest.approx(procrustes_by_chance(pair, rng=rng), abs=0.002)


def test_the_published_estimate_ignores_the_pairing() -> None:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((2000, 40)) * np.arange(1, 41) ** -1.0
    for teacher in (X @ rotation(40, rng), X[rng.permutation(2000)]):
        draws = [
            overlap_uncalibrated(paired_moments(teacher, X, rng=rng), rng=np.random.default_rng(seed), energy=0.95)
            for seed in range(30)
        ]
        assert np.mean([draw[0] for draw in draws]) == pytest.approx(draws[0][1], rel=0.2)


def test_too_few_rows_are_refused() -> None:
    rng = np.random.default_rng(6)
    pair = paired_moments(rng.standard_normal((15, 8)), rng.standard_normal((15, 7)), rng=rng)
    with pytest.raises(ShapeError, match=r"more than 16 rows, .*: got 15"):
        correlation_dimension(pair, energy=1.0)
