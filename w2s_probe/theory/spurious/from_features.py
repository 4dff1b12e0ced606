r"""Risks of the theory of spurious correlations for real features, from second moments of what they say of a cue.

In the theory (`spurious`, general form) least squares on :math:`z \otimes w` errs in units of
:math:`\sigma_y^2\gamma` by :math:`\operatorname{tr}(C_t C_\ell^{-1})` and its student, on :math:`z \otimes \psi`, by
:math:`\operatorname{tr}(S_t M C_\ell^{-1} M^\top)`, :math:`M = S_u^{-1} E_u[\psi w^\top]`: second moments are all it
takes, under any law of (w, psi) that each stratum of rows keeps in every part. A part with the shares
:math:`\pi_k` then has :math:`C = \sum_k \pi_k E_k[ww^\top]`, and every fraction of conflicting rows is a
re-weighting of the same few matrices.

What w is on real features: with labels :math:`z = \pm 1` and a cue :math:`v = \pm 1`, the feature that tempts is v
itself, and :math:`v = z \cdot (zv)`. So the theory's group feature is the *agreement* zv of a row with what is usual
for its label, which is minus one in conflicting rows, and w = [1; a], where a is how strongly the space says that
a row has the usual value of its label (`agreement_scores`). A linear map of w changes no risk, so that scale and
origin of a are of no account. An origin of each label's own would be; weights that make values independent of
labels leave none.

The pool's term in :math:`\nu` is left out: an endless pool, since :math:`d_z`, how many core directions there are,
cannot be known from features.

References
----------
.. [1] Liu, Dong and Lei (2026), On the mechanisms of weak-to-strong generalization under spurious correlations,
   ICLR, arXiv 2509.24005.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from w2s_probe.core.arrays import as_matrix, check_same_rows
from w2s_probe.core.errors import ShapeError
from w2s_probe.core.types import Float
from w2s_probe.linalg.loo import loo_residuals
from w2s_probe.linalg.ridge import RidgePath, ridge_path
from w2s_probe.theory.spurious.risks import Risks


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class StratumMoments:
    """Second moments of w = [1; scores of the teacher] and psi = [1; scores of the student] within each stratum.

    Parameters
    ----------
    teacher : array of shape (strata, p_t, p_t)
        Of w.
    student : array of shape (strata, p_s, p_s)
        Of psi.
    cross : array of shape (strata, p_s, p_t)
        Of psi with w.
    rows : array of int, shape (strata,)
        Rows behind them; moments of none are 0.
    """

    teacher: Float
    student: Float
    cross: Float
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """How far apart agreeing and conflicting rows are in each space, and what both spaces share within them.

    Parameters
    ----------
    teacher, student : float
        Distance of the means in standard deviations within strata; NaN if scores do not vary.
    correlation : float
        Of the two scores within strata.
    """

    teacher: float
    student: float
    correlation: float


def agreement_scores(X: ArrayLike, values: ArrayLike, labels: ArrayLike, usual: ArrayLike) -> Float:
    """Return how strongly the features say that a row has the usual value of its label, shape (n,).

    A ridge head predicts the value of the cue; each row is scored by the head of all others. Every cell of label
    and value has the same weight, so that the head cannot use the label for the value that often goes with it.

    Parameters
    ----------
    X : array of shape (n, d)
        Features.
    values : array of int, shape (n,)
        Each row's value of the cue, from 0.
    labels : array of int, shape (n,)
        Each row's class, from 0.
    usual : array of int, shape (K,)
        The usual value of each class.

    Examples
    --------
    >>> X = np.array([[1.0, 0.1], [0.9, -0.1], [-1.1, 0.2], [-0.9, 0.1]])
    >>> agreement_scores(X, [1, 0, 1, 0], [1, 1, 0, 0], [0, 1]).shape
    (4,)
    """
    features, cue, classes = as_matrix(X, "features"), np.asarray(values), np.asarray(labels)
    check_same_rows("values", len(cue), "features", len(features))
    targets = np.eye(int(cue.max()) + 1)[cue]
    cells, counts = np.unique(classes * targets.shape[1] + cue, return_inverse=True, return_counts=True)[1:]
    try:
        path = ridge_path(features, targets, sample_weight=1 / counts[cells])
    except ShapeError:  # all rows equal: the features say nothing
        return np.zeros(len(features))
    index = _least_gcv(path)
    said = targets - loo_residuals(path, features, targets, index=index)
    return np.asarray(said[np.arange(len(said)), np.asarray(usual)[classes]], dtype=np.float64)


def stratum_moments(teacher: ArrayLike, student: ArrayLike, strata: ArrayLike, *, count: int) -> StratumMoments:
    """Return the second moments of both systems' scores within each stratum.

    Parameters
    ----------
    teacher, student : array of shape (n,) or (n, p)
        Scores without the constant, which is added.
    strata : array of int, shape (n,)
        Stratum of each row, from 0.
    count : int
        How many strata there are.

    Raises
    ------
    ShapeError
        If they are not of the same rows.
    """
    w, psi = _with_constant(teacher), _with_constant(student)
    codes = np.asarray(strata)
    check_same_rows("student scores", len(psi), "teacher scores", len(w))
    check_same_rows("strata", len(codes), "scores", len(w))
    rows = np.bincount(codes, minlength=count)
    members = [np.flatnonzero(codes == k) for k in range(count)]

    def moment(left: Float, right: Float) -> Float:
        return np.array([left[at].T @ right[at] / max(len(at), 1) for at in members])

    return StratumMoments(teacher=moment(w, w), student=moment(psi, psi), cross=moment(psi, w), rows=rows)


def risks_from_moments(moments: StratumMoments, *, labeled: ArrayLike, unlabeled: ArrayLike, test: ArrayLike) -> Risks:
    r"""Return the risks of teacher and student in units of :math:`\sigma_y^2\gamma`, for an endless pool.

    Parameters
    ----------
    moments : StratumMoments
        Of all strata.
    labeled, unlabeled, test : array of shape (strata,)
        Shares of the strata in each part; each sums to 1.

    Examples
    --------
    With nothing moved, a teacher errs by as many numbers as it fits; its student inherits what it can express.

    >>> rng = np.random.default_rng(0)
    >>> moments = stratum_moments(rng.standard_normal(9999), rng.standard_normal(9999), np.zeros(9999, int), count=1)
    >>> found = risks_from_moments(moments, labeled=[1], unlabeled=[1], test=[1])
    >>> round(found.teacher, 2), round(found.student, 2)
    (2.0, 1.0)
    """
    shares = {name: np.asarray(part, float) for name, part in (("l", labeled), ("u", unlabeled), ("t", test))}
    C_l, C_t = (np.tensordot(shares[part], moments.teacher, axes=1) for part in "lt")
    S_u, S_t = (np.tensordot(shares[part], moments.student, axes=1) for part in "ut")
    cross = np.tensordot(shares["u"], moments.cross, axes=1)
    # what does not vary in training gets no weight: that is what least squares of least norm does
    inverse, M = np.linalg.pinv(C_l, hermitian=True), np.linalg.pinv(S_u, hermitian=True) @ cross
    return Risks(teacher=float(np.trace(C_t @ inverse)), student=float(np.trace(S_t @ M @ inverse @ M.T)))


def separation(moments: StratumMoments) -> Separation:
    """Return how far apart agreeing and conflicting rows are, classes alike, where strata alternate between the two.

    Parameters
    ----------
    moments : StratumMoments
        Of one score each, strata ``2 k`` agreeing and ``2 k + 1`` conflicting rows of class k.
    """
    there = (moments.rows.reshape(-1, 2) > 0).all(axis=1)
    teacher, student = (each[:, 0, 1].reshape(-1, 2)[there] for each in (moments.teacher, moments.student))
    spread = [
        float((each[:, 1, 1] - each[:, 0, 1] ** 2).reshape(-1, 2)[there].mean())
        for each in (moments.teacher, moments.student)
    ]
    shared = (moments.cross[:, 1, 1] - moments.student[:, 0, 1] * moments.teacher[:, 0, 1]).reshape(-1, 2)[there].mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = [
            (each[:, 0] - each[:, 1]).mean() / np.sqrt(s) for each, s in zip((teacher, student), spread, strict=True)
        ]
        correlation = shared / np.sqrt(np.float64(spread[0]) * spread[1])
    return Separation(teacher=float(apart[0]), student=float(apart[1]), correlation=float(correlation))


def _least_gcv(path: RidgePath) -> int:
    score = path.gcv
    return len(score) - 1 - int(np.nanargmin(score[::-1]))


def _with_constant(scores: ArrayLike) -> Float:
    columns = np.asarray(scores, dtype=np.float64)
    columns = columns[:, None] if columns.ndim == 1 else columns
    return np.hstack([np.ones((len(columns), 1)), columns])
