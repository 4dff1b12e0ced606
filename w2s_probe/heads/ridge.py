"""Ridge heads: a linear map on frozen features whose strength is chosen without the test rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from w2s_probe.linalg.loo import loo_error
from w2s_probe.linalg.ridge import ridge_path
from w2s_probe.validation import as_matrix, check_weights, row_blocks

__all__ = ["LinearHead", "fit_ridge", "ridge_probabilities"]

Float = NDArray[np.float64]
Rule = Literal["loo", "gcv"]


@dataclass(frozen=True, eq=False, kw_only=True)
class LinearHead:
    """A fitted head and how its strength was chosen.

    Parameters
    ----------
    coef : array of shape (d, K)
        Weights on the unscaled features.
    intercept : array of shape (K,)
        Intercepts.
    alpha : float
        Ridge strength, on the scaled features if there was scaling.
    rule : str
        ``"loo"`` (exact leave-one-out squared error), ``"gcv"``, or ``"given"``.
    at_edge : bool
        Whether the best strength is an end of the grid, so that a better one may lie outside.
    """

    coef: Float
    intercept: Float
    alpha: float
    rule: str
    at_edge: bool

    def scores(self, X: NDArray[np.floating[Any]]) -> Float:
        """Return raw scores of shape (m, K) for features of shape (m, d)."""
        out = np.empty((len(X), len(self.intercept)))
        for rows in row_blocks(len(X)):
            out[rows] = X[rows] @ self.coef + self.intercept
        return out


def fit_ridge(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    rule: Rule = "loo",
    alpha: float | None = None,
    points: int = 33,
    scale: Literal["none", "standard"] = "none",
    sample_weight: ArrayLike | None = None,
) -> LinearHead:
    """Return the ridge head whose strength has the smallest leave-one-out or GCV score.

    Parameters
    ----------
    X : array of shape (n, d)
        Features.
    Y : array of shape (n, K)
        Targets; raw scores, probabilities, one-hot rows or numbers.
    rule : {"loo", "gcv"}
        Score to minimize; ties go to the larger strength. Neither reads more than `X` and `Y`.
    alpha : float, optional
        A strength to use instead of choosing one.
    points : int
        Points of `alpha_grid`.
    scale : {"none", "standard"}
        ``"standard"`` divides each feature by its standard deviation on these rows; a constant
        feature is divided by 1.
    sample_weight : array of shape (n,), optional
        Non-negative weights.

    Returns
    -------
    LinearHead
        Weights refer to the features as given, whatever the scaling.
    """
    features = as_matrix(X, "features")
    weights = check_weights(sample_weight, len(features))
    deviation = _deviation(features, weights) if scale == "standard" else np.ones(features.shape[1])
    scaled = features / deviation if scale == "standard" else features
    path = ridge_path(scaled, Y, alphas=[alpha] if alpha is not None else None, points=points, sample_weight=weights)
    if alpha is not None:
        best = 0
    else:
        score = loo_error(path, scaled, Y) if rule == "loo" else path.gcv
        best = len(score) - 1 - int(np.nanargmin(score[::-1]))
    W, b = path.coefficients(best)
    return LinearHead(
        coef=W / deviation[:, None],
        intercept=b,
        alpha=float(path.alphas[best]),
        rule=rule if alpha is None else "given",
        at_edge=alpha is None and len(path.alphas) > 1 and best in (0, len(path.alphas) - 1),
    )


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


def _deviation(X: NDArray[np.floating[Any]], weights: Float) -> Float:
    mean = np.average(X, axis=0, weights=weights)
    deviation = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weights))
    constant = deviation <= 10 * np.finfo(X.dtype).eps * np.abs(mean)
    return np.where(constant, 1.0, deviation)
