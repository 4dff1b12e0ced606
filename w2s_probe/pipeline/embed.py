"""From a table and backbone names to features in the cache."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from w2s_probe.backbones import Backbone, BackboneOptions
from w2s_probe.backbones.base import Items
from w2s_probe.backbones.plug_ins import PlugInBackbone
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.core.config import DataConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.serialize import Mark
from w2s_probe.core.types import Progress, Rows
from w2s_probe.pipeline.committees import single_backbones
from w2s_probe.pipeline.data import Opened, open_sources, open_table
from w2s_probe.pipeline.encoding import ItemEncoder, shown
from w2s_probe.pipeline.reading import OnRead
from w2s_probe.pipeline.sources import EmbeddedSource, without_folders


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """Features of one backbone: rows, rows encoded, and the time it took.

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

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on texts that were cut, if there are any."""
        if not self.truncated:
            return ()
        return (f"{self.truncated:,} texts were longer than {without_folders(self.backbone)} reads and were cut.",)


def cut_notes(fetched: Iterable[Fetched]) -> tuple[str, ...]:
    """Return the distinct sentences on texts that were cut."""
    return tuple(dict.fromkeys(note for features in fetched for note in features.notes))


def embed(
    data: DataConfig,
    backbones: Sequence[str],
    *,
    store: FeatureStore,
    options: BackboneOptions,
    on_progress: Progress | None = None,
    on_note: Callable[[str], None] | None = None,
    on_read: OnRead | None = None,
) -> list[Fetched]:
    """Bring the features of all rows into the cache, and say what it took.

    Parameters
    ----------
    data : DataConfig
        The table; labels are not looked at.
    backbones : sequence of str
        ``KIND:NAME``; exits and layers of one model share its forward pass.
    store, options, on_progress, on_read
        As in `run`.
    on_note : callable, optional
        Called with each sentence on rows that are left out, on columns of features and on texts that are cut.
    """
    backbones = single_backbones(backbones, "backbones", options)
    opened = open_sources(data, open_table(data, store), backbones, store, options)
    if on_read:
        on_read(opened.reading({"backbone": list(dict.fromkeys(backbones))}))
    fetched = _embed(opened, store, on_progress)
    for note in (*opened.table.notes, *cut_notes(fetched)):
        if on_note:
            on_note(note)
    return fetched


def fetch(
    opened: Opened, store: FeatureStore, on_progress: Progress | None = None
) -> tuple[dict[str, FeatureSet], list[Fetched]]:
    """Return the features of all sources by backbone name, and what it took; what the cache lacks is embedded."""
    fetched = _embed(opened, store, on_progress)
    return {name: source.features_of(opened.item_table) for name, source in opened.sources.items()}, fetched


def _embed(opened: Opened, store: FeatureStore, on_progress: Progress | None) -> list[Fetched]:
    table, sources = opened.item_table, opened.sources.values()
    digests = item_digests([] if table.items is None else table.items)
    unique = len(np.unique(digests)) or len(table)
    imports = [source for source in sources if source.name.startswith("cached:")]
    rows = [_fetched(source.name, source.features_of(table), unique) for source in imports]
    backbones = [source.backbone for source in sources if isinstance(source, EmbeddedSource)]
    if not backbones or table.items is None:
        return rows
    encoded = embed_items(backbones, table.items, store=store, on_progress=on_progress)
    return rows + [
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


def _fetched(name: str, features: FeatureSet, unique: int) -> Fetched:
    return Fetched(
        backbone=name,
        rows=len(features),
        unique=unique,
        encoded=0,
        cached=unique,
        truncated=0,
        seconds=0.0,
        dim=features.X.shape[1],
        fingerprint=features.spec.fingerprint(),
    )


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
    passes: dict[tuple[str, bytes], tuple[Rows, dict[str, Backbone]]] = {}
    for backbone in backbones:
        positions = store.missing(backbone.stored, digests)
        if len(positions):
            passes.setdefault((backbone.family, positions.tobytes()), (positions, {}))[1][backbone.name] = backbone
    for positions, members in passes.values():
        _set_widths(members.values(), store)
        start = time.perf_counter()
        specs, encoder = [member.stored for member in members.values()], ItemEncoder(tuple(members.values()), items)
        with closing(store.add_slices(specs, digests, encoder, positions=positions)) as steps:
            rows = shown(steps, len(positions), encoder.first.name, on_progress)
        for name in members:
            encoded[name] = (rows, time.perf_counter() - start)
    return encoded


def _set_widths(backbones: Iterable[Backbone], store: FeatureStore) -> None:
    """Tell plug-ins how many features the rows of their spec have that the cache holds already."""
    for backbone in backbones:
        if isinstance(backbone, PlugInBackbone):
            earlier = store.contents(backbone.stored.fingerprint())
            backbone.width = earlier[0].dim if earlier else 0
