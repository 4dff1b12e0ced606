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
from w2s_probe.experiments.forecast.pool_sums import Smooth
from w2s_probe.metrics.dyadic import Dyads
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


@dataclass(frozen=True, kw_only=True)
class ErrorModel:
    """Standard error of a combined estimate as a function of the number of labeled rows.

    The variances of counting and of the model's coefficients shrink with the number of labels. The error from the
    pool's finite size and the model's bias stay, but lose weight as counting gains precision.

    Parameters
    ----------
    counted, smooth : float
        Variance of counting and of smoothing from a single labeled row: the variance at n labels is 1/n of it.
    shared : float
        Covariance of both, likewise.
    sampled : float
        Standard error of the smooth estimate from the pool's finite size.
    unit : float
        Size of the score's unit, in which biases are stated.
    """

    counted: float
    smooth: float
    shared: float
    sampled: float
    unit: float

    def share(self, n: Float) -> Float:
        """Return the weight of counting at n labels."""
        rows = (1 + SMALL / n) / n
        counted = self.counted * rows + self._added(n) ** 2
        smooth = self.smooth * rows + (TRUST * self.unit) ** 2 + self.sampled**2
        return smooth / (counted + smooth)

    def bias(self, n: Float) -> Float:
        """Return the part of the standard error that does not come from the labeled rows."""
        share = self.share(n)
        return np.hypot((1 - share) * np.hypot(SMOOTH_BIAS * self.unit, self.sampled), share * self._added(n))

    def error(self, n: Float) -> Float:
        """Return the standard error at n labels."""
        share = self.share(n)
        row = share**2 * self.counted + 2 * share * (1 - share) * self.shared + (1 - share) ** 2 * self.smooth
        return np.sqrt((1 + SMALL / n) / n * row + self.bias(n) ** 2)

    def half_width(self, n: Float, level: float) -> Float:
        """Return the half-width of the interval of this level at n labels."""
        return quantile(n, level) * self.error(n)

    def _added(self, n: Float) -> Float:
        return self.unit / (n + 2)


def quantile(n: Float, level: float) -> Float:
    """Return the quantile of Student's t for an interval from n labeled rows, since the error is estimated."""
    return np.asarray(stdtrit(np.maximum(n / DF, 2), 0.5 + level / 2))


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
    dyads : Dyads or None
        Which labeled rows, as preference pairs, share items: their errors depend on each other.
    """

    value: float
    influence: Float
    bias: float
    row_variance: float
    dyads: Dyads | None = None

    @property
    def error(self) -> float:
        """Standard error of the estimate."""
        rows = (1 + SMALL / len(self.influence)) * _squares(self.influence, self.dyads)
        return math.sqrt(rows + self.bias**2)

    def quantile(self, level: float) -> float:
        """Return the quantile of Student's t for an interval of this level."""
        return float(quantile(np.array(len(self.influence)), level))

    def estimate(self, level: float) -> Estimate:
        """Return the estimate with its interval of this level."""
        half = self.quantile(level) * self.error
        return Estimate(value=self.value, low=self.value - half, high=self.value + half)

    def observed(self, level: float, n_test: int) -> tuple[float, float]:
        """Return the prediction interval of the mean on `n_test` test rows."""
        half = self.quantile(level) * math.sqrt(self.error**2 + self.row_variance / n_test)
        return self.value - half, self.value + half


@dataclass(frozen=True, eq=False, kw_only=True)
class CombinedEstimate(MeanEstimate):
    """An estimate by counting and smoothing, with its standard error at other numbers of labels."""

    errors: ErrorModel


def combine(
    counted: Float, smooth: Smooth, *, row_variance: float, unit: float = 1.0, dyads: Dyads | None = None
) -> CombinedEstimate:
    """Return counting and smoothing combined by inverse variance.

    `counted`, shape (n,), is the quantity on each labeled row, averaged over held-out predictions. `smooth` is the
    model's expectation over the pool, which is a sample too. `unit` is the size of the score's unit, in which biases
    are stated. `dyads` tells which rows, as pairs, share items.
    """
    mean, n = float(counted.mean()), np.array(len(counted))
    own = (counted - mean) / len(counted)
    shared = own @ smooth.influence if dyads is None else dyads.product(own, smooth.influence)
    errors = ErrorModel(
        counted=float(n * _squares(own, dyads)),
        smooth=float(n * _squares(smooth.influence, dyads)),
        shared=float(n * shared),
        sampled=smooth.sampled,
        unit=unit,
    )
    share = float(errors.share(n))
    return CombinedEstimate(
        value=share * mean + (1 - share) * smooth.mean,
        influence=share * own + (1 - share) * smooth.influence,
        bias=float(errors.bias(n)),
        row_variance=row_variance,
        dyads=dyads,
        errors=errors,
    )


def weighted_sum(parts: list[MeanEstimate], weights: Float, *, bias: float = 0.0) -> MeanEstimate:
    """Return a linear combination of estimates from the same labeled rows; `bias` adds a standard deviation."""
    return MeanEstimate(
        value=float(sum(w * part.value for w, part in zip(weights, parts, strict=True))),
        influence=np.sum([w * part.influence for w, part in zip(weights, parts, strict=True)], axis=0),
        bias=math.hypot(bias, float(sum(w * part.bias for w, part in zip(weights, parts, strict=True)))),
        row_variance=parts[-1].row_variance,
        dyads=parts[-1].dyads,
    )


def _squares(influence: Float, dyads: Dyads | None) -> float:
    """Return the sum of squared influences; of pairs, with the products of those that share items."""
    return float(influence @ influence) if dyads is None else dyads.sum_of_squares(influence)
