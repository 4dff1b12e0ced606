"""Where teachers that are predictions speak: the rows that a split keeps, and the student on the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from w2s_probe import metrics
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import DataError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.predictions import Predictions, all_speak, predictions_of
from w2s_probe.core.splits import Part, Split
from w2s_probe.core.text import joined
from w2s_probe.core.types import Rows
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.problem import distinct_names
from w2s_probe.experiments.run.scores import VANILLA
from w2s_probe.metrics import Draws
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import W2SResult
from w2s_probe.results.student import SystemResult, TeacherCoverage, TeacherResult

PARTS: tuple[Part, ...] = ("labeled", "unlabeled", "test")
TITLES = {"unlabeled": "the pool", "test": "the test part"}


def spoken_split(split: Split, teachers: Sequence[FeatureSet]) -> Split:
    """Return a split without rows of the pool, and test rows, on which a teacher abstains or whose labels it saw.

    The pool keeps rows that the teacher saw. Raises `DataError` if a part would be empty.
    """
    speak = all_speak(teachers)
    if speak is None:
        return split
    unseen = ~np.any([given.saw for given in predictions_of(teachers)], axis=0)
    kept = {"unlabeled": split.unlabeled[speak[split.unlabeled]], "test": split.test[(speak & unseen)[split.test]]}
    for part, rows in kept.items():
        if not len(rows):
            given, own = predictions_of(teachers), split.parts()[part]  # type: ignore[index]
            check_speaks([(one.name, one.speaks[own]) for one in given], where=TITLES[part])
            msg = (
                f"the test part must hold rows that the teacher was not trained on: got none of {len(split.test):,}. "
                "Give other test rows, or correct --teacher-saw."
            )
            raise DataError(msg)
    return replace(split, **kept)


def check_speaks(speaks: Sequence[tuple[str, NDArray[np.bool_]]], *, where: str) -> None:
    """Raise `DataError` if there is no row of a part on which all teachers speak: pairs of name and rows."""
    speak = np.all([rows for _, rows in speaks], axis=0)
    if speak.any():
        return
    names = [name for name, rows in speaks if not rows.any()] or [name for name, rows in speaks if not rows.all()]
    msg = (
        f"{joined(names)} must predict at least one row of {where}: got none for all {len(speak):,}"
        f"{' that all of them predict' if len(names) > 1 else ''}. Fill in predictions there, or use another teacher."
    )
    raise DataError(msg)


def silence(names: Sequence[str]) -> str:
    """Return which teachers abstain, without a full stop."""
    return f"{joined(names)} abstain{'s' if len(set(names)) == 1 else ''}"


def training(names: Sequence[str]) -> str:
    """Return which teachers were trained, without a full stop and on what."""
    return f"{joined(names)} {'was' if len(set(names)) == 1 else 'were'} trained"


def spoken_notes(
    drawn: Sequence[Split], splits: Sequence[Split], teachers: Sequence[FeatureSet], *, saw: str | None
) -> Iterator[str]:
    """Yield how many rows teachers that are predictions leave out, and what is assumed of the rows they saw.

    `drawn` are the splits with all rows. `saw` is where the user says which rows the teacher was trained on.
    """
    given = predictions_of(teachers)
    if not given:
        return
    for part, title in (("unlabeled", "rows of the pool"), ("test", "test rows")):
        lost = [len(old.parts()[part]) - len(new.parts()[part]) for old, new in zip(drawn, splits, strict=True)]  # type: ignore[index]
        worst = int(np.argmax(lost))
        if lost[worst]:
            seed = f" at seed {drawn[worst].seed}" if len(drawn) > 1 else ""
            rows = drawn[worst].parts()[part]  # type: ignore[index]
            silent = [one.name for one in given if not one.speaks[rows].all()]
            saw_some = [one.name for one in given if part == "test" and one.saw[rows].any()]
            yield f"{lost[worst]:,} of {len(rows):,} {title} are left out{seed}, since {_why(silent, saw_some)}."
    if saw is None:
        yield assumption([one.name for one in given])


def _why(silent: Sequence[str], saw: Sequence[str]) -> str:
    """Return why rows are left out: teachers that abstain on some, and those that saw some."""
    reasons = [silence(silent)] * bool(silent) + [f"{training(saw)} on them"] * bool(saw)
    if silent and set(silent) == set(saw):
        reasons[1] = reasons[1].removeprefix(f"{joined(saw)} ")
    return " or ".join(reasons)


def assumption(names: Sequence[str]) -> str:
    """Return what is assumed of teachers whose training rows the user does not name."""
    one = len(set(names)) == 1
    return (
        f"It is assumed that {training(names)} on no row of these data: otherwise {'its' if one else 'their'} accuracy "
        f"here is too good. Name the rows that {'it was' if one else 'they were'} trained on with --teacher-saw."
    )


def with_coverage(
    result: W2SResult,
    outcomes: Sequence[SeedOutcome],
    drawn: Sequence[Split],
    labels: Labels,
    *,
    teachers: Sequence[FeatureSet],
    student: FeatureSet,
    config: W2SConfig,
) -> W2SResult:
    """Return a result with the coverage of each teacher that is predictions; `drawn` are the splits with all rows."""
    if not predictions_of(teachers):
        return result
    elsewhere = _student_elsewhere(outcomes, drawn, labels, teachers, student, config)
    shown = dict(result.teachers or {})
    for name, teacher in zip(distinct_names([one.name for one in teachers]), teachers, strict=True):
        if isinstance(teacher, Predictions):
            own = shown.get(name) or _alone(result, outcomes, labels, teacher)
            shown[name] = replace(own, coverage=_coverage(teacher, outcomes, drawn, elsewhere))
    return replace(result, teachers=shown)


def _alone(result: W2SResult, outcomes: Sequence[SeedOutcome], labels: Labels, teacher: Predictions) -> TeacherResult:
    """Return the result of the only teacher, with its accuracy on labeled rows that it speaks on and did not see."""
    rows = [outcome.split.labeled[teacher.counts[outcome.split.labeled]] for outcome in outcomes]
    right = [float((teacher.X[L].argmax(axis=1) == labels.values[L]).mean()) for L in rows if len(L)]
    system = result.systems["teacher"]
    own = {each.name: getattr(system, each.name) for each in fields(SystemResult)}
    return TeacherResult(**own, held_out_accuracy=float(np.mean(right)) if right else np.nan)


def _coverage(
    teacher: Predictions, outcomes: Sequence[SeedOutcome], drawn: Sequence[Split], elsewhere: Estimate | None
) -> TeacherCoverage:
    def mean_left_out(part: Part) -> float:
        pairs = zip(drawn, outcomes, strict=True)
        return float(np.mean([len(old.parts()[part]) - len(new.split.parts()[part]) for old, new in pairs]))

    shares = {part: float(np.mean([teacher.speaks[split.parts()[part]].mean() for split in drawn])) for part in PARTS}
    return TeacherCoverage(
        **shares,
        unlabeled_left_out=mean_left_out("unlabeled"),
        test_left_out=mean_left_out("test"),
        student_elsewhere=elsewhere,
    )


def _student_elsewhere(
    outcomes: Sequence[SeedOutcome],
    drawn: Sequence[Split],
    labels: Labels,
    teachers: Sequence[FeatureSet],
    student: FeatureSet,
    config: W2SConfig,
) -> Estimate | None:
    """Return the student's accuracy on the test rows on which some teacher abstains; None if there are none."""
    speak = all_speak(teachers)
    if speak is None:
        return None
    rows: list[Rows] = []
    right: list[NDArray[np.bool_]] = []
    for outcome, split in zip(outcomes, drawn, strict=True):
        silent = split.test[~speak[split.test]]
        if len(silent):
            students = outcome.students
            head = students[VANILLA if VANILLA in students else next(iter(students))].head
            rows.append(silent)
            right.append(head.scores(student.X[silent]).argmax(axis=1) == labels.values[silent])
    if not rows:
        return None
    numerator = np.concatenate(right).astype(np.float64)
    draws = Draws(rows=rows, level=config.level, seed=config.seed)
    return metrics.ratio_of_means(numerator, np.ones(len(numerator)), draws, bounds=(0.0, 1.0))
