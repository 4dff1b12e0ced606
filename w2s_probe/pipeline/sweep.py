"""From a table and backbone names to a sweep; features are fetched once for the whole grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig
from w2s_probe.core.predictions import Predictions, all_speak
from w2s_probe.core.shown import ShownByResult
from w2s_probe.core.splits import Split
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.core.types import Progress
from w2s_probe.datasets import read_split_file
from w2s_probe.experiments.run.coverage import spoken_notes, spoken_split
from w2s_probe.experiments.sweep import SplitSource, SweepResult, run_sweep
from w2s_probe.pipeline.committees import committees, members_of, shown_committee, single_backbones, teachers_of
from w2s_probe.pipeline.data import (
    LabeledData,
    check_split_file,
    echo,
    reading_of_splits,
    shared_notes,
    split_notes,
)
from w2s_probe.pipeline.embed import Fetched, cut_notes, fetch
from w2s_probe.pipeline.flags import reasons_with_flags, with_flags
from w2s_probe.pipeline.parts import check_sources, near_copy_notes
from w2s_probe.pipeline.preference import open_experiment, resolved
from w2s_probe.pipeline.reading import OnRead, default_sizes, with_dims
from w2s_probe.pipeline.teachers import with_teachers


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Sweep(ShownByResult):
    """A finished sweep, and what it took to get the features."""

    result: SweepResult
    fetched: list[Fetched]


def sweep(  # noqa: PLR0913  # data, settings, backbones, cache and two callbacks
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
    on_read: OnRead | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Sweep:
    """Read the data, fetch the features of all backbones, and measure every cell of a grid.

    Parameters
    ----------
    data : DataConfig
        The table and its columns.
    config : SweepConfig
        The axes, and what all cells share.
    teachers : sequence of str
        Backbones, predictions (``labels:…``), or committees ``A+B``; every one is paired with every student.
    students : sequence of str
        Backbones.
    store : FeatureStore
        The feature cache.
    options : BackboneOptions
        How to run the backbones.
    split_file : Path, optional
        The user's own splits; their seeds become the axis of seeds.
    folder : Path, optional
        Folder of finished cells; a stopped sweep goes on there.
    jobs : int
        Processes.
    on_progress, on_read : callable, optional
        As in `run`.
    on_note : callable, optional
        Called with a sentence on cells in `folder` that cannot be used and are fitted again.

    Raises
    ------
    W2SProbeError
        One sentence: what was expected, what came, what to do.
    """
    weak_names, students = committees(teachers, options), single_backbones(students, "student", options)
    roles = {"teacher": members_of(weak_names), "student": students}
    names = list(chain.from_iterable(roles.values()))
    config = resolved(config, data)
    data = with_teachers(data, roles["teacher"], task=config.task, teacher_alpha=config.teacher_alpha)
    opened = open_experiment(data, names, config, store, options, split_file=split_file)
    splits, config = _split_source(opened, config, split_file)
    given = opened.given(roles["teacher"])
    splits = replace(splits, saw=np.any([one.saw for one in given], axis=0) if given else None)
    splits.check(config)
    whole = [_largest(splits, seed, config) for seed in config.seeds]
    largest = [spoken_split(split, given) for split in whole]
    splits = replace(splits, speaks=all_speak(given))
    check_sources(opened.table, largest, opened.table.source_name)
    own = (*shared_notes(opened, largest, split_file), *spoken_notes(whole, largest, given, saw=data.teacher_saw))
    notes = (*opened.table.notes, *split_notes(opened, whole, config, split_file), *own)
    reading = reading_of_splits(opened, roles, _first_splits(splits, config), config, split_file)
    if on_read:
        on_read(reading)
    items, fetched = fetch(opened, store, on_progress)
    features = opened.row_features(items)
    notes += cut_notes(fetched)
    if opened.item_table.items is None and opened.links is None:
        spaces = [matrix.X for matrix in features.values() if not isinstance(matrix, Predictions)]
        notes += near_copy_notes(spaces, opened.blocks, largest)
    weak = {shown_committee(names, opened): teachers_of(names, opened, features) for names in weak_names}
    strong = dict(zip(opened.shown(students), [features[name] for name in students], strict=True))
    cells: dict[str, Any] = {"folder": folder, "jobs": jobs, "on_progress": on_progress, "on_note": on_note}
    result = run_sweep(weak, strong, splits, config=config, **cells)
    echoed = {"teachers": list(weak), "students": list(strong), **echo(data, {}, options)}
    read = with_dims(reading.read, roles, features)
    settings = {**echoed, **result.config, **default_sizes(reading)}
    notes = (*notes, *with_flags(result.notes))
    result = replace(result, config=settings, read=read, notes=notes, skipped=reasons_with_flags(result.skipped))
    return Sweep(result=result, fetched=fetched)


def _largest(splits: SplitSource, seed: int, config: SweepConfig) -> Split:
    """Return the split of one seed at the last n, and at the whole pool if that is on the axis."""
    grid = splits.grid(seed, config)
    whole = [j for j, size in enumerate(config.n_unlabeled) if size is None]
    return grid.split(len(grid.labeled) - 1, whole[0] if whole else -1)


def _first_splits(splits: SplitSource, config: SweepConfig) -> list[Split]:
    """Return the splits of the first seed at all sizes."""
    grid = splits.grid(config.seeds[0], config)
    return [grid.split(i, j) for i in range(len(grid.labeled)) for j in range(len(grid.pool_of[i]))]


def _split_source(opened: LabeledData, config: SweepConfig, split_file: Path | None) -> tuple[SplitSource, SweepConfig]:
    """Return where the splits of a sweep come from; the seeds of the user's own file become the axis of seeds."""
    labels, groups, table = opened.labels, opened.groups, opened.table
    if opened.drawn:
        return SplitSource(labels=labels, links=opened.links, drawn=opened.drawn), config
    if split_file is None:
        shared: dict[str, Any] = {"groups": groups, "links": opened.links}
        return SplitSource(labels=labels, blocks=opened.blocks, fixed=opened.fixed, **shared), config
    check_split_file(opened, config, (*config.n_labeled, *config.n_unlabeled, config.n_test))
    splits = tuple(read_split_file(split_file, table.ids))
    seeds = tuple(split.seed for split in splits)
    return SplitSource(labels=labels, groups=groups, links=opened.links, splits=splits), replace(config, seeds=seeds)
