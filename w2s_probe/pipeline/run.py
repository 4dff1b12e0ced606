"""From a table and backbone names to a measured run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split
from w2s_probe.core.types import Progress
from w2s_probe.datasets import Table
from w2s_probe.experiments.run.curve import learning_curve
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.experiments.suspects import suspects_of_run
from w2s_probe.pipeline.data import (
    LabeledData,
    echo,
    open_labeled,
    reading_of_splits,
    shared_notes,
    split_notes,
    split_rows,
)
from w2s_probe.pipeline.embed import Fetched, cut_notes, fetch
from w2s_probe.pipeline.flags import result_with_flags
from w2s_probe.pipeline.parts import near_copy_notes
from w2s_probe.pipeline.reading import OnRead, with_dims
from w2s_probe.results.run import W2SResult


@dataclass(frozen=True, eq=False, kw_only=True)
class Run:
    """A finished run: its result, the fitted heads of each split, and the table with labels and features."""

    result: W2SResult
    outcomes: list[SeedOutcome]
    table: Table
    labels: Labels
    teacher: FeatureSet
    student: FeatureSet
    fetched: list[Fetched]


def run(  # noqa: PLR0913  # data, settings, backbones, cache and two callbacks
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
    on_read: OnRead | None = None,
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
        The feature cache.
    options : BackboneOptions
        How to run the backbones.
    split_file : Path, optional
        The user's own splits, instead of drawn ones.
    curve : bool
        Whether to measure smaller sizes too.
    suspects : bool
        Whether to look for the pool's likely minority, without its labels or groups.
    on_progress : callable, optional
        Called with the name of a long task, steps done, all steps, and the step in work: items of a backbone, heads
        of a run.
    on_read : callable, optional
        Called once with what was read, before anything is embedded or fitted.

    Raises
    ------
    W2SProbeError
        One sentence: what was expected, what came, what to do.
    """
    opened = open_labeled(data, (teacher, student), config, store, options)
    labels, groups, table = opened.labels, opened.groups, opened.table
    splits = split_rows(opened, config, split_file)
    notes = _notes(opened, splits, config, split_file)
    roles = {"teacher": [teacher], "student": [student]}
    reading = reading_of_splits(opened, roles, splits[:1], config, split_file)
    if on_read:
        on_read(reading)
    features, fetched = fetch(opened, store, on_progress)
    notes += (*cut_notes(fetched), *_copy_notes(opened, features, splits))
    weak = replace(features[teacher], name="teacher features")
    strong = replace(features[student], name="student features")
    shared: dict[str, Any] = {"config": config, "groups": groups, "on_progress": on_progress}
    result, outcomes = run_w2s(weak, strong, labels, splits=splits, **shared)
    if curve:
        points, rows = learning_curve(weak, strong, labels, outcomes=outcomes, **shared)
        result = replace(result, curve=points, cells=(*result.cells, *rows))
    if suspects:
        texts = [str(item) for item in table.items or ()] if table.modality == "text" else None
        suspected = suspects_of_run(weak, strong, labels, splits=splits, config=config, groups=groups, texts=texts)
        result = replace(result, suspects=suspected)
    echoed = echo(data, {role: opened.shown(names) for role, names in roles.items()}, dtype=options.dtype)
    read = with_dims(reading.read, roles, features)
    return Run(
        result=replace(result_with_flags(result, notes), config={**echoed, **result.config}, read=read),
        outcomes=outcomes,
        table=table,
        labels=labels,
        teacher=weak,
        student=strong,
        fetched=fetched,
    )


def _notes(opened: LabeledData, splits: Sequence[Split], config: W2SConfig, split_file: Path | None) -> tuple[str, ...]:
    """Return the notes on the table and on its parts."""
    parts = (*split_notes(opened, splits, config, split_file), *shared_notes(opened, splits, split_file))
    return (*opened.table.notes, *parts)


def _copy_notes(opened: LabeledData, features: Mapping[str, FeatureSet], splits: Sequence[Split]) -> tuple[str, ...]:
    """Return how many rows repeat another row up to rounding; rows with items are known by their items."""
    if opened.table.items is not None:
        return ()
    return near_copy_notes([matrix.X for matrix in features.values()], opened.blocks, splits)
