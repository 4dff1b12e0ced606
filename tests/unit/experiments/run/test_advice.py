"""The verdict of a run where the systems cannot be told apart, at ends of grids, and with groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.conftest import feature_set, pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups, read_groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import draw_splits
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.experiments.run.summary import summarize
from w2s_probe.metrics.verdict import EQUAL_SPACES
from w2s_probe.results.run import W2SResult

CONFIG = W2SConfig(seeds=2)
SPLIT: dict[str, Any] = {"seeds": range(2), "n_labeled": 80, "n_unlabeled": 300, "n_test": 200}


def rare(shares: Sequence[float], rows: int = 700) -> Labels:
    """Return labels that no feature predicts, the first class the largest."""
    classes = tuple(f"class {code}" for code in range(len(shares)))
    return Labels(values=np.random.default_rng(0).choice(len(shares), rows, p=shares), classes=classes)


def measured(labels: Labels, config: W2SConfig = CONFIG, *, same: bool = False) -> W2SResult:
    teacher, student, _ = pair_of_views(len(labels.values))
    splits = draw_splits(labels, **SPLIT)
    return run_w2s(teacher, teacher if same else student, labels, splits=splits, config=config)[0]


@pytest.mark.parametrize(
    ("shares", "settings"),
    [
        ([0.98, 0.02], {}),
        ([0.95, 0.03, 0.02], {}),
        ([0.97, 0.03], {"head": "softmax"}),
        ([0.96, 0.04], {"pseudolabels": "hard"}),
        ([0.9, 0.1], {"teacher_alpha": 1e9, "student_alpha": 1e9}),
    ],
)
def test_systems_that_all_decide_the_largest_class_get_no_advice(
    shares: Sequence[float], settings: dict[str, Any]
) -> None:
    result = measured(rare(shares), W2SConfig(seeds=2, **settings))
    assert result.verdict.recommend == "unresolved"
    expected = "No recommendation: every system decides the largest class (class 0) on all test rows."
    assert result.verdict.advice == expected
    assert not any("span the teacher's" in note or "Try" in note for note in result.notes)


def test_numbers_that_are_all_but_equal_get_no_advice() -> None:
    labels = Labels(values=np.random.default_rng(0).standard_normal(700), classes=None)
    config = replace(CONFIG, task="regression", teacher_alpha=1e9, student_alpha=1e9)
    result = measured(labels, config)
    assert result.verdict.recommend == "unresolved"
    expected = "No recommendation: every system predicts nearly one number on all test rows."
    assert result.verdict.advice == expected
    assert not any("span the teacher's" in note for note in result.notes)


@pytest.mark.parametrize("settings", [{}, {"head": "softmax"}, {"pseudolabels": "hard"}, {"task": "regression"}])
def test_equal_features_get_no_advice(settings: dict[str, Any]) -> None:
    _, student, labels = pair_of_views(700)
    if settings.get("task") == "regression":
        labels = Labels(values=student.X[:, 0].astype(float), classes=None)
    result = measured(labels, W2SConfig(seeds=2, **settings), same=True)
    assert result.verdict.recommend == "unresolved"
    assert result.verdict.advice == f"No recommendation: {EQUAL_SPACES}."
    assert not any("span the teacher's" in note or "Try" in note for note in result.notes)


def test_a_useful_pair_gets_advice_on_its_own_labels() -> None:
    _, _, labels = pair_of_views(700)
    advice = measured(labels).verdict.advice
    assert "your 80 labels" in advice
    assert "No recommendation" not in advice


@pytest.mark.parametrize(("share", "judged"), [(0, True), (1, True), (2, False)])
@pytest.mark.parametrize("system", ["vanilla", "baseline"])
def test_a_strength_at_an_end_in_most_seeds_is_not_judged(share: int, judged: bool, system: str) -> None:
    teacher, student, labels = pair_of_views(700)
    result, outcomes = run_w2s(teacher, student, labels, splits=draw_splits(labels, **SPLIT), config=CONFIG)
    for outcome in outcomes[:share]:
        head = outcome.head(system)
        object.__setattr__(head, "at_edge", True)
    again = summarize(outcomes, labels, config=CONFIG)
    if judged:
        assert again.verdict == result.verdict
    else:
        assert again.verdict.recommend == "unresolved"
        owner = {"vanilla": "student", "baseline": "baseline"}[system]
        assert f"the strength of the {owner}'s head is an end of its grid" in again.verdict.advice


def test_the_end_is_right_for_a_student_that_copies_its_teacher() -> None:
    teacher, _, labels = pair_of_views(700)
    student = feature_set(np.hstack([teacher.X, np.random.default_rng(1).standard_normal((700, 2))]))
    result, outcomes = run_w2s(teacher, student, labels, splits=draw_splits(labels, **SPLIT), config=CONFIG)
    for outcome in outcomes:
        object.__setattr__(outcome.head("vanilla"), "at_edge", True)
    assert "end of its grid" not in summarize(outcomes, labels, config=CONFIG).verdict.advice
    assert any("Try `pseudolabels` hard." in note for note in result.notes)


def in_groups(labels: Labels) -> Groups:
    values = [str(value) for value in np.random.default_rng(3).integers(2, size=len(labels.values))]
    return read_groups(values, labels, name="group")


def test_the_verdict_names_the_worst_groups_change() -> None:
    teacher, student, labels = pair_of_views(700)
    splits = draw_splits(labels, **SPLIT)
    result, _ = run_w2s(teacher, student, labels, splits=splits, config=CONFIG, groups=in_groups(labels))
    student_worst = result.students["vanilla"].worst_group_accuracy
    teacher_worst = result.systems["teacher"].worst_group_accuracy
    assert student_worst is not None
    assert teacher_worst is not None
    change = student_worst.value - teacher_worst.value
    assert f"Accuracy of the worst group: student - teacher {change:+.3f} [" in result.verdict.advice
    assert f"the student's worst group is {student_worst.group}." in result.verdict.advice


def test_the_worst_groups_squared_error_changes_in_regression() -> None:
    teacher, student, _ = pair_of_views(700)
    labels = Labels(values=student.X[:, 0].astype(float) + teacher.X[:, 0], classes=None)
    groups = in_groups(labels)
    config = replace(CONFIG, task="regression", group_by="column")
    splits = draw_splits(labels, **SPLIT)
    result, _ = run_w2s(teacher, student, labels, splits=splits, config=config, groups=groups)
    worst = [system.worst_group_squared_error for system in (result.students["vanilla"], result.systems["baseline"])]
    assert worst[0] is not None
    assert worst[1] is not None
    assert "Squared error (less is better) of the worst group: student - teacher" in result.verdict.advice
    assert f"student - baseline {worst[0].value - worst[1].value:+.3f} [" in result.verdict.advice


def test_the_plain_student_is_judged_whatever_was_run_first() -> None:
    teacher, student, labels = pair_of_views(700)
    splits = draw_splits(labels, **SPLIT)
    config = replace(CONFIG, strategies=("high_confidence", "vanilla"))
    both, _ = run_w2s(teacher, student, labels, splits=splits, config=config)
    plain, _ = run_w2s(teacher, student, labels, splits=splits, config=CONFIG)
    assert both.verdict == plain.verdict


def complementary_views() -> tuple[FeatureSet, FeatureSet, Labels]:
    """Return two views of one truth, of little and of much noise, whose students err on different rows."""
    rng = np.random.default_rng(0)
    core = rng.standard_normal((4000, 20))
    positive = core @ rng.standard_normal(20) + rng.standard_normal(4000) > 0
    weak = core + rng.standard_normal((4000, 20))
    strong = core @ rng.standard_normal((20, 100)) + 5 * rng.standard_normal((4000, 100))
    labels = Labels(values=positive.astype(int), classes=("no", "yes"))
    return feature_set(weak, "teacher features"), feature_set(strong, "student features"), labels


@pytest.mark.parametrize("strategies", [("vanilla", "average"), ("anchored", "vanilla", "average")])
def test_labels_and_pseudolabels_together_are_recommended_where_they_beat_both(strategies: tuple[str, ...]) -> None:
    teacher, student, labels = complementary_views()
    splits = draw_splits(labels, seeds=range(8), n_labeled=80, n_unlabeled=1000, n_test=2000)
    config = W2SConfig(seeds=8, strategies=strategies)
    result, _ = run_w2s(teacher, student, labels, splits=splits, config=config)
    average = result.students["average"]
    assert average.versus_vanilla is not None
    assert average.versus_vanilla["accuracy"].low > 0
    assert average.versus_baseline.low > 0
    assert result.verdict.recommend == "combine"
    assert "(`strategies` average)" in result.verdict.advice
    assert f"({average.versus_baseline.value:+.3f} [" in result.verdict.advice
    alone, _ = run_w2s(teacher, student, labels, splits=splits, config=replace(config, strategies=("vanilla",)))
    assert alone.verdict.recommend != "combine"
    assert alone.verdict.call == result.verdict.call


def test_without_the_plain_student_both_together_are_not_compared() -> None:
    teacher, student, labels = complementary_views()
    splits = draw_splits(labels, seeds=range(2), n_labeled=80, n_unlabeled=1000, n_test=2000)
    config = W2SConfig(seeds=2, strategies=("average", "anchored"))
    result, _ = run_w2s(teacher, student, labels, splits=splits, config=config)
    assert result.verdict.recommend != "combine"
