"""From a table and backbone names to forecasts; labels of the pool and of test rows are never read."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.errors import ConfigError, DataError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels, class_name, is_missing, placeholder_note, placeholder_notes, read_labels
from w2s_probe.core.types import Features, Progress, Rows
from w2s_probe.datasets import Table
from w2s_probe.datasets.splitfile import parts_of_column
from w2s_probe.experiments.forecast.held_out import stratified_part
from w2s_probe.experiments.forecast.pair import forecast_pair
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
from w2s_probe.pipeline.embed import Fetched, fetch
from w2s_probe.pipeline.parts import divided_source_notes, near_pool_notes
from w2s_probe.pipeline.sources import without_folders
from w2s_probe.results.forecast import Forecast, ForecastResult
from w2s_probe.results.suspects import SuspectsFound

EXPECTED_TEST = 2000  # rows of the test set that the observed interval assumes, if the data have none


@dataclass(frozen=True, eq=False, kw_only=True)
class Forecasted:
    """A finished forecast, and what it took to get the features."""

    result: ForecastResult
    fetched: list[Fetched]


def forecast(
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
    on_progress : callable, optional
        As in `run`.
    """
    _check(config, pool, suspects=suspects)
    names = list(dict.fromkeys([*teachers, *students]))
    opened = open_rows(data, names, store, options)
    parts = _parts(opened, config, split_file, second=pool is not None)
    L, column = parts.labeled, opened.label_column
    labels = read_labels([column[row] for row in L], name=data.label, task=config.task)
    features, fetched = fetch(opened, store, on_progress)
    pools = [_fresh(opened, features, opened.keys[L], rows=parts.pool, keep_copies=split_file is not None)]
    if pool is not None:
        second = open_rows(pool_config(pool, data), names, store, options)
        more, took = fetch(second, store, on_progress)
        pools.append(_fresh(second, more, opened.keys[L], rows=np.arange(len(second.table))))
        fetched += took
    whole = _whole_pool(pools, config)
    backbones = list(itertools.product(teachers, students))
    readable = L if split_file is not None or opened.table.split is not None else np.arange(len(column))
    doubts = _class_notes(opened, readable, config, more_pool=sum(len(more.rows) for more in pools[1:]))
    notes = (*_notes(pools), *parts.notes, *doubts)
    if opened.table.items is None:
        notes += near_pool_notes([features[name].X[L] for name in whole], list(whole.values()))
    forecast_of = partial(_forecast, features, L, labels, whole, config, parts.n_test, notes)
    pairs = [forecast_of(pair, _of_pair(on_progress, pair, backbones)) for pair in backbones]
    ranked = tuple(sorted(pairs, key=lambda pair: -pair.gain.value))
    echoed = echo(data, {"teacher": teachers, "student": students}, pool=pool, dtype=options.dtype)
    sizes = {"n_labeled": len(L), "n_unlabeled": len(next(iter(whole.values()))), "n_test": parts.n_test}
    result = ForecastResult(
        config={**echoed, **config.to_dict(classes=len(labels.classes or ())), **sizes},
        fingerprint=_fingerprint(config, labels, features, L, pools),
        level=config.level,
        best=ranked[0],
        pairs=ranked if len(ranked) > 1 else None,
    )
    if suspects:
        weak, strong = backbones[pairs.index(ranked[0])]
        best = (features[weak], features[strong])
        result = replace(result, suspects=_suspects(opened.table, best, labels, (L, pools[0].rows), config))
    return Forecasted(result=result, fetched=fetched)


def _forecast(  # one pair of a table that is open
    features: Mapping[str, FeatureSet],
    labeled: Rows,
    labels: Labels,
    pool: Mapping[str, Features],
    config: W2SConfig,
    n_test: int,
    notes: tuple[str, ...],
    pair: tuple[str, str],
    on_progress: Progress | None,
) -> Forecast:
    """Return the forecast of one teacher and one student."""
    teacher, student = pair
    forecast = forecast_pair(
        features[teacher].X[labeled],
        features[student].X[labeled],
        labels.targets(np.arange(len(labels))),
        pool_teacher=pool[teacher],
        pool_student=pool[student],
        config=config,
        n_test=n_test,
        names=(without_folders(teacher), without_folders(student)),
        on_progress=on_progress,
    )
    return replace(forecast, notes=(*notes, *forecast.notes))


def _of_pair(on_progress: Progress | None, pair: tuple[str, str], pairs: Sequence[tuple[str, str]]) -> Progress | None:
    """Return a callback that counts the steps of one pair among the steps of all pairs."""
    if on_progress is None or len(pairs) == 1:
        return on_progress
    names = " and ".join(without_folders(name) for name in pair)

    def show(name: str, done: int, total: int, detail: str = "", /) -> None:
        on_progress(name, pairs.index(pair) * total + done, len(pairs) * total, f"{names}, {detail}")

    return show


def _check(config: W2SConfig, pool: str | None, *, suspects: bool) -> None:
    if config.strategies != ("vanilla",):
        msg = f"forecast supports only the vanilla strategy: got {', '.join(config.strategies)}. Remove --strategy."
        raise ConfigError(msg)
    if suspects and pool is not None:
        msg = "--suspects reads the pool from DATA: got also --pool. Add its rows to DATA without labels."
        raise ConfigError(msg)


def _suspects(
    table: Table,
    pair: tuple[FeatureSet, FeatureSet],
    labels: Labels,
    parts: tuple[Rows, Rows],
    config: W2SConfig,
) -> SuspectsFound:
    """Return the suspects of the pool; labels of rows that are not labeled stay empty."""
    L, U = parts
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
    has_label = ~np.array([is_missing(value) for value in column], dtype=np.bool_)
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
    marked = parts_of_column(table.split or [None] * len(table), name=table.name)
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


def _labeled_part(rows: Rows, column: Sequence[Any], config: W2SConfig, name: str) -> Rows:
    """Return as many labeled rows as are asked for, all by default."""
    size = len(rows) if config.n_labeled is None else config.n_labeled
    if size > len(rows):
        msg = f"-n must be at most the number of labels: got {size}, there are {len(rows)}. Give a smaller -n."
        raise DataError(msg)
    if size == len(rows):
        return rows
    labels = read_labels([column[row] for row in rows], name=name, task=config.task)
    return rows[stratified_part(labels.targets(np.arange(len(rows))), size, np.random.default_rng(config.seed))]


@dataclass(frozen=True, eq=False, slots=True)
class _Pool:
    """Rows of one table that belong to the pool: their features by backbone, and rows left out as copies."""

    table: Table
    rows: Rows
    keys: NDArray[np.bytes_]
    features: dict[str, Features]
    copies: int


def _fresh(
    opened: Opened,
    features: Mapping[str, FeatureSet],
    labeled_keys: NDArray[np.bytes_],
    *,
    rows: Rows,
    keep_copies: bool = False,
) -> _Pool:
    """Return the rows whose item no labeled row has, unless a split file says which rows belong to the pool."""
    fresh = rows if keep_copies else rows[~np.isin(opened.keys[rows], labeled_keys)]
    X = {name: features[name].X[fresh] for name in features}
    return _Pool(opened.table, fresh, opened.keys[fresh], X, len(rows) - len(fresh))


def _whole_pool(pools: Sequence[_Pool], config: W2SConfig) -> dict[str, Features]:
    """Return the features of as many rows of the pool as are asked for, all by default."""
    whole = {name: np.concatenate([pool.features[name] for pool in pools]) for name in pools[0].features}
    rows = len(next(iter(whole.values())))
    if not rows:
        msg = "the pool must hold items that no labeled row has: got none. Add other rows to the pool."
        raise DataError(msg)
    size = rows if config.n_unlabeled is None else config.n_unlabeled
    if size > rows:
        msg = f"-N must be at most the rows of the pool: got {size}, there are {rows}. Give a smaller -N."
        raise DataError(msg)
    if size == rows:
        return whole
    chosen = np.sort(np.random.default_rng([config.seed, 1]).permutation(rows)[:size])
    return {name: X[chosen] for name, X in whole.items()}


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
    labels = [column[row] for row in rows if not is_missing(column[row])]
    counts = Counter(class_name(label) for label in labels)
    name, largest = counts.most_common(1)[0]
    unlabeled = len(rows) - len(labels) + more_pool
    few = unlabeled < (config.n_unlabeled or largest) and not opened.data.data.startswith("builtin:")
    if not few or 2 * largest <= len(column) or len(counts) == 2:
        return placeholder_notes(counts)
    others = {other: count for other, count in counts.items() if other != name}
    question = placeholder_note(name, largest, len(labels))
    note = f"{question} It has more than half of the rows of {opened.table.name}; {unlabeled:,} rows have no label."
    return (note, *placeholder_notes(others))


def _fingerprint(
    config: W2SConfig, labels: Labels, features: Mapping[str, FeatureSet], labeled: Rows, pools: Sequence[_Pool]
) -> str:
    specs = [features[name].spec.to_dict() for name in features]
    digest = hashlib.sha256(
        json.dumps({"config": config.to_dict(), "features": specs}, sort_keys=True, default=str).encode()
    )
    for part in (labels.values, labeled, pools[0].rows, *(pool.keys for pool in pools[1:])):
        digest.update(part.tobytes())
    return digest.hexdigest()
