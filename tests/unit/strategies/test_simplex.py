"""Weights learned with the student, against a grid of weights and students."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from tests.unit.strategies.several_teachers import several_teachers, variant, weights_of, with_scores
from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.strategies.base import W2SProblem
from w2s_probe.strategies.registry import load_strategy
from w2s_probe.strategies.simplex import SimplexConfig, simplex, unfitted_gram

STEP = 0.05


def joint_loss(problem: W2SProblem, targets: list[NDArray[np.float64]], weights: NDArray[np.float64]) -> float:
    """Return the penalized squared error of scikit-learn's student of the weighted targets."""
    assert problem.options.alpha is not None
    X, Y = problem.X_unlabeled, np.tensordot(weights, np.array(targets), axes=1)
    if problem.options.scale == "standard":
        X = X / X.std(axis=0)
    fitted = Ridge(alpha=problem.options.alpha).fit(X, Y)
    residuals = Y - fitted.predict(X).reshape(Y.shape)
    return float((residuals**2).sum() + problem.options.alpha * (fitted.coef_**2).sum())


@pytest.mark.parametrize("targets", ["hard", "soft"])
@pytest.mark.parametrize("scale", ["none", "standard"])
@pytest.mark.parametrize("seed", range(3))
def test_weights_are_the_best_ones_of_a_grid_of_weights_and_students(seed: int, scale: str, targets: str) -> None:
    problem = several_teachers(1.0, 1.5, 2.5, seed=seed, student_alpha=30.0, scale=scale, classes=3, pool=120)
    student = simplex(problem, SimplexConfig(targets=targets))  # type: ignore[arg-type]
    used = [problem.hard(raw) for raw in problem.teacher_scores] if targets == "hard" else problem.teacher_scores
    shares = np.arange(0, 1 + STEP / 2, STEP)
    grid = [np.array([a, b, 1 - a - b]) for a, b in product(shares, shares) if a + b < 1 + STEP / 2]
    losses = [joint_loss(problem, used, weights) for weights in grid]
    best = grid[int(np.argmin(losses))]
    own = weights_of(student)
    assert joint_loss(problem, used, own) <= min(losses) * (1 + 1e-9)
    # the loss is a quadratic of similar curvature in all directions: its best grid point is a neighbor of its minimum
    np.testing.assert_allclose(own, best, atol=STEP)
    assert student.targets is not None
    np.testing.assert_allclose(student.targets, np.tensordot(own, np.array(used), axes=1), atol=1e-12)
    assert student.head.alpha == 30.0


def test_the_gram_is_that_of_the_smoother() -> None:
    problem = several_teachers(1.0, 2.0, 3.0, classes=3, pool=60)
    T = [raw - raw.mean(axis=0) for raw in problem.teacher_scores]
    X = problem.X_unlabeled - problem.X_unlabeled.mean(axis=0)
    S = X @ np.linalg.solve(X.T @ X + 5.0 * np.eye(X.shape[1]), X.T)
    expected = [[(a * (b - S @ b)).sum() for b in T] for a in T]
    np.testing.assert_allclose(unfitted_gram(problem, problem.teacher_scores, alpha=5.0), expected, rtol=1e-9)


def test_weights_and_student_have_the_strength_that_gcv_chooses_for_the_mean_of_the_targets() -> None:
    problem = several_teachers(1.0, 2.0, 3.0)
    student = simplex(problem, SimplexConfig())
    alpha = student.head.alpha
    mean = np.mean([problem.hard(raw) for raw in problem.teacher_scores], axis=0)
    assert alpha == problem.fit(problem.X_unlabeled, mean).alpha
    fixed = simplex(several_teachers(1.0, 2.0, 3.0, student_alpha=alpha), SimplexConfig())
    assert (fixed.head.alpha, fixed.head.rule) == (alpha, "given")
    np.testing.assert_allclose(weights_of(fixed), weights_of(student), atol=1e-12)


def test_with_scores_the_most_shrunken_teacher_wins_and_with_decisions_its_size_does_not_matter() -> None:
    problem = several_teachers(1.0, 1.0, 2.0, classes=2)
    first, second, third = problem.teacher_scores
    shrunken = with_scores(problem, first, second, 0.5 + 0.1 * (third - 0.5))
    assert weights_of(simplex(shrunken, SimplexConfig(targets="soft")))[2] > 0.95
    whole, small = (weights_of(simplex(given, SimplexConfig())) for given in (problem, shrunken))
    np.testing.assert_allclose(small, whole, atol=1e-12)


def test_equal_teachers_share_the_weight() -> None:
    problem = several_teachers(1.0, 1.0)
    first = problem.teacher_scores[0]
    same = simplex(with_scores(problem, first, first), SimplexConfig())
    np.testing.assert_allclose(weights_of(same), [0.5, 0.5], atol=1e-9)
    assert same.targets is not None
    np.testing.assert_allclose(same.targets, problem.hard(first), atol=1e-12)


def test_opposite_and_constant_teachers_give_a_constant_student() -> None:
    """Targets that a student fits without error: scores that cancel, and decisions for one class."""
    problem = several_teachers(1.0, 1.0)
    first = problem.teacher_scores[0]
    opposite = simplex(with_scores(problem, first, 1 - first), SimplexConfig())
    np.testing.assert_allclose(weights_of(opposite), [0.5, 0.5], atol=1e-6)  # rounding of 1e-16 against a term of 1e-9
    constant = simplex(with_scores(problem, first, np.tile([0.7, 0.3], (len(first), 1))), SimplexConfig())
    np.testing.assert_allclose(weights_of(constant), [0, 1], atol=1e-6)


def test_the_other_targets_are_a_variant() -> None:
    problem = several_teachers(1.0, 2.0)
    hard, soft = simplex(problem, SimplexConfig()), simplex(problem, SimplexConfig(targets="soft"))
    assert (list(hard.variants), list(soft.variants)) == (["targets=soft"], ["targets=hard"])
    np.testing.assert_array_equal(weights_of(variant(hard, "targets=soft")), weights_of(soft))


def test_what_does_not_apply_is_refused_in_one_line() -> None:
    config = SimplexConfig()
    with pytest.raises(NotApplicableError, match="the strategy simplex needs two teachers or more"):
        simplex(several_teachers(1.0), config)
    with pytest.raises(NotApplicableError, match=r"got `head` softmax\. Use the strategy stacked"):
        simplex(several_teachers(1.0, 2.0, head="softmax"), config)
    numbers = several_teachers(1.0, 2.0, classes=None)
    with pytest.raises(NotApplicableError, match=r"got `task` regression. Use --set simplex\.targets=soft"):
        simplex(numbers, config)
    assert simplex(numbers, SimplexConfig(targets="soft")).targets is not None
    with pytest.raises(ConfigError, match=r"simplex\.targets must be one of soft, hard: got True"):
        load_strategy("simplex", {"simplex.targets": True})
