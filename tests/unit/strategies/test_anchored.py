"""The anchored student against explicit refits; the mathematics is tested in `tests/unit/linalg/test_anchored.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tests.unit.strategies.problems import L, Rows, T, U, rows_of
from w2s_probe.core.errors import NotApplicableError
from w2s_probe.heads import LinearHead, fit_ridge
from w2s_probe.heads.linear import deviations
from w2s_probe.strategies.anchored import AnchoredConfig, anchored
from w2s_probe.strategies.base import Student

CASES: list[dict[str, Any]] = [
    {},
    {"classes": 5},
    {"task": "regression"},
    {"wide": True},
    {"scale": "standard"},
    {"wide": True, "scale": "standard", "classes": 5},
]


def fitted(rows: Rows) -> Student:
    return anchored(rows.problem, AnchoredConfig())


def squared_error(rows: Rows, alpha: float) -> float:
    """Return the leave-one-out error of a strength by refits of teacher, vanilla student and anchored head."""
    scale = rows.problem.options.scale
    strengths = [rows.problem.teachers[0].head.alpha, rows.problem.vanilla().alpha]
    D = deviations(rows.strong[L], np.ones(80)) if scale == "standard" else np.ones(rows.strong.shape[1])
    weak = rows.weak / (deviations(rows.weak[L], np.ones(80)) if scale == "standard" else 1)
    total = 0.0
    for i in range(80):
        rest = np.delete(np.arange(80), i)
        teacher = fit_ridge(weak[rest], rows.Y[rest], alpha=strengths[0])
        vanilla = fit_ridge(rows.strong[U], teacher.scores(weak[U]), alpha=strengths[1], scale=scale)
        away = rows.Y[rest] - rows.strong[rest] @ vanilla.coef
        X = rows.strong / D
        change = Ridge(alpha=alpha).fit(X[rest], away).predict(X[i : i + 1])
        total += float(((rows.Y[i] - rows.strong[i] @ vanilla.coef - change) ** 2).sum())
    return total / 80


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_held_out_error_is_that_of_refits_and_the_strength_lies_at_its_minimum(case: dict[str, Any]) -> None:
    rows = rows_of(**case)
    student = fitted(rows)
    alpha = student.head.alpha
    own = squared_error(rows, alpha)
    assert student.fitted["held_out_error"] == pytest.approx(own, rel=1e-8)  # rounding of refits
    if case == CASES[0]:  # the others take long, and `linalg` tests the choice
        assert own <= min(squared_error(rows, alpha * factor) for factor in (0.5, 2))
    assert student.fitted["held_out_error"] < student.fitted["held_out_error_vanilla"]
    assert 0 < student.fitted["label_share"] < 1


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_head_is_ridge_toward_the_vanilla_students_weights(case: dict[str, Any]) -> None:
    rows = rows_of(**case)
    head = fitted(rows).head
    scaled = case.get("scale") == "standard"
    D = deviations(rows.strong[L], np.ones(80)) if scaled else np.ones(rows.strong.shape[1])
    vanilla = rows.problem.vanilla()
    assert isinstance(vanilla, LinearHead)
    W = vanilla.coef
    change = Ridge(alpha=head.alpha).fit(rows.strong[L] / D, rows.Y[L] - rows.strong[L] @ W)
    theirs = rows.strong[T] @ W + change.predict(rows.strong[T] / D).reshape(-1, rows.Y.shape[1])
    np.testing.assert_allclose(head.scores(rows.strong[T]), theirs, atol=1e-8)  # rounding of normal equations
    assert (head.rule, head.at_edge) == ("loo", False)


def test_it_tells_that_labels_entered_the_head() -> None:
    student = fitted(rows_of())
    assert student.uses_labels
    assert student.kept.all()
    assert student.rivals == ("average",)


def test_the_vanilla_student_comes_back_where_the_labels_agree_with_it() -> None:
    rows = rows_of()
    vanilla = rows.problem.vanilla()
    Y = vanilla.scores(rows.strong[L])
    teacher = replace(rows.problem.teachers[0], held_out=lambda: Y)
    problem = replace(rows.problem, Y_labeled=Y, teachers=(teacher,), label_map=lambda: np.zeros((80, 80)))
    student = anchored(problem, AnchoredConfig())
    np.testing.assert_allclose(student.head.scores(rows.strong), vanilla.scores(rows.strong), atol=1e-12)  # rounding
    assert student.fitted["label_share"] == 0
    assert np.isfinite(student.head.alpha)


@pytest.mark.parametrize(
    ("got", "settings"),
    [
        ("softmax heads", {"head": "softmax"}),
        ("softmax heads", {"head": "softmax", "pseudolabels": "hard"}),
        ("hard pseudolabels", {"pseudolabels": "hard"}),
    ],
)
def test_students_that_are_no_linear_map_of_the_labels_are_refused_with_advice(
    got: str, settings: dict[str, Any]
) -> None:
    with pytest.raises(NotApplicableError, match=f"got {got}. Use `head` ridge and `pseudolabels` soft"):
        fitted(rows_of(**settings))


def test_a_teacher_without_features_is_refused() -> None:
    rows = rows_of()
    with pytest.raises(NotApplicableError, match="got a teacher without features"):
        anchored(replace(rows.problem, label_map=lambda: None), AnchoredConfig())
