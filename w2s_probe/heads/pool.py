"""Heads on one pool pay once for what depends on its features alone."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.types import Features, Rows
from w2s_probe.heads.linear import LinearHead
from w2s_probe.heads.ridge import fit_ridge, ridge_spectrum
from w2s_probe.heads.softmax import fit_softmax
from w2s_probe.linalg.spectra import Spectrum


class PoolFits:
    """Fits heads of one kind; ridge heads on the pool that is held share its eigendecomposition.

    Student and ceiling see the same rows, and so do several strategies, strengths, and seeds or sizes
    whose pool is the same.

    Parameters
    ----------
    kind : {"ridge", "softmax"}
        Of the heads.
    """

    def __init__(self, kind: Literal["ridge", "softmax"]) -> None:
        self.kind = kind
        self._source: Features | None = None
        self._rows: Rows = np.empty(0, dtype=np.intp)
        self._X: Features | None = None
        self._spectra: dict[str, Spectrum] = {}

    def hold(self, features: Features, rows: Rows) -> Features:
        """Return the features of a pool, shape (N, d); the same array if these rows are held already.

        Parameters
        ----------
        features : array of shape (n, d)
            All features.
        rows : array of int, shape (N,)
            Rows of the pool.
        """
        if self._X is None or features is not self._source or not np.array_equal(rows, self._rows):
            self._source, self._rows, self._X, self._spectra = features, rows, features[rows], {}
        return self._X

    def fit(self, X: Features, Y: ArrayLike, *, sample_weight: ArrayLike | None = None, **options: Any) -> LinearHead:
        """Return the head that `fit_ridge` or `fit_softmax` returns for these rows.

        Parameters
        ----------
        X : array of shape (m, d)
            Features; the array that `hold` returned, or any other.
        Y : array of shape (m, K)
            Targets.
        sample_weight : array of shape (m,), optional
            Non-negative weights.
        **options
            As the fit of this kind takes them.
        """
        if self.kind == "softmax":
            return fit_softmax(X, Y, sample_weight=sample_weight, **options)
        if X is self._X and sample_weight is None and "spectrum" not in options:
            options["spectrum"] = self.spectrum(X, options.get("scale", "none"))
        return fit_ridge(X, Y, sample_weight=sample_weight, **options)

    def spectrum(self, X: Features, scale: Literal["none", "standard"]) -> Spectrum:
        """Return what ridge heads on these rows have in common; that of the pool that is held is kept.

        Parameters
        ----------
        X : array of shape (m, d)
            Features; the array that `hold` returned, or any other.
        scale : {"none", "standard"}
            As in `fit_ridge`.
        """
        if X is not self._X:
            return ridge_spectrum(X, scale=scale)
        if scale not in self._spectra:
            self._spectra[scale] = ridge_spectrum(X, scale=scale)
        return self._spectra[scale]
