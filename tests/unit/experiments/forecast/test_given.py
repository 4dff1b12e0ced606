"""Forecasts with teachers that are predictions: explicit counts, their intervals, curves, rows that do not count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.linear_model import Ridge

from w2s_probe.core.config import W2SConfig
from w2s_probe.experiments.forecast.given import GivenRows
from w2s_probe.experiments.forecast.pair import forecast_pair
from w2s_probe.results.forecast import Forecast

Array = NDArray[np.float64]
N_LABELED, POOL = 80, 150
ALL = np.ones(N_LABELED, dtype=np.bool_)
NONE = ~ALL
Z = float(norm.ppf(0.975))


def data() -> dict[str, Array]:
    rng = np.random.default_rng(2)
    core = rng.standard_normal((N_LABELED + POOL, 5))
    y = (core.sum(axis=1) + rng.standard_normal(len(core)) > 0).astype(int)
    p = 1 / (1 + np.exp(-core[:, 0] - core[:, 1] - 0.7 * rng.standard_normal(len(core))))
    S = np.hstack([core + 0.3 * rng.standard_normal(core.shape), rng.standard_normal((len(core), 4))])
    return {"P": np.column_stack([1 - p, p]), "S": S, "Y": np.eye(2)[y][:N_LABELED]}


def forecast(
    speaks: NDArray[np.bool_] = ALL, saw: NDArray[np.bool_] = NONE, config: W2SConfig | None = None, **more: Any
) -> Forecast:
    own, n = data(), N_LABELED
    which = (True,) + (False,) * len(more.get("more_teachers", ()))
    return forecast_pair(
        own["P"][:n],
        own["S"][:n],
        own["Y"],
        pool_teacher=own["P"][n:],
        pool_student=own["S"][n:],
        config=config or W2SConfig(),
        given=GivenRows(which=which, speaks=speaks, saw=saw),
        **more,
    )


def rights(result: Forecast, *, hard: bool = False) -> dict[str, Array]:
    """Return by hand, with scikit-learn, whether each labeled row is decided correctly: n refits of the baseline."""
    own, n = data(), N_LABELED
    P, S, Y = own["P"], own["S"], own["Y"]
    y, targets = Y.argmax(axis=1), np.eye(2)[P.argmax(axis=1)] if hard else P
    student = Ridge(alpha=result.alphas["student"]).fit(S[n:], targets[n:]).predict(S[:n])
    left_out = np.array(
        [
            Ridge(alpha=result.alphas["baseline"])
            .fit(np.delete(S[:n], i, 0), np.delete(Y, i, 0))
            .predict(S[i : i + 1])[0]
            for i in range(n)
        ]
    )
    scores = {"teacher": P[:n], "student": student, "baseline": left_out}
    return {name: (F.argmax(axis=1) == y).astype(float) for name, F in scores.items()}


@pytest.mark.parametrize("pseudolabels", ["soft", "hard"])
def test_a_forecast_is_explicit_counts_on_the_labeled_rows(pseudolabels: Any) -> None:
    result = forecast(config=W2SConfig(pseudolabels=pseudolabels))
    right = rights(result, hard=pseudolabels == "hard")
    for name, values in right.items():
        assert getattr(result, name).value == pytest.approx(values.mean(), abs=1e-12)
    assert result.gain.value == pytest.approx((right["student"] - right["teacher"]).mean(), abs=1e-12)
    assert result.versus_baseline.value == pytest.approx((right["student"] - right["baseline"]).mean(), abs=1e-12)
    assert result.counted is not None
    assert (result.counted.rows, result.counted.abstains, result.counted.saw) == (N_LABELED, 0, 0)


def test_intervals_are_those_of_agresti_and_min_and_held_out_errors_are_wider() -> None:
    result = forecast()
    right = rights(result)
    for name, wider in (("teacher", 1.0), ("baseline", 1 + 30 / N_LABELED)):
        d = right["student"] - right[name]
        b, c, m = (d > 0).sum() + 0.5, (d < 0).sum() + 0.5, N_LABELED + 2
        half = Z * math.sqrt((b + c - (b - c) ** 2 / m) * wider) / m
        own = result.gain if name == "teacher" else result.versus_baseline
        assert (own.low, own.high) == pytest.approx(((b - c) / m - half, (b - c) / m + half))
    p = (right["teacher"].sum() + 2) / (N_LABELED + 4)
    half = Z * math.sqrt(p * (1 - p) / (N_LABELED + 4))
    assert (result.teacher.low, result.teacher.high) == pytest.approx((p - half, p + half))


def test_rows_that_the_teacher_saw_or_abstains_on_count_for_no_system() -> None:
    speaks, saw = np.arange(N_LABELED) % 5 != 0, np.arange(N_LABELED) % 2 == 0
    result = forecast(speaks, saw)
    rows = speaks & ~saw
    right = rights(result)
    assert result.counted is not None
    assert (result.counted.rows, result.counted.abstains, result.counted.saw) == (rows.sum(), 16, 40)
    for name, values in right.items():
        assert getattr(result, name).value == pytest.approx(values[rows].mean(), abs=1e-12)


def test_a_teacher_that_saw_every_row_has_no_gain_but_student_minus_baseline() -> None:
    seen, fresh = forecast(saw=ALL), forecast()
    assert math.isnan(seen.gain.value)
    assert math.isnan(seen.teacher.value)
    assert seen.gain.reason == seen.needed.gain.reason == "the teacher was trained on every labeled row"
    assert seen.versus_baseline == fresh.versus_baseline
    assert not seen.pgr.resolved


def test_the_curve_over_n_holds_teacher_student_and_gain_constant() -> None:
    result = forecast()
    over_n = [point for point in result.curve if point.N == POOL]
    assert len({point.n for point in over_n}) >= 3
    for name in ("teacher", "student", "gain"):
        assert len({getattr(point, name) for point in over_n if point.measured}) == 1  # with their intervals
    assert len({point.baseline.value for point in over_n}) > 1
    assert len({point.student.value for point in result.curve if point.n == N_LABELED and point.measured}) > 1


def test_softmax_heads_leave_blocks_of_rows_out_of_the_baseline() -> None:
    own, n = data(), N_LABELED
    P = np.log(own["P"])
    result = forecast_pair(
        P[:n], own["S"][:n], own["Y"], pool_teacher=P[n:], pool_student=own["S"][n:],
        config=W2SConfig(head="softmax"), given=GivenRows(which=(True,), speaks=ALL, saw=NONE),
    )  # fmt: skip
    right = (own["P"][:n].argmax(axis=1) == own["Y"].argmax(axis=1)).mean()
    assert result.teacher.value == pytest.approx(right, abs=1e-12)
    assert result.others["brier"].teacher.value == pytest.approx(
        ((own["P"][:n] - own["Y"]) ** 2).sum(axis=1).mean(), abs=1e-12
    )


def test_in_a_committee_the_trained_teacher_leaves_each_block_out() -> None:
    own, n = data(), N_LABELED
    more = [(own["S"][:n, :3], own["S"][n:, :3])]
    result = forecast(more_teachers=more)
    alone = forecast()
    assert result.teacher == alone.teacher
    assert result.student != alone.student
    assert any("mean of 2 teachers' scores" in note for note in result.notes)
