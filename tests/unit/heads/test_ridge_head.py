"""Ridge heads and their scikit-learn shell."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from w2s_probe.core.errors import ShapeError
from w2s_probe.core.fit_options import FitOptions
from w2s_probe.heads import LinearHead, PoolFits, RidgeHead, fit_ridge, ridge_probabilities
from w2s_probe.heads.linear import deviations, mean_scores, pseudolabels_of
from w2s_probe.heads.ridge import chosen_head, left_out_scores, ridge_spectrum
from w2s_probe.linalg import ridge_path
from w2s_probe.linalg.spectra import Spectrum


def test_loo_rule_decides_as_ridgeclassifiercv_on_real_digits() -> None:
    X, y = load_digits(return_X_y=True)
    head = fit_ridge(X, np.eye(10)[y], rule="loo")
    theirs = RidgeClassifierCV(alphas=ridge_path(X, np.eye(10)[y]).alphas).fit(X, y)
    assert head.alpha == pytest.approx(theirs.alpha_, rel=1e-12)
    np.testing.assert_array_equal(head.scores(X).argmax(axis=1), theirs.predict(X))


def test_standard_scaling_equals_a_pipeline_with_standardscaler() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    Y = np.eye(2)[y]
    head = fit_ridge(X, Y, alpha=3.0, scale="standard")
    theirs = make_pipeline(StandardScaler(), RidgeCV(alphas=[3.0])).fit(X, Y)
    np.testing.assert_allclose(head.scores(X), theirs.predict(X), atol=1e-10)


@pytest.mark.parametrize("center", [0.0, 10.0, 1e4])
@pytest.mark.parametrize("weighted", [False, True])
def test_deviations_are_weighted_and_do_not_depend_on_the_mean(center: float, weighted: bool) -> None:
    rng = np.random.default_rng(1)
    X = center + rng.standard_normal((50, 4)) * [0.01, 1.0, 3.0, 100.0]
    weights = rng.integers(1, 4, size=50) if weighted else np.ones(50, dtype=int)
    repeated = np.repeat(X, weights, axis=0)
    np.testing.assert_allclose(deviations(X, weights.astype(float)), repeated.std(axis=0), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_column_gets_scale_one(dtype: type) -> None:
    rng = np.random.default_rng(0)
    X = np.c_[rng.standard_normal((30, 3)), np.full(30, 0.1)].astype(dtype)
    head = fit_ridge(X, rng.standard_normal((30, 1)), scale="standard")
    assert np.isfinite(head.coef).all()
    assert head.coef[3] == pytest.approx(0, abs=1e-12)


def test_a_new_head_is_converged_and_at_no_end() -> None:
    head = LinearHead(kind="ridge", coef=np.eye(2), intercept=np.zeros(2), alpha=1.0, rule="given", at_edge=False)
    assert (head.converged, head.upper_end) == (True, False)


def test_pseudolabels_are_one_hot_decisions_or_what_the_head_predicts() -> None:
    raw = np.array([[0.2, -0.4, 0.1], [-3.0, 1.0, 2.0]])
    shape = {"coef": np.eye(3), "intercept": np.zeros(3), "alpha": 1.0, "rule": "given", "at_edge": False}
    for kind, soft in (("ridge", raw), ("softmax", softmax(raw, axis=1))):
        head = LinearHead(kind=kind, **shape)  # type: ignore[arg-type]
        np.testing.assert_array_equal(pseudolabels_of(head, raw, hard=True), [[1, 0, 0], [0, 0, 1]])
        np.testing.assert_allclose(pseudolabels_of(head, raw, hard=False), soft)


def test_the_lower_end_of_the_grid_is_not_its_upper_end() -> None:
    path = ridge_path(np.random.default_rng(0).standard_normal((30, 3)), np.eye(30)[:, :1], alphas=[1.0, 2.0])
    lower = chosen_head(path, lambda tried: tried.alphas, rule="loo")
    upper = chosen_head(path, lambda tried: -tried.alphas, rule="loo")
    assert [(head.alpha, head.at_edge, head.upper_end, head.rule) for head in (lower, upper)] == [
        (1.0, True, False, "loo"),
        (2.0, True, True, "loo"),
    ]


@pytest.mark.parametrize("scale", ["none", "standard"])
def test_left_out_scores_are_those_of_refits_without_the_row(scale: Literal["none", "standard"]) -> None:
    rng = np.random.default_rng(4)
    X = 5 + rng.standard_normal((25, 4)) * [1, 2, 3, 4]
    Y = X[:, :2] + rng.standard_normal((25, 2))
    scores, head = left_out_scores(X, Y, scale=scale), fit_ridge(X, Y, scale=scale)
    scaled = X / (X.std(axis=0) if scale == "standard" else 1.0)
    for row in (0, 7, 24):
        rest = np.arange(25) != row
        again = fit_ridge(scaled[rest], Y[rest], alpha=head.alpha)
        np.testing.assert_allclose(scores[row], again.scores(scaled[row : row + 1])[0], atol=1e-9)


@pytest.mark.parametrize("scale", ["none", "standard"])
def test_a_stored_pool_is_decomposed_once_and_gives_the_heads_of_its_rows(scale: Literal["none", "standard"]) -> None:
    rng = np.random.default_rng(5)
    X, rows, weights = rng.standard_normal((60, 5)), rng.permutation(60)[:40], rng.random(40)
    Y = rng.standard_normal((40, 2))
    options = FitOptions(kind="ridge", rule="gcv", scale=scale)
    fits = PoolFits()
    pool = fits.hold(X, rows)
    assert fits.hold(X, rows.copy()) is pool
    spectrum = fits.spectrum(pool, scale)
    assert fits.spectrum(pool, scale) is spectrum
    np.testing.assert_allclose(spectrum.eigenvalues, ridge_spectrum(X[rows], scale=scale).eigenvalues)
    for weighted in (None, weights):
        head, alone = (
            fits.fit(pool, Y, options, sample_weight=weighted),
            fit_ridge(X[rows], Y, rule="gcv", scale=scale, sample_weight=weighted),
        )
        np.testing.assert_allclose(head.coef, alone.coef, atol=1e-12)
        assert head.alpha == pytest.approx(alone.alpha)
    other = X[np.arange(10)]
    np.testing.assert_allclose(
        fits.fit(other, Y[:10], options).coef, fit_ridge(other, Y[:10], rule="gcv", scale=scale).coef
    )
    assert fits.hold(X, rows[::-1]) is not pool
    assert fits.hold(X[:50], np.arange(40)).tobytes() == X[:40].tobytes()


def test_heads_of_a_stored_pool_use_its_spectrum(monkeypatch: pytest.MonkeyPatch) -> None:
    decomposed: list[int] = []

    def counted(X: NDArray[np.float64], *, scale: Literal["none", "standard"] = "none") -> Spectrum:
        decomposed.append(len(X))
        return ridge_spectrum(X, scale=scale)

    monkeypatch.setattr("w2s_probe.heads.pool.ridge_spectrum", counted)
    rng = np.random.default_rng(6)
    X, Y = rng.standard_normal((30, 3)), rng.dirichlet(np.ones(2), size=30)
    fits = PoolFits()
    pool, options = fits.hold(X, np.arange(20)), FitOptions(kind="ridge", rule="gcv")
    for _ in range(3):
        fits.fit(pool, Y[:20], options)
    assert decomposed == [20]
    fits.fit(pool, Y[:20], options, spectrum=ridge_spectrum(pool))
    fits.fit(pool, Y[:20], FitOptions(kind="softmax", alpha=1.0, rule="cv"))
    fits.fit(pool, Y[:20], options, sample_weight=np.arange(20.0))
    fits.fit(X[20:], Y[20:], options)
    assert decomposed == [20]


def test_an_end_of_the_grid_is_reported() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3))
    signal, noise = X @ rng.standard_normal((3, 1)), rng.standard_normal((200, 1))
    useless = fit_ridge(X, np.eye(200)[:, :1])  # one row differs: the head is best without the features
    assert (useless.at_edge, useless.upper_end) == (True, True)
    for targets in (signal, signal + 2 * noise):
        assert not fit_ridge(X, targets).at_edge
    assert not fit_ridge(X, noise, alpha=1e9).at_edge


def test_gcv_and_loo_agree_on_where_to_stop() -> None:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((150, 60))
    Y = X[:, :2] @ rng.standard_normal((2, 1)) + 2 * rng.standard_normal((150, 1))
    by_loo, by_gcv = fit_ridge(X, Y, rule="loo"), fit_ridge(X, Y, rule="gcv")
    assert abs(np.log10(by_loo.alpha / by_gcv.alpha)) <= 0.5


def test_probabilities_are_clipped_scores_and_uniform_where_none_is_positive() -> None:
    scores = np.array([[0.5, -1.0, 1.5], [-1.0, -2.0, 0.0], [0.1, 0.3, 0.0]])
    expected = [[0.25, 0, 0.75], [1 / 3, 1 / 3, 1 / 3], [0.25, 0.75, 0.0]]
    np.testing.assert_allclose(ridge_probabilities(scores), expected)


@pytest.mark.parametrize("kind", ["ridge", "softmax"])
def test_soft_pseudolabels_of_mean_scores_are_the_mean_of_those_of_the_heads(kind: Literal["ridge", "softmax"]) -> None:
    raw = [np.random.default_rng(seed).standard_normal((6, 3)) for seed in range(3)]
    soft = raw if kind == "ridge" else [softmax(scores, axis=1) for scores in raw]
    mean = mean_scores(raw, kind)
    np.testing.assert_allclose(mean if kind == "ridge" else softmax(mean, axis=1), np.mean(soft, axis=0), atol=1e-12)
    assert mean_scores(raw[:1], kind) is raw[0]


def test_shell_works_in_a_grid_search_and_a_pipeline() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    search = GridSearchCV(make_pipeline(StandardScaler(), RidgeHead()), {"ridgehead__alpha": ["loo", "gcv", 10.0]})
    assert search.fit(X, y).best_score_ > 0.94
    assert cross_val_score(RidgeHead(scale="standard"), X, y, scoring="roc_auc").mean() > 0.98


def test_shell_takes_soft_targets() -> None:
    X, y = load_digits(return_X_y=True)
    soft = 0.9 * np.eye(10)[y] + 0.01
    head = RidgeHead(alpha=5.0).fit(X, soft)
    W, b = ridge_path(X, soft, alphas=[5.0]).coefficients(0)
    np.testing.assert_allclose(head.coef_, W.T)
    np.testing.assert_allclose(head.intercept_, b)
    assert head.predict_proba(X).shape == (len(X), 10)
    np.testing.assert_array_equal(head.classes_, np.arange(10))


def test_shell_keeps_the_users_class_labels() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    named = np.where(y == 1, "benign", "malignant")
    head = RidgeHead().fit(X, named)
    assert set(head.predict(X)) == {"benign", "malignant"}
    assert head.decision_function(X).shape == (len(X),)


def test_shell_refuses_a_single_class() -> None:
    with pytest.raises(ShapeError, match="at least two classes"):
        RidgeHead().fit(np.eye(3), [1, 1, 1])
