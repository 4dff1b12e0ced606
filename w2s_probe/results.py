"""What an experiment found: frozen numbers with the configuration inside."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from w2s_probe.config import DataConfig, W2SConfig
from w2s_probe.error_parts import ErrorParts
from w2s_probe.errors import DataError
from w2s_probe.plain import Keys, Mark, from_plain, plain
from w2s_probe.text import json_text

__all__ = [
    "SCHEMA",
    "CurvePoint",
    "Estimate",
    "Forecast",
    "ForecastPoint",
    "ForecastResult",
    "Misfit",
    "Needed",
    "OtherScore",
    "Outlook",
    "ReliabilityBin",
    "Selection",
    "StudentResult",
    "Verdict",
    "W2SResult",
    "checked_schema",
    "to_json",
]

SCHEMA = 1


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


Scores = Annotated[Mapping[str, Estimate], Keys("accuracy", "brier", "log_loss", "ece", "r2", "squared_error")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which pseudolabels a strategy kept, averaged over seeds.

    Parameters
    ----------
    kept : float
        Rows of the pool the student was trained on.
    fraction : float
        The same as a fraction of the pool.
    rule : str
        How they were chosen.
    label_precision : float
        Fraction of the kept pseudolabels that are true; NaN for regression.
    class_mix : mapping of class to fraction
        Pseudolabel classes among the kept rows.
    """

    kept: float
    fraction: float
    rule: str
    label_precision: float
    class_mix: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentResult:
    """One strategy's student beside its teacher, the baseline and the ceiling.

    Parameters
    ----------
    scores : mapping of score to Estimate
        As for every system.
    gain : Estimate
        Student minus teacher on the main score.
    pgr : Estimate
        Fraction of the teacher-to-ceiling gap recovered; NaN unless that gap is resolved.
    opr : Estimate
        Baseline's error over the student's; above 1 weak-to-strong beats using the labels directly.
    versus_baseline : Estimate
        Student minus baseline on the main score.
    agreement : Estimate
        Fraction of rows where student and teacher decide alike; for regression the R² of the student's
        predictions around the teacher's.
    error_imitation : mapping of str to Estimate
        The same among rows where the teacher is right, and where it is wrong; for regression, under
        ``teacher_error``, the slope of the student's errors on the teacher's.
    selection : Selection
        The pseudolabels it was trained on.
    """

    scores: Annotated[Scores, Mark.INLINE]
    gain: Estimate
    pgr: Estimate
    opr: Estimate
    versus_baseline: Estimate
    agreement: Estimate
    error_imitation: Annotated[Mapping[str, Estimate], Keys("teacher_right", "teacher_wrong", "teacher_error")]
    selection: Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the numbers say, and what to do.

    Parameters
    ----------
    call : {"helps", "hurts", "unresolved"}
        From the interval of the gain.
    recommend : {"weak_to_strong", "labels_directly", "unresolved"}
        From the interval of student minus baseline.
    advice : str
        The same in one or two sentences.
    """

    call: Literal["helps", "hurts", "unresolved"]
    recommend: Literal["weak_to_strong", "labels_directly", "unresolved"]
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Test rows of all seeds whose top probability lies in one of 15 bins of equal width.

    Parameters
    ----------
    bin : int
        Bin k holds probabilities from k / 15 to (k + 1) / 15.
    confidence : float
        Mean top probability of the rows.
    accuracy : float
        Fraction of the rows decided rightly.
    rows : int
        How many there are, at least 1.
    """

    bin: int
    confidence: float
    accuracy: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """The four systems on the main score at other sizes, the first strategy's student among them.

    Parameters
    ----------
    n, N : int
        Labeled rows, and rows of the pool.
    teacher, student, baseline, ceiling : Estimate
        Their main score.
    gain, versus_baseline : Estimate
        Student minus teacher, and student minus baseline.
    """

    n: int
    N: int
    teacher: Estimate
    student: Estimate
    baseline: Estimate
    ceiling: Estimate
    gain: Estimate
    versus_baseline: Estimate


@dataclass(frozen=True, kw_only=True)
class W2SResult:
    """Everything one run found, ready to print, plot and save.

    Parameters
    ----------
    config : mapping
        Every setting with the sizes as drawn.
    fingerprint : str
        Hash of settings, features, labels and splits: equal for the same question.
    score : str
        Main score, of which `gain` and `pgr` speak.
    level : float
        Level of the intervals.
    n_test : int
        Test rows of each seed.
    seeds : tuple of int
        Seeds of the splits.
    classes : tuple of str, or None
        Names of the classes.
    majority_rate : float
        Fraction of test rows in the largest class; NaN for regression.
    systems : mapping
        Scores of teacher, baseline and ceiling.
    students : mapping of strategy to StudentResult
        In the order asked for.
    verdict : Verdict
        Of the first strategy.
    notes : tuple of str
        What is right but surprising, one sentence each.
    reliability : mapping of system or strategy to tuple of ReliabilityBin
        Calibration of each system, bins with rows only; empty for regression.
    curve : tuple of CurvePoint, or None
        Smaller sizes, by n and then N, with the run itself; None if they were not asked for.
    cells : tuple of dict
        Tidy rows (seed, part, system, strategy, metric, group, value, n, n_labeled, n_unlabeled);
        they go into their own file and are no part of `to_dict`.
    """

    config: Annotated[Mapping[str, Any], Keys("teacher", "student", "dtype", DataConfig, W2SConfig)]
    fingerprint: str
    score: str
    level: float
    n_test: int
    seeds: tuple[int, ...]
    classes: tuple[str, ...] | None
    majority_rate: float
    systems: Annotated[Mapping[str, Scores], Keys("teacher", "baseline", "ceiling", required=True)]
    students: Mapping[str, StudentResult]
    verdict: Verdict
    notes: tuple[str, ...] = ()
    reliability: Mapping[str, tuple[ReliabilityBin, ...]] = field(default_factory=dict)
    curve: Annotated[tuple[CurvePoint, ...] | None, Mark.UNLESS_NONE] = None
    cells: Annotated[tuple[dict[str, Any], ...], Mark.HIDDEN] = field(default=(), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return {"schema": SCHEMA, **plain(self)}

    def to_json(self) -> str:
        """Return `to_dict` as one line of JSON, NaN written as null."""
        return to_json(self)

    @classmethod
    def from_dict(cls, found: Any) -> W2SResult:
        """Return the result that `to_dict` described, without its tidy rows.

        Parameters
        ----------
        found : object
            What JSON gave.

        Raises
        ------
        DataError
            If it is something else, of a newer schema, or was changed into what cannot be.
        """
        result: W2SResult = from_plain(cls, checked_schema(found))
        _check_complete(result)
        return result

    @classmethod
    def from_json(cls, text: str) -> W2SResult:
        """Return the result that `to_json` described, as `from_dict` does.

        Parameters
        ----------
        text : str
            JSON.
        """
        return cls.from_dict(json.loads(text))

    def to_record(self) -> Iterator[dict[str, Any]]:
        """Yield the tidy rows of ``results.parquet``."""
        yield from self.cells


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
class ForecastResult:
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
    """

    config: Annotated[Mapping[str, Any], Keys("teacher", "student", "pool", "dtype", DataConfig, W2SConfig)]
    fingerprint: str
    level: float
    best: Annotated[Forecast, Mark.INLINE]
    pairs: Annotated[tuple[Forecast, ...] | None, Mark.UNLESS_NONE] = None

    def to_json(self) -> str:
        """Return the object that ``--json`` prints, as one line."""
        return to_json(self)

    @classmethod
    def from_dict(cls, found: Any) -> ForecastResult:
        """Return the result that `to_json` described.

        Parameters
        ----------
        found : object
            What JSON gave.

        Raises
        ------
        DataError
            If it is something else, of a newer schema, or was changed into what cannot be.
        """
        result: ForecastResult = from_plain(cls, checked_schema(found))
        _check_forecast(result)
        return result


def to_json(found: Any) -> str:
    """Return what a verb found, a dataclass, as one line of JSON that begins with the schema's number."""
    return json_text({"schema": SCHEMA, **plain(found)})


def checked_schema(found: Any) -> dict[str, Any]:
    """Return the object that JSON gave, if it says that it has the form of this version."""
    if not isinstance(found, dict) or "schema" not in found:
        msg = "it must be an object with a schema: got something else."
        raise DataError(msg)
    if found["schema"] != SCHEMA:
        msg = f"its schema must be {SCHEMA}: got {str(found['schema'])[:60]}, which another w2s_probe wrote."
        raise DataError(msg)
    return found


def _check_forecast(result: ForecastResult) -> None:
    """Refuse a forecast whose parts are well formed but do not belong together."""
    pairs = result.pairs or (result.best,)
    points = [point for pair in pairs for point in pair.curve]
    for said, right in {
        "config must name data": isinstance(result.config.get("data"), str),
        "score must be accuracy or r2": all(pair.score in ("accuracy", "r2") for pair in pairs),
        "others must hold brier or squared_error": all(
            list(pair.others) in (["brier"], ["squared_error"]) for pair in pairs
        ),
        "the curve must hold the forecast's own sizes": all(
            any((point.n, point.N) == (pair.n, pair.N) for point in pair.curve) for pair in pairs
        ),
        "sizes must be above 0": all(min(point.n, point.N) > 0 for point in points),
    }.items():
        if not right:
            msg = f"{said}: got something else."
            raise DataError(msg)


def _check_complete(result: W2SResult) -> None:
    """Refuse a result whose parts are well formed but do not belong together."""
    sizes = {"n_labeled": int, "n_unlabeled": int, "head": str, "ceiling": str}
    named = {"data", "teacher", "student"}
    scored = [*result.systems.values(), *(student.scores for student in result.students.values())]
    imitations: dict[str, set[str]] = {"accuracy": {"teacher_right", "teacher_wrong"}, "r2": {"teacher_error"}}
    for said, right in {
        "config must hold n_labeled, n_unlabeled, head and ceiling": all(
            type(result.config.get(name)) is kind for name, kind in sizes.items()
        ),
        "config must name data, teacher and student, or none of them": len(named & result.config.keys()) in (0, 3),
        "systems must be teacher, baseline and ceiling": list(result.systems) == ["teacher", "baseline", "ceiling"],
        "students must be at least one": bool(result.students),
        "seeds must be at least one": bool(result.seeds),
        "score must be accuracy or r2": result.score in ("accuracy", "r2"),
        "every system must have the same scores": all(
            scores.keys() == scored[0].keys() and {result.score, "brier", "squared_error"} & scores.keys()
            for scores in scored
        ),
        "error_imitation must say teacher_right and teacher_wrong, or teacher_error": all(
            set(student.error_imitation) == imitations.get(result.score) for student in result.students.values()
        ),
        "reliability must hold bins with rows": all(
            bins and all(each.rows > 0 and 0 <= each.confidence <= 1 and 0 <= each.accuracy <= 1 for each in bins)
            for bins in result.reliability.values()
        ),
        "sizes of the curve must be above 0": all(min(point.n, point.N) > 0 for point in result.curve or ()),
    }.items():
        if not right:
            msg = f"{said}: got something else."
            raise DataError(msg)
