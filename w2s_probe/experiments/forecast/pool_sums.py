r"""Expectations of calibrated models over the pool, added up by blocks of rows: no array has a row for each pool row.

A model gives each row weights :math:`\pi_j`: the probabilities of the classes, or :math:`1, E[y], E[y^2]`. The
expectation of a quantity with values :math:`v_j` is :math:`\sum_j \pi_j v_j`. It is linear in the values, and so are
its derivatives. The sums of the three systems therefore give those of every weighted sum of systems; second moments are
a quadratic form in the weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2s_probe.core.types import Float
from w2s_probe.experiments.forecast.calibration import ChoiceModel


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Smooth:
    """The expectation of a quantity over the pool, averaged over the models.

    Parameters
    ----------
    mean : float
        Mean over the rows.
    influence : array of shape (n,)
        Influence of each labeled row on the mean.
    sampled : float
        Standard error of the mean from the pool's finite size.
    squares : float
        Mean of the expected squares.
    """

    mean: float
    influence: Float
    sampled: float
    squares: float


class PoolSums:
    """Sums over rows of the pool, for one score of the S systems.

    Parameters
    ----------
    models : sequence of ChoiceModel
        Models of the label, for classes or for numbers; expectations are averaged over them.
    """

    def __init__(self, models: Sequence[ChoiceModel]) -> None:
        self.models, self.classes = models, models[0].classes
        self.scale = np.array([model.scale for model in models])
        beta = np.array([model.beta for model in models])
        self.constant = np.zeros(len(models)) if self.classes else beta[:, 0]
        self.slope = (beta if self.classes else beta[:, 1:]) / self.scale
        self.noise = np.array([model.noise for model in models])
        self.n = 0

    def add(self, scores: Sequence[Float], values: Sequence[Float]) -> None:
        """Add a block of rows.

        `scores` are the P systems' scores, each of shape (rows, K). `values` are the quantities of S systems, each of
        shape (rows, K), for each class; for regression, shape (rows, 3), the coefficients of :math:`1, y, y^2`.
        """
        F, V = (np.stack([array.T for array in arrays]) for arrays in (scores, values))
        law = self._law(F)
        rows = law[0] * V[:, 0, None]  # (S, models, rows)
        for j in range(1, len(law)):
            rows += law[j] * V[:, j, None]
        mean = rows.mean(axis=1)
        if not self.n:
            S = len(V)
            self.origin = mean.mean(axis=1)
            self.total, self.products, self.squares = np.zeros(S), np.zeros((S, S)), np.zeros((S, S))
            self.slopes = np.zeros((S, len(self.models), len(F) + (not self.classes)))
            self.quadratic = np.zeros(S)
        shifted = mean - self.origin[:, None]
        self.n += F.shape[2]
        self.total += shifted.sum(axis=1)
        self.products += shifted @ shifted.T
        self.slopes += self._slopes(F, V, law, rows)
        self.squares += (V * law.mean(axis=1)).reshape(len(V), -1) @ V.reshape(len(V), -1).T
        if not self.classes:
            self.quadratic += V[:, 2].sum(axis=1)

    def smooth(self, weights: Sequence[float]) -> Smooth:
        """Return the expectation of a weighted sum of the systems' quantities."""
        w = np.asarray(weights, dtype=np.float64)
        shift = self.total / self.n
        variance = float(w @ (self.products / self.n - np.outer(shift, shift)) @ w)
        slopes = np.tensordot(w, self.slopes, axes=1) / self.n
        slopes[:, -self.scale.shape[1] :] /= self.scale
        noise = float(w @ self.quadratic) / self.n
        influences = [
            m.influence @ slope + noise * m.noise_influence for m, slope in zip(self.models, slopes, strict=True)
        ]
        return Smooth(
            mean=float(w @ (self.origin + shift)),
            influence=np.mean(influences, axis=0),
            sampled=math.sqrt(max(variance, 0.0) / self.n),
            squares=float(w @ self.squares @ w) / self.n,
        )

    def _law(self, F: Float) -> Float:
        """Return the weights of each row in each model, shape (K, models, rows), or (3, models, rows) for numbers."""
        if not self.classes:
            y = self.constant[:, None] + self.slope @ F[:, 0]
            return np.stack([np.ones_like(y), y, y**2 + self.noise[:, None]])
        law = np.stack([self.slope @ F[:, k] for k in range(F.shape[1])])
        law -= law.max(axis=0)
        np.exp(law, out=law)
        law /= law.sum(axis=0)
        return law

    def _slopes(self, F: Float, V: Float, law: Float, rows: Float) -> Float:
        """Return the sums of the expectations' derivatives by the coefficients, (S, models, coefficients), unscaled."""
        if self.classes:
            return np.sum([(law[k] * (V[:, k, None] - rows)) @ F[:, k].T for k in range(len(law))], axis=0)
        design = np.vstack([np.ones(F.shape[2]), F[:, 0]])
        return (V[:, 1, None] + 2 * V[:, 2, None] * law[1]) @ design.T
