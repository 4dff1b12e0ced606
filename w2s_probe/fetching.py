"""From a table and backbone names to features, through the cache."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones import Backbone, BackboneOptions, get_backbone
from w2s_probe.backbones.base import Items, take
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.config import DataConfig
from w2s_probe.datasets import Table
from w2s_probe.errors import BackboneError, DataError
from w2s_probe.exchange import from_cache, from_file
from w2s_probe.features import FeatureSet
from w2s_probe.opening import open_table
from w2s_probe.plain import Mark
from w2s_probe.splits import same_item_blocks
from w2s_probe.validation import row_blocks

__all__ = [
    "Fetched",
    "Progress",
    "embed",
    "embed_items",
    "fetch",
    "fetch_features",
    "item_keys",
    "open_source",
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


def embed(
    data: DataConfig,
    backbones: Sequence[str],
    *,
    store: FeatureStore,
    options: BackboneOptions,
    on_progress: Progress | None = None,
    on_note: Callable[[str], None] | None = None,
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
    on_note : callable, optional
        Called with a sentence on rows that are left out.
    """
    table = open_table(data, store)
    if on_note:
        for note in table.notes:
            on_note(note)
    sources = [open_source(table, name, options, store) for name in backbones]
    return _embed_table(table, sources, store, on_progress)


def without_folders(name: str) -> str:
    """Return a data or backbone name with the folders of a path left out."""
    kind, colon, rest = name.partition(":")
    if not colon:
        return Path(name).name
    if kind in ("features", "sentence-transformers"):
        return f"{kind}:{Path(rest).name}"
    if kind == "timm":
        model, at, weights = rest.partition("@")
        return f"{kind}:{model}{at}{Path(weights).name}"
    if kind == "open_clip" and not rest.startswith("hf-hub:"):
        model, slash, weights = rest.partition("/")
        folder = rest.startswith(("local-dir:", "/", ".", "~"))
        return f"{kind}:{'' if folder else model + slash}{Path(weights or rest).name}"
    return name


def open_source(table: Table, name: str, options: BackboneOptions, store: FeatureStore) -> FeatureSet | Backbone:
    """Return features read from a file or the cache, or a backbone that fits the table's items."""
    if name.startswith("features:"):
        return from_file(table, Path(name.partition(":")[2]))
    if name.startswith("cached:"):
        return from_cache(table, name.partition(":")[2], store)
    backbone = get_backbone(name, options)
    if table.modality is None or table.items is None:
        msg = (
            f"{name} needs items to embed: {table.name} was read without any. Name their column with --text or --image."
        )
        raise DataError(msg)
    backbone = backbone.suited_to(table.items)
    if backbone.modality != table.modality:
        msg = f"{name} takes {backbone.modality}s: {table.name} holds {table.modality}s. See: w2s-probe backbones"
        raise BackboneError(msg)
    return backbone


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
    chosen = take(items, positions)
    features = first.encode_together(others, chosen)
    cut = first.truncated(chosen)
    return [(X, {**member.recorded(), "truncated": cut}) for X, member in zip(features, (first, *others), strict=True)]
