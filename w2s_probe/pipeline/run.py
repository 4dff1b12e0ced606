"""From data and backbone names to a measured run.

With its neighbors `fetching`, `diagnosing`, `forecasting` and `sweeping` the only place where reading, embedding
and caching meet the science.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.types import Progress
from w2s_probe.datasets import Table
from w2s_probe.experiments.run.curve import learning_curve
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.experiments.suspects import suspects_of_run
from w2s_probe.pipeline.data import groups_of, labeled_table, split_rows
from w2s_probe.pipeline.embed import Fetched, fetch
from w2s_probe.pipeline.sources import open_source, without_folders
from w2s_probe.results.run import W2SResult
from w2s_probe.strategies import load_strategy


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
