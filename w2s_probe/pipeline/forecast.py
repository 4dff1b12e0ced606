"""From data and backbone names to forecasts: labels of the pool and of test rows are never looked at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones import Backbone, BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.errors import ConfigError, DataError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels, read_labels
from w2s_probe.core.types import Progress, Rows
from w2s_probe.datasets import Table, missing_column
from w2s_probe.datasets.splitfile import parts_of_column
from w2s_probe.experiments.forecast.held_out import stratified_part
from w2s_probe.experiments.forecast.pair import forecast_pair
from w2s_probe.experiments.suspects import SearchedRows, suspects_of_run
from w2s_probe.pipeline.data import groups_of, open_pool, open_table, split_rows
from w2s_probe.pipeline.embed import Fetched, fetch
from w2s_probe.pipeline.sources import item_keys, open_source, without_folders
from w2s_probe.results.forecast import ForecastResult
from w2s_probe.results.suspects import SuspectsFound

EXPECTED_TEST = 2000  # rows of the test set that a forecast speaks of, where there is none


@dataclass(frozen=True, eq=False, kw_only=True)
class Forecasted:
    """What a finished forecast leaves behind."""

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
        Where features are kept.
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
    if config.strategies != ("vanilla",):
        msg = f"a forecast speaks of the vanilla student: got {', '.join(config.strategies)}. Leave --strategy out."
        raise ConfigError(msg)
    if suspects and pool is not None:
        msg = "--suspects reads the pool from DATA: got --pool too. Put both tables into one, its rows without labels."
        raise ConfigError(msg)
    table = open_table(data, store)
    if table.label is None:
        raise missing_column(data.label, table.columns, flag="--label", name=table.name)
    names = list(dict.fromkeys([*teachers, *students]))
    sources = [open_source(table, name, options, store) for name in names]
    L, U, n_test = _known_rows(table, data, config, sources, split_file, more=pool is not None)
    labels = read_labels([table.label[row] for row in L], name=data.label, task=config.task)
    sets, fetched = fetch(table, sources, store, on_progress)
    digests = item_keys(table, sources)
    rows = U if split_file is not None else U[~np.isin(digests[U], digests[L])]
    repeated = len(U) - len(rows)
    features = {name: [found.X[rows]] for name, found in zip(names, sets, strict=True)}
    beside, left_out = None, table.notes
    if pool is not None:
        second = open_pool(pool, data, store)
        left_out += second.notes
        others = [open_source(second, name, options, store) for name in names]
        more, again = fetch(second, others, store, on_progress)
        fetched += again
        keys = item_keys(second, others)
        fresh = ~np.isin(keys, digests[L])
        beside, repeated = keys[fresh], repeated + int((~fresh).sum())
        for name, found in zip(names, more, strict=True):
            features[name].append(np.asarray(found.X[fresh]))
    whole = _pool_of(features, config)
    known = {name: found.X[L] for name, found in zip(names, sets, strict=True)}
    Y = labels.targets(np.arange(len(labels)))
    pairs = [
        forecast_pair(
            known[teacher],
            known[student],
            Y,
            pool_teacher=whole[teacher],
            pool_student=whole[student],
            config=config,
            n_test=n_test,
            names=(without_folders(teacher), without_folders(student)),
        )
        for teacher in teachers
        for student in students
    ]
    if repeated:
        left_out += (f"{repeated:,} rows of the pool repeat items of labeled rows and are left out.",)
    noted = [replace(pair, notes=(*left_out, *pair.notes)) for pair in pairs]
    ranked = tuple(sorted(noted, key=lambda pair: -pair.gain.value))
    asked = {"data": data.data, "teacher": ",".join(teachers), "student": ",".join(students)}
    columns = {key: value for key, value in data.to_dict().items() if key != "data"}
    sizes = {"n_labeled": len(L), "n_unlabeled": len(next(iter(whole.values()))), "n_test": n_test}
    kept = {**({"pool": without_folders(pool)} if pool else {}), **({"dtype": options.dtype} if options.dtype else {})}
    result = ForecastResult(
        config={**{key: _shown(name) for key, name in asked.items()}, **columns, **kept, **config.to_dict(), **sizes},
        fingerprint=_question(config, labels, sets, [L, rows] if beside is None else [L, rows, beside]),
        level=config.level,
        best=ranked[0],
        pairs=ranked if len(ranked) > 1 else None,
    )
    if suspects:
        at = noted.index(ranked[0])
        named = dict(zip(names, sets, strict=True))
        weak, strong = named[teachers[at // len(students)]], named[students[at % len(students)]]
        result = replace(result, suspects=_suspects(table, weak, strong, labels, (L, rows), config))
    return Forecasted(result=result, fetched=fetched)


def _suspects(
    table: Table,
    weak: FeatureSet,
    strong: FeatureSet,
    labels: Labels,
    parts: tuple[Rows, Rows],
    config: W2SConfig,
) -> SuspectsFound:
    """Return the suspects of the pool; labels of rows that are not labeled stay empty."""
    L, U = parts
    values = np.zeros(len(table), dtype=labels.values.dtype)
    values[L] = labels.values
    return suspects_of_run(
        weak,
        strong,
        Labels(values=values, classes=labels.classes),
        splits=[SearchedRows(labeled=L, unlabeled=U, seed=config.seed)],
        config=config,
        texts=[str(item) for item in table.items or ()] if table.modality == "text" else None,
        judge=False,
    )


def _known_rows(
    table: Table,
    data: DataConfig,
    config: W2SConfig,
    sources: Sequence[FeatureSet | Backbone],
    split_file: Path | None,
    *,
    more: bool,
) -> tuple[Rows, Rows, int]:
    """Return the labeled rows, the pool and the size of the test part; no label but the labeled rows' counts."""
    column, name = table.label or [], data.label
    known = np.array([value is not None and value == value for value in column])  # noqa: PLR0124  # NaN is not
    if split_file is not None or (known.all() and not more):
        if split_file is None:
            labels = read_labels(column, name=name, task=config.task)
        else:
            labels = Labels(values=np.zeros(len(table)), classes=None)
        one = replace(config, seeds=1)
        groups = groups_of(table, labels, data, one) if config.composed else None
        split = split_rows(table, labels, one, sources, split_file, groups)[0]
        return split.labeled, split.unlabeled, len(split.test)
    if config.composed:
        msg = "--eta and --balance-classes need the labels of all rows: got rows without. Drop them."
        raise ConfigError(msg)
    marked = parts_of_column(table.split or [None] * len(table), name=table.name)
    free = ~np.any(list(marked.values()), axis=0)
    rows = np.flatnonzero(known & (marked["labeled"] if marked["labeled"].any() else free))
    others = np.flatnonzero(marked["unlabeled"] if marked["unlabeled"].any() else ~known & free)
    if not len(rows) or not (more or len(others)):
        msg = (
            f"{table.name} must have labeled rows and a pool: got {len(rows)} labels and {len(others)} rows without. "
            "Add some, or name the pool's table with --pool."
        )
        raise DataError(msg)
    n_test = int(marked["test"].sum()) or config.n_test or EXPECTED_TEST
    return _part_of_labels(rows, column, config, name), others, n_test


def _part_of_labels(rows: Rows, column: Sequence[Any], config: W2SConfig, name: str) -> Rows:
    """Return as many labeled rows as are asked for, all by default."""
    size = len(rows) if config.n_labeled is None else config.n_labeled
    if size > len(rows):
        msg = f"-n must be at most the number of labels: got {size}, there are {len(rows)}. Ask for fewer."
        raise DataError(msg)
    if size == len(rows):
        return rows
    labels = read_labels([column[row] for row in rows], name=name, task=config.task)
    return rows[stratified_part(labels.targets(np.arange(len(rows))), size, np.random.default_rng(config.seed))]


def _pool_of(features: dict[str, list[NDArray[Any]]], config: W2SConfig) -> dict[str, NDArray[Any]]:
    """Return the features of as many rows of the pool as are asked for, all by default."""
    whole = {name: np.concatenate(parts) for name, parts in features.items()}
    rows = len(next(iter(whole.values())))
    if not rows:
        msg = "the pool must hold items that no labeled row has: got none. Add other rows to it."
        raise DataError(msg)
    size = rows if config.n_unlabeled is None else config.n_unlabeled
    if size > rows:
        msg = f"-N must be at most the rows of the pool: got {size}, there are {rows}. Ask for fewer."
        raise DataError(msg)
    if size == rows:
        return whole
    chosen = np.sort(np.random.default_rng([config.seed, 1]).permutation(rows)[:size])
    return {name: X[chosen] for name, X in whole.items()}


def _question(
    config: W2SConfig, labels: Labels, sets: Sequence[FeatureSet], rows: Sequence[NDArray[np.generic]]
) -> str:
    question = {"config": config.to_dict(), "features": [found.spec.to_dict() for found in sets]}
    digest = hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode())
    for part in (labels.values, *rows):
        digest.update(part.tobytes())
    return digest.hexdigest()


def _shown(names: str) -> str:
    return ",".join(without_folders(name) for name in names.split(","))
