"""Which rows of the tables of a forecast are labeled, which are its pool, and which are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.columns import Column
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import ConfigError, DataError
from w2s_probe.core.folds import stratified_part
from w2s_probe.core.labels import (
    Labels,
    class_name,
    is_missing,
    name_notes,
    placeholder_note,
    placeholder_notes,
    read_labels,
)
from w2s_probe.core.types import Rows
from w2s_probe.datasets import Table
from w2s_probe.datasets.splitfile import parts_of_column
from w2s_probe.pipeline.data import LabeledData, Opened, groups_of, shared_notes, split_notes, split_rows
from w2s_probe.pipeline.parts import check_test_labels, divided_source_notes

EXPECTED_TEST = 2000  # rows of the test set that the observed interval assumes, if the data have none


@dataclass(frozen=True, eq=False, slots=True)
class _Parts:
    """Labeled rows, rows of the pool, the size of the test part, and notes on drawn parts."""

    labeled: Rows
    pool: Rows
    n_test: int
    notes: tuple[str, ...] = ()


def _parts(opened: Opened, config: W2SConfig, split_file: Path | None, *, second: bool) -> _Parts:
    """Return the parts; of labels only the counts in the labeled part are read. `second`: a second table follows."""
    column, name, table = opened.label_column, opened.data.label, opened.table
    has_label = ~column.where(is_missing)
    if split_file is not None or (has_label.all() and not second):
        labels = Labels(values=np.zeros(len(table)), classes=None)
        if split_file is None:
            labels = read_labels(column, name=name, task=config.label_task)
        single = replace(config, seeds=1)
        groups = groups_of(table, labels, opened.data, single) if config.composed else None
        whole = opened.labeled(labels, groups)
        split = split_rows(whole, single, split_file)[0]
        notes = split_notes(whole, [split], single, split_file)
        if split_file:  # copies in a file's pool stay in; `_fresh` leaves other copies out
            notes += shared_notes(whole, [split], split_file)
        return _Parts(split.labeled, split.unlabeled, len(split.test), notes)
    if config.composed:
        msg = (
            "--eta-labeled, --eta-unlabeled, --eta-test and --balance-classes need the labels of all rows: got rows "
            "without a label. Remove these flags."
        )
        raise ConfigError(msg)
    marked = parts_of_column(table.split or Column.of([None])[np.zeros(len(table), dtype=np.intp)], name=table.name)
    free = ~np.any(list(marked.values()), axis=0)
    rows = np.flatnonzero(has_label & (marked["labeled"] if marked["labeled"].any() else free))
    pool = np.flatnonzero(marked["unlabeled"] if marked["unlabeled"].any() else ~has_label & free)
    if not len(rows) or not (second or len(pool)):
        check_test_labels(table, ~has_label)
        msg = (
            f"{table.name} must have labeled rows and a pool: got {len(rows)} labels and {len(pool)} rows without. "
            "Leave the label of pool rows empty, or name a second table with --pool."
        )
        raise DataError(msg)
    n_test = int(marked["test"].sum()) or config.n_test or EXPECTED_TEST
    L = _labeled_part(rows, column, config, name)
    return _Parts(L, pool, n_test, divided_source_notes(table, L, pool, table.source_name))


def _labeled_part(rows: Rows, column: Column, config: W2SConfig, name: str) -> Rows:
    """Return as many labeled rows as are asked for, all by default."""
    size = len(rows) if config.n_labeled is None else config.n_labeled
    if size > len(rows):
        msg = f"-n must be at most the number of labels: got {size}, there are {len(rows)}. Give a smaller -n."
        raise DataError(msg)
    if size == len(rows):
        return rows
    labels = read_labels(column[rows], name=name, task=config.label_task)
    return rows[stratified_part(labels.targets(np.arange(len(rows))), size, np.random.default_rng(config.seed))]


@dataclass(frozen=True, eq=False, slots=True)
class Pool:
    """Rows of one table that belong to the pool, hashes of their items, and how many rows were left out as copies."""

    table: Table
    rows: Rows
    keys: NDArray[np.bytes_]
    copies: int

    @property
    def left_out(self) -> dict[str, int]:
        """Rows left out as copies, for `read`."""
        return {"repeats a labeled row": self.copies} if self.copies else {}


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ForecastRows:
    """The rows of a forecast: labeled rows with their labels, pools, and which rows of all pools are used.

    `class_labels` are the labels of all rows of DATA whose labels may be read, and `unlabeled` counts rows without one.
    `links` has two numbers for each labeled preference pair, see `LabeledData.links`.
    """

    opened: Opened
    labeled: Rows
    labels: Labels
    class_labels: Labels
    unlabeled: int
    pools: Sequence[Pool]
    chosen: Rows
    n_test: int
    notes: tuple[str, ...]
    links: Rows | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """Rows of each part, as the config calls them."""
        return {"n_labeled": len(self.labeled), "n_unlabeled": len(self.chosen), "n_test": self.n_test}


def forecast_rows(tables: Sequence[Opened], config: W2SConfig, split_file: Path | None) -> ForecastRows:
    """Return the rows of DATA and of a second table, if there is one; no features are needed but those of files."""
    (opened, *others), keys = tables, tables[0].keys  # before `_parts`, which shares them
    parts = _parts(opened, config, split_file, second=bool(others))
    L, column, name = parts.labeled, opened.label_column, opened.data.label
    labels = read_labels(column[L], name=name, task=config.label_task)
    pools = [_fresh(opened, keys[L], rows=parts.pool, keep_copies=split_file is not None)]
    pools += [_fresh(second, keys[L], rows=np.arange(len(second.table))) for second in others]
    readable = L if split_file is not None or opened.table.split is not None else np.arange(len(column))
    given = column[readable[~column[readable].where(is_missing)]]
    doubts = _class_notes(opened, readable, config, more_pool=sum(len(more.rows) for more in pools[1:]))
    return ForecastRows(
        opened=opened,
        labeled=L,
        labels=labels,
        class_labels=labels if len(given) == len(L) else read_labels(given, name=name, task=config.label_task),
        unlabeled=len(readable) - len(given),
        pools=pools,
        chosen=_pool_rows(pools, config),
        n_test=parts.n_test,
        notes=(*_notes(pools), *parts.notes, *doubts),
    )


def pair_rows(opened: LabeledData, config: W2SConfig, split_file: Path | None) -> ForecastRows:
    """Return the rows of a forecast of preference pairs; no preference of the pool or of test pairs is read."""
    single = replace(config, seeds=1)
    split = split_rows(opened, single, split_file)[0]
    L, U = split.labeled, split.unlabeled
    labels = Labels(values=opened.labels.values[L], classes=opened.labels.classes)
    return ForecastRows(
        opened=opened,
        labeled=L,
        labels=labels,
        class_labels=labels,
        unlabeled=0,
        pools=[Pool(opened.table, U, opened.keys[U], 0)],
        chosen=np.arange(len(U)),
        n_test=len(split.test),
        notes=(*opened.table.notes, *split_notes(opened, [split], single, split_file)),
        links=None if opened.links is None else opened.links[L],
    )


def _fresh(opened: Opened, labeled_keys: NDArray[np.bytes_], *, rows: Rows, keep_copies: bool = False) -> Pool:
    """Return the rows whose item no labeled row has, unless a split file says which rows belong to the pool."""
    fresh = rows if keep_copies else rows[~np.isin(opened.keys[rows], labeled_keys)]
    return Pool(opened.table, fresh, opened.keys[fresh], len(rows) - len(fresh))


def _pool_rows(pools: Sequence[Pool], config: W2SConfig) -> Rows:
    """Return as many rows of the pools, one after the other, as are asked for, all by default."""
    rows = sum(len(pool.rows) for pool in pools)
    if not rows:
        msg = "the pool must hold items that no labeled row has: got none. Add other rows to the pool."
        raise DataError(msg)
    size = rows if config.n_unlabeled is None else config.n_unlabeled
    if size > rows:
        msg = f"-N must be at most the rows of the pool: got {size}, there are {rows}. Give a smaller -N."
        raise DataError(msg)
    drawn = np.arange(rows) if size == rows else np.random.default_rng([config.seed, 1]).permutation(rows)[:size]
    return np.sort(drawn)


def _notes(pools: Sequence[Pool]) -> tuple[str, ...]:
    """Return the notes of the tables, and how many rows of the pool were left out."""
    notes = tuple(dict.fromkeys(note for pool in pools for note in pool.table.notes))
    copies = sum(pool.copies for pool in pools)
    return (*notes, f"{copies:,} rows of the pool repeat items of labeled rows and are left out.") if copies else notes


def _class_notes(opened: Opened, rows: Rows, config: W2SConfig, *, more_pool: int) -> tuple[str, ...]:
    """Return the questions whether classes of DATA are rows without a label; `more_pool` rows are in a second table.

    Only the labels of `rows` are read. Asked for names that often mean "no label", and for a class with more than
    half of the rows of DATA where fewer rows than the pool is to have, or than that class has, are without a label.
    Of two classes, neither can be rows without a label: one class alone would remain.
    """
    if config.task == "regression":
        return ()
    column = opened.label_column
    labels = column[rows[~column[rows].where(is_missing)]]
    counts = Column.of(labels).renamed(class_name).counts()
    names = name_notes(labels, name=opened.data.label, what="labels")
    name, largest = counts.most_common(1)[0]
    unlabeled = len(rows) - len(labels) + more_pool
    few = unlabeled < (config.n_unlabeled or largest) and not opened.data.data.startswith("builtin:")
    if not few or 2 * largest <= len(column) or len(counts) == 2:
        return (*placeholder_notes(counts), *names)
    others = {other: count for other, count in counts.items() if other != name}
    question = placeholder_note(name, largest, len(labels))
    note = f"{question} It has more than half of the rows of {opened.table.name}; {unlabeled:,} rows have no label."
    return (note, *placeholder_notes(others), *names)
