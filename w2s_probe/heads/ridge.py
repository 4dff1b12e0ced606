"""Ridge heads: a linear map on frozen features whose strength is chosen without the test rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.arrays import as_matrix, check_weights
from w2s_probe.core.types import Features, Float
from w2s_probe.heads.linear import LinearHead, deviations
from w2s_probe.linalg.loo import loo_error
from w2s_probe.linalg.ridge import RidgePath, ridge_path
from w2s_probe.linalg.spectra import Spectrum, centered_spectrum

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
    spectrum: Spectrum | None = None,
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
    spectrum : Spectrum, optional
        What `ridge_spectrum` returned for the same `X` and `scale`, without weights.

    Returns
    -------
    LinearHead
        Weights refer to the features as given, whatever the scaling.
    """
    features = as_matrix(X, "features")
    weights = check_weights(sample_weight, len(features))
    deviation, scaled = _scaled(features, weights, scale)
    given = [alpha] if alpha is not None else None
    path = ridge_path(scaled, Y, alphas=given, points=points, sample_weight=weights, spectrum=spectrum)
    if alpha is not None:
        return replace(head_of_path(path, 0), coef=path.coefficients(0)[0] / deviation[:, None])
    head = chosen_head(path, loo_error(path, scaled, Y) if rule == "loo" else path.gcv, rule=rule)
    return replace(head, coef=head.coef / deviation[:, None])


def ridge_spectrum(X: ArrayLike, *, scale: Literal["none", "standard"] = "none") -> Spectrum:
    """Return what heads fitted to these rows have in common, whatever their targets.

    Parameters
    ----------
    X : array of shape (n, d)
        Features.
    scale : {"none", "standard"}
        As in `fit_ridge`.
    """
    features = as_matrix(X, "features")
    weights = np.ones(len(features))
    _, scaled = _scaled(features, weights, scale)
    spectrum, _ = centered_spectrum(scaled, np.empty((len(features), 0)), weights)
    return spectrum


def chosen_head(path: RidgePath, score: Float, *, rule: Rule) -> LinearHead:
    """Return the head at the strength with the smallest score; ties go to the larger strength.

    Parameters
    ----------
    path : RidgePath
        Solutions along A strengths.
    score : array of shape (A,)
        Leave-one-out error or GCV; NaN where there is none.
    rule : {"loo", "gcv"}
        Which of the two it is.
    """
    best = len(score) - 1 - int(np.nanargmin(score[::-1]))
    at_edge = len(path.alphas) > 1 and best in (0, len(path.alphas) - 1)
    return replace(head_of_path(path, best), rule=rule, at_edge=at_edge)


def head_of_path(path: RidgePath, index: int) -> LinearHead:
    """Return the head at a strength that was given.

    Parameters
    ----------
    path : RidgePath
        Solutions along several strengths.
    index : int
        Position of the strength.
    """
    W, b = path.coefficients(index)
    alpha = float(path.alphas[index])
    return LinearHead(kind="ridge", coef=W, intercept=b, alpha=alpha, rule="given", at_edge=False)


def _scaled(features: Features, weights: Float, scale: str) -> tuple[Float, Features]:
    """Return what each feature is divided by, and the result."""
    if scale == "none":
        return np.ones(features.shape[1]), features
    deviation = deviations(features, weights)
    return deviation, features / deviation
