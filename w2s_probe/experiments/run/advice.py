"""The verdict of a run with what limits it: systems alike, strengths at the end of a grid, the worst group; copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from w2s_probe import metrics
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.text import shorten, visible
from w2s_probe.core.types import Float
from w2s_probe.experiments.run.outcome import SYSTEMS
from w2s_probe.experiments.run.scores import VANILLA, RunScores
from w2s_probe.heads.given import GivenHead
from w2s_probe.metrics import GroupRows
from w2s_probe.metrics.likeness import COPY, IMITATION, NEARLY
from w2s_probe.metrics.verdict import COMBINING, EQUAL_SPACES
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import Verdict
from w2s_probe.results.student import StudentResult, SystemResult

MOSTLY = 0.5  # share of seeds with a strength at the end of its grid above which the system is not judged
NAME = 30  # cells of a class


def run_verdict(
    run: RunScores,
    students: Mapping[str, StudentResult],
    systems: Mapping[str, SystemResult],
    *,
    config: W2SConfig,
    same_features: bool,
) -> Verdict:
    """Return the verdict on the plain student, or on that of the first strategy if there is no plain student."""
    name = _judged(students)
    student = students[name]
    alike = _constant_text(run, name, student) or (EQUAL_SPACES if same_features else "")
    heads = {"student": (name, student), "baseline": ("baseline", systems["baseline"])}
    edges = [system for system, (key, result) in heads.items() if _unsettled(run, key, result, config)]
    versus = student.versus_baseline
    return metrics.decide(
        gain=student.gain,
        versus_baseline=versus,
        n_labeled=len(run.outcomes[0].split.labeled),
        score=run.main,
        alike=alike,
        edges=edges,
        combinations=_combinations(students, run.main) if name == VANILLA else (),
        scaled=config.scale == "standard",
        worst_group=_worst_group(run, name, student),
        given=isinstance(run.outcomes[0].heads["teacher"], GivenHead),
        resolution=""
        if edges or not versus.low <= 0 <= versus.high
        else "More seeds or test rows narrow the intervals.",
    )


def _combinations(students: Mapping[str, StudentResult], score: str) -> list[metrics.Combination]:
    """Return the students of labels and pseudolabels together, against the vanilla student and the baseline."""
    return [
        metrics.Combination(
            strategy=name,
            versus_vanilla=student.versus_vanilla[score],
            versus_baseline=student.versus_baseline,
        )
        for name, student in students.items()
        if name in COMBINING and student.versus_vanilla
    ]


def _constant_text(run: RunScores, name: str, student: StudentResult) -> str:
    """Return what all systems predict, if all predictions are constant; else an empty text.

    Systems that are constant on nearly all rows only are told apart by a difference that is resolved.
    """
    systems = [_predictions(run, system) for system in (name, "teacher", "baseline")]
    largest, label = -1, ""
    if run.labels.classes:
        tests = np.concatenate([run.labels.values[outcome.split.test] for outcome in run.outcomes])
        largest = int(np.bincount(tests).argmax())
        label = f" ({shorten(visible(run.labels.classes[largest]), NAME)})"
    text = metrics.constant_text(systems, spread=_spread(run), largest=largest, name=label, rows="test rows")
    resolved = any(not e.low <= 0 <= e.high for e in (student.gain, student.versus_baseline))
    if not text or (resolved and NEARLY in text):
        return ""
    subject = "every system" if _constant(run, "ceiling") else "each of teacher, student and baseline"
    return f"{subject} {'decides' if run.labels.classes else 'predicts'} {text}"


def settled_strengths(
    run: RunScores, students: Mapping[str, StudentResult], *, config: W2SConfig, same_features: bool
) -> set[str]:
    """Return the systems whose strength at an end of its grid needs no note: students that copy their teacher.

    All systems, if they cannot be told apart.
    """
    name = _judged(students)
    if same_features or _constant_text(run, name, students[name]):
        return set(run.rows)
    return {name for name, student in students.items() if _copies(run, name, student, config)}


def copy_notes(run: RunScores, students: Mapping[str, StudentResult], config: W2SConfig) -> Iterator[str]:
    """Yield a note on each student that copies its teacher."""
    for name, student in students.items():
        if not _copies(run, name, student, config):
            continue
        if config.task == "regression":
            yield (
                f"{name}: the student's predictions agree with its teacher's (R² {student.agreement.value:.3f}): its "
                "features span the teacher's, so that pseudolabels can be copied. Try another teacher."
            )
        else:
            yield (
                f"{name}: the student's decisions agree with its teacher's on {student.agreement.value:.1%} of the "
                "rows: its features span the teacher's, so that soft pseudolabels can be copied. "
                "Try `pseudolabels` hard."
            )


def _judged(students: Mapping[str, StudentResult]) -> str:
    """Return the student of the verdict: the plain student, or that of the first strategy."""
    return VANILLA if VANILLA in students else next(iter(students))


def _constant(run: RunScores, name: str) -> bool:
    """Return whether a system's predictions on the test rows are constant."""
    return metrics.is_constant(_predictions(run, name), spread=_spread(run))


def _predictions(run: RunScores, name: str) -> Float:
    """Return the scores on the test rows of all seeds; numbers without the mean of their seed, which differs."""
    scores = [outcome.test_scores[name] for outcome in run.outcomes]
    return np.concatenate(scores if run.labels.classes else [raw - raw.mean() for raw in scores])


def _spread(run: RunScores) -> float:
    return 0.0 if run.labels.classes else float(np.std(run.labels.values))


def _unsettled(run: RunScores, name: str, result: SystemResult, config: W2SConfig) -> bool:
    """Return whether a system's strength is mostly an end of its grid, and a better one may lie outside.

    The smallest strength is right for a student that can copy its teacher, and the largest for a constant head.
    """
    if result.strength is None or not result.strength.at_edge > MOSTLY or _constant(run, name):
        return False
    return not (isinstance(result, StudentResult) and _copies(run, name, result, config))


def _copies(run: RunScores, name: str, student: StudentResult, config: W2SConfig) -> bool:
    """Return whether a student copies its soft pseudolabels; agreement by chance does not count."""
    if config.pseudolabels == "hard" or not student.agreement.value > COPY or _constant(run, name):  # NaN: no
        return False
    return metrics.imitation(_predictions(run, name), _predictions(run, "teacher")) > IMITATION


def _worst_group(run: RunScores, name: str, student: StudentResult) -> metrics.WorstGroupChange | None:
    worst = student.worst_group_accuracy or student.worst_group_squared_error
    if worst is None:
        return None
    own, *others = (_smaller_is_worse(run, system) for system in (name, SYSTEMS[0], SYSTEMS[1]))
    changes = [metrics.worst_difference(own, other, run.draws) for other in others]
    if run.by_group == "squared_error":
        changes = [Estimate(value=-change.value, low=-change.high, high=-change.low) for change in changes]
    gain, versus = changes
    return metrics.WorstGroupChange(gain=gain, versus_baseline=versus, group=worst.group, score=run.by_group)


def _smaller_is_worse(run: RunScores, system: str) -> GroupRows:
    """Return a system's accuracy, or the negative of its squared error, by group."""
    score = run.rows[system][run.by_group]
    if run.by_group == "accuracy":
        return run.in_groups(score)
    low, high = score.bounds
    return replace(
        run.in_groups(replace(score, numerator=-score.numerator, bounds=(-high, -low))), smaller_is_worse=True
    )
