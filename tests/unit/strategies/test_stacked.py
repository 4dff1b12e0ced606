"""Stacked teachers: weights from the labeled rows, a student of the weighted scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.special import softmax
from sklearn.linear_model import Ridge

from tests.unit.strategies.several_teachers import several_teachers, variant, weights_of
from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.heads import LinearHead
from w2s_probe.strategies.base import W2SProblem
from w2s_probe.strategies.registry import load_strategy
from w2s_probe.strategies.stacked import StackedConfig, stacked


def least_squares(problem: W2SProblem) -> list[float]:
    """Return the simplex weights by scipy, from a further row of ones: up to a factor, it makes the sum 1."""
    errors = [(problem.soft(teacher.held_out()) - problem.Y_labeled).ravel() for teacher in problem.teachers]
    A = np.vstack([np.stack(errors, axis=1), np.ones((1, len(errors)))])
    found, _ = nnls(A, np.append(np.zeros(len(A) - 1), 1.0))
    return [float(weight) for weight in found / found.sum()]


@pytest.mark.parametrize("classes", [2, 3, None])
def test_the_student_is_fitted_to_the_scores_with_the_least_held_out_error(classes: int | None) -> None:
    problem = several_teachers(1.0, 2.0, 4.0, classes=classes)
    student = stacked(problem, StackedConfig())
    expected = least_squares(problem)
    assert weights_of(student) == pytest.approx(expected, abs=1e-8)  # a term of 1e-9 decides ties
    assert list(student.fitted) == ["weight weak 0", "weight weak 1", "weight weak 2"]
    targets = np.tensordot(expected, np.array(problem.teacher_scores), axes=1)
    assert student.targets is not None
    np.testing.assert_allclose(student.targets, targets, atol=1e-7)
    theirs = Ridge(alpha=student.head.alpha).fit(problem.X_unlabeled, targets).predict(problem.X_labeled)
    np.testing.assert_allclose(student.head.scores(problem.X_labeled), theirs.reshape(len(theirs), -1), atol=1e-6)
    assert student.kept.all()
    assert not student.uses_labels


def test_softmax_teachers_are_weighted_by_their_probabilities() -> None:
    problem = several_teachers(1.0, 3.0, head="softmax", classes=3)
    student = stacked(problem, StackedConfig())
    assert weights_of(student) == pytest.approx(least_squares(problem), abs=1e-8)
    probabilities = [softmax(scores, axis=1) for scores in problem.teacher_scores]
    assert student.targets is not None
    np.testing.assert_allclose(student.targets, np.tensordot(weights_of(student), probabilities, axes=1), atol=1e-12)
    assert isinstance(student.head, LinearHead)
    assert student.head.kind == "softmax"


def test_hard_targets_are_the_decisions_of_the_weighted_scores_and_each_value_has_the_other_as_variant() -> None:
    problem = several_teachers(1.0, 2.0, 4.0)
    soft, hard = (stacked(problem, StackedConfig(targets=targets)) for targets in ("soft", "hard"))
    assert soft.targets is not None
    assert hard.targets is not None
    np.testing.assert_array_equal(hard.targets, np.eye(2)[soft.targets.argmax(axis=1)])
    assert (list(soft.variants), list(hard.variants)) == (["targets=hard"], ["targets=soft"])
    again = variant(soft, "targets=hard").head
    np.testing.assert_array_equal(again.scores(problem.X_labeled), hard.head.scores(problem.X_labeled))


def test_equal_teachers_share_the_weight_and_one_that_is_wrong_everywhere_has_none() -> None:
    problem = several_teachers(1.0, 1.0)
    good = problem.teachers[0]
    equal = replace(problem, teachers=(good, replace(good, name="copy")))
    same = stacked(equal, StackedConfig())
    assert weights_of(same) == pytest.approx([0.5, 0.5], abs=1e-9)
    vanilla = problem.vanilla().scores(problem.X_labeled)
    assert same.head.scores(problem.X_labeled).tobytes() == vanilla.tobytes()
    wrong = replace(good, name="wrong", scores=1 - good.scores, held_out=lambda: 1 - good.held_out())
    opposite = stacked(replace(problem, teachers=(good, wrong)), StackedConfig())
    # the best mix of s and 1 - s leans towards s, since s alone is too sure of nothing here
    assert weights_of(opposite)[0] > 0.9


def test_one_teacher_and_hard_targets_of_numbers_are_refused() -> None:
    with pytest.raises(NotApplicableError, match="the strategy stacked needs two teachers or more"):
        stacked(several_teachers(1.0), StackedConfig())
    numbers = several_teachers(1.0, 2.0, classes=None)
    assert not stacked(numbers, StackedConfig()).variants
    with pytest.raises(NotApplicableError, match=r"Use --set stacked\.targets=soft"):
        stacked(numbers, StackedConfig(targets="hard"))
    with pytest.raises(ConfigError, match=r"stacked\.targets must be one of soft, hard: got 'mean'. Use soft"):
        load_strategy("stacked", {"stacked.targets": "mean"})
