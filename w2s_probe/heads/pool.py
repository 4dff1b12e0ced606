"""Fits heads; ridge heads on one pool share one eigendecomposition of its features."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.arrays import frozen
from w2s_probe.core.fit_options import FitOptions, Scale
from w2s_probe.core.linked_rows import LinkedRows
from w2s_probe.core.row_view import row_view
from w2s_probe.core.types import Features, Rows
from w2s_probe.heads.fit import fit_head
from w2s_probe.heads.linear import LinearHead
from w2s_probe.heads.ridge import ridge_spectrum
from w2s_probe.heads.softmax import OnFit
from w2s_probe.linalg.spectra import Spectrum


class PoolFits(threading.local):
    """Fits heads; ridge heads on the stored pool share its eigendecomposition.

    Student, ceiling and all strategies and strengths see the same pool, and often several seeds or sizes do. Each
    thread has a pool of its own.
    Softmax heads call `on_fit`, see `fit_softmax`; None by default. `pairs` knows the items of preference pairs.
    """

    def __init__(self) -> None:
        self.on_fit: OnFit | None = None
        self.pairs: LinkedRows | None = None
        self._source: Features | None = None
        self._rows: Rows = np.empty(0, dtype=np.intp)
        self._X: Features | None = None
        self._copy: Features | None = None
        self._spectra: dict[str, Spectrum] = {}

    def hold(self, features: Features, rows: Rows) -> Features:
        """Store a pool and return a view of its features, shape (N, d): the same one if these rows are stored already.

        Parameters
        ----------
        features : array of shape (n, d)
            All features.
        rows : array of int, shape (N,)
            Rows of the pool.
        """
        if self._X is None or features is not self._source or not np.array_equal(rows, self._rows):
            self._source, self._rows, self._X, self._spectra = features, rows, row_view(features, rows), {}
            self._copy = None
        return self._X

    def array(self) -> Features:
        """Return the stored pool as an array, copied once: for strategies, which may do anything with it."""
        if self._copy is None:
            self._copy = frozen(np.array(self._X))
        return self._copy

    def fit(
        self,
        X: Features,
        Y: ArrayLike,
        options: FitOptions,
        *,
        sample_weight: ArrayLike | None = None,
        spectrum: Spectrum | None = None,
    ) -> LinearHead:
        """Return the head that `fit_head` returns for these rows.

        Parameters
        ----------
        X : array of shape (m, d)
            Features: the stored pool from `hold` or `array`, or any other.
        Y : array of shape (m, K)
            Targets.
        options : FitOptions
            Kind, scaling, strength and loss of the head.
        sample_weight : array of shape (m,), optional
            Non-negative weights.
        spectrum : Spectrum, optional
            Return value of `spectrum` for `X`; then `X` need not be stored.
        """
        if spectrum is None and self._stored(X) and sample_weight is None and options.kind == "ridge":
            spectrum = self.spectrum(X, options.scale)
        chooses = not options.intercept and options.alpha is None  # a strength for pairs
        links = self.pairs.of(X) if chooses and self.pairs is not None else None
        return fit_head(X, Y, options, sample_weight=sample_weight, spectrum=spectrum, links=links, on_fit=self.on_fit)

    def spectrum(self, X: Features, scale: Scale) -> Spectrum:
        """Return the spectrum that ridge heads on these rows share; computed once for the stored pool.

        Parameters
        ----------
        X : array of shape (m, d)
            Features: the stored pool from `hold` or `array`, or any other.
        scale : {"none", "standard"}
            Scaling of the features, see `fit_ridge`.
        """
        if not self._stored(X):
            return ridge_spectrum(X, scale=scale)
        if scale not in self._spectra:
            self._spectra[scale] = ridge_spectrum(X, scale=scale)
        return self._spectra[scale]

    def _stored(self, X: Features) -> bool:
        return X is self._X or (X is self._copy and X is not None)
