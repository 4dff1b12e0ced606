"""The fixed point against the same equations on sampled rows, against limits, and over grids."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from scipy.stats import chi2, norm, qmc

from tests.unit.theory.spurious.models import APART, SHARED, model_of, models, orthonormal
from w2s_probe.core.errors import ConfigError
from w2s_probe.theory import SpuriousModel, fixed_point_risks, general_risks, published_risks, spurious_risks
from w2s_probe.theory.spurious.fractions import best_pools
from w2s_probe.theory.spurious.quadrature import _chi_square, _hermite

Float = NDArray[np.float64]


def sampled(model: SpuriousModel, eta: float, *, log2: int = 14) -> tuple[Float, Float]:
    """Return w and psi of evenly spread rows, nothing counted from a mean, nothing turned."""
    uniform = qmc.Sobol(len(model.T) + 1, seed=0).random_base2(log2)
    group = np.full(len(uniform), eta) if model.law == "gaussian" else (uniform[:, 0] < eta).astype(float)
    xi = np.outer(group, model.mu) + model.sigma * norm.ppf(uniform[:, 1:])
    one = np.ones((len(xi), 1))
    return np.hstack([one, xi @ model.T]), np.hstack([one, xi @ model.S])


def by_rows(model: SpuriousModel) -> tuple[float, float]:
    """Solve the equations by plain iteration with means over the sampled rows."""
    w_l, _ = sampled(model, model.eta_labeled)
    w, psi = sampled(model, model.eta_unlabeled)
    w_t, psi_t = sampled(model, model.eta_test)
    C_t, S_t = w_t.T @ w_t / len(w_t), psi_t.T @ psi_t / len(psi_t)

    def solve(x: Float, rate: float) -> Float:
        G = np.linalg.inv(x.T @ x / len(x))
        for _ in range(60):
            G = np.linalg.inv((x / (1 + rate * ((x @ G) * x).sum(1))[:, None]).T @ x / len(x))
        return np.asarray(G)

    G, H = solve(w_l, model.gamma), solve(psi, model.nu)
    omega = 1 / (1 + model.nu * ((psi @ H) * psi).sum(1))
    weighted = psi * omega[:, None]
    M = np.linalg.solve(weighted.T @ psi, weighted.T @ w)
    r = w - psi @ M
    noise, V = ((r @ G) * r).sum(1), np.zeros_like(H)
    for _ in range(60):
        own = model.nu * ((psi @ V) * psi).sum(1)
        V = H @ ((psi * (omega**2 * (noise + own))[:, None]).T @ psi / len(psi)) @ H
    scale = model.noise_variance * model.gamma
    return scale * float(np.trace(C_t @ G)), scale * float(np.trace(S_t @ M @ G @ M.T) + model.nu * np.trace(S_t @ V))


def solved(model: SpuriousModel) -> tuple[float, float]:
    found = fixed_point_risks(model, eta_labeled=[model.eta_labeled], eta_unlabeled=[model.eta_unlabeled])
    return float(found.teacher[0]), float(found.student[0, 0])


@pytest.mark.parametrize("law", ["gaussian", "mixture"])
@pytest.mark.parametrize("S", [APART, SHARED])
def test_two_sums_give_what_sampled_rows_give(law: str, S: Float) -> None:
    model = model_of(S, (0.1, 0.3, 0.5), law=law, gamma=0.1, nu=0.15, sigma=1.5)
    assert solved(model) == pytest.approx(by_rows(model), rel=5e-3)  # of 2^14 Sobol points


def test_directions_at_any_angle_too() -> None:
    rng = np.random.default_rng(3)
    T, S = orthonormal(rng, 6, 4), orthonormal(rng, 6, 3)
    model = model_of(S, (0.2, 0.4, 0.3), T=T, mu=rng.standard_normal(6), law="mixture", gamma=0.08, nu=0.1)
    assert solved(model) == pytest.approx(by_rows(model), rel=5e-3)


@pytest.mark.parametrize("law", ["gaussian", "mixture"])
def test_small_gamma_and_nu_leave_the_second_moments(law: str) -> None:
    # nu far below gamma: of its order, second moments are right for one cloud only
    model = model_of(SHARED, (0.2, 0.4, 0.3), law=law, gamma=1e-6, nu=1e-9)
    general = general_risks(model)
    assert solved(model) == pytest.approx((general.teacher, general.student), rel=1e-4)


def test_the_pools_term_of_two_groups_is_more_than_second_moments_say() -> None:
    model = model_of(APART, (0.3, 0.05, 0.5), law="mixture", gamma=1e-7, mu=np.array([6.0, 0, 3, 3, 0, 0]))
    small, none = (np.array(solved(replace(model, nu=nu)))[1] for nu in (1e-5, 0.0))
    by_moments, without = (general_risks(replace(model, nu=nu)).student for nu in (1e-5, 0.0))
    assert none == pytest.approx(without, rel=1e-5)
    assert abs((small - none) / (by_moments - without) - 1) > 0.01
    rows = (by_rows(replace(model, nu=1e-5))[1] - by_rows(replace(model, nu=0.0))[1]) / (small - none)
    assert rows == pytest.approx(1, rel=5e-3)


def test_without_groups_and_many_directions_it_is_the_error_of_isotropic_features() -> None:
    # no distance: rows z (x) w with w of constant length in the limit of many directions, so d / (n - d)
    T = np.eye(400)
    model = model_of(T, (0.0, 0.0, 0.0), T=T, mu=np.zeros(400), gamma=0.5 / 401, nu=0.1 / 401)
    teacher, student = solved(model)
    assert teacher == pytest.approx(0.5 / (1 - 0.5), rel=0.02)
    assert student == pytest.approx(teacher, rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(model=models(most=0.8))
def test_it_converges_and_says_how_far(model: SpuriousModel) -> None:
    found = fixed_point_risks(model, eta_labeled=[model.eta_labeled], eta_unlabeled=[model.eta_unlabeled])
    assert found.converged
    assert found.accuracy <= 1e-7


def test_it_says_when_it_has_not_converged() -> None:
    found = fixed_point_risks(model_of(APART, (0.1, 0.1, 0.5), gamma=0.24999), eta_labeled=[0.1], eta_unlabeled=[0.1])
    assert not found.converged
    assert 1e-7 < found.accuracy < 1


@pytest.mark.parametrize("law", ["gaussian", "mixture"])
def test_groups_very_far_apart_lose_no_digits(law: str) -> None:
    model = model_of(APART, (0.1, 0.3, 0.5), law=law, gamma=0.05, nu=0.05)
    far, further = (replace(model, mu=size * model.mu) for size in (1e3, 1e4))
    if law == "gaussian":  # risks grow with the square of the distance
        assert np.array(solved(further)) / solved(far) == pytest.approx([100, 100], rel=1e-4)
    else:  # and have a limit
        assert solved(further) == pytest.approx(solved(far), rel=2e-3)


def test_quadratures_have_the_moments_of_their_laws() -> None:
    points, weights = _hermite(24)
    assert [float(weights @ points**k) for k in range(7)] == pytest.approx([1, 0, 1, 0, 3, 0, 15], abs=1e-10)
    for freedom in (1, 2, 5, 1000):
        points, weights = _chi_square(freedom, 24)
        found = [float(weights @ points**k) for k in range(5)]
        assert found == pytest.approx([chi2.moment(k, freedom) for k in range(5)], rel=1e-10)
    assert _chi_square(0, 24)[0].tolist() == [0.0]


@pytest.mark.parametrize("form", ["published", "general", "fixed_point"])
def test_a_grid_holds_what_single_models_give(form: str) -> None:
    model = model_of(SHARED, (0.2, 0.4, 0.3), law="mixture", gamma=0.05, nu=0.02)
    grid = spurious_risks(model, eta_labeled=[0.05, 0.5], eta_unlabeled=[0.0, 0.1, 0.3], form=form)  # type: ignore[arg-type]
    assert grid.gain.shape == (2, 3)
    for i, labeled in enumerate(grid.eta_labeled):
        for j, pool in enumerate(grid.eta_unlabeled):
            there = replace(model, eta_labeled=float(labeled), eta_unlabeled=float(pool))
            closed = {"published": published_risks, "general": general_risks}
            if form in closed:
                one = closed[form](there)
                expected = (one.teacher, one.student)
            else:
                expected = solved(there)
            assert (grid.teacher[i, j], grid.student[i, j]) == pytest.approx(expected, rel=1e-7)
            assert grid.gain[i, j] == grid.teacher[i, j] - grid.student[i, j]


@pytest.mark.parametrize("law", ["gaussian", "mixture"])
def test_the_best_pool_is_the_least_of_a_fine_grid(law: str) -> None:
    model = model_of(SHARED, (0.2, 0.4, 0.3), law=law, gamma=0.05, nu=0.05)
    best = best_pools(model, nodes=48)
    etas = np.linspace(0, 0.5, 101)
    for form in ("published", "general", "fixed_point"):
        risks = spurious_risks(model, eta_labeled=[0.2], eta_unlabeled=etas, form=form).student[0]
        assert best[form].eta_unlabeled == pytest.approx(etas[risks.argmin()], abs=0.01)
        assert best[form].student <= risks.min() * (1 + 1e-9)


def test_one_published_best_pool_misleads_where_there_are_two_groups() -> None:
    found = best_pools(model_of(SHARED, (0.2, 0.4, 0.3), law="mixture"), nodes=48)
    assert found["published"].eta_unlabeled == pytest.approx(0.14)
    assert found["fixed_point"].eta_unlabeled == 0


def test_no_pool_is_best_where_nothing_moves() -> None:
    model = model_of(APART, (0.2, 0.4, 0.3), mu=np.zeros(6))
    assert all(math.isnan(best.eta_unlabeled) for best in best_pools(model, nodes=24).values())


def test_a_wrong_grid_is_refused() -> None:
    model = model_of(APART, (0.2, 0.4, 0.3))
    with pytest.raises(ConfigError, match=r"`eta_unlabeled` must be one axis of fractions between 0 and 1: got 1\.2"):
        spurious_risks(model, eta_labeled=[0.1], eta_unlabeled=[0.1, 1.2])
    with pytest.raises(ConfigError, match=r"got shape \(1, 2\)"):
        spurious_risks(model, eta_labeled=[[0.1, 0.2]], eta_unlabeled=[0.1])
    with pytest.raises(ConfigError, match="form of the risks must be published"):
        spurious_risks(model, eta_labeled=[0.1], eta_unlabeled=[0.1], form="paper")  # type: ignore[arg-type]
