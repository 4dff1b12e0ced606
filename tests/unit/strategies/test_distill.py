"""The student of labels and pseudolabels together: its strengths against refits, its heads, and its grid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from tests.unit.strategies.problems import SEED, L, Rows, T, rows_of
from tests.unit.strategies.several_teachers import variant
from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.core.folds import stratified_folds, stratified_part
from w2s_probe.heads import LinearHead, fit_bradley_terry
from w2s_probe.heads.linear import deviations
from w2s_probe.heads.losses import cross_entropy
from w2s_probe.heads.tempered import JointRows, fit_tempered
from w2s_probe.linalg.distilled import joint_weights
from w2s_probe.strategies.base import Student, W2SProblem
from w2s_probe.strategies.distill import DistillConfig, distill
from w2s_probe.strategies.registry import load_strategy

Array = NDArray[np.float64]
n, N = 80, 300
SOFTMAX: dict[str, Any] = {"head": "softmax", "alphas": 3}
ROUNDING = 1e-8  # the bound on heads


def fitted(rows: Rows, **settings: Any) -> Student:
    """Return the student; the problem of the rows is as good as new, so that each call has the same random numbers."""
    return distill(anew(rows), DistillConfig(**settings))


def anew(rows: Rows) -> W2SProblem:
    return replace(rows.problem, rng=np.random.default_rng(7))


def head_of(student: Student) -> LinearHead:
    return cast("LinearHead", student.head)


def missed(rows: Rows, learned: NDArray[np.intp], soft_weight: float, alpha: float) -> Array:
    """Return labels minus held-out scores by refits of teacher and student, the row in neither of them."""
    teacher, X, weights = rows.problem.teachers[0], rows.strong[:380], joint_weights(n, N, soft_weight)
    strength = teacher.fit(rows=learned).head.alpha
    whole, residuals = teacher.fit(rows=learned, alpha=strength).scores, []
    for i in range(n):
        rest = learned[learned != i]
        T_U = teacher.fit(rows=rest, alpha=strength).scores if len(rest) < len(learned) else whole
        keep = np.arange(380) != i
        Y = np.vstack([rows.Y[L], T_U])
        model = Ridge(alpha=alpha, solver="svd").fit(X[keep], Y[keep], sample_weight=weights[keep])
        residuals.append(rows.Y[i] - model.predict(X[i : i + 1])[0])
    return np.array(residuals)


@pytest.mark.parametrize(("classes", "soft_weight"), [(2, 1.0), (5, 4.0)])
def test_the_held_out_error_is_that_of_refits_without_the_row_in_student_and_teacher(
    classes: int, soft_weight: float
) -> None:
    rows = rows_of(classes=classes)
    student = variant(fitted(rows), f"soft_weight={soft_weight:g}")
    residuals = missed(rows, np.arange(n), soft_weight, student.head.alpha)
    assert student.fitted["held_out_error"] == pytest.approx((residuals**2).sum(axis=1).mean(), abs=1e-9)  # the issue's


def test_so_it_is_with_a_teacher_of_fewer_rows() -> None:
    rows = rows_of(SEED)
    student = variant(fitted(rows, teacher_rows=50), "soft_weight=1,teacher_rows=50")
    seed = int(anew(rows).rng.integers(2**63))
    learned = stratified_part(rows.Y[L], 50, np.random.default_rng([seed, 50]))
    assert student.targets is not None
    np.testing.assert_array_equal(student.targets, rows.problem.teachers[0].fit(rows=learned).scores)
    residuals = missed(rows, learned, 1.0, student.head.alpha)
    assert student.fitted["held_out_error"] == pytest.approx((residuals**2).sum(axis=1).mean(), abs=1e-9)


def test_the_student_has_the_weight_with_the_least_held_out_error() -> None:
    student = fitted(rows_of(SEED))
    errors = {key: value for key, value in student.fitted.items() if key.startswith("held_out_error at ")}
    best = min(errors, key=lambda key: errors[key]).partition("at ")[2]
    assert len(errors) == 4
    assert best == f"soft_weight={student.fitted['soft_weight']:g}"
    own = variant(student, best)
    np.testing.assert_array_equal(head_of(own).coef, head_of(student).coef)
    assert (own.head.alpha, own.head.rule) == (student.head.alpha, "loo")
    assert student.uses_labels
    assert student.rivals == ("anchored",)
    assert student.kept.all()


@pytest.mark.parametrize(
    "case",
    [{}, {"classes": 5}, {"scale": "standard"}, {"wide": True}, {"task": "regression"}, {"pseudolabels": "hard"}],
    ids=str,
)
def test_the_head_is_ridge_on_both_with_constant_row_weights(case: dict[str, Any]) -> None:
    rows = rows_of(SEED, **case)
    weights = joint_weights(n, N, 0.25)
    student = variant(fitted(rows), "soft_weight=0.25")
    X, targets = rows.strong[:380], rows.problem.teachers[0].pseudolabels
    D = deviations(X, weights) if case.get("scale") else np.ones(X.shape[1])
    Y = np.vstack([rows.Y[L], targets])
    model = Ridge(alpha=student.head.alpha, solver="svd").fit(X / D, Y, sample_weight=weights)
    theirs = model.predict(rows.strong[T] / D).reshape(-1, Y.shape[1])
    np.testing.assert_allclose(student.head.scores(rows.strong[T]), theirs, atol=ROUNDING)


@pytest.mark.parametrize("case", [{}, {"scale": "standard"}, {"wide": True}], ids=str)
def test_without_pseudolabels_it_is_the_baseline(case: dict[str, Any]) -> None:
    rows = rows_of(**case)
    student = variant(fitted(rows), "soft_weight=0")
    X = rows.strong[T]
    np.testing.assert_allclose(student.head.scores(X), rows.problem.baseline().scores(X), atol=ROUNDING)


def test_the_grid_is_every_weight_with_every_teacher() -> None:
    rows = rows_of(SEED)
    keys = list(fitted(rows).variants)
    assert keys == [
        *("soft_weight=0", "soft_weight=0.25", "soft_weight=1", "soft_weight=4"),
        *("teacher_rows=25", "soft_weight=0.25,teacher_rows=25", "soft_weight=1,teacher_rows=25"),
        *("soft_weight=4,teacher_rows=25", "teacher_rows=50", "soft_weight=0.25,teacher_rows=50"),
        *("soft_weight=1,teacher_rows=50", "soft_weight=4,teacher_rows=50"),
    ]
    assert not fitted(rows, soft_weight=2, teacher_rows=400).variants
    stopped = fitted(rows, soft_weight=2, teacher_rows=400, steps=5)
    assert list(stopped.variants) == ["schedule=linear", "start=baseline", "start=vanilla", "steps=0"]
    assert variant(stopped, "steps=0").fitted["soft_weight"] == 2
    crossed = list(fitted(rows, soft_weight=[0, 1], teacher_rows=400, steps=5).variants)
    assert crossed[:4] == ["soft_weight=0", "soft_weight=1", "schedule=linear", "soft_weight=1,schedule=linear"]
    assert crossed[-2:] == ["steps=0", "soft_weight=1,steps=0"]


def test_variants_do_not_depend_on_the_order_in_which_they_are_fitted() -> None:
    rows = rows_of(SEED)
    one, other = fitted(rows), fitted(rows)
    names = list(one.variants)
    forward = {name: head_of(variant(one, name)).coef for name in names}
    for name in names[::-1]:
        np.testing.assert_array_equal(head_of(variant(other, name)).coef, forward[name])


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_converged_softmax_head_depends_on_no_schedule_and_no_start(classes: int, temperature: float) -> None:
    rows = rows_of(SEED, classes=classes, **SOFTMAX)
    settings = {"soft_weight": 1, "teacher_rows": 80, "temperature": temperature}
    plain = fitted(rows, **settings).head.scores(rows.strong[T])
    for other in ({"schedule": "linear"}, {"start": "baseline"}, {"start": "vanilla", "schedule": "linear"}):
        same = fitted(rows, **settings, **other).head
        np.testing.assert_allclose(same.scores(rows.strong[T]), plain, atol=1e-6)  # the bound
    stopped = fitted(rows, **settings, steps=20)
    ends = [stopped, *(variant(stopped, key) for key in stopped.variants)]
    scores = [end.head.scores(rows.strong[T]) for end in ends]
    assert min(np.abs(a - b).max() for i, a in enumerate(scores) for b in scores[:i]) > 1e-3


def test_early_stopped_ridge_heads_depend_on_schedule_and_start_too() -> None:
    rows = rows_of(SEED)
    stopped = fitted(rows, soft_weight=1, teacher_rows=80, steps=20)
    ends = [stopped, *(variant(stopped, key) for key in stopped.variants)]
    scores = [end.head.scores(rows.strong[T]) for end in ends]
    assert min(np.abs(a - b).max() for i, a in enumerate(scores) for b in scores[:i]) > 1e-3
    assert {end.head.alpha for end in ends} == {stopped.head.alpha}


@pytest.mark.parametrize("case", [SOFTMAX, {"pseudolabels": "hard", "alphas": 3}], ids=str)
def test_without_a_linear_map_the_held_out_error_is_that_of_five_folds_of_teacher_and_student(
    case: dict[str, Any],
) -> None:
    rows = rows_of(SEED, classes=3, **case)
    student, problem = variant(fitted(rows, soft_weight=[1, 2]), "soft_weight=1"), rows.problem
    X, Y, total = rows.strong[:380], rows.Y[L], 0.0
    seed = int(anew(rows).rng.integers(2**63))
    for B in stratified_folds(Y, 5, np.random.default_rng(seed)):
        rest = np.setdiff1d(np.arange(n), B)
        teacher = problem.teachers[0].fit(rows=rest, alpha=problem.teachers[0].head.alpha)
        joint = np.concatenate([rest, np.arange(n, n + N)])
        targets = np.concatenate([Y[rest], problem.pseudolabels_of(teacher.scores)])
        weights = np.repeat([380 / 2 / len(rest), 380 / 2 / N], [len(rest), N])
        if case == SOFTMAX:  # a fold has the scale of all rows
            X = rows.strong[:380] / deviations(rows.strong[:380], joint_weights(n, N, 1.0))
        options = replace(problem.options, alpha=student.head.alpha, scale="none")
        scores = problem.fit(X[joint], targets, sample_weight=weights, options=options).scores(X[B])
        total += float(cross_entropy(scores, Y[B])[0].sum() if case == SOFTMAX else ((scores - Y[B]) ** 2).sum())
    assert student.fitted["held_out_error"] == pytest.approx(total / n, rel=1e-5)  # fits in lock-step end earlier
    assert student.head.rule == "cv"


def test_pairs_have_heads_without_intercept_at_any_temperature() -> None:
    rows = rows_of(SEED, **SOFTMAX)
    problem = replace(anew(rows), options=replace(rows.problem.options, intercept=False))
    student = distill(problem, DistillConfig(soft_weight=1, teacher_rows=80, temperature=[1, 2.5]))
    X, weights, alpha = rows.strong[:380], joint_weights(n, N, 1.0), student.head.alpha
    Y = np.vstack([rows.Y[L], rows.problem.teachers[0].pseudolabels])
    theirs = fit_bradley_terry(X, Y, alpha=alpha, sample_weight=weights)
    np.testing.assert_allclose(head_of(student).coef, theirs.coef, atol=1e-9)
    warm = head_of(variant(student, "temperature=2.5"))
    Y = np.vstack([rows.Y[L], problem.pseudolabels_of(problem.teachers[0].scores / 2.5)])
    joint = JointRows(X=X, Y=Y, n=n, weights=weights, temperature=2.5)
    exact = fit_tempered(joint, problem.options, alpha=alpha)
    np.testing.assert_allclose(warm.scores(X), exact.scores(X), atol=1e-6)
    assert (warm.alpha, warm.rule) == (alpha, "cv")
    stopped = distill(replace(problem, rng=np.random.default_rng(7)), DistillConfig(soft_weight=1, steps=3))
    for head in (head_of(student), warm, head_of(stopped), head_of(variant(stopped, "start=vanilla"))):
        assert not head.intercept.any()


def test_a_given_strength_stays() -> None:
    student = fitted(rows_of(student_alpha=7.0))
    assert {head.alpha for head in (student.head, variant(student, "soft_weight=4").head)} == {7.0}
    assert student.head.rule == "given"


def test_a_teacher_of_rows_with_one_label_does_not_apply() -> None:
    rows = rows_of(SEED)
    Y = np.tile([1.0, 0.0], (n, 1))
    Y[0] = [0.0, 1.0]
    student = distill(replace(anew(rows), Y_labeled=Y), DistillConfig(teacher_rows=2))
    with pytest.raises(NotApplicableError, match=r"one, in 2 rows\. Use more distill\.teacher_rows\."):
        variant(student, "teacher_rows=2")


def test_ridge_heads_have_no_temperature() -> None:
    with pytest.raises(NotApplicableError, match=r"got 2\. Use --set distill\.temperature=1, or --head softmax\."):
        fitted(rows_of(), temperature=2)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("soft_weight", -1, "distill.soft_weight must be distinct numbers of at least 0: got -1. Use [0, 0.25, 1, 4]."),
        ("soft_weight", [1, 1.0], "must be distinct numbers of at least 0: got [1, 1.0]"),
        ("soft_weight", [], "must be distinct numbers of at least 0: got []"),
        ("soft_weight", float("inf"), "got inf"),
        ("teacher_rows", 2.5, "distinct numbers that are whole and at least 2: got 2.5. Use [25, 100]."),
        ("teacher_rows", True, "got True"),
        ("temperature", 0, "distinct numbers above 0: got 0. Use 1."),
        ("schedule", "falling", "distill.schedule must be one of constant, linear: got 'falling'. Use constant."),
        ("start", "teacher", "must be one of zero, baseline, vanilla: got 'teacher'. Use zero."),
        ("steps", 20_000, "distill.steps must be a whole number from 0 to 10000: got 20000. Use 0."),
    ],
)
def test_odd_settings_are_refused(setting: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_strategy("distill", {f"distill.{setting}": value})
    assert said in str(error.value)
