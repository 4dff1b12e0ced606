"""Ridge heads; leave-one-out error or GCV on the training rows chooses the strength."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.arrays import as_matrix, check_weights
from w2s_probe.core.fit_options import RIDGE_POINTS, Scale
from w2s_probe.core.types import Features, Float
from w2s_probe.heads.linear import LinearHead, deviations
from w2s_probe.linalg.choice import Choice, choose_strength
from w2s_probe.linalg.loo import loo_residuals, loo_score
from w2s_probe.linalg.ridge import RidgePath, ridge_path
from w2s_probe.linalg.spectra import Spectrum, centered_spectrum

Rule = Literal["loo", "gcv"]


def fit_ridge(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    rule: Rule = "loo",
    alpha: float | None = None,
    points: int = RIDGE_POINTS,
    scale: Scale = "none",
    sample_weight: ArrayLike | None = None,
    spectrum: Spectrum | None = None,
) -> LinearHead:
    """Return the ridge head whose strength has the smallest leave-one-out or GCV score.

    Parameters
    ----------
    X : array of shape (n, d)
        Features.
    Y : array of shape (n, K)
        Targets: raw scores, probabilities, one-hot rows or numbers.
    rule : {"loo", "gcv"}
        Score to minimize; ties go to the larger strength. Both read only `X` and `Y`.
    alpha : float, optional
        Fixed strength; none is chosen then.
    points : int
        Strengths within four decades of the grid's center, see `linalg.strengths`.
    scale : {"none", "standard"}
        ``"standard"`` divides each feature by its standard deviation on these rows (constant features by 1).
    sample_weight : array of shape (n,), optional
        Non-negative weights.
    spectrum : Spectrum, optional
        Return value of `ridge_spectrum` for the same `X` and `scale`; only without weights.

    Returns
    -------
    LinearHead
        Its weights refer to the unscaled features.
    """
    features = as_matrix(X, "features")
    weights = check_weights(sample_weight, len(features))
    deviation, scaled = _scaled(features, weights, scale)
    alphas = [alpha] if alpha is not None else None
    path = ridge_path(scaled, Y, alphas=alphas, points=points, sample_weight=weights, spectrum=spectrum)
    if alpha is not None:
        return replace(head_of_path(path, 0), coef=path.coefficients(0)[0] / deviation[:, None])
    head = chosen_head(path, (lambda tried: loo_score(tried, scaled, Y)) if rule == "loo" else _gcv, rule=rule)
    return replace(head, coef=head.coef / deviation[:, None])


def left_out_scores(
    X: ArrayLike, Y: ArrayLike, *, alpha: float | None = None, points: int = RIDGE_POINTS, scale: Scale = "none"
) -> Float:
    """Return the leave-one-out scores, shape (n, K), at `alpha`, or at the strength that `fit_ridge` chooses by them.

    Strength and scaling stay those of all rows.
    """
    features, targets = as_matrix(X, "features"), as_matrix(Y, "targets").astype(np.float64)
    _, scaled = _scaled(features, np.ones(len(features)), scale)
    path = ridge_path(scaled, Y, alphas=None if alpha is None else [alpha], points=points)
    choice = choose_strength(path, lambda tried: loo_score(tried, scaled, Y))
    return targets - loo_residuals(choice.path, scaled, Y, index=choice.index)


def ridge_spectrum(X: ArrayLike, *, scale: Scale = "none") -> Spectrum:
    """Return the spectrum of features (n, d) that all ridge heads on these rows share, whatever their targets."""
    features = as_matrix(X, "features")
    weights = np.ones(len(features))
    _, scaled = _scaled(features, weights, scale)
    spectrum, _ = centered_spectrum(scaled, np.empty((len(features), 0)), weights)
    return spectrum


def chosen_head(path: RidgePath, score: Callable[[RidgePath], Float], *, rule: Rule) -> LinearHead:
    """Return the head at the strength with the smallest score; ties go to the larger strength.

    ``score(path)`` returns the leave-one-out score or the GCV of each strength of a path, shape (A,), as `rule` says.
    """
    return head_of_choice(choose_strength(path, score), rule=rule)


def head_of_choice(choice: Choice, *, rule: Rule) -> LinearHead:
    """Return the head at a chosen strength."""
    head = head_of_path(choice.path, choice.index)
    return replace(head, rule=rule, at_edge=bool(choice.end), upper_end=choice.end == "upper")


def head_of_path(path: RidgePath, index: int) -> LinearHead:
    """Return the head at one strength of a path, by its position."""
    W, b = path.coefficients(index)
    alpha = float(path.alphas[index])
    return LinearHead(kind="ridge", coef=W, intercept=b, alpha=alpha, rule="given", at_edge=False)


def _gcv(path: RidgePath) -> Float:
    return path.gcv


def _scaled(features: Features, weights: Float, scale: str) -> tuple[Float, Features]:
    """Return the divisor of each feature, shape (d,), and the scaled features."""
    if scale == "none":
        return np.ones(features.shape[1]), features
    deviation = deviations(features, weights)
    return deviation, features / deviation
