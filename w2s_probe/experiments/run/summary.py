"""The result of a run from the outcomes of its splits: scores, intervals, verdict, notes. Fits no head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

import numpy as np

from w2s_probe import metrics
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.fit_options import coarse_grid_notes
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split
from w2s_probe.experiments.run.advice import copy_notes, run_verdict, settled_strengths
from w2s_probe.experiments.run.outcome import SYSTEMS, SeedOutcome
from w2s_probe.experiments.run.scores import RunScores, absent_groups, concatenated, row_scores, student_results
from w2s_probe.experiments.run.tidy import tidy_rows
from w2s_probe.experiments.strengths import edge_note
from w2s_probe.metrics import Draws, RowScore
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import ClassCounts, ReliabilityBin, StudentResult, SystemResult, W2SResult
from w2s_probe.strategies.control import CONTROL


def summarize(
    outcomes: Sequence[SeedOutcome],
    labels: Labels,
    *,
    config: W2SConfig,
    groups: Groups | None = None,
    fingerprint: str = "",
    same_features: bool = False,
) -> W2SResult:
    """Return the result of a run: scores with intervals, verdict and notes from the outcome of each split.

    `labels` and `groups` cover all rows of the table; `fingerprint` is the hash of the run's settings and data;
    `same_features` says that teacher and student have the same features.
    """
    splits = [outcome.split for outcome in outcomes]
    draws = Draws(rows=[split.test for split in splits], level=config.level, seed=config.seed)
    by_seed = [row_scores(outcome, labels) for outcome in outcomes]
    rows = {system: concatenated([scores[system] for scores in by_seed]) for system in by_seed[0]}
    score = "accuracy" if labels.classes else "r2"
    run = RunScores(outcomes=outcomes, labels=labels, groups=groups, draws=draws, rows=rows)
    students = student_results(run, config.strategies)
    systems: dict[str, SystemResult] = {system: SystemResult(**run.system_fields(system)) for system in SYSTEMS}
    verdict = run_verdict(run, students, systems, config=config, same_features=same_features)
    settled = settled_strengths(run, students, config=config, same_features=same_features)
    sizes = {
        "n_labeled": len(splits[0].labeled),
        "n_unlabeled": len(splits[0].unlabeled),
        "n_test": len(splits[0].test),
    }
    cue = {} if groups is None else {"cue": dict(groups.cue)}
    names = [name for name in rows if not name.endswith(CONTROL)]
    return W2SResult(
        config={**config.to_dict(classes=len(labels.classes or ())), **sizes, **cue, "seeds": len(splits)},
        class_counts=_class_counts(labels, splits[0]),
        fingerprint=fingerprint,
        score=score,
        level=config.level,
        n_test=sizes["n_test"],
        seeds=tuple(split.seed for split in splits),
        classes=labels.classes,
        majority_rate=_majority_rate(labels, splits),
        systems=systems,
        students=students,
        verdict=verdict,
        notes=(
            *coarse_grid_notes(config.head, len(labels.classes or ()), config.alphas),
            *_notes(outcomes, len(labels), settled=settled),
            *([] if same_features else copy_notes(run, students, config)),
            *absent_groups(run),
            *_remedies(students, score),
        ),
        reliability={name: _reliability(name, outcomes, rows) for name in names} if labels.classes else {},
        cells=tuple(tidy_rows(outcomes, by_seed, labels, groups)),
    )


def _reliability(
    name: str, outcomes: Sequence[SeedOutcome], rows: Mapping[str, Mapping[str, RowScore]]
) -> tuple[ReliabilityBin, ...]:
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


def _notes(outcomes: Sequence[SeedOutcome], n_rows: int, *, settled: Set[str]) -> Iterator[str]:
    """Yield notes on strengths at the end of their grid, on fits without a minimum, and on the intervals.

    The strength of `settled` systems needs no note.
    """
    for name in outcomes[0].test_scores:
        if name.endswith(CONTROL):
            continue
        heads = [outcome.head(name) for outcome in outcomes]
        at_edge = sum(head.at_edge for head in heads)
        note = edge_note(name, heads, where=f" in {at_edge} of {len(heads)} seeds")
        if note and name not in settled:
            yield note
        failed = sum(not head.converged for head in heads)
        if failed:
            yield f"{name}: the fit did not reach its minimum in {failed} of {len(heads)} seeds. Its scores may be off."
    if len(outcomes) == 1:
        yield "One split: the intervals cover the choice of test rows only, not the choice of training rows."
        return
    used = sum(len(rows) for rows in outcomes[0].split.parts().values())
    if used > 0.9 * n_rows:
        yield (
            f"Each split uses {used / n_rows:.0%} of the rows, so that all seeds have nearly the same pool. Intervals "
            "of a single system's score are too narrow; intervals of gain and PGR are not affected."
        )


def _remedies(students: Mapping[str, StudentResult], score: str) -> Iterator[str]:
    """Yield a note on every selection: whether it is better than the vanilla student and than its random control."""
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
        yield (
            f"{name} {call}: {label} {_signed(both[0])} against the vanilla student, {_signed(both[1])} against its "
            "random control."
        )


def _signed(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"
