"""Find, fetch and add features by what they are features of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from w2s_probe.cache.keys import DIGEST_BYTES, Digests, find
from w2s_probe.cache.shards import DamagedShardError, Sidecar, discard_damaged, load_rows, read_sidecar, write_shard
from w2s_probe.cache.temporary import remove_abandoned
from w2s_probe.core.arrays import as_matrix, check_same_rows, row_blocks
from w2s_probe.core.errors import CacheError, ShapeError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.serialize import Mark
from w2s_probe.core.types import Features, Rows

SHARD_ROWS = 512
Encoded = Sequence[tuple[NDArray[Any], Mapping[str, Any]]]
State = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What the cache holds for one spec.

    Parameters
    ----------
    spec : EmbeddingSpec
        Everything that decided the numbers.
    rows, dim : int
        Distinct items, and features of each.
    shards, bytes : int
        Files of rows, and their size with their sidecars.
    truncated : int
        Items that were too long for the backbone and were cut.
    recorded : mapping
        What was noted when the first shard was written.
    """

    also_shown: ClassVar = ("fingerprint",)
    spec: EmbeddingSpec
    rows: int
    dim: int
    shards: int
    bytes: int
    truncated: int
    recorded: Annotated[Mapping[str, Any], Mark.HIDDEN]

    @property
    def fingerprint(self) -> str:
        """The spec's fingerprint, which names the folder of the shards."""
        return self.spec.fingerprint()


@dataclass(frozen=True, eq=False, kw_only=True)
class _Found:
    """Where items are: shard number among `sidecars`, or -1, and row in it."""

    sidecars: list[Sidecar]
    shard: Rows
    row: Rows


class FeatureStore:
    """A folder of write-once shards, safe to share between processes.

    Parameters
    ----------
    root : Path
        Folder of the cache; made when first written to.
    shard_rows : int
        Rows per shard, and so the most that an interruption can lose.
    """

    def __init__(self, root: Path, *, shard_rows: int = SHARD_ROWS) -> None:
        self.root = root
        self.shard_rows = shard_rows
        self._read: dict[Path, tuple[State, Sidecar]] = {}
        self._verified: set[Path] = set()
        self._damaged: set[Path] = set()
        try:
            usable = root.is_dir() or not (root.exists() or any(parent.is_file() for parent in root.parents))
        except OSError as error:
            msg = f"the feature cache must be a folder: {root} said {error.strerror or error}. Choose another --cache."
            raise CacheError(msg) from error
        if not usable:
            msg = f"the feature cache must be a folder: {root} is a file or lies below one. Choose another --cache."
            raise CacheError(msg)

    def missing(self, spec: EmbeddingSpec, digests: Digests) -> Rows:
        """Return the first positions of the distinct items that are not here, in order.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        digests : array of shape (n,)
            Of the items, as `item_digests` returns them.
        """
        first = np.sort(np.unique(digests, return_index=True)[1])
        return first[self._locate(spec, digests[first]).shard < 0]

    def add(
        self,
        specs: Sequence[EmbeddingSpec],
        digests: Digests,
        encode: Callable[[Rows], Encoded],
        *,
        positions: Rows,
    ) -> Iterator[int]:
        """Encode and store the items at `positions`, shard by shard; yield the rows of each.

        Parameters
        ----------
        specs : sequence of EmbeddingSpec
            Embeddings that one pass of `encode` returns together.
        digests : array of shape (n,)
            Of all items.
        encode : callable
            From positions to one (features, what to record) for each spec.
        positions : array of int
            From `missing`; each is encoded once.

        Raises
        ------
        ShapeError
            If an embedding is not finite, also in the type of its spec, or has not one row for each item; nothing
            of its shard is stored.
        CacheError
            If the disk refuses; what is stored stays valid.
        """
        remove_abandoned(self._temporary)
        discard_damaged(self._damaged)
        for block in row_blocks(len(positions), self.shard_rows):
            chosen = positions[block]
            stored = [
                (spec, storable(found, spec, rows=len(chosen)), recorded)
                for spec, (found, recorded) in zip(specs, encode(chosen), strict=True)
            ]
            for spec, X, recorded in stored:
                folder = self._folder(spec)
                write_shard(folder, self._temporary, spec=spec, digests=digests[chosen], X=X, recorded=recorded)
            yield len(chosen)

    def read(self, spec: EmbeddingSpec, digests: Digests) -> Features:
        """Return the features of these items, shape (n, d), in their order and in the type they are stored in.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        digests : array of shape (n,)
            Of the items, as `item_digests` returns them.

        Raises
        ------
        CacheError
            If an item is not in the cache.
        """
        try:
            X = self._gather(spec, digests)
        except DamagedShardError:  # it was intact a moment ago: somebody cleans up, and the rows may be elsewhere
            self._verified.clear()
            X = self._gather(spec, digests)
        with suppress(OSError):  # a cache that may only be read
            os.utime(self._folder(spec))  # when it was last of use, for `clean`
        return X

    def known(self, digests: Digests) -> NDArray[np.bool_]:
        """Return which items have features of some backbone here, those of imports left out.

        Parameters
        ----------
        digests : array of shape (n,)
            Of the items, as `item_digests` returns them.
        """
        found = np.zeros(len(digests), dtype=np.bool_)
        for folder in self._folders():
            computed = [s.digests for s in self._intact_sidecars(folder) if "matched_by" not in s.recorded]
            if computed:
                found |= find(digests, np.concatenate(computed)) >= 0
        return found

    def width(self, spec: EmbeddingSpec, digests: Digests) -> int:
        """Return the number of features of these items; 0 if none is here.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        digests : array of shape (n,)
            Of the items, as `item_digests` returns them.
        """
        found = self._locate(spec, digests)
        held = found.shard[found.shard >= 0]
        return found.sidecars[held[0]].dim if len(held) else 0

    def truncated(self, spec: EmbeddingSpec, digests: Digests) -> int:
        """Return how many of these items the backbone cut, each counted once.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        digests : array of shape (n,)
            Of the items, as `item_digests` returns them.
        """
        found = self._locate(spec, digests)
        held = set(zip(found.shard.tolist(), found.row.tolist(), strict=True))
        cut = {number: set(found.sidecars[number].recorded.get("truncated", [])) for number, _ in held if number >= 0}
        return sum(row in cut[number] for number, row in held if number >= 0)

    def contents(self, prefix: str = "") -> list[Contents]:
        """Return what the cache holds, one entry for each spec whose fingerprint begins with `prefix`.

        Parameters
        ----------
        prefix : str
            The beginning of a fingerprint; empty for all.
        """
        found = []
        for folder in self._folders():
            sidecars = list(self._intact_sidecars(folder)) if folder.name.startswith(prefix) else []
            if sidecars:
                arrays = [s.path.with_suffix(".npy") for s in sidecars]
                found.append(
                    Contents(
                        spec=sidecars[0].spec,
                        shards=len(sidecars),
                        rows=sum(len(s.digests) for s in sidecars),
                        dim=sidecars[0].dim,
                        bytes=sum(s.bytes for s in sidecars) + sum(a.stat().st_size for a in arrays if a.exists()),
                        truncated=sum(len(s.recorded.get("truncated", [])) for s in sidecars),
                        recorded=sidecars[0].recorded,
                    )
                )
        return found

    def items(self, spec: EmbeddingSpec) -> tuple[Digests, list[Mapping[str, Any]]]:
        """Return the distinct items that are here, in the order of digests, and what is recorded of each shard.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        """
        sidecars = list(self._intact_sidecars(self._folder(spec)))
        held = [sidecar.digests for sidecar in sidecars] or [np.empty(0, dtype=f"S{DIGEST_BYTES}")]
        return np.unique(np.concatenate(held)), [sidecar.recorded for sidecar in sidecars]

    def verify(self) -> tuple[int, list[str]]:
        """Return the number of intact shards, and one sentence for each damaged one."""
        intact, problems = 0, []
        for folder in self._folders():
            for sidecar in self._sidecars(folder):
                try:
                    if isinstance(sidecar, DamagedShardError):
                        raise sidecar
                    load_rows(sidecar, verify=True)
                    intact += 1
                except DamagedShardError as error:
                    problems.append(str(error))
        return intact, problems

    @property
    def _temporary(self) -> Path:
        return self.root / "tmp"

    def _folders(self) -> list[Path]:
        base = self.root / "features"
        return sorted(path for path in base.iterdir() if path.is_dir()) if base.is_dir() else []

    def _folder(self, spec: EmbeddingSpec) -> Path:
        return self.root / "features" / spec.fingerprint()

    def _gather(self, spec: EmbeddingSpec, digests: Digests) -> Features:
        found = self._locate(spec, digests)
        if not len(digests) or (found.shard < 0).any():
            msg = f"the cache must hold every item: some are missing in {self.root}. Embed the data first."
            raise CacheError(msg)
        X = np.empty((len(digests), found.sidecars[found.shard[0]].dim), dtype=spec.dtype)
        by_shard = np.argsort(found.shard, kind="stable")
        for rows in np.split(by_shard, np.flatnonzero(np.diff(found.shard[by_shard])) + 1):
            X[rows] = load_rows(found.sidecars[found.shard[rows[0]]], verify=False)[found.row[rows]]
        return X

    def _locate(self, spec: EmbeddingSpec, wanted: Digests) -> _Found:
        """Return where each wanted item is, in shards every byte of which has been checked."""
        sidecars = list(self._intact_sidecars(self._folder(spec)))
        while sidecars:
            known = np.concatenate([sidecar.digests for sidecar in sidecars])
            starts = np.cumsum([0, *(len(sidecar.digests) for sidecar in sidecars)])
            at = find(wanted, known)
            shard = np.where(at < 0, -1, np.searchsorted(starts, at, side="right") - 1)
            held = np.flatnonzero(np.bincount(shard[at >= 0]))
            bad = {number for number in held.tolist() if not self._intact(sidecars[number])}
            if not bad:
                return _Found(sidecars=sidecars, shard=shard, row=at - starts[shard])
            sidecars = [sidecar for number, sidecar in enumerate(sidecars) if number not in bad]
        nowhere = np.full(len(wanted), -1)
        return _Found(sidecars=[], shard=nowhere, row=nowhere)

    def _intact_sidecars(self, folder: Path) -> Iterator[Sidecar]:
        for sidecar in self._sidecars(folder):
            if isinstance(sidecar, Sidecar):
                yield sidecar
            else:
                self._damaged.add(sidecar.path)

    def _sidecars(self, folder: Path) -> Iterator[Sidecar | DamagedShardError]:
        """Yield all sidecars by name, each read and checked once as long as its file stays the same."""
        for path, state in _listing(folder):
            known = self._read.get(path)
            if known is None or known[0] != state:
                try:
                    known = state, read_sidecar(path)
                except DamagedShardError as error:
                    yield error
                    continue
                except FileNotFoundError:  # removed by another process since the listing
                    continue
                self._read[path] = known
            yield known[1]

    def _intact(self, sidecar: Sidecar) -> bool:
        if sidecar.path not in self._verified:
            try:
                load_rows(sidecar, verify=True)
            except DamagedShardError:
                self._damaged.add(sidecar.path)
                return False
            self._verified.add(sidecar.path)
        return True


def _listing(folder: Path) -> list[tuple[Path, State]]:
    """Return the sidecars in a folder by name, and by what one can tell whether they have changed."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".json"):
                    with suppress(FileNotFoundError):
                        stat = entry.stat()
                        found.append((folder / entry.name, (stat.st_ino, stat.st_size, stat.st_mtime_ns)))
    except FileNotFoundError:
        return []
    except OSError as error:
        msg = f"the feature cache must be readable: {folder} said {error.strerror or error}. Choose another --cache."
        raise CacheError(msg) from error
    return sorted(found)


def storable(found: NDArray[Any], spec: EmbeddingSpec, *, rows: int) -> Features:
    """Return features in the type of their spec, or raise `ShapeError` if they do not fit it.

    Parameters
    ----------
    found : array of shape (m, d)
        Features as a backbone gave them.
    spec : EmbeddingSpec
        Whose type they are stored in.
    rows : int
        Items they belong to.
    """
    name = f"features of {spec.backbone}"
    X = as_matrix(found, name)
    check_same_rows(name, len(X), "their items", rows)
    with np.errstate(over="ignore"):
        stored = X.astype(spec.dtype, copy=False)
    if not np.isfinite(stored).all():
        i, j = np.argwhere(~np.isfinite(stored))[0]
        msg = (
            f"{name} must fit into {spec.dtype}: {X[i, j]:.6g} in column {j} is beyond "
            f"{np.finfo(spec.dtype).max:.6g}. Store a wider type, or scale the features first."
        )
        raise ShapeError(msg)
    return stored
