"""Predictions of every system on every test and pool row, as Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from w2s_probe.core.types import Float
from w2s_probe.report.files.fingerprints import parquet_bytes

if TYPE_CHECKING:
    from w2s_probe.experiments.run.outcome import SeedOutcome
    from w2s_probe.pipeline.run import Run
    from w2s_probe.strategies import Scorer


def predictions_file(run: Run) -> bytes:
    """Return ``predictions.parquet``: the predictions of every system on every test and pool row.

    Columns: seed, part, id, label, group; for each system its predicted class and top probability (in
    regression its value); pseudolabel; and for each strategy whether it kept the row.

    Parameters
    ----------
    run : Run
        A finished run with its heads.
    """
    import polars as pl

    frames = [pl.DataFrame(columns) for outcome in run.outcomes for columns in _predictions(run, outcome)]
    return parquet_bytes(pl.concat(frames), run.result.fingerprint)


def _predictions(run: Run, outcome: SeedOutcome) -> Iterator[Mapping[str, Any]]:
    for part in ("unlabeled", "test"):
        rows = outcome.split.parts()[part]
        columns: dict[str, Any] = {
            "seed": np.full(len(rows), outcome.split.seed),
            "part": [part] * len(rows),
            "id": run.table.ids[rows],
            "label": run.labels.names(rows),
            "group": [None if run.table.group is None else str(run.table.group[i]) for i in rows],
        }
        for name, head in {**outcome.heads, **{n: s.head for n, s in outcome.students.items()}}.items():
            features = run.teacher if name == "teacher" else run.student
            columns |= _columns(name, head, head.scores(features.X[rows]), run.labels.classes)
        pool = part == "unlabeled"
        columns["pseudolabel"] = _decisions(outcome.pseudolabels, run.labels.classes) if pool else [None] * len(rows)
        for name, student in outcome.students.items():
            columns[f"{name}_kept"] = student.kept.tolist() if pool else [None] * len(rows)
        yield columns


def _columns(name: str, head: Scorer, scores: Float, classes: tuple[str, ...] | None) -> dict[str, Any]:
    if classes is None:
        return {f"{name}_value": scores[:, 0]}
    return {
        f"{name}_class": _decisions(scores, classes),
        f"{name}_probability": head.probabilities(scores).max(axis=1),
    }


def _decisions(scores: Float, classes: tuple[str, ...] | None) -> list[Any]:
    if classes is None:
        return [float(value) for value in scores[:, 0]]
    return [classes[code] for code in scores.argmax(axis=1)]
