r"""Confidence intervals of scores over several seeds that share one table.

The interval covers the expected score over the choice of training rows, at these sizes, and of test rows from the
population; for a ratio such as PGR, the ratio of the expectations. With several seeds the
score is linearized, :math:`\psi_{s,i} = (u_{s,i} - \hat r\, v_{s,i}) / \bar v`, and its variance is
clustered by table row i (a row may be a test row of several seeds) and by seed s
(all rows of a seed are scored by the same heads):

.. math:: V = V_\text{row} + \max(V_\text{seed} - V_\text{cell}, 0),

with a t quantile of :math:`\max(S - 1, (S - 1) V^2 / V_\text{seed}^2)` degrees of freedom.

One seed covers the choice of test rows only. A score of decisions (accuracy, gain, PGR, OPR, agreement, and the
scores of groups) takes few values over rows. The rows with equal contributions form a pattern; patterns are
resampled, not rows: their counts are multinomial, and the limits are percentiles of the resampled scores. A score of
probabilities or numbers (Brier score, log loss, calibration error, squared error, :math:`R^2`) has another value on
nearly every row. Its variance is :math:`V = \sum_i \psi_i^2 / (R (R - 1))` over the R test rows, with a t quantile of
R - 1 degrees of freedom, since V is estimated from these rows: with a normal quantile, as with resampled rows, the
interval is too narrow for few rows (R = 20, simulated coverage of the Brier score: .91, with a normal quantile .89,
resampled .90; of :math:`R^2`: .93, .90 and .90).

Pairs that share items depend on each other (`metrics/dyadic.py`). With the items of each result in `Draws`,
:math:`V_\text{row}` is a sum over all pairs that share an item, and :math:`V_\text{cell}` over those of one seed. One
seed uses the same sum for all scores, with G / (G - 1) in front and G - 1 degrees of freedom, where G is half the
number of items: the formula above if no item is in two pairs.

Seeds that split the same table share training rows. An effect of these rows that is the same under all seeds cannot
be measured in one table. It mostly cancels in gain and PGR. It makes the interval of a single accuracy too narrow,
more so with more seeds: a little where most of the noise comes from the test rows
(simulated coverage at level .95 and 20 seeds: .93-.95 at n = 200 of a table of 1,300 rows), much where n is
small (.83-.89 at n = 40 to 60 of 700 rows), most when n + N + |T| nearly exhausts the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import special

from w2s_probe.core.types import Float, Rows
from w2s_probe.metrics.dyadic import Dyads
from w2s_probe.results.estimate import Estimate

RESAMPLES = 5000  # the width of an interval has a standard error of 1.4 %
PATTERNS = 32  # with more of them, or with less than two rows for each on average, the score is linearized


@dataclass(frozen=True, eq=False, kw_only=True)
class Draws:
    """Seed and table row of each test result.

    Parameters
    ----------
    rows : list of arrays of int
        Test rows of each seed, as positions in the table.
    level : float
        Level of the intervals, in (0, 1).
    seed : int
        Seed of the resampled patterns; used only with a single split.
    items : list of arrays of int, optional
        The two items of each test pair of each seed, shape (m, 2), as numbers that are the same for all seeds. Pairs
        that share an item then count as dependent, and `rows` only tells the seeds' sizes.
    """

    rows: list[Rows]
    level: float = 0.95
    seed: int = 0
    items: list[Rows] | None = None

    @cached_property
    def seed_of(self) -> Rows:
        """Number of the split of each result, shape (R,)."""
        return np.repeat(np.arange(len(self.rows)), [len(rows) for rows in self.rows])

    @cached_property
    def row_of(self) -> Rows:
        """Number of the distinct table row of each result, shape (R,)."""
        return np.unique(np.concatenate(self.rows), return_inverse=True)[1]

    @cached_property
    def dyads(self) -> Dyads | None:
        """Distinct pairs of items over all seeds; None for rows."""
        return None if self.items is None else Dyads.of(np.concatenate(self.items))

    @cached_property
    def dyads_of_seeds(self) -> Dyads | None:
        """Distinct pairs where items of different seeds are different items; None for rows."""
        if self.items is None:
            return None
        items = np.concatenate(self.items)
        return Dyads.of(items + self.seed_of[:, None] * (np.ptp(items) + 1))


def ratio_of_means(
    numerator: Float, denominator: Float, draws: Draws, *, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> Estimate:
    """Return mean(numerator) / mean(denominator) with its interval.

    Parameters
    ----------
    numerator, denominator : arrays of shape (R,)
        Contributions of the R results, in the order of `draws`: all rows of the first split, then of the second.
    draws : Draws
        Seed and table row of each result.
    bounds : tuple of float
        Smallest and largest possible value; the interval is clipped to them.

    Returns
    -------
    Estimate
        NaN throughout if the denominator's mean is 0. No width if all rows contribute the same; a single row of a
        single split says nothing: the limits are `bounds`.
    """
    below = denominator.mean()
    if below == 0:
        return Estimate(value=np.nan, low=np.nan, high=np.nan)
    value = float(numerator.mean() / below)
    if len(draws.rows) == 1:
        low, high = _limits_of_one_split(numerator, denominator, draws)
    else:
        half = _half_width((numerator - value * denominator) / below, draws)
        low, high = value - half, value + half
    return Estimate(value=value, low=max(low, bounds[0]), high=min(high, bounds[1]))


def _half_width(psi: Float, draws: Draws) -> float:
    S, total = len(draws.rows), len(psi)
    counts = np.bincount(draws.seed_of)
    by_seed = np.bincount(draws.seed_of, weights=psi) / counts
    rows, cells = _sums_of_squares(psi, draws)
    V_row, V_cell = rows / total**2, cells / total**2
    V_seed = float((by_seed**2).sum()) / (S * (S - 1))
    V = V_row + max(V_seed - V_cell, 0.0)
    if V == 0:
        return 0.0
    dof = max(S - 1.0, (S - 1.0) * (V / V_seed) ** 2) if V_seed > 0 else np.inf
    upper = (1 + draws.level) / 2
    quantile = (
        special.stdtrit(dof, upper) if np.isfinite(dof) else special.ndtri(upper)
    )  # the function that stats.t.ppf calls
    return float(quantile * np.sqrt(V))


def _sums_of_squares(psi: Float, draws: Draws) -> tuple[float, float]:
    """Return the sum of squared sums over rows, and over rows of one seed; for pairs over those that share items."""
    if draws.dyads is None or draws.dyads_of_seeds is None:
        by_row = np.bincount(draws.row_of, weights=psi)
        return float((by_row**2).sum()), float((psi**2).sum())
    return draws.dyads.sum_of_squares(psi), draws.dyads_of_seeds.sum_of_squares(psi)


def _limits_of_one_split(numerator: Float, denominator: Float, draws: Draws) -> tuple[float, float]:
    """Return percentiles of the resampled score; limits of the linearized score if its patterns are many."""
    rows, upper = len(numerator), (1 + draws.level) / 2
    if draws.dyads is not None:
        return _limits_of_pairs(numerator, denominator, draws.dyads, upper)
    patterns, counts = np.unique(numerator + 1j * denominator, return_counts=True)  # each pair as a complex number
    if len(patterns) <= min(PATTERNS, rows / 2):
        drawn = _resampled_counts(tuple(counts.tolist()), draws.seed)
        sums = np.sum([count * pattern for count, pattern in zip(drawn, patterns, strict=True)], axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = np.nanquantile(sums.real / sums.imag, [1 - upper, upper])  # NaN between two infinite values
        return float(low), float(high)
    below = denominator.mean()
    value = numerator.mean() / below
    if rows == 1:
        return -np.inf, np.inf
    V = (((numerator - value * denominator) / below) ** 2).sum() / (rows * (rows - 1))
    half = float(special.stdtrit(rows - 1, upper) * np.sqrt(V))
    return value - half, value + half


def _limits_of_pairs(numerator: Float, denominator: Float, dyads: Dyads, upper: float) -> tuple[float, float]:
    """Return limits of the linearized score of one seed's pairs."""
    below, units = denominator.mean(), dyads.units
    if units <= 1:
        return -np.inf, np.inf
    value = numerator.mean() / below
    V = dyads.sum_of_squares((numerator - value * denominator) / below) / len(numerator) ** 2 * units / (units - 1)
    half = float(special.stdtrit(units - 1, upper) * np.sqrt(V))
    return value - half, value + half


@lru_cache(maxsize=32)
def _resampled_counts(counts: tuple[int, ...], seed: int) -> Rows:
    """Return the rows of each pattern in each resample, shape (P, RESAMPLES); scores of a run often share `counts`."""
    rows = sum(counts)
    return np.random.default_rng(seed).multinomial(rows, np.array(counts) / rows, size=RESAMPLES).T
