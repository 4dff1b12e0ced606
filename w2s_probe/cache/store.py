"""Find, fetch and add features by what they are features of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from w2s_probe.cache.keys import Digests
from w2s_probe.cache.shards import DamagedShardError, Sidecar, discard_damaged, load_rows, read_sidecar, write_shard
from w2s_probe.cache.temporary import remove_abandoned
from w2s_probe.errors import CacheError
from w2s_probe.features import EmbeddingSpec
from w2s_probe.validation import as_matrix, check_same_rows, row_blocks

__all__ = ["SHARD_ROWS", "Contents", "FeatureStore"]

SHARD_ROWS = 512
Encoded = Sequence[tuple[NDArray[Any], Mapping[str, Any]]]


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
    """

    also_shown: ClassVar = ("fingerprint",)
    spec: EmbeddingSpec
    rows: int
    dim: int
    shards: int
    bytes: int
    truncated: int

    @property
    def fingerprint(self) -> str:
        """The spec's fingerprint, which names the folder of the shards."""
        return self.spec.fingerprint()


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

    def missing(self, spec: EmbeddingSpec, digests: Digests) -> NDArray[np.intp]:
        """Return the first positions of the distinct items that are not here, in order.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        digests : array of shape (n,)
            Of the items, as `item_digests` returns them.
        """
        known, _ = self._index(spec, digests)
        first = np.sort(np.unique(digests, return_index=True)[1])
        return first[~np.isin(digests[first], known)]

    def add(
        self,
        specs: Sequence[EmbeddingSpec],
        digests: Digests,
        encode: Callable[[NDArray[np.intp]], Encoded],
        *,
        positions: NDArray[np.intp],
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
            If an embedding is not finite or has not one row for each item; nothing of it is stored.
        CacheError
            If the disk refuses; what is stored stays valid.
        """
        remove_abandoned(self._temporary)
        discard_damaged(self._damaged)
        for block in row_blocks(len(positions), self.shard_rows):
            chosen = positions[block]
            for spec, (found, recorded) in zip(specs, encode(chosen), strict=True):
                X = as_matrix(found, f"features of {spec.backbone}")
                check_same_rows(f"features of {spec.backbone}", len(X), "their items", len(chosen))
                folder = self._folder(spec)
                write_shard(folder, self._temporary, spec=spec, digests=digests[chosen], X=X, recorded=recorded)
            yield len(chosen)

    def read(self, spec: EmbeddingSpec, digests: Digests) -> NDArray[np.floating[Any]]:
        """Return the features of these items, shape (n, d), in their order.

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
        known, at = self._index(spec, digests)
        order = np.argsort(known)
        found = order[np.minimum(np.searchsorted(known[order], digests), len(known) - 1)] if len(known) else None
        if found is None or (known[found] != digests).any():
            msg = f"the cache must hold every item: some are missing in {self.root}. Embed the data first."
            raise CacheError(msg)
        X = np.empty((len(digests), at[0][0].dim), dtype=spec.dtype)
        shard_of = np.repeat(np.arange(len(at)), [len(sidecar.digests) for sidecar, _ in at])
        for number in np.unique(shard_of[found]):
            sidecar, start = at[number]
            rows = shard_of[found] == number
            X[rows] = load_rows(sidecar, verify=False)[found[rows] - start]
        return X

    def width(self, spec: EmbeddingSpec, digests: Digests) -> int:
        """Return the number of features of these items; 0 if none is here.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        digests : array of shape (n,)
            Of the items, as `item_digests` returns them.
        """
        _, at = self._index(spec, digests)
        return at[0][0].dim if at else 0

    def truncated(self, spec: EmbeddingSpec, digests: Digests) -> int:
        """Return how many of these items the backbone cut, each counted once.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        digests : array of shape (n,)
            Of the items, as `item_digests` returns them.
        """
        _, at = self._index(spec, digests)
        cut = [sidecar.digests[sidecar.recorded.get("truncated", [])] for sidecar, _ in at]
        return int(np.isin(np.unique(digests), np.concatenate(cut)).sum()) if cut else 0

    def contents(self) -> list[Contents]:
        """Return what the cache holds, one entry for each spec."""
        found = []
        for folder in self._folders():
            sidecars = [sidecar for sidecar in _sidecars(folder) if isinstance(sidecar, Sidecar)]
            if sidecars:
                files = [file for s in sidecars for file in (s.path, s.path.with_suffix(".npy"))]
                found.append(
                    Contents(
                        spec=sidecars[0].spec,
                        shards=len(sidecars),
                        rows=sum(len(s.digests) for s in sidecars),
                        dim=sidecars[0].dim,
                        bytes=sum(file.stat().st_size for file in files if file.exists()),
                        truncated=sum(len(s.recorded.get("truncated", [])) for s in sidecars),
                    )
                )
        return found

    def verify(self) -> tuple[int, list[str]]:
        """Return the number of intact shards, and one sentence for each damaged one."""
        intact, problems = 0, []
        for folder in self._folders():
            for sidecar in _sidecars(folder):
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

    def _index(self, spec: EmbeddingSpec, wanted: Digests) -> tuple[Digests, list[tuple[Sidecar, int]]]:
        """Return digests of all intact shards that hold a wanted item, and where each starts."""
        sidecars = []
        for sidecar in _sidecars(self._folder(spec)):
            if isinstance(sidecar, Sidecar):
                sidecars.append(sidecar)
            else:
                self._damaged.add(sidecar.path)
        if not sidecars:
            return wanted[:0], []
        owner = np.repeat(np.arange(len(sidecars)), [len(sidecar.digests) for sidecar in sidecars])
        hits = np.isin(np.concatenate([sidecar.digests for sidecar in sidecars]), wanted)
        useful = [sidecars[number] for number in np.unique(owner[hits]) if self._intact(sidecars[number])]
        starts = np.cumsum([0, *(len(sidecar.digests) for sidecar in useful)])
        known = np.concatenate([sidecar.digests for sidecar in useful]) if useful else wanted[:0]
        return known, list(zip(useful, starts.tolist(), strict=False))

    def _intact(self, sidecar: Sidecar) -> bool:
        if sidecar.path not in self._verified:
            try:
                load_rows(sidecar, verify=True)
            except DamagedShardError:
                self._damaged.add(sidecar.path)
                return False
            self._verified.add(sidecar.path)
        return True


def _sidecars(folder: Path) -> Iterator[Sidecar | DamagedShardError]:
    for path in sorted(folder.glob("*.json")):
        try:
            yield read_sidecar(path)
        except DamagedShardError as error:
            yield error
        except FileNotFoundError:  # removed by another process since the listing
            continue
