"""The result of a run, with its configuration, as ``run --json`` prints it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.serialize import SCHEMA, Keys, Mark, Printed, plain
from w2s_probe.results.estimate import Estimate, GroupEstimate, PriorMean, WorstGroup
from w2s_probe.results.read import Read
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
Scores = Annotated[Mapping[str, Estimate], Keys("accuracy", "brier", "log_loss", "ece", "r2", "squared_error")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """Ridge or softmax strength (alpha) of one system's heads, over seeds.

    Parameters
    ----------
    geometric_mean, low, high : float
        Geometric mean, smallest and largest strength.
    rule : str
        How the strength was chosen: ``loo``, ``gcv``, ``cv`` or ``given``.
    at_edge : float
        Share of seeds whose best strength is an end of the grid.
    """

    geometric_mean: float
    low: float
    high: float
    rule: str
    at_edge: float


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
class SystemResult:
    """Scores of one fitted system, on all test rows and by group.

    Parameters
    ----------
    scores : mapping of score to Estimate
        Scores on all test rows.
    worst_group_accuracy : WorstGroup or None
        Accuracy of the worst group; None without groups, and for regression.
    worst_group_squared_error : WorstGroup or None
        Squared error of the worst group; None without groups, and for classification.
    mean_over_groups : Estimate or None
        Mean over groups with equal weights.
    prior_mean_over_groups : PriorMean or None
        Mean over groups, weighted by their shares of all rows of the data.
    groups : mapping of group to GroupEstimate, or None
        Accuracy, or squared error, of each group that has test rows.
    strength : Strength or None
        Strength of its heads; None in results of older versions.
    """

    scores: Annotated[Scores, Mark.INLINE]
    strength: Annotated[Strength | None, Mark.UNLESS_NONE, Mark.ANY_SIZE] = None
    worst_group_accuracy: Annotated[WorstGroup | None, Mark.UNLESS_NONE] = None
    worst_group_squared_error: Annotated[WorstGroup | None, Mark.UNLESS_NONE, Mark.ANY_SIZE] = None
    mean_over_groups: Annotated[Estimate | None, Mark.UNLESS_NONE, Mark.ANY_SIZE] = None
    prior_mean_over_groups: Annotated[PriorMean | None, Mark.UNLESS_NONE, Mark.ANY_SIZE] = None
    groups: Annotated[Mapping[str, GroupEstimate] | None, Mark.UNLESS_NONE, Mark.ANY_SIZE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Pseudolabels that a strategy kept, averaged over seeds.

    Parameters
    ----------
    kept : float
        Rows of the pool that the student was trained on.
    fraction : float
        These rows as a fraction of the pool.
    rule : str
        Rule by which the rows were chosen.
    label_precision : float
        Fraction of the kept pseudolabels that are true; NaN for regression.
    class_mix : mapping of class to fraction
        Share of each pseudolabel class among the kept rows.
    group_mix : mapping of group to fraction, or None
        Share of each group among the kept rows, by the true labels; None without groups.
    conflicting : float or None
        Share of the kept rows whose group value is not the usual value of their label; None without a cue.
    """

    kept: float
    fraction: float
    rule: str
    label_precision: float
    class_mix: Mapping[str, float]
    group_mix: Annotated[Mapping[str, float] | None, Mark.UNLESS_NONE] = None
    conflicting: Annotated[float | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveragePoint:
    """A strategy's student when another fraction of the pool is kept.

    Parameters
    ----------
    keep : float
        Fraction of the pool that is kept.
    accuracy : Estimate
        Accuracy on all test rows.
    control : Estimate
        Accuracy of a student trained on the same number of rows, drawn at random within each class.
    label_precision : float
        Fraction of the kept pseudolabels that are true.
    worst_group_accuracy : WorstGroup or None
        Accuracy of the student's worst group; None without groups.
    control_worst_group_accuracy : WorstGroup or None
        Accuracy of the control's worst group; None without groups.
    conflicting : float or None
        Share of the kept rows whose group value is not the usual value of their label; None without a cue.
    """

    keep: float
    accuracy: Estimate
    control: Estimate
    label_precision: float
    worst_group_accuracy: Annotated[WorstGroup | None, Mark.UNLESS_NONE] = None
    control_worst_group_accuracy: Annotated[WorstGroup | None, Mark.UNLESS_NONE] = None
    conflicting: Annotated[float | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentResult(SystemResult):
    """Scores of one strategy's student, and its comparison with teacher, baseline and ceiling.

    Parameters
    ----------
    scores, worst_group_accuracy, worst_group_squared_error, mean_over_groups, prior_mean_over_groups, groups, strength
        Scores, as in `SystemResult`.
    gain : Estimate
        Student minus teacher on the main score.
    pgr : Estimate
        Fraction of the teacher-to-ceiling gap recovered; NaN unless that gap is resolved.
    opr : Estimate
        Baseline's error over the student's; above 1 weak-to-strong is better than using the labels directly.
    versus_baseline : Estimate
        Student minus baseline on the main score.
    agreement : Estimate
        Fraction of rows where student and teacher decide alike; for regression the R² of the student's
        predictions around the teacher's.
    error_imitation : mapping of str to Estimate
        Agreement among rows where the teacher is right, and among rows where it is wrong; for regression, under
        ``teacher_error``, the slope of the student's errors on the teacher's.
    selection : Selection
        The pseudolabels that the student was trained on.
    pgr_worst_group : Estimate or None
        PGR between the worst groups of teacher, student and ceiling; None without groups.
    pgr_groups : mapping of group to Estimate, or None
        PGR of each group.
    versus_vanilla : mapping of score to Estimate, or None
        This student minus the student of `vanilla`, also in worst-group accuracy; None if `vanilla` was not run.
    versus_control : mapping of score to Estimate, or None
        This student minus its control, also in worst-group accuracy.
    control : StudentResult or None
        A student trained on the same number of pseudolabels, drawn at random within each class; None where all
        pseudolabels were kept.
    coverage : tuple of CoveragePoint, or None
        The student at other kept fractions; None where all pseudolabels were kept.
    """

    gain: Estimate
    pgr: Estimate
    opr: Estimate
    versus_baseline: Estimate
    agreement: Estimate
    error_imitation: Annotated[Mapping[str, Estimate], Keys("teacher_right", "teacher_wrong", "teacher_error")]
    selection: Selection
    pgr_worst_group: Annotated[Estimate | None, Mark.UNLESS_NONE] = None
    pgr_groups: Annotated[Mapping[str, Estimate] | None, Mark.UNLESS_NONE] = None
    versus_vanilla: Annotated[Mapping[str, Estimate] | None, Mark.UNLESS_NONE] = None
    versus_control: Annotated[Mapping[str, Estimate] | None, Mark.UNLESS_NONE] = None
    control: Annotated[StudentResult | None, Mark.UNLESS_NONE] = None
    coverage: Annotated[tuple[CoveragePoint, ...] | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether weak-to-strong helps, and what to do.

    Parameters
    ----------
    call : {"helps", "hurts", "unresolved"}
        Answer by the interval of the gain.
    recommend : {"weak_to_strong", "labels_directly", "unresolved"}
        Recommendation by the interval of student minus baseline.
    advice : str
        The recommendation, its reason, and the gain, in a few sentences.
    """

    call: Literal["helps", "hurts", "unresolved"]
    recommend: Literal["weak_to_strong", "labels_directly", "unresolved"]
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


@dataclass(frozen=True, kw_only=True)
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

    config: Annotated[Mapping[str, Any], Mark.AS_GIVEN, Keys("teacher", "student", "dtype", DataConfig, W2SConfig)]
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
    notes: tuple[str, ...] = ()
    reliability: Mapping[str, tuple[ReliabilityBin, ...]] = field(default_factory=dict)
    curve: Annotated[tuple[CurvePoint, ...] | None, Mark.UNLESS_NONE, Mark.UNIT] = None
    suspects: Annotated[SuspectsFound | None, Mark.UNLESS_NONE] = None
    cells: Annotated[tuple[dict[str, Any], ...], Mark.HIDDEN] = field(default=(), repr=False, compare=False)

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

    def conditions(self) -> Mapping[str, bool]:
        """Return what must hold beyond the types of the fields, and whether it does."""
        sizes = {"n_labeled": int, "n_unlabeled": int, "head": str, "ceiling": str}
        names = {"data", "teacher", "student"} & self.config.keys()
        systems = [system.scores for system in (*self.systems.values(), *self.students.values())]
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
                set(student.error_imitation) == imitations.get(self.score) for student in self.students.values()
            ),
            "reliability must hold bins with rows": all(
                bins and all(row.rows > 0 and 0 <= row.confidence <= 1 and 0 <= row.accuracy <= 1 for row in bins)
                for bins in self.reliability.values()
            ),
            "sizes of the curve must be above 0": all(min(point.n, point.N) > 0 for point in self.curve or ()),
        }
