"""The result of a sweep, as ``sweep --json`` prints it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from w2s_probe.core.config import DataConfig
from w2s_probe.core.serialize import Keys, Mark, Printed
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.core.text_settings import TextSettings
from w2s_probe.results.estimate import Estimate, WorstGroup
from w2s_probe.results.read import Read

# of results.parquet: one row for each cell, head and score
COLUMNS: dict[str, type] = {
    "teacher_backbone": str,
    "student_backbone": str,
    "head": str,
    "n": int,
    "N": int,
    "eta_labeled": float,
    "eta_unlabeled": float,
    "teacher_alpha": float,
    "student_alpha": float,
    "seed": int,
    "system": str,
    "strategy": str,
    "group": str,
    "metric": str,
    "value": float,
    "alpha": float,
    "n_test": int,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbones:
    """Backbones of a sweep; every teacher is paired with every student.

    Parameters
    ----------
    teachers, students : tuple of str
        Names of the backbones.
    """

    teachers: tuple[str, ...]
    students: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """One point of the grid and one strategy, over all seeds.

    Parameters
    ----------
    teacher_backbone, student_backbone : str
        Backbones of the pair.
    head : str
        Kind of the heads.
    n, N : int
        Labeled rows, and rows of the pool, at the first seed.
    eta_labeled, eta_unlabeled : float or None
        Fractions of conflicting rows that were set; None is the data's own fraction.
    teacher_alpha, student_alpha : float or None
        Strengths that were set; None where they were chosen from the data.
    strategy : str
        Strategy of the student.
    teacher, student, baseline, ceiling : Estimate
        Main score of each system.
    gain : Estimate
        Student minus teacher.
    pgr : Estimate
        Fraction of the teacher-to-ceiling gap recovered; NaN unless that gap is resolved.
    versus_baseline : Estimate
        Student minus baseline.
    worst_groups : mapping of system to WorstGroup, or None
        Accuracy of the worst group of teacher, student, baseline and ceiling; None without groups or classes.
    pgr_worst_group : Estimate or None
        PGR between the worst groups; None without groups or classes.
    worst_group_gain : Estimate or None
        Worst-group accuracy of the student minus that of the teacher; None without groups or classes.
    versus_vanilla : Estimate or None
        Student minus the student of `vanilla` at the same point; None for `vanilla`, and if it was not run.
    versus_vanilla_adjusted : Estimate or None
        The same difference; the intervals of all strategies of the point hold together (Bonferroni).
    """

    teacher_backbone: str
    student_backbone: str
    head: str
    n: int
    N: int
    eta_labeled: float | None
    eta_unlabeled: float | None
    teacher_alpha: Annotated[float | None, Mark.AS_GIVEN]
    student_alpha: Annotated[float | None, Mark.AS_GIVEN]
    strategy: str
    teacher: Estimate
    student: Estimate
    baseline: Estimate
    ceiling: Estimate
    gain: Estimate
    pgr: Estimate
    versus_baseline: Estimate
    worst_groups: Annotated[
        Mapping[str, WorstGroup] | None,
        Mark.UNLESS_NONE,
        Keys("teacher", "student", "baseline", "ceiling", required=True),
    ] = None
    pgr_worst_group: Annotated[Estimate | None, Mark.UNLESS_NONE] = None
    worst_group_gain: Annotated[Estimate | None, Mark.UNLESS_NONE] = None
    versus_vanilla: Annotated[Estimate | None, Mark.UNLESS_NONE] = None
    versus_vanilla_adjusted: Annotated[Estimate | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EtaContrast:
    """Effect of `eta_labeled`: result at its largest value minus at its smallest, same pool and test rows.

    Parameters
    ----------
    teacher_backbone, student_backbone : str
        Backbones of the pair.
    head : str
        Kind of the heads.
    n, N : int
        Labeled rows, and rows of the pool, of both points.
    teacher_alpha, student_alpha : float or None
        Strengths that were set; None where they were chosen from the data.
    strategy : str
        Strategy of the students.
    eta_unlabeled : float or None
        Fraction of conflicting rows in the pool of both points; None is the data's own fraction.
    from_eta_labeled, to_eta_labeled : float
        Smallest and largest fraction of the axis.
    teacher, student, baseline : Estimate
        Change of the main score, paired by seed and test row.
    gain : Estimate
        Change of the gain, paired by seed and test row.
    worst_groups : mapping of system to Estimate, or None
        Change of the worst group's accuracy of teacher, student and baseline; None without groups.
    """

    teacher_backbone: str
    student_backbone: str
    head: str
    n: int
    N: int
    teacher_alpha: Annotated[float | None, Mark.AS_GIVEN]
    student_alpha: Annotated[float | None, Mark.AS_GIVEN]
    strategy: str
    eta_unlabeled: float | None
    from_eta_labeled: float
    to_eta_labeled: float
    teacher: Estimate
    student: Estimate
    baseline: Estimate
    gain: Estimate
    worst_groups: Annotated[
        Mapping[str, Estimate] | None, Mark.UNLESS_NONE, Keys("teacher", "student", "baseline", required=True)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TheoryPoint:
    """Risks by the theory at one pair of fractions.

    Parameters
    ----------
    eta_labeled, eta_unlabeled : float or None
        Fractions of conflicting rows; None is the data's own fraction.
    teacher, student : float
        Excess squared errors in units of noise variance times core dimension over n.
    gain : float
        Share of the teacher's excess that the student avoids, (teacher - student) / teacher.
    """

    eta_labeled: float | None
    eta_unlabeled: float | None
    teacher: float
    student: float
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTheory:
    """Theory of spurious correlations for one pair, from second moments of all rows' features.

    Parameters
    ----------
    teacher_backbone, student_backbone : str
        Backbones of the pair.
    separation_teacher, separation_student : float
        Distance of the means of agreeing and conflicting rows along each space's cue feature, in standard deviations.
    correlation : float
        Correlation of the two spaces' cue features within groups.
    points : tuple of TheoryPoint
        Risks at each pair of fractions, in the order of the axes.
    """

    teacher_backbone: str
    student_backbone: str
    separation_teacher: float
    separation_student: float
    correlation: float
    points: tuple[TheoryPoint, ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class SweepResult(Printed):
    """Result of a sweep: points of the grid, contrasts and theory.

    Parameters
    ----------
    config : mapping
        The axes, and the settings of all cells.
    read : Read or None
        Rows, classes and features that were read; None in results of schema 1 and of arrays.
    score : str
        Main score.
    level : float
        Level of the intervals.
    n_test : int
        Test rows of each seed.
    classes : tuple of str, or None
        Names of the classes.
    cells : int
        Points of the grid times seeds; strengths are counted as points, strategies are not.
    rows : int
        Rows of the tidy table.
    points : tuple of SweepPoint
        Scores and comparisons at each point of the grid, in the order of the axes.
    contrasts : tuple of EtaContrast
        Effect of `eta_labeled` at each `eta_unlabeled`; empty unless `eta_labeled` has several values.
    theory : tuple of PairTheory
        Theory for each pair; empty unless there are several fractions of conflicting rows.
    skipped : mapping of str to str, or None
        Strategies that do not apply in some cells, with the reason; their points are left out.
    notes : tuple of str
        Warnings about results that are right but surprising, one sentence each.
    table : mapping of column to list
        The tidy table; it goes into ``results.parquet`` and is not in ``--json``.
    """

    config: Annotated[Mapping[str, Any], Mark.AS_GIVEN, Keys(Backbones, TextSettings, DataConfig, SweepConfig)]
    read: Annotated[Read | None, Mark.UNLESS_NONE] = None
    score: str
    level: float
    n_test: int
    classes: tuple[str, ...] | None
    cells: int
    rows: int
    points: Annotated[tuple[SweepPoint, ...], Mark.UNIT]
    contrasts: Annotated[tuple[EtaContrast, ...], Mark.UNIT] = ()
    theory: tuple[PairTheory, ...] = ()
    skipped: Annotated[Mapping[str, str] | None, Mark.UNLESS_NONE] = None
    notes: tuple[str, ...] = ()
    table: Annotated[Mapping[str, list[Any]], Mark.HIDDEN] = field(default_factory=dict, repr=False, compare=False)

    def conditions(self) -> Mapping[str, bool]:
        """Return what must hold beyond the types of the fields, and whether it does."""
        worst = [set(point.worst_groups) for point in self.points if point.worst_groups is not None]
        worst += [set(change.worst_groups) for change in self.contrasts if change.worst_groups is not None]
        return {
            "score must be accuracy or r2": self.score in ("accuracy", "r2"),
            "points must not be empty": bool(self.points),
            "worst_groups must hold teacher, student and baseline": all(
                {"teacher", "student", "baseline"} <= systems for systems in worst
            ),
            "sizes must be above 0": all(min(point.n, point.N) > 0 for point in self.points),
        }

    def decisive(self) -> Iterator[str]:
        """Yield the size of the grid, and the range of the gain over its points."""
        gains = [point.gain.value for point in self.points if not math.isnan(point.gain.value)]
        yield f"points: {len(self.points)}, cells: {self.cells}, rows: {self.rows}"
        if gains:
            yield f"gain in {self.score} from {min(gains):+.3f} to {max(gains):+.3f}"
