"""From a table and two backbone names to a diagnosis; rows without labels are used too."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig, DiagnoseConfig
from w2s_probe.core.labels import Task, is_missing, read_labels
from w2s_probe.core.types import Float, Progress, Rows
from w2s_probe.diagnostics import Diagnosis
from w2s_probe.diagnostics import diagnose as diagnose_features
from w2s_probe.pipeline.data import Opened, echo, open_rows, pool_config
from w2s_probe.pipeline.embed import Fetched, fetch


@dataclass(frozen=True, eq=False, kw_only=True)
class Diagnosed:
    """A finished diagnosis, and what it took to get the features."""

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
        One sentence: what was expected, what came, what to do.
    """
    names = (teacher, student)
    opened = open_rows(data, names, store, options)
    rows, targets = _labeled_targets(opened, task)
    features, fetched = fetch(opened, store, on_progress)
    weak, strong = (features[name].X for name in names)
    notes = opened.table.notes
    if pool is not None:
        second = open_rows(pool_config(pool, data), names, store, options)
        more, took = fetch(second, store, on_progress)
        weak, strong = (np.concatenate([X, more[name].X]) for X, name in zip((weak, strong), names, strict=True))
        fetched += took
        notes = tuple(dict.fromkeys((*notes, *second.table.notes)))
    diagnosis = diagnose_features(weak, strong, targets=targets, labeled=rows, config=config, on_progress=on_progress)
    echoed = echo(data, {"teacher": [teacher], "student": [student]}, pool=pool)
    echoed = {key: echoed[key] for key in ("data", "teacher", "student", "pool") if key in echoed}
    shown = {**echoed, "label": data.label, "task": task, **diagnosis.config}
    return Diagnosed(result=replace(diagnosis, config=shown, notes=(*notes, *diagnosis.notes)), fetched=fetched)


def _labeled_targets(opened: Opened, task: Task) -> tuple[Rows | None, Float | None]:
    """Return which rows have labels, and their targets; None and None if there are no labels at all."""
    default = DataConfig(data=opened.data.data).label
    column = [] if opened.table.label is None and opened.data.label == default else opened.label_column
    missing = [is_missing(value) for value in column]
    rows = np.flatnonzero(~np.array(missing, dtype=bool))
    if not len(rows):
        return None, None
    labels = read_labels([column[i] for i in rows], name=opened.data.label, task=task)
    return rows, labels.targets(np.arange(len(rows)))
