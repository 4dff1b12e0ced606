"""Ridge heads: a linear map on frozen features whose strength is chosen without the test rows."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.heads.linear import LinearHead, deviations
from w2s_probe.linalg.loo import loo_error
from w2s_probe.linalg.ridge import ridge_path
from w2s_probe.validation import as_matrix, check_weights

__all__ = ["fit_ridge"]

Rule = Literal["loo", "gcv"]


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
    deviation = deviations(features, weights) if scale == "standard" else np.ones(features.shape[1])
    scaled = features / deviation if scale == "standard" else features
    path = ridge_path(scaled, Y, alphas=[alpha] if alpha is not None else None, points=points, sample_weight=weights)
    if alpha is not None:
        best = 0
    else:
        score = loo_error(path, scaled, Y) if rule == "loo" else path.gcv
        best = len(score) - 1 - int(np.nanargmin(score[::-1]))
    W, b = path.coefficients(best)
    return LinearHead(
        kind="ridge",
        coef=W / deviation[:, None],
        intercept=b,
        alpha=float(path.alphas[best]),
        rule=rule if alpha is None else "given",
        at_edge=alpha is None and len(path.alphas) > 1 and best in (0, len(path.alphas) - 1),
    )
