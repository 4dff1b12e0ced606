"""The softmax head against scikit-learn, a row-duplication oracle, finite differences and duality."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from w2s_probe.core.errors import ConfigError, ShapeError
from w2s_probe.heads import fit_softmax
from w2s_probe.heads.losses import cross_entropy, gce, get_loss, reverse_kl
from w2s_probe.heads.softmax import softmax_path, softmax_paths

Array = NDArray[np.float64]
SHAPES = {"n > d": (300, 20), "n < d": (60, 150)}


def features(shape: str, *, seed: int = 0) -> Array:
    n, d = SHAPES[shape]
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)) * np.logspace(0, -2, d) + 1


def one_hot(n: int, classes: int) -> tuple[Array, NDArray[np.int64]]:
    y = np.concatenate([np.arange(classes), np.random.default_rng(1).integers(classes, size=n - classes)])
    return np.eye(classes)[y], y


def objective(X: Array, P: Array, W: Array, b: Array, alpha: float, weights: Array | None = None) -> float:
    w = np.ones(len(X)) if weights is None else weights
    loss = -(w[:, None] * P * log_softmax(X @ W + b, axis=1)).sum()
    penalty = ((W[:, 1] - W[:, 0]) ** 2).sum() if W.shape[1] == 2 else (W**2).sum()
    return float(loss + alpha / 2 * penalty)


def scikit_learn(
    X: Array, y: NDArray[np.signedinteger], alpha: float, weights: Array | None = None
) -> tuple[Array, Array]:
    head = LogisticRegression(C=1 / alpha, tol=1e-12, max_iter=100_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may stop on the way; the duality gap of ours is certain
        head.fit(X, y, sample_weight=weights)
    W, b = head.coef_.T, head.intercept_
    if W.shape[1] == 1:
        return np.hstack([-W / 2, W / 2]), np.concatenate([-b / 2, b / 2])
    return W, b


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("classes", [2, 3, 20])
def test_one_hot_targets_equal_logistic_regression(classes: int, shape: str, alpha: float) -> None:
    X = features(shape)
    P, y = one_hot(len(X), classes)
    (ours,) = softmax_path(X, P, alphas=[alpha])
    theirs = objective(X, P, *scikit_learn(X, y, alpha), alpha)
    mine = objective(X, P, ours.coef, ours.intercept, alpha)
    assert mine == pytest.approx(ours.objective, rel=1e-12)
    assert mine <= theirs * (1 + 1e-6)
    assert ours.gap <= 1e-6 * mine
    assert mine == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_soft_targets_equal_rows_repeated_for_each_class(classes: int, weighted: bool) -> None:
    X = features("n > d")
    rng = np.random.default_rng(2)
    P = rng.dirichlet(np.ones(classes), size=len(X))
    w = rng.uniform(0.2, 3, len(X)) if weighted else np.ones(len(X))
    (ours,) = softmax_path(X, P, alphas=[0.5], sample_weight=w)
    rows, labels = np.repeat(X, classes, axis=0), np.tile(np.arange(classes), len(X))
    W, b = scikit_learn(rows, labels, 0.5, (w[:, None] * P).ravel())
    theirs = objective(X, P, W, b, 0.5, w)
    assert objective(X, P, ours.coef, ours.intercept, 0.5, w) == pytest.approx(theirs, rel=1e-6)
    assert ours.converged


def test_separable_data_stay_finite_and_say_whether_they_converged() -> None:
    X = np.linspace(-1, 1, 40)[:, None]
    P = np.eye(2)[(X[:, 0] > 0).astype(int)]
    for fit in softmax_path(X, P, alphas=[1e-8, 1e-2, 1e6]):
        assert np.isfinite(fit.coef).all()
        assert fit.converged == (fit.gap <= 1e-8 * max(fit.objective, 1.0))
        assert fit.converged
    (short,) = softmax_path(features("n < d"), one_hot(60, 20)[0], alphas=[1e-6], max_iter=2)
    assert not short.converged


@pytest.mark.parametrize("classes", [2, 3])
def test_several_targets_at_once_equal_one_after_the_other(classes: int) -> None:
    X, alphas = features("n < d"), [1e-3, 1.0, 50.0]
    rng = np.random.default_rng(5)
    Ps = [rng.dirichlet(np.ones(classes), size=len(X)) for _ in range(3)]
    weights = [rng.integers(0, 3, size=len(X)).astype(float) for _ in range(3)]
    for P, w, fits in zip(Ps, weights, softmax_paths(X, Ps, alphas=alphas, weights=weights), strict=True):
        for ours, alone in zip(fits, softmax_path(X, P, alphas=alphas, sample_weight=w), strict=True):
            assert ours.objective == pytest.approx(alone.objective, rel=1e-7)
            assert ours.converged
            assert ours.objective == pytest.approx(objective(X, P, ours.coef, ours.intercept, ours.alpha, w), rel=1e-12)


def test_more_problems_than_fit_in_one_product_are_all_solved() -> None:
    X, P = features("n > d"), one_hot(300, 20)[0]
    alphas = np.logspace(-3, 3, 23)[::-1].copy()
    fits = softmax_path(X, P, alphas=alphas)
    assert [fit.alpha for fit in fits] == alphas.tolist()
    assert all(fit.converged for fit in fits)
    (alone,) = softmax_path(X, P, alphas=alphas[-1:])
    assert fits[-1].objective == pytest.approx(alone.objective, rel=1e-7)


def test_the_gap_bounds_how_far_an_early_stop_is_from_the_minimum() -> None:
    X, P = features("n > d"), one_hot(300, 3)[0]
    (best,) = softmax_path(X, P, alphas=[0.01])
    for steps in range(6):
        (early,) = softmax_path(X, P, alphas=[0.01], max_iter=steps)
        assert early.objective - best.objective <= early.gap * (1 + 1e-9) + best.gap
        assert early.converged == (early.gap <= 1e-8 * max(early.objective, 1.0))


def test_real_digits_are_certified_at_every_strength() -> None:
    X, y = load_digits(return_X_y=True)
    fits = softmax_path(X[:600] / 16, np.eye(10)[y[:600]], alphas=np.logspace(-2, 3, 6))
    assert all(fit.converged for fit in fits)
    assert all(fit.gap <= 1e-8 * fit.objective for fit in fits)
    assert (np.diff([fit.objective for fit in fits]) > 0).all()  # a stronger penalty costs


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), classes=st.integers(2, 5), exponent=st.floats(0.05, 1))
@pytest.mark.parametrize("name", ["ce", "reverse_kl", "gce", "confidence"])
def test_gradients_equal_finite_differences(name: str, seed: int, classes: int, exponent: float) -> None:
    rng = np.random.default_rng(seed)
    F, P = 2 * rng.standard_normal((3, classes)), rng.dirichlet(np.ones(classes), size=3)
    loss = get_loss(name, exponent=exponent, confidence=exponent)  # type: ignore[arg-type]
    _, gradient = loss(F, P)
    step = 1e-6
    for i, k in np.ndindex(F.shape):
        shift = np.zeros_like(F)
        shift[i, k] = step
        # summed: the decisions of `confidence` are made for all rows together
        slope = (loss(F + shift, P)[0].sum() - loss(F - shift, P)[0].sum()) / (2 * step)
        assert gradient[i, k] == pytest.approx(slope, abs=1e-7)


def test_limits_of_generalized_cross_entropy() -> None:
    rng = np.random.default_rng(0)
    F, P = rng.standard_normal((50, 4)), np.eye(4)[rng.integers(4, size=50)]
    q = np.exp(log_softmax(F, axis=1))
    np.testing.assert_allclose(gce(F, P, exponent=1.0)[0], 1 - (P * q).sum(axis=1), atol=1e-10)
    # the difference to cross-entropy is of first order in the exponent
    np.testing.assert_allclose(gce(F, P, exponent=1e-12)[0], cross_entropy(F, P)[0], atol=1e-10)


def test_reverse_kl_is_nothing_at_its_target_and_finite_where_the_target_is_0() -> None:
    P = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    assert reverse_kl(np.log(P[:1]), P[:1])[0][0] == pytest.approx(0, abs=1e-12)
    assert np.isfinite(reverse_kl(np.zeros((2, 3)), P)[0]).all()


@pytest.mark.parametrize("loss", ["reverse_kl", "gce"])
def test_other_losses_do_not_end_above_the_head_they_start_from(loss: str) -> None:
    X, P = features("n > d"), one_hot(300, 3)[0]
    (ce,) = softmax_path(X, P, alphas=[1.0])
    (fit,) = softmax_path(X, P, alphas=[1.0], loss=loss)  # type: ignore[arg-type]
    value = get_loss(loss)(X @ ce.coef + ce.intercept, P)[0].sum() + 0.5 * (ce.coef**2).sum()  # type: ignore[arg-type]
    assert fit.objective <= value + 1e-9
    assert fit.loss == loss


def test_scaling_of_the_features_is_folded_into_the_weights() -> None:
    X, P = features("n > d"), one_hot(300, 3)[0]
    head = fit_softmax(X, P, alpha=2.0, scale="standard")
    again = fit_softmax(X / X.std(axis=0), P, alpha=2.0, scale="none")
    np.testing.assert_allclose(head.scores(X), again.scores(X / X.std(axis=0)), atol=1e-5)
    np.testing.assert_allclose(head.probabilities(head.scores(X)).sum(axis=1), 1)


def test_cross_validation_finds_a_strength_between_its_ends() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 40))
    y = (X[:, 0] + 1.5 * rng.standard_normal(200) > 0).astype(int)
    head = fit_softmax(X, np.eye(2)[y])
    assert head.rule == "cv"
    assert not head.at_edge
    assert head.converged


@pytest.mark.parametrize(
    ("P", "said"), [(np.ones((60, 2)), "sum to 1"), (np.full((60, 1), 1.0), "at least two"), (-np.eye(60), "sum to 1")]
)
def test_targets_that_are_no_probabilities_are_refused(P: Array, said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        softmax_path(features("n < d"), P, alphas=[1.0])


def test_unknown_losses_and_exponents_are_refused() -> None:
    with pytest.raises(ConfigError, match="one of ce, reverse_kl, gce"):
        get_loss("hinge")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="above 0"):
        softmax_path(features("n < d"), one_hot(60, 2)[0], alphas=[0.0])
    with pytest.raises(ConfigError, match=r"\(0, 1\]"):
        get_loss("gce", exponent=0.0)


@pytest.mark.parametrize("loss", ["ce", "gce"])
@pytest.mark.parametrize(("classes", "absent"), [(2, 0), (2, 1), (3, 1), (3, 2)])
@pytest.mark.parametrize("seed", range(4))
def test_a_class_without_rows_has_probability_0_and_overflows_nowhere(
    loss: Literal["ce", "gce"], classes: int, absent: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((16, 30))
    present = np.setdiff1d(np.arange(classes), absent)
    Y = np.eye(classes)[present[np.arange(16) % len(present)]]
    head = fit_softmax(X, Y, loss=loss, alpha=28.8)
    assert head.converged
    assert np.abs(head.intercept).max() < 200  # steps of 30
    assert head.probabilities(head.scores(X))[:, absent].max() < 1e-6
