"""Rows of highest quality of each class, and the refit to their hard pseudolabels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tests.unit.strategies.problems import SEED, T, rows_of, with_scores
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.strategies import load_strategy
from w2s_probe.strategies.selection import best_of_each_class, hard_pseudolabels, refit_to, support


@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_all_rows_are_the_vanilla_student_of_hard_labels(head: str) -> None:
    hard = rows_of(SEED, head=head, pseudolabels="hard")
    targets = hard_pseudolabels(hard.problem, "x")
    student = best_of_each_class(hard.problem, targets, np.arange(300.0), keep=1, rule="position")
    assert student.kept.all()
    found, vanilla = (one.scores(hard.strong[T]) for one in (student.head, hard.problem.vanilla()))
    np.testing.assert_allclose(found, vanilla, atol=1e-9)  # other order of sums


def test_the_best_rows_of_each_class_are_kept_and_fitted_with_their_hard_labels() -> None:
    given = rows_of(SEED, classes=3, student_alpha=7.0)
    targets = hard_pseudolabels(given.problem, "x")
    codes, quality = targets.argmax(axis=1), np.random.default_rng(0).standard_normal(300)
    student = best_of_each_class(given.problem, targets, quality, keep=0.4, rule="chance")
    for code in range(3):
        own = codes == code
        assert student.kept[own].sum() == np.floor(0.4 * own.sum() + 0.5)
        assert quality[own & student.kept].min() > quality[own & ~student.kept].max()
    X = given.problem.X_unlabeled
    explicit = Ridge(alpha=7.0).fit(X[student.kept], np.eye(3)[codes[student.kept]])
    np.testing.assert_allclose(student.head.scores(given.strong[T]), explicit.predict(given.strong[T]), atol=1e-8)
    assert student.rule == "top 40% of each pseudolabel class by chance; hard labels"


def test_equal_qualities_keep_the_order_of_rows() -> None:
    given = rows_of(SEED)
    targets = hard_pseudolabels(given.problem, "x")
    quality = 1e-14 * np.random.default_rng(0).standard_normal(300)  # rounding
    kept = best_of_each_class(given.problem, targets, quality, keep=0.5, rule="nothing").kept
    for code in (0, 1):
        own = kept[targets[:, code] == 1]
        assert own[: own.sum()].all()


@pytest.mark.parametrize("keep", [1e-9, 0.02])
def test_no_class_gets_lost(keep: float) -> None:
    given = rows_of(SEED, classes=4)
    targets = hard_pseudolabels(given.problem, "x")
    student = best_of_each_class(given.problem, targets, targets[:, 0], keep=keep, rule="the first class")
    assert set(targets[student.kept].argmax(axis=1)) == set(targets.argmax(axis=1))


def test_softmax_refits_have_the_vanilla_strength() -> None:
    given = rows_of(SEED, head="softmax")
    targets = hard_pseudolabels(given.problem, "x")
    kept = np.arange(300) < 150
    assert refit_to(given.problem, targets, kept).alpha == given.problem.vanilla().alpha


def test_support_is_the_margin_for_a_given_class() -> None:
    scores = np.random.default_rng(0).standard_normal((50, 4))
    for code in range(4):
        rest = np.delete(scores, code, axis=1).max(axis=1)
        np.testing.assert_array_equal(support(scores, np.full(50, code)), scores[:, code] - rest)


@pytest.mark.parametrize("name", ["trust", "label_filter", "overlap", "confidence_loss"])
def test_regression_is_not_for_filters(name: str) -> None:
    strategy, settings = load_strategy(name, {})
    with pytest.raises(NotApplicableError, match=f"the strategy {name} needs classes: got `task` regression"):
        strategy(replace(rows_of(SEED).problem, classes=None), settings)


@pytest.mark.parametrize("name", ["trust", "label_filter", "overlap"])
def test_a_teacher_that_decides_one_class_has_nothing_to_filter(name: str) -> None:
    strategy, settings = load_strategy(name, {})
    given = rows_of(SEED).problem
    lopsided = with_scores(given, given.teachers[0].scores + np.array([0.0, 9.0]))
    with pytest.raises(NotApplicableError, match=f"the strategy {name} needs .*class"):
        strategy(lopsided, settings)


@pytest.mark.parametrize("name", ["trust", "label_filter"])
@pytest.mark.parametrize("keep", [0, 1.5, "half", True])
def test_odd_fractions_are_refused(name: str, keep: object) -> None:
    with pytest.raises(ConfigError, match=f"{name}.keep must be a number above 0 and at most 1: got {keep!r}"):
        load_strategy(name, {f"{name}.keep": keep})


def test_settings_of_a_run_reach_the_strategies() -> None:
    config = W2SConfig(strategies=("trust",), settings={"trust.keep": 0.3})
    assert load_strategy("trust", config.settings)[1].keep == 0.3
