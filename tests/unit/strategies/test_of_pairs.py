"""Strategies on preference pairs: those that apply have odd heads, the others say why they do not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.unit.strategies.pairs import pairs_problem
from w2s_probe.core.errors import NotApplicableError
from w2s_probe.strategies import Oracle, Student, load_strategy
from w2s_probe.strategies.registry import BUILT_IN

REFUSED = {
    "anchored": "Use the strategy average.",
    "confidence_loss": "Use the strategy vanilla.",
    "oracle_dfr": "Use the strategy vanilla.",
    "oracle_group_weights": "Use the strategy vanilla.",
    "simplex": "Use the strategy stacked.",
    "adaptive_ensemble": "Use the strategy mean_teacher.",
}
CHEAP = {"two_stage.votes": 3, "two_stage.tau": 0.6, "traces.votes": 3}
problem = cache(lambda: pairs_problem(0.5, 2.5, pool=90, teacher_alpha=1.0, student_alpha=1.0))


def learn(name: str, **settings: object) -> Student:
    strategy, config = load_strategy(name, {**CHEAP, **settings})
    oracle = None
    if name.startswith("oracle_"):
        truth = np.random.default_rng(1).integers(2, size=len(problem().X_unlabeled))
        oracle = Oracle(targets=np.eye(2)[truth], groups=None)
    return strategy(replace(problem(), rng=np.random.default_rng(0), oracle=oracle), config)


def heads(name: str, student: Student) -> dict[str, Student]:
    """Return a student and its variants that apply."""
    found = {name: student}
    for key, variant in student.variants.items():
        try:
            found[f"{name}/{key}"] = variant if isinstance(variant, Student) else variant()
        except NotApplicableError as error:
            assert "Use label_filter.rule knn" in str(error), error
    return found


@pytest.mark.parametrize("name", sorted(set(BUILT_IN) - set(REFUSED)))
def test_students_and_variants_of_pairs_are_odd(name: str) -> None:
    X = problem().X_unlabeled
    students = heads(name, learn(name))
    for key, student in students.items():
        scores, turned = student.head.scores(X), student.head.scores(-X)
        assert np.ptp(scores) > 0, key
        np.testing.assert_allclose(turned, -scores, rtol=0, atol=1e-12 * np.abs(scores).max(), err_msg=key)
        np.testing.assert_allclose(scores.sum(axis=1), 0, atol=1e-12 * np.abs(scores).max(), err_msg=key)


@pytest.mark.parametrize("name", REFUSED)
def test_other_strategies_say_what_to_use_instead(name: str) -> None:
    with pytest.raises(NotApplicableError) as caught:
        learn(name)
    assert str(caught.value).endswith(REFUSED[name])
    assert "Use `head` ridge" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "settings", "advice"),
    [
        ("high_confidence", {"high_confidence.loss": "ridge"}, "Use high_confidence.loss gce."),
        ("label_filter", {"label_filter.rule": "representation"}, "Use label_filter.rule knn."),
    ],
)
def test_settings_with_an_intercept_are_refused(name: str, settings: dict[str, object], advice: str) -> None:
    with pytest.raises(NotApplicableError, match="does not apply to `task` preference") as caught:
        learn(name, **settings)
    assert str(caught.value).endswith(advice)
