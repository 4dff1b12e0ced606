"""Where the features of a table come from: a file, the cache, or a backbone that fits its items."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones import Backbone, BackboneOptions, get_backbone
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.errors import BackboneError, DataError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.splits import same_item_blocks
from w2s_probe.core.types import Rows
from w2s_probe.datasets import Table
from w2s_probe.pipeline.exchange import from_cache, from_file


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


def tied_rows(table: Table, sources: Sequence[FeatureSet | Backbone]) -> Rows:
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
