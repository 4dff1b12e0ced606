"""A student of another package is used only if every part of it can be."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from w2s_probe.core.errors import NotApplicableError, PlugInError
from w2s_probe.core.fit_options import FitOptions
from w2s_probe.heads import LinearHead
from w2s_probe.strategies import Stage, Student, Teacher, W2SProblem
from w2s_probe.strategies.plug_ins import plug_in_strategy

N, D, K = 5, 3, 2
X = np.arange(N * D, dtype=float).reshape(N, D)
unused: Any = None
PROBLEM = W2SProblem(
    X_labeled=np.zeros((6, D)),
    Y_labeled=np.zeros((6, K)),
    X_unlabeled=X,
    teachers=(),
    options=FitOptions(),
    fit=unused,
    vanilla=unused,
    baseline=unused,
    pseudolabels_of=unused,
    student_of=unused,
    held_out=unused,
    label_map=unused,
    classes=("a", "b"),
    rng=np.random.default_rng(0),
)
HEAD = LinearHead(kind="ridge", coef=np.ones((D, K)), intercept=np.zeros(K), alpha=1.0, rule="given", at_edge=False)
OF_TEACHER = replace(HEAD, coef=np.ones((D + 1, K)))
PROBLEM = replace(
    PROBLEM,
    teachers=tuple(
        Teacher(
            name=name,
            head=OF_TEACHER,
            scores=np.zeros((N, K)),
            pseudolabels=np.zeros((N, K)),
            held_out=unused,
            fit=unused,
        )
        for name in ("a", "b")
    ),
)
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


def test_stages_of_student_and_teachers_come_back_with_their_heads() -> None:
    stages = {"round1.student": Stage(head=Own()), "round1.teacher.b": Stage(head=OF_TEACHER, teacher=1)}
    student = checked(with_parts(stages=stages))
    assert list(student.stages) == list(stages)
    assert student.stages["round1.teacher.b"].head is OF_TEACHER
    assert [stage.teacher for stage in student.stages.values()] == [None, 1]
    np.testing.assert_array_equal(student.stages["round1.student"].head.scores(X), np.tile([0.25, 0.75], (N, 1)))


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
        ({"targets": np.zeros((N, K + 1))}, r"targets, finite numbers of shape \(5, 2\)"),
        ({"targets": np.zeros(N)}, r"targets, .*: got an array of float64 of shape \(5,\)"),
        ({"targets": np.full((N, K), math.nan)}, "targets, .* with NaN or infinity"),
        ({"targets": KEPT}, "targets, .*: got an array of bool"),
        ({"weights": np.ones((N, 1))}, r"weights, finite numbers of shape \(5,\)"),
        ({"weights": np.zeros(N)}, "weights of at least 0 with a positive sum: got values from 0 to 0"),
        (
            {"weights": np.array([1, 1, 1, 1, -1e-9])},
            "weights of at least 0 with a positive sum: got values from -1e-09",
        ),
        ({"weights": np.array([1, 1, 1, 1, math.inf])}, "weights, .* with NaN or infinity"),
        ({"parts": [KEPT]}, "parts as a mapping: got list"),
        ({"parts": {"": KEPT}}, "parts with texts of 1 to 60 characters as keys: got ''"),
        ({"parts": {"x" * 61: KEPT}}, "parts with texts of 1 to 60 characters as keys"),
        ({"parts": {1: KEPT}}, "parts with texts of 1 to 60 characters as keys: got 1"),
        ({"parts": {str(i): KEPT for i in range(201)}}, "parts with at most 200 keys: got 201"),
        ({"parts": {"A": KEPT.astype(float)}}, r"the part A, an array of bool of shape \(5,\): got"),
        ({"parts": {"A": KEPT[:4]}}, r"the part A, .*: got an array of bool of shape \(4,\)"),
        ({"fitted": [("a", 1.0)]}, "fitted as a mapping: got list"),
        ({"fitted": {"a": math.nan}}, "fitted with finite numbers, a too: got nan"),
        ({"fitted": {"a": True}}, "fitted with finite numbers, a too: got True"),
        ({"fitted": {"a": np.ones(1)}}, "fitted with finite numbers, a too: got an array"),
        ({"uses_labels": 1}, "uses_labels as True or False: got 1"),
        ({"rivals": ["vanilla"]}, "rivals as a tuple of names: got list"),
        ({"rivals": (1,)}, "rivals as a tuple of names: got tuple"),
        ({"caution": None}, "caution as a text of at most 200 characters: got NoneType"),
        ({"caution": "x" * 201}, "caution as a text of at most 200 characters: got 201 characters"),
        ({"variants": (STUDENT,)}, "variants as a mapping: got tuple"),
        ({"stages": (HEAD,)}, "stages as a mapping: got tuple"),
        ({"stages": {"": Stage(head=HEAD)}}, "stages with texts of 1 to 60 characters as keys"),
        ({"stages": {"round1.student": HEAD}}, "stages as Stage, round1.student too: got LinearHead"),
        ({"stages": {"a": Stage(head=None)}}, "a head with methods scores and probabilities: got NoneType"),  # type: ignore[arg-type]
        ({"stages": {"a": Stage(head=HEAD, teacher=2)}}, "the stage a with a teacher's position, from 0 to 1.*: got 2"),
        ({"stages": {"a": Stage(head=HEAD, teacher=True)}}, "the stage a with a teacher's position.*: got True"),
        ({"stages": {"a": Stage(head=HEAD, teacher=0)}}, r"coef, finite numbers of shape \(4, 2\): got .*\(3, 2\)"),
        ({"stages": {"a": Stage(head=OF_TEACHER)}}, r"coef, finite numbers of shape \(3, 2\): got .*\(4, 2\)"),
        ({"variants": {"": STUDENT}}, "variants with texts of 1 to 60 characters as keys"),
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


def test_the_other_fields_come_back_as_copies() -> None:
    targets, weights, part = np.eye(2)[[0, 1, 1, 0, 1]], np.arange(N), ~KEPT
    student = checked(
        with_parts(
            targets=targets,
            weights=weights,
            parts={"A": part, "none": np.zeros(N, dtype=bool)},
            fitted={"a": np.float32(0.5), "b": 2},
            uses_labels=np.True_,
            rivals=("vanilla", "x/keep=1"),
            caution="careful",
        )
    )
    for own, given in ((student.targets, targets), (student.weights, weights), (student.parts["A"], part)):
        assert own is not None
        np.testing.assert_array_equal(own, given)
        assert not np.shares_memory(own, given)
    assert not student.parts["none"].any()  # a part may be empty
    assert student.fitted == {"a": 0.5, "b": 2.0}
    assert all(type(value) is float for value in student.fitted.values())
    assert (student.uses_labels, student.rivals, student.caution) == (True, ("vanilla", "x/keep=1"), "careful")


def test_a_variant_is_a_student_or_returns_one_when_it_is_called() -> None:
    calls: list[str] = []

    def later() -> Student:
        calls.append("later")
        return with_parts(rule="later")

    variants = checked(with_parts(variants={"a=1": with_parts(rule="now"), "a=2": later})).variants
    assert list(variants) == ["a=1", "a=2"]
    assert calls == []  # not before variants are wanted
    made = [variant() if callable(variant) else variant for variant in variants.values()]
    assert [variant.rule for variant in made] == ["now", "later"]


@pytest.mark.parametrize(
    ("variant", "text"),
    [
        (None, "must return a Student: got NoneType"),
        (lambda: HEAD, "must return a Student: got LinearHead"),
        (lambda: with_parts(kept=KEPT[:4]), "must return kept"),
        (with_parts(variants={"b=1": STUDENT}), "variants without variants of their own: got 1"),
    ],
)
def test_a_variant_is_checked_as_a_student(variant: Any, text: str) -> None:
    made: Any = checked(with_parts(variants={"a=1": variant})).variants["a=1"]
    with pytest.raises(PlugInError, match=text):
        made()


def test_a_variant_that_does_not_apply_says_so_in_its_own_words() -> None:
    def never() -> Student:
        msg = "a=1 needs more: got less. Add some."
        raise NotApplicableError(msg)

    made: Any = checked(with_parts(variants={"a=1": never})).variants["a=1"]
    with pytest.raises(NotApplicableError, match=r"^a=1 needs more: got less\. Add some\.$"):
        made()
