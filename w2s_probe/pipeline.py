"""From data and backbone names to features through the cache, and from there to results.

The only place where reading, embedding and caching meet the science.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones import Backbone, BackboneOptions, get_backbone
from w2s_probe.backbones.base import Items
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.config import DataConfig, DiagnoseConfig, W2SConfig
from w2s_probe.curves import learning_curve
from w2s_probe.datasets import Table, missing_column, open_data, read_split_file
from w2s_probe.datasets.splitfile import parts_of_column
from w2s_probe.diagnostics import Diagnosis
from w2s_probe.diagnostics import diagnose as diagnose_features
from w2s_probe.errors import BackboneError, ConfigError, DataError
from w2s_probe.exchange import from_cache, from_file
from w2s_probe.features import FeatureSet
from w2s_probe.labels import Labels, Task, read_labels
from w2s_probe.outcomes import SeedOutcome
from w2s_probe.plain import Mark
from w2s_probe.protocol import run_w2s
from w2s_probe.results import W2SResult
from w2s_probe.splits import Part, Split, draw_splits, same_item_blocks
from w2s_probe.strategies import load_strategy
from w2s_probe.validation import row_blocks

__all__ = [
    "Diagnosed",
    "Fetched",
    "Progress",
    "Run",
    "diagnose",
    "embed",
    "embed_items",
    "fetch",
    "fetch_features",
    "fixed_parts",
    "item_keys",
    "labeled_table",
    "open_source",
    "run",
    "split_rows",
    "tied_rows",
    "without_folders",
]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What it took to get the features of one backbone.

    Parameters
    ----------
    backbone : str
        Its name.
    rows, unique : int
        Rows of the data, and distinct items among them.
    encoded, cached : int
        Distinct items that ran through the model, and that the cache had.
    truncated : int
        Distinct items that were too long for the model and were cut.
    seconds : float
        Time spent encoding.
    dim : int
        Number of features.
    fingerprint : str
        Of the embedding's spec.
    """

    backbone: str
    rows: int
    unique: int
    encoded: int
    cached: int
    truncated: int
    seconds: Annotated[float, Mark.HIDDEN]
    dim: int
    fingerprint: str


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
    on_progress : callable, optional
        Called with backbone name, items encoded and items to encode.

    Raises
    ------
    W2SProbeError
        With one sentence that says what was expected, what came and what to do.
    """
    table, labels = labeled_table(data, config.task)
    for name in config.strategies:
        load_strategy(name, config.settings)
    sources = [open_source(table, name, options, store) for name in (teacher, student)]
    splits = split_rows(table, labels, config, sources, split_file)
    sets, fetched = fetch(table, sources, store, on_progress)
    weak, strong = replace(sets[0], name="teacher features"), replace(sets[1], name="student features")
    result, outcomes = run_w2s(weak, strong, labels, splits=splits, config=config)
    if curve:
        points, rows = learning_curve(weak, strong, labels, outcomes=outcomes, config=config)
        result = replace(result, curve=points, cells=(*result.cells, *rows))
    asked = {"data": data.data, "teacher": teacher, "student": student}
    kept = {"dtype": options.dtype} if options.dtype else {}
    columns = {key: value for key, value in data.to_dict().items() if key != "data"}
    shown = {**{key: without_folders(name) for key, name in asked.items()}, **columns, **kept, **result.config}
    return Run(
        result=replace(result, config=shown),
        outcomes=outcomes,
        table=table,
        labels=labels,
        teacher=weak,
        student=strong,
        fetched=fetched,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Diagnosed:
    """What a finished diagnosis leaves behind."""

    result: Diagnosis
    fetched: list[Fetched]


def diagnose(
    data: DataConfig,
    config: DiagnoseConfig,
    *,
    teacher: str,
    student: str,
    store: FeatureStore,
    options: BackboneOptions,
    task: Task = "classification",
    on_progress: Progress | None = None,
) -> Diagnosed:
    """Read the data, fetch both backbones' features, and diagnose the pair.

    Parameters
    ----------
    data : DataConfig
        The table; its label column may hold nulls, or not exist.
    config : DiagnoseConfig
        Settings of the measures.
    teacher, student, store, options, on_progress
        As in `run`.
    task : {"classification", "regression"}
        How labels are read, if there are any.

    Raises
    ------
    W2SProbeError
        With one sentence that says what was expected, what came and what to do.
    """
    table = open_data(data)
    rows, targets = _known_targets(table, data, task)
    sources = [open_source(table, name, options, store) for name in (teacher, student)]
    (weak, strong), fetched = fetch(table, sources, store, on_progress)
    found = diagnose_features(weak.X, strong.X, targets=targets, labeled=rows, config=config)
    asked = {"data": data.data, "teacher": teacher, "student": student}
    shown = {key: without_folders(name) for key, name in asked.items()}
    return Diagnosed(
        result=replace(found, config={**shown, "label": data.label, "task": task, **found.config}), fetched=fetched
    )


def _known_targets(
    table: Table, data: DataConfig, task: Task
) -> tuple[NDArray[np.intp] | None, NDArray[np.float64] | None]:
    """Return which rows have labels, and their targets; None and None if there are no labels at all."""
    if table.label is None and data.label != DataConfig(data=data.data).label:
        raise missing_column(data.label, table.columns, flag="--label", name=table.name)
    column = table.label or []
    missing = [value is None or (isinstance(value, float) and math.isnan(value)) for value in column]
    rows = np.flatnonzero(~np.array(missing, dtype=bool))
    if not len(rows):
        return None, None
    labels = read_labels([column[i] for i in rows], name=data.label, task=task)
    return rows, labels.targets(np.arange(len(rows)))


def embed(
    data: DataConfig,
    backbones: Sequence[str],
    *,
    store: FeatureStore,
    options: BackboneOptions,
    on_progress: Progress | None = None,
) -> list[Fetched]:
    """Bring the features of all rows into the cache, and say what it took.

    Parameters
    ----------
    data : DataConfig
        The table; labels are not looked at.
    backbones : sequence of str
        ``KIND:NAME``; exits of one model share its forward pass.
    store, options, on_progress
        As in `run`.
    """
    table = open_data(data)
    sources = [open_source(table, name, options, store) for name in backbones]
    return _embed_table(table, sources, store, on_progress)


def without_folders(name: str) -> str:
    """Return a data or backbone name with the folders of a path left out."""
    kind, colon, rest = name.partition(":")
    if not colon:
        return Path(name).name
    return f"{kind}:{Path(rest).name}" if kind in ("features", "sentence-transformers") else name


def open_source(table: Table, name: str, options: BackboneOptions, store: FeatureStore) -> FeatureSet | Backbone:
    """Return features read from a file or the cache, or a backbone that fits the table's items."""
    if name.startswith("features:"):
        return from_file(table, Path(name.partition(":")[2]))
    if name.startswith("cached:"):
        return from_cache(table, name.partition(":")[2], store)
    backbone = get_backbone(name, options)
    if table.modality is None:
        msg = f"{name} needs items to embed: {table.name} was read without any. Name the column of texts with --text."
        raise DataError(msg)
    if backbone.modality != table.modality:
        msg = f"{name} takes {backbone.modality}s: {table.name} holds {table.modality}s. See: w2s-probe backbones"
        raise BackboneError(msg)
    return backbone


def split_rows(
    table: Table,
    labels: Labels,
    config: W2SConfig,
    sources: Sequence[FeatureSet | Backbone],
    split_file: Path | None = None,
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
    """
    if split_file is not None:
        if table.split or any((config.n_labeled, config.n_unlabeled, config.n_test)):
            msg = "--split-file fixes all parts: got also --split, -n, -N or --n-test. Drop one or the other."
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
    )


def labeled_table(data: DataConfig, task: Task) -> tuple[Table, Labels]:
    """Return a table and its ground truth."""
    table = open_data(data)
    if table.label is None:
        raise missing_column(data.label, table.columns, flag="--label", name=table.name)
    return table, read_labels(table.label, name=data.label, task=task)


def fixed_parts(table: Table) -> dict[Part, NDArray[np.intp]]:
    """Return the parts that the table's own column fixes."""
    if table.split is None:
        return {}
    marked = parts_of_column(table.split, name=table.name)
    return {part: np.flatnonzero(rows) for part, rows in marked.items() if rows.any()}


def tied_rows(table: Table, sources: Sequence[FeatureSet | Backbone]) -> NDArray[np.intp]:
    """Return a number for each row, equal for rows that stay together: identical items, and those of one source."""
    keys: list[Any] = [item_keys(table, sources)]
    if table.source is not None:
        keys.append([str(value) for value in table.source])
    return same_item_blocks(*keys)


def item_keys(table: Table, sources: Sequence[FeatureSet | Backbone]) -> NDArray[np.bytes_]:
    """Return hashes of the items, or of all their features where there are no items.

    Parameters
    ----------
    table : Table
        The data.
    sources : sequence of FeatureSet or Backbone
        Where features come from.
    """
    if table.items is not None:
        return item_digests(table.items)
    features = [source.X for source in sources if isinstance(source, FeatureSet)]
    keys = np.empty(len(table), dtype="S16")  # half of SHA-256: a million rows take 16 MB
    for rows in row_blocks(len(table)):
        blocks = [np.ascontiguousarray(X[rows]) for X in features]
        keys[rows] = [hashlib.sha256(b"".join(row)).digest()[:16] for row in zip(*blocks, strict=True)]
    return keys


def fetch_features(
    table: Table,
    names: Sequence[str],
    *,
    store: FeatureStore,
    options: BackboneOptions,
    on_progress: Progress | None = None,
) -> tuple[list[FeatureSet], list[Fetched]]:
    """Return the features of all rows for several backbones, through the cache.

    Parameters
    ----------
    table : Table
        The data.
    names : sequence of str
        Backbones, as in `run`.
    store, options, on_progress
        As in `run`.
    """
    return fetch(table, [open_source(table, name, options, store) for name in names], store, on_progress)


def fetch(
    table: Table, sources: Sequence[FeatureSet | Backbone], store: FeatureStore, on_progress: Progress | None
) -> tuple[list[FeatureSet], list[Fetched]]:
    """Return the features of all sources, those of backbones through the cache, and what it took."""
    fetched = _embed_table(table, sources, store, on_progress)
    digests = _digests(table)
    sets = [
        source
        if isinstance(source, FeatureSet)
        else FeatureSet(ids=table.ids, X=store.read(source.stored, digests), spec=source.stored, name=source.name)
        for source in sources
    ]
    return sets, fetched


def _embed_table(
    table: Table, sources: Sequence[FeatureSet | Backbone], store: FeatureStore, on_progress: Progress | None
) -> list[Fetched]:
    backbones = [source for source in sources if isinstance(source, Backbone)]
    named = [source for source in sources if isinstance(source, FeatureSet) and source.name.startswith("cached:")]
    digests = _digests(table)
    unique = len(np.unique(digests)) or len(table)
    held = [_held(source, unique) for source in named]
    if not backbones or table.items is None:
        return held
    encoded = embed_items(backbones, table.items, store=store, on_progress=on_progress)
    return held + [
        Fetched(
            backbone=backbone.name,
            rows=len(table),
            unique=unique,
            encoded=encoded[backbone.name][0],
            cached=unique - encoded[backbone.name][0],
            truncated=store.truncated(backbone.stored, digests),
            seconds=encoded[backbone.name][1],
            dim=store.width(backbone.stored, digests),
            fingerprint=backbone.stored.fingerprint(),
        )
        for backbone in backbones
    ]


def _held(source: FeatureSet, unique: int) -> Fetched:
    return Fetched(
        backbone=source.name,
        rows=len(source),
        unique=unique,
        encoded=0,
        cached=unique,
        truncated=0,
        seconds=0.0,
        dim=source.X.shape[1],
        fingerprint=source.spec.fingerprint(),
    )


def _digests(table: Table) -> NDArray[np.bytes_]:
    return item_digests([] if table.items is None else table.items)


def embed_items(
    backbones: Sequence[Backbone], items: Items, *, store: FeatureStore, on_progress: Progress | None = None
) -> dict[str, tuple[int, float]]:
    """Bring the features of these items into the cache.

    Backbones of one family that lack the same items share a forward pass.

    Parameters
    ----------
    backbones : sequence of Backbone
        Already made, loaded or not.
    items : sequence of str, or array of images
        What to embed; an item that occurs twice is embedded once.
    store, on_progress
        As in `run`.

    Returns
    -------
    dict
        For each backbone name, distinct items encoded and seconds spent.
    """
    digests = item_digests(items)
    encoded = {backbone.name: (0, 0.0) for backbone in backbones}
    passes: dict[tuple[str, bytes], tuple[NDArray[np.intp], dict[str, Backbone]]] = {}
    for backbone in backbones:
        positions = store.missing(backbone.stored, digests)
        if len(positions):
            passes.setdefault((backbone.family, positions.tobytes()), (positions, {}))[1][backbone.name] = backbone
    for positions, members in passes.values():
        first, *others = members.values()
        encode = partial(_encode, first, others, items)
        start, done = time.perf_counter(), 0
        if on_progress:
            on_progress(first.name, 0, len(positions))
        for rows in store.add([member.stored for member in members.values()], digests, encode, positions=positions):
            done += rows
            if on_progress:
                on_progress(first.name, done, len(positions))
        for name in members:
            encoded[name] = (len(positions), time.perf_counter() - start)
    return encoded


def _encode(
    first: Backbone, others: Sequence[Backbone], items: Items, positions: NDArray[np.intp]
) -> list[tuple[NDArray[np.float32], dict[str, Any]]]:
    chosen = items[positions] if isinstance(items, np.ndarray) else [items[i] for i in positions]
    features = first.encode_together(others, chosen)
    cut = first.truncated(chosen)
    return [(X, {**member.recorded(), "truncated": cut}) for X, member in zip(features, (first, *others), strict=True)]
