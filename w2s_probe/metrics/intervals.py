r"""Confidence intervals of scores over several seeds that share one table.

The interval covers the expected score over the choice of training rows, at these sizes, and of test rows from the
population; for a ratio such as PGR, the ratio of the expectations. With several seeds the
score is linearized, :math:`\psi_{s,i} = (u_{s,i} - \hat r\, v_{s,i}) / \bar v`, and its variance is
clustered by table row i (a row may be a test row of several seeds) and by seed s
(all rows of a seed are scored by the same heads):

.. math:: V = V_\text{row} + \max(V_\text{seed} - V_\text{cell}, 0),

with a t quantile of :math:`\max(S - 1, (S - 1) V^2 / V_\text{seed}^2)` degrees of freedom. With
one seed the observed row patterns are resampled (bootstrap); this covers the choice of test rows only.

Seeds that split the same table share training rows. An effect of these rows that is the same under all seeds cannot
be measured in one table. It mostly cancels in gain and PGR. It makes the interval of a single accuracy too narrow,
more so with more seeds: a little where most of the noise comes from the test rows
(simulated coverage at level .95 and 20 seeds: .93-.95 at n = 200 of a table of 1,300 rows), much where n is
small (.83-.89 at n = 40 to 60 of 700 rows), most when n + N + |T| nearly exhausts the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from w2s_probe.core.types import Float, Rows
from w2s_probe.results.estimate import Estimate

BOOTSTRAP = 2000


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
        Seed of the bootstrap; used only with a single split.
    """

    rows: list[Rows]
    level: float = 0.95
    seed: int = 0

    @cached_property
    def seed_of(self) -> Rows:
        """Number of the split of each result, shape (R,)."""
        return np.repeat(np.arange(len(self.rows)), [len(rows) for rows in self.rows])

    @cached_property
    def row_of(self) -> Rows:
        """Number of the distinct table row of each result, shape (R,)."""
        return np.unique(np.concatenate(self.rows), return_inverse=True)[1]


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
        NaN throughout if the denominator's mean is 0.
    """
    below = denominator.mean()
    if below == 0:
        return Estimate(value=np.nan, low=np.nan, high=np.nan)
    value = float(numerator.mean() / below)
    if len(draws.rows) == 1:
        low, high = _bootstrap(numerator, denominator, draws)
    else:
        half = _half_width((numerator - value * denominator) / below, draws)
        low, high = value - half, value + half
    return Estimate(value=value, low=max(low, bounds[0]), high=min(high, bounds[1]))


def _half_width(psi: Float, draws: Draws) -> float:
    S, total = len(draws.rows), len(psi)
    counts = np.bincount(draws.seed_of)
    by_row = np.bincount(draws.row_of, weights=psi)
    by_seed = np.bincount(draws.seed_of, weights=psi) / counts
    V_row = float((by_row**2).sum()) / total**2
    V_cell = float((psi**2).sum()) / total**2
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


def _bootstrap(numerator: Float, denominator: Float, draws: Draws) -> tuple[float, float]:
    """Return percentile limits from multinomial counts of the distinct row patterns."""
    patterns, counts = np.unique(np.column_stack([numerator, denominator]), axis=0, return_counts=True)
    rng = np.random.default_rng(draws.seed)
    samples = rng.multinomial(counts.sum(), counts / counts.sum(), size=BOOTSTRAP)
    above, below = (samples @ patterns).T
    with np.errstate(divide="ignore", invalid="ignore"):
        values = above / below
        tail = (1 - draws.level) / 2
        low, high = np.nanquantile(values, [tail, 1 - tail])  # NaN between two infinite values
    return float(low), float(high)
