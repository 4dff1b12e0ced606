"""The user's table with its labels, groups, splits and sources of features; damaged images are named first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import BackboneOptions
from w2s_probe.backbones.decoding import check_gray_levels, undecodable
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.core.blocks import same_item_blocks
from w2s_probe.core.columns import Column
from w2s_probe.core.composition import Composition, composition_of
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.errors import ConfigError, DataError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups, read_groups
from w2s_probe.core.images import Images
from w2s_probe.core.labels import Labels, label_notes, name_notes, read_labels
from w2s_probe.core.predictions import Predictions
from w2s_probe.core.splits import PARTS, Part, Split, draw_splits
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.core.text_settings import kinds_reading
from w2s_probe.core.types import Rows
from w2s_probe.datasets import Table, missing_label, open_data, read_split_file
from w2s_probe.datasets.splitfile import parts_of_column
from w2s_probe.pipeline.arrays import ArrayData
from w2s_probe.pipeline.parts import (
    check_labeled,
    check_sources,
    shared_item_notes,
    source_keys,
    source_notes,
    tie_notes,
)
from w2s_probe.pipeline.reading import Reading, Roles, reading_of, role_keys, with_groups, with_splits
from w2s_probe.pipeline.sources import (
    EmbeddedSource,
    Source,
    item_keys,
    names_without_folders,
    open_source,
    whole_names,
    without_folders,
)
from w2s_probe.pipeline.teachers import LabelsSource, seen_rows
from w2s_probe.strategies.registry import check_strategies

SHOWN = 5  # files that a message names


@dataclass(frozen=True, eq=False, kw_only=True)
class Opened:
    """A user's table and where the features of its rows come from; labels are not read yet."""

    data: DataConfig
    table: Table
    sources: Mapping[str, Source]  # by backbone name

    @property
    def label_column(self) -> Column:
        """The labels as the table has them; an error if there is no such column."""
        if self.table.label is None:
            raise missing_label(self.data.label, self.table)
        return cast("Column", self.table.label)

    @property
    def item_table(self) -> Table:
        """The table of the items whose features are fetched; that of preference pairs has a row for each side."""
        return self.table

    def row_features(self, features: Mapping[str, FeatureSet]) -> dict[str, FeatureSet]:
        """Return the features of the rows, by backbone, from those of the items."""
        return dict(features)

    @cached_property
    def keys(self) -> NDArray[np.bytes_]:
        """Hashes of the rows' items: rows with equal hashes hold the same item."""
        return item_keys(self.table, [one for one in self.sources.values() if not isinstance(one, LabelsSource)])

    @cached_property
    def blocks(self) -> Rows:
        """A number for each row; rows with equal numbers (the same item, or one source) stay in one part."""
        keys: list[Any] = [self.keys]
        if self.table.source is not None:
            keys.append(source_keys(self.table.source)[0])
        return same_item_blocks(*keys)

    @cached_property
    def saw(self) -> NDArray[np.bool_] | None:
        """Rows that the teacher was trained on, also as a copy of another row; None if the user names none."""
        marked = seen_rows(self.table, self.data)
        return None if marked is None else marked | np.isin(self.keys, self.keys[marked])

    def with_classes(self, labels: Labels, rows: Rows, order: tuple[str, ...] | None = None) -> Self:
        """Return the same table, whose teachers that are predictions know the classes; see `LabelsSource`."""
        sources = {
            name: one.with_classes(self.table, labels, rows, self.saw, order) if isinstance(one, LabelsSource) else one
            for name, one in self.sources.items()
        }
        doubts = [note for one in sources.values() if isinstance(one, LabelsSource) for note in one.notes]
        named = replace(self, sources=sources, table=replace(self.table, notes=(*self.table.notes, *doubts)))
        vars(named).update({name: vars(self)[name] for name in ("keys", "saw") if name in vars(self)})
        return named

    def given(self, names: Iterable[str]) -> list[Predictions]:
        """Return the teachers among these names that are predictions, under their names in results."""
        sources = (self.sources[name] for name in names)
        return [one.given for one in sources if isinstance(one, LabelsSource) and one.given is not None]

    @property
    def fixed(self) -> dict[Part, Rows]:
        """Parts that the table's own column of parts fixes."""
        if self.table.split is None:
            return {}
        marked = parts_of_column(self.table.split, name=self.table.name)
        return {part: np.flatnonzero(rows) for part, rows in marked.items() if rows.any()}

    def reading(self, roles: Roles, labels: Labels | None = None, *, unlabeled: int = 0) -> Reading:
        """Return what was read, with the features of each role; `labels` are those that the verb reads."""
        keys = dict(role_keys(roles))
        shown = dict(zip(keys.values(), self.shown(list(keys.values())), strict=True))
        entries = {key: self.sources[name].read(self.item_table) for key, name in keys.items()}
        features = {key: replace(entry, backbone=shown[keys[key]]) for key, entry in entries.items()}
        guessed = [key for key, name in keys.items() if self.sources[name].guessed]
        return reading_of(self.data, self.table, features, guessed=guessed, labels=labels, unlabeled=unlabeled)

    def shown(self, names: Sequence[str]) -> list[str]:
        """Return names for results: without folders and without columns that the file alone would give.

        Names that would be equal, such as those of two files in different folders, keep what tells them apart.
        """
        short = {name: source.title for name, source in self.sources.items()}
        whole = whole_names(self.sources)
        apart, times = names_without_folders(list(whole.values())), Counter(short.values())
        return [short[name] if times[short[name]] == 1 else apart[whole[name]] for name in names]

    def labeled(self, labels: Labels, groups: Groups | None = None) -> LabeledData:
        """Return the same table with labels and groups of all its rows."""
        whole = LabeledData(data=self.data, table=self.table, sources=self.sources, labels=labels, groups=groups)
        if "keys" in vars(self):
            vars(whole)["keys"] = self.keys  # hashed once
        return whole


@dataclass(frozen=True, eq=False, kw_only=True)
class LabeledData(Opened):
    """A user's table with ground truth, and with groups if a column of them was named."""

    labels: Labels
    groups: Groups | None

    @property
    def untestable(self) -> NDArray[np.bool_] | None:
        """Rows that may be in no drawn test part: those that the teacher saw, unless it saw all."""
        return None if self.saw is None or self.saw.all() else self.saw

    @property
    def drawn(self) -> tuple[Split, ...]:
        """Parts of each seed, where rows are drawn for them; else none."""
        return ()

    @property
    def alike(self) -> str:
        """Which rows stay in one part, as the beginning of a sentence."""
        return "Identical items"

    @property
    def links(self) -> Rows | None:
        """Two numbers for each preference pair, which tell what pairs depend on each other; None for other rows."""
        return None


def open_rows(data: DataConfig, names: Iterable[str], store: FeatureStore, options: BackboneOptions) -> Opened:
    """Return a table and a source of features for each backbone name."""
    return open_sources(data, open_table(data, store), names, store, options)


def open_labeled(
    data: DataConfig,
    names: Iterable[str],
    config: W2SConfig | SweepConfig,
    store: FeatureStore,
    options: BackboneOptions,
) -> LabeledData:
    """Return a fully labeled table with its groups; strategies are checked before any file of features is read."""
    table = open_table(data, store)
    column = Opened(data=data, table=table, sources={}).label_column
    check_labeled(table, column, data.label)
    labels = read_labels(column, name=data.label, task=config.label_task)
    table = replace(table, notes=(*table.notes, *label_notes(column, labels, name=data.label)))
    check_strategies(config.strategies, config.settings)
    opened = open_sources(data, table, names, store, options).labeled(labels, groups_of(table, labels, data, config))
    return opened.with_classes(labels, np.arange(len(table)))


def open_sources(
    data: DataConfig, table: Table, names: Iterable[str], store: FeatureStore, options: BackboneOptions
) -> Opened:
    """Return a table that is open with a source of features for each backbone name.

    Raises `ConfigError` if the options have a setting of texts that applies to none of the backbones.
    """
    sources = {name: open_source(table, name, options, store, data) for name in dict.fromkeys(names)}
    embedded = [source for source in sources.values() if isinstance(source, EmbeddedSource)]
    read = {name for source in embedded for name in source.backbone.text_settings}
    unread = [name for name in options.given if name not in read]
    if unread and sources:
        named, kinds = ", ".join(sources), kinds_reading(unread[0])
        msg = f"`{unread[0]}` applies to {kinds} only: got {named:.120}. Leave it out, or use such a model."
        raise ConfigError(msg)
    groups = name_notes(table.group, name=str(data.group), what="group values") if table.group is not None else ()
    notes = (*table.notes, *groups, *(note for source in sources.values() for note in source.notes))
    return Opened(data=data, table=replace(table, notes=tuple(dict.fromkeys(notes))), sources=sources)


def echo(
    data: DataConfig,
    names: Mapping[str, Sequence[str]],
    options: BackboneOptions,
    *,
    pool: str | None = None,
    dtype: str | None = None,
) -> dict[str, Any]:
    """Return the part of a result's config that says which data, columns and backbones (`names`) were asked for.

    Settings of texts among the `options` are in it if they were given.
    """
    columns = {key: value for key, value in data.to_dict().items() if key != "data"}
    return {
        "data": without_folders(data.data),
        **{key: ",".join(backbones) for key, backbones in names.items()},
        **columns,
        **({"pool": without_folders(pool)} if pool else {}),
        **({"dtype": dtype} if dtype else {}),
        **options.given,
    }


def open_table(data: DataConfig, store: FeatureStore) -> Table:
    """Return the user's table by ascending id, or in its own order, after all its image files were decoded once.

    Files whose features are in the cache were decoded before and are skipped. A damaged file is an error that names
    the file; with `skip_damaged` its row is left out.
    """
    table = (data.table if isinstance(data, ArrayData) else open_data(data)).in_id_order()
    files = table.items
    if not isinstance(files, Images):
        return table
    new = np.flatnonzero(~store.known(item_digests(files)))
    damaged = undecodable(files, new)
    check_gray_levels(files, new)
    if not damaged:
        return table
    named = [f"{files.name_of(row)} ({why[:100]})" for row, why in damaged.items()]
    which = ", ".join(named[:SHOWN]) + (", …" if len(named) > SHOWN else "")
    if not data.skip_damaged:
        msg = (
            f"every image of {table.name} must be readable: {len(damaged)} of {len(files)} cannot be decoded: {which}. "
            "Repair or remove these files, or add --skip-damaged."
        )
        raise DataError(msg)
    if len(damaged) == len(files):
        msg = (
            f"{table.name} must hold an image that can be decoded: none of {len(files)} can: {which}. Check the files."
        )
        raise DataError(msg)
    left = np.array([row for row in range(len(files)) if row not in damaged])
    note = f"{len(damaged)} of {len(files)} images cannot be decoded and are left out: {which}."
    return table.take(left, reason="damaged image", note=note)


def pool_config(pool: str, data: DataConfig) -> DataConfig:
    """Return where a second table of pool rows is; its columns have the names of the first table's."""
    return DataConfig(
        data=pool,
        text=data.text,
        image=data.image,
        prompt=data.prompt,
        id=data.id,
        skip_damaged=data.skip_damaged,
        max_bytes=data.max_bytes,
        predictions=data.predictions,
    )


def split_rows(opened: LabeledData, config: W2SConfig, split_file: Path | None = None) -> list[Split]:
    """Return the parts of each seed, from the user's file or drawn.

    Identical items and rows of one source stay in one drawn part. In the user's own parts, `split_notes` counts
    identical items; a source in two parts raises `SplitError`.
    """
    if opened.drawn:
        return list(opened.drawn)
    if split_file is not None:
        check_split_file(opened, config, (config.n_labeled, config.n_unlabeled, config.n_test))
        splits = read_split_file(split_file, opened.table.ids)
        check_sources(opened.table, splits, opened.table.source_name)
        return splits
    splits = draw_splits(
        opened.labels,
        seeds=range(config.seed, config.seed + config.seeds),
        n_labeled=config.n_labeled,
        n_unlabeled=config.n_unlabeled,
        n_test=config.n_test,
        blocks=opened.blocks,
        fixed=opened.fixed,
        composition=composition_for(opened.labels, opened.groups, config),
        untestable=opened.untestable,
    )
    check_sources(opened.table, splits, opened.table.source_name)
    return splits


def split_notes(
    opened: LabeledData, splits: Sequence[Split], config: W2SConfig | SweepConfig, split_file: Path | None = None
) -> tuple[str, ...]:
    """Return the notes on rows without a source, and on rows that ties leave out of drawn parts."""
    drawn = () if split_file or opened.drawn else tuple(part for part in PARTS if part not in opened.fixed)
    notes = source_notes(opened.table, opened.table.source_name)
    if drawn:
        sizes = config.n_unlabeled if isinstance(config, SweepConfig) else (config.n_unlabeled,)
        shares = Labels(values=opened.labels.values, classes=None) if config.composed else opened.labels
        whole = None in sizes
        ties: dict[str, Any] = {"drawn": drawn, "whole_pool": whole, "alike": opened.alike}
        notes += tie_notes(opened.table, shares, opened.blocks, splits, **ties)
    return notes


def shared_notes(opened: LabeledData, splits: Sequence[Split], split_file: Path | None = None) -> tuple[str, ...]:
    """Return how many rows of a part of the user's own repeat an item of another one; drawn parts share none."""
    return shared_item_notes(opened.keys, splits) if split_file or len(opened.fixed) > 1 else ()


def reading_of_splits(
    opened: LabeledData,
    roles: Roles,
    splits: Sequence[Split],
    config: W2SConfig | SweepConfig,
    split_file: Path | None = None,
) -> Reading:
    """Return what was read, with groups and with the sizes of these splits of one seed."""
    own = PARTS if split_file else tuple(opened.fixed)
    reading = with_groups(opened.reading(roles, opened.labels), opened.groups, config)
    return with_splits(reading, splits, config, own)


def check_split_file(opened: Opened, config: W2SConfig | SweepConfig, sizes: Iterable[int | None]) -> None:
    """Raise `ConfigError` if anything beside a split file asks for parts of its own."""
    told_by_names = opened.table.origin is not None and bool(opened.table.origin.parts)
    own = opened.table.split is not None and not told_by_names
    if own or config.composed or any(sizes):
        msg = (
            "--split-file fixes all parts: got also --split, -n, -N, --n-test, --eta-labeled, --eta-unlabeled, "
            "--eta-test or --balance-classes. Remove --split-file, or the other flags."
        )
        raise ConfigError(msg)


def groups_of(table: Table, labels: Labels, data: DataConfig, config: W2SConfig | SweepConfig) -> Groups | None:
    """Return the groups of a table, or None if its config names no column of them.

    A fraction of conflicting rows without groups or without a usual value for each label is an error.
    """
    asked = any(eta is not None for eta in config.all_etas)
    if table.group is None or data.group is None:
        if asked or config.cue:
            msg = (
                "--cue, --eta-labeled, --eta-unlabeled and --eta-test need groups: got no --group. Add --group COLUMN."
            )
            raise ConfigError(msg)
        return None
    groups = read_groups(table.group, labels, name=data.group, by=config.group_by, cue=config.cue)
    if asked and not groups.cue:
        msg = (
            f"each label must have a usual value of {data.group!r}: every value is as frequent under one label as "
            "under the others. Name the usual values with --cue LABEL=VALUE,LABEL=VALUE."
        )
        raise ConfigError(msg)
    return groups


def composition_for(labels: Labels, groups: Groups | None, config: W2SConfig) -> Composition | None:
    """Return the shares that drawn parts must have, or None if classes keep their own."""
    if not config.composed:
        return None
    return composition_of(labels, groups, etas=config.etas, balance_classes=config.balance_classes)
