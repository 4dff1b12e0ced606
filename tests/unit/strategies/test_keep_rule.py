"""The fraction to keep against a transcription, and the random control of a selection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from w2s_probe.core.fit_options import FitOptions
from w2s_probe.heads import LinearHead, fit_ridge
from w2s_probe.strategies import FurtherHead, Student, Teacher, W2SProblem
from w2s_probe.strategies.control import coverage_scores, random_control
from w2s_probe.strategies.keep_rule import best_keep

Array = NDArray[np.float64]
FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def head_of(first: Array, second: Array) -> LinearHead:
    """Return a head of two classes that decides the second one where X @ (second - first) is above 0."""
    coef = np.column_stack([first, second])
    return LinearHead(kind="ridge", coef=coef, intercept=np.zeros(2), alpha=1.0, rule="given", at_edge=False)


def problem_of(truth: Array, retaught: Callable[[Any], list[Array]]) -> W2SProblem:
    """Return a problem whose i-th labeled row has the i-th unit vector for features."""
    n = len(truth)
    unused: Any = None

    def fit(*, rows: Any) -> FurtherHead:
        (scores,) = retaught(rows)
        return FurtherHead(head=unused, scores=scores)

    teacher = Teacher(name="t", head=unused, scores=unused, pseudolabels=unused, held_out=unused, fit=fit)  # type: ignore[arg-type]
    return W2SProblem(
        X_labeled=np.eye(n),
        Y_labeled=np.eye(2)[truth.astype(int)],
        X_unlabeled=np.zeros((1, n)),
        teachers=(teacher,),
        options=FitOptions(),
        fit=unused,
        vanilla=unused,
        baseline=unused,
        pseudolabels_of=unused,
        student_of=lambda scores: head_of(scores[0], scores[0]),
        held_out=unused,
        label_map=unused,
        classes=("a", "b"),
        rng=np.random.default_rng(0),
    )


@given(seed=st.integers(0, 10**6), n=st.integers(6, 30))
def test_the_fraction_with_most_right_decisions_on_rows_outside_the_fold_wins_and_the_larger_in_a_tie(
    seed: int, n: int
) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(n) % 2).astype(float)
    decisions = {keep: rng.integers(0, 2, size=n) for keep in FRACTIONS}  # of each fraction on each labeled row
    taught: list[set[int]] = []

    def retaught(rows: Any) -> list[Array]:
        taught.append(set(rows.tolist()))
        inside = np.isin(np.arange(n), rows).astype(float)
        return [np.array([inside])]

    def trial(teachers: list[Array], student: Any) -> Callable[[float], LinearHead]:
        inside = teachers[0][0]
        np.testing.assert_array_equal(student.coef[:, 0], inside)  # the vanilla student of these teacher scores
        # right outside the fold's own rows only, as if the labels of the other rows were known by heart
        return lambda keep: head_of(np.zeros(n), np.where(inside, truth, decisions[keep]) - 0.5)

    keep = best_keep(problem_of(truth, retaught), trial)
    right = {k: int((decisions[k] == truth).sum()) for k in FRACTIONS[1:]}
    assert keep == max(k for k in right if right[k] == max(right.values()))
    left_out = [set(range(n)) - rows for rows in taught]
    assert sorted(row for rows in left_out for row in rows) == list(range(n))
    sizes = [len(rows) for rows in left_out]
    assert len(sizes) == 5
    assert max(sizes) - min(sizes) <= 1


def test_folds_whose_other_rows_have_one_class_are_left_out() -> None:
    truth = np.zeros(10)
    truth[3] = 1.0
    taught: list[set[int]] = []

    def retaught(rows: Any) -> list[Array]:
        taught.append(set(rows.tolist()))
        return [np.zeros((1, 10))]

    def trial(teachers: list[Array], student: Any) -> Callable[[float], LinearHead]:
        return lambda keep: head_of(np.zeros(10), np.full(10, -1.0 if keep == 0.4 else 1.0))

    assert best_keep(problem_of(truth, retaught), trial) == 0.4
    assert len(taught) == 4
    assert all(3 in rows for rows in taught)


def selection(seed: int) -> tuple[Student, Array, Array]:
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((40, 3)), np.eye(3)[rng.integers(0, 3, size=40)]
    enters = rng.permutation(40) / 40
    kept = enters <= 0.5
    student = Student(
        head=fit_ridge(X[kept], Y[kept]),
        kept=kept,
        rule="half",
        refit=lambda rows: fit_ridge(X[rows], Y[rows]),
        enters=enters,
    )
    return student, X, Y


@given(st.integers(0, 10**6))
def test_a_control_has_random_rows_of_each_class_in_the_same_numbers(seed: int) -> None:
    student, X, Y = selection(seed)
    control = random_control(student, Y, np.random.default_rng(seed))
    assert control is not None
    np.testing.assert_array_equal(Y[control.kept].sum(axis=0), Y[student.kept].sum(axis=0))
    np.testing.assert_array_equal(control.head.scores(X), fit_ridge(X[control.kept], Y[control.kept]).scores(X))


def test_controls_differ_by_seed_and_reach_every_row() -> None:
    student, _, Y = selection(0)
    masks = [control.kept for s in range(60) if (control := random_control(student, Y, np.random.default_rng(s)))]
    mean = np.mean(masks, axis=0)
    assert mean.min() > 0
    assert mean.max() < 1


def test_a_student_of_all_rows_or_without_a_refit_has_no_control() -> None:
    student, _, Y = selection(0)
    rng = np.random.default_rng(0)
    everything = Student(head=student.head, kept=np.ones(40, dtype=bool), rule="all", refit=student.refit)
    fixed = Student(head=student.head, kept=student.kept, rule="half", enters=student.enters)
    assert random_control(everything, Y, rng) is None
    assert random_control(fixed, Y, rng) is None
    assert coverage_scores(everything, Y, (0.5,), Y, rng) == ()
    assert coverage_scores(fixed, Y, (0.5,), Y, rng) == ()


def test_a_curve_refits_student_and_control_at_each_fraction() -> None:
    student, X, Y = selection(1)
    points = coverage_scores(student, Y, (0.3, 0.5, 1.0), X, np.random.default_rng(1))
    assert [point.keep for point in points] == [0.3, 0.5, 1.0]
    for point in points:
        assert student.enters is not None
        np.testing.assert_array_equal(point.kept, student.enters <= point.keep)
        np.testing.assert_array_equal(point.scores, fit_ridge(X[point.kept], Y[point.kept]).scores(X))
    np.testing.assert_array_equal(points[2].scores, points[2].control_scores)
    assert not np.array_equal(points[0].scores, points[0].control_scores)
    assert points[1].kept.sum() == 21
