r"""Auxiliary confidence loss: cross-entropy to a mix of the teacher's probabilities and the student's own decisions.

The loss is :math:`(1-a)\,\mathrm{CE}(p, q) + a\,\mathrm{CE}(\hat h, q)`. The decisions :math:`\hat h`
maximize :math:`\sum_i w_i \log q_{i,\hat h(i)}` over all assignments that give class k
:math:`n_k` rows: the teacher's mean probability of k times the number of rows, by largest remainder.
For two classes this is the threshold at a quantile of Burns et al. [1]_.

The fit starts at the cross-entropy head and alternates two steps: new decisions, then a convex fit to
:math:`(1-a) p + a \hat h`. Both steps lower the same objective, so it never rises.

References
----------
.. [1] Burns et al. (2023), Weak-to-Strong Generalization, arXiv 2312.09390, appendix A.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.types import Float, Rows


def confidence_targets(F: Float, P: Float, *, confidence: float, weights: Float | None = None) -> Float:
    """Return the targets of the convex step, shape (n, K): teacher rows mixed with the student's decisions.

    `F` holds the student's logits and `P` the teacher's probabilities, both of shape (n, K). `confidence` is the
    weight a of the student's own decisions, in [0, 1]. Rows of weight 0 keep the teacher's probabilities.
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

    `scores` has shape (n, K), `counts` shape (K,) with sum n; the classes have shape (n,).

    This is a transport problem with K prices b: row i takes :math:`\arg\max_k (s_{ik} - b_k)`. Prices come
    from the smoothed dual. An exact linear program then assigns the rows whose best two classes are nearly
    level. Its prices certify the whole assignment, or more rows enter the program.

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
        level = closeness[:size]
        chosen = (scores - prices).argmax(axis=1)
        left = counts - np.bincount(np.delete(chosen, level), minlength=K)
        if left.min() >= 0:
            chosen[level], exact = _transport(scores[level] - prices, left)
            bound = (scores - prices - exact).max(axis=1).sum() + counts @ (prices + exact)
            total = scores[np.arange(n), chosen].sum()
            if size == n or bound - total <= 1e-9 * max(1.0, abs(total)):
                return chosen
        size = min(n, 2 * size)


def check_confidence(confidence: float) -> None:
    """Raise `ConfigError` unless the weight of the student's own decisions lies in [0, 1]."""
    if not 0 <= confidence <= 1:
        msg = f"confidence must lie in [0, 1]: got {confidence}. Use 0.5; Burns et al. use up to 0.75."
        raise ConfigError(msg)


def _prices(scores: Float, counts: Rows) -> Float:
    """Return nearly optimal prices, shape (K,), from the dual smoothed at falling temperatures."""
    from scipy.optimize import minimize

    prices = np.zeros(scores.shape[1])
    spread = float(np.ptp(scores, axis=1).mean()) or 1.0
    for temperature in spread * np.logspace(0, -3, 7):

        def dual(b: Float, heat: float = float(temperature)) -> tuple[float, Float]:
            Z = (scores - b) / heat
            return heat * float(logsumexp(Z, axis=1).sum()) + float(counts @ b), counts - softmax(Z, axis=1).sum(axis=0)

        prices = minimize(dual, prices, jac=True, method="L-BFGS-B").x
    return prices


def _transport(scores: Float, counts: Rows) -> tuple[Rows, Float]:
    """Return the optimal classes of a few rows, and their prices, by linear programming."""
    from scipy import sparse
    from scipy.optimize import linprog

    m, K = scores.shape
    of_rows = sparse.kron(sparse.eye(m), np.ones((1, K)))
    of_classes = sparse.kron(np.ones((1, m)), sparse.eye(K))
    sums: Any = sparse.vstack([of_rows, of_classes]).tocsc()  # its stubs know dense arrays only
    solution: Any = linprog(
        -scores.ravel(),
        A_eq=sums,
        b_eq=np.concatenate([np.ones(m), counts]),
        method="highs-ds",
    )
    return solution.x.reshape(m, K).argmax(axis=1), -solution.eqlin.marginals[m:]
