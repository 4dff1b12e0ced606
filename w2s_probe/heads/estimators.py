"""Scikit-learn estimators that fit the heads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from w2s_probe.core.arrays import check_weights
from w2s_probe.core.errors import ShapeError
from w2s_probe.core.fit_options import RIDGE_POINTS, FitOptions, LossName, Scale
from w2s_probe.core.types import Float
from w2s_probe.heads.fit import fit_head


class _Head(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Base class of both estimators: fits a `LinearHead` to labels or to target rows."""

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to labels of shape (n,), or to target rows of shape (n, K).

        Parameters
        ----------
        X : array of shape (n, d)
            Features.
        y : array of shape (n,) or (n, K)
            Class labels, or one row of target probabilities for each example.
        sample_weight : array of shape (n,), optional
            Non-negative weights.

        Returns
        -------
        self
            Fitted.
        """
        labels: Any = y if hasattr(y, "__array__") else np.asarray(y)
        soft = getattr(labels, "ndim", 1) == 2 and labels.shape[1] > 1
        features, labels = validate_data(self, X, labels, dtype=[np.float64, np.float32], multi_output=soft)
        if soft:
            self.classes_ = np.arange(labels.shape[1])
            targets = labels.astype(np.float64)
        else:
            check_classification_targets(labels)
            self.classes_, codes = np.unique(labels, return_inverse=True)
            targets = np.eye(len(self.classes_))[codes]
        weights = check_weights(sample_weight, len(features))
        if np.count_nonzero(weights @ np.abs(targets)) < 2:
            msg = "y must have at least two classes with positive weight: got one class. Add rows of another."
            raise ShapeError(msg)
        self.head_ = fit_head(features, targets, self._options(), sample_weight=weights)
        self.coef_, self.intercept_, self.alpha_ = self.head_.coef.T, self.head_.intercept, self.head_.alpha
        self.converged_ = self.head_.converged
        return self

    def decision_function(self, X: ArrayLike) -> Float:
        """Return raw scores: shape (m, K), or (m,) for two classes as scikit-learn expects."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: ArrayLike) -> Float:
        """Return probabilities of shape (m, K)."""
        scores = self._scores(X)
        return self.head_.probabilities(scores)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class with the largest score for each row, shape (m,)."""
        codes = self._scores(X).argmax(axis=1)
        return self.classes_[codes]

    def _scores(self, X: ArrayLike) -> Float:
        check_is_fitted(self)
        features = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return self.head_.scores(features)

    def _options(self) -> FitOptions:
        raise NotImplementedError


class RidgeHead(_Head):
    """Classifier by ridge regression on one-hot or soft targets.

    Parameters
    ----------
    alpha : float or {"loo", "gcv"}
        Strength with scikit-learn's meaning, or the rule that chooses it from the training rows.
    scale : {"none", "standard"}
        Scaling of the features, fitted on the training rows.
    points : int
        Strengths within four decades of the grid's center when a rule chooses; the grid goes on at an end that is best.

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
    converged_ : bool
        Always true.
    head_ : LinearHead
        The fitted head.
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
        scale: Scale = "none",
        points: int = RIDGE_POINTS,
    ) -> None:
        self.alpha = alpha
        self.scale = scale
        self.points = points

    def _options(self) -> FitOptions:
        options = FitOptions(scale=self.scale, points=self.points)
        if isinstance(self.alpha, str):
            return replace(options, rule=self.alpha)
        return replace(options, alpha=float(self.alpha))


class SoftmaxHead(_Head):
    """Classifier by a softmax head on labels or soft targets, with a choice of losses.

    Parameters
    ----------
    alpha : float or {"cv"}
        Strength, 1/C of scikit-learn's `LogisticRegression`, or ``"cv"`` to choose it by
        cross-validation on the training rows.
    loss : {"ce", "reverse_kl", "gce", "confidence"}
        See `w2s_probe.heads.losses`.
    exponent : float
        Exponent of the loss ``gce``, in (0, 1].
    confidence : float
        Weight of the head's own decisions in the loss ``confidence``, in [0, 1].
    scale : {"none", "standard"}
        Scaling of the features, fitted on the training rows.
    points : int, optional
        Length of the grid of strengths for ``"cv"``; by default 13, and 5 above 50 classes.

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
    converged_ : bool
        Whether the fit reached its minimum; see `SoftmaxFit`.
    head_ : LinearHead
        The fitted head.
    n_features_in_ : int
        Number of features d.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> SoftmaxHead(alpha=0.1, loss="gce").fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(
        self,
        alpha: float | Literal["cv"] = 1.0,
        loss: LossName = "ce",
        *,
        exponent: float = 0.2,
        confidence: float = 0.5,
        scale: Scale = "none",
        points: int | None = None,
    ) -> None:
        self.alpha = alpha
        self.loss = loss
        self.exponent = exponent
        self.confidence = confidence
        self.scale = scale
        self.points = points

    def _options(self) -> FitOptions:
        return FitOptions(
            kind="softmax",
            scale=self.scale,
            points=self.points,
            alpha=None if self.alpha == "cv" else float(self.alpha),
            loss=self.loss,
            exponent=self.exponent,
            confidence=self.confidence,
        )
