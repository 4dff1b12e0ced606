"""Results of one system: scores, strength, and for students the comparisons and the pseudolabels they learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from w2s_probe.core.serialize import Keys, Mark
from w2s_probe.results.estimate import Estimate, GroupEstimate, PriorMean, WorstGroup

Scores = Annotated[Mapping[str, Estimate], Keys("accuracy", "brier", "log_loss", "ece", "r2", "squared_error")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """Ridge or softmax strength (alpha) of one system's heads, over seeds.

    Parameters
    ----------
    geometric_mean, low, high : float
        Geometric mean, smallest and largest strength.
    rule : str
        How the strength was chosen: ``loo``, ``gcv``, ``cv`` or ``given``; ``mean`` for the mean of two heads.
    at_edge : float
        Share of seeds whose best strength is an end of the grid.
    """

    geometric_mean: float
    low: float
    high: float
    rule: str
    at_edge: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """A fine-tuned system after a number of epochs.

    Parameters
    ----------
    epoch : int
        Number of epochs; 0 is the frozen system.
    accuracy : Estimate
        Accuracy on all test rows.
    held_out : float
        Mean loss on held-out training rows, over seeds; NaN where none were held out, and after 0 epochs.
    """

    epoch: int
    accuracy: Estimate
    held_out: Annotated[float, Mark.ANY_SIZE]


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
    versus_frozen : Estimate or None
        For a fine-tuned system: its accuracy minus that of the frozen system where it started, paired by row.
    epochs : float or None
        Number of epochs, averaged over seeds.
    lr : float or None
        Largest learning rate.
    chosen_by : str or None
        How the number of epochs was chosen: ``given``, ``held_out_pseudolabels`` or ``held_out_labels``.
    curve : tuple of Epoch, or None
        The system after 0, 1, … epochs.
    """

    scores: Annotated[Scores, Mark.INLINE]
    strength: Annotated[Strength | None, Mark.UNLESS_NONE, Mark.ANY_SIZE] = None
    worst_group_accuracy: Annotated[WorstGroup | None, Mark.UNLESS_NONE] = None
    worst_group_squared_error: Annotated[WorstGroup | None, Mark.UNLESS_NONE, Mark.ANY_SIZE] = None
    mean_over_groups: Annotated[Estimate | None, Mark.UNLESS_NONE, Mark.ANY_SIZE] = None
    prior_mean_over_groups: Annotated[PriorMean | None, Mark.UNLESS_NONE, Mark.ANY_SIZE] = None
    groups: Annotated[Mapping[str, GroupEstimate] | None, Mark.UNLESS_NONE, Mark.ANY_SIZE] = None
    versus_frozen: Annotated[Estimate | None, Mark.UNLESS_NONE] = None
    epochs: Annotated[float | None, Mark.UNLESS_NONE] = None
    lr: Annotated[float | None, Mark.UNLESS_NONE, Mark.ANY_SIZE] = None
    chosen_by: Annotated[str | None, Mark.UNLESS_NONE] = None
    curve: Annotated[tuple[Epoch, ...] | None, Mark.UNLESS_NONE] = None


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
class PoolPart:
    """A named part of the pool, averaged over seeds.

    Parameters
    ----------
    rows : float
        Rows of the part.
    fraction : float
        These rows as a fraction of the pool.
    label_precision : float
        Fraction of the student's labels on these rows that are true; NaN for regression and without rows.
    class_mix : mapping of class to fraction
        Share of each class among these labels.
    """

    rows: float
    fraction: float
    label_precision: float
    class_mix: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A number about a fit, over seeds.

    Parameters
    ----------
    mean, low, high : float
        Mean, smallest and largest value.
    """

    mean: float
    low: float
    high: float


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
class StageResult:
    """Accuracy of a head on the way to a student, such as a teacher's after a round.

    Parameters
    ----------
    accuracy : Estimate
        Accuracy on all test rows.
    versus_start : Estimate
        The same minus the accuracy of the first stage on the same features, paired by row: of the student, or of the
        same teacher.
    """

    accuracy: Estimate
    versus_start: Estimate


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
    uses_labels : bool or None
        Whether true labels of the labeled rows are among the targets of the student's own head; None in results of
        older versions.
    parts : mapping of part to PoolPart, or None
        Named parts of the pool, such as the stages of a filter.
    fitted : mapping of name to Spread, or None
        Numbers about the fit.
    versus_teachers : mapping of str to Estimate, or None
        This student minus the teacher with the highest held-out score on the labeled rows (``best``), and minus all
        teachers together; None with one teacher.
    versus_rivals : mapping of str to Estimate, or None
        This student minus other students that its strategy names as rivals, on the main score.
    variants : mapping of ``FIELD=VALUE`` to StudentResult, or None
        The students of other settings of the strategy.
    stages : mapping of stage to StageResult, or None
        Heads on the way to the student: the student and the teachers after each round; None for most strategies.
    rgr : Estimate or None
        Fraction recovered of the gap between an untrained student, which always decides the majority class of the
        labeled rows, and the ceiling; None for regression and in results of older versions.
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
    uses_labels: Annotated[bool | None, Mark.UNLESS_NONE] = None
    parts: Annotated[Mapping[str, PoolPart] | None, Mark.UNLESS_NONE] = None
    fitted: Annotated[Mapping[str, Spread] | None, Mark.UNLESS_NONE, Mark.ANY_SIZE] = None
    versus_teachers: Annotated[Mapping[str, Estimate] | None, Mark.UNLESS_NONE, Keys("best", "together")] = None
    versus_rivals: Annotated[Mapping[str, Estimate] | None, Mark.UNLESS_NONE] = None
    variants: Annotated[Mapping[str, StudentResult] | None, Mark.UNLESS_NONE] = None
    stages: Annotated[Mapping[str, StageResult] | None, Mark.UNLESS_NONE] = None
    rgr: Annotated[Estimate | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherCoverage:
    """Rows on which a teacher that is predictions does not abstain.

    Parameters
    ----------
    labeled, unlabeled, test : float
        Share of the rows of each part on which it speaks, averaged over seeds, before rows are left out.
    unlabeled_left_out, test_left_out : float
        Rows of the pool, and test rows, that are left out, averaged over seeds: some teacher abstains there, or saw the
        label of a test row.
    student_elsewhere : Estimate or None
        Accuracy of the student on the test rows on which some teacher abstains; None if there are none.
    """

    labeled: float
    unlabeled: float
    test: float
    unlabeled_left_out: Annotated[float, Mark.ANY_SIZE]
    test_left_out: Annotated[float, Mark.ANY_SIZE]
    student_elsewhere: Annotated[Estimate | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherResult(SystemResult):
    """Scores of one of several teachers, of a teacher that is predictions, or of all together without a student.

    Parameters
    ----------
    scores, worst_group_accuracy, worst_group_squared_error, mean_over_groups, prior_mean_over_groups, groups, strength
        Scores, as in `SystemResult`.
    held_out_accuracy : float or None
        Accuracy on the labeled rows of heads that never saw the row's label, averaged over seeds; None for regression.
        If a teacher is predictions, on the rows on which all of them speak and whose labels none of them saw. The
        weights of ``together`` were chosen on these rows.
    held_out_r2 : float or None
        For regression, R² instead.
    weights : mapping of teacher to float, or None
        Weights of ``together``, averaged over seeds; None for one teacher.
    coverage : TeacherCoverage or None
        Where the teacher speaks; None unless it is predictions.
    """

    held_out_accuracy: Annotated[float | None, Mark.UNLESS_NONE] = None
    held_out_r2: Annotated[float | None, Mark.UNLESS_NONE] = None
    weights: Annotated[Mapping[str, float] | None, Mark.UNLESS_NONE] = None
    coverage: Annotated[TeacherCoverage | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A strategy's place among all that were run.

    Parameters
    ----------
    strategy : str
        Name.
    versus_vanilla : Estimate
        Its student minus the vanilla student on the main score, paired over seeds.
    adjusted : Estimate
        The same difference; the intervals of all strategies hold together (Bonferroni).
    versus_baseline : Estimate
        Its student minus the strong head trained on the labels directly.
    """

    strategy: str
    versus_vanilla: Estimate
    adjusted: Estimate
    versus_baseline: Estimate
