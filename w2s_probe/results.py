"""What an experiment found: frozen numbers with the configuration inside."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from w2s_probe.config import DataConfig, W2SConfig
from w2s_probe.plain import Keys, Mark, plain

__all__ = [
    "SCHEMA",
    "Estimate",
    "Selection",
    "StudentResult",
    "Verdict",
    "W2SResult",
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
    cells : tuple of dict
        Tidy rows (seed, part, system, strategy, metric, group, value, n).
    notes : tuple of str
        What is right but surprising, one sentence each.
    """

    config: Annotated[Mapping[str, Any], Keys("teacher", "student", DataConfig, W2SConfig)]
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
    cells: Annotated[tuple[dict[str, Any], ...], Mark.HIDDEN] = field(repr=False)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return {"schema": SCHEMA, **plain(self)}

    def to_json(self) -> str:
        """Return `to_dict` as one line of JSON, NaN written as null."""
        return to_json(self)

    def to_record(self) -> Iterator[dict[str, Any]]:
        """Yield the tidy rows of ``results.parquet``."""
        yield from self.cells


def to_json(found: Any) -> str:
    """Return what a verb found, a dataclass, as one line of JSON that begins with the schema's number."""
    return json.dumps({"schema": SCHEMA, **plain(found)}, ensure_ascii=False, allow_nan=False)
