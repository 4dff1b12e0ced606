"""A user's data, opened so that no image in it can spoil a long run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from w2s_probe.backbones import Backbone
from w2s_probe.backbones.decoding import undecodable
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.core.composition import Composition, composition_of
from w2s_probe.core.config import DataConfig, SweepConfig, W2SConfig
from w2s_probe.core.errors import ConfigError, DataError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups, read_groups
from w2s_probe.core.images import ImageFiles
from w2s_probe.core.labels import Labels, Task, read_labels
from w2s_probe.core.splits import Part, Split, draw_splits
from w2s_probe.core.types import Rows
from w2s_probe.datasets import Table, missing_column, open_data, read_split_file
from w2s_probe.datasets.splitfile import parts_of_column
from w2s_probe.pipeline.sources import tied_rows

SHOWN = 5  # files that a message names


def open_table(data: DataConfig, store: FeatureStore) -> Table:
    """Return the data, every image file in which can be decoded.

    Files whose features the cache has were decoded once, and are not tried again.

    Parameters
    ----------
    data : DataConfig
        The table and its columns; its `skip_damaged` leaves rows out whose image cannot be decoded.
    store : FeatureStore
        Where features are kept.

    Raises
    ------
    DataError
        If a file is damaged, cut off, too large or no image; the files are named.
    """
    table = open_data(data)
    files = table.items
    if not isinstance(files, ImageFiles):
        return table
    damaged = undecodable(files, np.flatnonzero(~store.known(item_digests(files))))
    if not damaged:
        return table
    named = [f"{files.names[row]} ({why[:100]})" for row, why in damaged.items()]
    which = ", ".join(named[:SHOWN]) + (", …" if len(named) > SHOWN else "")
    if not data.skip_damaged:
        msg = (
            f"every image of {table.name} must be one that can be decoded: {len(damaged)} of {len(files)} cannot: "
            f"{which}. Repair or remove them, or add --skip-damaged."
        )
        raise DataError(msg)
    if len(damaged) == len(files):
        msg = (
            f"{table.name} must hold an image that can be decoded: none of {len(files)} can: {which}. Check the files."
        )
        raise DataError(msg)
    left = np.array([row for row in range(len(files)) if row not in damaged])
    return table.take(left, note=f"{len(damaged)} of {len(files)} images cannot be decoded and are left out: {which}.")


def open_pool(pool: str, data: DataConfig, store: FeatureStore) -> Table:
    """Return a second table, whose rows are a pool: the columns of its items are named as in the first one.

    Parameters
    ----------
    pool : str
        Path, or ``builtin:NAME``.
    data : DataConfig
        The first table and its columns.
    store : FeatureStore
        As in `open_table`.
    """
    columns = DataConfig(data=pool, text=data.text, image=data.image, id=data.id, skip_damaged=data.skip_damaged)
    return open_table(columns, store)


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


def fixed_parts(table: Table) -> dict[Part, Rows]:
    """Return the parts that the table's own column fixes."""
    if table.split is None:
        return {}
    marked = parts_of_column(table.split, name=table.name)
    return {part: np.flatnonzero(rows) for part, rows in marked.items() if rows.any()}
