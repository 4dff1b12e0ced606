"""From a table and two backbone names to a diagnosis; rows without labels are used too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.columns import Column
from w2s_probe.core.config import DataConfig, DiagnoseConfig, Task, W2SConfig, label_task
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.labels import Labels, is_missing, name_notes, read_labels
from w2s_probe.core.shown import ShownByResult
from w2s_probe.core.types import Progress, Rows
from w2s_probe.diagnostics import Diagnosis
from w2s_probe.diagnostics import diagnose as diagnose_features
from w2s_probe.pipeline.committees import one_backbone
from w2s_probe.pipeline.data import Opened, echo, open_rows, open_sources, open_table, pool_config
from w2s_probe.pipeline.embed import Fetched, cut_notes, fetch
from w2s_probe.pipeline.preference import check_no_pairs, open_pairs, resolved
from w2s_probe.pipeline.reading import OnRead, with_dims, with_pool
from w2s_probe.pipeline.sources import check_two_tables


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Diagnosed(ShownByResult):
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
    on_read: OnRead | None = None,
) -> Diagnosed:
    """Read the data, fetch both backbones' features, and diagnose the pair.

    Parameters
    ----------
    data : DataConfig
        The table; its label column may hold nulls, or not exist.
    config : DiagnoseConfig
        Settings of the measures.
    teacher, student, store, options, on_progress, on_read
        As in `run`.
    task : {"classification", "regression", "preference"}
        How labels are read, if there are any.
    pool : str, optional
        A second table, whose rows belong to the pair's as well; its labels are not read.

    Raises
    ------
    W2SProbeError
        One sentence: what was expected, what came, what to do.
    """
    names = teacher, student = one_backbone(teacher, "teacher"), one_backbone(student, "student")
    opened, second, rows, labels = _open(data, names, task, pool, store, options)
    roles = {"teacher": [teacher], "student": [student]}
    unlabeled = len(opened.table) - len(rows) if rows is not None else 0
    reading = opened.reading(roles, labels, unlabeled=unlabeled)
    if second is not None:
        reading = with_pool(reading, second.table)
    if on_read:
        on_read(reading)
    items, fetched = fetch(opened, store, on_progress)
    features = opened.row_features(items)
    weak, strong = (features[name].X for name in names)
    notes = opened.table.notes
    if second is not None:
        more, took = fetch(second, store, on_progress)
        weak, strong = (np.concatenate([X, more[name].X]) for X, name in zip((weak, strong), names, strict=True))
        fetched += took
        notes = tuple(dict.fromkeys((*notes, *second.table.notes)))
    targets = None if labels is None else labels.targets(np.arange(len(labels)))
    diagnosis = diagnose_features(weak, strong, targets=targets, labeled=rows, config=config, on_progress=on_progress)
    echoed = echo(data, {role: opened.shown(typed) for role, typed in roles.items()}, options, pool=pool)
    echoed = {key: echoed[key] for key in ("data", "teacher", "student", "pool", *options.given) if key in echoed}
    shown = {**echoed, "label": data.label, "task": task, **diagnosis.config}
    read = with_dims(reading.read, roles, features)
    if opened.table.label is not None and labels is not None and labels.classes is not None:
        notes = (*notes, *name_notes(opened.label_column, name=data.label, what="labels"))
    notes = (*notes, *cut_notes(fetched), *_duplicate_notes(diagnosis), *diagnosis.notes)
    result = replace(diagnosis, config=shown, read=read, notes=notes)
    return Diagnosed(result=result, fetched=fetched)


def _open(
    data: DataConfig, names: Sequence[str], task: Task, pool: str | None, store: FeatureStore, options: BackboneOptions
) -> tuple[Opened, Opened | None, Rows | None, Labels | None]:
    """Return the data, the second table, and the rows that have labels with their labels; pairs have all of theirs."""
    if task == "preference":
        if pool is not None:
            msg = (
                "--pool needs --task classification: got preference, whose rows are pairs of one table. Remove --pool."
            )
            raise ConfigError(msg)
        config = resolved(W2SConfig(task="preference", seeds=1), data)
        pairs = open_pairs(data, names, config, store, options)
        return pairs, None, np.arange(len(pairs.labels)), pairs.labels
    check_no_pairs(data, task)
    opened = open_rows(data, names, store, options)
    if pool is None:
        return (opened, None, *_labels(opened, task))
    own = pool_config(pool, data)
    table = open_table(own, store)
    check_two_tables(opened.sources.values(), opened.table, table.name)
    return (opened, open_sources(own, table, names, store, options), *_labels(opened, task))


def _duplicate_notes(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Return how many sampled rows were left out because they repeat another row."""
    dropped = diagnosis.dropped_duplicates
    if not dropped:
        return ()
    return (
        f"{dropped:,} of {diagnosis.sample + dropped:,} sampled rows repeat another row, some only up to rounding: "
        "they are left out of the measures from neighbors and cosines.",
    )


def _labels(opened: Opened, task: Task) -> tuple[Rows | None, Labels | None]:
    """Return which rows have labels, and their labels; None and None if there are no labels at all."""
    default = DataConfig(data=opened.data.data).label
    column = [] if opened.table.label is None and opened.data.label == default else opened.label_column
    rows = np.flatnonzero(~Column.of(column).where(is_missing))
    if not len(rows):
        return None, None
    return rows, read_labels(Column.of(column)[rows], name=opened.data.label, task=label_task(task))
