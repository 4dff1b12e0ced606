r"""Softmax heads on labels, and on pseudolabels at a temperature.

With row weights w, labels y and pseudolabels p they minimize

.. math::
    \sum_{i \in L} w_i\,\mathrm{CE}(y_i, \mathrm{softmax}(f_i))
    + \sum_{i \in U} w_i\,\tau^2\,\mathrm{CE}(p_i, \mathrm{softmax}(f_i / \tau)) + \frac{\alpha}{2}\lVert W\rVert^2

which is convex in the logits. The gradient of a row of the pool is :math:`w \tau (q - p)`; with the factor
:math:`\tau^2`, its size hardly depends on the temperature [1]_. Cross-entropy differs from
:math:`\mathrm{KL}(p \Vert q)` by a constant.

References
----------
.. [1] Hinton, Vinyals and Dean (2015), Distilling the Knowledge in a Neural Network, arXiv 1503.02531.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w2s_probe.core.fit_options import FitOptions
from w2s_probe.core.types import Features, Float
from w2s_probe.heads.coordinates import eigen_coordinates, free_columns
from w2s_probe.heads.descent import descend
from w2s_probe.heads.linear import LinearHead, deviations
from w2s_probe.heads.losses import cross_entropy
from w2s_probe.heads.newton import Solution
from w2s_probe.heads.softmax import fit_of

MOST_ITERATIONS = 5000  # of L-BFGS


@dataclass(frozen=True, eq=False, kw_only=True)
class JointRows:
    """Labels and pseudolabels of one fit.

    Parameters
    ----------
    X : array of shape (n + N, d)
        Features of the labeled rows, then of the pool.
    Y : array of shape (n + N, K)
        Labels, then pseudolabels, which have the temperature already.
    n : int
        Number of labeled rows.
    weights : array of shape (n + N,)
        Row weights, at least 0.
    temperature : float
        Temperature of the pool's loss, above 0; ridge heads have none.
    """

    X: Features
    Y: Float
    n: int
    weights: Float
    temperature: float = 1.0

    def divisor(self, options: FitOptions) -> Float:
        """Return the number that divides each feature, shape (d,), as `w2s_probe.heads.fit_head` scales."""
        if options.scale == "none":
            return np.ones(self.X.shape[1])
        if options.intercept:
            return deviations(self.X, self.weights)
        size = np.sqrt(np.average(self.X.astype(np.float64) ** 2, axis=0, weights=self.weights))
        return np.where(size > 0, size, 1.0)

    def loss(self, F: Float, P: Float) -> tuple[Float, Float]:
        """Return the loss of each row at logits F, shape (n + N, K), before its weight, and the gradient in F."""
        temperature = np.where(np.arange(len(F)) < self.n, 1.0, self.temperature)
        value, slope = cross_entropy(F / temperature[:, None], P)
        return temperature**2 * value, temperature[:, None] * slope


def fit_tempered(rows: JointRows, options: FitOptions, *, alpha: float, start: LinearHead | None = None) -> LinearHead:
    """Return the softmax head with the least loss; its minimum does not depend on the start.

    Parameters
    ----------
    rows : JointRows
        Labels, pseudolabels and temperature.
    options : FitOptions
        Scaling, and whether the head has an intercept.
    alpha : float
        Strength, above 0.
    start : LinearHead, optional
        Softmax head at which L-BFGS starts; zero by default.
    """
    divisor, f = rows.divisor(options), free_columns(rows.Y.shape[1])
    coordinates = eigen_coordinates(rows.X / divisor, rows.weights, intercept=options.intercept)
    axes, mean = coordinates.spectrum.axes, coordinates.spectrum.mean
    W, b = np.zeros((axes.shape[1], f)), np.zeros(f)
    if start is not None:
        coef = free(start.coef * divisor[:, None])
        W, b = axes.T @ coef, free(start.intercept) + mean @ coef
    at = Solution(W=W, b=b, objective=np.nan, gap=np.nan, gradient_norm=np.nan, iterations=0)
    end, converged = descend(
        coordinates, rows.Y, rows.weights, loss=rows.loss, alpha=alpha, start=at, max_iter=MOST_ITERATIONS
    )
    fit = fit_of(coordinates, end, alpha, loss="ce", converged=converged)
    return LinearHead(
        kind="softmax",
        coef=fit.coef / divisor[:, None],
        intercept=fit.intercept,
        alpha=alpha,
        rule="given",
        at_edge=False,
        converged=converged,
    )


def free(logits: Float) -> Float:
    """Return the free columns of softmax weights or logits, shape (…, f): of two classes, the log-odds of the second.

    Examples
    --------
    >>> import numpy as np
    >>> free(np.array([[-1.0, 2.0]])), free(np.array([1.0, 0.0, -1.0]))
    (array([[3.]]), array([ 1.,  0., -1.]))
    """
    return np.diff(logits, axis=-1) if logits.shape[-1] == 2 else logits
