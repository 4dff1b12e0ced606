"""Drawn rows against heads fitted one by one, and the fixed point against drawn rows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.theory.spurious.models import APART, EYE, SHARED, model_of
from w2s_probe.core.errors import ConfigError
from w2s_probe.theory import SpuriousModel, fixed_point_risks, general_risks, simulate_risks, simulated_sizes

Float = NDArray[np.float64]
CASES = {
    "pool and labels alike": (APART, (0.1, 0.1, 0.5)),
    "labels as test": (APART, (0.5, 0.1, 0.5)),
    "shared directions": (SHARED, (0.2, 0.4, 0.3)),
}


def distances(model: SpuriousModel, *, core_dimension: int, trials: int) -> dict[str, float]:
    """Return how far the fixed point is from its simulation, as a share of what is allowed."""
    fixed = fixed_point_risks(model, eta_labeled=[model.eta_labeled], eta_unlabeled=[model.eta_unlabeled])
    expected = {"teacher": float(fixed.teacher[0]), "student": float(fixed.student[0, 0])}
    found = simulate_risks(model, core_dimension=core_dimension, trials=trials, rng=np.random.default_rng(0))
    return {
        who: abs(found[who].value - value) / max(4 * found[who].se, 2 / core_dimension * found[who].value)
        for who, value in expected.items()
    }


@pytest.mark.parametrize("law", ["gaussian", "mixture"])
def test_the_fixed_point_is_near_its_simulation_where_small_gamma_is_far(law: str) -> None:
    model = model_of(SHARED, (0.2, 0.4, 0.3), law=law, gamma=0.05, nu=0.05)
    far = distances(model, core_dimension=40, trials=6)
    assert max(far.values()) < 1, far
    measured = simulate_risks(model, core_dimension=40, trials=6, rng=np.random.default_rng(0))
    assert measured["teacher"].value > 1.3 * general_risks(model).teacher


@pytest.mark.statistical
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("law", ["gaussian", "mixture"])
@pytest.mark.parametrize("nu", [0.0025, 0.05])
def test_the_fixed_point_agrees_at_core_dimension_40_and_more(case: str, law: str, nu: float) -> None:
    S, etas = CASES[case]
    model = model_of(S, etas, law=law, gamma=0.05, nu=nu)
    for core_dimension, trials in ((40, 20), (80, 6)):
        far = distances(model, core_dimension=core_dimension, trials=trials)
        assert max(far.values()) < 1, (core_dimension, far)


@pytest.mark.statistical
def test_what_is_left_shrinks_with_the_core_dimension() -> None:
    model = model_of(SHARED, (0.2, 0.4, 0.3), law="mixture", gamma=0.05, nu=0.05)
    fixed = float(fixed_point_risks(model, eta_labeled=[0.2], eta_unlabeled=[0.4]).student[0, 0])
    left = {
        d: simulate_risks(model, core_dimension=d, trials=trials, rng=np.random.default_rng(1))["student"].value / fixed
        - 1
        for d, trials in ((10, 800), (40, 100))
    }
    assert left[10] > 2 * left[40] > 0  # about 1 / d: a factor of four


def fitted_risks(model: SpuriousModel, d: int, rng: np.random.Generator) -> tuple[float, float]:
    """Fit teacher and student on noisy labels of a truth, and take their risks on the population."""
    n, N = round(d / model.gamma), round(d / model.nu)
    beta = rng.standard_normal(d)

    def rows(count: int, eta: float) -> tuple[Float, Float, Float]:
        z = rng.standard_normal((count, d))
        at = np.full(count, eta) if model.law == "gaussian" else (rng.random(count) < eta).astype(float)
        xi = np.outer(at, model.mu) + model.sigma * rng.standard_normal((count, len(model.mu)))
        one = np.ones((count, 1))
        w, psi = np.hstack([one, xi @ model.T]), np.hstack([one, xi @ model.S])
        return z, *(np.einsum("id,ik->idk", z, x).reshape(count, -1) for x in (w, psi))

    def risk(head: NDArray[np.floating], columns: NDArray[np.floating]) -> float:
        Delta = head.reshape(d, -1).copy()
        Delta[:, 0] -= beta
        mean, eta = columns.T @ model.mu, model.eta_test
        second = np.eye(Delta.shape[1]) * model.sigma**2
        second[0, 0] = 1.0
        second[0, 1:] = second[1:, 0] = eta * mean
        second[1:, 1:] += (eta**2 if model.law == "gaussian" else eta) * np.outer(mean, mean)
        return float(np.einsum("dk,kl,dl->", Delta, second, Delta))

    z, w_l, _ = rows(n, model.eta_labeled)
    y = z @ beta + math.sqrt(model.noise_variance) * rng.standard_normal(n)
    teacher = np.linalg.lstsq(w_l, y)[0]
    _, w_u, psi_u = rows(N, model.eta_unlabeled)
    student = np.linalg.lstsq(psi_u, w_u @ teacher)[0]
    return risk(teacher, model.T), risk(student, model.S)


@pytest.mark.parametrize("law", ["gaussian", "mixture"])
def test_it_measures_what_fitted_heads_do(law: str) -> None:
    S = np.stack([EYE[0] + EYE[3]], axis=1) / np.sqrt(2)
    model = model_of(S, (0.2, 0.4, 0.7), T=EYE[:, :2], law=law, gamma=0.1, nu=0.2, noise_variance=0.5, sigma=0.7)
    rng = np.random.default_rng(0)
    fitted = np.array([fitted_risks(model, 4, rng) for _ in range(1200)])
    found = simulate_risks(model, core_dimension=4, trials=400, rng=rng)
    for who, risks in zip(("teacher", "student"), fitted.T, strict=True):
        error = math.hypot(found[who].se, risks.std() / math.sqrt(len(risks)))
        assert abs(risks.mean() - found[who].value) < 4 * error, who


def test_a_seed_decides_everything() -> None:
    model = model_of(APART, (0.1, 0.1, 0.5), gamma=0.05, nu=0.05)
    first, again, other = (
        simulate_risks(model, core_dimension=5, trials=3, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_sizes_are_refused_that_nothing_can_be_fitted_on() -> None:
    model = model_of(APART, (0.1, 0.1, 0.5))
    assert simulated_sizes(model, core_dimension=40).n == 4000
    for refused, core_dimension, said in (
        (replace(model, nu=0.0), 40, "`nu` must be above 0 for a simulation"),
        (replace(model, gamma=0.2499), 2, "at least 10 rows, 2 more than features: got 8"),
        (model, 0, "`core_dimension` must be at least 1"),
        (model, 2000, "at most 5,000 features"),
        (replace(model, nu=1e-9), 40, "and 40,000,000,000"),
    ):
        with pytest.raises(ConfigError, match=said):
            simulated_sizes(refused, core_dimension=core_dimension)
    with pytest.raises(ConfigError, match="at least 2: got 1"):
        simulate_risks(model, core_dimension=4, trials=1, rng=np.random.default_rng(0))
