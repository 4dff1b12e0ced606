"""Features that come into the cache from files, leave it for files, and are called by name."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.cache import (
    Contents,
    Digests,
    FeatureStore,
    check_case,
    check_name,
    fingerprints_by_name,
    item_digests,
    label_digests,
    point,
    storable,
)
from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import CacheError, DataError, ShapeError, did_you_mean, listed
from w2s_probe.core.features import EmbeddingSpec, FeatureSet, missing_id_advice
from w2s_probe.core.types import Rows
from w2s_probe.datasets import Table, open_data
from w2s_probe.pipeline.feature_files import read_features
from w2s_probe.pipeline.feature_rows import for_rows_of
from w2s_probe.pipeline.feature_writing import holds_ids, write_features
from w2s_probe.pipeline.reading import OnRead, reading_of, reading_of_files

ROUNDING = 1e-2  # of a row's largest feature: half precision and another batch size differ by less


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """What was imported or exported.

    Parameters
    ----------
    name : str
        What the user calls the features.
    fingerprint : str
        Of their spec.
    rows, dim : int
        Shape: on import distinct items, on export rows of the file.
    matched_by : str
        By what rows find their features: ``item``, ``id``, or ``row`` for the order of the data.
    dtype : str
        Type in which the features are stored.
    replaced : str
        Fingerprint that the name pointed at before, or empty.
    notes : tuple of str
        Sentences on the columns that were read.
    shipped : bool
        Whether all features came with the package.
    """

    name: str
    fingerprint: str
    rows: int
    dim: int
    matched_by: str
    dtype: str
    replaced: str = ""
    notes: tuple[str, ...] = ()
    shipped: bool = False


def import_features(
    path: Path,
    *,
    name: str,
    store: FeatureStore,
    data: DataConfig | None = None,
    dtype: str | None = None,
    replace: bool = False,
    on_read: OnRead | None = None,
) -> Exchanged:
    """Bring features made elsewhere into the cache, so that ``cached:NAME`` is a backbone.

    With data, features belong to its items: any table that holds these items can use them. Without,
    they belong to the ids of the file, else to the rows of any data with as many rows.

    Parameters
    ----------
    path : Path
        A file, ``FILE#NAME``, a folder or a pattern of shards, as `read_features` takes it.
    name : str
        Letters, digits and ``. _ -``.
    store : FeatureStore
        The feature cache.
    data : DataConfig, optional
        The table whose items the features belong to, in its order or with its ids.
    dtype : {"float32", "float16"}, optional
        Type to keep them in, float32 unless given.
    replace : bool
        Let a name that is taken point at these features; the others stay in the cache.
    on_read : callable, optional
        Called once with what was read.

    Raises
    ------
    CacheError
        If the name is not plain or is taken by other features.
    DataError, ShapeError
        If file and data do not fit, or the features do not fit into `dtype`.
    """
    check_name(name)
    X, digests, by, ids, notes = _identified(path, store, data, on_read)
    first = _first_of_each(X, digests, path.name)
    spec = EmbeddingSpec(backbone=f"cached:{name}", revision="", **({"dtype": dtype} if dtype else {}))
    spec = _with_content(spec, X, digests, first)
    names = fingerprints_by_name(store.root)
    check_case(name, names)
    taken = names.get(name, "")
    if taken not in ("", spec.fingerprint()) and not replace:
        msg = (
            f"cached:{name} must keep its content: it names other features already, fingerprint {taken[:12]}. "
            "Choose another --name, or add --replace."
        )
        raise CacheError(msg)

    def rows_of(chosen: Rows) -> list[tuple[NDArray[Any], Mapping[str, Any]]]:
        recorded = {"matched_by": by, **({"ids": [ids[i] for i in chosen]} if ids else {})}
        return [(X[chosen], recorded)]

    for _ in store.add([spec], digests, rows_of, positions=store.missing(spec, digests)):
        pass  # a step is a shard; the name comes last
    point(store.root, name, spec.fingerprint())
    return Exchanged(
        name=name,
        fingerprint=spec.fingerprint(),
        rows=len(first),
        dim=X.shape[1],
        matched_by=by,
        dtype=spec.dtype,
        replaced="" if taken == spec.fingerprint() else taken,
        notes=(*notes, *_zeroed(X, spec.dtype)),
    )


def export_features(
    name: str,
    path: Path,
    *,
    store: FeatureStore,
    data: DataConfig | None = None,
    force: bool = False,
    on_read: OnRead | None = None,
) -> Exchanged:
    """Write features of the cache to a file that ``features:FILE`` reads.

    With data: its rows in its order, with its ids if it has any that the file can hold. Without: all
    that the cache holds under this name, in row order if they were imported by row; else in the
    order of the digests, which is the same on every machine, with their ids or, in hexadecimal, the
    items' digests for ids.

    Parameters
    ----------
    name : str
        A name, or the beginning of a fingerprint.
    path : Path
        Ends in ``.npy``, ``.npz``, ``.safetensors`` or ``.parquet``.
    store, data, on_read
        As in `import_features`.
    force : bool
        Replace a file that is there.

    Raises
    ------
    CacheError, DataError
        If the cache lacks rows, or the file cannot be written as asked.
    """
    entry = resolve(store, name)
    ids: Sequence[str] | None
    notes: tuple[str, ...] = ()
    if data is not None:
        table = open_data(data)
        notes = table.notes
        if on_read:
            on_read(reading_of(data, table, {}))
        X = store.read(entry.spec, _cached_digests(table, name, entry, store))
        ids = table.ids.tolist()
        ids = ids if table.has_ids and holds_ids(path, ids) else None
    else:
        digests, ids = _everything(entry, store)
        X = store.read(entry.spec, digests)
    write_features(path, X, ids, force=force)
    return Exchanged(
        name=name,
        fingerprint=entry.spec.fingerprint(),
        rows=len(X),
        dim=X.shape[1],
        matched_by=matched_by(entry),
        dtype=entry.spec.dtype,
        notes=notes,
        shipped=entry.shipped,
    )


def from_file(table: Table, address: Path | str, data: DataConfig) -> tuple[FeatureSet, tuple[str, ...]]:
    """Return the features of a file for the rows of a table, by ids if the file has any, and notes on its columns."""
    file = read_features(address, data)
    return for_rows_of(table, file, data), file.notes


def from_cache(table: Table, name: str, store: FeatureStore) -> FeatureSet:
    """Return a table's features that the cache has under a name, as float32 whatever type they are stored in.

    Raises
    ------
    CacheError
        If there is no such name or fingerprint, or rows are missing.
    DataError
        If the table lacks the ids or items that its rows are matched by.
    """
    entry = resolve(store, name)
    digests = _cached_digests(table, name, entry, store)
    return FeatureSet(ids=table.ids, X=store.read(entry.spec, digests), spec=entry.spec, name=f"cached:{name}")


def resolve(store: FeatureStore, name: str) -> Contents:
    """Return what the cache holds under a name, or else under the beginning of a fingerprint.

    Raises
    ------
    CacheError
        If the name fits no entry, or several, or if its features are gone.
    """
    name = name.removeprefix("cached:")
    names = fingerprints_by_name(store.root, needed=name)
    is_fingerprint = re.fullmatch("[0-9a-f]{1,64}", name)
    entries = store.contents(names.get(name, name)) if name in names or is_fingerprint else []
    if name in names and not entries:
        msg = f"cached:{name} must have its features in the cache: they are gone or damaged. Import them again."
        raise CacheError(" ".join([msg, *store.notes]))
    if len(entries) != 1:
        msg = (
            f"a name or the beginning of a fingerprint must match one entry of the cache: {name[:120]!r} matches "
            f"{len(entries)}.{did_you_mean(name, names)} See: w2s-probe cache ls"
        )
        raise CacheError(msg)
    return entries[0]


def _identified(
    path: Path, store: FeatureStore, data: DataConfig | None, on_read: OnRead | None
) -> tuple[NDArray[Any], Digests, str, list[str] | None, tuple[str, ...]]:
    """Return features, digests of their rows, what rows are matched by, ids if matched by id, and notes."""
    if data is not None:
        table = open_data(data)
        digests = _digests(table, path.name, "item")
        file = read_features(path, data, temporary=store.temporary_file)
        features = for_rows_of(table, file, data)
        if on_read:
            on_read(
                reading_of(
                    data, table, {"features": file.read(file.name, table)}, guessed=["features"] if file.guessed else []
                )
            )
        return features.X, digests, "item", None, (*table.notes, *file.notes)
    file = read_features(path, temporary=store.temporary_file)
    if on_read:
        on_read(reading_of_files({"features": file}))
    X, ids = file.X, file.ids
    if ids is None:
        return X, label_digests("row", map(str, range(len(X)))), "row", None, file.notes
    twice, times = Counter(ids).most_common(1)[0]
    if times > 1:
        msg = f"{path.name} must have distinct ids: got {twice!r} {times} times. Make them distinct, or give --data."
        raise ShapeError(msg)
    return X, label_digests("id", ids), "id", ids, file.notes


def _zeroed(X: NDArray[Any], dtype: str) -> Iterator[str]:
    """Yield a note on columns whose values are not 0, but all become 0 in a type."""
    before, after = (np.zeros(X.shape[1], dtype=np.bool_) for _ in range(2))
    for rows in row_blocks(len(X)):
        before |= X[rows].any(axis=0)
        after |= X[rows].astype(dtype).any(axis=0)
    columns = np.flatnonzero(before & ~after)
    if len(columns):
        which = listed([str(column) for column in columns])
        yield (
            f"{len(columns):,} of {X.shape[1]:,} columns become 0 in {dtype}: column {which}. "
            "Scale these columns to keep them."
        )


def _first_of_each(X: NDArray[Any], digests: Digests, name: str) -> Rows:
    """Return the first row of each distinct item, in the order of digests; all its rows must agree."""
    _, first, number = np.unique(digests, return_index=True, return_inverse=True)
    for row in np.flatnonzero(first[number] != np.arange(len(digests))):
        first_row, copy = X[first[number[row]]], X[row]
        if np.abs(first_row - copy).max() > ROUNDING * np.abs(first_row).max():
            msg = (
                f"{name} must give one item one row of features: rows {first[number[row]]} and {row} of the data are "
                "the same item, and their features differ. Check the order of the rows."
            )
            raise ShapeError(msg)
    return first


def _with_content(spec: EmbeddingSpec, X: NDArray[Any], digests: Digests, first: Rows) -> EmbeddingSpec:
    """Return the spec with a hash of items and features for its revision, whatever their order and the file."""
    content = hashlib.sha256(f"{spec.dtype} {X.shape[1]}\0".encode() + digests[first].tobytes())
    little = np.dtype(spec.dtype).newbyteorder("<")
    for rows in row_blocks(len(first)):
        content.update(storable(X[first[rows]], spec, rows=len(first[rows])).astype(little, copy=False).tobytes())
    return EmbeddingSpec(**{**spec.to_dict(), "revision": f"sha256:{content.hexdigest()}"})


def _cached_digests(table: Table, name: str, entry: Contents, store: FeatureStore) -> Digests:
    """Return the digests of a table's rows, after a check that the cache holds all of them."""
    by = matched_by(entry)
    digests = _row_digests(table, entry.rows) if by == "row" else _digests(table, f"cached:{name}", by)
    lacking = store.missing(entry.spec, digests)
    if len(lacking):
        first = min(table.row_number(int(row)) for row in lacking)
        msg = (
            f"cached:{name} must hold every row of {table.name}: {len(lacking)} of {len(np.unique(digests))} distinct "
            f"{by}s are missing, the first is row {first}. {_lacking_advice(table, lacking, entry, store)}"
        )
        raise CacheError(msg)
    if by == "row" and table.rows_among(entry.rows) is None:
        msg = (
            f"cached:{name} has one row for each row of its data, in order: it has {entry.rows}, {table.name} has "
            f"{len(table)}. Import it with --data, or from a file with ids, to use some of its rows."
        )
        raise CacheError(msg)
    return digests


def _lacking_advice(table: Table, lacking: Rows, entry: Contents, store: FeatureStore) -> str:
    damage = store.damage(entry.spec)
    if damage:
        return damage
    advice = "Embed or import these rows too."
    if matched_by(entry) != "id":
        return advice
    ids = [name for shard in store.items(entry.spec)[1] for name in shard["ids"]]
    return missing_id_advice(table.ids[lacking].tolist(), ids, total=len(table)).replace(
        "Embed these rows too.", advice
    )


def _row_digests(table: Table, count: int) -> Digests:
    """Return the digests of a table's rows among as many rows as an import without ids has."""
    rows = table.rows_among(count)
    return label_digests("row", map(str, range(len(table)) if rows is None else rows.tolist()))


def _digests(table: Table, name: str, by: str) -> Digests:
    if by == "id":
        if not table.has_ids:
            msg = f"{name} is matched by ids: {table.name} was read without. Name a column with --id."
            raise DataError(msg)
        return label_digests("id", table.ids.tolist())
    if table.items is None:
        msg = (
            f"{name} is matched by items: {table.name} was read without any. Name their column with --text or --image."
        )
        raise DataError(msg)
    return item_digests(table.items)


def _everything(entry: Contents, store: FeatureStore) -> tuple[Digests, list[str] | None]:
    """Return all that the cache holds for a spec, and what to call it."""
    digests, recorded = store.items(entry.spec)
    by = matched_by(entry)
    if by == "row":
        return label_digests("row", map(str, range(len(digests)))), None
    if by == "id":
        ids = sorted({name for shard in recorded for name in shard["ids"]})
        keys = label_digests("id", ids)
        order = np.argsort(keys)
        return keys[order], [ids[i] for i in order]
    whole = digests.tobytes()
    width = digests.itemsize
    return digests, [whole[i * width : (i + 1) * width].hex() for i in range(len(digests))]


def matched_by(entry: Contents) -> Literal["row", "id", "item"]:
    """Return by what rows find their features."""
    by = entry.recorded.get("matched_by", "item")
    return by if by in ("row", "id") else "item"
