"""From a table and backbone names to a measured run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.predictions import Predictions
from w2s_probe.core.shown import ShownByResult
from w2s_probe.core.splits import Split
from w2s_probe.core.types import Progress, Rows
from w2s_probe.datasets import Table
from w2s_probe.experiments.run.coverage import spoken_notes, spoken_split, with_coverage
from w2s_probe.experiments.run.curve import learning_curve
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.protocol import run_w2s
from w2s_probe.experiments.suspects import suspects_of_run
from w2s_probe.pipeline.committees import committee, members_of, one_backbone, shown_committee, teachers_of
from w2s_probe.pipeline.data import (
    LabeledData,
    echo,
    reading_of_splits,
    shared_notes,
    split_notes,
    split_rows,
)
from w2s_probe.pipeline.embed import Fetched, cut_notes, fetch
from w2s_probe.pipeline.flags import result_with_flags
from w2s_probe.pipeline.parts import near_copy_notes
from w2s_probe.pipeline.preference import open_experiment, resolved
from w2s_probe.pipeline.reading import OnRead, with_dims
from w2s_probe.pipeline.teachers import with_teachers
from w2s_probe.results.run import W2SResult


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Run(ShownByResult):
    """A finished run: its result, the fitted heads of each split, and the opened table with its features.

    `more_teachers` are the members of a committee after the first one.
    """

    result: W2SResult
    outcomes: list[SeedOutcome]
    opened: LabeledData
    teacher: FeatureSet
    student: FeatureSet
    fetched: list[Fetched]
    more_teachers: tuple[FeatureSet, ...] = ()

    @property
    def table(self) -> Table:
        """The table."""
        return self.opened.table

    @property
    def labels(self) -> Labels:
        """Ground truth of all rows."""
        return self.opened.labels

    @property
    def groups(self) -> Groups | None:
        """Groups of all rows."""
        return self.opened.groups

    @property
    def links(self) -> Rows | None:
        """Two numbers for each preference pair; None for other rows."""
        return self.opened.links


def run(  # noqa: PLR0913  # data, settings, backbones, cache and two callbacks
    data: DataConfig,
    config: W2SConfig,
    *,
    teacher: str | Sequence[str],
    student: str,
    store: FeatureStore,
    options: BackboneOptions,
    split_file: Path | None = None,
    curve: bool = False,
    suspects: bool = False,
    on_progress: Progress | None = None,
    on_read: OnRead | None = None,
) -> Run:
    """Read the data, fetch the features of all backbones, and measure weak-to-strong on them.

    Labels, sizes, files and backbone names are checked before anything is embedded.

    Parameters
    ----------
    data : DataConfig
        The table and its columns.
    config : W2SConfig
        The experiment.
    teacher : str or sequence of str
        Backbone, ``KIND:NAME``, ``features:FILE`` or ``cached:NAME``; predictions, ``labels:COLUMN`` or
        ``labels:FILE``; or a committee ``A+B``, or its members.
    student : str
        Backbone.
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
    weak_names, student = committee(teacher), one_backbone(student, "student")
    config = _checked(resolved(config, data), suspects=suspects)
    data = with_teachers(data, weak_names, task=config.task, teacher_alpha=config.teacher_alpha, suspects=suspects)
    opened = open_experiment(data, (*weak_names, student), config, store, options, split_file=split_file)
    labels, groups = opened.labels, opened.groups
    drawn = split_rows(opened, config, split_file)
    splits, notes = _spoken(opened, drawn, weak_names, config, split_file)
    roles = {"teacher": members_of([weak_names]), "student": [student]}
    reading = reading_of_splits(opened, roles, splits[:1], config, split_file)
    if on_read:
        on_read(reading)
    items, fetched = fetch(opened, store, on_progress)
    notes += (*cut_notes(fetched), *_copy_notes(opened, items, splits))
    features = opened.row_features(items)
    weak, *more = teachers_of(weak_names, opened, features)
    strong = replace(features[student], name="student features")
    shared: dict[str, Any] = {"config": config, "groups": groups, "links": opened.links, "more_teachers": more}
    result, outcomes = run_w2s(weak, strong, labels, splits=splits, on_progress=on_progress, **shared)
    result = with_coverage(result, outcomes, drawn, labels, teachers=[weak, *more], student=strong, config=config)
    if curve:
        points, rows = learning_curve(weak, strong, labels, outcomes=outcomes, on_progress=on_progress, **shared)
        result = replace(result, curve=points, cells=(*result.cells, *rows))
    if suspects:
        result = _with_suspects(result, opened, (weak, strong), splits, config)
    shown = {"teacher": [shown_committee(weak_names, opened)], "student": opened.shown([student])}
    echoed = echo(data, shown, options, dtype=options.dtype)
    read = with_dims(reading.read, roles, features)
    return Run(
        result=replace(result_with_flags(result, notes), config={**echoed, **result.config}, read=read),
        outcomes=outcomes,
        opened=opened,
        teacher=weak,
        student=strong,
        fetched=fetched,
        more_teachers=tuple(more),
    )


def _checked(config: W2SConfig, *, suspects: bool) -> W2SConfig:
    """Return the config; raise `ConfigError` if a minority of rows is looked for where rows are pairs."""
    if suspects and config.task == "preference":
        msg = "--suspects looks for a minority of rows: got --task preference, whose rows are pairs. Remove --suspects."
        raise ConfigError(msg)
    return config


def _texts(table: Table) -> list[str] | None:
    return [str(item) for item in table.items or ()] if table.modality == "text" else None


def _with_suspects(
    result: W2SResult,
    opened: LabeledData,
    pair: tuple[FeatureSet, FeatureSet],
    splits: Sequence[Split],
    config: W2SConfig,
) -> W2SResult:
    """Return a result with the likely minority of the pool, by the features of teacher and student."""
    more: dict[str, Any] = {"config": config, "groups": opened.groups, "texts": _texts(opened.table)}
    return replace(result, suspects=suspects_of_run(*pair, opened.labels, splits=splits, **more))


def _spoken(
    opened: LabeledData, drawn: Sequence[Split], teachers: Sequence[str], config: W2SConfig, split_file: Path | None
) -> tuple[list[Split], tuple[str, ...]]:
    """Return the splits without rows that teachers leave out which are predictions, and the notes on all parts."""
    given = opened.given(teachers)
    splits = [spoken_split(split, given) for split in drawn]
    return splits, (
        *_notes(opened, drawn, config, split_file),
        *spoken_notes(drawn, splits, given, saw=opened.data.teacher_saw),
    )


def _notes(opened: LabeledData, splits: Sequence[Split], config: W2SConfig, split_file: Path | None) -> tuple[str, ...]:
    """Return the notes on the table and on its parts."""
    parts = (*split_notes(opened, splits, config, split_file), *shared_notes(opened, splits, split_file))
    return (*opened.table.notes, *parts)


def _copy_notes(opened: LabeledData, features: Mapping[str, FeatureSet], splits: Sequence[Split]) -> tuple[str, ...]:
    """Return how many rows repeat another row up to rounding; rows with items are known by their items."""
    if opened.item_table.items is not None or opened.links is not None:
        return ()
    spaces = [matrix.X for matrix in features.values() if not isinstance(matrix, Predictions)]
    return near_copy_notes(spaces, opened.blocks, splits)
