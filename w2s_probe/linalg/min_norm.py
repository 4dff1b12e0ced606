r"""Weights of several teachers: the point of least norm in a convex hull, with an upper bound on each weight.

Minimizes :math:`\tfrac12 w^\top G w` subject to :math:`\sum_m w_m = 1` and :math:`0 \le w_m \le C`, for the Gram G of
M vectors: gradients, residuals, or the targets that a student cannot fit. As the weights sum to 1, least squares are of
this form too: :math:`\lVert \sum_m w_m s_m - y \rVert = \lVert \sum_m w_m (s_m - y) \rVert`.

scipy has no solver that ends exactly, and scikit-learn's one-class SVM, which solves the same problem, takes several
times as long. The active-set method here ends after finitely many steps: the objective falls with each step of positive
length, and steps of length 0 cannot come back to the same active set. While a weight lies strictly between its bounds,
they only fix further weights; at a corner, where one free weight is left, the multiplier of the sum changes in one
direction only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.types import Float

TIE = 1e-9  # of the mean diagonal entry, added to the diagonal: among equally good weights, the most equal ones win
ROUNDS = 100  # most steps for each weight: a handful is the rule
FLAT = 1e-12  # differences of slopes of an objective of size 1 that are taken for rounding, which is 1e-15 or so


def min_norm_weights(gram: Float, *, cap: float = 1.0, start: Float | None = None) -> Float:
    r"""Return the weights of the shortest combination of M vectors, shape (M,).

    They minimize :math:`w^\top G w` over :math:`\sum_m w_m = 1`, :math:`0 \le w_m \le C` [1]_. With C = 1/M they are
    equal, from C = 1 on the combination is the point of the convex hull that is nearest to 0. A term of 1e-9 of the
    mean diagonal entry, times the sum of squares of the weights, decides where several weights give the same point.

    Parameters
    ----------
    gram : array of shape (M, M)
        Inner products of the vectors; positive semidefinite, and singular if vectors are linearly dependent.
    cap : float
        Upper bound C of each weight, at least 1/M.
    start : array of shape (M,), optional
        Weights within the bounds from which the search starts, which is faster if they are near; equal ones by default.

    Raises
    ------
    ConfigError
        If `cap` is below 1/M: the weights could not sum to 1.

    References
    ----------
    .. [1] Du et al. (2020), Agree to Disagree: Adaptive Ensemble Knowledge Distillation in Gradient Space, NeurIPS 33.

    Examples
    --------
    >>> import numpy as np
    >>> gram = np.diag([1.0, 4.0])
    >>> min_norm_weights(gram).round(6).tolist(), min_norm_weights(gram, cap=0.6).round(6).tolist()
    ([0.8, 0.2], [0.6, 0.4])
    """
    M = len(gram)
    if not cap * M >= 1 - FLAT:
        least = f"at least 1 divided by the number of teachers, {1 / M:.6g}"
        msg = f"the cap must be {least}: got {cap!r}. Use a larger cap."
        raise ConfigError(msg)
    if cap * M <= 1 + FLAT:
        return np.full(M, 1 / M)
    size = float(gram.trace()) / M
    G = gram / size if size > 0 else np.zeros((M, M))
    return _active_set(G + TIE * np.eye(M), cap, np.full(M, 1 / M) if start is None else start)


def stacked_weights(held_out: Sequence[Float], Y: Float) -> Float:
    r"""Return the simplex weights of teachers whose weighted held-out scores are nearest to the labels, shape (M,).

    They minimize :math:`\sum_i \lVert \sum_m w_m s_{m,i} - y_i \rVert^2` over :math:`w_m \ge 0`,
    :math:`\sum_m w_m = 1` [1]_.

    Parameters
    ----------
    held_out : sequence of M arrays of shape (n, K)
        Scores of each teacher on the labeled rows, by heads that never saw the row's label.
    Y : array of shape (n, K)
        True labels of these rows.

    References
    ----------
    .. [1] Breiman (1996), Stacked regressions, Machine Learning 24.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.eye(2)
    >>> stacked_weights([Y, 1 - Y], Y).round(6).tolist()
    [1.0, 0.0]
    """
    errors = np.stack([(scores - Y).ravel() for scores in held_out])
    return min_norm_weights(errors @ errors.T)


def _active_set(G: Float, cap: float, w: Float) -> Float:
    """Return the minimum of ``w @ G @ w`` over the capped simplex, for a positive definite G and a cap above 1/M."""
    free = (w > 0) & (w < cap)
    free[w.argmax()] = True
    for _ in range(ROUNDS * len(G)):
        slope = G @ w
        if np.ptp(slope[free]) > FLAT:
            step = _to_minimum(G, slope, free)
            room = np.full(len(G), np.inf)
            np.divide(np.where(step > 0, cap - w, w), np.abs(step), out=room, where=step != 0)
            first = int(room.argmin())
            if room[first] < 1:
                w = w + room[first] * step
                w[first], free[first] = (cap if step[first] > 0 else 0.0), False
                continue
            w = np.clip(w + step, 0.0, cap)  # against rounding
            slope = G @ w
        excess = slope - slope[free].mean()
        gain = np.where(free, 0.0, np.where(w > 0, excess, -excess))
        best = int(gain.argmax())
        if gain[best] <= FLAT:
            return w
        free[best] = True
    return w  # only if rounding makes it go around in a circle


def _to_minimum(G: Float, slope: Float, free: NDArray[np.bool_]) -> Float:
    """Return the step, shape (M,), to the minimum over the free weights with the same sum."""
    chosen = np.flatnonzero(free)
    m = len(chosen)
    system = np.ones((m + 1, m + 1))
    system[:m, :m], system[m, m] = G[np.ix_(chosen, chosen)], 0.0
    step = np.zeros(len(G))
    step[chosen] = np.linalg.solve(system, np.append(slope[chosen].mean() - slope[chosen], 0.0))[:m]
    return step
