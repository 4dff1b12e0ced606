"""The two stages: which rows are in A and B, what labels them, the grid of variants, and the odd committees."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from tests.conftest import feature_set
from tests.problems import problem_of, views
from w2s_probe.cli.values import _setting
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import draw_splits
from w2s_probe.core.types import Float
from w2s_probe.strategies import Student, W2SProblem, load_strategy
from w2s_probe.strategies.base import FurtherHead
from w2s_probe.strategies.committee import Votes, bootstrap_rows
from w2s_probe.strategies.control import random_control

NAME = "two_stage"
SIZES: dict[str, Any] = {"n_labeled": 60, "n_unlabeled": 300, "n_test": 150}
SEED = 4


@cache
def problem(*, classes: int = 2, head: str = "ridge", pseudolabels: str = "soft") -> W2SProblem:
    weak, strong, labels = views(600, classes=classes)
    (split,) = draw_splits(labels, seeds=[0], **SIZES)
    config = W2SConfig(head=head, pseudolabels=pseudolabels)  # type: ignore[arg-type]
    return problem_of(weak[:1], strong, labels, split=split, config=config)


def learn(given_problem: W2SProblem, **settings: Any) -> Student:
    strategy, config = load_strategy(NAME, {f"{NAME}.{field}": value for field, value in settings.items()})
    return strategy(replace(given_problem, rng=np.random.default_rng(SEED)), config)


def variant(student: Student, key: str) -> Student:
    make = student.variants[key]
    assert callable(make)
    return make()


def scores(given_problem: W2SProblem, student: Student) -> bytes:
    return student.head.scores(given_problem.X_unlabeled).tobytes()


def targets_of(student: Student) -> Float:
    assert student.targets is not None
    return student.targets


def with_scores(given_problem: W2SProblem, of_teacher: Float) -> W2SProblem:
    return replace(given_problem, teachers=(replace(given_problem.teachers[0], scores=of_teacher),))


@pytest.mark.parametrize("pseudolabels", ["soft", "hard"])
@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_a_committee_of_one_at_tau_0_is_vanilla_on_hard_labels_to_the_byte(head: str, pseudolabels: str) -> None:
    student = learn(problem(head=head, pseudolabels=pseudolabels), votes=1, tau=0)
    vanilla = problem(head=head, pseudolabels="hard").vanilla()
    assert scores(problem(), student) == vanilla.scores(problem().X_unlabeled).tobytes()
    assert student.kept.all()
    assert not student.parts["B"].any()


def test_a_pool_with_more_features_than_rows_is_vanilla_to_the_byte_too() -> None:
    weak, strong, labels = views(600)
    wide = feature_set(strong.X @ np.random.default_rng(0).standard_normal((30, 400)))
    (split,) = draw_splits(labels, seeds=[0], **SIZES)
    hard = problem_of(weak[:1], wide, labels, split=split, config=W2SConfig(pseudolabels="hard"))
    assert scores(hard, learn(hard, votes=1, tau=0)) == hard.vanilla().scores(hard.X_unlabeled).tobytes()


@pytest.mark.parametrize("classes", [2, 3])
def test_any_committee_at_tau_0_is_vanilla_with_the_committees_majority_for_its_teacher(classes: int) -> None:
    hard = problem(classes=classes, pseudolabels="hard")
    student = learn(hard, tau=0)
    vanilla = hard.student_of(targets_of(student))
    assert scores(hard, student) == vanilla.scores(hard.X_unlabeled).tobytes()
    assert (targets_of(student) != hard.pseudolabels[0]).any()  # the committee is not the teacher


@pytest.mark.parametrize("tau", [0.6, 1])
def test_perfect_teachers_keep_everything_and_give_the_ceiling(tau: float) -> None:
    _, strong, labels = views(600, classes=3)
    (split,) = draw_splits(labels, seeds=[0], **SIZES)
    perfect = feature_set(np.eye(3)[labels.values])
    given_problem = problem_of([perfect], strong, labels, split=split, config=W2SConfig(student_alpha=3.0))
    student = learn(given_problem, tau=tau)
    truth = labels.targets(split.unlabeled)
    ceiling = given_problem.fit(given_problem.X_unlabeled, truth)
    assert scores(given_problem, student) == ceiling.scores(given_problem.X_unlabeled).tobytes()
    assert student.kept.all()
    np.testing.assert_array_equal(student.targets, truth)


@pytest.mark.parametrize("second", ["yes", "no"])
def test_both_stages_equal_scikit_learns_heads_on_the_same_draws(second: str) -> None:
    given_problem, tau, votes = problem(classes=3), 0.8, 5
    teacher, truth = given_problem.teachers[0], given_problem.Y_labeled.argmax(axis=1)
    student = learn(given_problem, tau=tau, votes=votes, second=second)
    rng = np.random.default_rng(SEED)
    again = np.random.default_rng(int(rng.integers(2**63)))
    drawn = [teacher.fit(rows=np.repeat(*bootstrap_rows(truth, rng)), alpha=teacher.head.alpha) for _ in range(votes)]
    cast = np.array([head.scores.argmax(axis=1) for head in drawn])
    shares = np.array([(cast == k).mean(axis=0) for k in range(3)])
    A, one_hot = shares.max(axis=0) >= tau, np.eye(3)
    labels = shares.argmax(axis=0)  # ties do not reach tau
    X = given_problem.X_unlabeled
    first = variant(student, "stages=1").head
    rows = [np.flatnonzero(A)[np.repeat(*bootstrap_rows(labels[A], again))] for _ in range(votes)]
    heads = [Ridge(alpha=first.alpha).fit(X[drawn_rows], one_hot[labels[drawn_rows]]) for drawn_rows in rows]
    new = np.array([head.predict(X[~A]).argmax(axis=1) for head in heads])
    new_shares = np.array([(new == k).mean(axis=0) for k in range(3)])
    B = np.zeros_like(A)
    B[~A] = new_shares.max(axis=0) >= tau if second == "yes" else True
    np.testing.assert_array_equal(student.parts["A"], A)
    np.testing.assert_array_equal(student.parts["B"], B)
    clear = new_shares.max(axis=0) > 0.5
    np.testing.assert_array_equal(targets_of(student).argmax(axis=1)[A], labels[A])
    np.testing.assert_array_equal(targets_of(student)[~A].argmax(axis=1)[clear], new_shares.argmax(axis=0)[clear])
    kept = A | B
    theirs = Ridge(alpha=student.head.alpha).fit(X[kept], targets_of(student)[kept]).predict(X)
    np.testing.assert_allclose(student.head.scores(X), theirs, atol=1e-8)  # two solvers in float64
    assert 0 < B.sum() < len(B)


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 4))
def test_a_bootstrap_keeps_the_number_of_rows_of_each_class(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(classes), rng.integers(classes, size=30)])
    rows, counts = bootstrap_rows(codes, rng)
    assert (counts > 0).all()
    np.testing.assert_array_equal(np.bincount(codes[rows], weights=counts), np.bincount(codes))


def test_a_larger_tau_keeps_fewer_and_easier_rows_with_better_labels() -> None:
    student = learn(problem())
    grid = [student, *(variant(student, f"tau={tau}") for tau in ("0.7", "0.8", "0.9", "1"))]
    for smaller, larger in zip(grid[1:], grid[:-1], strict=True):
        assert (smaller.parts["A"] <= larger.parts["A"]).all()
        assert smaller.fitted["difficulty_shift_A"] <= larger.fitted["difficulty_shift_A"] <= 0
        assert smaller.fitted["share_A"] == smaller.parts["A"].mean()
    assert grid[-1].fitted["share_A"] < grid[0].fitted["share_A"] < 1
    for one in grid:
        A, B = one.parts["A"], one.parts["B"]
        assert not (A & B).any()
        np.testing.assert_array_equal(one.kept, A | B)
        assert one.fitted["difficulty_shift_A_and_B"] >= one.fitted["difficulty_shift_A"]


def test_the_grid_has_each_tau_with_and_without_the_second_filter_and_without_the_second_stage() -> None:
    taus = ["", "tau=0.7,", "tau=0.8,", "tau=0.9,", "tau=1,"]
    keys = [tau + rest for tau in taus for rest in ("", "second=no", "stages=1")]
    assert list(learn(problem()).variants) == [key.rstrip(",") for key in keys[1:]]
    assert list(learn(problem(), second=False, tau=0.7).variants) == ["second=yes", "stages=1"]
    keys = list(learn(problem(classes=3), second="no").variants)
    assert keys[:4] == ["second=yes", "stages=1", "tau=0.6", "tau=0.6,second=yes"]
    assert keys[-1] == "tau=0.9,stages=1"


def test_the_second_filter_is_compared_with_its_absence_at_the_same_tau() -> None:
    student = learn(problem(), tau=[0.8, 0.6])
    assert student.rivals == ("two_stage/second=no",)
    assert variant(student, "tau=0.6").rivals == ("two_stage/tau=0.6,second=no",)
    assert variant(student, "tau=0.6,second=no").rivals == ()
    assert "Ridge heads hardly overfit wrong labels" in student.caution
    without = learn(problem(), tau=[0.8, 0.6], second="no")
    assert without.rivals == ()
    assert variant(without, "second=yes").rivals == ("two_stage",)
    assert variant(without, "tau=0.6,second=yes").rivals == ("two_stage/tau=0.6",)


@pytest.mark.parametrize("key", ["", "second=no", "stages=1"])
def test_a_variant_is_the_student_of_its_own_settings_to_the_byte(key: str) -> None:
    grid, own = learn(problem(), tau=[0.6, 0.9]), learn(problem(), tau=0.9)
    one, two = variant(grid, f"tau=0.9,{key}".rstrip(",")), variant(own, key) if key else own
    assert scores(problem(), one) == scores(problem(), two)
    for name in one.parts:
        np.testing.assert_array_equal(one.parts[name], two.parts[name])
    np.testing.assert_array_equal(one.targets, two.targets)


def test_without_the_second_filter_all_other_rows_are_part_b() -> None:
    student = learn(problem(), tau=0.9, second="no")
    np.testing.assert_array_equal(student.parts["B"], ~student.parts["A"])
    filtered = variant(student, "second=yes")
    assert 0 < filtered.parts["B"].sum() < student.parts["B"].sum()
    np.testing.assert_array_equal(filtered.targets, student.targets)
    changed = targets_of(student).argmax(axis=1) != targets_of(variant(student, "stages=1")).argmax(axis=1)
    assert student.fitted["changed"] == changed.mean() > 0
    assert not changed[student.parts["A"]].any()


@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_random_controls_have_labels_of_the_teachers_committee(head: str) -> None:
    given_problem = problem(head=head)
    student = learn(given_problem, tau=0.9, votes=3)
    first = variant(student, "stages=1")
    assert first.refit is not None
    assert student.refit is not None
    again = first.refit(first.kept).scores(given_problem.X_unlabeled)
    assert again.tobytes() == scores(given_problem, first)
    kept = np.arange(300) % 2 == 0
    options = replace(given_problem.options, alpha=first.head.alpha if head == "softmax" else None)
    expected = given_problem.fit(given_problem.X_unlabeled[kept], targets_of(first)[kept], options=options)
    np.testing.assert_array_equal(student.refit(kept).coef, expected.coef)  # type: ignore[attr-defined]
    control = random_control(first, targets_of(first), np.random.default_rng(0))
    assert control is not None
    assert control.kept.sum() == first.kept.sum()
    of_both = random_control(student, targets_of(student), np.random.default_rng(0))
    assert of_both is not None
    assert not np.array_equal(targets_of(student), targets_of(first))
    np.testing.assert_array_equal(targets_of(of_both), targets_of(first))


def test_softmax_students_have_the_strength_of_the_student_of_the_whole_pool() -> None:
    given_problem = problem(head="softmax")
    student = learn(given_problem, tau=0.9, votes=3)
    first = variant(student, "stages=1")
    whole = given_problem.fit(given_problem.X_unlabeled, targets_of(first))
    assert student.head.alpha == first.head.alpha == whole.alpha
    assert student.caution == ""  # they may well overfit
    options = replace(given_problem.options, alpha=whole.alpha)
    kept = student.kept
    assert not kept.all()
    again = given_problem.fit(given_problem.X_unlabeled[kept], targets_of(student)[kept], options=options)
    assert scores(given_problem, student) == again.scores(given_problem.X_unlabeled).tobytes()


def test_an_empty_part_b_leaves_the_student_of_a(monkeypatch: pytest.MonkeyPatch) -> None:
    def contradictory(problem: W2SProblem, committee: Votes, A: NDArray[np.bool_], *_: object) -> list[FurtherHead]:
        return [FurtherHead(head=problem.vanilla(), scores=np.tile(row, ((~A).sum(), 1))) for row in np.eye(2)]

    monkeypatch.setattr("w2s_probe.strategies.two_stage._students", contradictory)
    student = learn(problem())
    first = variant(student, "stages=1")
    assert not student.parts["B"].any()
    assert student.fitted["share_B"] == student.fitted["changed"] == 0
    assert student.head is first.head
    np.testing.assert_array_equal(student.kept, first.kept)
    assert variant(student, "second=no").kept.all()


def test_a_teacher_without_one_class_teaches_the_others() -> None:
    given_problem = problem(classes=3)
    lacking = with_scores(given_problem, np.where(np.arange(3) == 1, -9.0, given_problem.teachers[0].scores))
    student = learn(lacking, votes=1)
    assert set(targets_of(student).argmax(axis=1)) == {0, 2}
    assert set(student.head.scores(given_problem.X_unlabeled).argmax(axis=1)) <= {0, 2}


def test_a_constant_teacher_is_refused_in_one_line() -> None:
    constant = with_scores(problem(), np.tile([0.7, 0.3], (300, 1)))
    text = "needs rows of two classes with a vote share of at least 0.6: got the class a only. Label more rows"
    with pytest.raises(NotApplicableError, match=text):
        learn(constant, votes=1)


def test_a_tau_that_no_row_or_one_class_reaches_is_refused_and_the_others_stay() -> None:
    rng = np.random.default_rng(0)
    labels = Labels(values=rng.permutation(np.arange(600) % 5), classes=tuple("abcde"))  # nothing tells them
    views_of_nothing = [feature_set(rng.standard_normal((600, 40))) for _ in range(2)]
    (split,) = draw_splits(labels, seeds=[0], **SIZES)
    given_problem = problem_of(
        views_of_nothing[:1], views_of_nothing[1], labels, split=split, config=W2SConfig(teacher_alpha=1e-3)
    )
    with pytest.raises(NotApplicableError, match=r"got no row. Use a smaller two_stage.tau"):
        learn(given_problem, tau=1, votes=99)
    student = learn(given_problem, tau=[0.2, 1], votes=99)
    with pytest.raises(NotApplicableError, match="got no row"):
        variant(student, "tau=1,second=no")
    assert variant(student, "second=no").kept.all()


def test_regression_is_refused() -> None:
    _, strong, _ = views(600)
    numbers = Labels(values=strong.X[:, 0], classes=None)
    (split,) = draw_splits(numbers, seeds=[0], **SIZES)
    with pytest.raises(NotApplicableError, match="two_stage needs classes"):
        learn(problem_of([strong], strong, numbers, split=split, config=W2SConfig(task="regression")))


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("two_stage.second=no", "second", "no"),
        ("two_stage.second=true", "second", True),
        ("two_stage.tau=[0.6, 1]", "tau", [0.6, 1]),
        ("two_stage.tau=0.8", "tau", 0.8),
        ("two_stage.votes=3", "votes", 3),
    ],
)
def test_settings_are_read_as_the_command_line_gives_them(text: str, field: str, value: object) -> None:
    _, config = load_strategy(NAME, dict([_setting(text)]))
    assert getattr(config, field) == value


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("tau", 1.1, "distinct numbers from 0 to 1: got 1.1"),
        ("tau", [], "distinct numbers from 0 to 1"),
        ("tau", [0.5, 0.5], "distinct numbers from 0 to 1"),
        ("tau", "0.6,0.8", r"Use \[0.6, 0.8\]"),
        ("tau", float("nan"), "distinct numbers from 0 to 1: got nan"),
        ("tau", True, "distinct numbers from 0 to 1"),
        ("votes", 0, "a whole number from 1 to 1000: got 0"),
        ("votes", True, "a whole number"),
        ("votes", 2.0, "a whole number"),
        ("second", "maybe", "yes or no: got 'maybe'"),
        ("second", 1, "yes or no: got 1"),
    ],
)
def test_odd_settings_are_refused(field: str, value: object, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        learn(problem(), **{field: value})
