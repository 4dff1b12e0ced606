"""The result of a run, with its configuration, as ``run --json`` prints it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.serialize import SCHEMA, Keys, Mark, Printed, plain
from w2s_probe.core.text_settings import TextSettings
from w2s_probe.results.estimate import Estimate, difference_in_brief, in_brief
from w2s_probe.results.read import Read
from w2s_probe.results.student import Ranked, StudentResult, SystemResult, TeacherResult
from w2s_probe.results.suspects import SuspectsFound

COLUMNS: dict[str, type] = {
    "seed": int,
    "part": str,
    "system": str,
    "strategy": str,
    "metric": str,
    "group": str,
    "value": float,
    "n": int,
    "n_labeled": int,
    "n_unlabeled": int,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCounts:
    """Rows of one class in the parts of the first seed; other seeds differ by rounding.

    Parameters
    ----------
    labeled, unlabeled, test : int
        Rows.
    """

    labeled: int
    unlabeled: int
    test: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether weak-to-strong helps, and what to do.

    Parameters
    ----------
    call : {"helps", "hurts", "unresolved"}
        Answer by the interval of the gain.
    recommend : {"weak_to_strong", "labels_directly", "combine", "unresolved"}
        Recommendation by the interval of student minus baseline; ``combine`` if a student of labels and pseudolabels
        together is better than the student and than the baseline. A forecast never says ``combine``.
    advice : str
        The recommendation, its reason, and the gain, in a few sentences.
    """

    call: Literal["helps", "hurts", "unresolved"]
    recommend: Literal["weak_to_strong", "labels_directly", "combine", "unresolved"]
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Test rows of all seeds with a top probability in one of 15 bins of equal width.

    Parameters
    ----------
    bin : int
        Bin k holds probabilities from k / 15 to (k + 1) / 15.
    confidence : float
        Mean top probability of the rows.
    accuracy : float
        Fraction of the rows with a right decision.
    rows : int
        Number of rows, at least 1.
    """

    bin: int
    confidence: float
    accuracy: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """The four systems on the main score at one pair of sizes; the student is that of the first strategy.

    Parameters
    ----------
    n, N : int
        Labeled rows, and rows of the pool.
    teacher, student, baseline, ceiling : Estimate
        Main score of each system.
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


@dataclass(frozen=True, kw_only=True, repr=False)
class W2SResult(Printed):
    """Result of a run: scores of all systems, comparisons, verdict.

    Parameters
    ----------
    config : mapping
        Every setting, with the sizes that were drawn.
    read : Read or None
        Rows, classes and features that were read; None in results of schema 1 and of arrays.
    class_counts : mapping of class to ClassCounts
        Rows of each class in each part; empty for regression.
    fingerprint : str
        Hash of settings, features, labels and splits: equal for the same question.
    score : str
        Main score, on which `gain` and `pgr` are computed.
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
        Scores and comparisons of each strategy's student, in the order of ``--strategy``.
    verdict : Verdict
        Answer for `vanilla`, or for the first strategy if `vanilla` was not run.
    teachers : mapping of name to TeacherResult, or None
        All teachers, and all of them together without a student, under ``together``; None with one teacher, unless it
        is predictions.
    ranking : tuple of Ranked, or None
        Strategies by their difference to `vanilla`, best first; None if `vanilla` or every other one was not run.
    skipped : mapping of str to str, or None
        Strategies, and variants as ``STRATEGY/VARIANT``, that do not apply, with the reason.
    notes : tuple of str
        Warnings about results that are right but surprising, one sentence each.
    reliability : mapping of system or strategy to tuple of ReliabilityBin
        Calibration of each system, bins with rows only; empty for regression.
    curve : tuple of CurvePoint, or None
        Smaller sizes, by n and then N, and the run's own; None without ``--curve``.
    suspects : SuspectsFound or None
        The pool's likely minority; None without ``--suspects``.
    cells : tuple of dict
        Tidy rows with the keys of `COLUMNS`; they go into ``results.parquet`` and are not in `to_dict`.
    """

    config: Annotated[
        Mapping[str, Any], Mark.AS_GIVEN, Keys("teacher", "student", "dtype", TextSettings, DataConfig, W2SConfig)
    ]
    read: Annotated[Read | None, Mark.UNLESS_NONE] = None
    class_counts: Mapping[str, ClassCounts] = field(default_factory=dict)
    fingerprint: str
    score: str
    level: float
    n_test: int
    seeds: tuple[int, ...]
    classes: tuple[str, ...] | None
    majority_rate: float
    systems: Annotated[Mapping[str, SystemResult], Mark.UNIT, Keys("teacher", "baseline", "ceiling", required=True)]
    students: Annotated[Mapping[str, StudentResult], Mark.UNIT]
    verdict: Verdict
    teachers: Annotated[Mapping[str, TeacherResult] | None, Mark.UNLESS_NONE, Mark.UNIT] = None
    ranking: Annotated[tuple[Ranked, ...] | None, Mark.UNLESS_NONE, Mark.UNIT] = None
    skipped: Annotated[Mapping[str, str] | None, Mark.UNLESS_NONE] = None
    notes: tuple[str, ...] = ()
    reliability: Mapping[str, tuple[ReliabilityBin, ...]] = field(default_factory=dict)
    curve: Annotated[tuple[CurvePoint, ...] | None, Mark.UNLESS_NONE, Mark.UNIT] = None
    suspects: Annotated[SuspectsFound | None, Mark.UNLESS_NONE] = None
    cells: Annotated[tuple[dict[str, Any], ...], Mark.HIDDEN] = field(default=(), repr=False, compare=False)

    @property
    def several_teachers(self) -> bool:
        """Whether there are two teachers or more."""
        return "together" in (self.teachers or {})

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return {"schema": SCHEMA, **plain(self)}

    @classmethod
    def from_json(cls, text: str) -> W2SResult:
        """Return the result from the text of `to_json`.

        Parameters
        ----------
        text : str
            JSON.
        """
        return cls.from_dict(json.loads(text))

    def to_record(self) -> Iterator[dict[str, Any]]:
        """Yield the tidy rows of ``results.parquet``."""
        yield from self.cells

    def decisive(self) -> Iterator[str]:
        """Yield the scores of all systems, the gain, and what to do."""
        student = self.students.get("vanilla") or next(iter(self.students.values()))
        systems = {**self.systems, "student": student}
        names = ("teacher", "student", "baseline", "ceiling")
        scores = (f"{name} {in_brief(systems[name].scores[self.score].value)}" for name in names)
        yield f"{self.score}: {', '.join(scores)}"
        yield difference_in_brief("gain", student.gain)
        yield f"recommended: {self.verdict.recommend}"

    def conditions(self) -> Mapping[str, bool]:
        """Return what must hold beyond the types of the fields, and whether it does."""
        sizes = {"n_labeled": int, "n_unlabeled": int, "head": str, "ceiling": str}
        names = {"data", "teacher", "student"} & self.config.keys()
        students = [*self.students.values(), *_variants(self.students.values())]
        systems = [one.scores for one in (*self.systems.values(), *(self.teachers or {}).values(), *students)]
        imitations: dict[str, set[str]] = {"accuracy": {"teacher_right", "teacher_wrong"}, "r2": {"teacher_error"}}
        return {
            "config must hold n_labeled, n_unlabeled, head and ceiling": all(
                type(self.config.get(name)) is kind for name, kind in sizes.items()
            ),
            "config must name data, teacher and student, or none of them": len(names) in (0, 3),
            "systems must be teacher, baseline and ceiling": list(self.systems) == ["teacher", "baseline", "ceiling"],
            "students must not be empty": bool(self.students),
            "seeds must not be empty": bool(self.seeds),
            "score must be accuracy or r2": self.score in ("accuracy", "r2"),
            "every system must have the same scores": all(
                scores.keys() == systems[0].keys() and {self.score, "brier", "squared_error"} & scores.keys()
                for scores in systems
            ),
            "error_imitation must hold teacher_right and teacher_wrong, or teacher_error": all(
                set(student.error_imitation) == imitations.get(self.score) for student in students
            ),
            "variants must have no variants": all(not one.variants for one in _variants(self.students.values())),
            "teachers must be two or more, then together with a weight for each, or one with its coverage": (
                self.teachers is None
                or (_is_committee(self.teachers) if self.several_teachers else _is_given(self.teachers))
            ),
            "students must be compared with the teachers if there are several": all(
                set(student.versus_teachers or {}) == ({"best", "together"} if self.several_teachers else set())
                for student in students
            ),
            "ranking must hold every student but vanilla": self.ranking is None
            or {"vanilla", *(entry.strategy for entry in self.ranking)} == set(self.students),
            "reliability must hold bins with rows": all(
                bins and all(row.rows > 0 and 0 <= row.confidence <= 1 and 0 <= row.accuracy <= 1 for row in bins)
                for bins in self.reliability.values()
            ),
            "sizes of the curve must be above 0": all(min(point.n, point.N) > 0 for point in self.curve or ()),
        }


def _variants(students: Iterable[StudentResult]) -> list[StudentResult]:
    return [variant for student in students for variant in (student.variants or {}).values()]


def _is_given(teachers: Mapping[str, TeacherResult]) -> bool:
    return len(teachers) == 1 and all(teacher.coverage is not None for teacher in teachers.values())


def _is_committee(teachers: Mapping[str, TeacherResult]) -> bool:
    *names, last = teachers
    return len(names) > 1 and last == "together" and list(teachers[last].weights or {}) == names
