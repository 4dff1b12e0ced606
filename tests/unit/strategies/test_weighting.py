"""The strength of a student of weighted teachers belongs to its weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.unit.strategies.several_teachers import Array, several_teachers
from w2s_probe.strategies.weighting import ROUNDS, settled


def test_a_strength_that_never_stays_is_the_one_of_the_last_weights() -> None:
    problem = several_teachers(0.5, 6.0)
    tried: list[float] = []

    def alternate(alpha: float) -> Array:
        tried.append(alpha)
        return np.eye(2)[len(tried) % 2]

    head, targets, weights = settled(problem, problem.teacher_scores, alternate)
    assert len(tried) == ROUNDS
    assert len(set(tried)) > 1
    assert (head.alpha, head.rule) == (tried[-1], "given")
    np.testing.assert_array_equal(weights, np.eye(2)[ROUNDS % 2])
    np.testing.assert_array_equal(targets, problem.teacher_scores[ROUNDS % 2])


@pytest.mark.parametrize("settings", [{"student_alpha": 3.0}, {}])
def test_a_given_strength_stays_and_a_chosen_one_is_that_of_the_weighted_targets(settings: dict[str, Any]) -> None:
    problem = several_teachers(0.5, 6.0, **settings)
    tried: list[float] = []

    def first(alpha: float) -> Array:
        tried.append(alpha)
        return np.array([1.0, 0.0])

    head, targets, _ = settled(problem, problem.teacher_scores, first)
    assert head.alpha == problem.fit(problem.X_unlabeled, targets).alpha == tried[-1]
    assert head.rule == ("given" if settings else "gcv")
    if settings:
        assert tried == [3.0]
