"""Similarity of two feature spaces: linear CKA, Procrustes distance, shared nearest neighbors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from w2s_probe.diagnostics.neighbors import Neighbors
from w2s_probe.diagnostics.paired import PairedMoments


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearCKA:
    """Linear centered kernel alignment.

    Parameters
    ----------
    biased : float
        Biased estimate, in [0, 1].
    biased_chance : float
        Exact mean of the biased estimate over all orders of the teacher's rows.
    debiased : float
        Debiased estimate, at most 1, with chance level 0; NaN for fewer than four rows.
    """

    biased: float
    biased_chance: float
    debiased: float


def linear_cka(pair: PairedMoments) -> LinearCKA:
    r"""Return biased [1]_ and debiased [2]_ linear CKA.

    Biased: :math:`\lVert X^\top Y \rVert_F^2 / (\lVert X^\top X \rVert_F \lVert Y^\top Y \rVert_F)` of centered
    features. Debiased: the same ratio of :math:`h(X, Y) = \lVert X^\top Y \rVert_F^2 - \frac{m}{m-2}
    \sum_i a_i b_i + \frac{\sum a \sum b}{(m-1)(m-2)}` with :math:`a_i = \lVert x_i \rVert^2` and
    :math:`b_i = \lVert y_i \rVert^2`, which is :math:`m(m-3)` times the unbiased HSIC.

    Parameters
    ----------
    pair : PairedMoments
        Moments of both feature spaces.

    Raises
    ------
    ShapeError
        If all rows of a space are equal.

    References
    ----------
    .. [1] Kornblith, Norouzi, Lee and Hinton (2019), ICML.
    .. [2] Song, Smola, Gretton, Bedo and Borgwardt (2012), JMLR 13, equation 5.
    """
    m, names = pair.whole.n, ("teacher", "student")
    for name in names:
        pair.axes(name)  # raises ShapeError
    between = {(x, y): float((pair.whole.gram(x, y) ** 2).sum()) for x in names for y in names}
    traces = {name: float(np.trace(pair.whole.gram(name))) for name in names}
    own = np.sqrt(between["teacher", "teacher"] * between["student", "student"])

    def unbiased(x: str, y: str) -> float:
        diagonal = m / (m - 2) * pair.square_products(x, y)
        return between[x, y] - diagonal + traces[x] * traces[y] / ((m - 1) * (m - 2))

    debiased = np.nan
    if m > 3:
        squared = unbiased("teacher", "teacher") * unbiased("student", "student")
        debiased = unbiased("teacher", "student") / np.sqrt(squared) if squared > 0 else np.nan
    return LinearCKA(
        biased=float(between["teacher", "student"] / own),
        biased_chance=float(traces["teacher"] * traces["student"] / ((m - 1) * own)),
        debiased=float(debiased),
    )


def procrustes(pair: PairedMoments) -> float:
    r"""Return the squared distance of both spaces after the best rotation and scaling, in [0, 1].

    :math:`1 - \lVert X^\top Y \rVert_*^2` of centered features of unit Frobenius norm, the disparity of
    `scipy.spatial.procrustes` (the narrower space is padded with zeros): 0 for rotated copies.

    Parameters
    ----------
    pair : PairedMoments
        Moments of both feature spaces.

    Raises
    ------
    ShapeError
        If all rows of a space are equal.

    References
    ----------
    .. [1] Schönemann (1966), Psychometrika 31.
    """
    total = [pair.axes(name).eigenvalues.sum() for name in ("teacher", "student")]
    nuclear = linalg.svdvals(pair.whole.gram("teacher", "student"), check_finite=False).sum()
    return float(1 - nuclear**2 / (total[0] * total[1]))


def procrustes_by_chance(pair: PairedMoments, *, rng: np.random.Generator) -> float:
    """Return one draw of `procrustes` for unrelated Gaussian features with the eigenvalues of both spaces.

    `rng` draws the cross-moment, a sum of so many terms that draws hardly differ. `ShapeError` if all rows of a
    space are equal.
    """
    s, r = (pair.axes(name).eigenvalues for name in ("teacher", "student"))
    cross = np.sqrt(s)[:, None] * rng.standard_normal((len(s), len(r))) * np.sqrt(r) / np.sqrt(pair.whole.n - 1)
    return float(1 - linalg.svdvals(cross, check_finite=False).sum() ** 2 / (s.sum() * r.sum()))


def mutual_knn(teacher: Neighbors, student: Neighbors, *, k: int) -> float:
    """Return the fraction of a row's k nearest neighbors that both spaces share [1]_, averaged over the n rows.

    Unrelated spaces share k / (n - 1).

    Parameters
    ----------
    teacher, student : Neighbors
        Neighbors of the same rows, at least k of each row.
    k : int
        Number of neighbors to compare.

    References
    ----------
    .. [1] Huh, Cheung, Wang and Isola (2024), ICML.
    """
    row = len(teacher.indices) * np.arange(len(teacher.indices))[:, None]
    edges_t, edges_s = ((row + neighbors.indices[:, :k]).ravel() for neighbors in (teacher, student))
    return float(np.isin(edges_t, edges_s, assume_unique=True).mean())
