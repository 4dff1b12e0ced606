"""The closed forms: published fixtures, limits, and how they move with sizes, noise and bias."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.core.errors import ConfigError
from w2s_probe.theory import IntrinsicDimension, expected_errors

# d_s, d_t, d_st, n, N, noise -> teacher, baseline, ceiling, student fresh, student in-sample, PGR, OPR
FIXTURES: dict[tuple[float, ...], tuple[float, ...]] = {
    (20, 60, 5, 110, 1000, 0.25): (0.306122, 0.056180, 0.004591, 0.031243, 0.031122, 0.9116, 1.7982),
    (40, 100, 10, 150, 300, 0.25): (0.510204, 0.091743, 0.024450, 0.121937, 0.112245, 0.7993, 0.7524),
    (20, 100, 10, 200, 4000, 0.25): (0.252525, 0.027933, 0.001196, 0.026395, 0.026389, 0.8997, 1.0583),
    (100, 200, 90, 400, 4000, 0.01): (0.010050, 0.003344, 0.000233, 0.004664, 0.004661, 0.5486, 0.7170),
}
BASE = IntrinsicDimension(d_student=20, d_teacher=60, correlation_dimension=5, n=110, N=1000, noise_variance=0.25)


def config_of(sizes: tuple[float, ...]) -> IntrinsicDimension:
    d_s, d_t, d_st, n, N, noise = sizes
    return IntrinsicDimension(
        d_student=int(d_s), d_teacher=int(d_t), correlation_dimension=d_st, n=int(n), N=int(N), noise_variance=noise
    )


@st.composite
def pairs(draw: st.DrawFn) -> IntrinsicDimension:
    """Draw dimensions, an overlap, sizes with spare rows, and biases that some truth has."""
    d_s, d_t = draw(st.integers(1, 80)), draw(st.integers(1, 80))
    inside = draw(st.floats(0, 1))
    d_st = inside * min(d_s, d_t)
    partial = 0 < inside < 0.9
    teacher_residual = draw(st.floats(0, 1)) if partial else 0.0
    return IntrinsicDimension(
        d_student=d_s,
        d_teacher=d_t,
        correlation_dimension=d_st,
        n=max(d_s, d_t) + draw(st.integers(10, 500)),
        N=d_s + draw(st.integers(10, 5000)),
        noise_variance=draw(st.floats(0.01, 2)),
        teacher_residual=teacher_residual,
        misalignment=teacher_residual * draw(st.floats(0, 1)),
        unseen_signal=draw(st.floats(0, 1)) if partial else 0.0,
    )


@pytest.mark.parametrize("sizes", FIXTURES)
def test_the_fixtures_come_out(sizes: tuple[float, ...]) -> None:
    *errors, pgr, opr = FIXTURES[sizes]
    total = expected_errors(config_of(sizes)).total
    got = [total.teacher, total.baseline, total.ceiling, total.student_fresh, total.student_in_sample]
    assert got == pytest.approx(errors, abs=5e-7)  # fixtures have six digits
    assert (total.pgr, total.opr) == pytest.approx((pgr, opr), abs=5e-5)  # and these four


def test_without_overlap_the_pool_removes_all_of_the_teachers_variance() -> None:
    total = expected_errors(replace(BASE, correlation_dimension=0, N=10**9)).total
    assert total.student_fresh < 1e-7 * total.teacher
    assert total.pgr == pytest.approx(1, abs=1e-6)


def test_a_student_in_the_same_space_repeats_its_teacher() -> None:
    found = expected_errors(replace(BASE, d_student=60, correlation_dimension=60))
    assert found.total.student_fresh == found.total.student_in_sample == found.total.teacher
    assert found.total.pgr == 0


def test_with_an_endless_pool_the_shared_directions_remain() -> None:
    total = expected_errors(replace(BASE, N=10**12)).total
    assert total.student_fresh == pytest.approx(0.25 * 5 / (110 - 61), rel=1e-9)
    assert total.student_in_sample == pytest.approx(total.student_fresh, rel=1e-9)


def test_a_student_with_a_pool_as_large_as_its_dimension_would_copy_its_teacher_there() -> None:
    # N = d_s + 2 is the smallest pool allowed; large d makes the distance from N = d_s vanish
    d = 10**7
    config = IntrinsicDimension(
        d_student=d,
        d_teacher=60,
        correlation_dimension=5,
        n=110,
        N=d + 2,
        noise_variance=0.25,
        teacher_residual=0.3,
        misalignment=0.1,
        unseen_signal=0.2,
    )
    total = expected_errors(config).total
    assert total.student_in_sample == pytest.approx(total.teacher, rel=1e-5)


@given(config=pairs())
def test_errors_fall_with_labels_and_pool_and_rise_with_overlap_and_noise(config: IntrinsicDimension) -> None:
    here = expected_errors(config).total.student_fresh
    slack = 1e-12 * here  # rounding
    assert expected_errors(replace(config, n=config.n + 1)).total.student_fresh <= here + slack
    assert expected_errors(replace(config, N=config.N + 1)).total.student_fresh <= here + slack
    assert expected_errors(replace(config, noise_variance=2 * config.noise_variance)).total.student_fresh > here
    less = replace(config, correlation_dimension=config.correlation_dimension / 2)
    if 2 * config.d_student + 1 < config.N:  # else fitting noise costs more than inheriting it
        assert expected_errors(less).total.student_fresh <= here + slack


@given(config=pairs())
def test_total_is_variance_plus_bias_and_noise_scales_the_variance(config: IntrinsicDimension) -> None:
    found, louder = expected_errors(config), expected_errors(replace(config, noise_variance=3 * config.noise_variance))
    for name, value in found.total.to_dict().items():
        if hasattr(found.variance, name) and name not in {"pgr", "pgr_unlabeled", "opr"}:
            assert value == pytest.approx(getattr(found.variance, name) + getattr(found.bias, name))
            assert getattr(louder.variance, name) == pytest.approx(3 * getattr(found.variance, name))
            assert getattr(louder.bias, name) == getattr(found.bias, name)


def biased(n: int, *, noise: float = 0.25) -> IntrinsicDimension:
    """Return a pair whose teacher misses something that the student could learn."""
    return replace(BASE, n=n, N=10_000, noise_variance=noise, teacher_residual=0.002, misalignment=0.001)


def test_with_bias_opr_has_an_interior_maximum_in_n() -> None:
    sizes = [70, 110, 200, 400, 1000, 4000, 16000]
    oprs = [expected_errors(biased(n)).total.opr for n in sizes]
    best = max(range(len(sizes)), key=oprs.__getitem__)
    assert 0 < best < len(sizes) - 1
    assert max(oprs) > 1 > oprs[-1]


def test_label_noise_raises_pgr_where_the_teacher_is_biased() -> None:
    pgrs = [expected_errors(biased(2000, noise=noise)).total.pgr for noise in (0.0, 0.1, 0.3, 1.0)]
    assert pgrs == sorted(pgrs)
    assert pgrs[-1] - pgrs[0] > 0.2


def test_pgr_exceeds_1_where_the_teacher_filters_more_noise_than_the_student_inherits() -> None:
    # pool as ceiling: d_st (1 - q) < q (n - 2 d_t - 1), already at n much smaller than N without overlap
    apart = replace(BASE, correlation_dimension=0, N=10_000)
    assert expected_errors(replace(apart, n=122)).total.pgr_unlabeled > 1
    assert expected_errors(replace(apart, n=121)).total.pgr_unlabeled == pytest.approx(1)
    assert expected_errors(replace(apart, n=125)).total.pgr > 1
    # with overlap it takes n of the order of N d_st / d_s
    assert expected_errors(replace(BASE, N=10_000, n=1000)).total.pgr_unlabeled < 1
    assert expected_errors(replace(BASE, N=10_000, n=4000)).total.pgr_unlabeled > 1


def test_no_baseline_without_rows_for_it() -> None:
    found = expected_errors(replace(BASE, d_student=200, n=100))
    assert math.isnan(found.total.baseline)
    assert math.isnan(found.total.opr)
    assert any("baseline and OPR are undefined" in note for note in found.notes)


def test_a_note_says_when_too_few_rows_are_spare() -> None:
    assert any("teacher" in note and "9 rows" in note for note in expected_errors(replace(BASE, n=69)).notes)
    assert not expected_errors(replace(BASE, n=70)).notes


def test_no_gap_no_pgr() -> None:
    total = expected_errors(replace(BASE, d_student=200, N=300, n=2000, correlation_dimension=60)).total
    assert total.ceiling_unlabeled > total.teacher
    assert math.isnan(total.pgr_unlabeled)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": 61}, "`n` must be at least `d_teacher` + 2 = 62"),
        ({"N": 21}, "`N` must be at least `d_student` + 2 = 22"),
        ({"correlation_dimension": 21}, "between 0 and the smaller dimension, 20"),
        ({"correlation_dimension": math.nan}, "between 0 and the smaller dimension"),
        ({"d_teacher": 0}, "`d_teacher` must be at least 1"),
        ({"noise_variance": -0.1}, "`noise_variance` must be finite and at least 0"),
        ({"noise_variance": math.nan}, "`noise_variance` must be finite"),
        ({"misalignment": 0.1}, "`misalignment` must be at most `teacher_residual`"),
        ({"correlation_dimension": 20, "teacher_residual": 1, "misalignment": 0.1}, "lies inside the teacher's"),
        ({"d_teacher": 20, "correlation_dimension": 20, "unseen_signal": 0.1}, "lies inside the student's"),
        ({"teacher_residual": 0.1, "student_residual": 0.2}, "`student_residual` must be 0.1 "),
        ({"teacher_residual": 0.1, "unseen_signal": 0.1, "student_residual": 0.3}, "`student_residual` must be 0.2 "),
        (
            {"teacher_residual": 0.2, "misalignment": 0.1, "unseen_signal": 0.1, "student_residual": 0.5},
            "`student_residual` must be between 0 and 0.4",
        ),
    ],
)
def test_what_no_pair_has_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("+", r"\+")):
        replace(BASE, **changes)
