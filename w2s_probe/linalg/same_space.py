"""Whether two feature spaces are equal up to a rotation and one factor."""

from __future__ import annotations

import numpy as np

from w2s_probe.core.types import Features, Float

ROWS = 300  # rows that are compared
ROUNDING = 1e-3  # relative difference of hat matrices; the rounding of float16 features makes 3e-4


def same_space(X: Features, Z: Features) -> bool:
    r"""Return whether ridge heads on two feature spaces make equal predictions, whatever the labels are.

    Compares the hat matrices :math:`G (G + \lambda I)^{-1}` of the centered Gram matrices, where :math:`\lambda` is
    the median positive eigenvalue of each: columns that are permuted, mirrored, rotated or multiplied by one factor
    are equal features, and one large column does not hide the others.

    Parameters
    ----------
    X, Z : arrays of shape (N, p) and (N, q)
        Features of the same rows; the first 300 rows are compared.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((50, 4))
    >>> same_space(X, 2 * X[:, ::-1]), same_space(X, X[:, :3])
    (True, False)
    """
    if X.shape[1] != Z.shape[1]:
        return False
    first, second = (_hat_matrix(np.asarray(features[:ROWS], dtype=np.float64)) for features in (X, Z))
    return bool(np.linalg.norm(first - second) <= ROUNDING * np.linalg.norm(first))


def _hat_matrix(X: Float) -> Float:
    U, s, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    positive = s > 1e-7 * s.max(initial=0.0)
    values, U = s[positive] ** 2, U[:, positive]
    return (U * (values / (values + np.median(values)))) @ U.T if len(values) else np.zeros((len(X), len(X)))
