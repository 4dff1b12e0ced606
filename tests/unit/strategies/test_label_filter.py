"""Filters of wrong pseudolabels: each rule's quality against an explicit computation."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from tests.unit.strategies.problems import SEED, U, rows_of, with_scores
from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.core.install import install_line
from w2s_probe.heads import ridge_probabilities
from w2s_probe.strategies import W2SProblem
from w2s_probe.strategies import label_filter as rules
from w2s_probe.strategies.label_filter import LabelFilterConfig, Rule, label_filter
from w2s_probe.strategies.selection import hard_pseudolabels

NAMES: tuple[Rule, ...] = get_args(Rule)
INSTALLED = [rule for rule in NAMES if rule != "cleanlab" or importlib.util.find_spec("cleanlab")]


def targets_of(problem: W2SProblem) -> np.ndarray:
    return hard_pseudolabels(problem, "label_filter")


@pytest.mark.parametrize("head", ["ridge", "softmax"])
@pytest.mark.parametrize("rule", INSTALLED)
def test_each_rule_keeps_its_share_of_each_class(rule: Rule, head: str) -> None:
    problem = rows_of(SEED, head=head, classes=3).problem
    codes = targets_of(problem).argmax(axis=1)
    student = label_filter(problem, LabelFilterConfig(rule=rule))
    share = 0.9 if rule == "probe" else 0.5
    for code in range(3):
        assert student.kept[codes == code].sum() == np.floor(share * (codes == code).sum() + 0.5)
    assert student.rule == f"top {share:.0%} of each pseudolabel class by {rule}; hard labels"


def test_the_other_rules_are_variants_with_the_same_fraction_if_it_is_given() -> None:
    problem = rows_of(SEED).problem
    student = label_filter(problem, LabelFilterConfig(rule="probe", keep=0.7))
    assert list(student.variants) == ["rule=knn", "rule=cleanlab", "rule=representation"]
    others = [student.variants[f"rule={rule}"] for rule in INSTALLED if rule != "probe"]
    for one in [student, *(variant() for variant in others)]:  # type: ignore[operator]
        assert one.kept.mean() == pytest.approx(0.7, abs=0.01)
    alone = label_filter(problem, LabelFilterConfig(rule="knn", keep=0.7))
    np.testing.assert_array_equal(student.variants["rule=knn"]().kept, alone.kept)  # type: ignore[operator]


@pytest.mark.parametrize("rule", [rule for rule in INSTALLED if rule != "representation"])
def test_wrong_labels_are_dropped_more_often(rule: Rule) -> None:
    given = rows_of(SEED, classes=2)
    truth = given.Y[U]
    flipped = np.random.default_rng(0).random(300) < 0.1
    scores = np.where(flipped[:, None], 1 - truth, truth)
    student = label_filter(with_scores(given.problem, scores), LabelFilterConfig(rule=rule, keep=0.8))
    assert flipped[~student.kept].mean() > 3 * flipped[student.kept].mean()


def test_neighbors_vote_with_the_teachers_probabilities() -> None:
    problem = rows_of(SEED, classes=3).problem
    P, codes = ridge_probabilities(problem.teachers[0].scores), targets_of(problem).argmax(axis=1)
    X = problem.X_unlabeled
    nearest = NearestNeighbors(n_neighbors=21).fit(X).kneighbors(X, return_distance=False)[:, 1:]
    expected = [P[rows, code].mean() for rows, code in zip(nearest, codes, strict=True)]
    np.testing.assert_allclose(rules._knn(problem, targets_of(problem)), expected, atol=1e-12)


def test_cleanlab_gets_probabilities_of_heads_that_did_not_see_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    rank = pytest.importorskip("cleanlab.rank")
    received: dict[str, Any] = {}

    def spy(labels: np.ndarray, pred_probs: np.ndarray, **options: Any) -> np.ndarray:
        received.update(labels=labels, P=pred_probs, **options)
        return np.zeros(len(labels))

    monkeypatch.setattr(rank, "get_label_quality_scores", spy)
    problem = rows_of(SEED, classes=3, student_alpha=5.0).problem
    targets = targets_of(problem)
    rules._cleanlab(problem, targets)
    X, checked = problem.X_unlabeled, 0
    for rows, rest in rules._folds(targets):
        head = problem.fit(X[rest], targets[rest])
        np.testing.assert_allclose(received["P"][rows], head.probabilities(head.scores(X[rows])), atol=1e-12)
        checked += len(rows)
    assert checked == 300
    np.testing.assert_array_equal(received["labels"], targets.argmax(axis=1))
    assert received["adjust_pred_probs"] is True


def test_cleanlabs_quality_is_confident_learning() -> None:
    pytest.importorskip("cleanlab")
    problem = rows_of(SEED).problem
    targets = targets_of(problem)
    quality = rules._cleanlab(problem, targets)
    assert quality.shape == (300,)
    assert 0 <= quality.min() < quality.max() <= 1


def test_without_cleanlab_its_rule_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cleanlab" else find(name))
    problem = rows_of(SEED).problem
    student = label_filter(problem, LabelFilterConfig())
    with pytest.raises(NotApplicableError, match=rf"run: {re.escape(install_line('filters'))}"):
        student.variants["rule=cleanlab"]()  # type: ignore[operator]


def test_a_class_of_one_row_or_of_none_is_handled_by_every_rule() -> None:
    given = rows_of(SEED, classes=3)
    scores = given.problem.teachers[0].scores.copy()
    scores[:, 2] = -9
    scores[7, 2] = 9
    for few in (scores, scores[:, :] - 18 * (np.arange(300) == 7)[:, None] * [0, 0, 1]):
        problem = with_scores(given.problem, few)
        for rule in INSTALLED:
            student = label_filter(problem, LabelFilterConfig(rule=rule))
            assert set(targets_of(problem)[student.kept].argmax(axis=1)) == set(few.argmax(axis=1))


def test_the_representation_score_is_what_only_student_space_explains() -> None:
    rng = np.random.default_rng(0)
    given = rows_of(SEED, student_alpha=1e-6)
    problem, targets = given.problem, targets_of(given.problem)
    shared = np.zeros((300, 2))

    def fit(**options: Any) -> Any:
        rest = options["rows"]
        assert len(rest) == 240
        shared[:] = rng.standard_normal((300, 2))
        return replace(first, scores=shared.copy())

    first = problem.teachers[0].fit(targets=targets)
    parts: list[np.ndarray] = []

    def recorded(**options: Any) -> Any:
        head = fit(**options)
        parts.append(head.scores)
        return head

    spied = replace(problem, teachers=(replace(problem.teachers[0], fit=recorded),))
    quality = rules._representation(spied, targets)
    residuals = np.empty_like(targets)
    for (rows, _), scores in zip(rules._folds(targets), parts, strict=True):
        residuals[rows] = (targets - scores)[rows]
    X = np.column_stack([np.ones(300), problem.X_unlabeled]).astype(np.float64)
    projected = X @ np.linalg.lstsq(X, residuals, rcond=None)[0]
    np.testing.assert_allclose(quality, np.linalg.norm(projected, axis=1), atol=1e-5)  # the student has alpha 1e-6


def test_labels_that_teacher_space_explains_have_the_score_zero() -> None:
    problem = rows_of(SEED, student_alpha=1.0).problem
    targets = targets_of(problem)
    exact = replace(
        problem.teachers[0], fit=lambda **options: replace(problem.teachers[0].fit(**options), scores=targets)
    )
    assert np.abs(rules._representation(replace(problem, teachers=(exact,)), targets)).max() < 1e-12


def test_odd_rules_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"label_filter\.rule must be one of knn, cleanlab, probe, representation: got 'x'"
    ):
        LabelFilterConfig(rule="x")  # type: ignore[arg-type]
