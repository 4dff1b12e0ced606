"""Closed forms against least squares on drawn features, and the draws against explicit rows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.theory.variance.test_intrinsic_dimension import BASE, FIXTURES, config_of
from w2s_probe.core.errors import ConfigError
from w2s_probe.theory import IntrinsicDimension, expected_errors, simulate_errors
from w2s_probe.theory.variance.simulation import _triangle

SMALL = IntrinsicDimension(d_student=12, d_teacher=8, correlation_dimension=3.3, n=40, N=40, noise_variance=0.3)
BIASED = {
    "orthogonal": replace(SMALL, teacher_residual=0.5, misalignment=0.3, unseen_signal=0.4),
    "student misses more": replace(
        SMALL, teacher_residual=0.5, misalignment=0.3, unseen_signal=0.4, student_residual=0.9
    ),
    "student misses less": replace(
        SMALL, teacher_residual=0.5, misalignment=0.3, unseen_signal=0.4, student_residual=0.25
    ),
    "teacher inside student": replace(SMALL, correlation_dimension=8, teacher_residual=0.5, misalignment=0.4),
    "student inside teacher": replace(SMALL, d_student=8, d_teacher=12, correlation_dimension=8, unseen_signal=0.4),
    "pool smaller than both spaces": replace(SMALL, N=16, teacher_residual=0.5, misalignment=0.3, unseen_signal=0.4),
}


def distances(config: IntrinsicDimension, *, trials: int, seed: int = 0) -> dict[str, float]:
    """Return how many standard errors every simulated number is from its closed form."""
    expected = expected_errors(config).total.to_dict()
    found = simulate_errors(config, trials=trials, rng=np.random.default_rng(seed))
    return {
        name: abs(found[name].value - value) / found[name].se
        for name, value in expected.items()
        if not math.isnan(value) and abs(found[name].value - value) > 1e-9  # a PGR of exactly 0 has no spread
    }


@pytest.mark.parametrize("sizes", FIXTURES)
def test_every_simulated_number_lies_within_4_standard_errors(sizes: tuple[float, ...]) -> None:
    far = distances(config_of(sizes), trials=400)
    assert len(far) == 9
    assert max(far.values()) < 4, far


@pytest.mark.statistical
@pytest.mark.parametrize("case", BIASED)
def test_biases_too(case: str) -> None:
    config = BIASED[case]
    far = distances(config, trials=4000)
    # a ratio whose gap is near 0 has no use for a jackknife
    errors = {name: value for name, value in far.items() if not name.startswith("pgr")}
    assert max(errors.values()) < 4, errors


def test_pgr_exceeds_1_at_few_labels_in_simulations_too() -> None:
    config = replace(BASE, correlation_dimension=0, n=300, N=10_000)
    found = simulate_errors(config, trials=200, rng=np.random.default_rng(0))
    for name in ("pgr", "pgr_unlabeled"):
        assert found[name].value - 4 * found[name].se > 1


@pytest.mark.statistical
def test_standard_errors_are_those_of_repeated_simulations() -> None:
    runs = [simulate_errors(BASE, trials=60, rng=np.random.default_rng(seed)) for seed in range(100)]
    for name in ("teacher", "student_fresh", "pgr", "opr"):
        spread = np.std([run[name].value for run in runs], ddof=1)
        stated = np.mean([run[name].se for run in runs])
        assert stated == pytest.approx(spread, rel=0.35)  # a deviation of 100 runs is known to 7 %: five of those


def test_a_triangle_has_the_gram_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    for rows, columns in ((9, 4), (3, 6)):
        grams = [R.T @ R for R in (_triangle(rows, columns, rng) for _ in range(20_000))]
        assert np.mean(grams, axis=0) == pytest.approx(rows * np.eye(columns), abs=0.2)  # 5 s.e. of a diagonal entry
        # a Wishart entry's variance: rows off the diagonal, 2 rows on it
        assert np.var(grams, axis=0) == pytest.approx(rows * (np.ones((columns, columns)) + np.eye(columns)), rel=0.15)


def test_a_seed_decides_everything() -> None:
    first, again, other = (simulate_errors(BASE, trials=5, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_baseline_without_rows_is_undefined() -> None:
    found = simulate_errors(replace(BASE, d_student=200, n=100, N=500), trials=3, rng=np.random.default_rng(0))
    assert math.isnan(found["opr"].value)
    assert math.isnan(found["opr"].se)


def test_a_truth_that_does_not_fit_beside_the_overlap_is_refused() -> None:
    config = replace(SMALL, correlation_dimension=7.9, unseen_signal=0.1)
    with pytest.raises(ConfigError, match="to simulate this `misalignment`"):
        simulate_errors(config, trials=3, rng=np.random.default_rng(0))


def test_one_trial_has_no_standard_error() -> None:
    with pytest.raises(ConfigError, match="at least 2: got 1"):
        simulate_errors(SMALL, trials=1, rng=np.random.default_rng(0))
