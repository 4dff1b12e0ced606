"""Closed forms of a spurious correlation: published fixtures, what they must not depend on, and the best pool."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.theory.spurious.models import APART, EYE, SHARED, model_of, models, orthonormal
from w2s_probe.core.errors import W2SProbeError
from w2s_probe.theory import SpuriousModel, fixed_point_risks, general_risks, published_risks
from w2s_probe.theory.spurious.risks import best_eta_unlabeled, published_pool_term

Etas = tuple[float, float, float]
SOLVED = settings(max_examples=20, deadline=None)  # several fixed points an example
# S, fractions of labeled rows, pool, test -> published teacher, student, + pool; mixture's teacher, student
FIXTURES: list[tuple[NDArray[np.float64], Etas, tuple[float, ...]]] = [
    (APART, (0.1, 0.1, 0.5), (0.0480, 0.0100, 0.010237, 0.051034, 0.010576)),
    (APART, (0.5, 0.1, 0.5), (0.0400, 0.0180, 0.018237, 0.040000, 0.013398)),
    (SHARED, (0.2, 0.4, 0.3), (0.0405, 0.021025, 0.021177, 0.041667, 0.023823)),
]


def fixed(model: SpuriousModel) -> tuple[float, float]:
    found = fixed_point_risks(model, eta_labeled=[model.eta_labeled], eta_unlabeled=[model.eta_unlabeled])
    assert found.converged
    return float(found.teacher[0]), float(found.student[0, 0])


def general(model: SpuriousModel) -> tuple[float, float]:
    found = general_risks(model)
    return found.teacher, found.student


def published(model: SpuriousModel) -> tuple[float, float]:
    found = published_risks(model)
    return found.teacher, found.student


@pytest.mark.parametrize(("S", "etas", "expected"), FIXTURES)
def test_the_fixtures_come_out(S: NDArray[np.float64], etas: Etas, expected: tuple[float, ...]) -> None:
    model = model_of(S, etas)
    plain, term, mixed = (
        published_risks(model),
        published_pool_term(model),
        general_risks(replace(model, law="mixture")),
    )
    got = (plain.teacher, plain.student, plain.student + term, mixed.teacher, mixed.student)
    assert got == pytest.approx(expected, abs=5e-7)  # six decimals are given


@given(model=models())
def test_second_moments_of_one_cloud_are_the_published_formula_with_its_pools_term(model: SpuriousModel) -> None:
    model = replace(model, law="gaussian")
    plain = published_risks(model)
    assert general(model) == pytest.approx((plain.teacher, plain.student + published_pool_term(model)), rel=1e-9)


@SOLVED
@given(model=models(), seed=st.integers(0, 2**32 - 1))
def test_no_risk_depends_on_basis_or_unit(model: SpuriousModel, seed: int) -> None:
    rng = np.random.default_rng(seed)
    turn = orthonormal(rng, len(model.T), len(model.T))
    turned = replace(
        model,
        T=turn @ model.T @ orthonormal(rng, model.p_teacher - 1, model.p_teacher - 1),
        S=turn @ model.S @ orthonormal(rng, model.p_student - 1, model.p_student - 1),
        mu=3 * turn @ model.mu,
        sigma=3 * model.sigma,
    )
    for risks, digits in ((published, 1e-9), (general, 1e-8)):
        assert risks(turned) == pytest.approx(risks(model), rel=digits)
    if model.gamma * model.p_teacher < 0.5 and model.nu * model.p_student < 0.5:
        assert fixed(turned) == pytest.approx(fixed(model), rel=1e-6)  # each is within 1e-7


@SOLVED
@given(model=models(most=0.5))
def test_a_student_that_sees_what_its_teacher_sees_repeats_it(model: SpuriousModel) -> None:
    same = replace(model, S=model.T, nu=model.gamma)
    for risks in (general, fixed):
        teacher, student = risks(same)
        assert student == pytest.approx(teacher, rel=1e-6)
    assert math.isnan(best_eta_unlabeled(same))


@SOLVED
@given(model=models(most=0.5))
def test_risks_grow_with_gamma_nu_and_noise(model: SpuriousModel) -> None:
    teacher, student = fixed(model)
    assert teacher > general(model)[0]  # what small gamma leaves out adds
    assert fixed(replace(model, gamma=model.gamma * 1.2))[0] > 1.2 * teacher
    if model.law == "gaussian":  # of two groups, a smaller pool can weigh rows better by a little
        assert fixed(replace(model, nu=1.2 * model.nu))[1] >= student * (1 - 1e-7)
    assert fixed(replace(model, noise_variance=2 * model.noise_variance)) == pytest.approx((2 * teacher, 2 * student))


@given(model=models(), other=st.floats(0, 0.5))
def test_no_other_pool_is_better_by_the_published_formula(model: SpuriousModel, other: float) -> None:
    best = best_eta_unlabeled(model)
    there = replace(model, eta_unlabeled=other)
    if math.isnan(best):
        assert published_risks(there).student == pytest.approx(published_risks(model).student)
    else:
        least = published_risks(replace(model, eta_unlabeled=best)).student
        assert least <= published_risks(there).student * (1 + 1e-12)


def test_the_best_pool_of_the_fixture_is_14_percent() -> None:
    assert best_eta_unlabeled(model_of(SHARED, (0.2, 0.4, 0.3))) == pytest.approx(0.14)


def test_directions_from_a_float32_file_that_are_equal_leave_no_best_pool() -> None:
    T = orthonormal(np.random.default_rng(0), 6, 3).astype(np.float32)
    turn = orthonormal(np.random.default_rng(1), 3, 3).astype(np.float32)
    assert math.isnan(best_eta_unlabeled(model_of(T @ turn, (0.2, 0.4, 0.3), T=T)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"law": "normal"}, "`law` must be gaussian or mixture: got 'normal'"),
        (
            {"T": EYE[:, :3] * 1.1},
            "teacher matrix must have orthonormal columns: got inner products that differ by up to 0.21",
        ),
        ({"S": np.ones((6, 2))}, "student matrix must have orthonormal columns"),
        ({"T": EYE[:3].copy()}, r"at most as many columns as rows: got shape \(3, 6\)"),
        ({"T": np.ones(6)}, "teacher matrix must have two dimensions"),
        ({"T": EYE[:, :0]}, "teacher matrix must not be empty"),
        ({"S": np.eye(5)[:, :2]}, "got 6 and 5 rows"),
        ({"mu": np.ones(5)}, "each of the 6 rows of the teacher matrix: got 5 numbers"),
        ({"mu": np.array([0, 0, 0, 0, 0, math.nan])}, "`mu` must be finite: got nan"),
        ({"sigma": 0.0}, "`sigma` must be finite and above 0: got 0.0"),
        ({"noise_variance": -1.0}, "`noise_variance` must be finite and at least 0: got -1.0"),
        ({"eta_labeled": 1.1}, "`eta_labeled` must be between 0 and 1: got 1.1"),
        ({"eta_unlabeled": math.nan}, "`eta_unlabeled` must be between 0 and 1: got nan"),
        ({"eta_test": -0.1}, "`eta_test` must be between 0 and 1"),
        ({"gamma": 0.25}, "below 1/p_t = 1/4: got 0.25"),
        ({"gamma": 0.0}, "`gamma` must be above 0"),
        ({"nu": 0.34}, "below 1/p_s = 1/3: got 0.34"),
        ({"nu": math.nan}, "`nu` must be at least 0: got nan"),
    ],
)
def test_what_no_model_has_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(W2SProbeError, match=said):
        model_of(APART, (0.1, 0.1, 0.5), **changes)
