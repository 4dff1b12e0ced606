"""The tidy rows of a run: every score of every head on every split, as a whole and by group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.metrics import RowScore


def tidy_rows(
    outcomes: Sequence[SeedOutcome],
    by_seed: Sequence[dict[str, dict[str, RowScore]]],
    labels: Labels,
    groups: Groups | None,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each score of each head on each split, and for the accuracy of its pseudolabels.

    Parameters
    ----------
    outcomes : sequence of SeedOutcome
        One for each split.
    by_seed : sequence of mapping
        For each split, every score of every system by row.
    labels : Labels
        Ground truth of all rows.
    groups : Groups or None
        Of all rows.
    """
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
            yield from _by_group(rows, groups, split, where)
            yield {**where, "part": "train", "metric": "alpha", "value": float(head.alpha), "n": n_fitted}
        where = {"seed": split.seed, "system": "teacher", "strategy": None, **_sizes(split), "part": "unlabeled"}
        yield {**where, **_of_pseudolabels(outcome, labels), "n": len(split.unlabeled)}


def _by_group(
    rows: Mapping[str, RowScore], groups: Groups | None, split: Split, where: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    if groups is None:
        return
    metric = "accuracy" if "accuracy" in rows else "squared_error"
    codes = groups.codes[split.test]
    for code in np.unique(codes).tolist():
        of_group = rows[metric].numerator[codes == code]
        named = {**where, "group": groups.names[code], "part": "test", "metric": metric}
        yield {**named, "value": float(of_group.mean()), "n": len(of_group)}


def _of_pseudolabels(outcome: SeedOutcome, labels: Labels) -> dict[str, Any]:
    truth = labels.values[outcome.split.unlabeled]
    if labels.classes:
        return {"metric": "accuracy", "value": float((outcome.pseudolabels.argmax(axis=1) == truth).mean())}
    return {"metric": "r2", "value": float(1 - ((outcome.pseudolabels[:, 0] - truth) ** 2).mean() / truth.var())}


def _sizes(split: Split) -> dict[str, Any]:
    return {"group": None, "n_labeled": len(split.labeled), "n_unlabeled": len(split.unlabeled)}
