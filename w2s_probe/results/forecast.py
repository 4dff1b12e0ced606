"""The result of a forecast, as ``forecast --json`` prints it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.serialize import Keys, Mark, Printed
from w2s_probe.core.text_settings import TextSettings
from w2s_probe.results.estimate import Estimate, difference_in_brief, in_brief
from w2s_probe.results.read import Read
from w2s_probe.results.run import Verdict
from w2s_probe.results.schema_1 import forecast_of_schema_1
from w2s_probe.results.suspects import SuspectsFound

FURTHEST = 20  # largest number of labels that is named, in units of the present number


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A forecast difference with two intervals: of its expectation, and of its value on a test set.

    Parameters
    ----------
    value, low, high : float
        Expected difference and its interval.
    resolved : bool
        Whether the interval excludes 0.
    low_observed, high_observed : float
        Interval of the difference on a test set of ``--n-test`` rows.
    reason : str or None
        Why the difference has no value; None if it has one.
    """

    one_scale: ClassVar = ("value", "low", "high", "low_observed", "high_observed")

    value: float
    low: float
    high: float
    resolved: bool
    low_observed: float
    high_observed: float
    reason: Annotated[str | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastPoint:
    """Forecast at one pair of sizes.

    Parameters
    ----------
    n, N : int
        Labeled rows, and rows of the pool.
    gain, versus_baseline : Estimate
        Expected student minus teacher, and student minus baseline, with today's uncertainty.
    gain_then, versus_baseline_then : Estimate
        The same values with the intervals that n labels are expected to give; NaN limits at smaller sizes.
    teacher, student, baseline : Estimate
        Expected values on the main score.
    measured : bool
        Whether heads were fitted at these sizes; otherwise the values are extrapolated.
    """

    n: int
    N: int
    gain: Estimate
    versus_baseline: Estimate
    gain_then: Estimate
    versus_baseline_then: Estimate
    teacher: Estimate
    student: Estimate
    baseline: Estimate
    measured: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededLabels:
    """Labels at which a difference is expected to be resolved, with a range from one standard error of its curve.

    Parameters
    ----------
    n : int or None
        Smallest number of labels at which the interval of that many labels is expected to exclude 0; the present
        number if the present interval excludes 0. None if there is none up to `FURTHEST` times the present one.
    low, high : int or None
        Range of `n`: with the learning curve one standard error farther from 0, and nearer to it. None beyond
        `FURTHEST` times the present number.
    reason : str or None
        Why `n` is None.
    """

    n: int | None
    low: int | None
    high: int | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Labels at which each difference is expected to be resolved.

    Parameters
    ----------
    gain, versus_baseline : NeededLabels
        For student minus teacher, and for student minus baseline.
    """

    gain: NeededLabels
    versus_baseline: NeededLabels


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """The gain in squared error as a sum of two parts, from held-out predictions on the labeled rows.

    Parameters
    ----------
    misfit : float
        Mean squared difference of student and teacher, which needs no label.
    correction : float
        Twice the mean of (teacher - student)(student - label), the part that needs labels.
    gain : float
        Misfit plus correction: the teacher's squared error minus the student's.
    """

    misfit: float
    correction: float
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherScore:
    """Forecast on a score where less is better.

    Parameters
    ----------
    teacher, student, baseline : Estimate
        Expected score of each system.
    gain, versus_baseline : Estimate
        Student minus teacher, and student minus baseline; below 0 the student is better.
    """

    teacher: Estimate
    student: Estimate
    baseline: Estimate
    gain: Estimate
    versus_baseline: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRows:
    """Labeled rows on which the scores are counted, where a teacher is predictions.

    Parameters
    ----------
    rows : int
        Counted rows: those on which the teacher speaks, without those whose labels it saw; if it saw all of them, all
        on which it speaks.
    abstains : int
        Labeled rows on which the teacher abstains.
    saw : int
        Labeled rows whose labels the teacher was trained on.
    unlabeled_left_out : int
        Rows of the pool that are left out, since the teacher abstains.
    """

    rows: int
    abstains: int
    saw: int
    unlabeled_left_out: int


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Forecast for one teacher and one student.

    Parameters
    ----------
    teacher_backbone, student_backbone : str
        Names of the backbones; of a committee, the names of its members with ``+`` between.
    score : str
        Main score.
    n, N, n_test : int
        Labeled rows, rows of the pool, rows of the test set.
    gain, versus_baseline : Outlook
        Student minus teacher, and student minus baseline.
    teacher, student, baseline, ceiling : Estimate
        Expected scores; the ceiling is extrapolated from the baseline's curve.
    pgr : Estimate
        Expected fraction of the teacher-to-ceiling gap recovered.
    opr : Estimate
        Expected error of the baseline over the student's.
    others : mapping of score to OtherScore
        Forecast of the Brier score, or of the squared error.
    curve : tuple of ForecastPoint
        Points over n at the full N, then points over N at the full n.
    needed : Needed
        Labels at which each difference is expected to be resolved.
    misfit : Misfit
        Parts of the gain in squared error.
    representation_gap : float
        Label-free predictor (Xue, Li and Mirzasoleiman 2025); the smaller, the better a student it predicts. NaN for a
        committee.
    alphas : mapping of system to float
        Strengths of the heads.
    verdict : Verdict
        The answer in words.
    error_parts : ErrorParts or None
        Parts of the student's squared error; for ridge heads on soft pseudolabels of one teacher.
    counted : CountedRows or None
        Rows on which the scores are counted; None unless a teacher is predictions.
    notes : tuple of str
        Warnings about results that are right but surprising.
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
    misfit: Annotated[Misfit, Mark.ANY_SIZE]
    representation_gap: float
    alphas: Annotated[Mapping[str, float], Mark.ANY_SIZE, Keys("teacher", "student", "baseline", required=True)]
    verdict: Verdict
    error_parts: Annotated[ErrorParts | None, Mark.ANY_SIZE] = None
    counted: Annotated[CountedRows | None, Mark.UNLESS_NONE, Mark.ANY_SIZE] = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, repr=False)
class ForecastResult(Printed):
    """Forecasts of one or several pairs on the same labels.

    Parameters
    ----------
    config : mapping
        Every setting.
    read : Read or None
        Rows, classes and features that were read; None in results of schema 1.
    fingerprint : str
        Hash of settings, features, rows and labels; equal for the same question.
    level : float
        Level of the intervals.
    best : Forecast
        The first of the pairs.
    pairs : tuple of Forecast, or None
        All pairs by the expected score of the better of student and baseline, then by the student's; None for a
        single pair.
    suspects : SuspectsFound or None
        The pool's likely minority by the best pair; None without ``--suspects``.
    """

    config: Annotated[
        Mapping[str, Any],
        Mark.AS_GIVEN,
        Keys("teacher", "student", "pool", "dtype", TextSettings, DataConfig, W2SConfig),
    ]
    read: Annotated[Read | None, Mark.UNLESS_NONE] = None
    fingerprint: str
    level: float
    best: Annotated[Forecast, Mark.INLINE, Mark.UNIT]
    pairs: Annotated[tuple[Forecast, ...] | None, Mark.UNLESS_NONE, Mark.UNIT] = None
    suspects: Annotated[SuspectsFound | None, Mark.UNLESS_NONE] = None

    @classmethod
    def from_schema_1(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Return content of schema 1 as content of schema 2."""
        return forecast_of_schema_1(content)

    def decisive(self) -> Iterator[str]:
        """Yield the expected scores of the best pair, its gain, and what to do."""
        best = self.best
        names = ("teacher", "student", "baseline", "ceiling")
        more = f" of {len(self.pairs)}" if self.pairs else ""
        yield f"best pair{more}: {best.teacher_backbone} -> {best.student_backbone}"
        scores = {name: getattr(best, name).value for name in names}
        told = (f"{name} {'unresolved' if math.isnan(value) else in_brief(value)}" for name, value in scores.items())
        yield f"{best.score}: {', '.join(told)}"
        yield difference_in_brief("gain", Estimate(value=best.gain.value, low=best.gain.low, high=best.gain.high))
        yield f"recommended: {best.verdict.recommend}"

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
        """Return what must hold beyond the types of the fields, and whether it does."""
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
    """One part of the expected squared error, and the sizes that would halve it.

    Parameters
    ----------
    value : float
        Mean square.
    n_to_halve : float
        Labeled rows that would halve the part with the pool unchanged; infinite if no number would.
    N_to_halve : float
        Rows of the pool that would halve the part with the labels unchanged; infinite if no number would.
    """

    value: float
    n_to_halve: float
    N_to_halve: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorParts:
    """A student's expected error on fresh points as inherited variance, reduced variance and bias.

    Parameters
    ----------
    inherited : ErrorPart
        Variance of the teacher in directions that the student's features contain; more labels lower it.
    reduced : ErrorPart
        What remains of the teacher's variance in other directions; more labels or a larger pool lower it.
    bias : ErrorPart
        Squared error minus variance, from the misfit of both heads at these strengths; NaN without a squared error.
    teacher_variance : float
        Whole variance of the teacher on fresh points.
    correlation_dimension : float
        Sum of squared canonical correlations, weighted by the teacher's variance in each direction:
        the share of this variance in the student's features, times the teacher's degrees of freedom.
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
