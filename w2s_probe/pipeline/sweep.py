"""From data and backbone names to a sweep: features are fetched once for the whole grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from w2s_probe.backbones import Backbone, BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig, SweepConfig
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.types import Progress
from w2s_probe.datasets import Table, read_split_file
from w2s_probe.experiments.sweep import SplitSource, SweepResult, run_sweep
from w2s_probe.pipeline.data import fixed_parts, groups_of, labeled_table
from w2s_probe.pipeline.embed import Fetched, fetch
from w2s_probe.pipeline.sources import open_source, tied_rows, without_folders
from w2s_probe.strategies import load_strategy


@dataclass(frozen=True, eq=False, kw_only=True)
class Sweep:
    """What a finished sweep leaves behind, and what it took to get the features."""

    result: SweepResult
    fetched: list[Fetched]


def sweep(
    data: DataConfig,
    config: SweepConfig,
    *,
    teachers: Sequence[str],
    students: Sequence[str],
    store: FeatureStore,
    options: BackboneOptions,
    split_file: Path | None = None,
    folder: Path | None = None,
    jobs: int = 1,
    on_progress: Progress | None = None,
) -> Sweep:
    """Read the data, fetch the features of all backbones, and measure every cell of a grid.

    Parameters
    ----------
    data : DataConfig
        The table and its columns.
    config : SweepConfig
        The axes, and what all cells share.
    teachers, students : sequence of str
        Backbones; every teacher is paired with every student.
    store : FeatureStore
        Where features are kept.
    options : BackboneOptions
        How to run the backbones.
    split_file : Path, optional
        The user's own splits; their seeds become the axis of seeds.
    folder : Path, optional
        Where finished cells are kept, so that a sweep goes on where it was stopped.
    jobs : int
        Processes.
    on_progress : callable, optional
        As in `run`.

    Raises
    ------
    W2SProbeError
        With one sentence that says what was expected, what came and what to do.
    """
    table, labels = labeled_table(data, config.task, store)
    for name in config.strategies:
        load_strategy(name, config.settings)
    names = list(dict.fromkeys([*teachers, *students]))
    opened = {name: open_source(table, name, options, store) for name in names}
    groups = groups_of(table, labels, data, config)
    source, config = _split_source(table, labels, groups, config, list(opened.values()), split_file)
    source.check(config)
    sets, fetched = fetch(table, list(opened.values()), store, on_progress)
    features = dict(zip(names, sets, strict=True))
    weak, strong = ({without_folders(name): features[name] for name in side} for side in (teachers, students))
    found = run_sweep(weak, strong, source, config=config, folder=folder, jobs=jobs, on_progress=on_progress)
    asked = {"teachers": list(weak), "students": list(strong), **data.to_dict(), "data": without_folders(data.data)}
    return Sweep(
        result=replace(found, config={**asked, **found.config}, notes=(*table.notes, *found.notes)), fetched=fetched
    )


def _split_source(
    table: Table,
    labels: Labels,
    groups: Groups | None,
    config: SweepConfig,
    sources: Sequence[FeatureSet | Backbone],
    split_file: Path | None,
) -> tuple[SplitSource, SweepConfig]:
    """Return what a sweep draws from; with the user's own splits, their seeds become the axis."""
    if split_file is None:
        return SplitSource(
            labels=labels, groups=groups, blocks=tied_rows(table, sources), fixed=fixed_parts(table)
        ), config
    if table.split or config.composed or any((*config.n_labeled, *config.n_unlabeled, config.n_test)):
        msg = "--split-file fixes all parts: got also --split, -n, -N or --n-test. Drop one or the other."
        raise ConfigError(msg)
    splits = tuple(read_split_file(split_file, table.ids))
    seeds = tuple(split.seed for split in splits)
    return SplitSource(labels=labels, groups=groups, splits=splits), replace(config, seeds=seeds)
