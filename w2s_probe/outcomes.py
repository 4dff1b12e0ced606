"""What fitted splits say: scores, gaps and intervals. Nothing is fitted here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe import metrics
from w2s_probe.config import W2SConfig
from w2s_probe.heads import LinearHead
from w2s_probe.labels import Labels
from w2s_probe.metrics import Draws, RowScore
from w2s_probe.results import Estimate, ReliabilityBin, Selection, StudentResult, W2SResult
from w2s_probe.splits import Split
from w2s_probe.strategies import Scorer, Student

__all__ = ["SYSTEMS", "SeedOutcome", "summarize"]

Float = NDArray[np.float64]
SYSTEMS = ("teacher", "baseline", "ceiling")
COPY = 0.99  # agreement above which a student is said to copy its teacher


@dataclass(frozen=True, eq=False, kw_only=True)
class SeedOutcome:
    """Fitted heads of one split and their raw scores on its test rows.

    Parameters
    ----------
    split : Split
        The rows in play.
    heads : mapping of system to LinearHead
        Teacher, baseline and ceiling.
    students : mapping of strategy to Student
        Fitted students with what they kept.
    test_scores : mapping of system or strategy to array of shape (m, K)
        Raw scores on the test rows.
    pseudolabels : array of shape (N, K)
        What the students were trained on.
    """

    split: Split
    heads: Mapping[str, LinearHead]
    students: Mapping[str, Student]
    test_scores: Mapping[str, Float]
    pseudolabels: Float

    def head(self, name: str) -> Scorer:
        """Return the fitted head of a system, or of a strategy's student."""
        return self.students[name].head if name in self.students else self.heads[name]


def summarize(
    outcomes: Sequence[SeedOutcome], labels: Labels, *, config: W2SConfig, fingerprint: str = ""
) -> W2SResult:
    """Return scores, intervals and verdict of fitted splits; nothing is fitted here."""
    splits = [outcome.split for outcome in outcomes]
    draws = Draws(rows=[split.test for split in splits], level=config.level, seed=config.seed)
    by_seed = [_row_scores(outcome, labels) for outcome in outcomes]
    rows = {system: _concatenate([scores[system] for scores in by_seed]) for system in by_seed[0]}
    score = "accuracy" if labels.classes else "r2"
    students = {name: _student_result(name, rows, outcomes, labels, draws) for name in config.strategies}
    first = students[config.strategies[0]]
    n_labeled = len(splits[0].labeled)
    sizes = {"n_labeled": n_labeled, "n_unlabeled": len(splits[0].unlabeled), "n_test": len(splits[0].test)}
    return W2SResult(
        config={**config.to_dict(), **sizes, "seeds": len(splits)},
        fingerprint=fingerprint,
        score=score,
        level=config.level,
        n_test=sizes["n_test"],
        seeds=tuple(split.seed for split in splits),
        classes=labels.classes,
        majority_rate=_majority_rate(labels, splits),
        systems={system: _estimates(rows[system], draws) for system in SYSTEMS},
        students=students,
        verdict=metrics.decide(
            gain=first.gain, versus_baseline=first.versus_baseline, n_labeled=n_labeled, score=score
        ),
        notes=(*_notes(outcomes, len(labels)), *_copies(students, config)),
        reliability={name: _reliability(name, outcomes, rows) for name in rows} if labels.classes else {},
        cells=tuple(_cells(outcomes, by_seed, labels)),
    )


def _row_scores(outcome: SeedOutcome, labels: Labels) -> dict[str, dict[str, RowScore]]:
    truth = labels.values[outcome.split.test]
    if labels.classes is None:
        return {name: metrics.regression_rows(raw[:, 0], truth) for name, raw in outcome.test_scores.items()}
    return {
        name: metrics.classification_rows(raw, outcome.head(name).probabilities(raw), truth)
        for name, raw in outcome.test_scores.items()
    }


def _concatenate(seeds: Sequence[dict[str, RowScore]]) -> dict[str, RowScore]:
    return {
        metric: RowScore(
            numerator=np.concatenate([scores[metric].numerator for scores in seeds]),
            denominator=np.concatenate([scores[metric].denominator for scores in seeds]),
            bounds=first.bounds,
        )
        for metric, first in seeds[0].items()
    }


def _reliability(
    name: str, outcomes: Sequence[SeedOutcome], rows: Mapping[str, Mapping[str, RowScore]]
) -> tuple[ReliabilityBin, ...]:
    said = [outcome.head(name).probabilities(outcome.test_scores[name]) for outcome in outcomes]
    return metrics.reliability_bins(np.concatenate(said).max(axis=1), rows[name]["accuracy"].numerator)


def _estimates(rows: Mapping[str, RowScore], draws: Draws) -> dict[str, Estimate]:
    return {
        metric: metrics.ratio_of_means(row.numerator, row.denominator, draws, bounds=row.bounds)
        for metric, row in rows.items()
    }


def _student_result(
    name: str,
    rows: Mapping[str, Mapping[str, RowScore]],
    outcomes: Sequence[SeedOutcome],
    labels: Labels,
    draws: Draws,
) -> StudentResult:
    main = "accuracy" if labels.classes else "r2"
    student, teacher, baseline, ceiling = (rows[system][main] for system in (name, *SYSTEMS))
    error = {system: _error(rows[system]) for system in (name, "baseline")}
    agreement, imitation = _likeness(name, outcomes, labels, teacher, draws)
    return StudentResult(
        scores=_estimates(rows[name], draws),
        gain=metrics.difference(student, teacher, draws),
        pgr=metrics.performance_gap_recovered(teacher=teacher, student=student, ceiling=ceiling, draws=draws),
        opr=metrics.outperforming_ratio(baseline_error=error["baseline"], student_error=error[name], draws=draws),
        versus_baseline=metrics.difference(student, baseline, draws),
        agreement=agreement,
        error_imitation=imitation,
        selection=_selection(name, outcomes, labels),
    )


def _error(rows: Mapping[str, RowScore]) -> RowScore:
    if "squared_error" in rows:
        return rows["squared_error"]
    accuracy = rows["accuracy"]
    return replace(accuracy, numerator=1 - accuracy.numerator)


def _likeness(
    name: str, outcomes: Sequence[SeedOutcome], labels: Labels, teacher: RowScore, draws: Draws
) -> tuple[Estimate, Mapping[str, Estimate]]:
    """Return how far a student decides or predicts as its teacher does, and how far it shares its errors."""
    if labels.classes:
        same = np.concatenate([_decisions(o, name) == _decisions(o, "teacher") for o in outcomes])
        return metrics.agreement(same, draws), metrics.error_imitation(same, teacher.numerator == 1, draws)
    said, taught = (np.concatenate([o.test_scores[system][:, 0] for o in outcomes]) for system in (name, "teacher"))
    truth = np.concatenate([labels.values[o.split.test] for o in outcomes])
    repeated = metrics.repeated_error(said - truth, taught - truth, draws)
    return metrics.agreement_of_values(said, taught, draws), {"teacher_error": repeated}


def _decisions(outcome: SeedOutcome, system: str) -> NDArray[np.intp]:
    return outcome.test_scores[system].argmax(axis=1)


def _selection(name: str, outcomes: Sequence[SeedOutcome], labels: Labels) -> Selection:
    kept = [outcome.students[name].kept for outcome in outcomes]
    precision, mix = np.nan, {}
    if labels.classes:
        codes = [outcome.pseudolabels.argmax(axis=1) for outcome in outcomes]
        truth = [labels.values[outcome.split.unlabeled] for outcome in outcomes]
        precision = float(np.mean([(c == t)[k].mean() for c, t, k in zip(codes, truth, kept, strict=True)]))
        counts = np.mean(
            [np.bincount(c[k], minlength=len(labels.classes)) / k.sum() for c, k in zip(codes, kept, strict=True)],
            axis=0,
        )
        mix = dict(zip(labels.classes, counts.tolist(), strict=True))
    return Selection(
        kept=float(np.mean([k.sum() for k in kept])),
        fraction=float(np.mean([k.mean() for k in kept])),
        rule=outcomes[0].students[name].rule,
        label_precision=precision,
        class_mix=mix,
    )


def _majority_rate(labels: Labels, splits: Sequence[Split]) -> float:
    if labels.classes is None:
        return np.nan
    tested = labels.values[np.concatenate([split.test for split in splits])]
    return float(np.bincount(tested).max() / len(tested))


def _cells(
    outcomes: Sequence[SeedOutcome], by_seed: Sequence[dict[str, dict[str, RowScore]]], labels: Labels
) -> Iterator[dict[str, Any]]:
    for outcome, scores in zip(outcomes, by_seed, strict=True):
        split = outcome.split
        for name, rows in scores.items():
            is_student = name in outcome.students
            where = {
                "seed": split.seed,
                "system": "student" if is_student else name,
                "strategy": name if is_student else None,
                **_sizes(split),
            }
            head = outcome.head(name)
            fitted = {"ceiling": len(split.unlabeled), "teacher": len(split.labeled), "baseline": len(split.labeled)}
            n_fitted = int(outcome.students[name].kept.sum()) if is_student else fitted[name]
            for metric, row in rows.items():
                value = float(row.numerator.mean() / row.denominator.mean())
                yield {**where, "part": "test", "metric": metric, "value": value, "n": len(row.numerator)}
            yield {**where, "part": "train", "metric": "alpha", "value": float(head.alpha), "n": n_fitted}
        where = {"seed": split.seed, "system": "teacher", "strategy": None, **_sizes(split), "part": "unlabeled"}
        yield {**where, **_of_pseudolabels(outcome, labels), "n": len(split.unlabeled)}


def _of_pseudolabels(outcome: SeedOutcome, labels: Labels) -> dict[str, Any]:
    truth = labels.values[outcome.split.unlabeled]
    if labels.classes:
        return {"metric": "accuracy", "value": float((outcome.pseudolabels.argmax(axis=1) == truth).mean())}
    return {"metric": "r2", "value": float(1 - ((outcome.pseudolabels[:, 0] - truth) ** 2).mean() / truth.var())}


def _sizes(split: Split) -> dict[str, Any]:
    return {"group": None, "n_labeled": len(split.labeled), "n_unlabeled": len(split.unlabeled)}


def _notes(outcomes: Sequence[SeedOutcome], n_rows: int) -> Iterator[str]:
    for name in outcomes[0].test_scores:
        heads = [outcome.head(name) for outcome in outcomes]
        edges = [head.alpha for head in heads if head.at_edge]
        if edges:
            yield (
                f"{name}: the best strength is an end of its grid in {len(edges)} of {len(heads)} seeds "
                f"(alpha {edges[0]:.3g}); a better one may lie outside."
            )
        astray = sum(not head.converged for head in heads)
        if astray:
            yield f"{name}: the fit did not reach its minimum in {astray} of {len(heads)} seeds; its scores may be off."
    if len(outcomes) == 1:
        yield "One split: the intervals cover the choice of test rows only, not that of the training rows."
        return
    used = sum(len(rows) for rows in outcomes[0].split.parts().values())
    if used > 0.9 * n_rows:
        yield (
            f"n + N + n-test uses {used / n_rows:.0%} of the rows: intervals of a single system's score are too "
            "narrow, since every seed sees nearly the same pool; those of gain and PGR hold."
        )


def _copies(students: Mapping[str, StudentResult], config: W2SConfig) -> Iterator[str]:
    for name, student in students.items():
        if not student.agreement.value > COPY or config.pseudolabels == "hard":  # NaN is no copy
            continue
        if config.task == "regression":
            yield (
                f"{name}: the student predicts what its teacher predicts (R² {student.agreement.value:.3f} around "
                "it): its features span the teacher's, so that pseudolabels can be copied. Try another teacher."
            )
        else:
            yield (
                f"{name}: the student decides as its teacher on {student.agreement.value:.1%} of the rows: its "
                "features span the teacher's, so that soft pseudolabels can be copied. Try --pseudolabels hard."
            )
