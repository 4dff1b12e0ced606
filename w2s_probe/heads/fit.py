"""Fits the head that `FitOptions` describe."""

from __future__ import annotations

from typing import Literal, cast

from numpy.typing import ArrayLike

from w2s_probe.core.fit_options import FitOptions, default_points
from w2s_probe.core.types import Rows
from w2s_probe.heads.bradley_terry import fit_bradley_terry
from w2s_probe.heads.linear import LinearHead
from w2s_probe.heads.ridge import fit_ridge
from w2s_probe.heads.softmax import OnFit, fit_softmax
from w2s_probe.linalg.spectra import Spectrum


def fit_head(
    X: ArrayLike,
    Y: ArrayLike,
    options: FitOptions,
    *,
    sample_weight: ArrayLike | None = None,
    spectrum: Spectrum | None = None,
    links: Rows | None = None,
    on_fit: OnFit | None = None,
) -> LinearHead:
    """Return the head on features (m, d) and targets (m, K).

    Ridge heads use the spectrum of `X` if it is given; softmax heads call `on_fit` as `fit_softmax` does. Heads without
    intercept are Bradley–Terry heads; `links` tells which of their pairs share items.
    """
    if not options.intercept:
        return fit_bradley_terry(
            X,
            Y,
            alpha=options.alpha,
            points=options.points,
            scale=options.scale,
            loss=options.loss,
            exponent=options.exponent,
            sample_weight=sample_weight,
            links=links,
            on_fit=on_fit,
        )
    if options.kind == "softmax":
        return fit_softmax(
            X,
            Y,
            alpha=options.alpha,
            points=options.points,
            scale=options.scale,
            loss=options.loss,
            exponent=options.exponent,
            confidence=options.confidence,
            sample_weight=sample_weight,
            on_fit=on_fit,
        )
    return fit_ridge(
        X,
        Y,
        rule=cast("Literal['loo', 'gcv']", options.rule),
        alpha=options.alpha,
        points=options.points or default_points("ridge", None),
        scale=options.scale,
        sample_weight=sample_weight,
        spectrum=spectrum,
    )
