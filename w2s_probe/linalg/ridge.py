r"""Ridge regression for every strength at once, from one eigendecomposition.

Minimizes :math:`\sum_i w_i \lVert y_i - b - W^\top x_i \rVert^2 + \alpha \lVert W \rVert_F^2`
with an unpenalized intercept :math:`b`; :math:`\alpha` has scikit-learn's meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.arrays import as_matrix, check_same_rows, check_weights
from w2s_probe.core.errors import ConfigError, ShapeError
from w2s_probe.core.fit_options import RIDGE_POINTS
from w2s_probe.core.types import Float
from w2s_probe.linalg.spectra import Spectrum, centered_spectrum, loadings_of, spectrum_of_gram
from w2s_probe.linalg.strengths import covering_grid


@dataclass(frozen=True, eq=False, kw_only=True)
class RidgePath:
    """Ridge solutions at all strengths `alphas`.

    Parameters
    ----------
    alphas : array of shape (A,)
        Strengths, 0 allowed (minimum-norm least squares).
    spectrum : Spectrum
        Axes and eigenvalues of the centered features.
    loadings : array of shape (r, K)
        Targets along the axes, ``U.T @ sqrt(w) * (Y - mean)``.
    target_mean : array of shape (K,)
        Weighted mean of the targets.
    total : float
        Weighted sum of squares of the centered targets, over all columns.
    grid : bool
        Whether the strengths are a grid that goes on while an end of it is best, see `linalg.choice`.
    """

    alphas: Float
    spectrum: Spectrum
    loadings: Float
    target_mean: Float
    total: float
    grid: bool = False

    @property
    def dof(self) -> Float:
        """Effective degrees of freedom at each alpha, intercept included; shape (A,)."""
        s = self.spectrum.eigenvalues
        return 1.0 + (s / (s + self.alphas[:, None])).sum(axis=1)

    @property
    def gcv(self) -> Float:
        r"""Generalized cross-validation at each alpha; shape (A,).

        :math:`n^{-1}\mathrm{RSS} / (1 - \mathrm{dof}/n)^2`, summed over targets; NaN where
        there are no residual degrees of freedom [1]_.

        References
        ----------
        .. [1] Golub, Heath and Wahba (1979), Technometrics 21.
        """
        s, rank = self.spectrum.eigenvalues, self.spectrum.residual_rank
        outside = max(self.total - float((self.loadings**2).sum()), 0.0) if rank > 0 else 0.0
        shrunk = self.alphas[:, None] / (s + self.alphas[:, None])
        rss = outside + shrunk**2 @ (self.loadings**2).sum(axis=1)
        free = rank + shrunk.sum(axis=1)
        n = np.count_nonzero(self.spectrum.weights)
        with np.errstate(divide="ignore", invalid="ignore"):
            score = n * rss / free**2
        return np.where(free > 0, score, np.nan)

    def coefficients(self, index: int) -> tuple[Float, Float]:
        """Return weights (d, K) and intercept (K,) at ``alphas[index]``."""
        s = self.spectrum.eigenvalues
        shrunk = (np.sqrt(s) / (s + self.alphas[index]))[:, None] * self.loadings
        W = self.spectrum.axes @ shrunk
        return W, self.target_mean - self.spectrum.mean @ W


def ridge_path(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    alphas: ArrayLike | None = None,
    points: int = RIDGE_POINTS,
    sample_weight: ArrayLike | None = None,
    spectrum: Spectrum | None = None,
) -> RidgePath:
    """Return ridge solutions for all targets and strengths from one eigendecomposition.

    Parameters
    ----------
    X : array of shape (n, d)
        Features; float32 is read by blocks and computed in float64.
    Y : array of shape (n, K)
        Targets: one-hot rows, probabilities, scores or numbers.
    alphas : array of shape (A,), optional
        Non-negative strengths; by default `strengths.covering_grid` of the features.
    points : int
        Strengths of the default grid within four decades of its center.
    sample_weight : array of shape (n,), optional
        Non-negative weights.
    spectrum : Spectrum, optional
        Spectrum of the same rows with the same weights; computed if None.

    Returns
    -------
    RidgePath
        Coefficients, degrees of freedom and GCV at every alpha. `loo_error` gives exact leave-one-out errors.

    Raises
    ------
    ShapeError
        If arrays do not fit together, or all rows of `X` are equal.
    ConfigError
        If an alpha is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> path = ridge_path(X, 2 * X + 1, alphas=[0.0])
    >>> W, b = path.coefficients(0)
    >>> float(W.round(12)[0, 0]), float(b.round(12)[0])
    (2.0, 1.0)
    """
    features, targets = as_matrix(X, "features"), as_matrix(Y, "targets").astype(np.float64)
    check_same_rows("targets", len(targets), "features", len(features))
    weights = check_weights(sample_weight, len(features))
    target_mean = weights @ targets / weights.sum()
    centered = np.sqrt(weights)[:, None] * (targets - target_mean)
    if spectrum is None:
        spectrum, loadings = centered_spectrum(features, centered, weights)
    else:
        loadings = loadings_of(spectrum, features, centered)
    if not len(spectrum.eigenvalues):
        msg = (
            f"features must differ between rows: got {len(features)} equal rows. Use another backbone or features file."
        )
        raise ShapeError(msg)
    return RidgePath(
        alphas=covering_grid(spectrum, points=points) if alphas is None else _check_alphas(alphas),
        spectrum=spectrum,
        loadings=loadings,
        target_mean=target_mean,
        total=float((centered**2).sum()),
        grid=alphas is None and points > 1,
    )


def path_of_gram(
    gram: Float,
    cross: Float,
    *,
    n: int,
    mean: Float,
    target_mean: Float,
    total: float,
    alphas: ArrayLike | None = None,
    points: int = RIDGE_POINTS,
    spectrum: Spectrum | None = None,
) -> RidgePath:
    """Return ridge solutions from sufficient statistics of n rows: no row is read.

    `gram`, shape (d, d), is the centered Gram of the features; `cross`, shape (d, K), holds centered products of
    features and targets. `mean` (d,) and `target_mean` (K,) are means, and `total` is the sum of squares of the
    centered targets over all columns. `alphas` and `points` are those of `ridge_path`. `spectrum` is the spectrum of
    `gram`; it is computed if None.
    """
    spectrum = spectrum_of_gram(gram, n=n, mean=mean) if spectrum is None else spectrum
    if not len(spectrum.eigenvalues):
        msg = f"features must differ between rows: got {n} equal rows. Use another backbone or features file."
        raise ShapeError(msg)
    return RidgePath(
        alphas=covering_grid(spectrum, points=points) if alphas is None else _check_alphas(alphas),
        spectrum=spectrum,
        loadings=(spectrum.axes / np.sqrt(spectrum.eigenvalues)).T @ cross,
        target_mean=target_mean,
        total=total,
        grid=alphas is None and points > 1,
    )


def _check_alphas(alphas: ArrayLike) -> Float:
    strengths = np.atleast_1d(np.asarray(alphas, dtype=np.float64))
    if strengths.ndim != 1 or not np.isfinite(strengths).all() or (strengths < 0).any():
        msg = f"strengths must be finite and at least 0: got {alphas!r}. Use numbers such as [0.1, 1, 10]."
        raise ConfigError(msg)
    return strengths
