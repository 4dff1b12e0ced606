"""What each fitted system is worth: scores, groups, and gaps to the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe import metrics
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.types import Rows
from w2s_probe.experiments.run.outcome import SYSTEMS, SeedOutcome
from w2s_probe.metrics import Draws, GroupRows, RowScore
from w2s_probe.results.estimate import Estimate, PriorMean
from w2s_probe.results.run import CoveragePoint, Selection, StudentResult
from w2s_probe.strategies.control import CONTROL, Covered

VANILLA = "vanilla"


def row_scores(outcome: SeedOutcome, labels: Labels) -> dict[str, dict[str, RowScore]]:
    """Return every score of every system on one split's test rows, by row."""
    truth = labels.values[outcome.split.test]
    if labels.classes is None:
        return {name: metrics.regression_rows(raw[:, 0], truth) for name, raw in outcome.test_scores.items()}
    return {
        name: metrics.classification_rows(raw, outcome.head(name).probabilities(raw), truth)
        for name, raw in outcome.test_scores.items()
    }


def concatenated(seeds: Sequence[dict[str, RowScore]]) -> dict[str, RowScore]:
    """Return the scores of several splits, one after the other."""
    return {
        metric: RowScore(
            numerator=np.concatenate([scores[metric].numerator for scores in seeds]),
            denominator=np.concatenate([scores[metric].denominator for scores in seeds]),
            bounds=first.bounds,
        )
        for metric, first in seeds[0].items()
    }


@dataclass(frozen=True, eq=False, kw_only=True)
class Seen:
    """All splits of a run, and the ground truth they are judged by.

    Parameters
    ----------
    outcomes : sequence of SeedOutcome
        One for each split.
    labels : Labels
        Of all rows.
    groups : Groups or None
        Of all rows.
    draws : Draws
        Where each test result comes from.
    rows : mapping of system or strategy to mapping of score to RowScore
        Of all splits, one after the other.
    """

    outcomes: Sequence[SeedOutcome]
    labels: Labels
    groups: Groups | None
    draws: Draws
    rows: Mapping[str, Mapping[str, RowScore]]

    @property
    def main(self) -> str:
        """Name of the main score."""
        return "accuracy" if self.labels.classes else "r2"

    @property
    def by_group(self) -> str:
        """Name of the score that groups are compared on."""
        return "accuracy" if self.labels.classes else "squared_error"

    @cached_property
    def tested_groups(self) -> Rows:
        """Group of each test result, shape (R,)."""
        codes = self.groups.codes if self.groups else np.zeros(len(self.labels), dtype=np.intp)
        return np.concatenate([codes[outcome.split.test] for outcome in self.outcomes])

    def estimates(self, name: str) -> dict[str, Estimate]:
        """Return every score of a system with its interval."""
        return {metric: _mean(row, self.draws) for metric, row in self.rows[name].items()}

    def in_groups(self, score: RowScore) -> GroupRows:
        """Return a score by group; all rows are one group where there are none."""
        names = self.groups.names if self.groups else ("all",)
        shares = self.groups.shares if self.groups else np.ones(1)
        fewer = self.labels.classes is not None
        return GroupRows.of(score, self.tested_groups, names, shares, smaller_is_worse=fewer)

    def scored(self, name: str) -> dict[str, Any]:
        """Return the fields of a `SystemResult`."""
        if self.groups is None:
            return {"scores": self.estimates(name)}
        found = self.in_groups(self.rows[name][self.by_group])
        prior = found.prior_mean(self.draws)
        return {
            "scores": self.estimates(name),
            f"worst_group_{self.by_group}": found.worst(self.draws),
            "mean_over_groups": found.mean(self.draws),
            "prior_mean_over_groups": PriorMean(
                value=prior.value, low=prior.low, high=prior.high, prior="shares in all rows of the data"
            ),
            "groups": found.estimates(self.draws),
        }

    def joined(self, values: Sequence[NDArray[Any]]) -> RowScore:
        """Return the accuracy of decisions of shape (m,) on each split."""
        right = [v == self.labels.values[o.split.test] for v, o in zip(values, self.outcomes, strict=True)]
        numerator = np.concatenate(right).astype(np.float64)
        return RowScore(numerator=numerator, denominator=np.ones(len(numerator)), bounds=(0.0, 1.0))


def student_results(seen: Seen, strategies: Sequence[str]) -> dict[str, StudentResult]:
    """Return what each strategy's student is worth, beside the plain student and its random control."""
    results = {}
    for name in strategies:
        student = _student(seen, name)
        if VANILLA in strategies and name != VANILLA:
            student = replace(student, versus_vanilla=_versus(seen, name, VANILLA))
        if name + CONTROL in seen.rows:
            control = _student(seen, name + CONTROL)
            student = replace(student, control=control, versus_control=_versus(seen, name, name + CONTROL))
        results[name] = replace(student, coverage=_coverage(seen, name))
    return results


def absent_groups(seen: Seen) -> Iterator[str]:
    """Yield a sentence for groups that a part of some split has no row of."""
    if seen.groups is None:
        return
    for part in ("labeled", "unlabeled", "test"):
        for code, name in enumerate(seen.groups.names):
            without = sum(
                not (seen.groups.codes[outcome.split.parts()[part]] == code).any() for outcome in seen.outcomes
            )
            if without:
                missed = " Its score is not in the worst group's." if part == "test" else ""
                yield f"group {name} has no {part} row in {without} of {len(seen.outcomes)} seeds.{missed}"


def _student(seen: Seen, name: str) -> StudentResult:
    rows, draws = seen.rows, seen.draws
    student, teacher, baseline, ceiling = (rows[system][seen.main] for system in (name, *SYSTEMS))
    error = {system: _error(rows[system]) for system in (name, "baseline")}
    agreement, imitation = _likeness(seen, name, teacher)
    return StudentResult(
        **seen.scored(name),
        gain=metrics.difference(student, teacher, draws),
        pgr=metrics.performance_gap_recovered(teacher=teacher, student=student, ceiling=ceiling, draws=draws),
        opr=metrics.outperforming_ratio(baseline_error=error["baseline"], student_error=error[name], draws=draws),
        versus_baseline=metrics.difference(student, baseline, draws),
        agreement=agreement,
        error_imitation=imitation,
        selection=_selection(seen, name),
        **_gaps_by_group(seen, name),
    )


def _gaps_by_group(seen: Seen, name: str) -> dict[str, Any]:
    if seen.groups is None or not seen.labels.classes:
        return {}
    student, teacher, ceiling = (
        seen.in_groups(seen.rows[system]["accuracy"]) for system in (name, "teacher", "ceiling")
    )
    groups = zip(student.names, teacher.rows, student.rows, ceiling.rows, strict=True)
    return {
        "pgr_worst_group": metrics.worst_gap_recovered(
            teacher=teacher, student=student, ceiling=ceiling, draws=seen.draws
        ),
        "pgr_groups": {
            group: metrics.performance_gap_recovered(teacher=t, student=s, ceiling=c, draws=seen.draws)
            for group, t, s, c in groups
        },
    }


def _versus(seen: Seen, name: str, other: str) -> dict[str, Estimate]:
    """Return a student minus another, paired by row, on every score and in the worst group."""
    found = {
        metric: metrics.difference(row, seen.rows[other][metric], seen.draws) for metric, row in seen.rows[name].items()
    }
    if seen.groups is not None and seen.labels.classes:
        left, right = (seen.in_groups(seen.rows[system]["accuracy"]) for system in (name, other))
        found["worst_group_accuracy"] = metrics.worst_difference(left, right, seen.draws)
    return found


def _error(rows: Mapping[str, RowScore]) -> RowScore:
    if "squared_error" in rows:
        return rows["squared_error"]
    accuracy = rows["accuracy"]
    return replace(accuracy, numerator=1 - accuracy.numerator)


def _likeness(seen: Seen, name: str, teacher: RowScore) -> tuple[Estimate, Mapping[str, Estimate]]:
    """Return how far a student decides or predicts as its teacher does, and how far it shares its errors."""
    outcomes, draws = seen.outcomes, seen.draws
    if seen.labels.classes:
        same = np.concatenate([_decisions(o, name) == _decisions(o, "teacher") for o in outcomes])
        return metrics.agreement(same, draws), metrics.error_imitation(same, teacher.numerator == 1, draws)
    said, taught = (np.concatenate([o.test_scores[system][:, 0] for o in outcomes]) for system in (name, "teacher"))
    truth = np.concatenate([seen.labels.values[o.split.test] for o in outcomes])
    repeated = metrics.repeated_error(said - truth, taught - truth, draws)
    return metrics.agreement_of_values(said, taught, draws), {"teacher_error": repeated}


def _decisions(outcome: SeedOutcome, system: str) -> Rows:
    return outcome.test_scores[system].argmax(axis=1)


def _selection(seen: Seen, name: str) -> Selection:
    kept = [outcome.students[name].kept for outcome in seen.outcomes]
    return Selection(
        kept=float(np.mean([k.sum() for k in kept])),
        fraction=float(np.mean([k.mean() for k in kept])),
        rule=seen.outcomes[0].students[name].rule,
        label_precision=_precision(seen, kept),
        class_mix=_mix(
            seen.labels.classes or (), [outcome.pseudolabels.argmax(axis=1) for outcome in seen.outcomes], kept
        ),
        group_mix=None if seen.groups is None else _mix(seen.groups.names, _of_pool(seen, seen.groups.codes), kept),
        conflicting=_conflicting(seen, kept),
    )


def _of_pool(seen: Seen, values: NDArray[Any]) -> list[NDArray[Any]]:
    return [values[outcome.split.unlabeled] for outcome in seen.outcomes]


def _precision(seen: Seen, kept: Sequence[NDArray[np.bool_]]) -> float:
    if not seen.labels.classes:
        return np.nan
    said = [outcome.pseudolabels.argmax(axis=1) for outcome in seen.outcomes]
    truth = _of_pool(seen, seen.labels.values)
    return float(np.mean([(c == t)[k].mean() for c, t, k in zip(said, truth, kept, strict=True)]))


def _mix(names: Sequence[str], codes: Sequence[Rows], kept: Sequence[NDArray[np.bool_]]) -> dict[str, float]:
    if not names:
        return {}
    shares = [np.bincount(c[k], minlength=len(names)) / k.sum() for c, k in zip(codes, kept, strict=True)]
    return dict(zip(names, np.mean(shares, axis=0).tolist(), strict=True))


def _conflicting(seen: Seen, kept: Sequence[NDArray[np.bool_]]) -> float | None:
    if seen.groups is None or not seen.groups.cue:
        return None
    return float(
        np.mean([minority[k].mean() for minority, k in zip(_of_pool(seen, seen.groups.conflicting), kept, strict=True)])
    )


def _coverage(seen: Seen, name: str) -> tuple[CoveragePoint, ...] | None:
    """Return the student at other fractions, all splits together; None where rows were not ranked."""
    by_seed = [outcome.coverage.get(name, ()) for outcome in seen.outcomes]
    if not all(by_seed):
        return None
    return tuple(_covered(seen, points) for points in zip(*by_seed, strict=True))


def _covered(seen: Seen, points: Sequence[Covered]) -> CoveragePoint:
    student = seen.joined([point.scores.argmax(axis=1) for point in points])
    control = seen.joined([point.control_scores.argmax(axis=1) for point in points])
    kept = [point.kept for point in points]
    worst = {}
    if seen.groups is not None:
        worst = {
            "worst_group_accuracy": seen.in_groups(student).worst(seen.draws),
            "control_worst_group_accuracy": seen.in_groups(control).worst(seen.draws),
        }
    return CoveragePoint(
        keep=points[0].keep,
        accuracy=_mean(student, seen.draws),
        control=_mean(control, seen.draws),
        label_precision=_precision(seen, kept),
        conflicting=_conflicting(seen, kept),
        **worst,
    )


def _mean(row: RowScore, draws: Draws) -> Estimate:
    return metrics.ratio_of_means(row.numerator, row.denominator, draws, bounds=row.bounds)
