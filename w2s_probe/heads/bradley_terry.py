r"""Bradley–Terry heads on pairs: the preferred side is predicted from the difference of the sides' features.

A pair has the features :math:`\delta_i` of its first side minus those of its second side, and the probability
:math:`p_i` that the first side is preferred. The head minimizes

.. math:: \sum_i w_i\,[\log(1 + e^{m_i}) - p_i m_i] + \frac{\alpha}{2}\lVert\theta\rVert^2,
    \qquad m_i = \delta_i^\top\theta,

with the :math:`\alpha = 1/C` of scikit-learn's `LogisticRegression` and of softmax heads. The margin m is the log-odds
of the first side. The head is odd: nothing is centered and there is no intercept, so that swapped sides swap the sign
of the margin. Before a fit, the sides of each pair are put in one order that depends on the pair only: the solver gets
the same numbers for any order, and no rounding depends on it.

The solver of two softmax classes fits the head: their scores are :math:`-m/2` and :math:`m/2`. The larger score is the
preferred side (class 1: the first side), and softmax gives its probability.

Pairs that share an item depend on each other. Cross-validation therefore deals items, if it knows them: a held-out
pair has no item of the pairs that are fitted. If pairs are dealt, the strength is too small: on real pairs (300 of 250
sentences) the accuracy of a teacher is .64 instead of .66, and that of its student .67 instead of .72.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.arrays import as_matrix, check_same_rows, check_weights
from w2s_probe.core.errors import ConfigError, ShapeError
from w2s_probe.core.fit_options import LossName, Scale, default_points
from w2s_probe.core.linked_folds import Fold, inner_folds
from w2s_probe.core.types import Float, Rows
from w2s_probe.heads.coordinates import eigen_coordinates
from w2s_probe.heads.descent import descend
from w2s_probe.heads.linear import LinearHead
from w2s_probe.heads.losses import get_loss
from w2s_probe.heads.newton import solve_cross_entropy
from w2s_probe.heads.softmax import FOLDS, OnFit, SoftmaxFit, check_strengths, check_targets, fit_of
from w2s_probe.linalg.strengths import alpha_grid

TESTED, MOST_DEALS = 500, 10  # held-out pairs from which no further deal of the items is needed, and the most deals


def bradley_terry_path(
    D: ArrayLike, P: ArrayLike, *, alphas: ArrayLike, sample_weight: ArrayLike | None = None, max_iter: int = 200
) -> list[SoftmaxFit]:
    """Return Bradley–Terry heads for A strengths above 0, in the order of `alphas`.

    Differences D (n, d), target rows P (n, 2) with the probabilities of the second and of the first side, non-negative
    row weights (n,). Each head has the weights of both classes (d, 2), intercepts of 0 and a bound on its distance to
    the minimum. Raises `ShapeError` for arrays that do not fit together, for targets that are no probabilities and if
    all differences are 0, and `ConfigError` for a strength that is not above 0.
    """
    differences, targets = _turned(D, P)
    weights, strengths = check_weights(sample_weight, len(differences)), check_strengths(alphas)
    return _path(differences, targets, weights, strengths, max_iter=max_iter)


def fit_bradley_terry(
    D: ArrayLike,
    P: ArrayLike,
    *,
    alpha: float | None = None,
    points: int | None = None,
    scale: Scale = "standard",
    loss: LossName = "ce",
    exponent: float = 0.2,
    sample_weight: ArrayLike | None = None,
    links: Rows | None = None,
    on_fit: OnFit | None = None,
) -> LinearHead:
    """Return the Bradley–Terry head whose strength has the smallest cross-validated loss.

    Parameters
    ----------
    D : array of shape (n, d)
        Features of the first side of each pair minus those of its second side.
    P : array of shape (n, 2)
        Target rows: the probabilities that the second side is preferred (column 0) and that the first side is
        (column 1).
    alpha : float, optional
        Fixed strength; none is chosen then.
    points : int, optional
        Number of strengths tried, around the median eigenvalue of the uncentered Gram; by default 13.
    scale : {"none", "standard"}
        ``"standard"`` divides each difference by its root mean square on these pairs.
    loss : {"ce", "reverse_kl", "gce"}
        Loss to minimize, see `w2s_probe.heads.losses`; the strength is always chosen for ``ce``.
    exponent : float
        Exponent of ``gce``, in (0, 1].
    sample_weight : array of shape (n,), optional
        Non-negative weights of the pairs.
    links : array of int, shape (n, 2), optional
        Two numbers for each pair, such as its items: a held-out pair has no number in common with a fitted one. None
        deals the pairs.
    on_fit : callable, optional
        Called with the number of fitted heads and of all heads: one for each fold and strength, and the last one.

    Returns
    -------
    LinearHead
        A softmax head of two classes without intercept: its scores of m pairs, shape (m, 2), are minus half and half
        of the margin.

    Raises
    ------
    ShapeError
        If arrays do not fit together, targets are no probabilities or both sides of every pair have equal features.
    ConfigError
        If the strength is not above 0, or the loss is not one of these.

    References
    ----------
    .. [1] Bradley and Terry (1952), Rank analysis of incomplete block designs, Biometrika 39.

    Examples
    --------
    >>> import numpy as np
    >>> sides, better = np.array([[0.0, 1.0], [2.0, 0.5], [1.0, 3.0]]), np.eye(2)[[1, 0, 1]]
    >>> head = fit_bradley_terry(sides, better, alpha=1.0)
    >>> head.probabilities(head.scores(sides)).argmax(axis=1), bool(head.intercept.any())
    (array([1, 0, 1]), False)
    """
    if loss == "confidence":
        msg = "the loss of preference pairs must be ce, reverse_kl or gce: got confidence. Use ce."
        raise ConfigError(msg)
    differences, targets = _turned(D, P)
    weights = check_weights(sample_weight, len(differences))
    used = weights > 0
    differences, targets, weights = differences[used], targets[used], weights[used]
    size = _root_mean_squares(differences, weights) if scale == "standard" else np.ones(differences.shape[1])
    scaled = differences / size
    rule, at_edge, heads = "given", False, 1
    if alpha is None:
        _check_folds(len(scaled))
        spectrum = eigen_coordinates(scaled, weights, intercept=False).spectrum
        grid = alpha_grid(spectrum, points=points or default_points("softmax", 2))
        folds = _folds(len(scaled), None if links is None else links[used])
        held_out = _held_out_loss(scaled, targets, weights, grid, folds, on_fit)
        best = len(grid) - 1 - int(held_out[::-1].argmin())  # the largest strength of several
        alpha, rule, at_edge = float(grid[best]), "cv", best in (0, len(grid) - 1)
        heads += len(folds) * len(grid)
    (fit,) = _path(scaled, targets, weights, check_strengths([alpha]), loss=loss, exponent=exponent)
    if on_fit:
        on_fit(heads, heads)
    return LinearHead(
        kind="softmax",
        coef=fit.coef / size[:, None],
        intercept=fit.intercept,
        alpha=alpha,
        rule=rule,
        at_edge=at_edge,
        converged=fit.converged,
    )


def _turned(D: ArrayLike, P: ArrayLike) -> tuple[Float, Float]:
    """Return differences (n, d), their first entry that is not 0 positive, and target rows (n, 2) in this order.

    Negative differences and swapped columns of targets give the same bits: no step rounds one order differently.
    """
    differences, rows = np.asarray(as_matrix(D, "features")).astype(np.float64), check_targets(P)
    check_same_rows("targets", len(rows), "features", len(differences))
    if rows.shape[1] != 2:
        msg = (
            f"targets of pairs must have two columns, for the second and the first side: got {rows.shape[1]}. Use the "
            "probabilities 1 - p and p, where p is the probability that the first side is preferred."
        )
        raise ShapeError(msg)
    first = (differences != 0).argmax(axis=1)
    side = np.where(differences[np.arange(len(rows)), first] < 0, -1.0, 1.0)
    lead = side * (rows[:, 1] - rows[:, 0])  # 2p - 1
    return side[:, None] * differences, np.stack([(1 - lead) / 2, (1 + lead) / 2], axis=1)


def _path(
    D: Float,
    P: Float,
    weights: Float,
    alphas: Float,
    *,
    loss: LossName = "ce",
    exponent: float = 0.2,
    max_iter: int = 200,
) -> list[SoftmaxFit]:
    """Return the heads of all strengths; losses other than ``ce`` start from the head of ``ce``."""
    coordinates, of_rows = eigen_coordinates(D, weights, intercept=False), get_loss(loss, exponent=exponent)
    which = np.zeros(len(alphas), dtype=np.intp)
    starts = solve_cross_entropy(coordinates, P[None], weights[None], which=which, alphas=alphas, max_iter=max_iter)
    fits = []
    for alpha, start in zip(alphas.tolist(), starts, strict=True):
        end, converged = start, start.converged
        if loss != "ce":
            end, converged = descend(coordinates, P, weights, loss=of_rows, alpha=alpha, start=start, max_iter=max_iter)
        fits.append(fit_of(coordinates, end, alpha, loss=loss, converged=converged))
    return fits


def _folds(n: int, links: Rows | None) -> list[Fold]:
    """Return folds of n pairs, dealt by a fixed permutation of their items, or of the pairs if no items are known."""
    rng = np.random.default_rng(0)
    if links is not None:
        folds = inner_folds(links, groups=FOLDS, wanted=min(n, TESTED), most=MOST_DEALS, rng=rng)
        if folds:
            return folds
    fold_of = rng.permutation(n) % min(FOLDS, n)
    return [(np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)) for fold in range(fold_of.max() + 1)]


def _held_out_loss(
    D: Float, P: Float, weights: Float, grid: Float, folds: Sequence[Fold], on_fit: OnFit | None
) -> Float:
    """Return the weighted loss of each strength on held-out pairs, shape (A,)."""
    rest = np.zeros((len(folds), len(D)))
    for own, (_, fitted) in zip(rest, folds, strict=True):
        own[fitted] = weights[fitted]
    coordinates = eigen_coordinates(D, rest.mean(axis=0), intercept=False)
    solutions = solve_cross_entropy(
        coordinates,
        np.broadcast_to(P, (len(folds), *P.shape)),
        rest,
        which=np.repeat(np.arange(len(folds)), len(grid)),
        alphas=np.tile(grid, len(folds)),
        on_fit=None if on_fit is None else partial(_count, on_fit),
    )
    thetas = np.stack([solution.W[:, 0] for solution in solutions], axis=1)
    loss = np.zeros(len(grid))
    for at, (out, _) in enumerate(folds):
        margins = coordinates.Z[out] @ thetas[:, at * len(grid) : (at + 1) * len(grid)]
        loss += weights[out] @ (np.logaddexp(0, margins) - P[out, 1:] * margins)
    return loss


def _count(on_fit: OnFit, done: int, heads: int) -> None:
    on_fit(done, heads + 1)  # and the head at the chosen strength


def _check_folds(pairs: int) -> None:
    if pairs < 2:
        msg = (
            f"a strength is chosen on at least two pairs with weights above 0: got {pairs}. Give more pairs, or a "
            "strength."
        )
        raise ShapeError(msg)


def _root_mean_squares(D: Float, weights: Float) -> Float:
    size = np.sqrt(np.average(D**2, axis=0, weights=weights))
    return np.where(size > 0, size, 1.0)
