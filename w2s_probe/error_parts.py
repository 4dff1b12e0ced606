"""What a student's expected squared error is made of: the numbers, without where they come from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["ErrorPart", "ErrorParts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPart:
    """One part of the expected error, and the size at which it would be half as large.

    Parameters
    ----------
    value : float
        Mean square.
    n_to_halve : float
        Labeled rows that would halve it with the pool as it is; infinite if none would.
    N_to_halve : float
        Rows of the pool that would, with the labels as they are.
    """

    value: float
    n_to_halve: float
    N_to_halve: float

    def to_dict(self) -> dict[str, float | None]:
        """Return plain values, infinite or undefined as None."""
        values = {"value": self.value, "n_to_halve": self.n_to_halve, "N_to_halve": self.N_to_halve}
        return {name: value if math.isfinite(value) else None for name, value in values.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorParts:
    """A student's expected error on fresh points as inherited variance, reduced variance and bias.

    Parameters
    ----------
    inherited : ErrorPart
        Variance of the teacher in directions that the student holds, too; more labels lower it.
    reduced : ErrorPart
        What is left of the teacher's variance in other directions; more labels or a larger pool lower it.
    bias : ErrorPart
        The rest of the squared error, NaN if that was not given: misfit of both heads at these strengths.
    teacher_variance : float
        The teacher's own variance on fresh points, all of it.
    correlation_dimension : float
        Sum of squared canonical correlations weighted by where the teacher's variance is:
        the share of it that the student holds, times the teacher's degrees of freedom.
    """

    inherited: ErrorPart
    reduced: ErrorPart
    bias: ErrorPart
    teacher_variance: float
    correlation_dimension: float

    @property
    def variance(self) -> float:
        """Variance of the student on fresh points."""
        return self.inherited.value + self.reduced.value

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as plain values."""
        return {
            "inherited": self.inherited.to_dict(),
            "reduced": self.reduced.to_dict(),
            "bias": self.bias.to_dict(),
            "teacher_variance": self.teacher_variance,
            "correlation_dimension": self.correlation_dimension,
        }
