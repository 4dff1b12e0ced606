r"""Risks of the theory of spurious correlations for real features, from second moments of cue scores by stratum.

In the general form of the theory (`general_risks`) the excess risk in units of :math:`\sigma_y^2\gamma` is
:math:`\operatorname{tr}(C_t C_\ell^{-1})` for a teacher by least squares on :math:`z \otimes w`, and
:math:`\operatorname{tr}(S_t M C_\ell^{-1} M^\top)`, :math:`M = S_u^{-1} E_u[\psi w^\top]`, for its student on
:math:`z \otimes \psi`. So the risks need only second moments. The law of (w, psi) may be any law that is the same
within a stratum of rows in every part. A part with stratum shares :math:`\pi_k` has
:math:`C = \sum_k \pi_k E_k[ww^\top]`: another fraction of conflicting rows only re-weights the same few matrices.

On real features w is defined as follows. Labels are :math:`z = \pm 1` and cue values :math:`v = \pm 1`. The cue itself,
:math:`v = z \cdot (zv)`, is the feature that misleads a head, so that the theory's group feature is the *agreement* zv
of a row's cue value with the usual value of its label, which is -1 in conflicting rows. Hence w = [1; a], where the
score a predicts from the features how likely a row has the usual value of its label (`agreement_scores`). A linear
map of w changes no risk, so that scale and origin of a do not matter. Different origins for different labels would
matter; the weights of `agreement_scores`, which make values independent of labels, avoid them.

The pool's term in :math:`\nu` is left out (an infinite pool), since :math:`d_z`, the number of core directions,
cannot be estimated from features.

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
from w2s_probe.linalg.choice import choose_strength
from w2s_probe.linalg.loo import loo_residuals
from w2s_probe.linalg.ridge import ridge_path
from w2s_probe.theory.spurious.risks import Risks


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class StratumMoments:
    """Second moments of w = [1; teacher scores] and psi = [1; student scores] within each stratum.

    Parameters
    ----------
    teacher : array of shape (strata, p_t, p_t)
        Second moments of w.
    student : array of shape (strata, p_s, p_s)
        Second moments of psi.
    cross : array of shape (strata, p_s, p_t)
        Cross moments of psi and w.
    rows : array of int, shape (strata,)
        Number of rows; the moments of a stratum without rows are 0.
    """

    teacher: Float
    student: Float
    cross: Float
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """Distance of agreeing from conflicting rows in each space, and the correlation of the spaces within strata.

    Parameters
    ----------
    teacher, student : float
        Difference of mean scores in standard deviations within strata; NaN if scores do not vary.
    correlation : float
        Correlation of teacher and student scores within strata.
    """

    teacher: float
    student: float
    correlation: float


def agreement_scores(X: ArrayLike, values: ArrayLike, labels: ArrayLike, usual: ArrayLike) -> Float:
    """Return leave-one-out scores, shape (n,), for a row having the usual cue value of its label.

    A ridge head predicts the cue value from the features X, shape (n, d). Every cell of label and value has the same
    total weight, so that the head cannot predict the usual value by predicting the label. `values` and `labels`,
    shape (n,), are codes from 0; `usual`, shape (K,), is the usual value of each class.

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
    except ShapeError:  # all rows equal: the features predict nothing
        return np.zeros(len(features))
    choice = choose_strength(path, lambda tried: tried.gcv)
    scores = targets - loo_residuals(choice.path, features, targets, index=choice.index)
    return np.asarray(scores[np.arange(len(scores)), np.asarray(usual)[classes]], dtype=np.float64)


def stratum_moments(teacher: ArrayLike, student: ArrayLike, strata: ArrayLike, *, count: int) -> StratumMoments:
    """Return the second moments of both systems' scores, each of shape (n,) or (n, p), within `count` strata.

    `strata`, shape (n,), are codes from 0. The constant 1 is added to the scores. `ShapeError` if the arrays differ
    in rows.
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
    r"""Return the risks of teacher and student in units of :math:`\sigma_y^2\gamma`, for an infinite pool.

    `labeled`, `unlabeled` and `test`, shape (strata,), are the shares of the strata in each part and sum to 1.

    Examples
    --------
    If all parts have the same shares, a teacher's risk is its number of coefficients, and its student inherits the
    part that is linear in the student's features.

    >>> rng = np.random.default_rng(0)
    >>> moments = stratum_moments(rng.standard_normal(9999), rng.standard_normal(9999), np.zeros(9999, int), count=1)
    >>> risks = risks_from_moments(moments, labeled=[1], unlabeled=[1], test=[1])
    >>> round(risks.teacher, 2), round(risks.student, 2)
    (2.0, 1.0)
    """
    shares = {name: np.asarray(part, float) for name, part in (("l", labeled), ("u", unlabeled), ("t", test))}
    C_l, C_t = (np.tensordot(shares[part], moments.teacher, axes=1) for part in "lt")
    S_u, S_t = (np.tensordot(shares[part], moments.student, axes=1) for part in "ut")
    cross = np.tensordot(shares["u"], moments.cross, axes=1)
    # least squares of minimum norm: features that do not vary in training get no weight
    inverse, M = np.linalg.pinv(C_l, hermitian=True), np.linalg.pinv(S_u, hermitian=True) @ cross
    return Risks(teacher=float(np.trace(C_t @ inverse)), student=float(np.trace(S_t @ M @ inverse @ M.T)))


def separation(moments: StratumMoments) -> Separation:
    """Return the distance of agreeing from conflicting rows, averaged over classes with equal weights.

    Both systems have one score. Stratum ``2 k`` holds the agreeing and ``2 k + 1`` the conflicting rows of class k;
    classes without rows in either are left out.
    """
    complete = (moments.rows.reshape(-1, 2) > 0).all(axis=1)

    def by_class(values: Float) -> Float:  # shape (classes, 2): agreeing, conflicting
        return values.reshape(-1, 2)[complete]

    second = {"teacher": moments.teacher, "student": moments.student}
    means = {name: by_class(moment[:, 0, 1]) for name, moment in second.items()}
    variances = {name: by_class(moment[:, 1, 1] - moment[:, 0, 1] ** 2).mean() for name, moment in second.items()}
    covariance = by_class(moments.cross[:, 1, 1] - moments.student[:, 0, 1] * moments.teacher[:, 0, 1]).mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = {
            name: float((means[name][:, 0] - means[name][:, 1]).mean() / np.sqrt(variances[name])) for name in second
        }
        correlation = covariance / np.sqrt(variances["teacher"] * variances["student"])
    return Separation(**distances, correlation=float(correlation))


def _with_constant(scores: ArrayLike) -> Float:
    columns = np.asarray(scores, dtype=np.float64)
    columns = columns[:, None] if columns.ndim == 1 else columns
    return np.hstack([np.ones((len(columns), 1)), columns])
