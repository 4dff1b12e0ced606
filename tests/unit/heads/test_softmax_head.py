"""The scikit-learn shell of softmax heads."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from w2s_probe.core.errors import ConfigError, ShapeError
from w2s_probe.heads import SoftmaxHead


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_labels_give_logistic_regression(load: object) -> None:
    X, y = load(return_X_y=True)  # type: ignore[operator]
    X = StandardScaler().fit_transform(X)
    ours = SoftmaxHead(alpha=2.0).fit(X, y)
    theirs = LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000).fit(X, y)
    assert ours.converged_
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=2e-3)


def test_a_grid_search_over_strengths_and_losses_works_in_a_pipeline() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    grid = {"softmaxhead__alpha": [0.1, 10.0, "cv"], "softmaxhead__loss": ["ce", "gce", "confidence", "reverse_kl"]}
    search = GridSearchCV(make_pipeline(StandardScaler(), SoftmaxHead()), grid, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.96
    assert cross_val_score(SoftmaxHead(scale="standard"), X, y, scoring="roc_auc").mean() > 0.98


def test_rows_of_probabilities_are_targets() -> None:
    X, y = load_digits(return_X_y=True)
    soft = 0.9 * np.eye(10)[y] + 0.01
    head = SoftmaxHead(alpha=5.0).fit(X, soft)
    np.testing.assert_array_equal(head.classes_, np.arange(10))
    hard = SoftmaxHead(alpha=5.0).fit(X, y)
    assert head.predict_proba(X).max(axis=1).mean() < hard.predict_proba(X).max(axis=1).mean() - 0.05
    assert head.score(X, y) > 0.97


def test_labels_of_the_user_and_weights_are_kept() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    named = np.where(y == 1, "benign", "malignant")
    heavy = np.where(y == 1, 100.0, 1.0)
    plain, weighted = SoftmaxHead(scale="standard").fit(X, named), SoftmaxHead(scale="standard").fit(X, named, heavy)
    assert set(plain.predict(X)) == {"benign", "malignant"}
    assert (weighted.predict(X) == "benign").sum() > (plain.predict(X) == "benign").sum()


def test_what_cannot_be_fitted_is_refused() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.raises(ConfigError, match="loss must be one of"):
        SoftmaxHead(loss="hinge").fit(X, y)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="above 0"):
        SoftmaxHead(alpha=0.0).fit(X, y)
    with pytest.raises(ShapeError, match="sum to 1"):
        SoftmaxHead().fit(X, np.c_[y, y])
