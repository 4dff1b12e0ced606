"""Scikit-learn shells around the heads."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from w2s_probe.errors import ShapeError
from w2s_probe.heads.linear import ridge_probabilities
from w2s_probe.heads.ridge import fit_ridge

__all__ = ["RidgeHead"]


class RidgeHead(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Classifier by ridge regression on one-hot or soft targets.

    Parameters
    ----------
    alpha : float or {"loo", "gcv"}
        Strength with scikit-learn's meaning, or the rule that chooses it from the training rows.
    scale : {"none", "standard"}
        Scaling of the features, fitted on the training rows.
    points : int
        Length of the grid of strengths when a rule chooses.

    Attributes
    ----------
    classes_ : array of shape (K,)
        Class labels; 0 … K-1 when fitted to target rows.
    coef_ : array of shape (K, d)
        Weights.
    intercept_ : array of shape (K,)
        Intercepts.
    alpha_ : float
        Strength in use.
    n_features_in_ : int
        Number of features d.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> RidgeHead().fit(X, y).score(X, y) > 0.8
    True
    """

    def __init__(
        self,
        alpha: float | Literal["loo", "gcv"] = "loo",
        *,
        scale: Literal["none", "standard"] = "none",
        points: int = 33,
    ) -> None:
        self.alpha = alpha
        self.scale = scale
        self.points = points

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to labels of shape (n,), or to target rows of shape (n, K).

        Parameters
        ----------
        X : array of shape (n, d)
            Features.
        y : array of shape (n,) or (n, K)
            Class labels, or one row of probabilities or scores for each example.
        sample_weight : array of shape (n,), optional
            Non-negative weights.
        """
        labels = np.asarray(y)
        soft = labels.ndim == 2 and labels.shape[1] > 1
        features, labels = validate_data(self, X, labels, dtype=[np.float64, np.float32], multi_output=soft)
        if soft:
            self.classes_ = np.arange(labels.shape[1])
            targets = labels.astype(np.float64)
        else:
            check_classification_targets(labels)
            self.classes_, codes = np.unique(labels, return_inverse=True)
            targets = np.eye(len(self.classes_))[codes]
        if len(self.classes_) < 2:
            msg = f"y must hold at least two classes: got one class, {self.classes_[0]!r}. Give rows of another class."
            raise ShapeError(msg)
        chosen: dict[str, Any] = {"rule": self.alpha} if isinstance(self.alpha, str) else {"alpha": float(self.alpha)}
        head = fit_ridge(features, targets, scale=self.scale, points=self.points, sample_weight=sample_weight, **chosen)
        self.coef_, self.intercept_, self.alpha_ = head.coef.T, head.intercept, head.alpha
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return raw scores: shape (m, K), or (m,) for two classes as scikit-learn expects.

        Parameters
        ----------
        X : array of shape (m, d)
            Features.
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return probabilities of shape (m, K): scores clipped at 0 and normalized.

        Parameters
        ----------
        X : array of shape (m, d)
            Features.
        """
        return ridge_probabilities(self._scores(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class with the largest score for each row, shape (m,).

        Parameters
        ----------
        X : array of shape (m, d)
            Features.
        """
        return self.classes_[self._scores(X).argmax(axis=1)]

    def _scores(self, X: ArrayLike) -> NDArray[np.float64]:
        check_is_fitted(self)
        features = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return features @ self.coef_.T + self.intercept_
