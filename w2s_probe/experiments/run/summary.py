"""The result of a run from the outcomes of its splits: scores, intervals, verdict, notes. Fits no head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from w2s_probe import metrics
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.fit_options import coarse_grid_notes
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split
from w2s_probe.core.types import Rows
from w2s_probe.experiments.run.advice import copy_notes, run_verdict, settled_strengths
from w2s_probe.experiments.run.comparison import (
    comparison_notes,
    ranking,
    signed,
    skipped,
    teacher_results,
    with_ranking,
)
from w2s_probe.experiments.run.outcome import SYSTEMS, TEACHERS, SeedOutcome
from w2s_probe.experiments.run.scores import RunScores, absent_groups, concatenated, row_scores, student_results
from w2s_probe.experiments.run.tidy import tidy_rows
from w2s_probe.experiments.strengths import edge_note
from w2s_probe.metrics import Draws, RowScore
from w2s_probe.results.run import ClassCounts, ReliabilityBin, W2SResult
from w2s_probe.results.student import StudentResult, SystemResult
from w2s_probe.strategies import chosen_strategies

MOST_REMEDIES = 3  # selections with a note of their own
MANY_REMEDIES = {
    "helps": "Better than the vanilla student and than a random control of as many rows",
    "does not help": "Not better than both the vanilla student and a random control of as many rows",
    "may help, unresolved": "Perhaps better than the vanilla student and than a random control of as many rows",
}


def summarize(
    outcomes: Sequence[SeedOutcome],
    labels: Labels,
    *,
    config: W2SConfig,
    groups: Groups | None = None,
    links: Rows | None = None,
    fingerprint: str = "",
    same_features: bool = False,
) -> W2SResult:
    """Return the result of a run: scores with intervals, verdict and notes from the outcome of each split.

    `labels`, `groups` and `links`, see `run_w2s`, cover all rows of the table; `fingerprint` is the hash of the run's
    settings and data; `same_features` says that teacher and student have the same features.
    """
    splits = [outcome.split for outcome in outcomes]
    draws = test_draws(splits, config, links)
    by_seed = [row_scores(outcome, labels) for outcome in outcomes]
    everywhere = [system for system in by_seed[0] if all(system in scores for scores in by_seed)]
    rows = {system: concatenated([scores[system] for scores in by_seed]) for system in everywhere}
    run = RunScores(outcomes=outcomes, labels=labels, groups=groups, draws=draws, rows=rows)
    students = student_results(run, chosen_strategies(config.strategies))
    systems: dict[str, SystemResult] = {system: SystemResult(**run.system_fields(system)) for system in SYSTEMS}
    ranked = ranking(run, students)
    verdict = with_ranking(run_verdict(run, students, systems, config=config, same_features=same_features), ranked)
    settled = settled_strengths(run, students, config=config, same_features=same_features)
    sizes: dict[str, Any] = {f"n_{part}": len(rows) for part, rows in splits[0].parts().items()}
    sizes |= {} if groups is None else {"cue": dict(groups.cue)}
    names = [*SYSTEMS, *students]
    return W2SResult(
        config={**config.to_dict(classes=len(labels.classes or ())), **sizes, "seeds": len(splits)},
        class_counts=_class_counts(labels, splits[0]),
        fingerprint=fingerprint,
        score=run.main,
        level=config.level,
        n_test=sizes["n_test"],
        seeds=tuple(split.seed for split in splits),
        classes=labels.classes,
        majority_rate=_majority_rate(labels, splits),
        systems=systems,
        students=students,
        verdict=verdict,
        teachers=teacher_results(run),
        ranking=ranked,
        skipped=skipped(outcomes) or None,
        notes=(
            *_notes(outcomes, names, labels, config, settled=settled),
            *([] if same_features else copy_notes(run, students, config)),
            *absent_groups(run),
            *_remedies(students, run.main),
            *comparison_notes(run, students),
        ),
        reliability={name: reliability_of(name, outcomes, rows) for name in names} if labels.classes else {},
        cells=tuple(tidy_rows(outcomes, by_seed, everywhere, labels, groups)),
    )


def reliability_of(
    name: str, outcomes: Sequence[SeedOutcome], rows: Mapping[str, Mapping[str, RowScore]]
) -> tuple[ReliabilityBin, ...]:
    """Return the calibration of a system or student on all test rows: bins of its top probability."""
    probabilities = [outcome.head(name).probabilities(outcome.test_scores[name]) for outcome in outcomes]
    return metrics.reliability_bins(np.concatenate(probabilities).max(axis=1), rows[name]["accuracy"].numerator)


def _class_counts(labels: Labels, split: Split) -> dict[str, ClassCounts]:
    """Return the rows of each class in each part; empty for regression."""
    names = labels.classes or ()
    counts = {
        part: np.bincount(labels.values[rows], minlength=len(names)) for part, rows in split.parts().items() if names
    }
    return {name: ClassCounts(**{part: int(counts[part][code]) for part in counts}) for code, name in enumerate(names)}


def _majority_rate(labels: Labels, splits: Sequence[Split]) -> float:
    if labels.classes is None:
        return np.nan
    codes = labels.values[np.concatenate([split.test for split in splits])]
    return float(np.bincount(codes).max() / len(codes))


def test_draws(splits: Sequence[Split], config: W2SConfig, links: Rows | None) -> Draws:
    """Return the test rows of each seed; pairs have the two items of each of them."""
    tests = [split.test for split in splits]
    items = None if links is None else [links[rows] for rows in tests]
    return Draws(rows=tests, level=config.level, seed=config.seed, items=items)


def _notes(
    outcomes: Sequence[SeedOutcome], names: Sequence[str], labels: Labels, config: W2SConfig, *, settled: Set[str]
) -> Iterator[str]:
    """Yield notes on strengths at the end of their grid, on fits without a minimum, and on the intervals.

    The strength of `settled` systems needs no note.
    """
    yield from coarse_grid_notes(config.kind, len(labels.classes or ()), config.alphas)
    yield from _head_notes(outcomes, names, settled=settled)
    if len(outcomes) == 1:
        yield "One split: the intervals cover the choice of test rows only, not the choice of training rows."
        return
    used = sum(len(rows) for rows in outcomes[0].split.parts().values())
    if used > 0.9 * len(labels):
        yield (
            f"Each split uses {used / len(labels):.0%} of the rows, so that all seeds have nearly the same pool. "
            "Intervals of a single system's score are too narrow; intervals of gain and PGR are not affected."
        )


def _head_notes(outcomes: Sequence[SeedOutcome], names: Sequence[str], *, settled: Set[str]) -> Iterator[str]:
    """Yield notes on the heads of these systems and students, and of further teachers."""
    fitted = [outcome.all_heads() for outcome in outcomes]
    more = [name for name in fitted[0] if name.startswith(TEACHERS)][1:]  # the first one is `teacher`
    for name in (*names, *more):
        heads = [of_seed[name] for of_seed in fitted]
        at_edge = sum(head.at_edge for head in heads)
        shown = name.replace(TEACHERS, "teacher ")
        note = edge_note(shown, heads, where=f" in {at_edge} of {len(heads)} seeds")
        if note and name not in settled:
            yield note
        failed = sum(not head.converged for head in heads)
        if failed:
            where = f"in {failed} of {len(heads)} seeds"
            yield f"{shown}: the fit did not reach its minimum {where}. Its scores may be off."


def _remedies(students: Mapping[str, StudentResult], score: str) -> Iterator[str]:
    """Yield a note on every selection: whether it is better than the vanilla student and than its random control.

    Of many selections, one note for each answer names those that have it.
    """
    calls: dict[str, dict[str, str]] = {}
    for name, student in students.items():
        vanilla, control = student.versus_vanilla, student.versus_control
        if not vanilla or not control:
            continue
        metric = "worst_group_accuracy" if "worst_group_accuracy" in vanilla else score
        label = "the worst group's accuracy" if metric == "worst_group_accuracy" else "accuracy"
        both = (vanilla[metric], control[metric])
        if all(change.low > 0 for change in both):
            call = "helps"
        elif any(change.high <= 0 for change in both) or all(change.value <= 0 for change in both):
            call = "does not help"
        else:
            call = "may help, unresolved"
        calls.setdefault(call, {})[name] = (
            f"{name} {call}: {label} {signed(both[0])} against the vanilla student, {signed(both[1])} against its "
            "random control."
        )
    many = sum(map(len, calls.values())) > MOST_REMEDIES
    for call, notes in calls.items():
        yield from [f"{MANY_REMEDIES[call]}: {', '.join(notes)}."] if many else notes.values()
