"""Diagnose two backbones on a table: rows without labels belong to it as well."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig, DiagnoseConfig
from w2s_probe.core.labels import Task, read_labels
from w2s_probe.core.types import Float, Progress, Rows
from w2s_probe.datasets import Table, missing_column
from w2s_probe.diagnostics import Diagnosis
from w2s_probe.diagnostics import diagnose as diagnose_features
from w2s_probe.pipeline.data import open_pool, open_table
from w2s_probe.pipeline.embed import Fetched, fetch
from w2s_probe.pipeline.sources import open_source, without_folders


@dataclass(frozen=True, eq=False, kw_only=True)
class Diagnosed:
    """What a finished diagnosis leaves behind."""

    result: Diagnosis
    fetched: list[Fetched]


def diagnose(
    data: DataConfig,
    config: DiagnoseConfig,
    *,
    teacher: str,
    student: str,
    store: FeatureStore,
    options: BackboneOptions,
    task: Task = "classification",
    pool: str | None = None,
    on_progress: Progress | None = None,
) -> Diagnosed:
    """Read the data, fetch both backbones' features, and diagnose the pair.

    Parameters
    ----------
    data : DataConfig
        The table; its label column may hold nulls, or not exist.
    config : DiagnoseConfig
        Settings of the measures.
    teacher, student, store, options, on_progress
        As in `run`.
    task : {"classification", "regression"}
        How labels are read, if there are any.
    pool : str, optional
        A second table, whose rows belong to the pair's as well; its labels are not read.

    Raises
    ------
    W2SProbeError
        With one sentence that says what was expected, what came and what to do.
    """
    table = open_table(data, store)
    rows, targets = _known_targets(table, data, task)
    sources = [open_source(table, name, options, store) for name in (teacher, student)]
    sets, fetched = fetch(table, sources, store, on_progress)
    weak, strong = (found.X for found in sets)
    left_out = table.notes
    if pool is not None:
        second = open_pool(pool, data, store)
        others = [open_source(second, name, options, store) for name in (teacher, student)]
        more, again = fetch(second, others, store, on_progress)
        weak, strong = (np.concatenate([X, found.X]) for X, found in zip((weak, strong), more, strict=True))
        fetched += again
        left_out += second.notes
    found = diagnose_features(weak, strong, targets=targets, labeled=rows, config=config)
    asked = {"data": data.data, "teacher": teacher, "student": student, **({"pool": pool} if pool else {})}
    shown = {key: without_folders(name) for key, name in asked.items()}
    return Diagnosed(
        result=replace(
            found,
            config={**shown, "label": data.label, "task": task, **found.config},
            notes=(*left_out, *found.notes),
        ),
        fetched=fetched,
    )


def _known_targets(table: Table, data: DataConfig, task: Task) -> tuple[Rows | None, Float | None]:
    """Return which rows have labels, and their targets; None and None if there are no labels at all."""
    if table.label is None and data.label != DataConfig(data=data.data).label:
        raise missing_column(data.label, table.columns, flag="--label", name=table.name)
    column = table.label or []
    missing = [value is None or (isinstance(value, float) and math.isnan(value)) for value in column]
    rows = np.flatnonzero(~np.array(missing, dtype=bool))
    if not len(rows):
        return None, None
    labels = read_labels([column[i] for i in rows], name=data.label, task=task)
    return rows, labels.targets(np.arange(len(rows)))
