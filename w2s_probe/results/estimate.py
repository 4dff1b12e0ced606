"""Numbers with the limits of their confidence intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from w2s_probe.core.serialize import Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with the limits of its confidence interval; NaN where it is undefined.

    Parameters
    ----------
    value, low, high : float
        Estimate and limits of its interval, in the unit of the estimated quantity.
    resolved : bool or None
        Whether the quantity can be estimated; None for quantities that always can.
    """

    one_scale: ClassVar = ("value", "low", "high")

    value: float
    low: float
    high: float
    resolved: Annotated[bool | None, Mark.UNLESS_NONE] = None

    def unresolved(self) -> Estimate:
        """Return an unresolved estimate, whose numbers are NaN."""
        return Estimate(value=math.nan, low=math.nan, high=math.nan, resolved=False)


def in_brief(value: float) -> str:
    """Return a number with three decimals, or three digits where that would show little; NaN as ``nan``."""
    return f"{value:.3f}" if 0.01 <= abs(value) < 1e4 or not value else f"{value:.3g}"


def difference_in_brief(name: str, difference: Estimate) -> str:
    """Return ``gain +0.044 [+0.033, +0.056]``, or ``gain unresolved`` for NaN."""
    if math.isnan(difference.value):
        return f"{name} unresolved"
    return f"{name} {difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEstimate:
    """Score of one group.

    Parameters
    ----------
    value, low, high : float
        Estimate and limits of its interval.
    n : float
        Mean number of the group's test rows over seeds.
    """

    one_scale: ClassVar = ("value", "low", "high")

    value: float
    low: float
    high: float
    n: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstGroup:
    """Score and name of the worst group.

    Parameters
    ----------
    value : float
        Lowest observed score of a group (for errors: the highest). It is biased towards a worse score, more so
        when the groups are close.
    low, high : float
        Limits of an interval for the score of the truly worst group; they account for having picked it.
    group : str
        Group with this observed score.
    n : float
        Mean number of its test rows over seeds.
    """

    one_scale: ClassVar = ("value", "low", "high")

    value: float
    low: float
    high: float
    group: str
    n: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorMean:
    """Mean score over groups, weighted by the groups' shares in a set of rows.

    Parameters
    ----------
    value, low, high : float
        Estimate and limits of its interval.
    prior : str
        Set of rows whose shares are the weights.
    """

    one_scale: ClassVar = ("value", "low", "high")

    value: float
    low: float
    high: float
    prior: str
