"""The tidy table of a run: every score of every head on every split, over all test rows and by group."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split
from w2s_probe.experiments.run.outcome import TEACHERS, SeedOutcome
from w2s_probe.metrics import RowScore


def tidy_rows(
    outcomes: Sequence[SeedOutcome],
    by_seed: Sequence[dict[str, dict[str, RowScore]]],
    names: Sequence[str],
    labels: Labels,
    groups: Groups | None,
) -> Iterator[dict[str, Any]]:
    """Yield one row for each split, head and score, and one for the accuracy (or R²) of each split's pseudolabels.

    Students have their label precision too: on the rows they kept, and on each named part of the pool, whose rows are
    the part ``unlabeled/NAME``.
    `by_seed` holds the scores of each split by system and metric, as `row_scores` returns them; `names` are those of
    the systems in the table. A committee's teachers have the system ``teachers`` and their name as strategy.
    """
    for outcome, scores in zip(outcomes, by_seed, strict=True):
        split = outcome.split
        for name in names:
            rows, is_student = scores[name], name in outcome.students
            system, strategy = ("student", name) if is_student else (name, None)
            if name.startswith(TEACHERS):
                system, strategy = TEACHERS.rstrip("/"), name.removeprefix(TEACHERS)
            where = {"seed": split.seed, "system": system, "strategy": strategy, **_sizes(split)}
            head = outcome.head(name)
            n, N = len(split.labeled), len(split.unlabeled)
            n_fitted = int(outcome.students[name].kept.sum()) if is_student else N if name == "ceiling" else n
            for metric, row in rows.items():
                value = float(row.numerator.mean() / row.denominator.mean())
                yield {**where, "part": "test", "metric": metric, "value": value, "n": len(row.numerator)}
            yield from _by_group(rows, groups, split, where)
            if is_student:
                yield from _learned_labels(outcome, name, labels, where)
            if not math.isnan(head.alpha):
                yield {**where, "part": "train", "metric": "alpha", "value": float(head.alpha), "n": n_fitted}
        where = {"seed": split.seed, "system": "teacher", "strategy": None, **_sizes(split), "part": "unlabeled"}
        yield {**where, **_pseudolabel_score(outcome, labels), "n": len(split.unlabeled)}


def _learned_labels(
    outcome: SeedOutcome, name: str, labels: Labels, where: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the share of true labels among those that a student learned; nothing for regression."""
    if labels.classes is None:
        return
    right = outcome.targets(name).argmax(axis=1) == labels.values[outcome.split.unlabeled]
    student = outcome.students[name]
    for part, rows in {"unlabeled": student.kept, **{f"unlabeled/{k}": v for k, v in student.parts.items()}}.items():
        value = float(right[rows].mean()) if rows.any() else math.nan
        yield {**where, "part": part, "metric": "label_precision", "value": value, "n": int(rows.sum())}


def _by_group(
    rows: Mapping[str, RowScore], groups: Groups | None, split: Split, where: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    if groups is None:
        return
    metric = "accuracy" if "accuracy" in rows else "squared_error"
    codes = groups.codes[split.test]
    for code in np.unique(codes).tolist():
        values = rows[metric].numerator[codes == code]
        place = {**where, "group": groups.names[code], "part": "test", "metric": metric}
        yield {**place, "value": float(values.mean()), "n": len(values)}


def _pseudolabel_score(outcome: SeedOutcome, labels: Labels) -> dict[str, Any]:
    truth = labels.values[outcome.split.unlabeled]
    if labels.classes:
        return {"metric": "accuracy", "value": float((outcome.pseudolabels.argmax(axis=1) == truth).mean())}
    return {"metric": "r2", "value": float(1 - ((outcome.pseudolabels[:, 0] - truth) ** 2).mean() / truth.var())}


def _sizes(split: Split) -> dict[str, Any]:
    return {"group": None, "n_labeled": len(split.labeled), "n_unlabeled": len(split.unlabeled)}
