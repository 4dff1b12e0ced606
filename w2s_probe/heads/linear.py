"""The fitted head: a linear map on frozen features, its strength, and the rule that chose the strength."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import softmax

from w2s_probe.core.arrays import read_only, row_blocks
from w2s_probe.core.types import Features, Float
from w2s_probe.linalg.threads import map_in_order


@dataclass(frozen=True, eq=False, kw_only=True)
class LinearHead:
    """A fitted head, its strength, and the rule that chose the strength.

    Parameters
    ----------
    kind : {"ridge", "softmax"}
        Kind of the scores: regression values, or logits.
    coef : array of shape (d, K)
        Weights on the unscaled features; read-only, since strategies share heads.
    intercept : array of shape (K,)
        Intercepts; read-only.
    alpha : float
        Strength; it refers to the scaled features if they were scaled.
    rule : str
        ``"loo"`` (exact leave-one-out squared error), ``"gcv"``, ``"cv"``, ``"given"``, or ``"mean"`` of two heads.
    at_edge : bool
        Whether the best strength is an end of the widest grid: a better one may lie outside.
    upper_end : bool
        Whether that end is the largest strength: the head hardly uses the features.
    converged : bool
        Whether the fit reached its minimum; ridge heads always do.
    """

    kind: Literal["ridge", "softmax"]
    coef: Float
    intercept: Float
    alpha: float
    rule: str
    at_edge: bool
    upper_end: bool = False
    converged: bool = True

    def __post_init__(self) -> None:
        for name in ("coef", "intercept"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def scores(self, X: Features) -> Float:
        """Return raw scores of shape (m, K) for features of shape (m, d).

        Parameters
        ----------
        X : array of shape (m, d)
            Features.
        """
        parts = map_in_order(lambda rows: X[rows] @ self.coef + self.intercept, row_blocks(len(X)))
        return np.concatenate([np.empty((0, len(self.intercept))), *parts])

    def probabilities(self, scores: Float) -> Float:
        """Return class probabilities of shape (m, K) for raw scores of this head.

        Parameters
        ----------
        scores : array of shape (m, K)
            Return value of `scores`.
        """
        return softmax(scores, axis=1) if self.kind == "softmax" else ridge_probabilities(scores)


def pseudolabels_of(teacher: LinearHead, raw: Float, *, hard: bool) -> Float:
    """Return the student's targets, shape (N, K), from the teacher's raw scores on the pool.

    Hard pseudolabels are one-hot rows of the teacher's decisions; soft ones are its scores (ridge) or
    probabilities (softmax).
    """
    if hard:
        return np.eye(raw.shape[1])[raw.argmax(axis=1)]
    return teacher.probabilities(raw) if teacher.kind == "softmax" else raw


def mean_scores(raw: Sequence[Float], kind: Literal["ridge", "softmax"]) -> Float:
    """Return raw scores, shape (m, K), whose soft pseudolabels are the mean of those of several heads.

    For ridge heads that is the mean of their raw scores, for softmax heads the logarithm of their mean probabilities.
    """
    if len(raw) == 1:
        return raw[0]
    if kind == "ridge":
        return np.mean(raw, axis=0)
    return np.log(np.maximum(np.mean([softmax(scores, axis=1) for scores in raw], axis=0), np.finfo(np.float64).tiny))


def ridge_probabilities(scores: Float) -> Float:
    """Return class probabilities from ridge scores: clipped at 0 and normalized.

    Parameters
    ----------
    scores : array of shape (m, K)
        Raw scores of a head fitted to one-hot or probability rows.

    Returns
    -------
    array of shape (m, K)
        Rows sum to 1; a row without a positive score is uniform.

    Examples
    --------
    >>> import numpy as np
    >>> ridge_probabilities(np.array([[1.2, -0.2], [0.3, 0.9], [-1.0, 0.0]]))
    array([[1.  , 0.  ],
           [0.25, 0.75],
           [0.5 , 0.5 ]])
    """
    clipped = np.maximum(scores, 0.0)
    total = clipped.sum(axis=1, keepdims=True)
    uniform = np.full_like(clipped, 1.0 / clipped.shape[1])
    return np.divide(clipped, total, out=uniform, where=total > 0)


def deviations(X: Features, weights: Float) -> Float:
    """Return the standard deviation of each feature, shape (d,); 1 for a constant one."""
    mean = np.average(X, axis=0, weights=weights)
    deviation = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weights))
    constant = deviation <= 10 * np.finfo(X.dtype).eps * np.abs(mean)
    return np.where(constant, 1.0, deviation)
