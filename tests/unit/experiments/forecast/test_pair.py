"""A forecast's numbers: what they equal, what they may depend on, and how little they can be made from."""

from __future__ import annotations

import inspect
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import ShapeError
from w2s_probe.core.serialize import to_json
from w2s_probe.experiments.forecast import pair as forecast
from w2s_probe.experiments.forecast.data import ForecastData
from w2s_probe.experiments.forecast.evidence import SMALL, MeanEstimate
from w2s_probe.experiments.forecast.held_out import pipeline_scores
from w2s_probe.experiments.forecast.notes import _misfit_notes
from w2s_probe.experiments.forecast.pair import forecast_pair
from w2s_probe.linalg.moments import moments_of
from w2s_probe.metrics.verdict import EQUAL_SPACES, decide
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import Forecast, Misfit, Outlook

Array = NDArray[np.float64]
CONFIG = W2SConfig()
LEVEL = 0.95


def views(n: int, N: int, *, classes: int = 2, regression: bool = False, seed: int = 0) -> dict[str, Array]:
    weak, strong, labels = pair_of_views(n + N, classes=classes, seed=seed)
    T, S = np.asarray(weak.X, dtype=np.float64), np.asarray(strong.X, dtype=np.float64)
    Y = S[:n, :1] + T[:n, :1] if regression else labels.targets(np.arange(n))
    return {"X_teacher": T[:n], "X_student": S[:n], "Y": Y, "pool_teacher": T[n:], "pool_student": S[n:]}


def predict(data: dict[str, Array], config: W2SConfig = CONFIG, **settings: Any) -> Forecast:
    T, S, Y = (data[name] for name in ("X_teacher", "X_student", "Y"))
    if Y.shape[1] == 1:
        config = replace(config, task="regression")
    weak, strong = data["pool_teacher"], data["pool_student"]
    return forecast_pair(T, S, Y, pool_teacher=weak, pool_student=strong, config=config, **settings)


def assert_sound(found: Forecast) -> None:
    """Every number is finite or declared open, every interval holds its value, scores lie in their range."""
    estimates: list[Estimate | Outlook] = [
        found.gain,
        found.versus_baseline,
        found.teacher,
        found.student,
        found.baseline,
    ]
    estimates += [getattr(point, name) for point in found.curve for name in ("gain", "teacher", "student", "baseline")]
    for one in estimates:
        assert one.low <= one.value <= one.high
        assert math.isfinite(one.value)
    for one in (found.teacher, found.student, found.baseline, *(point.baseline for point in found.curve)):
        assert one.high <= 1
        assert found.score == "r2" or one.low >= 0
    for one in (found.ceiling, found.pgr, found.opr):
        assert one.low <= one.value <= one.high or (math.isnan(one.value) and one.resolved is False)
    for outlook in (found.gain, found.versus_baseline):
        assert outlook.low_observed <= outlook.low
        assert outlook.high_observed >= outlook.high
        assert outlook.resolved is (outlook.low > 0 or outlook.high < 0)
    assert "NaN" not in to_json(found)


def test_the_pools_labels_are_no_argument() -> None:
    names = set(inspect.signature(forecast_pair).parameters)
    assert names == {
        "X_teacher", "X_student", "Y", "pool_teacher", "pool_student", "config", "n_test", "names",
            "on_progress", "more_teachers", "links", "given",
    }  # fmt: skip


@pytest.mark.parametrize(("classes", "regression"), [(2, False), (4, False), (2, True)])
def test_a_forecast_is_sound_and_of_the_sizes_given(classes: int, regression: bool) -> None:
    found = predict(views(160, 300, classes=classes, regression=regression), n_test=123, names=("weak", "strong"))
    assert_sound(found)
    assert (found.n, found.N, found.n_test) == (160, 300, 123)
    assert (found.teacher_backbone, found.student_backbone) == ("weak", "strong")
    assert found.score == ("r2" if regression else "accuracy")
    assert list(found.others) == ["squared_error" if regression else "brier"]
    measured = [(point.n, point.N) for point in found.curve if point.measured]
    smaller = [(20, 300), (40, 300), (80, 300)]
    assert measured == [
        *smaller[len([1 for n, _ in smaller if n < 4 * classes]) :],
        (160, 300),
        (160, 37),
        (160, 75),
        (160, 150),
    ]
    assert [(p.n, p.N) for p in found.curve if not p.measured] == [
        *((160 * k, 300) for k in (2, 4, 8)), *((160, 300 * k) for k in (2, 4, 8)),
    ]  # fmt: skip
    here = next(point for point in found.curve if (point.n, point.N) == (160, 300))
    assert (here.gain.value, here.gain.low) == (found.gain.value, found.gain.low)
    assert (here.teacher, here.student, here.baseline) == (found.teacher, found.student, found.baseline)
    assert len({point.teacher.value for point in found.curve if point.n == 160 and point.measured}) == 1


def test_forecasts_foretell_what_new_rows_show() -> None:
    """Heads trained on these very labels, and 20,000 new rows: within an interval's width."""
    whole, end = views(20_900, 0, classes=3), 900
    T, S, Y = (whole[name] for name in ("X_teacher", "X_student", "Y"))
    data = {"X_teacher": T[:300], "X_student": S[:300], "Y": Y[:300]}
    found = predict(data | {"pool_teacher": T[300:end], "pool_student": S[300:end]})
    scores = pipeline_scores(
        *data.values(),
        rows=np.arange(300),
        pool=moments_of({"teacher": T[300:end], "student": S[300:end]}),
        pool_teacher=T[300:],
        pool_student=S[300:],
        config=CONFIG,
        rng=np.random.default_rng(0),
        repeats=1,
        pool_rows=np.arange(end - 300),
    )
    truth = Y[end:].argmax(axis=1)
    right = [float((F[end - 300 :].argmax(axis=1) == truth).mean()) for F in scores.pool]
    for one, value in zip((found.teacher, found.student, found.baseline), right, strict=True):
        assert abs(one.value - value) < one.high - one.low
    assert abs(found.gain.value - (right[1] - right[0])) < found.gain.high - found.gain.low


def test_the_same_seed_repeats_every_byte_and_another_deals_anew() -> None:
    data = views(80, 200)
    first = to_json(predict(data))
    assert to_json(predict(data)) == first
    assert to_json(predict(data, replace(CONFIG, seed=1))) != first


def test_the_pools_order_changes_rounding_only() -> None:
    data = views(80, 200)
    order = np.random.default_rng(1).permutation(200)
    mixed = {name: X[order] if name.startswith("pool") else X for name, X in data.items()}
    here, there = predict(data), predict(mixed)
    for name in ("gain", "versus_baseline", "teacher", "student", "baseline", "ceiling"):
        assert getattr(there, name).value == pytest.approx(getattr(here, name).value, abs=1e-9)
        assert getattr(there, name).low == pytest.approx(getattr(here, name).low, abs=1e-9)


@pytest.mark.parametrize(("classes", "regression"), [(3, False), (2, True)])
def test_misfit_and_correction_add_up_to_the_held_out_gain_in_squared_error(classes: int, regression: bool) -> None:
    data = views(60, 150, classes=classes, regression=regression)
    found, Y = predict(data).misfit, data["Y"]
    config = replace(CONFIG, task="regression" if regression else "classification")
    scores = pipeline_scores(
        data["X_teacher"],
        data["X_student"],
        Y,
        rows=np.arange(60),
        pool=moments_of({"teacher": data["pool_teacher"], "student": data["pool_student"]}),
        pool_teacher=data["pool_teacher"],
        pool_student=data["pool_student"],
        config=config,
        rng=np.random.default_rng([0, 3]),
        repeats=10,
    )
    errors = [[((F - Y) ** 2).sum(axis=1).mean() for F in (held.teacher, held.student)] for held in scores.held_out]
    teacher, student = np.mean(errors, axis=0)
    assert found.gain == pytest.approx(teacher - student, abs=1e-12)
    assert found.misfit + found.correction == pytest.approx(found.gain, abs=1e-12)
    apart = [((held.teacher - held.student) ** 2).sum(axis=1).mean() for held in scores.held_out]
    assert found.misfit == pytest.approx(np.mean(apart), abs=1e-12)


def twins(n: int, N: int) -> dict[str, Array]:
    """Return a pair in which the student sees exactly what its teacher sees."""
    found = views(n, N)
    return found | {"X_teacher": found["X_student"], "pool_teacher": found["pool_student"]}


DEGENERATE = {
    "four labels": views(4, 50),
    "fewer labels than folds": views(7, 50, classes=3),
    "ten classes, three rows each": {**views(30, 80), "Y": np.eye(10)[np.arange(30) % 10]},
    "a class with one row": {**views(40, 80), "Y": np.eye(3)[[2, *(np.arange(39) % 2)]]},
    "one feature": {name: X if name == "Y" else X[:, :1] for name, X in views(40, 80).items()},
    "a pool smaller than its features": views(60, 12),
    "two rows of pool": views(60, 2),
    "equal features": twins(60, 80),
    "numbers": views(9, 40, regression=True),
    "two numbers": views(2, 40, regression=True),
}  # fmt: skip


@pytest.mark.parametrize("case", DEGENERATE)
def test_little_or_strange_data_gives_sound_numbers(case: str) -> None:
    assert_sound(predict(DEGENERATE[case]))


@pytest.mark.parametrize("settings", [{"head": "softmax"}, {"pseudolabels": "hard"}, {"scale": "standard"}])
@pytest.mark.parametrize("case", ["ten classes, three rows each", "a class with one row"])
def test_heads_that_are_fitted_again_are_sound_too(case: str, settings: dict[str, str]) -> None:
    assert_sound(predict(DEGENERATE[case], W2SConfig(alphas=3, **settings)))  # type: ignore[arg-type]


@pytest.mark.parametrize("which", ["_teacher", "_student", "pool_student"])
def test_features_without_differences_are_refused(which: str) -> None:
    flat = {name: 0 * X + 3 if name.endswith(which) else X for name, X in views(60, 80).items()}
    with pytest.raises(ShapeError, match="must differ between rows"):
        predict(flat)


def test_a_student_of_its_teachers_own_features_gains_nothing() -> None:
    found = predict(DEGENERATE["equal features"])
    assert found.gain.value == pytest.approx(0, abs=0.03)
    assert found.verdict.call == "unresolved"
    assert found.gain.resolved is False
    assert found.verdict.recommend == "unresolved"
    assert found.verdict.advice == f"No recommendation: {EQUAL_SPACES}."


def test_a_copy_is_no_reason_for_a_note() -> None:
    none = np.zeros((4, 1))
    data = ForecastData(
        X_teacher=none,
        X_student=none,
        Y=np.array([[-1.0], [1.0], [-1.0], [1.0]]),  # of variance 1
        pool_teacher=none,
        pool_student=none,
        more_teachers=(),
        task="classification",
        count=lambda _: None,
    )
    small = Misfit(misfit=1e-6, correction=-2e-6, gain=-1e-6)
    assert _misfit_notes(small, outcome(0.01), data) == ()
    misled = Misfit(misfit=0.4, correction=-0.5, gain=-0.1)
    first, second = _misfit_notes(misled, outcome(0.01), data)
    assert "misfit" in first
    assert "loses in squared error (-0.1), but gains in accuracy (+0.010)" in second


def outcome(value: float, error: float = 0.0, bias: float = 0.0) -> MeanEstimate:
    """Return evidence from 400 rows with this standard error."""
    influence = np.full(400, error / np.sqrt(400 + SMALL))
    return MeanEstimate(value=value, influence=influence, bias=bias, row_variance=0.1)


def test_too_few_labels_for_a_curve_leave_ceiling_and_pgr_open() -> None:
    found = predict(DEGENERATE["four labels"])
    assert math.isnan(found.ceiling.value)
    assert found.ceiling.resolved is found.pgr.resolved is False


def test_pgr_needs_a_gap_above_nothing() -> None:
    gain, teacher = outcome(0.02, 0.001, -0.001), outcome(0.7, 0.05, -0.05)
    near = forecast._pgr(gain, teacher, outcome(0.72, -0.05, 0.05), LEVEL)
    assert math.isnan(near.value)
    assert near.resolved is False
    far = forecast._pgr(gain, teacher, outcome(0.9, 0.05, -0.04), LEVEL)
    assert far.value == pytest.approx(0.1)
    assert far.resolved is True
    assert far.low < 0.1 < far.high


def test_opr_needs_a_student_that_errs() -> None:
    assert forecast._opr(outcome(0.9), outcome(0.99, 0.01), LEVEL).resolved is False
    assert forecast._opr(outcome(0.9), outcome(0.8, 0.01), LEVEL).value == pytest.approx(0.5)


@pytest.mark.parametrize(("classes", "seed"), [(2, 0), (2, 1), (4, 2)])
def test_the_verdict_says_what_the_intervals_say(classes: int, seed: int) -> None:
    found = predict(views(120, 300, classes=classes, seed=seed))

    def seen(outlook: Outlook) -> Estimate:
        return Estimate(value=outlook.value, low=outlook.low, high=outlook.high)

    gain, versus = seen(found.gain), seen(found.versus_baseline)
    expected = decide(gain=gain, versus_baseline=versus, n_labeled=120, score="accuracy", outlook=True)
    assert (found.verdict.call, found.verdict.recommend) == (expected.call, expected.recommend)
    assert found.verdict.advice.startswith(expected.advice)


def test_the_ceiling_of_all_labels_is_reached_later() -> None:
    data = views(160, 300)
    pool, both = (predict(data, replace(CONFIG, ceiling=kind)).ceiling for kind in ("U", "L+U"))
    assert both.value > pool.value
    assert predict(data).baseline.value < pool.value


def test_intervals_widen_with_the_level_and_with_fewer_test_rows() -> None:
    data = views(80, 200)
    narrow, wide = predict(data, replace(CONFIG, level=0.5)).gain, predict(data, n_test=50).gain
    assert narrow.high - narrow.low < wide.high - wide.low
    many = predict(data, n_test=10**6).gain
    assert wide.high_observed > many.high_observed
    assert (wide.low, wide.high) == (many.low, many.high)


def test_numbers_are_read_out_as_json() -> None:
    found = json.loads(to_json(predict(views(80, 200))))
    assert {"gain", "versus_baseline", "curve", "needed", "misfit", "verdict", "representation_gap"} <= set(found)


def test_a_smaller_pool_trains_another_student_where_heads_are_fitted_again() -> None:
    found = predict(views(80, 200), W2SConfig(pseudolabels="hard", alphas=5))
    students = [point.student.value for point in found.curve if point.n == 80 and point.measured]
    assert len(set(students)) == len(students) == 4
