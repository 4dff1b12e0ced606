"""Ridge heads and their scikit-learn shell."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from w2s_probe.core.errors import ShapeError
from w2s_probe.heads import RidgeHead, fit_ridge, ridge_probabilities
from w2s_probe.linalg import ridge_path


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_column_gets_scale_one(dtype: type) -> None:
    rng = np.random.default_rng(0)
    X = np.c_[rng.standard_normal((30, 3)), np.full(30, 0.1)].astype(dtype)
    head = fit_ridge(X, rng.standard_normal((30, 1)), scale="standard")
    assert np.isfinite(head.coef).all()
    assert head.coef[3] == pytest.approx(0, abs=1e-12)


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
    scores = np.array([[0.5, -1.0, 1.5], [-1.0, -2.0, 0.0]])
    expected = [[0.25, 0, 0.75], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(ridge_probabilities(scores), expected)


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
