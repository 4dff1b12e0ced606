"""Mean, majority and best of several teachers, and the chain: what the student learns, and the odd committees."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import feature_set
from tests.problems import problem_of, views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import draw_splits
from w2s_probe.core.types import Float
from w2s_probe.heads import fit_ridge
from w2s_probe.strategies import Student, W2SProblem, load_strategy
from w2s_probe.strategies.base import FurtherHead, Teacher
from w2s_probe.strategies.committee import held_out_score, votes_of

SIZES: dict[str, Any] = {"n_labeled": 60, "n_unlabeled": 300, "n_test": 150}
COMMITTEES = ("mean_teacher", "majority", "best_teacher", "bootstrapping")


def problem(*, classes: int = 2, teachers: int = 3, head: str = "ridge", **options: Any) -> W2SProblem:
    weak, strong, labels = views(600, classes=classes)
    (split,) = draw_splits(labels, seeds=[0], **SIZES)
    return problem_of(weak[:teachers], strong, labels, split=split, config=W2SConfig(head=head, **options))  # type: ignore[arg-type]


def regression() -> W2SProblem:
    weak, strong, labels = views(600)
    numbers = Labels(values=strong.X[:, 0] + 0.1 * labels.values, classes=None)
    (split,) = draw_splits(numbers, seeds=[0], **SIZES)
    return problem_of(weak, strong, numbers, split=split, config=W2SConfig(task="regression"))


def learn(given_problem: W2SProblem, name: str, **settings: Any) -> Student:
    strategy, config = load_strategy(name, {f"{name}.{field}": value for field, value in settings.items()})
    return strategy(replace(given_problem, rng=np.random.default_rng(0)), config)


def scores(problem: W2SProblem, student: Student) -> bytes:
    return student.head.scores(problem.X_unlabeled).tobytes()


def targets_of(student: Student) -> Float:
    assert student.targets is not None
    return student.targets


def with_scores(problem: W2SProblem, *of_teachers: np.ndarray) -> W2SProblem:
    """Return the problem with other scores of its teachers, as many teachers as there are scores."""
    first = problem.teachers[0]
    teachers = [replace(first, name=f"t{i}", scores=s, pseudolabels=s) for i, s in enumerate(of_teachers)]
    return replace(problem, teachers=tuple(teachers))


@pytest.mark.parametrize("name", COMMITTEES)
def test_one_teacher_is_no_committee(name: str) -> None:
    with pytest.raises(NotApplicableError, match="needs two teachers or more"):
        learn(problem(teachers=1), name)


@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_the_mean_is_of_scores_for_ridge_heads_and_of_probabilities_for_softmax_heads(head: str) -> None:
    given_problem = problem(head=head, classes=3)
    student = learn(given_problem, "mean_teacher")
    parts = [t.scores if head == "ridge" else t.head.probabilities(t.scores) for t in given_problem.teachers]
    np.testing.assert_allclose(targets_of(student), np.mean(parts, axis=0), atol=1e-12)  # another order of additions
    expected = given_problem.fit(given_problem.X_unlabeled, np.mean(parts, axis=0))
    theirs = expected.scores(given_problem.X_unlabeled)
    np.testing.assert_allclose(
        student.head.scores(given_problem.X_unlabeled), theirs, atol=1e-4
    )  # of L-BFGS, else 1e-9


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_soft_and_hard_labels_of_the_mean_are_each_others_variant(kind: str) -> None:
    other = {"soft": "hard", "hard": "soft"}[kind]
    given_problem = problem()
    student, rival = (learn(given_problem, "mean_teacher", targets=word) for word in (kind, other))
    assert list(student.variants) == [f"targets={other}"]
    make = student.variants[f"targets={other}"]
    assert callable(make)
    assert scores(given_problem, make()) == scores(given_problem, rival) != scores(given_problem, student)


def test_the_order_of_the_teachers_does_not_change_mean_and_majority() -> None:
    given_problem = problem(classes=3)
    other = replace(given_problem, teachers=given_problem.teachers[::-1])
    for name in ("mean_teacher", "majority"):
        one, two = (learn(each, name).head.scores(given_problem.X_unlabeled) for each in (given_problem, other))
        np.testing.assert_allclose(one, two, atol=1e-9)  # sums in another order


@pytest.mark.parametrize("pseudolabels", ["soft", "hard"])
@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_equal_teachers_are_one_teacher_to_the_byte(head: str, pseudolabels: str) -> None:
    given_problem = problem(head=head, pseudolabels=pseudolabels)
    equal = replace(given_problem, teachers=given_problem.teachers[:1] * 3)
    plain = given_problem.vanilla().scores(equal.X_unlabeled).tobytes()
    assert scores(equal, learn(equal, "best_teacher")) == plain
    assert scores(equal, learn(equal, "mean_teacher", targets=pseudolabels)) == plain
    assert (scores(equal, learn(equal, "majority")) == plain) == (pseudolabels == "hard")


def test_contradictory_teachers_give_one_label_to_all_rows() -> None:
    given_problem = problem()
    first = given_problem.teachers[0].scores
    contradictory = with_scores(given_problem, first, 1 - first)
    for name, settings in (("mean_teacher", {}), ("mean_teacher", {"targets": "hard"}), ("majority", {})):
        student = learn(contradictory, name, **settings)
        assert np.ptp(targets_of(student), axis=0).max() == 0
        decisions = student.head.scores(given_problem.X_unlabeled).argmax(axis=1)
        assert set(decisions) == {0}  # the lower class


def test_a_constant_teacher_moves_the_mean_but_not_the_order_of_rows() -> None:
    given_problem = problem()
    first = given_problem.teachers[0].scores
    constant = with_scores(given_problem, first, np.tile([0.7, 0.3], (len(first), 1)))
    student = learn(constant, "mean_teacher")
    np.testing.assert_allclose(targets_of(student), first / 2 + [0.35, 0.15], atol=1e-12)


@given(seed=st.integers(0, 10**6), members=st.integers(1, 5), K=st.integers(2, 4))
def test_a_vote_is_won_by_count_then_by_mean_probability_then_by_the_lower_class(
    seed: int, members: int, K: int
) -> None:
    rng = np.random.default_rng(seed)
    head = fit_ridge(rng.standard_normal((9, 2)), np.eye(3)[rng.integers(3, size=9)])
    committee = [FurtherHead(head=head, scores=rng.integers(-2, 3, size=(30, K)) / 2) for _ in range(members)]
    votes = votes_of(committee)
    for row in range(30):
        cast = [int(np.argmax(member.scores[row])) for member in committee]
        P = [head.probabilities(member.scores)[row] for member in committee]
        mean = [round(sum(p[k] for p in P) / members, 12) for k in range(K)]
        winner = max(range(K), key=lambda k: (cast.count(k), mean[k], -k))
        assert votes.decisions[row] == votes.labels[row].argmax() == winner
        assert votes.shares[row] == cast.count(winner) / members


def test_rounding_decides_no_vote() -> None:
    head = fit_ridge(np.eye(3), np.eye(3)[:, :2])
    shares = np.array([0.9, 0.6, 0.2, 0.3])  # their mean is 0.5, in some orders up to rounding
    for order in permutations(range(4)):
        votes = votes_of([FurtherHead(head=head, scores=np.array([[p, 1 - p]])) for p in shares[list(order)]])
        assert votes.decisions == [0]


def test_a_class_that_no_teacher_votes_for_is_never_a_label() -> None:
    given_problem = problem(classes=3)
    changed = [np.where(np.arange(3) == 1, -9.0, teacher.scores) for teacher in given_problem.teachers]
    student = learn(with_scores(given_problem, *changed), "majority")
    assert set(targets_of(student).argmax(axis=1)) == {0, 2}
    assert set(student.head.scores(given_problem.X_unlabeled).argmax(axis=1)) <= {0, 2}


@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_the_best_teacher_has_the_highest_held_out_accuracy(head: str) -> None:
    given_problem = problem(head=head)
    truth = given_problem.Y_labeled.argmax(axis=1)
    accuracies = [(t.held_out().argmax(axis=1) == truth).mean() for t in given_problem.teachers]
    best = int(np.argmax(accuracies))
    assert sorted(accuracies)[-2] < accuracies[best]
    assert best == 1  # its view has the least noise
    student = learn(given_problem, "best_teacher")
    expected = given_problem.student_of(given_problem.teachers[best].scores)
    assert scores(given_problem, student) == expected.scores(given_problem.X_unlabeled).tobytes()
    assert student.fitted == {"chosen weak 0": 0, "chosen weak 1": 1, "chosen weak 2": 0}
    np.testing.assert_array_equal(targets_of(student), given_problem.teachers[best].pseudolabels)


def test_the_first_of_equally_good_teachers_is_the_best() -> None:
    given_problem = problem()
    second = replace(given_problem.teachers[1], held_out=given_problem.teachers[0].held_out)
    equal = replace(given_problem, teachers=(given_problem.teachers[0], second))
    student = learn(equal, "best_teacher")
    assert list(student.fitted.values()) == [1, 0]
    assert student.head is given_problem.vanilla()
    assert student.targets is None


def test_regression_has_a_mean_a_best_by_r2_and_a_chain_but_no_majority() -> None:
    given_problem = regression()
    mean = learn(given_problem, "mean_teacher")
    assert mean.variants == {}
    np.testing.assert_allclose(targets_of(mean), np.mean(given_problem.teacher_scores, axis=0), atol=1e-12)
    first = given_problem.teachers[0]
    y, held_out = given_problem.Y_labeled, first.held_out()
    assert held_out_score(given_problem, first) == pytest.approx(1 - np.var(y - held_out) / np.var(y), abs=0.01)
    assert sum(learn(given_problem, "best_teacher").fitted.values()) == 1
    assert learn(given_problem, "bootstrapping").fitted == {}
    with pytest.raises(NotApplicableError, match="majority needs classes"):
        learn(given_problem, "majority")
    with pytest.raises(NotApplicableError, match="hard targets of the strategy mean_teacher need classes"):
        learn(given_problem, "mean_teacher", targets="hard")


@pytest.mark.parametrize("pseudolabels", ["soft", "hard"])
@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_each_backbone_of_a_chain_learns_the_pseudolabels_of_the_one_before(head: str, pseudolabels: str) -> None:
    given_problem = problem(head=head, pseudolabels=pseudolabels)
    first, second, third = given_problem.teachers
    two = second.fit(targets=first.pseudolabels)
    labels = given_problem.hard(two.scores) if pseudolabels == "hard" else given_problem.soft(two.scores)
    three = third.fit(targets=labels)
    student = learn(given_problem, "bootstrapping")
    expected = given_problem.student_of(three.scores).scores(given_problem.X_unlabeled)
    np.testing.assert_array_equal(student.head.scores(given_problem.X_unlabeled), expected)
    np.testing.assert_array_equal(targets_of(student).argmax(axis=1), three.scores.argmax(axis=1))
    changed = (two.scores.argmax(axis=1) != first.scores.argmax(axis=1)).mean()
    assert student.fitted["changed by weak 1"] == pytest.approx(changed)


def test_a_chain_ends_with_other_labels_if_its_order_changes() -> None:
    given_problem = problem()
    other = replace(given_problem, teachers=given_problem.teachers[::-1])
    one, two = (learn(each, "bootstrapping").head.scores(given_problem.X_unlabeled) for each in (given_problem, other))
    assert (one.argmax(axis=1) != two.argmax(axis=1)).any()


def test_a_chain_over_one_space_repeats_the_labels_of_an_unregularized_teacher() -> None:
    weak, strong, labels = views(600)
    (split,) = draw_splits(labels, seeds=[0], **SIZES)
    config = W2SConfig(student_alpha=1e-9)
    given_problem = problem_of([weak[0], weak[0]], strong, labels, split=split, config=config)
    student = learn(given_problem, "bootstrapping")
    np.testing.assert_allclose(targets_of(student), given_problem.teachers[0].scores, atol=1e-6)  # alpha is not quite 0


def test_only_soft_and_hard_are_targets() -> None:
    with pytest.raises(ConfigError, match="must be one of soft, hard: got 'mean'"):
        learn(problem(), "mean_teacher", targets="mean")


def test_teachers_are_not_changed() -> None:
    given_problem = problem()
    before = [teacher.scores.copy() for teacher in given_problem.teachers]
    for name in COMMITTEES:
        learn(given_problem, name)
    for teacher, copy in zip(given_problem.teachers, before, strict=True):
        np.testing.assert_array_equal(teacher.scores, copy)


def test_feature_sets_of_one_name_are_allowed() -> None:
    weak, strong, labels = views(300)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=40, n_unlabeled=100, n_test=50)
    twins = [feature_set(weak[0].X, "same"), feature_set(weak[1].X, "same (2)")]
    given_problem = problem_of(twins, strong, labels, split=split, config=W2SConfig())
    assert isinstance(given_problem.teachers[0], Teacher)
    assert set(learn(given_problem, "best_teacher").fitted) == {"chosen same", "chosen same (2)"}
