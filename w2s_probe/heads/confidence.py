r"""Auxiliary confidence: half teacher, half the student's own decisions, with the teacher's class counts.

:math:`(1-a)\,\mathrm{CE}(p, q) + a\,\mathrm{CE}(\hat h, q)` with decisions :math:`\hat h` that
maximize :math:`\sum_i w_i \log q_{i,\hat h(i)}` among all assignments that give class k
:math:`n_k` rows, the teacher's mean probability of k times the number of rows, by largest remainder.
For two classes this is the threshold at a quantile of Burns et al. [1]_.

Decisions and a convex fit to :math:`(1-a) p + a \hat h` take turns, from the cross-entropy head on;
each lowers the same objective, so it never rises.

References
----------
.. [1] Burns et al. (2023), Weak-to-Strong Generalization, arXiv 2312.09390, appendix A.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import linprog, minimize
from scipy.special import log_softmax, logsumexp, softmax

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.types import Float, Rows


def confidence_targets(F: Float, P: Float, *, confidence: float, weights: Float | None = None) -> Float:
    """Return the targets of the convex step, shape (n, K): teacher rows mixed with the student's decisions.

    Parameters
    ----------
    F : array of shape (n, K)
        The student's logits.
    P : array of shape (n, K)
        The teacher's probabilities.
    confidence : float
        Weight a of the student's own decisions, in [0, 1].
    weights : array of shape (n,), optional
        Weights of the rows; those of weight 0 are left as the teacher says.
    """
    w = np.ones(len(F)) if weights is None else weights
    used = np.flatnonzero(w > 0)
    counts = class_counts(w[used] @ P[used] / w[used].sum(), len(used))
    decisions = assign(w[used, None] * log_softmax(F[used], axis=1), counts)
    mixed = P.copy()
    mixed[used] *= 1 - confidence
    mixed[used, decisions] += confidence
    return mixed


def class_counts(fractions: Float, n: int) -> Rows:
    """Return whole numbers that sum to n, close to ``fractions * n``, by largest remainder."""
    exact = fractions / fractions.sum() * n
    counts = np.floor(exact).astype(np.intp)
    short = n - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:short]] += 1
    return counts


def assign(scores: Float, counts: Rows) -> Rows:
    r"""Return the class of each row that maximizes the total score with given class counts.

    A transport problem with K prices b: row i takes :math:`\arg\max_k (s_{ik} - b_k)`. Prices come
    from the smoothed dual; rows whose best two classes are nearly level are then assigned by an
    exact linear program, whose own prices certify the whole or widen it.

    Parameters
    ----------
    scores : array of shape (n, K)
        What a row gains in each class.
    counts : array of shape (K,)
        Rows of each class; they sum to n.

    Returns
    -------
    array of shape (n,)
        Class of each row.

    Examples
    --------
    >>> assign(np.array([[3.0, 0.0], [2.0, 0.0], [1.0, 0.0]]), np.array([2, 1])).tolist()
    [0, 0, 1]
    """
    n, K = scores.shape
    if K == 2:
        chosen = np.zeros(n, dtype=np.intp)
        chosen[np.argsort(scores[:, 0] - scores[:, 1], kind="stable")[: counts[1]]] = 1
        return chosen
    prices = _prices(scores, counts)
    best_two = np.partition(scores - prices, K - 2, axis=1)[:, K - 2 :]
    closeness = np.argsort(best_two[:, 1] - best_two[:, 0], kind="stable")
    size = min(n, 16 * K)
    while True:
        loose = closeness[:size]
        chosen = (scores - prices).argmax(axis=1)
        left = counts - np.bincount(np.delete(chosen, loose), minlength=K)
        if left.min() >= 0:
            chosen[loose], exact = _transport(scores[loose] - prices, left)
            bound = (scores - prices - exact).max(axis=1).sum() + counts @ (prices + exact)
            total = scores[np.arange(n), chosen].sum()
            if size == n or bound - total <= 1e-9 * max(1.0, abs(total)):
                return chosen
        size = min(n, 2 * size)


def check_confidence(confidence: float) -> None:
    """Raise `ConfigError` unless the weight of the student's own decisions lies in [0, 1]."""
    if not 0 <= confidence <= 1:
        msg = f"confidence must lie in [0, 1]: got {confidence}. 0 is cross-entropy; Burns et al. use up to 0.75."
        raise ConfigError(msg)


def _prices(scores: Float, counts: Rows) -> Float:
    """Return prices near the optimal ones: the dual smoothed at falling temperatures."""
    prices = np.zeros(scores.shape[1])
    spread = float(np.ptp(scores, axis=1).mean()) or 1.0
    for temperature in spread * np.logspace(0, -3, 7):

        def dual(b: Float, heat: float = float(temperature)) -> tuple[float, Float]:
            Z = (scores - b) / heat
            return heat * float(logsumexp(Z, axis=1).sum()) + float(counts @ b), counts - softmax(Z, axis=1).sum(axis=0)

        prices = minimize(dual, prices, jac=True, method="L-BFGS-B").x
    return prices


def _transport(scores: Float, counts: Rows) -> tuple[Rows, Float]:
    """Return the optimal classes of a few rows, and the prices that go with them."""
    m, K = scores.shape
    of_rows = sparse.kron(sparse.eye(m), np.ones((1, K)))
    of_classes = sparse.kron(np.ones((1, m)), sparse.eye(K))
    sums: Any = sparse.vstack([of_rows, of_classes]).tocsc()  # its stubs know dense arrays only
    found: Any = linprog(
        -scores.ravel(),
        A_eq=sums,
        b_eq=np.concatenate([np.ones(m), counts]),
        method="highs-ds",
    )
    return found.x.reshape(m, K).argmax(axis=1), -found.eqlin.marginals[m:]
