"""Traces: what each arm learns, the linearity of ridge students, the oracle's halves, and the odd committees."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from tests.conftest import feature_set
from tests.problems import problem_of, views
from tests.unit.strategies.problems import Array, Rows, rows_of, with_scores
from tests.unit.strategies.several_teachers import variant
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import ConfigError, NotApplicableError, ShapeError
from w2s_probe.core.splits import draw_splits
from w2s_probe.strategies import Oracle, Scorer, Student, W2SProblem, load_strategy
from w2s_probe.strategies.committee import bootstrap_rows
from w2s_probe.strategies.control import random_control
from w2s_probe.strategies.traces import ARMS, mean_output

TEACHER_SEED = 2  # whose teacher decides both classes
VOTES = 5


@cache
def rows(*, classes: int = 2, **settings: Any) -> Rows:
    return rows_of(TEACHER_SEED, classes=classes, **settings)


def learn(problem: W2SProblem, arm: str = "soft", *, seed: int = 4, **settings: Any) -> Student:
    given = {f"traces.{field}": value for field, value in {"arm": arm, "votes": VOTES, **settings}.items()}
    strategy, config = load_strategy("traces", given)
    return strategy(replace(problem, rng=np.random.default_rng(seed)), config)


def oracle(problem: W2SProblem, truth: Array, arm: str = "P") -> Student:
    strategy, config = load_strategy("oracle_traces", {"oracle_traces.arm": arm})
    return strategy(replace(problem, oracle=Oracle(targets=truth, groups=None)), config)


def scores(problem: W2SProblem, student: Student) -> Array:
    return student.head.scores(problem.X_unlabeled)


def committee(problem: W2SProblem, *, seed: int = 4) -> list[Array]:
    """Return the scores of the bootstrap heads of the same seed, each refitted to repeated rows."""
    teacher, codes = problem.teachers[0], problem.Y_labeled.argmax(axis=1)
    first, _ = np.random.default_rng(seed).integers(2**63, size=2)
    rng = np.random.default_rng(int(first))
    drawn = [np.repeat(*bootstrap_rows(codes, rng)) for _ in range(VOTES)]
    return [teacher.fit(rows=rows, alpha=teacher.head.alpha).scores for rows in drawn]


@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_soft_and_hard_are_vanilla_on_soft_and_hard_pseudolabels_to_the_byte(head: str) -> None:
    for arm in ("soft", "hard"):
        problem = rows(head=head, pseudolabels=arm).problem
        vanilla = problem.vanilla().scores(problem.X_unlabeled)
        for run_as in ("soft", "hard"):  # whatever the run's own pseudolabels are
            student = learn(rows(head=head, pseudolabels=run_as).problem, arm)
            assert scores(problem, student).tobytes() == vanilla.tobytes()


@pytest.mark.parametrize("head", ["ridge", "softmax"])
@pytest.mark.parametrize("arm", ["votes", "bagged"])
def test_a_committees_trace_is_the_mean_of_the_outputs_of_explicit_refits(head: str, arm: str) -> None:
    problem = rows(classes=3, head=head).problem
    outputs = committee(problem)
    if arm == "votes":
        outputs = [np.eye(3)[raw.argmax(axis=1)] for raw in outputs]
    elif head == "softmax":
        outputs = [softmax(raw, axis=1) for raw in outputs]
    student = learn(problem, arm)
    atol = 1e-10 if head == "ridge" else 1e-5  # repeated rows and weights stop the softmax solver at other steps
    assert student.targets is not None
    np.testing.assert_allclose(student.targets, np.mean(outputs, axis=0), atol=atol)
    assert student.kept.all()
    assert np.ptp(outputs, axis=0).max() > 0.1  # the heads differ


@pytest.mark.parametrize("arm", ["votes", "bagged"])
def test_a_ridge_student_of_the_mean_trace_equals_the_mean_of_the_students_of_all_heads(arm: str) -> None:
    problem = rows(classes=3, student_alpha=3.0).problem
    outputs = committee(problem)
    if arm == "votes":
        outputs = [np.eye(3)[raw.argmax(axis=1)] for raw in outputs]
    student = scores(problem, learn(problem, arm))
    X = problem.X_unlabeled
    apart = np.mean([problem.fit(X, output).scores(X) for output in outputs], axis=0)
    side_by_side = problem.fit(X, np.hstack(outputs)).scores(X).reshape(len(X), VOTES, 3).mean(axis=1)
    np.testing.assert_allclose(student, apart, atol=1e-10)
    np.testing.assert_allclose(student, side_by_side, atol=1e-10)


def test_a_softmax_student_of_the_mean_trace_is_another_one_than_the_mean_of_the_students() -> None:
    problem = rows(classes=3, head="softmax", student_alpha=1.0).problem
    outputs = [np.eye(3)[raw.argmax(axis=1)] for raw in committee(problem)]
    X = problem.X_unlabeled
    apart = np.mean([problem.fit(X, output).scores(X) for output in outputs], axis=0)
    assert np.abs(scores(problem, learn(problem, "votes")) - apart).max() > 0.1


@pytest.mark.parametrize(("arm", "same"), [("votes", "hard"), ("bagged", "soft")])
def test_a_committee_of_one_is_the_teacher_itself(arm: str, same: str) -> None:
    problem = rows().problem
    one, other = learn(problem, arm, votes=1), learn(problem, same)
    assert scores(problem, one).tobytes() == scores(problem, other).tobytes()


def test_every_other_arm_is_a_variant_and_equals_the_student_of_that_setting() -> None:
    problem = rows().problem
    student = learn(problem)
    assert list(student.variants) == [f"arm={arm}" for arm in ARMS if arm != "soft"]
    for arm in ARMS[1:]:
        own = learn(problem, arm)
        assert scores(problem, variant(student, f"arm={arm}")).tobytes() == scores(problem, own).tobytes()
        assert own.rivals == (() if arm == "hard" else ("traces/arm=hard",))
        assert list(own.variants) == [f"arm={other}" for other in ARMS if other != arm]
    assert variant(learn(problem, "hard"), "arm=votes").rivals == ("traces",)


def test_random_rows_are_the_teachers_held_out_share_of_each_class_with_its_decisions() -> None:
    problem = rows().problem
    teacher = problem.teachers[0]
    share = (teacher.held_out().argmax(axis=1) == problem.Y_labeled.argmax(axis=1)).mean()
    student = learn(problem, "random")
    codes = teacher.scores.argmax(axis=1)
    for code in (0, 1):
        assert student.kept[codes == code].sum() == pytest.approx(share * (codes == code).sum(), abs=1)
    np.testing.assert_array_equal(student.targets, np.eye(2)[codes])
    refit = problem.fit(problem.X_unlabeled[student.kept], np.eye(2)[codes][student.kept])
    np.testing.assert_allclose(scores(problem, student), refit.scores(problem.X_unlabeled), atol=1e-12)
    assert (student.kept != learn(problem, "random", seed=5).kept).any()
    assert random_control(student, np.eye(2)[codes], np.random.default_rng(0)) is None  # it is one itself


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_right_and_wrong_rows_are_those_that_the_teacher_labels_right_and_wrong(head: str, classes: int) -> None:
    given = rows(classes=classes, head=head)
    truth = given.Y[80:380]
    decisions = given.problem.teachers[0].scores.argmax(axis=1)
    right = decisions == truth.argmax(axis=1)
    P = oracle(given.problem, truth)
    N = variant(P, "arm=N")
    np.testing.assert_array_equal(P.kept, right)
    np.testing.assert_array_equal(N.kept, ~right)
    for student in (P, N):
        np.testing.assert_array_equal(student.targets, np.eye(classes)[decisions])
        control = random_control(student, np.eye(classes)[decisions], np.random.default_rng(0))
        assert control is not None
        counts = [np.bincount(decisions[kept], minlength=classes) for kept in (control.kept, student.kept)]
        np.testing.assert_array_equal(counts[0], counts[1])
        assert (control.kept != student.kept).any()
    swapped = oracle(given.problem, truth, "N")
    assert scores(given.problem, swapped).tobytes() == scores(given.problem, N).tobytes()
    assert list(swapped.variants) == ["arm=P"]


@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_wrong_rows_on_two_classes_are_label_inversion(head: str) -> None:
    """The student of N is the student of the true labels of the same rows with its classes exchanged."""
    given = rows(head=head, student_alpha=2.0)
    truth = given.Y[80:380]
    N = oracle(given.problem, truth, "N")
    assert N.targets is not None
    np.testing.assert_array_equal(N.targets[N.kept], 1 - truth[N.kept])
    right = given.problem.fit(given.problem.X_unlabeled[N.kept], truth[N.kept])
    inverted = right.scores(given.problem.X_unlabeled)[:, ::-1]
    np.testing.assert_allclose(scores(given.problem, N), inverted, atol=1e-9 if head == "ridge" else 1e-4)


def test_wrong_rows_of_more_classes_are_no_inversion_but_never_hold_a_true_label() -> None:
    given = rows(classes=3)
    N = oracle(given.problem, given.Y[80:380], "N")
    assert N.targets is not None
    assert (N.targets[N.kept] * given.Y[80:380][N.kept]).sum() == 0


@pytest.mark.parametrize("arm", ["N", "P"])
def test_a_teacher_that_is_never_wrong_has_right_rows_only(arm: str) -> None:
    _, strong, labels = views(500, classes=2)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=60, n_unlabeled=300, n_test=100)
    perfect = feature_set(np.eye(2)[labels.values])
    problem = problem_of([perfect], strong, labels, split=split, config=W2SConfig())
    truth = labels.targets(split.unlabeled)
    if arm == "P":
        assert oracle(problem, truth, arm).kept.all()
        return
    with pytest.raises(NotApplicableError, match=r"the teacher labels wrong: got none. Use another `teacher`"):
        oracle(problem, truth, arm)


def test_the_vanilla_students_targets_are_not_fitted_again() -> None:
    problem = rows().problem
    assert learn(problem).head is problem.vanilla()
    assert learn(problem, "hard").head is not problem.vanilla()


@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_a_teacher_of_one_decision_has_constant_students_but_a_soft_trace(head: str) -> None:
    given = rows(head=head)
    problem = with_scores(given.problem, given.problem.teachers[0].scores * [0.01, 0.0] + [1.0, 0.0])
    soft = learn(problem)
    oracles = oracle(problem, given.Y[80:380])
    constant = [variant(soft, "arm=hard"), variant(soft, "arm=random"), oracles, variant(oracles, "arm=N")]
    for student in constant:
        raw = scores(problem, student)
        assert np.ptp(raw, axis=0).max() < 1e-9
        assert (raw.argmax(axis=1) == 0).all()
    assert np.ptp(scores(problem, soft), axis=0).max() > 1e-4
    assert oracles.kept.sum() == given.Y[80:380, 0].sum()


def test_heads_without_intercept_have_odd_students_on_every_arm() -> None:
    """Preference pairs are such a problem: swapping the sides of a pair changes no score but its sign."""
    given = rows(head="softmax", scale="none", student_alpha=1.0)
    options, fit = replace(given.problem.options, intercept=False), given.problem.fit

    def without(X: Any, targets: Any, *, sample_weight: Any = None, options: Any = options) -> Scorer:
        return fit(X, targets, sample_weight=sample_weight, options=options)

    head = without(given.problem.X_unlabeled, given.problem.pseudolabels[0])
    problem = replace(given.problem, options=options, fit=without, vanilla=lambda: head)
    for student in (learn(problem), oracle(problem, given.Y[80:380])):
        for one in (student, *(variant(student, key) for key in student.variants)):
            np.testing.assert_array_equal(scores(problem, one), -one.head.scores(-problem.X_unlabeled))


def test_without_ground_truth_there_is_no_oracle() -> None:
    strategy, config = load_strategy("oracle_traces", {})
    with pytest.raises(NotApplicableError, match=r"needs ground truth of the pool: got none. Use the strategy traces"):
        strategy(rows().problem, config)


def test_numbers_have_no_traces() -> None:
    with pytest.raises(NotApplicableError, match="the strategy traces needs classes"):
        learn(rows(task="regression").problem)


@pytest.mark.parametrize(
    ("strategy", "field", "value", "message"),
    [
        ("traces", "arm", "mild", "traces.arm must be one of soft, hard, votes, bagged, random: got 'mild'. Use soft."),
        ("traces", "arm", "P", "got P, which needs ground truth of the pool. Use the strategy oracle_traces."),
        ("traces", "votes", 0, "traces.votes must be a whole number from 1 to 1000: got 0. Use 10."),
        ("traces", "votes", True, "got True. Use 10."),
        ("oracle_traces", "arm", "soft", "oracle_traces.arm must be one of P, N: got 'soft'. Use P."),
    ],
)
def test_settings_are_checked(strategy: str, field: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_strategy(strategy, {f"{strategy}.{field}": value})
    assert message in str(error.value)


def test_outputs_of_different_lengths_are_refused() -> None:
    with pytest.raises(
        ShapeError, match=r"one shape \(rows, classes\): got .*\(3, 2\), \(4, 2\).* Score the same rows"
    ):
        mean_output([np.zeros((3, 2)), np.zeros((4, 2))])
    with pytest.raises(ShapeError, match="got no head"):
        mean_output([])
