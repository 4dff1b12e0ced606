"""Softmax heads with more than 50 classes: against scikit-learn and the solver for few classes, and their grid."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from w2s_probe.core.fit_options import MANY_CLASSES, FitOptions, coarse_grid_notes, default_points
from w2s_probe.heads import fit_softmax, softmax
from w2s_probe.heads.coordinates import eigen_coordinates
from w2s_probe.heads.estimators import SoftmaxHead
from w2s_probe.heads.fit import fit_head
from w2s_probe.heads.many_classes import solve_many_classes
from w2s_probe.heads.newton import AIM, TOLERANCE, solve_cross_entropy
from w2s_probe.heads.softmax import softmax_path, softmax_paths

Array = NDArray[np.float64]


def clusters(classes: int, n: int, *, d: int = 12, seed: int = 3) -> tuple[Array, NDArray[np.int64]]:
    """Return features around class means, with a falling spectrum, and labels; every class has a row."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % classes)
    X = (rng.standard_normal((classes, d))[y] + rng.standard_normal((n, d))) * np.logspace(0, -1, d) + 1
    return X, y


def soft_targets(X: Array, classes: int, *, seed: int = 5) -> Array:
    F = X @ np.random.default_rng(seed).standard_normal((X.shape[1], classes))
    return np.asarray(np.exp(log_softmax(F, axis=1)))


def scikit_learn(X: Array, y: NDArray[Any], alpha: float, weights: Array | None = None) -> Array:
    """Return log-probabilities on X."""
    head = LogisticRegression(C=1 / alpha, tol=1e-10, max_iter=100_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may stop on the way; the duality gap of ours is certain
        head.fit(X, y, sample_weight=weights)
    return np.asarray(head.predict_log_proba(X))


@pytest.mark.parametrize("classes", [51, 80, 130])
@pytest.mark.parametrize("alpha", [0.1, 10.0, 1e4])
def test_one_hot_targets_equal_logistic_regression(classes: int, alpha: float) -> None:
    X, y = clusters(classes, 400)
    (fit,) = softmax_path(X, np.eye(classes)[y], alphas=[alpha])
    assert fit.converged
    ours = log_softmax(X @ fit.coef + fit.intercept, axis=1)
    # L-BFGS of the peer stops short of the minimum: its gradient, not its distance, is 1e-10
    np.testing.assert_allclose(ours, scikit_learn(X, y, alpha), atol=2e-4)
    np.testing.assert_allclose(fit.coef.sum(axis=1), 0, atol=1e-8)


def test_soft_targets_equal_repeated_rows() -> None:
    X, _ = clusters(60, 60, d=3)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    P, weights = soft_targets(X, 60), np.random.default_rng(0).uniform(0.2, 3, 60)
    (fit,) = softmax_path(X, P, alphas=[2.0], sample_weight=weights)
    theirs = scikit_learn(np.repeat(X, 60, axis=0), np.tile(np.arange(60), 60), 2.0, (weights[:, None] * P).ravel())
    np.testing.assert_allclose(log_softmax(X @ fit.coef + fit.intercept, axis=1), theirs[::60], atol=2e-4)


@pytest.mark.parametrize("classes", [3, 40, 51])
def test_both_solvers_have_the_same_minimum(classes: int) -> None:
    X, y = clusters(classes, 300)
    P = np.stack([np.eye(classes)[y], soft_targets(X, classes)])
    weights = np.stack([np.ones(300), np.where(np.arange(300) < 60, 0.0, 1.5)])
    asked: dict[str, Any] = {"which": np.array([0, 1, 1]), "alphas": np.array([3.0, 0.2, 40.0])}
    coordinates = eigen_coordinates(X, weights.mean(axis=0))
    few = solve_cross_entropy(coordinates, P, weights, **asked)
    many = solve_many_classes(coordinates, P, weights, **asked)
    for one, other in zip(few, many, strict=True):
        assert other.converged
        assert other.objective == pytest.approx(one.objective, rel=TOLERANCE)
        np.testing.assert_allclose(other.W, one.W, atol=2e-3)  # gaps of 1e-10 leave about this distance


def test_hard_problems_end_in_float64() -> None:
    X, y = clusters(60, 240)
    X = X * np.logspace(0, 3, X.shape[1])  # float32 products are too coarse for such a spectrum
    fits = softmax_path(X, np.eye(60)[y], alphas=[1e-3, 1e2])
    assert all(fit.converged for fit in fits)


@pytest.mark.parametrize("absent", [[7], [0, 59], list(range(20, 35))])
def test_a_class_without_rows_is_never_predicted_and_does_not_stop_the_fit(absent: list[int]) -> None:
    X, y = clusters(60, 600)
    rows = ~np.isin(y, absent)
    (fit,) = softmax_path(X[rows], np.eye(60)[y[rows]], alphas=[1.0])
    assert fit.converged
    present = np.setdiff1d(np.arange(60), absent)
    np.testing.assert_allclose(fit.coef[:, absent] - fit.coef.mean(axis=1, keepdims=True), 0, atol=1e-9)
    (without,) = softmax_path(X[rows], np.eye(60)[y[rows]][:, present], alphas=[1.0])
    ours = log_softmax(X @ fit.coef + fit.intercept, axis=1)
    np.testing.assert_allclose(ours[:, present], log_softmax(X @ without.coef + without.intercept, axis=1), atol=1e-5)
    assert np.exp(ours[:, absent]).max() < 1e-12


def test_the_grid_has_5_strengths_above_50_classes() -> None:
    assert [default_points("softmax", K) for K in (2, 50, 51, 1000)] == [13, 13, 5, 5]
    assert default_points("ridge", 1000) == 33
    for classes, points in ((50, 13), (51, 5), (70, 5)):
        X, y = clusters(classes, 4 * classes, d=5)
        counts: list[tuple[int, int]] = []
        head = fit_softmax(X, np.eye(classes)[y], on_fit=_into(counts))
        assert counts[-1] == (5 * points + 1, 5 * points + 1)
        assert [done for done, _ in counts] == sorted(done for done, _ in counts)
        scaled = X / X.std(axis=0)
        grid = float(((scaled - scaled.mean(axis=0)) ** 2).sum() / 5) * np.logspace(-4, 4, points)
        assert np.abs(grid / head.alpha - 1).min() < 0.9 * (grid[1] / grid[0])  # the same range, other points


def _into(counts: list[tuple[int, int]]) -> softmax.OnFit:
    return lambda done, total: counts.append((done, total))


@pytest.mark.parametrize("points", [3, 13])
def test_a_number_of_strengths_that_is_asked_for_is_used(points: int) -> None:
    X, y = clusters(55, 220, d=4)
    options = FitOptions(kind="softmax", points=points)
    assert fit_head(X, np.eye(55)[y], options).alpha in _grid_of(X, points)
    assert SoftmaxHead("cv", points=points).fit(X, y).alpha_ in _grid_of(X, points)
    assert coarse_grid_notes("softmax", 55, points) == ()


def _grid_of(X: Array, points: int) -> Array:
    return softmax._grid(X.astype(np.float64), np.ones(len(X)), points)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["hard", "soft", "weighted"])
def test_fits_at_the_certificate_choose_what_exact_fits_choose(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(3):
        X, y = clusters(60, 360, seed=seed)
        P = soft_targets(X, 60) if target == "soft" else np.eye(60)[y]
        weights = np.random.default_rng(seed).uniform(0.5, 2, 360) if target == "weighted" else np.ones(360)
        chosen = fit_softmax(X, P, sample_weight=weights)
        with monkeypatch.context() as exact:
            exact.setattr(softmax, "TOLERANCE", AIM)
            assert fit_softmax(X, P, sample_weight=weights).alpha == chosen.alpha


def test_a_choice_that_inexact_fits_might_change_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = clusters(60, 360)
    P = np.eye(60)[y]
    aims: list[float] = []
    plain = softmax._cross_validated

    def spied(*args: Any, aim: float, doubtful: float = 0.0, **more: Any) -> tuple[Array, Array]:
        aims.append(aim)
        score, doubt = plain(*args, aim=aim, **more)
        return score, doubt + doubtful

    monkeypatch.setattr(softmax, "_cross_validated", spied)
    fit_softmax(X, P)
    assert aims == [TOLERANCE]
    monkeypatch.setattr(softmax, "_cross_validated", lambda *a, **k: spied(*a, doubtful=1e9, **k))
    fit_softmax(X, P)
    assert aims[1:] == [TOLERANCE, AIM]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_class_with_several_rows_is_in_the_training_rows_of_every_fold(seed: int) -> None:
    _, y = clusters(60, 180, seed=seed)
    folds = softmax._folds(np.eye(60)[y])
    assert np.bincount(folds).tolist() == [36] * 5
    for fold in range(5):
        assert len(np.unique(y[folds != fold])) == 60


def test_a_class_of_one_row_does_not_decide_the_strength() -> None:
    X, y = clusters(60, 600)
    P = np.eye(60)[y]
    single = np.concatenate([[np.flatnonzero(y == k)[0] for k in (3, 9)], np.flatnonzero(~np.isin(y, (3, 9)))])
    score, _ = softmax._cross_validated(
        X[single], P[single], np.ones(len(single)), _grid_of(X, 5), aim=TOLERANCE, on_fit=None
    )
    assert (score / len(single) < np.log(60) + 0.1).all()  # the loss of an absent class would be about 40 for each row


def test_paths_of_several_sets_equal_single_paths() -> None:
    X, y = clusters(MANY_CLASSES + 5, 220)
    P, Q = np.eye(55)[y], soft_targets(X, 55)
    first, second = softmax_paths(X, [P, Q], alphas=[1.0, 30.0])
    for path, targets in ((first, P), (second, Q)):
        for fit, single in zip(path, softmax_path(X, targets, alphas=[1.0, 30.0]), strict=True):
            assert fit.objective == pytest.approx(single.objective, rel=1e-10)


@pytest.mark.slow
def test_memory_holds_one_head_at_a_time() -> None:
    X, y = clusters(250, 750, d=8)
    P = np.eye(250)[y]  # 1.5 MB
    tracemalloc.start()
    fit_softmax(X, P, points=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6
