"""The model of errors: its variables, and its fit by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from w2s_probe.experiments.suspects.margins import fit_errors, margins

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds)
def test_for_two_classes_the_margins_are_differences_with_the_students_sign(seed: int) -> None:
    student, teacher = np.random.default_rng(seed).standard_normal((2, 20, 2))
    m_s, m_t = student[:, 1] - student[:, 0], teacher[:, 1] - teacher[:, 0]
    np.testing.assert_allclose(margins(student, teacher), np.column_stack([np.abs(m_s), np.sign(m_s) * m_t]))


@given(seed=seeds, K=st.integers(2, 6))
def test_margins_follow_the_classes_in_any_order(seed: int, K: int) -> None:
    rng = np.random.default_rng(seed)
    student, teacher = rng.standard_normal((2, 20, K))
    order = rng.permutation(K)
    found = margins(student, teacher)
    np.testing.assert_array_equal(margins(student[:, order], teacher[:, order]), found)
    agree = student.argmax(axis=1) == teacher.argmax(axis=1)
    np.testing.assert_array_equal(found[:, 1] > 0, agree)
    assert (found[:, 0] > 0).all()


def test_more_classes_are_brought_back_to_the_best_others() -> None:
    student, teacher = np.array([[1.0, 5.0, 3.0]]), np.array([[4.0, 2.0, -1.0]])
    np.testing.assert_array_equal(margins(student, teacher), [[2.0, -2.0]])


def test_the_fit_is_scikit_learns_logistic_regression_on_scaled_margins() -> None:
    rng = np.random.default_rng(0)
    seen = rng.standard_normal((120, 2)) * [3.0, 0.1] + [4.0, -0.2]
    wrong = rng.random(120) < 1 / (1 + np.exp(seen[:, 0] - 4))
    model = fit_errors(seen, wrong)
    scaled = StandardScaler().fit_transform(seen)
    theirs = LogisticRegression(C=1.0, tol=1e-10).fit(scaled, wrong)
    np.testing.assert_allclose(model.probability(seen), theirs.predict_proba(scaled)[:, 1], atol=1e-5)
    np.testing.assert_allclose(model.slopes, theirs.coef_[0], atol=1e-4)
    assert model.probability(seen).mean() == pytest.approx(wrong.mean(), abs=1e-6)


def test_one_error_that_can_be_separated_keeps_finite_slopes() -> None:
    seen = np.column_stack([np.arange(50.0), np.zeros(50)])
    model = fit_errors(seen, np.arange(50) == 0)
    assert np.isfinite(model.slopes).all()
    assert -3 < model.slopes[0] < 0
    assert model.slopes[1] == pytest.approx(0)
