"""Dimensions of one feature space from the eigenvalues of its Gram: energy ranks, participation ratio, ridge df."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from w2s_probe.core.types import Float
from w2s_probe.linalg.moments import Moments
from w2s_probe.linalg.whitening import energy_rank, principal_axes

ENERGIES = (0.99, 0.95, 0.90)
MOST_RANKS = 64  # at which the cumulative energy is returned


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralDimension:
    """Dimensions of one space, computed from the eigenvalues of its Gram.

    Parameters
    ----------
    centered, uncentered : dict of int to int
        Smallest number of principal axes with 99, 95 and 90 % of the energy, around the mean and around
        zero; the weak-to-strong literature uses uncentered features.
    participation_ratio, effective_rank : float
        Computed from the centered eigenvalues.
    rank : int
        Number of positive centered eigenvalues, at most the number of columns and of rows minus 1.
    cumulative_energy : dict of int to float
        Share of the centered energy in the first 1, 2, … principal axes, at up to `MOST_RANKS` ranks.
    """

    centered: dict[int, int]
    uncentered: dict[int, int]
    participation_ratio: float
    effective_rank: float
    rank: int
    cumulative_energy: dict[int, float]


def spectral_dimension(moments: Moments, name: str) -> SpectralDimension:
    """Return the spectral dimensions of a block of columns; `ShapeError` if all rows are equal."""
    s = principal_axes(moments, name).eigenvalues
    mean = moments.mean_of(name)
    about_zero = linalg.eigvalsh(moments.gram(name) + moments.n * np.outer(mean, mean), check_finite=False)[::-1]
    positive = about_zero[about_zero > 0].astype(np.float64)
    return SpectralDimension(
        centered={round(100 * energy): energy_rank(s, energy) for energy in ENERGIES},
        uncentered={round(100 * energy): energy_rank(positive, energy) for energy in ENERGIES},
        participation_ratio=participation_ratio(s),
        effective_rank=effective_rank(s),
        rank=len(s),
        cumulative_energy=cumulative_energy(s),
    )


def cumulative_energy(eigenvalues: Float) -> dict[int, float]:
    """Return the share of the first eigenvalues in the sum of all, at ranks that grow by about the same factor.

    The eigenvalues, shape (r,), are positive and descending.

    Examples
    --------
    >>> import numpy as np
    >>> cumulative_energy(np.array([6.0, 3.0, 1.0]))
    {1: 0.6, 2: 0.9, 3: 1.0}
    """
    ranks = np.unique(np.geomspace(1, len(eigenvalues), MOST_RANKS).round().astype(int))
    sums = np.cumsum(eigenvalues)
    return {int(rank): float(sums[rank - 1] / sums[-1]) for rank in ranks}


def participation_ratio(eigenvalues: Float) -> float:
    r"""Return :math:`(\sum_j s_j)^2 / \sum_j s_j^2`: d for d equal eigenvalues.

    Parameters
    ----------
    eigenvalues : array of shape (r,)
        Positive.

    Examples
    --------
    >>> import numpy as np
    >>> participation_ratio(np.array([2.0, 2.0, 2.0]))
    3.0
    """
    return float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())


def effective_rank(eigenvalues: Float) -> float:
    r"""Return :math:`\exp(-\sum_j p_j \log p_j)`, :math:`p_j = s_j / \sum_k s_k` [1]_.

    Parameters
    ----------
    eigenvalues : array of shape (r,)
        Positive.

    References
    ----------
    .. [1] Roy and Vetterli (2007), EUSIPCO.
    """
    p = eigenvalues / eigenvalues.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def ridge_df(eigenvalues: Float, alpha: float) -> float:
    r"""Return the degrees of freedom of ridge regression, :math:`\sum_j s_j / (s_j + \alpha)`.

    Parameters
    ----------
    eigenvalues : array of shape (r,)
        Eigenvalues of the centered Gram of the rows that a head is fitted to; the intercept is not counted.
    alpha : float
        Ridge strength, with scikit-learn's meaning.
    """
    return float((eigenvalues / (eigenvalues + alpha)).sum())
