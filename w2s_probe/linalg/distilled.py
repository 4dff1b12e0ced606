r"""Ridge on labels and pseudolabels together, for every strength, and its exact leave-one-out.

With means over the labeled rows L and over the pool U, and pseudolabels t, the head minimizes

.. math::
    \operatorname{mean}_L \lVert y - f(x) \rVert^2 + a_s \operatorname{mean}_U \lVert t - f(x) \rVert^2
    + \lambda (1 + a_s) \lVert W \rVert_F^2

with a free intercept. It is ridge on n + N weighted rows. `joint_weights` are the weights with mean 1, so that the
strength of `linalg.ridge` is :math:`\alpha = (n + N) \lambda`.

Leave-one-out leaves row i out of the teacher too, else its pseudolabels would look better than they are. The teacher
without row i is the teacher of the labels with :math:`y_i - c_i` in place of :math:`y_i`, where :math:`c_i` is its
held-out residual. Its pseudolabels then are :math:`T - T_{\cdot i} c_i`, with the teacher's map :math:`T_{\cdot\cdot}`
from labels to the pool. On the labeled rows the head is linear in both: :math:`f = S_L Y + S_T Y`, where :math:`S_T`
goes by the pseudolabels. The head without row i misses :math:`y_i` by

.. math:: \frac{y_i - f_i + S_{T,ii}\, c_i}{1 - S_{L,ii}}.

The intercept is part of both maps: features and targets are centered by the weighted means of all n + N rows. Weights
of the other rows and both strengths stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.fit_options import RIDGE_POINTS
from w2s_probe.core.types import Features, Float
from w2s_probe.linalg.choice import Choice, choose_strength
from w2s_probe.linalg.loo import BOUND
from w2s_probe.linalg.ridge import RidgePath, ridge_path

ROUNDING = 1e-12  # a row's leverage outside intercept and axes that is below it is rounding


@dataclass(frozen=True, eq=False, kw_only=True)
class Reach:
    r"""How far each label reaches: products of the teacher's map T, shape (N, n), with the student's pool features.

    Parameters
    ----------
    mean : array of shape (d,)
        Mean of the pool's features.
    cross : array of shape (d, n)
        ``(X - mean).T @ T``.
    total : array of shape (n,)
        Sums of the columns of T.
    """

    mean: Float
    cross: Float
    total: Float


@dataclass(frozen=True, eq=False, kw_only=True)
class Distilled:
    """A ridge head on labels and pseudolabels together, and its held-out scores.

    Parameters
    ----------
    choice : Choice
        The path at all strengths tried, and the chosen one.
    score : float
        Mean squared leave-one-out error of the chosen strength; squares are summed over the K columns. Residuals are
        bounded as in `linalg.loo.loo_score`.
    held_out : array of shape (n, K)
        Score of each labeled row by the head whose teacher and fit never saw the row's label.
    """

    choice: Choice
    score: float
    held_out: Float


def joint_weights(n: int, N: int, soft_weight: float) -> Float:
    """Return the weights, shape (n + N,), of n labeled rows and N rows of the pool; their mean is 1.

    All labeled rows together weigh 1, and the pool weighs `soft_weight`, up to a common factor.

    Examples
    --------
    >>> joint_weights(1, 3, 1.0)
    array([2.        , 0.66666667, 0.66666667, 0.66666667])
    """
    share = (n + N) / (1 + soft_weight)
    return np.repeat([share / n, share * soft_weight / N], [n, N])


def reach_of(X: Features, maps: Float) -> Reach:
    """Return the products of some columns of the teacher's map, shape (N, columns), with features (N, d)."""
    mean = np.zeros(X.shape[1])
    for rows in row_blocks(len(X)):
        mean += X[rows].sum(axis=0, dtype=np.float64)
    mean /= len(X)
    cross = np.zeros((X.shape[1], maps.shape[1]))
    for rows in row_blocks(len(X)):
        cross += (X[rows] - mean).T @ maps[rows]
    return Reach(mean=mean, cross=cross, total=maps.sum(axis=0))


def distilled_ridge(
    X: Features,
    Y: Float,
    *,
    weights: Float,
    reach: Reach,
    teacher_residuals: Float,
    alpha: float | None = None,
    points: int = RIDGE_POINTS,
) -> Distilled:
    """Return the head whose strength has the smallest leave-one-out score.

    Parameters
    ----------
    X : array of shape (n + N, d)
        Student features of the labeled rows, then of the pool.
    Y : array of shape (n + N, K)
        Labels, then pseudolabels.
    weights : array of shape (n + N,)
        Return value of `joint_weights`, or other weights that are equal within each part, those of labels above 0.
    reach : Reach
        Products of the teacher's map with the pool's features.
    teacher_residuals : array of shape (n, K)
        Labels minus the teacher's held-out scores; of a row that the teacher did not learn, any number.
    alpha : float, optional
        Fixed strength, above 0. By default the best of a grid that goes on while an end of it is best; ties go to the
        larger strength.
    points : int
        Strengths within four decades of the grid's center, see `linalg.strengths`.

    References
    ----------
    .. [1] Lee et al. (2023), arXiv 2305.18239 (a student of labels and of a weaker teacher's soft labels).
    """
    n = len(teacher_residuals)
    if not weights[-1]:  # the labels alone
        X, Y, weights = X[:n], Y[:n], weights[:n]
    path = ridge_path(X, Y, alphas=None if alpha is None else [alpha], points=points, sample_weight=weights)
    labels = Y[:n]
    left_out = _LeftOut(path, X, labels, reach, teacher_residuals)
    most = BOUND**2 * float(((labels - labels.mean(axis=0)) ** 2).sum(axis=1).max())

    def score(tried: RidgePath) -> Float:
        squares = (left_out.at(tried.alphas) ** 2).sum(axis=2)
        return np.asarray(np.minimum(squares, most).mean(axis=0))

    choice = choose_strength(path, score)
    residuals = left_out.at(choice.path.alphas[[choice.index]])[:, 0]
    squares = np.minimum((residuals**2).sum(axis=1), most)
    return Distilled(choice=choice, score=float(squares.mean()), held_out=labels - residuals)


class _LeftOut:
    """Leave-one-out residuals of the labeled rows at any strengths; nothing cancels, as in `linalg.anchored`.

    All numbers of a row are multiplied by the root of its weight. Each label acts twice: through its own residual
    (`loadings`, `outside`), and through the pseudolabels of the teacher that it was left out of (`own`, `own_outside`).
    A row that every head fits exactly at strength 0 has nothing outside intercept and axes: there the factor alpha
    drops out of the ratio.
    """

    def __init__(self, path: RidgePath, X: Features, labels: Float, reach: Reach, c: Float) -> None:
        spectrum, n = path.spectrum, len(labels)
        weights, total = spectrum.weights[:n], spectrum.weights.sum()
        of_pool = float(spectrum.weights[-1]) if len(spectrum.weights) > n else 0.0
        U = spectrum.whitened(X, slice(0, n))
        cross = reach.cross + np.outer(reach.mean - spectrum.mean, reach.total)
        Q = of_pool * (spectrum.axes / np.sqrt(spectrum.eigenvalues)).T @ cross
        self.root = np.sqrt(weights)
        self.s, self.loadings, self.c = spectrum.eigenvalues[:, None], path.loadings, c
        self.U, self.squares, self.own = U, U**2, U * Q.T
        left = 1 - weights / total - self.squares.sum(axis=1)
        self.inside = (left < ROUNDING) | (spectrum.residual_rank == 0)
        self.leverage_outside = np.where(self.inside, 0.0, left)
        centered = self.root[:, None] * (labels - path.target_mean)
        self.outside = np.where(self.inside[:, None], 0.0, centered - U @ path.loadings)
        mean = self.root * of_pool * reach.total / total
        self.own_outside = np.where(self.inside, 0.0, -mean - self.own.sum(axis=1))

    def at(self, alphas: Float) -> Float:
        """Return labels minus held-out scores at A strengths, shape (n, A, K)."""
        g, factor = 1.0 / (self.s + alphas), np.where(self.inside[:, None], 1.0, alphas)
        shrunk = (g[:, :, None] * self.loadings[:, None, :]).reshape(len(g), -1)
        residual = factor[:, :, None] * (self.U @ shrunk).reshape(len(self.U), len(alphas), -1)
        residual += self.outside[:, None, :]
        own = factor * (self.own @ g) + self.own_outside[:, None]
        leverage_left = factor * (self.squares @ g) + self.leverage_outside[:, None]
        residual -= own[:, :, None] * self.c[:, None, :]
        return np.asarray(residual / (self.root[:, None] * leverage_left)[:, :, None])
