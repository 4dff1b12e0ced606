"""The Bradley–Terry head against scikit-learn, duplicated pairs, swapped sides and the certificate of its minimum."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from w2s_probe.core.errors import ConfigError, ShapeError
from w2s_probe.core.fit_options import FitOptions, LossName
from w2s_probe.heads import LinearHead, fit_bradley_terry
from w2s_probe.heads.bradley_terry import bradley_terry_path
from w2s_probe.heads.fit import fit_head
from w2s_probe.heads.losses import get_loss
from w2s_probe.heads.softmax import SoftmaxFit

Array = NDArray[np.float64]
SHAPES = {"n > d": (300, 20), "n < d": (60, 150)}
STRENGTHS = [1e-4, 1.0, 1e3]


def pairs(shape: str, *, seed: int = 0, separable: bool = False) -> tuple[Array, NDArray[np.int64]]:
    """Return differences, whose mean is not 0, and whether the first side is preferred."""
    n, d = SHAPES[shape]
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((n, d)) * np.logspace(0, -2, d) + 0.5
    noise = 0.0 if separable else 1.0
    return D, (D @ rng.standard_normal(d) + noise * rng.standard_normal(n) > 0).astype(np.int64)


def rows(p: Array) -> Array:
    return np.stack([1 - p, p], axis=1)


def objective(D: Array, p: Array, theta: Array, alpha: float, weights: Array | None = None) -> float:
    w, margins = np.ones(len(D)) if weights is None else weights, D @ theta
    return float(w @ (np.logaddexp(0, margins) - p * margins) + alpha / 2 * theta @ theta)


def theta_of(head: LinearHead | SoftmaxFit) -> Array:
    return head.coef[:, 1] - head.coef[:, 0]


def scikit_learn(D: Array, y: NDArray[np.int64], alpha: float, weights: Array | None = None) -> Array:
    head = LogisticRegression(C=1 / alpha, fit_intercept=False, tol=1e-12, max_iter=100_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may stop on the way; the duality gap of ours is certain
        head.fit(D, y, sample_weight=weights)
    return np.asarray(head.coef_[0])


@pytest.mark.parametrize("alpha", STRENGTHS)
@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_hard_labels_equal_logistic_regression_without_intercept(shape: str, separable: bool, alpha: float) -> None:
    D, y = pairs(shape, separable=separable)
    (fit,) = bradley_terry_path(D, np.eye(2)[y], alphas=[alpha])
    ours, theirs = (objective(D, y.astype(float), theta, alpha) for theta in (theta_of(fit), scikit_learn(D, y, alpha)))
    assert ours == pytest.approx(fit.objective, rel=1e-10)  # the same sum in other coordinates
    assert fit.converged
    assert fit.gap <= 1e-8 * max(ours, 1.0)
    assert ours <= theirs * (1 + 1e-9)
    assert ours == pytest.approx(theirs, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0, 1), chosen=st.booleans())
@pytest.mark.parametrize("shape", SHAPES)
def test_swapped_sides_of_any_pairs_change_only_the_sign_of_predictions(
    shape: str, seed: int, share: float, chosen: bool
) -> None:
    rng = np.random.default_rng(seed)
    D, _ = pairs(shape, seed=seed)
    D[0] = 0  # identical sides
    P, w = rows(rng.random(len(D))), rng.random(len(D))
    swapped = rng.random(len(D)) < share
    turned = np.where(swapped[:, None], -D, D), np.where(swapped[:, None], P[:, ::-1], P)
    alpha = None if chosen else 0.3
    head = fit_bradley_terry(D, P, sample_weight=w, alpha=alpha)
    other = fit_bradley_terry(*turned, sample_weight=w, alpha=alpha)
    margins, others = (np.diff(h.scores(X), axis=1)[:, 0] for h, X in ((head, D), (other, turned[0])))
    assert other.alpha == head.alpha
    expected = np.where(swapped, -margins, margins)
    # fits get equal numbers; 1e-13 is the rounding of predictions with rows in another memory
    np.testing.assert_allclose(others, expected, rtol=0, atol=1e-13 * np.abs(margins).max())


def test_targets_computed_again_as_1_minus_p_change_no_prediction_by_1e_10() -> None:
    rng = np.random.default_rng(4)
    D, _ = pairs("n < d")
    p = rng.random(len(D)) ** 8  # 1 - p rounds small ones
    swapped = rng.random(len(D)) < 0.5
    head = fit_bradley_terry(D, rows(p))
    other = fit_bradley_terry(np.where(swapped[:, None], -D, D), rows(np.where(swapped, 1 - p, p)))
    margins = head.scores(D)
    np.testing.assert_allclose(other.scores(D), margins, rtol=0, atol=1e-10 * np.abs(margins).max())


def test_the_head_is_odd_and_its_scores_are_two_halves_of_the_margin() -> None:
    D, y = pairs("n > d")
    head = fit_bradley_terry(D, np.eye(2)[y])
    scores = head.scores(D)
    assert (head.kind, head.rule, head.converged) == ("softmax", "cv", True)
    assert not head.intercept.any()
    np.testing.assert_array_equal(head.scores(-D), scores[:, ::-1])
    np.testing.assert_array_equal(scores[:, 0], -scores[:, 1])
    np.testing.assert_allclose(head.probabilities(scores)[:, 1], expit(D @ theta_of(head)), rtol=1e-12)
    assert (scores.argmax(axis=1) == y).mean() > 0.8  # noise as large as the margins


def test_labels_of_one_value_are_learned_from_the_order_of_the_sides() -> None:
    D, y = pairs("n > d")
    ordered = np.where(y[:, None] == 1, D, -D)  # the preferred side is always first
    mixed, one = fit_bradley_terry(D, np.eye(2)[y]), fit_bradley_terry(ordered, np.eye(2)[np.ones(len(y), dtype=int)])
    np.testing.assert_array_equal(one.coef, mixed.coef)


def test_weights_of_two_equal_doubled_pairs() -> None:
    D, y = pairs("n > d")
    w = 1.0 + (np.arange(len(D)) % 3 == 0)
    doubled = np.concatenate([D, D[w == 2]]), np.eye(2)[np.concatenate([y, y[w == 2]])]
    (ours,) = bradley_terry_path(D, np.eye(2)[y], alphas=[0.5], sample_weight=w)
    (theirs,) = bradley_terry_path(*doubled, alphas=[0.5])
    assert ours.objective == pytest.approx(theirs.objective, rel=1e-12)
    np.testing.assert_allclose(ours.coef, theirs.coef, rtol=0, atol=1e-6 * np.abs(ours.coef).max())  # gap of 1e-13


def test_a_weight_of_0_leaves_a_pair_out() -> None:
    D, y = pairs("n < d")
    inside = np.arange(len(D)) % 3 > 0
    left_out = fit_bradley_terry(D, np.eye(2)[y], sample_weight=inside.astype(float))
    without = fit_bradley_terry(D[inside], np.eye(2)[y[inside]])
    np.testing.assert_array_equal(left_out.coef, without.coef)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_soft_target_equals_both_directions_weighted_p_and_1_minus_p(shape: str) -> None:
    D, _ = pairs(shape)
    p = np.random.default_rng(2).random(len(D))
    both, first = np.concatenate([D, -D]), np.eye(2)[np.ones(2 * len(D), dtype=int)]
    (soft,) = bradley_terry_path(D, rows(p), alphas=[0.5])
    (hard,) = bradley_terry_path(both, first, alphas=[0.5], sample_weight=np.concatenate([p, 1 - p]))
    assert soft.objective == pytest.approx(hard.objective, rel=1e-10)  # both to a gap of 1e-13
    np.testing.assert_allclose(soft.coef, hard.coef, rtol=0, atol=1e-5 * np.abs(soft.coef).max())
    theirs = scikit_learn(np.concatenate([D, D]), np.repeat([1, 0], len(D)), 0.5, np.concatenate([p, 1 - p]))
    assert soft.objective == pytest.approx(objective(D, p, theirs, 0.5), rel=1e-6)


def test_the_gap_bounds_how_far_an_early_stop_is_from_the_minimum() -> None:
    D, y = pairs("n > d")
    (best,) = bradley_terry_path(D, np.eye(2)[y], alphas=[0.01])
    for steps in range(5):
        (early,) = bradley_terry_path(D, np.eye(2)[y], alphas=[0.01], max_iter=steps)
        assert early.objective - best.objective <= early.gap * (1 + 1e-9) + best.gap
        assert early.converged == (early.gap <= 1e-8 * max(early.objective, 1.0))


def test_the_strength_has_the_smallest_loss_on_held_out_pairs() -> None:
    D, y = pairs("n > d")
    points, done = 5, []
    head = fit_bradley_terry(D, np.eye(2)[y], points=points, scale="none", on_fit=lambda *fits: done.append(fits))
    center = np.median(np.linalg.eigvalsh(D.T @ D))
    grid = center * np.logspace(-4, 4, points)
    fold_of = np.random.default_rng(0).permutation(len(D)) % 5
    loss = np.zeros(points)
    for fold in range(5):
        out = fold_of == fold
        for index, alpha in enumerate(grid):
            theta = scikit_learn(D[~out], y[~out], alpha)
            loss[index] += objective(D[out], y[out].astype(float), theta, 0.0)
    assert head.alpha == pytest.approx(grid[loss.argmin()])
    assert not head.at_edge
    assert done[-1] == (26, 26)


def test_scaling_makes_columns_comparable_without_centering_them() -> None:
    D, y = pairs("n > d")
    units = np.logspace(-3, 3, D.shape[1])[:, None]
    head, other = (fit_bradley_terry(X, np.eye(2)[y], alpha=2.0) for X in (D, D * units[:, 0]))
    np.testing.assert_allclose(other.coef * units, head.coef, rtol=0, atol=1e-6 * np.abs(head.coef).max())
    size = np.sqrt((D**2).mean(axis=0))
    (plain,) = bradley_terry_path(D / size, np.eye(2)[y], alphas=[2.0])
    np.testing.assert_allclose(head.coef * size[:, None], plain.coef, rtol=1e-9)


def test_what_is_no_set_of_pairs_is_refused() -> None:
    D, y = pairs("n < d")
    with pytest.raises(ShapeError, match="two columns"):
        fit_bradley_terry(D, np.eye(3)[y])
    with pytest.raises(ShapeError, match="sum to 1"):
        fit_bradley_terry(D, np.ones((len(D), 2)))
    with pytest.raises(ShapeError, match="in all 5 pairs both sides are equal"):
        fit_bradley_terry(np.zeros((5, 3)), rows(np.ones(5)))
    with pytest.raises(ShapeError, match="at least two pairs"):
        fit_bradley_terry(D, np.eye(2)[y], sample_weight=np.arange(len(D)) == 3)
    with pytest.raises(ConfigError, match="above 0"):
        fit_bradley_terry(D, np.eye(2)[y], alpha=0.0)


@pytest.mark.parametrize("loss", ["reverse_kl", "gce"])
def test_other_losses_are_stationary_without_an_intercept_and_odd(loss: LossName) -> None:
    D, y = pairs("n > d")
    P = np.where(np.eye(2)[y] == 1, 0.9, 0.1)
    head = fit_bradley_terry(D, P, alpha=2.0, scale="none", loss=loss, exponent=0.5)
    cross_entropy = fit_bradley_terry(D, P, alpha=2.0, scale="none")
    assert not head.intercept.any()
    assert np.abs(head.coef - cross_entropy.coef).max() > 1e-3  # another minimum

    def value(theta: Array) -> float:
        margins = D @ theta
        F = np.stack([-margins, margins], axis=1) / 2
        return float(get_loss(loss, exponent=0.5)(F, P)[0].sum() + theta @ theta)

    theta, step = theta_of(head), 1e-5
    slope = [(value(theta + step * e) - value(theta - step * e)) / (2 * step) for e in np.eye(len(theta))]
    assert np.abs(slope).max() < 1e-3  # differences of sums near 100 in steps of 1e-5
    turned = np.where(np.arange(len(D)) % 3 == 0, -1, 1)
    swapped = np.where(turned[:, None] < 0, P[:, ::-1], P)
    again = fit_bradley_terry(turned[:, None] * D, swapped, alpha=2.0, scale="none", loss=loss, exponent=0.5)
    assert np.array_equal(again.coef, head.coef)


def test_the_confidence_loss_is_refused() -> None:
    D, y = pairs("n > d")
    with pytest.raises(ConfigError, match=r"must be ce, reverse_kl or gce: got confidence\. Use ce\.$"):
        fit_bradley_terry(D, np.eye(2)[y], loss="confidence")


def test_fit_head_without_an_intercept_is_a_bradley_terry_head() -> None:
    D, y = pairs("n < d")
    options = FitOptions(kind="softmax", scale="standard", rule="cv", intercept=False)
    assert np.array_equal(fit_head(D, np.eye(2)[y], options).coef, fit_bradley_terry(D, np.eye(2)[y]).coef)
