r"""Estimates of a mean over unlabeled rows: counting on labeled rows and a smooth model, combined by variance.

Counting averages a quantity over the labeled rows, with predictions by heads that never saw their labels: nearly
unbiased, with much variance. One success and one failure are added (Agresti and Min 2005), so that unanimous labels
do not give an interval of zero width. Smoothing averages the expectation of a calibrated model over the pool: little
variance, biased if the model is wrong. Weights are inverse variances; the smooth estimate's bias counts as variance.

Both estimates are sums over the labeled rows to first order. The influence of each row on the combination therefore
gives its standard error, and the standard errors of differences and extrapolations of combinations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from w2s_probe.core.types import Float
from w2s_probe.results.estimate import Estimate

# Standard deviations of the smooth estimate's bias, in units of the score: TRUST, the typical bias, weighs the two
# estimates; SMOOTH_BIAS, the worst plausible bias, widens the interval.
TRUST = 0.005
SMOOTH_BIAS = 0.01
# Held-out predictions share their training rows, which widens errors by (1 + 30/n)^(1/2): on the development cells of
# tests/fidelity, and with known truth in tests/statistical/test_forecast_coverage.py (1.3 to 1.4 at 40 labels, 0.9 to
# 1.3 from 100 to 400).
SMALL = 30
DF = 4  # labeled rows for one degree of freedom of the interval


@dataclass(frozen=True, eq=False, kw_only=True)
class MeanEstimate:
    """An estimate of a mean, with the influence of every labeled row.

    Parameters
    ----------
    value : float
        The estimate.
    influence : array of shape (n,)
        Contribution of each labeled row to the estimate's error.
    bias : float
        Standard deviation of the error that more labeled rows would not remove.
    row_variance : float
        Variance of the quantity between rows; the error on a finite test set depends on it.
    """

    value: float
    influence: Float
    bias: float
    row_variance: float

    @property
    def error(self) -> float:
        """Standard error of the estimate."""
        return math.sqrt(_variance(self.influence) + self.bias**2)

    def quantile(self, level: float) -> float:
        """Return the quantile of Student's t for an interval of this level, since the error is estimated."""
        return float(stdtrit(max(len(self.influence) / DF, 2), 0.5 + level / 2))

    def estimate(self, level: float) -> Estimate:
        """Return the estimate with its interval of this level."""
        half = self.quantile(level) * self.error
        return Estimate(value=self.value, low=self.value - half, high=self.value + half)

    def observed(self, level: float, n_test: int) -> tuple[float, float]:
        """Return the prediction interval of the mean on `n_test` test rows."""
        half = self.quantile(level) * math.sqrt(self.error**2 + self.row_variance / n_test)
        return self.value - half, self.value + half


def combine(
    counted: Float, smooth: tuple[float, Float, Float], *, row_variance: float, unit: float = 1.0
) -> MeanEstimate:
    """Return counting and smoothing combined by inverse variance.

    `counted`, shape (n,), is the quantity on each labeled row, averaged over held-out predictions. `smooth` is the
    return value of `ChoiceModel.expect`: mean over the pool, influence of each labeled row (n,), expectation of each
    row (N,); the pool is a sample too. `unit` is the size of the score's unit, in which biases are stated.
    """
    mean = float(counted.mean())
    own, (model, model_influence, rows) = (counted - mean) / len(counted), smooth
    added = unit / (len(counted) + 2)
    sampled = float(rows.std()) / math.sqrt(len(rows))
    variances = (
        _variance(own) + added**2,
        _variance(model_influence) + (TRUST * unit) ** 2 + sampled**2,
    )
    share = variances[1] / (variances[0] + variances[1])
    return MeanEstimate(
        value=share * mean + (1 - share) * model,
        influence=share * own + (1 - share) * model_influence,
        bias=math.hypot((1 - share) * math.hypot(SMOOTH_BIAS * unit, sampled), share * added),
        row_variance=row_variance,
    )


def weighted_sum(parts: list[MeanEstimate], weights: Float, *, bias: float = 0.0) -> MeanEstimate:
    """Return a linear combination of estimates from the same labeled rows; `bias` adds a standard deviation."""
    return MeanEstimate(
        value=float(sum(w * part.value for w, part in zip(weights, parts, strict=True))),
        influence=np.sum([w * part.influence for w, part in zip(weights, parts, strict=True)], axis=0),
        bias=math.hypot(bias, float(sum(w * part.bias for w, part in zip(weights, parts, strict=True)))),
        row_variance=parts[-1].row_variance,
    )


def _variance(influence: Float) -> float:
    return (1 + SMALL / len(influence)) * float((influence**2).sum())
