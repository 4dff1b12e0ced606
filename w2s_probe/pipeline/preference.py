"""Preference pairs of the user's data: pairs of a table, or pairs drawn from items with scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import BackboneOptions
from w2s_probe.cache import FeatureStore
from w2s_probe.core.blocks import same_item_blocks
from w2s_probe.core.config import DataConfig, W2SConfig
from w2s_probe.core.differences import pair_features
from w2s_probe.core.errors import ConfigError, DataError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.pair_draws import draw_pairs
from w2s_probe.core.pairs import Pairs, pair_blocks
from w2s_probe.core.splits import PARTS, Split
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.core.types import Rows
from w2s_probe.datasets import Table, missing_column
from w2s_probe.datasets.frames import read_files
from w2s_probe.datasets.load import open_files
from w2s_probe.datasets.pair_tables import PairTable, read_pairs
from w2s_probe.datasets.published import with_published_split
from w2s_probe.datasets.readers import table_from_frame, with_origin
from w2s_probe.datasets.scored_items import scored_items
from w2s_probe.datasets.vader import PAIR_GAP
from w2s_probe.pipeline.data import LabeledData, Opened, open_labeled, open_sources, open_table
from w2s_probe.pipeline.parts import source_keys
from w2s_probe.pipeline.reading import PairsReading, Reading, Roles
from w2s_probe.strategies.registry import check_strategies

SCORED = "builtin:vader-pairs"  # built-in items with scores
NO_SPLIT_FILE = (
    "--split-file needs a table of pairs (--chosen, --rejected): got items with scores, from which pairs are drawn. "
    "Remove --split-file, or name a column of the items' parts with --split."
)
NO_PROMPT = (
    "--prompt needs a table of pairs (--chosen, --rejected): got items with scores, of which any two may be a pair. "
    "Remove --prompt."
)


@dataclass(frozen=True, eq=False, kw_only=True)
class LabeledPairs(LabeledData):
    """Preference pairs: the rows of `table` are pairs, those of `items` are their sides.

    `prompts` numbers the prompt of each pair, if the data has pairs; `draws` are the parts of each seed, if it has
    items with scores. `source` says which columns the pairs come from.
    """

    items: Table
    pairs: Pairs
    source: PairsReading
    prompts: Rows | None = None
    draws: tuple[Split, ...] = ()

    @property
    def drawn(self) -> tuple[Split, ...]:
        """Parts of each seed, if pairs were drawn for them."""
        return self.draws

    @property
    def alike(self) -> str:
        """Which pairs stay in one part."""
        return "Pairs that share a side or a prompt, also through other pairs,"

    @property
    def item_table(self) -> Table:
        """The sides of the pairs, whose features are fetched."""
        return self.items

    @cached_property
    def keys(self) -> NDArray[np.bytes_]:
        """Pairs with equal keys are linked through sides or prompts."""
        return pair_blocks(self.pairs, self.prompts).astype("S20")

    @cached_property
    def blocks(self) -> Rows:
        """Pairs that are linked through sides or prompts, or that have one source, stay in one part."""
        linked = pair_blocks(self.pairs, self.prompts)
        return linked if self.table.source is None else same_item_blocks(linked, source_keys(self.table.source)[0])

    @property
    def links(self) -> Rows:
        """Two numbers for each pair, shape (m, 2): pairs with a common number depend on each other.

        They are the items of a pair, or twice the number of its prompt.
        """
        items = np.column_stack([self.pairs.first, self.pairs.second])
        if self.prompts is None:
            return items
        shared = np.bincount(self.prompts)[self.prompts] > 1
        return np.where(shared[:, None], len(self.items) + self.prompts[:, None], items)

    def reading(self, roles: Roles, labels: Labels | None = None, *, unlabeled: int = 0) -> Reading:
        """Return what was read, with the columns of the pairs."""
        return replace(super().reading(roles, labels, unlabeled=unlabeled), pairs=self.source)

    def row_features(self, features: Mapping[str, FeatureSet]) -> dict[str, FeatureSet]:
        """Return the features of the pairs: differences of their sides' features."""
        return {name: pair_features(matrix, self.pairs, self.table.ids) for name, matrix in features.items()}


Config = TypeVar("Config", W2SConfig, SweepConfig)


def resolved(config: Config, data: DataConfig) -> Config:
    """Return the config with the smallest difference of scores that the data sets by itself, if none is given."""
    scored = config.task == "preference" and is_scored(data)
    if not scored or config.min_gap is not None:
        return config
    return replace(config, min_gap=PAIR_GAP if data.data.startswith(SCORED) else 0.0)


def is_scored(data: DataConfig) -> bool:
    """Return whether pairs are drawn from items with scores."""
    return data.score is not None or data.data.startswith(SCORED)


def open_experiment(
    data: DataConfig,
    names: Iterable[str],
    config: W2SConfig | SweepConfig,
    store: FeatureStore,
    options: BackboneOptions,
    *,
    split_file: Path | None = None,
) -> LabeledData:
    """Return the user's labeled rows: preference pairs, or the rows of a table.

    Beside a split file, names of files tell no parts.
    """
    data = without_file_parts(data, split_file)
    if config.task == "preference":
        return open_pairs(data, names, config, store, options, split_file=split_file)
    check_no_pairs(data, config.task)
    return open_labeled(data, names, config, store, options)


def without_file_parts(data: DataConfig, split_file: Path | None) -> DataConfig:
    """Return the data without the parts that names of files tell, if a split file tells them."""
    return data if split_file is None else replace(data, file_parts=False)


def check_no_pairs(data: DataConfig, task: str) -> None:
    """Raise `ConfigError` if columns of pairs are named for another task, or built-in pairs for classes."""
    if task == "classification" and data.data.startswith(SCORED):
        msg = f"{data.data} holds preference pairs: got --task {task}. Add --task preference."
        raise ConfigError(msg)
    for flag, column in (("--chosen", data.chosen), ("--rejected", data.rejected), ("--score", data.score)):
        if column is not None:
            msg = f"{flag} names a column of preference pairs: got {column!r} and --task {task}. Add --task preference."
            raise ConfigError(msg)


def open_pairs(
    data: DataConfig,
    names: Iterable[str],
    config: W2SConfig | SweepConfig,
    store: FeatureStore,
    options: BackboneOptions,
    *,
    split_file: Path | None = None,
) -> LabeledPairs:
    """Return the preference pairs of the user's data, with a source of features for their sides.

    Raises `DataError` or `ConfigError` for columns and flags that do not go together.
    """
    check_strategies(config.strategies, config.settings)
    _check_flags(data, config, split_file)
    if is_scored(data):
        return _drawn(data, names, config, store, options)
    if data.data.startswith("builtin:"):
        msg = f"{data.data} has no preference pairs: use {SCORED}, or name a column of its scores with --score."
        raise DataError(msg)
    content, table = _read(data)
    sides = open_sources(data, content.items, names, store, options)
    columns = asdict(content.columns)
    source = PairsReading(pairs=len(content.pairs), items=len(content.items), modality="text", **columns)
    return _labeled(sides, table, content.pairs, source, prompts=content.prompts)


def _check_flags(data: DataConfig, config: W2SConfig | SweepConfig, split_file: Path | None) -> None:
    """Raise `ConfigError` for flags that do not go together, and for those of groups, which pairs do not have."""
    scored = is_scored(data)
    both = [flag for flag, column in (("--chosen", data.chosen), ("--rejected", data.rejected)) if column]
    if scored and both:
        msg = (
            f"pairs are in a table (--chosen, --rejected) or drawn from --score: got both. Remove {both[0]} or --score."
        )
        raise ConfigError(msg)
    if scored and data.prompt:
        raise ConfigError(NO_PROMPT)
    if scored and split_file:
        raise ConfigError(NO_SPLIT_FILE)
    if data.group:
        msg = f"preference pairs have no groups: got --group {data.group}. Remove --group."
        raise ConfigError(msg)
    for name, value in (("items", config.items), ("min_gap", config.min_gap)):
        if value is not None and not scored:
            msg = f"`{name}` needs items with scores: got {value} for a table of pairs. Remove it, or add --score."
            raise ConfigError(msg)


def _drawn(
    data: DataConfig,
    names: Iterable[str],
    config: W2SConfig | SweepConfig,
    store: FeatureStore,
    options: BackboneOptions,
) -> LabeledPairs:
    """Return the pairs of all seeds, drawn from items with scores."""
    scored = data if data.score is None else replace(data, label=data.score)
    name, gap = data.score or "rating", config.min_gap or 0.0
    table = open_table(scored, store)
    if table.label is None:
        raise missing_column(name, table.columns, flag="--score", name=table.name)
    items = scored_items(table, name=name)
    opened = open_sources(data, items.table, names, store, options)
    distinct = items.distinct(opened.keys)
    if len(distinct.table) < len(items.table):
        opened = open_sources(data, distinct.table, opened.sources, store, options)
    drawn = draw_pairs(
        distinct.scores,
        seeds=config.seeds if isinstance(config, SweepConfig) else range(config.seed, config.seed + config.seeds),
        n_labeled=_largest(config.n_labeled),
        n_unlabeled=_largest(config.n_unlabeled),
        n_test=config.n_test,
        items=None if config.items is None else dict(zip(PARTS, config.items, strict=True)),
        min_gap=gap,
        blocks=opened.blocks,
        fixed=opened.fixed,
    )
    of = opened.table
    source = PairsReading(pairs=len(drawn.pairs), items=len(of), modality=of.modality, scores=name, min_gap=gap)
    return _labeled(opened, _rows_of(opened.table, drawn.pairs), drawn.pairs, source, draws=drawn.splits)


def _largest(sizes: int | tuple[int | None, ...] | None) -> int | None:
    """Return the largest size of an axis; None if it has the default size."""
    if not isinstance(sizes, tuple):
        return sizes
    return None if None in sizes else max(size for size in sizes if size is not None)


def _rows_of(items: Table, pairs: Pairs) -> Table:
    """Return a row for each pair of items, with the id ``FIRST|SECOND``; several seeds may draw the same pair."""
    first, second = items.ids[pairs.first], items.ids[pairs.second]
    ids = np.strings.add(np.strings.add(first, "|"), second)
    note = f"{len(pairs):,} pairs are drawn from {len(items):,} items of {items.name}."
    return Table(
        name=items.name,
        ids=ids,
        has_ids=items.has_ids,
        columns=items.columns,
        license=items.license,
        notes=(*items.notes, note),
        left_out=items.left_out,
        total=items.total or len(items),
        checked=True,
    )


def _read(data: DataConfig) -> tuple[PairTable, Table]:
    """Return the pairs of a table, and the table with a row for each of them."""
    files = open_files(data)
    if files is None or files.kind == "tar":
        msg = f"preference pairs must be in table files: got {Path(data.data).name}. Name a table, such as .csv."
        raise DataError(msg)
    rows = read_files(files, data)
    frame = rows.frame
    columns = {"prompt": data.prompt, "chosen": data.chosen, "rejected": data.rejected, "id": data.id}
    content = read_pairs(frame, name=files.name, criterion=data.criterion, **columns, columns=rows.columns)
    whole = table_from_frame(
        frame,
        replace(data, text=None, image=None, prompt=None, label="", group=None),
        name=files.name,
        columns=rows.columns,
    )
    whole = with_origin(whole, files, rows)
    of_pairs = replace(
        whole.take(content.positions), ids=content.ids, left_out=content.left_out, notes=(*rows.notes, *content.notes)
    )
    table = with_published_split(of_pairs)
    if table.positions is not None and len(table) < len(of_pairs):  # without the validation part
        left = np.flatnonzero(np.isin(content.positions, table.positions))
        content = replace(content, pairs=content.pairs.take(left), prompts=content.prompts[left])
    return content, table


def _labeled(
    opened: Opened,
    table: Table,
    pairs: Pairs,
    source: PairsReading,
    *,
    prompts: Rows | None = None,
    draws: tuple[Split, ...] = (),
) -> LabeledPairs:
    notes = tuple(dict.fromkeys((*table.notes, *opened.table.notes)))
    return LabeledPairs(
        data=opened.data,
        table=replace(table, notes=notes),
        sources=opened.sources,
        labels=pairs.labels,
        groups=None,
        items=opened.table,
        pairs=pairs,
        source=source,
        prompts=prompts,
        draws=draws,
    )
