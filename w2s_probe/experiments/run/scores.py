"""Scores of every fitted system with intervals, by group, and its gain, PGR and differences to the other systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe import metrics
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import PARTS
from w2s_probe.core.types import Rows
from w2s_probe.experiments.run.outcome import SYSTEMS, TEACHERS, TOGETHER, SeedOutcome, Together
from w2s_probe.experiments.run.stages import stage_accuracies, stage_results, stage_scores
from w2s_probe.metrics import Draws, GroupRows, RowScore
from w2s_probe.results.estimate import Estimate, PriorMean
from w2s_probe.results.student import CoveragePoint, PoolPart, Selection, Spread, Strength, StudentResult
from w2s_probe.strategies.base import Scorer
from w2s_probe.strategies.control import CONTROL, CoverageScores

VANILLA = "vanilla"


def row_scores(outcome: SeedOutcome, labels: Labels) -> dict[str, dict[str, RowScore]]:
    """Return every score of every system, row by row, on the test rows of one split."""
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
class RunScores:
    """The outcomes of all splits of a run, their ground truth, and every score by row.

    Parameters
    ----------
    outcomes : sequence of SeedOutcome
        One outcome for each split.
    labels : Labels
        Labels of all rows of the table.
    groups : Groups or None
        Groups of all rows of the table.
    draws : Draws
        Seed and row of each of the R test results.
    rows : mapping of system or strategy to mapping of score to RowScore
        Scores on the test rows of all splits, one split after the other.
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
        """Name of the score that compares groups."""
        return "accuracy" if self.labels.classes else "squared_error"

    @cached_property
    def test_groups(self) -> Rows:
        """Group of each test result, shape (R,)."""
        codes = self.groups.codes if self.groups else np.zeros(len(self.labels), dtype=np.intp)
        return np.concatenate([codes[outcome.split.test] for outcome in self.outcomes])

    def in_groups(self, score: RowScore) -> GroupRows:
        """Return a score by group; without groups, all rows are one group."""
        names = self.groups.names if self.groups else ("all",)
        shares = self.groups.shares if self.groups else np.ones(1)
        smaller_is_worse = self.labels.classes is not None
        return GroupRows.of(score, self.test_groups, names, shares, smaller_is_worse=smaller_is_worse)

    def system_fields(self, name: str) -> dict[str, Any]:
        """Return the fields of the `SystemResult` of a system or strategy."""
        scores = {metric: _mean(row, self.draws) for metric, row in self.rows[name].items()}
        strength = _strength([outcome.head(name) for outcome in self.outcomes])
        if self.groups is None:
            return {"scores": scores, "strength": strength}
        by_group = self.in_groups(self.rows[name][self.by_group])
        prior = by_group.prior_mean(self.draws)
        return {
            "scores": scores,
            "strength": strength,
            f"worst_group_{self.by_group}": by_group.worst(self.draws),
            "mean_over_groups": by_group.mean(self.draws),
            "prior_mean_over_groups": PriorMean(
                value=prior.value, low=prior.low, high=prior.high, prior="shares in all rows of the data"
            ),
            "groups": by_group.estimates(self.draws),
        }

    @cached_property
    def best_teacher(self) -> RowScore:
        """Main score of each split's teacher with the highest held-out score on the labeled rows."""
        first = self.rows[SYSTEMS[0]][self.main]
        ends = np.cumsum([len(outcome.split.test) for outcome in self.outcomes])[:-1]
        names = [outcome.committee.best for outcome in self.outcomes if outcome.committee is not None]
        numerators = [
            np.split(self.rows[TEACHERS + name][self.main].numerator, ends)[k] for k, name in enumerate(names)
        ]
        return replace(first, numerator=np.concatenate(numerators))

    @cached_property
    def untrained(self) -> RowScore:
        """Accuracy of the majority class of each split's labeled rows; the lower class wins a tie."""
        values = self.labels.values
        majority = [np.bincount(values[outcome.split.labeled]).argmax() for outcome in self.outcomes]
        return self.accuracy([np.full(len(o.split.test), k) for k, o in zip(majority, self.outcomes, strict=True)])

    def accuracy(self, decisions: Sequence[NDArray[Any]]) -> RowScore:
        """Return the accuracy of one array of decisions, shape (m,), for each split."""
        right = [d == self.labels.values[o.split.test] for d, o in zip(decisions, self.outcomes, strict=True)]
        numerator = np.concatenate(right).astype(np.float64)
        return RowScore(numerator=numerator, denominator=np.ones(len(numerator)), bounds=(0.0, 1.0))

    def stage_scores(self, name: str) -> dict[str, RowScore]:
        """Return the accuracy by row of each stage of a student."""
        return stage_scores([outcome.stages.get(name, {}) for outcome in self.outcomes], self.accuracy)

    def of_pools(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the values of each split's pool, from values of all rows."""
        return [values[outcome.split.unlabeled] for outcome in self.outcomes]


def _strength(heads: Sequence[Scorer | Together]) -> Strength | None:
    """Return the strength of a system's heads, one head a seed; None if they have none."""
    alphas = np.array([head.alpha for head in heads])
    if np.isnan(alphas).any():
        return None
    return Strength(
        geometric_mean=float(np.exp(np.log(alphas).mean())) if alphas.min() > 0 else 0.0,
        low=float(alphas.min()),
        high=float(alphas.max()),
        rule=heads[0].rule,
        at_edge=float(np.mean([head.at_edge for head in heads])),
    )


def student_results(run: RunScores, strategies: Sequence[str]) -> dict[str, StudentResult]:
    """Return the result of each strategy's student, with differences to the vanilla student and the random control.

    Strategies, and variants, that do not apply on some split are left out.
    """
    results = {}
    for name in strategies:
        if name not in run.rows:
            continue
        result = replace(judged(run, name), coverage=_coverage(run, name))
        variants = run.outcomes[0].students[name].variants
        others = {key: judged(run, f"{name}/{key}") for key in variants if f"{name}/{key}" in run.rows}
        results[name] = replace(result, variants=others or None)
    return results


def absent_groups(run: RunScores) -> Iterator[str]:
    """Yield a note for each group without a row in some split's labeled rows, pool or test rows."""
    if run.groups is None:
        return
    seeds = len(run.outcomes)
    for part, (code, name) in product(PARTS, enumerate(run.groups.names)):
        absent = sum(not (run.groups.codes[outcome.split.parts()[part]] == code).any() for outcome in run.outcomes)
        score = ": it has no score" if absent == seeds else ": other seeds give its score"
        if absent:
            yield f"group {name} has no {part} row in {absent} of {seeds} seeds{score if part == 'test' else ''}."


def judged(run: RunScores, name: str, *, systems: Sequence[str] = SYSTEMS, vanilla: str = VANILLA) -> StudentResult:
    """Return the result of a student or variant beside the vanilla student, its control, the teachers and rivals.

    `systems` are the names of the teacher, baseline and ceiling, and `vanilla` that of the plain student.
    """
    student = _student(run, name, systems)
    own = run.rows[name][run.main]
    rivals = [rival for rival in run.outcomes[0].students[name].rivals if rival in run.rows and rival != name]
    more: dict[str, Any] = {}
    if vanilla in run.rows and name != vanilla:
        more["versus_vanilla"] = _versus(run, name, vanilla)
    if name + CONTROL in run.rows:
        more["control"] = _student(run, name + CONTROL, systems)
        more["versus_control"] = _versus(run, name, name + CONTROL)
    if rivals:
        more["versus_rivals"] = {r: metrics.difference(own, run.rows[r][run.main], run.draws) for r in rivals}
    if run.outcomes[0].committee is not None:
        others = {"best": run.best_teacher, "together": run.rows[TEACHERS + TOGETHER][run.main]}
        more["versus_teachers"] = {key: metrics.difference(own, row, run.draws) for key, row in others.items()}
    if stages := run.stage_scores(name):
        more["stages"] = stage_results(stages, run.outcomes[0].students[name], run.draws)
    return replace(student, **more)


def _student(run: RunScores, name: str, systems: Sequence[str]) -> StudentResult:
    rows, draws = run.rows, run.draws
    student, teacher, baseline, ceiling = (rows[system][run.main] for system in (name, *systems))
    error, baseline_error = _error(rows[name]), _error(rows[systems[1]])
    agreement, imitation = _agreement(run, name, teacher)
    return StudentResult(
        **run.system_fields(name),
        gain=metrics.difference(student, teacher, draws),
        pgr=metrics.performance_gap_recovered(teacher=teacher, student=student, ceiling=ceiling, draws=draws),
        opr=metrics.outperforming_ratio(baseline_error=baseline_error, student_error=error, draws=draws),
        versus_baseline=metrics.difference(student, baseline, draws),
        agreement=agreement,
        error_imitation=imitation,
        selection=_selection(run, name),
        uses_labels=run.outcomes[0].students[name].uses_labels,
        parts=_parts(run, name) or None,
        fitted=_fitted(run, name) or None,
        rgr=metrics.reasoning_gap_recovered(untrained=run.untrained, student=student, ceiling=ceiling, draws=draws)
        if run.labels.classes
        else None,
        **_gaps_by_group(run, name, ceiling=systems[2]),
    )


def _gaps_by_group(run: RunScores, name: str, *, ceiling: str) -> dict[str, Any]:
    """Return PGR between the worst groups and PGR of each group; empty without groups or classes."""
    if run.groups is None or not run.labels.classes:
        return {}
    student, teacher, highest = (run.in_groups(run.rows[system]["accuracy"]) for system in (name, "teacher", ceiling))
    groups = zip(student.names, teacher.rows, student.rows, highest.rows, strict=True)
    return {
        "pgr_worst_group": metrics.worst_gap_recovered(
            teacher=teacher, student=student, ceiling=highest, draws=run.draws
        ),
        "pgr_groups": {
            group: metrics.performance_gap_recovered(teacher=t, student=s, ceiling=c, draws=run.draws)
            for group, t, s, c in groups
        },
    }


def _versus(run: RunScores, name: str, other: str) -> dict[str, Estimate]:
    """Return one student minus another, paired by row, on every score and in the worst group."""
    changes = {
        metric: metrics.difference(row, run.rows[other][metric], run.draws) for metric, row in run.rows[name].items()
    }
    if run.groups is not None and run.labels.classes:
        left, right = (run.in_groups(run.rows[system]["accuracy"]) for system in (name, other))
        changes["worst_group_accuracy"] = metrics.worst_difference(left, right, run.draws)
    return changes


def _error(rows: Mapping[str, RowScore]) -> RowScore:
    if "squared_error" in rows:
        return rows["squared_error"]
    accuracy = rows["accuracy"]
    return replace(accuracy, numerator=1 - accuracy.numerator)


def _agreement(run: RunScores, name: str, teacher: RowScore) -> tuple[Estimate, Mapping[str, Estimate]]:
    """Return the agreement of a student with its teacher, and its imitation of the teacher's errors."""
    outcomes, draws = run.outcomes, run.draws
    if run.labels.classes:
        decisions = [[o.test_scores[system].argmax(axis=1) for o in outcomes] for system in (name, "teacher")]
        same = np.concatenate([own == other for own, other in zip(*decisions, strict=True)])
        return metrics.agreement(same, draws), metrics.error_imitation(same, teacher.numerator == 1, draws)
    student_values, teacher_values = (
        np.concatenate([o.test_scores[system][:, 0] for o in outcomes]) for system in (name, "teacher")
    )
    truth = np.concatenate([run.labels.values[o.split.test] for o in outcomes])
    repeated = metrics.repeated_error(student_values - truth, teacher_values - truth, draws)
    return metrics.agreement_of_values(student_values, teacher_values, draws), {"teacher_error": repeated}


def _selection(run: RunScores, name: str) -> Selection:
    kept = [outcome.students[name].kept for outcome in run.outcomes]
    codes = [outcome.targets(name).argmax(axis=1) for outcome in run.outcomes]
    groups = run.groups
    return Selection(
        kept=float(np.mean([mask.sum() for mask in kept])),
        fraction=float(np.mean([mask.mean() for mask in kept])),
        rule=run.outcomes[0].students[name].rule,
        label_precision=_precision(run, name, kept),
        class_mix=_mix(run.labels.classes or (), codes, kept),
        group_mix=None if groups is None else _mix(groups.names, run.of_pools(groups.codes), kept),
        conflicting=_conflicting(run, kept),
    )


def _parts(run: RunScores, name: str) -> dict[str, PoolPart]:
    """Return the named parts of the pool of a student; splits without a part count as 0 rows."""
    keys = dict.fromkeys(key for outcome in run.outcomes for key in outcome.students[name].parts)
    codes = [outcome.targets(name).argmax(axis=1) for outcome in run.outcomes]
    parts = {}
    for key in keys:
        masks = [o.students[name].parts.get(key, np.zeros(len(o.pseudolabels), dtype=np.bool_)) for o in run.outcomes]
        parts[key] = PoolPart(
            rows=float(np.mean([mask.sum() for mask in masks])),
            fraction=float(np.mean([mask.mean() for mask in masks])),
            label_precision=_precision(run, name, masks),
            class_mix=_mix(run.labels.classes or (), codes, masks),
        )
    return parts


def _fitted(run: RunScores, name: str) -> dict[str, Spread]:
    """Return the mean and range over splits of each number about the fit and of the accuracy of each stage.

    Splits without a number do not count.
    """
    by_seed = [outcome.students[name].fitted for outcome in run.outcomes]
    keys = dict.fromkeys(key for fitted in by_seed for key in fitted)
    values = {key: np.array([fitted[key] for fitted in by_seed if key in fitted], dtype=np.float64) for key in keys}
    values |= stage_accuracies(run.stage_scores(name), [len(outcome.split.test) for outcome in run.outcomes])
    return {key: Spread(mean=float(v.mean()), low=float(v.min()), high=float(v.max())) for key, v in values.items()}


def _precision(run: RunScores, name: str, rows: Sequence[NDArray[np.bool_]]) -> float:
    """Return the fraction of true labels among some rows, averaged over splits that have such rows.

    The labels are those that the student was trained on. NaN for regression.
    """
    if not run.labels.classes:
        return np.nan
    pools = zip(run.outcomes, run.of_pools(run.labels.values), rows, strict=True)
    right = [(o.targets(name).argmax(axis=1) == truth)[mask].mean() for o, truth, mask in pools if mask.any()]
    return float(np.mean(right)) if right else np.nan


def _mix(names: Sequence[str], codes: Sequence[Rows], kept: Sequence[NDArray[np.bool_]]) -> dict[str, float]:
    """Return the share of each class or group among the kept rows, averaged over splits."""
    if not names:
        return {}
    pools = [(c, mask) for c, mask in zip(codes, kept, strict=True) if mask.any()]
    if not pools:
        return dict.fromkeys(names, np.nan)
    shares = [np.bincount(c[mask], minlength=len(names)) / mask.sum() for c, mask in pools]
    return dict(zip(names, np.mean(shares, axis=0).tolist(), strict=True))


def _conflicting(run: RunScores, kept: Sequence[NDArray[np.bool_]]) -> float | None:
    """Return the fraction of conflicting rows among the kept rows, averaged over splits; None without a cue."""
    if run.groups is None or not run.groups.cue:
        return None
    pools = zip(run.of_pools(run.groups.conflicting), kept, strict=True)
    return float(np.mean([conflicting[mask].mean() for conflicting, mask in pools]))


def _coverage(run: RunScores, name: str) -> tuple[CoveragePoint, ...] | None:
    """Return the coverage curve over all splits; None if the strategy ranks no rows."""
    by_seed = [outcome.coverage.get(name, ()) for outcome in run.outcomes]
    if not all(by_seed):
        return None
    return tuple(_coverage_point(run, name, points) for points in zip(*by_seed, strict=True))


def _coverage_point(run: RunScores, name: str, points: Sequence[CoverageScores]) -> CoveragePoint:
    student = run.accuracy([point.scores.argmax(axis=1) for point in points])
    control = run.accuracy([point.control_scores.argmax(axis=1) for point in points])
    kept = [point.kept for point in points]
    worst = {}
    if run.groups is not None:
        worst = {
            "worst_group_accuracy": run.in_groups(student).worst(run.draws),
            "control_worst_group_accuracy": run.in_groups(control).worst(run.draws),
        }
    return CoveragePoint(
        keep=points[0].keep,
        accuracy=_mean(student, run.draws),
        control=_mean(control, run.draws),
        label_precision=_precision(run, name, kept),
        conflicting=_conflicting(run, kept),
        **worst,
    )


def _mean(row: RowScore, draws: Draws) -> Estimate:
    return metrics.ratio_of_means(row.numerator, row.denominator, draws, bounds=row.bounds)
