"""The result of ``reason``, as ``reason --json`` prints it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from w2s_probe.core.reason_config import ReasonConfig
from w2s_probe.core.serialize import Keys, Mark, Printed
from w2s_probe.results.estimate import Estimate, in_brief

SYSTEMS = ("untrained", "teacher", "baseline", "ceiling")
W2SR = ("traces", "answers", "self_consistent", "random", "oracle_P", "oracle_N")
# of results.parquet: one row for each decoder and seed
COLUMNS: dict[str, type] = {
    "what": str,
    "metric": str,
    "value": float,
    "low": float,
    "high": float,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The generated task.

    Parameters
    ----------
    steps : int
        Operations of a problem.
    modulus : int
        Modulus of the arithmetic.
    facts : int
        Distinct right steps.
    """

    steps: int
    modulus: int
    facts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonScores:
    """One decoder on the test problems, and its differences to others, paired by problem.

    A student without traces in some seeds is scored over the other ones; without traces in all seeds, all is NaN.

    Parameters
    ----------
    accuracy : Estimate
        Share of right answers.
    valid_steps : Estimate
        Share of right arithmetic among the steps that were written; NaN if none was.
    follows : Estimate
        Share of traces whose steps are those of the problem, each begun with the last result.
    rgr : Estimate
        Reasoning gap recovered: (accuracy - untrained) / (ceiling - untrained).
    versus_teacher, versus_baseline : Estimate
        Accuracy minus the teacher's, and minus the baseline's.
    versus_answers : Estimate or None
        Accuracy minus the one of the student of answers alone; None where there is no such student.
    versus_random : Estimate or None
        Accuracy minus the one of the student of as many random traces as there are right ones; None where there is no
        such student.
    """

    accuracy: Estimate
    valid_steps: Estimate
    follows: Estimate
    rgr: Estimate
    versus_teacher: Estimate
    versus_baseline: Estimate
    versus_answers: Annotated[Estimate | None, Mark.UNLESS_NONE] = None
    versus_random: Annotated[Estimate | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A decoder after pre-training, mean over seeds.

    Parameters
    ----------
    facts : float
        Accuracy on all facts.
    copying : float
        Accuracy of copying.
    steps : float
        Updates of the pre-training.
    parameters : int
        Parameters of the decoder.
    short : int
        Seeds in which it ended below the accuracy on facts, or below 0.99 on copying.
    beyond : int
        Seeds in which it continued beyond the accuracy on facts until copying had 0.99.
    """

    facts: float
    copying: float
    steps: float
    parameters: int
    short: int
    beyond: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherPoint:
    """One teacher of the curve, and the student of its traces.

    Parameters
    ----------
    axis : str
        Setting in which the teacher differs from the first one: teacher_size, teacher_accuracy or teacher_updates.
    value : float
        Value of the setting.
    parameters : int
        Parameters of the teacher.
    facts : float
        The teacher's accuracy on facts after pre-training, mean over seeds.
    short : int
        Seeds in which its pre-training ended below the accuracy on facts, or below 0.99 on copying.
    beyond : int
        Seeds in which its pre-training continued beyond the accuracy on facts until copying had 0.99.
    pool_accuracy : Estimate
        Share of the teacher's traces of the pool whose answer is right.
    teacher, traces : Estimate
        Accuracy of the teacher, and of the student of its traces.
    valid_steps : Estimate
        Share of the teacher's steps that are right arithmetic.
    versus_teacher : Estimate
        Accuracy of the student minus the teacher's, paired by problem.
    rgr : Estimate
        Reasoning gap recovered by the student.
    same_as : float or None
        An earlier value of the setting that gave the same teacher in every seed: both are one point; else None.
    """

    axis: str
    value: float
    parameters: int
    facts: float
    short: int
    beyond: int
    pool_accuracy: Estimate
    teacher: Estimate
    traces: Estimate
    valid_steps: Estimate
    versus_teacher: Estimate
    rgr: Estimate
    same_as: Annotated[float | None, Mark.UNLESS_NONE, Mark.AS_GIVEN] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side after a round.

    Parameters
    ----------
    accuracy, valid_steps : Estimate
        Share of right answers, and of right arithmetic among the steps that were written.
    change : Estimate
        Accuracy minus the same side's before the first round, paired by problem.
    pairs : float
        Pairs on which it was trained in the round, mean over seeds.
    right_pairs : float
        Share of these pairs whose preferred answer is right and whose other answer is wrong; NaN without pairs.
    """

    accuracy: Estimate
    valid_steps: Estimate
    change: Estimate
    pairs: float
    right_pairs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MutualRound:
    """Both sides after one round.

    Parameters
    ----------
    round : int
        Number of the round; 0 is the start.
    student : Side
        The student.
    teachers : tuple of Side
        The teachers.
    """

    round: int
    student: Side
    teachers: tuple[Side, ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class ReasonResult(Printed):
    """Result of ``reason``: systems, students, and further teachers or rounds.

    Parameters
    ----------
    config : mapping
        Every setting.
    task : Task
        The generated task.
    device : str
        Torch device of the decoders.
    level : float
        Level of the intervals.
    seeds : tuple of int
        Seeds; each draws problems and pre-trains decoders again.
    pretraining : mapping of side to Learned
        Student and teachers after pre-training on facts and copying.
    pool_accuracy : Estimate
        Share of the teacher's traces of the pool whose answer is right.
    systems : mapping of system to ReasonScores
        Untrained student, teacher, baseline (the true traces of the labeled problems) and ceiling (those of the pool).
    students : mapping of student to ReasonScores
        Students of the teacher's traces, or of a selection of them.
    rows : mapping of student to float
        Traces on which each student was trained, mean over seeds; a student without traces has no scores.
    curve : tuple of TeacherPoint
        Teachers of other sizes, accuracies or numbers of updates; empty for single values.
    rounds : tuple of MutualRound, or None
        Both sides after each round; None without ``--method mutual``.
    notes : tuple of str
        Warnings about results that are right but surprising.
    """

    config: Annotated[Mapping[str, Any], Mark.AS_GIVEN, Keys(ReasonConfig)]
    task: Task
    device: str
    level: float
    seeds: tuple[int, ...]
    pretraining: Mapping[str, Learned]
    pool_accuracy: Annotated[Estimate, Mark.UNIT]
    systems: Annotated[Mapping[str, ReasonScores], Mark.UNIT, Keys(*SYSTEMS, required=True)]
    students: Annotated[Mapping[str, ReasonScores], Mark.UNIT]
    rows: Mapping[str, float]
    curve: Annotated[tuple[TeacherPoint, ...], Mark.UNIT] = ()
    rounds: Annotated[tuple[MutualRound, ...] | None, Mark.UNLESS_NONE, Mark.UNIT] = None
    notes: tuple[str, ...] = ()

    def decisive(self) -> Iterator[str]:
        """Yield the accuracy of all systems and students."""
        every = {name: one.accuracy.value for name, one in (*self.systems.items(), *self.students.items())}
        shown = [f"{name} {in_brief(value)}" for name, value in every.items() if not math.isnan(value)]
        yield f"accuracy: {', '.join(shown)}"

    def to_record(self) -> Iterator[dict[str, Any]]:
        """Yield tidy rows: every estimate of every decoder."""
        for name, scores in (*self.systems.items(), *self.students.items()):
            for metric in ReasonScores.__dataclass_fields__:
                estimate: Estimate | None = getattr(scores, metric)
                if estimate is not None:
                    yield _row(name, metric, estimate)
        for point in self.curve:
            for metric in ("teacher", "traces", "versus_teacher", "rgr"):
                yield _row(f"{point.axis} {point.value:g}", metric, getattr(point, metric))
        for step in self.rounds or ():
            sides = {"student": step.student, **{f"teacher {k}": s for k, s in enumerate(step.teachers, start=1)}}
            for name, side in sides.items():
                yield _row(f"round {step.round} {name}", "accuracy", side.accuracy)
                yield _row(f"round {step.round} {name}", "change", side.change)

    def conditions(self) -> Mapping[str, bool]:
        """Return what must hold beyond the types of the fields, and whether it does."""
        return {
            "systems must hold untrained, teacher, baseline and ceiling": set(self.systems) == set(SYSTEMS),
            "students must not be empty": bool(self.students),
            "rows must name the students": set(self.rows) == set(self.students),
        }


def _row(what: str, metric: str, estimate: Estimate) -> dict[str, Any]:
    return {"what": what, "metric": metric, "value": estimate.value, "low": estimate.low, "high": estimate.high}
