"""Numbers with the limits of their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from w2s_probe.core.serialize import Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with the limits of its interval; NaN where it is undefined.

    Parameters
    ----------
    value, low, high : float
        The estimate and the limits of its interval, in the units of what is estimated.
    resolved : bool or None
        Whether there is an answer; None where that is no question.
    """

    value: float
    low: float
    high: float
    resolved: Annotated[bool | None, Mark.UNLESS_NONE] = None

    def unresolved(self) -> Estimate:
        """Return the same question with NaN for an answer."""
        return Estimate(value=math.nan, low=math.nan, high=math.nan, resolved=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEstimate:
    """The score of one group.

    Parameters
    ----------
    value, low, high : float
        The estimate and the limits of its interval.
    n : float
        Test rows of the group in each seed, on average.
    """

    value: float
    low: float
    high: float
    n: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstGroup:
    """The score of the worst group, and which it is.

    Parameters
    ----------
    value : float
        Score of the group that did worst; as an estimate of the score of the group that is worst it is too bad
        by a little, the more the closer groups are.
    low, high : float
        Limits of an interval for the latter, which allow for the choice.
    group : str
        The group that did worst.
    n : float
        Its test rows in each seed, on average.
    """

    value: float
    low: float
    high: float
    group: str
    n: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorMean:
    """The mean score over groups with named weights.

    Parameters
    ----------
    value, low, high : float
        The estimate and the limits of its interval.
    prior : str
        Whose shares the weights are.
    """

    value: float
    low: float
    high: float
    prior: str
