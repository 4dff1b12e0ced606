r"""What labeled rows say about a mean over rows nobody labeled: counting and smoothing, combined.

Counting averages a quantity over the labeled rows, on predictions by heads that never saw their labels:
nearly unbiased, noisy; two rows more are thought of, one for and one against, so that labels that all
agree are no certainty (Agresti and Min 2005). Smoothing averages what a calibrated model expects over the
pool: steady, biased if the model is wrong. They are combined by inverse variance, the bias of the smooth one
counted as a variance.

Both are sums over the labeled rows to first order, so that the influence of each row on the combination
gives one standard error, and differences and extrapolations of estimates keep theirs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from w2s_probe.core.types import Float
from w2s_probe.results.estimate import Estimate

TRUST = 0.005  # bias of the smooth estimate by which it is weighed, in units of the score
SMOOTH_BIAS = 0.01  # the same as its interval knows it: weighing asks what is best, an interval what is possible
# Held-out predictions share their training rows, which widens errors by (1 + 30/n)^(1/2): on the development cells of
# tests/fidelity, and with known truth in tests/statistical/test_forecast_coverage.py (1.3 to 1.4 at 40 labels, 0.9 to
# 1.3 from 100 to 400).
SMALL = 30
DF = 4  # labeled rows for one degree of freedom of the interval


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """An estimate of a mean, and what it rests on.

    Parameters
    ----------
    value : float
        The estimate.
    influence : array of shape (n,)
        What each labeled row adds to its error.
    bias : float
        Standard deviation of what more labeled rows would not remove.
    row_variance : float
        Variance of the quantity from row to row, for what a test set will show.
    """

    value: float
    influence: Float
    bias: float
    row_variance: float

    @property
    def error(self) -> float:
        """Standard error of the estimate."""
        return math.sqrt(_variance(self.influence) + self.bias**2)

    def reach(self, level: float) -> float:
        """Return the quantile by which errors are multiplied: Student's, since errors are estimated too.

        Parameters
        ----------
        level : float
            Level of the interval.
        """
        return float(t.ppf(0.5 + level / 2, max(len(self.influence) / DF, 2)))

    def estimate(self, level: float) -> Estimate:
        """Return the estimate with its interval.

        Parameters
        ----------
        level : float
            Level of the interval.
        """
        reach = self.reach(level) * self.error
        return Estimate(value=self.value, low=self.value - reach, high=self.value + reach)

    def observed(self, level: float, n_test: int) -> tuple[float, float]:
        """Return the interval of what a test set of `n_test` rows will show.

        Parameters
        ----------
        level : float
            Level of the interval.
        n_test : int
            Rows of the test set.
        """
        reach = self.reach(level) * math.sqrt(self.error**2 + self.row_variance / n_test)
        return self.value - reach, self.value + reach


def combine(counted: Float, smooth: tuple[float, Float, Float], *, row_variance: float, unit: float = 1.0) -> Evidence:
    """Return counting and smoothing combined by inverse variance.

    Parameters
    ----------
    counted : array of shape (n,)
        The quantity on each labeled row, averaged over folds that left it out.
    smooth : float, array of shape (n,) and array of shape (N,)
        The model's mean over the pool, the influence of each labeled row on it, and what it expects of
        each row of the pool, which is a sample too.
    row_variance : float
        Variance of the quantity from row to row, for what a test set will show.
    unit : float
        Size of the score's unit, in which the bias is stated.
    """
    mean = float(counted.mean())
    own, (model, other, rows) = (counted - mean) / len(counted), smooth
    agreed = unit / (len(counted) + 2)
    sampled = float(rows.std()) / math.sqrt(len(rows))
    variances = (
        _variance(own) + agreed**2,
        _variance(other) + (TRUST * unit) ** 2 + sampled**2,
    )
    share = variances[1] / (variances[0] + variances[1])
    return Evidence(
        value=share * mean + (1 - share) * model,
        influence=share * own + (1 - share) * other,
        bias=math.hypot((1 - share) * math.hypot(SMOOTH_BIAS * unit, sampled), share * agreed),
        row_variance=row_variance,
    )


def weighted_sum(parts: list[Evidence], weights: Float, *, bias: float = 0.0) -> Evidence:
    """Return a linear combination of estimates from the same labeled rows.

    Parameters
    ----------
    parts : list of Evidence
        The estimates.
    weights : array
        One for each of them.
    bias : float
        A further standard deviation, of the combination itself.
    """
    return Evidence(
        value=float(sum(w * part.value for w, part in zip(weights, parts, strict=True))),
        influence=np.sum([w * part.influence for w, part in zip(weights, parts, strict=True)], axis=0),
        bias=math.hypot(bias, float(sum(w * part.bias for w, part in zip(weights, parts, strict=True)))),
        row_variance=parts[-1].row_variance,
    )


def _variance(influence: Float) -> float:
    return (1 + SMALL / len(influence)) * float((influence**2).sum())
