"""A student of another package is used only if every part of it can be."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from w2s_probe.core.errors import PlugInError
from w2s_probe.core.fit_options import FitOptions
from w2s_probe.heads import LinearHead
from w2s_probe.strategies import Student, W2SProblem
from w2s_probe.strategies.plug_ins import plug_in_strategy

N, D, K = 5, 3, 2
X = np.arange(N * D, dtype=float).reshape(N, D)
unused: Any = None
PROBLEM = W2SProblem(
    X_labeled=np.zeros((6, D)),
    Y_labeled=np.zeros((6, K)),
    X_unlabeled=X,
    teacher_scores=[],
    pseudolabels=[],
    options=FitOptions(),
    fit=unused,
    vanilla=unused,
    student_of=unused,
    retaught=unused,
    classes=("a", "b"),
    rng=np.random.default_rng(0),
)
HEAD = LinearHead(kind="ridge", coef=np.ones((D, K)), intercept=np.zeros(K), alpha=1.0, rule="given", at_edge=False)
KEPT = np.array([True, False, True, True, False])
STUDENT = Student(head=HEAD, kept=KEPT, rule="some")


class Own:
    """A head of a plug-in; `changes` replace its attributes."""

    def __init__(self, **changes: Any) -> None:
        self.alpha, self.rule, self.at_edge, self.converged = 0.5, "own", False, True
        self.scores: Any = lambda X: np.tile([0.25, 0.75], (len(X), 1))
        self.probabilities: Any = lambda scores: scores
        vars(self).update(changes)


def checked(student: object) -> Student:
    return plug_in_strategy("the plug-in x", lambda problem, config: student)(PROBLEM, None)  # type: ignore[arg-type]


def with_parts(**parts: Any) -> Student:
    return replace(STUDENT, **parts)


def test_a_student_comes_back_with_its_own_arrays() -> None:
    enters = np.arange(N)
    student = checked(with_parts(enters=enters))
    assert (student.head, student.rule, student.refit) == (HEAD, "some", None)
    np.testing.assert_array_equal(student.kept, KEPT)
    assert student.enters is not None
    assert student.enters.dtype == np.float64
    np.testing.assert_array_equal(student.enters, enters)
    assert not np.shares_memory(student.kept, KEPT)
    assert checked(STUDENT).enters is None


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"kept": KEPT.tolist()}, r"kept, an array of bool of shape \(5,\) .*: got list"),
        ({"kept": KEPT.astype(int)}, r"got an array of int64 of shape \(5,\)"),
        ({"kept": KEPT[:4]}, r"got an array of bool of shape \(4,\)"),
        ({"kept": KEPT[:, None]}, r"got an array of bool of shape \(5, 1\)"),
        ({"kept": np.zeros(N, dtype=bool)}, "with at least one True: got an array"),
        ({"enters": np.zeros(N - 1)}, r"enters, finite numbers of shape \(5,\)"),
        ({"enters": [0.1] * N}, "enters, .*: got list"),
        ({"enters": KEPT}, "enters, .* an array of bool"),
        ({"enters": np.array([0, 1, math.nan, 0, 0])}, "with NaN or infinity"),
        ({"enters": np.array([0, 1, math.inf, 0, 0])}, "with NaN or infinity"),
        ({"enters": np.zeros(N, dtype=complex)}, "an array of complex128"),
        ({"rule": "x" * 201}, "at most 200 characters: got 201 characters"),
        ({"rule": None}, "at most 200 characters: got NoneType"),
        ({"refit": 3}, "refit as a function or None: got int"),
        ({"head": None}, "a head with methods scores and probabilities: got NoneType"),
        ({"head": SimpleNamespace(scores=len)}, "a head with methods scores and probabilities"),
        ({"head": SimpleNamespace(probabilities=len)}, "a head with methods scores and probabilities"),
        ({"head": Own(scores=1)}, "a head with methods scores and probabilities"),
        ({"head": Own(rule=3)}, "whose rule is a short text: got 3"),
        ({"head": Own(rule="x" * 201)}, "whose rule is a short text"),
        ({"head": Own(at_edge=0)}, "whose at_edge is True or False: got 0"),
        ({"head": Own(converged=None)}, "whose converged is True or False: got None"),
        ({"head": replace(HEAD, coef=np.ones((D + 1, K)))}, r"coef, finite numbers of shape \(3, 2\)"),
        ({"head": replace(HEAD, coef=np.full((D, K), math.nan))}, "coef, finite numbers .* with NaN"),
        ({"head": replace(HEAD, intercept=np.zeros(K + 1))}, r"intercept, finite numbers of shape \(2,\)"),
    ],
)
def test_a_wrong_part_is_named(parts: dict[str, Any], text: str) -> None:
    with pytest.raises(PlugInError, match=f"^the plug-in x must return .*{text}"):
        checked(with_parts(**parts))


@pytest.mark.parametrize("alpha", [-1e-9, math.nan, math.inf, True, "1", None, [1.0]])
def test_a_strength_that_is_no_finite_number_of_at_least_0_is_refused(alpha: Any) -> None:
    with pytest.raises(PlugInError, match="alpha is a finite number of at least 0"):
        checked(with_parts(head=Own(alpha=alpha)))


@pytest.mark.parametrize("alpha", [0, 0.0, 3, np.float32(2.5), np.int64(4), 1e300])
def test_other_strengths_are_floats(alpha: Any) -> None:
    head = checked(with_parts(head=Own(alpha=alpha))).head
    assert type(head.alpha) is float
    assert head.alpha == alpha


def test_a_head_of_its_own_keeps_its_attributes_and_scores() -> None:
    for at_edge, converged in ((True, False), (np.False_, np.True_)):
        head = checked(with_parts(head=Own(at_edge=at_edge, converged=converged, rule="x" * 200), rule="y" * 200)).head
        assert (head.at_edge, head.converged, head.rule) == (bool(at_edge), bool(converged), "x" * 200)
        scores = head.scores(X)
        np.testing.assert_array_equal(scores, [[0.25, 0.75]] * N)
        np.testing.assert_array_equal(head.probabilities(scores), scores)


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (np.zeros((N - 1, K)), r"an array of float64 of shape \(4, 2\)"),
        (np.zeros((N, K + 1)), r"an array of float64 of shape \(5, 3\)"),
        (np.zeros(N), r"an array of float64 of shape \(5,\)"),
        (np.full((N, K), math.inf), "with NaN or infinity"),
        (np.zeros((N, K), dtype=bool), "an array of bool"),
        (np.zeros((N, K)).tolist(), "got list"),
        (None, "got None"),
    ],
)
def test_scores_and_probabilities_must_fit_the_rows_and_classes(returned: Any, text: str) -> None:
    head = checked(with_parts(head=Own(scores=lambda X: returned, probabilities=lambda scores: returned))).head
    for name, call in (("scores", head.scores), ("probabilities", head.probabilities)):
        with pytest.raises(
            PlugInError, match=rf"return {name} of its head, finite numbers of shape \(5, 2\): .*{text}"
        ):
            call(X)


@pytest.mark.parametrize(("value", "right"), [(0.0, True), (-1e-9, False), (1 + 5e-7, True), (1 + 2e-6, False)])
def test_probabilities_lie_between_0_and_1(value: float, right: bool) -> None:
    P = np.full((N, K), 0.5)
    P[2, 1] = value
    head = checked(with_parts(head=Own(probabilities=lambda scores: P))).head
    if right:
        np.testing.assert_array_equal(head.probabilities(X[:, :2]), P)
        return
    with pytest.raises(PlugInError, match="probabilities between 0 and 1: got values from"):
        head.probabilities(X[:, :2])


def test_a_head_and_a_refit_cannot_change_what_they_are_given() -> None:
    def write(array: Any) -> Any:
        array[:] = 0

    student = checked(with_parts(head=Own(scores=write, probabilities=write), refit=write))
    assert student.refit is not None
    for call, given in ((student.head.scores, X), (student.head.probabilities, X[:, :2]), (student.refit, KEPT)):
        before = given.copy()
        with pytest.raises(PlugInError, match="It must copy an array before it changes it"):
            call(given)
        np.testing.assert_array_equal(given, before)


def test_each_head_of_a_refit_is_checked_as_the_first_one() -> None:
    given: list[Any] = []

    def refit(mask: Any) -> Any:
        given.append(mask)
        return HEAD if mask.all() else None

    student = checked(with_parts(refit=refit))
    assert student.refit is not None
    assert student.refit(np.ones(N, dtype=bool)) is HEAD
    with pytest.raises(PlugInError, match="a head with methods"):
        student.refit(KEPT)
    np.testing.assert_array_equal(given[1], KEPT)


def test_what_is_no_student_is_refused() -> None:
    for returned, word in ((None, "NoneType"), (HEAD, "LinearHead"), ((), "tuple")):
        with pytest.raises(PlugInError, match=f"must return a Student: got {word}"):
            checked(returned)
