"""Confidence weights: what they are, that the student has them, and when there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge

from tests.unit.strategies.pairs import pairs_problem
from tests.unit.strategies.problems import SEED, rows_of, with_scores
from w2s_probe.core.errors import NotApplicableError
from w2s_probe.core.types import Float
from w2s_probe.strategies import Student, W2SProblem, load_strategy


def learn(problem: W2SProblem) -> Student:
    strategy, config = load_strategy("confidence_weighted", {})
    return strategy(problem, config)


def weights_of(student: Student) -> Float:
    assert student.weights is not None
    return student.weights


def test_the_weight_of_a_pair_is_twice_the_distance_of_its_probability_from_one_half() -> None:
    problem = pairs_problem(2.5)
    student, scores = learn(problem), problem.teacher_scores[0]
    of_paper = 2 * np.abs(expit(scores[:, 1] - scores[:, 0]) - 0.5)
    np.testing.assert_allclose(weights_of(student), of_paper / of_paper.mean(), atol=1e-12)
    assert student.fitted["mean_confidence"] == pytest.approx(of_paper.mean())
    assert weights_of(student).mean() == pytest.approx(1.0)


def test_swapped_sides_change_no_weight_and_no_prediction_but_its_sign() -> None:
    plain, swapped = pairs_problem(2.5), pairs_problem(2.5, swapped=True)
    assert not np.array_equal(plain.X_unlabeled, swapped.X_unlabeled)
    left, right = learn(plain), learn(swapped)
    np.testing.assert_allclose(weights_of(left), weights_of(right), rtol=1e-9)
    X = np.random.default_rng(0).standard_normal((20, plain.X_unlabeled.shape[1]))
    np.testing.assert_allclose(left.head.scores(X), right.head.scores(X), atol=1e-9)


def test_the_student_of_pairs_equals_scikit_learns_head_with_these_weights() -> None:
    problem = pairs_problem(2.5, pseudolabels="hard", scale="none", student_alpha=3.0)
    student, X = learn(problem), problem.X_unlabeled
    decisions = problem.pseudolabels[0].argmax(axis=1)
    theirs = LogisticRegression(C=1 / 3.0, fit_intercept=False, tol=1e-12, max_iter=10_000)
    theirs.fit(X, decisions, sample_weight=weights_of(student))
    scores = student.head.scores(X)
    np.testing.assert_allclose(scores[:, 1] - scores[:, 0], theirs.decision_function(X), atol=1e-5)  # its solver stops


@pytest.mark.parametrize("classes", [2, 3])
def test_the_student_of_classes_equals_scikit_learns_head_weighted_by_the_two_largest_probabilities(
    classes: int,
) -> None:
    problem = rows_of(SEED, classes=classes).problem
    student, X = learn(problem), problem.X_unlabeled
    top = np.sort(problem.teachers[0].head.probabilities(problem.teacher_scores[0]), axis=1)
    weights = (top[:, -1] - top[:, -2]) / (top[:, -1] - top[:, -2]).mean()
    np.testing.assert_allclose(weights_of(student), weights, rtol=1e-12)
    theirs = Ridge(alpha=student.head.alpha).fit(X, problem.pseudolabels[0], sample_weight=weights)
    np.testing.assert_allclose(student.head.scores(X), theirs.predict(X), atol=1e-8)
    assert np.abs(student.head.scores(X) - problem.vanilla().scores(X)).max() > 1e-4


def test_a_teacher_that_is_equally_sure_everywhere_gives_the_vanilla_student() -> None:
    problem = rows_of(SEED, pseudolabels="hard").problem
    sure = with_scores(problem, problem.hard(problem.teacher_scores[0]))
    student = learn(sure)
    assert student.fitted["effective_share"] == pytest.approx(1.0)
    X = problem.X_unlabeled
    np.testing.assert_allclose(student.head.scores(X), problem.vanilla().scores(X), atol=1e-9)


def test_an_undecided_teacher_and_numbers_are_refused_in_one_line() -> None:
    problem = rows_of(SEED).problem
    undecided = with_scores(problem, np.full((len(problem.X_unlabeled), 2), 0.5))
    with pytest.raises(NotApplicableError, match=r"two largest probabilities are equal on every row. Use another"):
        learn(undecided)
    with pytest.raises(NotApplicableError, match="needs classes"):
        learn(replace(problem, classes=None))
