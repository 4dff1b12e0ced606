"""Features in the eigenbasis of their Gram matrix: the coordinates of every softmax solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w2s_probe.core.errors import ShapeError
from w2s_probe.core.types import Features, Float
from w2s_probe.linalg.spectra import Spectrum, centered_spectrum


@dataclass(frozen=True, eq=False, kw_only=True)
class Coordinates:
    """Features in the eigenbasis of their Gram matrix, centered unless heads have no intercept.

    Parameters
    ----------
    spectrum : Spectrum
        Mean, axes and eigenvalues s of the weighted features.
    Z : array of shape (n, r)
        ``(X - mean) @ axes``. Its columns have the sums of squares s if all weights are 1.
    intercept : bool
        Whether heads have an intercept; without one the mean is 0.
    """

    spectrum: Spectrum
    Z: Float
    intercept: bool = True

    def to_features(self, W: Float, b: Float) -> tuple[Float, Float]:
        """Return weights (d, K) and intercept (K,) on the features, for W (r, f) and b (f,) in eigencoordinates."""
        coef = self.spectrum.axes @ W
        intercept = b - self.spectrum.mean @ coef
        return (coef, intercept) if len(b) > 1 else (with_both_classes(coef), with_both_classes(intercept[None])[0])


def eigen_coordinates(X: Features, weights: Float, *, intercept: bool = True) -> Coordinates:
    """Return the eigencoordinates of features of shape (n, d), or raise `ShapeError` if all rows are equal.

    Without an intercept, the rows are differences of pairs: they are not centered, and refused only if all are 0.
    """
    mean = None if intercept else np.zeros(X.shape[1])
    spectrum, _ = centered_spectrum(X, np.zeros((len(X), 1)), weights, mean=mean)
    if not len(spectrum.eigenvalues):
        rows = "rows: all" if intercept else "the sides of a pair: in all"
        same = "rows are equal" if intercept else "pairs both sides are equal"
        msg = f"features must differ between {rows} {len(X)} {same}. Use another backbone or feature file."
        raise ShapeError(msg)
    return Coordinates(spectrum=spectrum, Z=(X - spectrum.mean) @ spectrum.axes, intercept=intercept)


def free_columns(K: int) -> int:
    """Return the number of weight columns of K classes: one (log-odds) for two classes, as in scikit-learn."""
    return 1 if K == 2 else K


def with_both_classes(log_odds: Float) -> Float:
    """Return logits of two classes, shape (…, 2), for log-odds of the second, shape (…, 1)."""
    return np.concatenate([-log_odds / 2, log_odds / 2], axis=-1)
