"""The mean of the vanilla student's and the baseline's scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.unit.strategies.problems import T, rows_of
from w2s_probe.strategies.average import AverageConfig, average

KINDS: list[dict[str, Any]] = [
    {},
    {"head": "softmax"},
    {"pseudolabels": "hard"},
    {"task": "regression"},
    {"classes": 5},
]


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_scores_are_the_mean_of_both_heads_scores(settings: dict[str, Any]) -> None:
    rows = rows_of(**settings)
    student = average(rows.problem, AverageConfig())
    both = [head.scores(rows.strong[T]) for head in (rows.problem.vanilla(), rows.problem.baseline())]
    np.testing.assert_allclose(student.head.scores(rows.strong[T]), (both[0] + both[1]) / 2, atol=1e-12)  # rounding
    strengths = [rows.problem.vanilla().alpha, rows.problem.baseline().alpha]
    assert student.head.alpha == pytest.approx(np.exp(np.mean(np.log(strengths))))
    assert (student.head.rule, student.head.at_edge, student.head.converged) == ("mean", False, True)


def test_probabilities_are_those_of_the_heads_kind() -> None:
    problem = rows_of(head="softmax").problem
    scores = np.array([[2.0, -1.0]])
    theirs = problem.vanilla().probabilities(scores)
    np.testing.assert_array_equal(average(problem, AverageConfig()).head.probabilities(scores), theirs)


def test_it_tells_that_labels_entered_the_head() -> None:
    student = average(rows_of().problem, AverageConfig())
    assert student.uses_labels
    assert student.kept.all()
    assert student.rivals == ("anchored",)


def test_a_fit_that_did_not_reach_its_minimum_is_told() -> None:
    problem = rows_of().problem
    unfinished = replace(problem.baseline(), converged=False)  # type: ignore[type-var]
    assert not average(replace(problem, baseline=lambda: unfinished), AverageConfig()).head.converged
