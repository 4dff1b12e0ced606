"""Local dimension of one feature space from distances of nearest neighbors: TwoNN and maximum likelihood.

Above about ten dimensions both estimates are too low, because 10,000 rows are far too few to sample
such a neighborhood: 70 dimensions give estimates of 33 to 42. The theory of weak-to-strong generalization
uses spectral dimensions; the local dimensions show how curved or clustered the features are.
"""

from __future__ import annotations

import numpy as np

from w2s_probe.core.errors import ShapeError
from w2s_probe.diagnostics.neighbors import Neighbors


def twonn_dimension(neighbors: Neighbors, *, discard: float = 0.1) -> float:
    r"""Return the intrinsic dimension by the ratio of the second to the first neighbor's distance.

    The slope through the origin of :math:`-\log(1 - F_i)` on :math:`\log\mu_{(i)}` over the
    smallest ratios [1]_. Convention: :math:`F_i = i/N` with i from 1, as in the paper and in
    scikit-dimension 0.5; other implementations count i from 0 and give smaller values, above all on few rows.

    Parameters
    ----------
    neighbors : Neighbors
        Neighbors of N rows, with k of at least 2 and no distance of 0.
    discard : float
        Fraction of the largest ratios to drop, in [0, 1).

    Raises
    ------
    ShapeError
        If fewer than two ratios remain, or no ratio exceeds 1.

    References
    ----------
    .. [1] Facco, d'Errico, Rodriguez and Laio (2017), Scientific Reports 7.
    """
    ratios = np.sort(neighbors.distances[:, 1] / neighbors.distances[:, 0])
    m = int(len(ratios) * (1 - discard))
    x = np.log(ratios[:m])
    if m < 2 or not x.any():
        msg = f"TwoNN needs two rows whose first two neighbors differ in distance: got {m} rows. Use more rows."
        raise ShapeError(msg)
    y = -np.log1p(-np.arange(1, m + 1) / len(ratios))
    return float(x @ y / (x @ x))


def mle_dimension(neighbors: Neighbors) -> float:
    r"""Return the maximum-likelihood dimension of Levina and Bickel from k neighbors.

    With :math:`R_{ij}` the distance of row i to its j-th neighbor, the inverse of the mean over
    rows of :math:`\frac{1}{k-1} \sum_{j<k} \log(R_{ik} / R_{ij})`: the inverses of the rows'
    estimates [1]_ are averaged, as MacKay and Ghahramani propose and scikit-dimension's
    ``comb="mle"`` does.

    Parameters
    ----------
    neighbors : Neighbors
        Neighbors with k of at least 2 and no distance of 0.

    Raises
    ------
    ShapeError
        If all neighbors of each row are at the same distance.

    References
    ----------
    .. [1] Levina and Bickel (2004), NeurIPS 17.
    """
    R = neighbors.distances
    inverse = float(np.log(R[:, -1:] / R).sum(axis=1).mean() / (R.shape[1] - 1))
    if inverse == 0:
        msg = (
            "the maximum-likelihood dimension needs neighbors at different distances: got equal distances in every "
            "row. Use more rows or another backbone."
        )
        raise ShapeError(msg)
    return 1 / inverse
