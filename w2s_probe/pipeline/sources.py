"""Where the features of a table come from: arrays, a file, the cache, or a backbone that fits its items."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones import Backbone, BackboneOptions, get_backbone
from w2s_probe.backbones.model_files import without_end
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import BackboneError, DataError, MissingExtraError
from w2s_probe.core.features import EmbeddingSpec, FeatureSet
from w2s_probe.datasets import Table
from w2s_probe.pipeline.arrays import ArrayData, array_features
from w2s_probe.pipeline.exchange import from_cache, matched_by, resolve
from w2s_probe.pipeline.feature_addresses import ending, parse_address
from w2s_probe.pipeline.feature_content import FeatureFile
from w2s_probe.pipeline.feature_files import read_features
from w2s_probe.pipeline.feature_rows import for_rows_of
from w2s_probe.pipeline.prediction_files import parse_file
from w2s_probe.pipeline.shipped import shipped_backbone
from w2s_probe.pipeline.teachers import is_given, open_predictions
from w2s_probe.results.read import FeaturesRead

BEFORE_PARTS = re.compile(r"[/\\]+(?=[@:][^/\\]*$)")  # separators between a folder and its layer or pooling


def without_folders(name: str, *, keep: int = 0) -> str:
    """Return a data or backbone name with the folders of a path left out, but for the last `keep` folders."""
    kind, colon, rest = name.partition(":")
    if not colon:
        return ending(Path(name), keep)
    address = _address(kind, rest)
    if address is not None:
        path, columns = address
        return f"{kind}:{ending(path, keep)}" + ("" if columns is None else f"#{columns}")
    if kind == "hf" and rest.startswith(("/", ".", "~")):
        return f"{kind}:{ending(Path(rest), keep)}"
    if kind == "timm":
        model, at, weights = rest.partition("@")
        return f"{kind}:{model}{at}{ending(Path(weights), keep)}"
    if kind == "open_clip":
        return f"{kind}:{_open_clip(without_end(rest), keep)}"
    return name


def _open_clip(name: str, keep: int) -> str:
    """Return the name of a model of open_clip without its kind and without folders."""
    if name.startswith("hf-hub:"):
        return name
    model, slash, weights = name.partition("/")
    folder = not slash or name.startswith(("local-dir:", "/", ".", "~"))
    return f"{'' if folder else model + slash}{ending(Path(weights or name), keep)}"


def _address(kind: str, rest: str) -> tuple[Path, str | None] | None:
    """Return the path in a name, and what follows ``#``; None for other kinds, and for columns of predictions."""
    if kind in ("features", "labels"):
        return parse_address(rest) if kind == "features" else parse_file(rest)
    if kind == "transformers":
        return Path(BEFORE_PARTS.sub("", rest)), None
    return (Path(rest), None) if kind == "sentence-transformers" else None


def names_without_folders(names: Sequence[str]) -> dict[str, str]:
    """Return each name without the folders of its path, but for as many as tell files of one name apart."""
    short: dict[str, str] = {}
    for name in dict.fromkeys(names):
        alike = [other for other in names if other != name and without_folders(other) == without_folders(name)]
        short[name] = next(
            (
                ending
                for keep in range(len(Path(name).parts) + 1)
                for ending in [without_folders(name, keep=keep)]
                if all(without_folders(other, keep=keep) != ending for other in alike)
            ),
            name,
        )
    return short


class Source(Protocol):
    """Features of one table, known by the name of a backbone."""

    @property
    def name(self) -> str:
        """The name as the user typed it."""

    @property
    def title(self) -> str:
        """The name in results: without folders and without columns that the file alone would give."""

    @property
    def spec(self) -> EmbeddingSpec:
        """Everything that decided the numbers."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was read."""

    @property
    def guessed(self) -> bool:
        """Whether its columns, or parts of its name, were chosen without being named."""

    def read(self, table: Table) -> FeaturesRead:
        """Return what it reads for a table; `dim` is 0 where the features are not computed yet."""

    def features_of(self, table: Table) -> FeatureSet:
        """Return a row of features for each row of the table."""


@dataclass(frozen=True, eq=False, slots=True)
class FileSource:
    """Features of a file; `chosen` are the columns that the user named."""

    file: FeatureFile
    features: FeatureSet
    chosen: str | None = None

    @property
    def name(self) -> str:
        """The name as the user typed it, without folders and columns."""
        return self.features.name

    @property
    def spec(self) -> EmbeddingSpec:
        """Everything that decided the numbers."""
        return self.features.spec

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on the columns."""
        return self.file.notes

    @property
    def guessed(self) -> bool:
        """Whether its columns were chosen without being named."""
        return self.file.guessed

    @property
    def title(self) -> str:
        """The name in results: without folders and without columns that the file alone would give."""
        named = "" if self.chosen is None or self.file.usual else f"#{self.chosen}"
        return f"{self.file.name}{named}"

    def read(self, table: Table) -> FeaturesRead:
        """Return what it reads."""
        return self.file.read(self.title, table)

    def features_of(self, table: Table) -> FeatureSet:
        """Return a row of features for each row of the table."""
        return self.features


@dataclass(frozen=True, eq=False, slots=True)
class ImportedSource:
    """Features that are there under a name: imported into the cache, or in memory."""

    features: FeatureSet
    matched_by: Literal["row", "id", "item"]

    @property
    def name(self) -> str:
        """The name as the user typed it."""
        return self.features.name

    @property
    def spec(self) -> EmbeddingSpec:
        """Everything that decided the numbers."""
        return self.features.spec

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was read: none."""
        return ()

    @property
    def guessed(self) -> bool:
        """Whether its columns were chosen without being named: never."""
        return False

    @property
    def title(self) -> str:
        """The name in results."""
        return self.name

    def read(self, table: Table) -> FeaturesRead:
        """Return what it reads."""
        return FeaturesRead(
            backbone=self.title,
            columns=None,
            dim=self.features.X.shape[1],
            dtype=self.spec.dtype,
            file=None,
            matched_by=self.matched_by,
        )

    def features_of(self, table: Table) -> FeatureSet:
        """Return a row of features for each row of the table."""
        return self.features


def check_two_tables(sources: Iterable[Source], table: Table, pool: str) -> None:
    """Raise `DataError` if features that a table finds by row would have to be those of a second table, too."""
    for source in sources:
        if isinstance(source, FileSource | ImportedSource) and source.read(table).matched_by == "row":
            msg = (
                f"{source.title} must have ids with --pool, since {table.name} and {pool} have rows of their own: it "
                "has none. Save features and ids of the rows of both, and add --id COLUMN; or put all rows in one "
                "table, those of the pool without a label."
            )
            raise DataError(msg)


@dataclass(frozen=True, eq=False, slots=True)
class EmbeddedSource:
    """A backbone whose features are read from the cache after `fetch` has embedded what it lacked."""

    backbone: Backbone
    store: FeatureStore

    @property
    def name(self) -> str:
        """The name as the user typed it."""
        return self.backbone.name

    @property
    def spec(self) -> EmbeddingSpec:
        """Everything that decided the numbers."""
        return self.backbone.stored

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was read."""
        return self.backbone.notes

    @property
    def guessed(self) -> bool:
        """Whether a part of its name was left out and has a default."""
        return self.backbone.guessed

    @property
    def title(self) -> str:
        """The name in results: with all its parts, without folders."""
        return without_folders(self.backbone.full_name)

    def read(self, table: Table) -> FeaturesRead:
        """Return what it reads; `dim` is 0 where the cache has none of the table's items."""
        return FeaturesRead(
            backbone=self.title,
            columns=None,
            dim=self.store.width(self.spec, item_digests([] if table.items is None else table.items)),
            dtype=self.spec.dtype,
            file=None,
            matched_by="item",
        )

    def features_of(self, table: Table) -> FeatureSet:
        """Return a row of features for each row of the table."""
        X = self.store.read(self.spec, item_digests([] if table.items is None else table.items))
        return FeatureSet(ids=table.ids, X=X, spec=self.spec, name=self.name)


def whole_names(sources: Mapping[str, Source]) -> dict[str, str]:
    """Return the names of backbones with all their parts, by the name as typed; other names stay.

    So do two names of one backbone, which nothing but their parts tells apart.
    """
    whole = {
        name: source.backbone.full_name if isinstance(source, EmbeddedSource) else name
        for name, source in sources.items()
    }
    times = Counter(whole.values())
    return {name: full if times[full] == 1 else name for name, full in whole.items()}


def open_source(table: Table, name: str, options: BackboneOptions, store: FeatureStore, data: DataConfig) -> Source:
    """Return the source that a name means: an array, a file, an import, or a backbone that takes the table's items."""
    if isinstance(data, ArrayData):
        by_id = isinstance(data.features.get(name), FeatureSet)
        return ImportedSource(array_features(table, name, data), "id" if by_id else "row")
    kind, _, rest = name.partition(":")
    if is_given(name):
        return open_predictions(table, name, data)
    if kind == "features":
        file = read_features(rest, data, temporary=store.temporary_file)
        return FileSource(file, for_rows_of(table, file, data), parse_address(rest)[1])
    if kind == "cached":
        return ImportedSource(from_cache(table, rest, store), matched_by(resolve(store, rest)))
    if name in table.columns and ":" not in name:
        msg = (
            f"{name} is a column of {table.name}, not a backbone. For a teacher of its predictions, use labels:{name}."
        )
        raise BackboneError(msg)
    try:
        backbone = get_backbone(name, options)
    except MissingExtraError as missing:
        backbone = shipped_backbone(name, options, missing)
    if table.modality is None or table.items is None:
        msg = (
            f"{name} needs items to embed: {table.name} was read without any. Name their column with --text or --image."
        )
        raise DataError(msg)
    backbone = backbone.suited_to(table.items)
    if backbone.modality != table.modality:
        msg = f"{name} takes {backbone.modality}s: {table.name} holds {table.modality}s. See: w2s-probe backbones"
        raise BackboneError(msg)
    return EmbeddedSource(backbone, store)


def item_keys(table: Table, sources: Iterable[Source]) -> NDArray[np.bytes_]:
    """Return a hash of each row's item, or of the row's features in all sources if the table has no items."""
    if table.items is not None:
        return item_digests(table.items)
    features = [source.features_of(table).X for source in sources]
    keys = np.empty(len(table), dtype="S16")  # half of SHA-256: a million rows take 16 MB
    for rows in row_blocks(len(table)):
        block = np.hstack([np.ascontiguousarray(X[rows]).view(np.uint8) for X in features])
        content, width = block.tobytes(), block.shape[1]
        starts = range(0, len(content), width)
        keys[rows] = [hashlib.sha256(content[start : start + width]).digest()[:16] for start in starts]
    return keys
