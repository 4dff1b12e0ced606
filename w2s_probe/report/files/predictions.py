"""Predictions of every system on every test and pool row, as Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from w2s_probe.core.types import Float, Rows
from w2s_probe.linalg.threads import shared_threads
from w2s_probe.report.files.fingerprints import parquet_bytes

if TYPE_CHECKING:
    from w2s_probe.experiments.run.outcome import SeedOutcome, Together
    from w2s_probe.pipeline.run import Run
    from w2s_probe.strategies import Scorer


@shared_threads()
def predictions_file(run: Run) -> bytes:
    """Return ``predictions.parquet``: the predictions of every system on every test and pool row.

    Columns: seed, part, id, label, group; for each system, each of several teachers and all of them together its
    predicted class and top probability (in regression its value); pseudolabel; for each strategy and variant whether it
    kept the row; and the labels that a strategy learned, if they are not the first teacher's. Variants have no
    predictions here: their heads are in ``heads.safetensors``. A strategy that did not apply in some seed has empty
    cells there.

    Parameters
    ----------
    run : Run
        A finished run with its heads.
    """
    import polars as pl

    frames = [pl.DataFrame(columns) for outcome in run.outcomes for columns in _predictions(run, outcome)]
    return parquet_bytes(pl.concat(frames, how="diagonal_relaxed"), run.result.fingerprint)


def _predictions(run: Run, outcome: SeedOutcome) -> Iterator[Mapping[str, Any]]:
    classes = run.labels.classes
    for part in ("unlabeled", "test"):
        rows = outcome.split.parts()[part]
        columns: dict[str, Any] = {
            "seed": np.full(len(rows), outcome.split.seed),
            "part": [part] * len(rows),
            "id": run.table.ids[rows],
            "label": run.labels.names(rows),
            "group": [None if run.table.group is None else str(run.table.group[i]) for i in rows],
        }
        for name, scores in _scores(run, outcome, rows).items():
            columns |= _columns(name, outcome.head(name), scores, classes)
        pool = part == "unlabeled"
        columns["pseudolabel"] = _decisions(outcome.pseudolabels, classes) if pool else [None] * len(rows)
        for name, student in outcome.students.items():
            columns[f"{name}_kept"] = student.kept.tolist() if pool else [None] * len(rows)
            if student.targets is not None and not _is_variant(outcome, name):
                columns[f"{name}_pseudolabel"] = _decisions(student.targets, classes) if pool else [None] * len(rows)
        yield columns


def _scores(run: Run, outcome: SeedOutcome, rows: Rows) -> dict[str, Float]:
    """Return raw scores, shape (m, K), of systems, teachers and students on some rows, by name."""
    X = run.student.X[rows]
    scores = {"teacher": outcome.heads["teacher"].scores(run.teacher.X[rows])}
    if outcome.committee is not None:
        members = [features.X[rows] for features in (run.teacher, *run.more_teachers)]
        scores |= outcome.committee.scores(members)
    scores |= {name: head.scores(X) for name, head in outcome.heads.items() if name != "teacher"}
    return scores | {name: s.head.scores(X) for name, s in outcome.students.items() if not _is_variant(outcome, name)}


def _is_variant(outcome: SeedOutcome, name: str) -> bool:
    strategy, slash, _ = name.partition("/")
    return bool(slash) and strategy in outcome.students


def _columns(name: str, head: Scorer | Together, scores: Float, classes: tuple[str, ...] | None) -> dict[str, Any]:
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
