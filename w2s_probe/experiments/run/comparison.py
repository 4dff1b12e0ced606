"""Comparisons over all students of a run: several teachers, the ranking of strategies, what does not apply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from w2s_probe import metrics
from w2s_probe.experiments.run.outcome import TEACHERS, TOGETHER, SeedOutcome
from w2s_probe.experiments.run.scores import VANILLA, RunScores
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import Verdict
from w2s_probe.results.student import Ranked, StudentResult, TeacherResult


def teacher_results(run: RunScores) -> dict[str, TeacherResult] | None:
    """Return the result of each teacher, and of all together; None with one teacher."""
    committees = [outcome.committee for outcome in run.outcomes if outcome.committee is not None]
    if not committees:
        return None
    key = "held_out_accuracy" if run.labels.classes else "held_out_r2"
    weights = dict(zip(committees[0].heads, np.mean([c.together.weights for c in committees], axis=0), strict=True))
    results = {}
    for name in (*committees[0].heads, TOGETHER):
        own: dict[str, Any] = {key: float(np.mean([committee.held_out[name] for committee in committees]))}
        if name == TOGETHER:
            own["weights"] = {teacher: float(weight) for teacher, weight in weights.items()}
        results[name] = TeacherResult(**run.system_fields(TEACHERS + name), **own)
    return results


def ranking(run: RunScores, students: Mapping[str, StudentResult]) -> tuple[Ranked, ...] | None:
    """Return the strategies by their difference to `vanilla`, best first; None without `vanilla` or without others."""
    others = [name for name in students if name != VANILLA]
    if VANILLA not in students or not others:
        return None
    joint = replace(run.draws, level=1 - (1 - run.draws.level) / len(others))
    plain = run.rows[VANILLA][run.main]
    ranked = [
        Ranked(
            strategy=name,
            versus_vanilla=metrics.difference(run.rows[name][run.main], plain, run.draws),
            adjusted=metrics.difference(run.rows[name][run.main], plain, joint),
            versus_baseline=students[name].versus_baseline,
        )
        for name in others
    ]
    return tuple(sorted(ranked, key=lambda entry: -entry.versus_vanilla.value))


def with_ranking(verdict: Verdict, ranked: Sequence[Ranked] | None) -> Verdict:
    """Return a verdict that says so if several strategies were tried and none can be told from `vanilla`."""
    resolved = any(not entry.adjusted.low <= 0 <= entry.adjusted.high for entry in ranked or ())
    if not ranked or len(ranked) == 1 or resolved or verdict.recommend == "combine":
        return verdict
    text = (
        f"None of the {len(ranked)} other strategies can be told from the vanilla student "
        "(intervals adjusted for their number)."
    )
    return replace(verdict, advice=f"{verdict.advice} {text}")


def comparison_notes(run: RunScores, students: Mapping[str, StudentResult]) -> Iterator[str]:
    """Yield notes on students below a rival, and on teachers that together are better than every student."""
    for name, student in students.items():
        yield from _rival_notes(run, name, student)
        for key, variant in (student.variants or {}).items():
            yield from _rival_notes(run, f"{name}/{key}", variant)
    together = [student.versus_teachers["together"] for student in students.values() if student.versus_teachers]
    if together and all(change.high < 0 for change in together):
        closest = max(together, key=lambda change: change.value)
        yield f"The teachers together, without a student, are better: the best student is {signed(closest)} of them."


def _rival_notes(run: RunScores, name: str, student: StudentResult) -> Iterator[str]:
    for rival, change in (student.versus_rivals or {}).items():
        if change.high < 0:
            caution = run.outcomes[0].students[name].caution
            yield f"{name} is worse than {rival}: {signed(change)}.{caution and ' ' + caution}"


def skipped(outcomes: Sequence[SeedOutcome]) -> dict[str, str]:
    """Return why strategies and variants do not apply: a reason, and the seeds if it holds on some only."""
    names = dict.fromkeys(name for outcome in outcomes for name in outcome.skipped)
    reasons = {}
    for name in names:
        seeds = [outcome for outcome in outcomes if name in outcome.skipped]
        where = "" if len(seeds) == len(outcomes) else f"in {len(seeds)} of {len(outcomes)} seeds: "
        reasons[name] = where + seeds[0].skipped[name]
    return reasons


def signed(estimate: Estimate) -> str:
    """Return a difference with its sign and interval."""
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"
