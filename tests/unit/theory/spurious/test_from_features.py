"""Risks from the second moments of scores: the closed form on data of the model, and what scores say of a cue."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from tests.unit.theory.spurious.models import APART, SHARED, model_of, models
from w2s_probe.core.errors import ShapeError
from w2s_probe.theory import SpuriousModel, general_risks
from w2s_probe.theory.spurious.from_features import (
    StratumMoments,
    agreement_scores,
    risks_from_moments,
    separation,
    stratum_moments,
)

ETAS = [(0.1, 0.1, 0.5), (0.5, 0.1, 0.5), (0.2, 0.4, 0.3)]


def shares(eta: float) -> list[float]:
    return [1 - eta, eta]


def risks(moments: StratumMoments, model: SpuriousModel) -> tuple[float, float]:
    found = risks_from_moments(
        moments,
        labeled=shares(model.eta_labeled),
        unlabeled=shares(model.eta_unlabeled),
        test=shares(model.eta_test),
    )
    unit = model.noise_variance * model.gamma
    return unit * found.teacher, unit * found.student


def drawn(model: SpuriousModel, n: int) -> StratumMoments:
    """Return the moments of n rows of each group of the mixture."""
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], n)
    xi = groups[:, None] * model.mu + model.sigma * rng.standard_normal((2 * n, len(model.mu)))
    return stratum_moments(xi @ model.T, xi @ model.S, groups, count=2)


@pytest.mark.parametrize("student", [APART, SHARED], ids=["apart", "shared"])
@pytest.mark.parametrize("etas", ETAS)
def test_moments_of_drawn_rows_give_the_closed_form(
    student: NDArray[np.floating], etas: tuple[float, float, float]
) -> None:
    model = model_of(student, etas, law="mixture", nu=0.0)
    expected = general_risks(model)
    # the error of a mean of 200,000 rows, some ten entries of which are multiplied
    assert risks(drawn(model, 200_000), model) == pytest.approx((expected.teacher, expected.student), rel=0.01)


@given(model=models(), seed=st.integers(0, 999))
@settings(max_examples=40)
def test_exact_moments_give_the_closed_form_whatever_the_scale_and_origin_of_scores(
    model: SpuriousModel, seed: int
) -> None:
    model = replace(model, law="mixture", nu=0.0, mu=np.clip(model.mu / model.sigma, -3, 3), sigma=1.0)
    rng = np.random.default_rng(seed)
    p, q = model.T.shape[1], model.S.shape[1]
    # 2 d points whose first two moments are those of a standard Gaussian
    corners = np.sqrt(len(model.mu)) * np.concatenate([np.eye(len(model.mu)), -np.eye(len(model.mu))])
    xi = np.concatenate([corners, model.mu + corners])
    weak = xi @ model.T @ np.diag(rng.uniform(0.5, 2, p)) + rng.standard_normal(p)
    strong = xi @ model.S @ np.diag(rng.uniform(0.5, 2, q)) + rng.standard_normal(q)
    moments = stratum_moments(weak, strong, np.repeat([0, 1], len(corners)), count=2)
    expected = general_risks(model)
    assert risks(moments, model) == pytest.approx((expected.teacher, expected.student), rel=1e-6)


def test_a_student_that_sees_what_its_teacher_sees_is_its_teacher() -> None:
    rng = np.random.default_rng(0)
    score, strata = rng.standard_normal(400) + np.repeat([2.0, 0.0], 200), np.repeat([0, 1], 200)
    moments = stratum_moments(score, 5 - 3 * score, strata, count=2)
    found = risks_from_moments(moments, labeled=shares(0.1), unlabeled=shares(0.4), test=shares(0.5))
    assert found.student == pytest.approx(found.teacher)
    assert found.teacher > 2  # two numbers are fitted, and the test part is not as the labeled rows


def test_scores_that_do_not_vary_get_no_weight() -> None:
    moments = stratum_moments(np.zeros(20), np.zeros(20), np.repeat([0, 1], 10), count=2)
    found = risks_from_moments(moments, labeled=shares(0.1), unlabeled=shares(0.4), test=shares(0.5))
    assert (found.teacher, found.student) == pytest.approx((1.0, 1.0))
    assert math.isnan(separation(moments).teacher)


def tempted(
    n: int, strength: float, *, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.int_], NDArray[np.int_]]:
    """Return features that hold label and cue, and both; the cue agrees with the label in nine rows of ten."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    values = np.where(rng.random(n) < 0.9, labels, 1 - labels)
    X = rng.standard_normal((n, 6))
    X[:, 0] += 2 * labels
    X[:, 1] += strength * values
    return X, values, labels


def test_each_row_is_scored_by_the_head_of_the_others_and_every_cell_weighs_the_same() -> None:
    X, values, labels = tempted(20, 2.0)
    found = agreement_scores(X, values, labels, [0, 1])
    cells = 2 * labels + values
    weights = 1 / np.bincount(cells)[cells]
    centered = X - weights @ X / weights.sum()
    center = np.median(np.linalg.eigvalsh(centered.T @ (weights[:, None] * centered)))
    alphas = center * np.logspace(-12, 12, 97)
    references = []
    for alpha in alphas:
        said = []
        for i in range(20):
            others = np.delete(np.arange(20), i)
            head = Ridge(alpha=alpha).fit(X[others], np.eye(2)[values[others]], sample_weight=weights[others])
            said.append(head.predict(X[[i]])[0, labels[i]])
        references.append(said)
    nearest = np.abs(np.array(references) - found).max(axis=1)
    assert nearest.min() < 1e-9


def test_agreement_is_seen_where_the_space_holds_the_cue_and_not_where_it_holds_the_label_alone() -> None:
    for strength, low, high in ((3.0, 2.5, 3.5), (0.0, -0.3, 0.3)):
        X, values, labels = tempted(3000, strength)
        score = agreement_scores(X, values, labels, [0, 1])
        moments = stratum_moments(score, score, 2 * labels + (labels != values), count=4)
        found = separation(moments)
        assert low < found.teacher < high
        assert found.correlation == pytest.approx(1)


def test_the_name_of_a_value_changes_nothing() -> None:
    X, values, labels = tempted(300, 1.0)
    found = agreement_scores(X, values, labels, [0, 1])
    assert agreement_scores(X, 1 - values, labels, [1, 0]) == pytest.approx(found, abs=1e-9)
    assert agreement_scores(X, values, 1 - labels, [1, 0]) == pytest.approx(found, abs=1e-9)


def test_rows_must_match_and_equal_rows_say_nothing() -> None:
    with pytest.raises(ShapeError, match="got 3 rows and 4"):
        stratum_moments(np.zeros(4), np.zeros(3), np.zeros(4, int), count=1)
    assert agreement_scores(np.ones((4, 2)), [0, 1, 0, 1], [0, 0, 1, 1], [0, 1]).tolist() == [0.0] * 4
