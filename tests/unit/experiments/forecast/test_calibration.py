"""The calibrated models of the label against general optimizers, and influences against refits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression, Ridge

from w2s_probe.experiments.forecast.calibration import EVIDENCE, STRONG, WEAK, ChoiceModel, fit_choice, fit_line
from w2s_probe.experiments.forecast.pool_sums import PoolSums, Smooth

Array = NDArray[np.float64]


def choices(n: int, K: int, P: int, *, seed: int = 0) -> tuple[list[Array], Array]:
    """Return scores of P systems around one truth, and one-hot labels drawn from their mean."""
    rng = np.random.default_rng(seed)
    core = rng.standard_normal((n, K))
    scores = [0.2 * (j + 1) * (core + rng.standard_normal((n, K))) for j in range(P)]
    drawn = (softmax(3 * core, axis=1).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return scores, np.eye(K)[drawn]


def numbers(n: int, P: int, *, seed: int = 0) -> tuple[list[Array], Array]:
    rng = np.random.default_rng(seed)
    core = rng.standard_normal((n, 1))
    scores = [7 + core + 0.5 * rng.standard_normal((n, 1)) for _ in range(P)]
    return scores, 7 + core + 0.3 * rng.standard_normal((n, 1))


def scaled(scores: list[Array]) -> Array:
    """Return scores of unit spread around each row's mean, shape (n, K, P)."""
    return np.stack([S / np.sqrt(((S - S.mean(axis=1, keepdims=True)) ** 2).mean()) for S in scores], axis=2)


def best(F: Array, Y: Array, w: Array, precision: float) -> Array:
    """Return the maximum of the weighted posterior by a general optimizer."""

    def loss(beta: Array) -> float:
        return float(precision / 2 * beta @ beta - (w[:, None] * Y * log_softmax(F @ beta, axis=1)).sum())

    return np.asarray(minimize(loss, np.zeros(F.shape[2]), method="BFGS", options={"gtol": 1e-8}).x)


def expectation(model: ChoiceModel, pool: list[Array], values: Array) -> Smooth:
    """Return the expectation of one quantity over the pool, of which the model has all rows in one block."""
    sums = PoolSums([model])
    sums.add(pool, [values])
    return sums.smooth([1.0])


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 60),
    K=st.integers(2, 7),
    P=st.integers(1, 3),
    spread=st.sampled_from([1e-3, 1.0, 30.0]),
)
def test_choice_coefficients_are_the_posteriors_maximum(seed: int, n: int, K: int, P: int, spread: float) -> None:
    scores, Y = choices(n, K, P, seed=seed)
    scores[0] = spread * scores[0] ** 3  # heavy tails
    model, F = fit_choice(scores, Y), scaled(scores)
    slope = np.einsum("nk,nkp->p", Y - softmax(F @ model.beta, axis=1), F) - model.precision * model.beta
    np.testing.assert_allclose(slope, 0, atol=1e-6 * np.abs(F).sum())


def test_choice_coefficients_equal_a_general_optimizers() -> None:
    scores, Y = choices(80, 4, 3)
    model = fit_choice(scores, Y)
    np.testing.assert_allclose(model.beta, best(scaled(scores), Y, np.ones(80), model.precision), atol=1e-5)


def test_the_priors_precision_is_a_share_of_the_evidences() -> None:
    scores, Y = choices(200, 3, 2)
    model, F = fit_choice(scores, Y), scaled(scores)
    p = softmax(F @ model.beta, axis=1)
    information = sum(f.T @ (np.diag(q) - np.outer(q, q)) @ f for f, q in zip(F, p, strict=True))
    determined = np.trace(information @ np.linalg.inv(information + model.precision * np.eye(2)))
    assert WEAK < model.precision < STRONG
    assert model.precision == pytest.approx(EVIDENCE * determined / (model.beta @ model.beta), rel=1e-6)


def test_the_prior_is_strong_where_scores_say_nothing_and_weak_where_they_say_all() -> None:
    scores, Y = choices(200, 3, 2)
    idle = [np.random.default_rng(9 + j).standard_normal(S.shape) for j, S in enumerate(scores)]
    assert fit_choice(idle, Y).precision == STRONG
    assert fit_choice([Y, 1 - Y], Y).precision == WEAK


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 60), K=st.integers(2, 5), power=st.integers(0, 4))
def test_the_priors_precision_stays_within_its_bounds(seed: int, n: int, K: int, power: int) -> None:
    scores, Y = choices(n, K, 2, seed=seed)
    mixed = [(4 - power) / 4 * S + power / 4 * 3 * Y for S in scores]  # from noise to the labels themselves
    assert 0.04 <= fit_choice(mixed, Y).precision <= 3.0


def test_the_bounds_are_those_that_were_fixed_on_the_development_data() -> None:
    assert (WEAK, STRONG, EVIDENCE) == (0.04, 3.0, 0.3)


def test_two_classes_are_a_logistic_regression_without_an_intercept() -> None:
    scores, Y = choices(120, 2, 3)
    model, F = fit_choice(scores, Y), scaled(scores)
    peer = LogisticRegression(C=1 / model.precision, fit_intercept=False, tol=1e-10).fit(F[:, 1] - F[:, 0], Y[:, 1])
    np.testing.assert_allclose(model.beta, peer.coef_[0], atol=1e-5)


def test_scores_that_separate_the_classes_give_finite_coefficients() -> None:
    Y = np.eye(3)[np.arange(30) % 3]
    model = fit_choice([Y, Y], Y)  # two systems that are the same, and always right
    assert np.isfinite(model.beta).all()
    assert model.beta[0] == pytest.approx(model.beta[1])
    found = expectation(model, [Y, Y], Y)
    assert found.mean > 0.97
    assert np.abs(found.influence).max() < 1e-2


def test_scores_without_spread_leave_all_classes_alike() -> None:
    flat = np.full((20, 4), 0.25)
    Y = np.eye(4)[np.arange(20) % 4]
    found = expectation(fit_choice([flat], Y), [flat], Y)
    assert (found.mean, found.sampled) == pytest.approx((0.25, 0))
    np.testing.assert_allclose(found.influence, 0)


@pytest.mark.parametrize("K", [2, 5])
def test_a_rows_influence_is_the_derivative_by_its_weight(K: int) -> None:
    scores, Y = choices(50, K, 2)
    model, F = fit_choice(scores, Y), scaled(scores)
    step = 1e-2
    for row in (0, 17, 49):
        shift = step * (np.arange(50) == row)
        moved = (best(F, Y, 1 + shift, model.precision) - best(F, Y, 1 - shift, model.precision)) / (2 * step)
        np.testing.assert_allclose(model.influence[row], moved, atol=1e-4)


def test_influences_are_what_leaving_a_row_out_does_to_first_order() -> None:
    scores, Y = choices(400, 3, 2)
    model, F = fit_choice(scores, Y), scaled(scores)
    moved = []
    for row in range(40):
        rest = np.arange(400) != row
        moved.append(model.beta - best(F, Y, rest.astype(np.float64), model.precision))
    # the second order is the row's leverage, here about 1 / 400 and at most a few per cent
    np.testing.assert_allclose(model.influence[:40], moved, atol=0.05 * np.abs(moved).max())


@pytest.mark.parametrize("K", [2, 4])
def test_expectations_and_their_influences_are_direct_sums(K: int) -> None:
    scores, Y = choices(60, K, 3)
    pool, _ = choices(25, K, 3, seed=1)
    values = np.random.default_rng(2).standard_normal((25, K))
    model = fit_choice(scores, Y)

    def mean(beta: Array) -> float:
        utilities = sum(b * S / s for b, S, s in zip(beta, pool, model.scale, strict=True))
        return float(np.mean([softmax(u) @ v for u, v in zip(utilities, values, strict=True)]))

    found = expectation(model, pool, values)
    assert found.mean == pytest.approx(mean(model.beta), abs=1e-12)
    slopes = [(mean(model.beta + h) - mean(model.beta - h)) / 2e-5 for h in 1e-5 * np.eye(3)]
    np.testing.assert_allclose(found.influence, model.influence @ slopes, atol=1e-8)


def weighted_line(scores: list[Array], Y: Array, w: Array) -> Ridge:
    F = np.column_stack([S / S.std() for S in scores])
    return Ridge(alpha=WEAK).fit(F, Y[:, 0], sample_weight=w)


def test_the_line_is_a_ridge_regression_on_scaled_scores() -> None:
    scores, Y = numbers(70, 2)
    peer = weighted_line(scores, Y, np.ones(70))
    model = fit_line(scores, Y)
    np.testing.assert_allclose(model.beta, [peer.intercept_, *peer.coef_], atol=1e-8)


def expected_square(scores: list[Array], Y: Array, w: Array, pool: list[Array]) -> float:
    """Return the expected squared error of the pool's first scores, directly."""
    peer = weighted_line(scores, Y, w)
    inside = np.column_stack([S / S.std() for S in scores])
    outside = np.column_stack([Q / S.std() for Q, S in zip(pool, scores, strict=True)])
    noise = np.average((Y[:, 0] - peer.predict(inside)) ** 2, weights=w)
    return float(((pool[0][:, 0] - peer.predict(outside)) ** 2).mean() + noise)


def squares(f: Array) -> Array:
    return np.column_stack([f**2, -2 * f, np.ones(len(f))])


def test_an_expected_squared_error_and_its_influences_are_direct() -> None:
    scores, Y = numbers(70, 2)
    pool, _ = numbers(40, 2, seed=1)
    found = expectation(fit_line(scores, Y), pool, squares(pool[0]))
    assert found.mean == pytest.approx(expected_square(scores, Y, np.ones(70), pool), abs=1e-9)
    for row in (0, 33, 69):
        h = 1e-4 * (np.arange(70) == row)
        moved = [expected_square(scores, Y, w, pool) for w in (1 + h, 1 - h)]
        # the spread that scales the scores, and with it the prior, is held: 1e-4 of the influence
        assert found.influence[row] == pytest.approx((moved[0] - moved[1]) / 2e-4, abs=1e-6)


def test_an_expected_squared_error_does_not_depend_on_where_zero_is() -> None:
    scores, Y = numbers(70, 2)
    pool, _ = numbers(40, 2, seed=1)

    def found(shift: float) -> tuple[float, Array]:
        model: ChoiceModel = fit_line([S + shift for S in scores], Y + shift)
        smooth = expectation(model, [Q + shift for Q in pool], squares(pool[0] + shift))
        return smooth.mean, smooth.influence

    here, there = found(0.0), found(1000.0)
    assert there[0] == pytest.approx(here[0], rel=1e-6)
    np.testing.assert_allclose(there[1], here[1], atol=1e-6)
