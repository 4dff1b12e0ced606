"""From data and backbone names to a measured run.

With its neighbors `fetching`, `diagnosing`, `forecasting` and `sweeping` the only place where reading, embedding
and caching meet the science.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones import Backbone, BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.composition import Composition, composition_of
from w2s_probe.config import DataConfig, SweepConfig, W2SConfig
from w2s_probe.curves import learning_curve
from w2s_probe.datasets import Table, missing_column, read_split_file
from w2s_probe.datasets.splitfile import parts_of_column
from w2s_probe.errors import ConfigError
from w2s_probe.features import FeatureSet
from w2s_probe.fetching import Fetched, Progress, fetch, open_source, tied_rows, without_folders
from w2s_probe.groups import Groups, read_groups
from w2s_probe.labels import Labels, Task, read_labels
from w2s_probe.opening import open_table
from w2s_probe.outcomes import SeedOutcome
from w2s_probe.protocol import run_w2s
from w2s_probe.results import W2SResult
from w2s_probe.splits import Part, Split, draw_splits
from w2s_probe.strategies import load_strategy
from w2s_probe.suspects import suspects_of_run

__all__ = ["Run", "composition_for", "fixed_parts", "groups_of", "labeled_table", "run", "split_rows"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Run:
    """Everything a finished run leaves behind."""

    result: W2SResult
    outcomes: list[SeedOutcome]
    table: Table
    labels: Labels
    teacher: FeatureSet
    student: FeatureSet
    fetched: list[Fetched]


def run(
    data: DataConfig,
    config: W2SConfig,
    *,
    teacher: str,
    student: str,
    store: FeatureStore,
    options: BackboneOptions,
    split_file: Path | None = None,
    curve: bool = False,
    suspects: bool = False,
    on_progress: Progress | None = None,
) -> Run:
    """Read the data, fetch both backbones' features, and measure weak-to-strong on them.

    Labels, sizes, files and backbone names are checked before anything is embedded.

    Parameters
    ----------
    data : DataConfig
        The table and its columns.
    config : W2SConfig
        The experiment.
    teacher, student : str
        Backbones, ``KIND:NAME``, ``features:FILE`` or ``cached:NAME``.
    store : FeatureStore
        Where features are kept.
    options : BackboneOptions
        How to run the backbones.
    split_file : Path, optional
        The user's own splits, instead of drawn ones.
    curve : bool
        Whether to measure smaller sizes too.
    suspects : bool
        Whether to look for the pool's likely minority, without its labels or groups.
    on_progress : callable, optional
        Called with backbone name, items encoded and items to encode.

    Raises
    ------
    W2SProbeError
        With one sentence that says what was expected, what came and what to do.
    """
    table, labels = labeled_table(data, config.task, store)
    for name in config.strategies:
        load_strategy(name, config.settings)
    sources = [open_source(table, name, options, store) for name in (teacher, student)]
    groups = groups_of(table, labels, data, config)
    splits = split_rows(table, labels, config, sources, split_file, groups)
    sets, fetched = fetch(table, sources, store, on_progress)
    weak, strong = replace(sets[0], name="teacher features"), replace(sets[1], name="student features")
    result, outcomes = run_w2s(weak, strong, labels, splits=splits, config=config, groups=groups)
    if curve:
        points, rows = learning_curve(weak, strong, labels, outcomes=outcomes, config=config, groups=groups)
        result = replace(result, curve=points, cells=(*result.cells, *rows))
    if suspects:
        texts = [str(item) for item in table.items or ()] if table.modality == "text" else None
        found = suspects_of_run(weak, strong, labels, splits=splits, config=config, groups=groups, texts=texts)
        result = replace(result, suspects=found)
    asked = {"data": data.data, "teacher": teacher, "student": student}
    kept = {"dtype": options.dtype} if options.dtype else {}
    columns = {key: value for key, value in data.to_dict().items() if key != "data"}
    shown = {**{key: without_folders(name) for key, name in asked.items()}, **columns, **kept, **result.config}
    return Run(
        result=replace(result, config=shown, notes=(*table.notes, *result.notes)),
        outcomes=outcomes,
        table=table,
        labels=labels,
        teacher=weak,
        student=strong,
        fetched=fetched,
    )


def split_rows(
    table: Table,
    labels: Labels,
    config: W2SConfig,
    sources: Sequence[FeatureSet | Backbone],
    split_file: Path | None = None,
    groups: Groups | None = None,
) -> list[Split]:
    """Return the parts of each seed, the user's own or drawn; identical items stay on one side.

    Parameters
    ----------
    table : Table
        The data.
    labels : Labels
        Of all rows.
    config : W2SConfig
        Sizes and seeds.
    sources : sequence of FeatureSet or Backbone
        Where features come from; their rows tell identical items where there are none.
    split_file : Path, optional
        The user's own splits.
    groups : Groups, optional
        Of all rows; with them the shares of conflicting rows can be asked for.
    """
    if split_file is not None:
        if table.split or config.composed or any((config.n_labeled, config.n_unlabeled, config.n_test)):
            msg = (
                "--split-file fixes all parts: got also --split, -n, -N, --n-test, --eta or --balance-classes. "
                "Drop one or the other."
            )
            raise ConfigError(msg)
        return read_split_file(split_file, table.ids)
    return draw_splits(
        labels,
        seeds=range(config.seed, config.seed + config.seeds),
        n_labeled=config.n_labeled,
        n_unlabeled=config.n_unlabeled,
        n_test=config.n_test,
        blocks=tied_rows(table, sources),
        fixed=fixed_parts(table),
        composition=composition_for(labels, groups, config),
    )


def groups_of(table: Table, labels: Labels, data: DataConfig, config: W2SConfig | SweepConfig) -> Groups | None:
    """Return the groups of a table, if its config names a column of them.

    Parameters
    ----------
    table : Table
        The data.
    labels : Labels
        Of all rows.
    data : DataConfig
        With the name of the column.
    config : W2SConfig or SweepConfig
        With `group_by` and `cue`.

    Raises
    ------
    ConfigError
        If shares of conflicting rows are asked for, and there is no column or no cue.
    DataError
        If the column does not hold groups.
    """
    asked = any(eta is not None for eta in config.all_etas)
    if table.group is None or data.group is None:
        if asked or config.cue:
            msg = "--eta and --cue need group values: got no --group. Name their column."
            raise ConfigError(msg)
        return None
    groups = read_groups(table.group, labels, name=data.group, by=config.group_by, cue=config.cue)
    if asked and not groups.cue:
        msg = (
            f"--eta needs a usual value of {data.group!r} for each label: every value is as frequent under every "
            "label. Name them with --cue LABEL=VALUE,LABEL=VALUE."
        )
        raise ConfigError(msg)
    return groups


def composition_for(labels: Labels, groups: Groups | None, config: W2SConfig) -> Composition | None:
    """Return the shares that drawn parts must have, or None if classes keep their own."""
    if not config.composed:
        return None
    return composition_of(labels, groups, etas=config.etas, balance_classes=config.balance_classes)


def labeled_table(data: DataConfig, task: Task, store: FeatureStore) -> tuple[Table, Labels]:
    """Return a table and its ground truth."""
    table = open_table(data, store)
    if table.label is None:
        raise missing_column(data.label, table.columns, flag="--label", name=table.name)
    return table, read_labels(table.label, name=data.label, task=task)


def fixed_parts(table: Table) -> dict[Part, NDArray[np.intp]]:
    """Return the parts that the table's own column fixes."""
    if table.split is None:
        return {}
    marked = parts_of_column(table.split, name=table.name)
    return {part: np.flatnonzero(rows) for part, rows in marked.items() if rows.any()}
