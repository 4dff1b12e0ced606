"""A forecast of several teachers: the student of their mean, with each row held out of all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import Ridge

from w2s_probe.core.config import W2SConfig
from w2s_probe.core.folds import stratified_folds
from w2s_probe.experiments.forecast.advice import noted_heads
from w2s_probe.experiments.forecast.data import ForecastData
from w2s_probe.experiments.forecast.held_out import _Refitted, pipeline_scores
from w2s_probe.experiments.forecast.pair import forecast_pair
from w2s_probe.experiments.forecast.pipeline import PipelineScores
from w2s_probe.heads.fit import fit_head
from w2s_probe.linalg.moments import moments_of
from w2s_probe.metrics.likeness import IMITATION, imitation
from w2s_probe.results.forecast import Forecast

Array = NDArray[np.float64]
Index = NDArray[np.intp]
GIVEN = W2SConfig(teacher_alpha=30.0, student_alpha=7.0)
EXACT = 1e-9  # the labels are of order 1 and the solvers work in float64: rounding stays below 1e-11


def spaces(n: int, N: int, K: int, *, widths: tuple[int, ...] = (15, 9, 30)) -> tuple[list[Array], Array, Array]:
    """Return features of n + N rows for teachers and student (the last width), and labels of the first n rows."""
    rng = np.random.default_rng(3)
    core = rng.standard_normal((n + N, 8))
    noise = np.linspace(2, 0.5, len(widths))
    views = [
        core @ rng.standard_normal((8, d)) + scale * rng.standard_normal((n + N, d))
        for d, scale in zip(widths, noise, strict=True)
    ]
    score = core[:n] @ rng.standard_normal((8, max(K, 1))) + rng.standard_normal((n, max(K, 1)))
    Y = np.eye(K)[score.argmax(axis=1)] if K > 1 else score
    return views[:-1], views[-1], Y


def scored(
    weak: list[Array], strong: Array, Y: Array, config: W2SConfig, *, rows: Index | None = None, repeats: int = 1
) -> PipelineScores:
    n = len(Y)
    pools = [X[n:] for X in weak]
    blocks = {"teacher": pools[0], "teacher 2": pools[1], "student": strong[n:]} if len(weak) == 2 else {}
    return pipeline_scores(
        weak[0][:n],
        strong[:n],
        Y,
        rows=np.arange(n) if rows is None else rows,
        pool=moments_of(blocks or {"teacher": pools[0], "student": strong[n:]}),
        pool_teacher=pools[0],
        pool_student=strong[n:],
        config=replace(config, task="classification" if Y.shape[1] > 1 else "regression"),
        rng=np.random.default_rng(0),
        repeats=repeats,
        more_teachers=[(X[:n], X[n:]) for X in weak[1:]],
    )


def predicted(weak: list[Array], strong: Array, Y: Array, config: W2SConfig | None = None) -> Forecast:
    n = len(Y)
    return forecast_pair(
        weak[0][:n],
        strong[:n],
        Y,
        pool_teacher=weak[0][n:],
        pool_student=strong[n:],
        more_teachers=[(X[:n], X[n:]) for X in weak[1:]],
        config=replace(config or W2SConfig(), task="classification" if Y.shape[1] > 1 else "regression"),
    )


@pytest.mark.parametrize(("n", "widths"), [(40, (15, 9, 30)), (24, (50, 9, 30))])
@pytest.mark.parametrize("K", [1, 2, 4])
def test_held_out_scores_equal_refits_of_all_teachers_and_the_student(K: int, n: int, widths: tuple[int, ...]) -> None:
    weak, strong, Y = spaces(n, 150, K, widths=widths)
    found = scored(weak, strong, Y, W2SConfig())
    alpha = found.alphas["student"]
    strengths = [heads[0].alpha for heads in found.fitted[:2]]
    for held, blocks in (
        (found.leave_one_out, [np.array([row]) for row in range(n)]),
        (found.held_out[0], stratified_folds(Y, 10, np.random.default_rng(0))),
    ):
        for B in blocks:
            rest = np.setdiff1d(np.arange(n), B)
            teachers = [Ridge(alpha=a).fit(X[rest], Y[rest]) for a, X in zip(strengths, weak, strict=True)]
            taught = np.mean([head.predict(X[n:]) for head, X in zip(teachers, weak, strict=True)], axis=0)
            student = Ridge(alpha=alpha).fit(strong[n:], taught.reshape(150, -1))
            np.testing.assert_allclose(held.teacher[B].ravel(), teachers[0].predict(weak[0][B]).ravel(), atol=EXACT)
            np.testing.assert_allclose(held.student[B].ravel(), student.predict(strong[B]).ravel(), atol=EXACT)


def test_the_students_strength_is_chosen_on_the_mean() -> None:
    weak, strong, Y = spaces(60, 300, 2)
    found = scored(weak, strong, Y, W2SConfig())
    heads = [fit_head(X[:60], Y, W2SConfig().fit_options("teacher")) for X in weak]
    mean = np.mean([head.scores(X[60:]) for head, X in zip(heads, weak, strict=True)], axis=0)
    student = fit_head(strong[60:], mean, W2SConfig().fit_options("student"))
    assert found.alphas["student"] == pytest.approx(student.alpha, rel=1e-6)
    np.testing.assert_allclose(found.heads["student"].coef, student.coef, atol=1e-8)
    np.testing.assert_allclose(found.lesson, mean, atol=1e-10)


@pytest.mark.parametrize("K", [1, 3])
def test_pool_rows_are_scored_by_a_student_that_never_saw_their_mean(K: int) -> None:
    weak, strong, Y = spaces(50, 120, K)
    found = scored(weak, strong, Y, GIVEN)
    for row in (0, 60, 119):
        rest = np.arange(120) != row
        student = Ridge(alpha=7.0).fit(strong[50:][rest], found.lesson[rest])
        said = student.predict(strong[50:][[row]])
        np.testing.assert_allclose(found.pool[1][row], said.ravel(), atol=EXACT)


@pytest.mark.parametrize("K", [1, 3])
def test_the_route_without_refits_equals_the_one_with(K: int) -> None:
    weak, strong, Y = spaces(40, 150, K)
    found = scored(weak, strong, Y, GIVEN)
    fitted = _Refitted.fit([X[:40] for X in weak], strong[:40], Y, [X[40:] for X in weak], strong[40:], GIVEN)
    again = fitted.held_out(stratified_folds(Y, 10, np.random.default_rng(0)))
    np.testing.assert_allclose(found.held_out[0].student, again.student, atol=EXACT)
    np.testing.assert_allclose(found.held_out[0].baseline, again.baseline, atol=EXACT)


@pytest.mark.parametrize("pseudolabels", ["soft", "hard"])
def test_softmax_students_learn_the_mean_of_probabilities_or_its_decisions(pseudolabels: str) -> None:
    weak, strong, Y = spaces(60, 90, 3)
    config = W2SConfig(head="softmax", pseudolabels=pseudolabels, teacher_alpha=3.0, student_alpha=2.0)  # type: ignore[arg-type]
    found = scored(weak, strong, Y, config)
    B, *_ = stratified_folds(Y, 5, np.random.default_rng(0))
    rest = np.setdiff1d(np.arange(60), B)
    teachers = [fit_head(X[rest], Y[rest], config.fit_options("teacher")) for X in weak]
    mean = np.mean([softmax(head.scores(X[60:]), axis=1) for head, X in zip(teachers, weak, strict=True)], axis=0)
    targets = mean if pseudolabels == "soft" else np.eye(3)[mean.argmax(axis=1)]
    student = fit_head(strong[60:], targets, config.fit_options("student"))
    # both heads reach the certificate of the softmax solver, from targets that differ by rounding
    np.testing.assert_allclose(found.held_out[0].student[B], student.scores(strong[B]), atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"head": "softmax"}, {"pseudolabels": "hard"}])
def test_two_equal_teachers_are_one_teacher(settings: dict[str, str]) -> None:
    weak, strong, Y = spaces(64, 160, 2)
    config = W2SConfig(**settings)  # type: ignore[arg-type]
    one, two = (predicted(teachers, strong, Y, config) for teachers in (weak[:1], [weak[0], weak[0]]))
    for name in ("gain", "versus_baseline", "teacher", "student", "baseline", "ceiling", "pgr", "opr"):
        first, second = getattr(one, name), getattr(two, name)
        got, expected = ((e.value, e.low, e.high) for e in (second, first))
        assert got == pytest.approx(expected, abs=EXACT, nan_ok=True), name
    for here, there in zip(one.curve, two.curve, strict=True):
        assert (there.student.value, there.gain.low) == pytest.approx((here.student.value, here.gain.low), abs=EXACT)
    assert two.needed == one.needed
    assert (two.misfit.misfit, two.misfit.gain) == pytest.approx((one.misfit.misfit, one.misfit.gain), abs=EXACT)
    assert two.verdict == one.verdict


def test_what_is_defined_for_one_teacher_is_left_out_and_said() -> None:
    weak, strong, Y = spaces(64, 160, 2)
    one, two = predicted(weak[:1], strong, Y), predicted(weak, strong, Y)
    assert one.error_parts is not None
    assert np.isfinite(one.representation_gap)
    assert two.error_parts is None
    assert np.isnan(two.representation_gap)
    assert two.notes[0].startswith("The student learns the mean of 2 teachers' scores")
    assert not any("teachers' scores" in note for note in one.notes)
    assert two.teacher.value == pytest.approx(one.teacher.value, abs=0.05)  # the calibrated model reads another student


def test_teacher_and_student_are_equal_only_if_all_teachers_are() -> None:
    weak, strong, Y = spaces(40, 90, 2)

    def equal(*teachers: Array) -> bool:
        first, *others = teachers
        more = [(X[:40], X[40:]) for X in others]
        args = (first[:40], strong[:40], Y, first[40:], strong[40:], more, "classification", lambda _: None)
        return ForecastData(*args).same_features  # type: ignore[arg-type]

    assert equal(strong)
    assert equal(strong, 2 * strong)
    assert not equal(strong, weak[0])


def test_a_student_that_copies_the_mean_needs_no_note_on_its_strength() -> None:
    """With both teachers' features the student copies their mean, which differs from the first teacher."""
    weak, _, Y = spaces(40, 400, 2)
    found = scored(weak, np.hstack(weak), Y, W2SConfig())
    assert imitation(found.pool[1], found.lesson) > 0.999
    assert imitation(found.pool[1], found.pool[0]) < IMITATION
    assert list(noted_heads(found, W2SConfig(), same_features=False)) == ["teacher", "baseline"]


def test_a_further_teacher_with_large_rows_is_named() -> None:
    weak, strong, Y = spaces(40, 90, 2)
    spoiled = weak[1].copy()
    spoiled[3] *= 1e6
    (note,) = (note for note in predicted([weak[0], spoiled], strong, Y).notes if "times as large" in note)
    assert note.startswith("Rows of the teacher 2's features")
