"""From a table and backbone names to forecasts; labels of the pool and of test rows are never read."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.columns import Column
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.errors import ConfigError, DataError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels, class_name, is_missing, placeholder_note, placeholder_notes, read_labels
from w2s_probe.core.row_view import row_view
from w2s_probe.core.splits import PARTS, Part
from w2s_probe.core.types import Features, Progress, Rows
from w2s_probe.datasets import Table
from w2s_probe.datasets.splitfile import parts_of_column
from w2s_probe.experiments.forecast.held_out import stratified_part
from w2s_probe.experiments.forecast.pair import forecast_pair
from w2s_probe.experiments.forecast.pairs import ranking, with_equal_baselines
from w2s_probe.experiments.suspects import SearchedRows, suspects_of_run
from w2s_probe.pipeline.data import (
    Opened,
    echo,
    groups_of,
    open_rows,
    pool_config,
    shared_notes,
    split_notes,
    split_rows,
)
from w2s_probe.pipeline.embed import Fetched, cut_notes, fetch
from w2s_probe.pipeline.flags import result_with_flags
from w2s_probe.pipeline.parts import divided_source_notes, near_pool_notes
from w2s_probe.pipeline.progress import part_of
from w2s_probe.pipeline.reading import OnRead, Reading, with_dims, with_pool, with_sizes
from w2s_probe.results.forecast import Forecast, ForecastResult
from w2s_probe.results.suspects import SuspectsFound
from w2s_probe.strategies import check_strategies

EXPECTED_TEST = 2000  # rows of the test set that the observed interval assumes, if the data have none


@dataclass(frozen=True, eq=False, kw_only=True)
class Forecasted:
    """A finished forecast, and what it took to get the features."""

    result: ForecastResult
    fetched: list[Fetched]


def forecast(  # noqa: PLR0913  # data, settings, backbones, cache and two callbacks
    data: DataConfig,
    config: W2SConfig,
    *,
    teachers: Sequence[str],
    students: Sequence[str],
    store: FeatureStore,
    options: BackboneOptions,
    pool: str | None = None,
    suspects: bool = False,
    split_file: Path | None = None,
    on_progress: Progress | None = None,
    on_read: OnRead | None = None,
) -> Forecasted:
    """Read the data, fetch the features of all backbones, and forecast every pair.

    Rows of the pool whose item is that of a labeled row are left out, since `run` keeps such rows on one side;
    a split file's parts stay as they are.

    Parameters
    ----------
    data : DataConfig
        The table; rows whose label is null are the pool.
    config : W2SConfig
        The run that is forecast.
    teachers, students : sequence of str
        Backbones; every teacher is paired with every student.
    store : FeatureStore
        The feature cache.
    options : BackboneOptions
        How to run the backbones.
    pool : str, optional
        A second table whose rows are the pool too.
    suspects : bool
        Whether to look for the pool's likely minority with the best pair.
    split_file : Path, optional
        The user's own splits; labels of the pool and of test rows are not read.
    on_progress, on_read : callable, optional
        As in `run`.
    """
    _check(config, pool, suspects=suspects)
    names = list(dict.fromkeys([*teachers, *students]))
    tables = [open_rows(data, names, store, options)]
    tables += [] if pool is None else [open_rows(pool_config(pool, data), names, store, options)]
    rows = _rows(tables, config, split_file)
    roles = {"teacher": teachers, "student": students}
    reading = _reading(rows, roles, config, split_file)
    if on_read:
        on_read(reading)
    fetches = [fetch(table, store, on_progress) for table in tables]
    fetched = [one for _, took in fetches for one in took]
    features, whole = fetches[0][0], _whole_pool(rows, [more for more, _ in fetches])
    notes = (*rows.notes, *cut_notes(fetched), *_near_notes(rows, features, whole))
    backbones = list(itertools.product(teachers, students))
    shown = {role: tables[0].shown(side) for role, side in roles.items()}
    titles = itertools.product(shown["teacher"], shown["student"])
    pairs = with_equal_baselines(
        _forecast(pair, title, features, rows, whole, config, notes, part_of(on_progress, at, len(backbones), title))
        for at, (pair, title) in enumerate(zip(backbones, titles, strict=True))
    )
    order = ranking(pairs)
    ranked = [pairs[place] for place in order]
    echoed = echo(data, shown, pool=pool, dtype=options.dtype)
    settings = {**config.to_dict(classes=len(rows.labels.classes or ())), **rows.sizes}
    result = ForecastResult(
        config={**echoed, **settings},
        read=with_dims(reading.read, roles, features),
        fingerprint=_fingerprint(settings, rows, features),
        level=config.level,
        best=ranked[0],
        pairs=tuple(ranked) if len(ranked) > 1 else None,
    )
    if suspects:
        weak, strong = backbones[order[0]]
        result = replace(result, suspects=_suspects(rows, (features[weak], features[strong]), config))
    return Forecasted(result=result, fetched=fetched)


def _forecast(  # one pair of a table that is open
    pair: tuple[str, str],
    title: tuple[str, str],
    features: Mapping[str, FeatureSet],
    rows: _ForecastRows,
    pool: Mapping[str, Features],
    config: W2SConfig,
    notes: tuple[str, ...],
    on_progress: Progress | None,
) -> Forecast:
    """Return the forecast of one teacher and one student; `title` has their names for results."""
    teacher, student = pair
    forecast = forecast_pair(
        features[teacher].X[rows.labeled],
        features[student].X[rows.labeled],
        rows.labels.targets(np.arange(len(rows.labels))),
        pool_teacher=pool[teacher],
        pool_student=pool[student],
        config=config,
        n_test=rows.n_test,
        names=title,
        on_progress=on_progress,
    )
    return result_with_flags(forecast, notes)


def _check(config: W2SConfig, pool: str | None, *, suspects: bool) -> None:
    if config.strategies != ("vanilla",):
        msg = f"forecast supports only the vanilla strategy: got {', '.join(config.strategies)}. Remove --strategy."
        raise ConfigError(msg)
    check_strategies(config.strategies, config.settings)
    if suspects and pool is not None:
        msg = "--suspects reads the pool from DATA: got also --pool. Add its rows to DATA without labels."
        raise ConfigError(msg)


def _suspects(rows: _ForecastRows, pair: tuple[FeatureSet, FeatureSet], config: W2SConfig) -> SuspectsFound:
    """Return the suspects of the pool; labels of rows that are not labeled stay empty."""
    table, L, U, labels = rows.pools[0].table, rows.labeled, rows.pools[0].rows, rows.labels
    values = np.zeros(len(table), dtype=labels.values.dtype)
    values[L] = labels.values
    return suspects_of_run(
        *pair,
        Labels(values=values, classes=labels.classes),
        splits=[SearchedRows(labeled=L, unlabeled=U, seed=config.seed)],
        config=config,
        texts=[str(item) for item in table.items or ()] if table.modality == "text" else None,
        judge=False,
    )


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
            labels = read_labels(column, name=name, task=config.task)
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
        msg = (
            f"{table.name} must have labeled rows and a pool: got {len(rows)} labels and {len(pool)} rows without. "
            "Leave the label of pool rows empty, or name a second table with --pool."
        )
        raise DataError(msg)
    n_test = int(marked["test"].sum()) or config.n_test or EXPECTED_TEST
    L = _labeled_part(rows, column, config, name)
    return _Parts(L, pool, n_test, divided_source_notes(table, L, pool, opened.data.group_split))


def _labeled_part(rows: Rows, column: Column, config: W2SConfig, name: str) -> Rows:
    """Return as many labeled rows as are asked for, all by default."""
    size = len(rows) if config.n_labeled is None else config.n_labeled
    if size > len(rows):
        msg = f"-n must be at most the number of labels: got {size}, there are {len(rows)}. Give a smaller -n."
        raise DataError(msg)
    if size == len(rows):
        return rows
    labels = read_labels(column[rows], name=name, task=config.task)
    return rows[stratified_part(labels.targets(np.arange(len(rows))), size, np.random.default_rng(config.seed))]


@dataclass(frozen=True, eq=False, slots=True)
class _Pool:
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
class _ForecastRows:
    """The rows of a forecast: labeled rows with their labels, pools, and which rows of all pools are used.

    `class_labels` are the labels of all rows of DATA whose labels may be read, and `unlabeled` counts rows without one.
    """

    opened: Opened
    labeled: Rows
    labels: Labels
    class_labels: Labels
    unlabeled: int
    pools: Sequence[_Pool]
    chosen: Rows
    n_test: int
    notes: tuple[str, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Rows of each part, as the config calls them."""
        return {"n_labeled": len(self.labeled), "n_unlabeled": len(self.chosen), "n_test": self.n_test}


def _rows(tables: Sequence[Opened], config: W2SConfig, split_file: Path | None) -> _ForecastRows:
    """Return the rows of DATA and of a second table, if there is one; no features are needed but those of files."""
    (opened, *others), keys = tables, tables[0].keys  # before `_parts`, which shares them
    parts = _parts(opened, config, split_file, second=bool(others))
    L, column, name = parts.labeled, opened.label_column, opened.data.label
    labels = read_labels(column[L], name=name, task=config.task)
    pools = [_fresh(opened, keys[L], rows=parts.pool, keep_copies=split_file is not None)]
    pools += [_fresh(second, keys[L], rows=np.arange(len(second.table))) for second in others]
    readable = L if split_file is not None or opened.table.split is not None else np.arange(len(column))
    given = column[readable[~column[readable].where(is_missing)]]
    doubts = _class_notes(opened, readable, config, more_pool=sum(len(more.rows) for more in pools[1:]))
    return _ForecastRows(
        opened=opened,
        labeled=L,
        labels=labels,
        class_labels=labels if len(given) == len(L) else read_labels(given, name=name, task=config.task),
        unlabeled=len(readable) - len(given),
        pools=pools,
        chosen=_pool_rows(pools, config),
        n_test=parts.n_test,
        notes=(*_notes(pools), *parts.notes, *doubts),
    )


def _reading(
    rows: _ForecastRows, roles: Mapping[str, Sequence[str]], config: W2SConfig, split_file: Path | None
) -> Reading:
    """Return what was read, with the rows of the pool that repeat labeled rows."""
    opened, (first, *others) = rows.opened, rows.pools
    reading = opened.reading(roles, rows.class_labels, unlabeled=rows.unlabeled)
    left_out = {**reading.read.left_out, **first.left_out}
    reading = replace(reading, read=replace(reading.read, left_out=left_out))
    for second in others:
        reading = with_pool(reading, second.table, second.left_out)
    sizes: dict[Part, tuple[int]]
    sizes = {"labeled": (len(rows.labeled),), "unlabeled": (len(rows.chosen),), "test": (rows.n_test,)}
    return with_sizes(reading, sizes, config, PARTS if split_file else tuple(opened.fixed))


def _fresh(opened: Opened, labeled_keys: NDArray[np.bytes_], *, rows: Rows, keep_copies: bool = False) -> _Pool:
    """Return the rows whose item no labeled row has, unless a split file says which rows belong to the pool."""
    fresh = rows if keep_copies else rows[~np.isin(opened.keys[rows], labeled_keys)]
    return _Pool(opened.table, fresh, opened.keys[fresh], len(rows) - len(fresh))


def _pool_rows(pools: Sequence[_Pool], config: W2SConfig) -> Rows:
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


def _whole_pool(rows: _ForecastRows, features: Sequence[Mapping[str, FeatureSet]]) -> dict[str, Features]:
    """Return the features of the pool by backbone; `features` are those of each table."""
    both = list(zip(rows.pools, features, strict=True))
    if len(both) == 1:
        return {name: row_view(matrix.X, both[0][0].rows[rows.chosen]) for name, matrix in features[0].items()}
    matrices = {name: [more[name].X[pool.rows] for pool, more in both] for name in features[0]}
    return {name: row_view(np.concatenate(parts), rows.chosen) for name, parts in matrices.items()}


def _near_notes(
    rows: _ForecastRows, features: Mapping[str, FeatureSet], whole: Mapping[str, Features]
) -> tuple[str, ...]:
    """Return how many rows of the pool repeat labeled rows up to rounding, where rows are known by their features."""
    if rows.opened.table.items is not None:
        return ()
    return near_pool_notes([features[name].X[rows.labeled] for name in whole], list(whole.values()))


def _notes(pools: Sequence[_Pool]) -> tuple[str, ...]:
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
    name, largest = counts.most_common(1)[0]
    unlabeled = len(rows) - len(labels) + more_pool
    few = unlabeled < (config.n_unlabeled or largest) and not opened.data.data.startswith("builtin:")
    if not few or 2 * largest <= len(column) or len(counts) == 2:
        return placeholder_notes(counts)
    others = {other: count for other, count in counts.items() if other != name}
    question = placeholder_note(name, largest, len(labels))
    note = f"{question} It has more than half of the rows of {opened.table.name}; {unlabeled:,} rows have no label."
    return (note, *placeholder_notes(others))


def _fingerprint(config: Mapping[str, Any], rows: _ForecastRows, features: Mapping[str, FeatureSet]) -> str:
    specs = [features[name].spec.to_dict() for name in features]
    digest = hashlib.sha256(json.dumps({"config": config, "features": specs}, sort_keys=True, default=str).encode())
    for part in (rows.labels.values, rows.labeled, rows.pools[0].rows, *(pool.keys for pool in rows.pools[1:])):
        digest.update(part.tobytes())
    return digest.hexdigest()
