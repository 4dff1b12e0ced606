"""What a forecast expects: frozen numbers, as `results` holds measured ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.serialize import Keys, Mark, Printed
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import Verdict
from w2s_probe.results.suspects import SuspectsFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A forecast difference: its interval, and that of what a test set will show.

    Parameters
    ----------
    value, low, high : float
        Expected difference and its interval.
    resolved : bool
        Whether the interval leaves out 0.
    low_observed, high_observed : float
        Interval of the difference on a test set of ``--n-test`` rows.
    """

    value: float
    low: float
    high: float
    resolved: bool
    low_observed: float
    high_observed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastPoint:
    """The forecast at other sizes.

    Parameters
    ----------
    n, N : int
        Labeled rows, and rows of the pool.
    gain, teacher, student, baseline : Estimate
        On the main score.
    measured : bool
        Whether heads of these sizes were looked at; else extrapolated.
    """

    n: int
    N: int
    gain: Estimate
    teacher: Estimate
    student: Estimate
    baseline: Estimate
    measured: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Sizes at which the answer would resolve or change; None if it does not within 100 times as many.

    Parameters
    ----------
    n : int or None
        Labels: until the gain's interval leaves out 0; where it does already, until student minus
        baseline changes its sign.
    N : int or None
        Pseudolabels: until student minus baseline changes its sign.
    """

    n: int | None
    N: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """The gain in squared error, taken apart; exact on the labeled rows, with held-out predictions.

    Parameters
    ----------
    misfit : float
        Mean squared difference of student and teacher, which needs no label.
    correction : float
        Twice the mean of (teacher - student)(student - label): what the label-free form leaves out.
    gain : float
        Their sum: the teacher's squared error minus the student's.
    """

    misfit: float
    correction: float
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherScore:
    """The forecast on a score where less is better.

    Parameters
    ----------
    teacher, student, baseline : Estimate
        Of each system.
    gain, versus_baseline : Estimate
        Student minus teacher, and minus baseline: below 0 is better.
    """

    teacher: Estimate
    student: Estimate
    baseline: Estimate
    gain: Estimate
    versus_baseline: Estimate


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What weak-to-strong is expected to do, for one teacher and one student.

    Parameters
    ----------
    teacher_backbone, student_backbone : str
        Names of the features.
    score : str
        Main score.
    n, N, n_test : int
        Labeled rows, rows of the pool, rows of the test set to be forecast.
    gain, versus_baseline : Outlook
        Student minus teacher, and minus baseline.
    teacher, student, baseline, ceiling : Estimate
        The four systems; the ceiling is extrapolated from the baseline's curve.
    pgr, opr : Estimate
        As in `run`.
    others : mapping of score to OtherScore
        Brier score, or squared error.
    curve : tuple of ForecastPoint
        By n at the full N, then by N at the full n.
    needed : Needed
        Sizes at which the answer would resolve or change.
    misfit : Misfit
        The gain in squared error, taken apart.
    representation_gap : float
        Label-free competitor (Xue, Li and Mirzasoleiman 2025): smaller promises more.
    alphas : mapping of system to float
        Strengths of the heads.
    verdict : Verdict
        In words.
    error_parts : ErrorParts or None
        What the student's squared error is made of; for ridge heads on soft pseudolabels.
    notes : tuple of str
        What is right but surprising.
    """

    teacher_backbone: str
    student_backbone: str
    score: str
    n: int
    N: int
    n_test: int
    gain: Outlook
    versus_baseline: Outlook
    teacher: Estimate
    student: Estimate
    baseline: Estimate
    ceiling: Estimate
    pgr: Estimate
    opr: Estimate
    others: Mapping[str, OtherScore]
    curve: tuple[ForecastPoint, ...]
    needed: Needed
    misfit: Misfit
    representation_gap: float
    alphas: Annotated[Mapping[str, float], Keys("teacher", "student", "baseline", required=True)]
    verdict: Verdict
    error_parts: ErrorParts | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ForecastResult(Printed):
    """Forecasts of one or several pairs on the same labels.

    Parameters
    ----------
    config : mapping
        Every setting.
    fingerprint : str
        Hash of settings, features, rows and labels.
    level : float
        Level of the intervals.
    best : Forecast
        The pair with the largest expected gain.
    pairs : tuple of Forecast, or None
        All pairs by expected gain; None for a single one.
    suspects : SuspectsFound or None
        The pool's likely minority as the best pair shows it; None if it was not asked for.
    """

    config: Annotated[Mapping[str, Any], Keys("teacher", "student", "pool", "dtype", DataConfig, W2SConfig)]
    fingerprint: str
    level: float
    best: Annotated[Forecast, Mark.INLINE]
    pairs: Annotated[tuple[Forecast, ...] | None, Mark.UNLESS_NONE] = None
    suspects: Annotated[SuspectsFound | None, Mark.UNLESS_NONE] = None

    def to_record(self) -> Iterator[dict[str, Any]]:
        """Yield tidy rows: gain, teacher, student and baseline of each pair at each point of its curve."""
        for pair in self.pairs or (self.best,):
            names = {"teacher": pair.teacher_backbone, "student": pair.student_backbone, "metric": pair.score}
            for point in pair.curve:
                sizes = {"n": point.n, "N": point.N, "measured": point.measured}
                for name in ("gain", "teacher", "student", "baseline"):
                    estimate: Estimate = getattr(point, name)
                    limits = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
                    yield {**names, **sizes, "what": name, **limits}

    def conditions(self) -> Mapping[str, bool]:
        """Return what else must hold of a forecast, and whether it does."""
        pairs = self.pairs or (self.best,)
        points = [point for pair in pairs for point in pair.curve]
        return {
            "config must name data": isinstance(self.config.get("data"), str),
            "score must be accuracy or r2": all(pair.score in ("accuracy", "r2") for pair in pairs),
            "others must hold brier or squared_error": all(
                list(pair.others) in (["brier"], ["squared_error"]) for pair in pairs
            ),
            "the curve must hold the forecast's own sizes": all(
                any((point.n, point.N) == (pair.n, pair.N) for point in pair.curve) for pair in pairs
            ),
            "sizes must be above 0": all(min(point.n, point.N) > 0 for point in points),
        }


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
