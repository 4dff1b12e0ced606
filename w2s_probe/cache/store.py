"""FeatureStore: reads and adds features by embedding and item digests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.cache.contents import Contents, contents_of
from w2s_probe.cache.faults import FaultyFileError
from w2s_probe.cache.keys import DIGEST_BYTES, Digests, find
from w2s_probe.cache.listing import Listing
from w2s_probe.cache.marks import mark, state_of
from w2s_probe.cache.open_shards import Clock, Encoded, Encoder, OpenShard, Step, WholeShards
from w2s_probe.cache.partials import remove_finished
from w2s_probe.cache.shards import Sidecar, discard_damaged, is_taken, load_rows
from w2s_probe.cache.stored_types import listed_widths
from w2s_probe.cache.temporary import disk_errors, remove_abandoned
from w2s_probe.cache.verifying import verify
from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.errors import CacheError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.types import Features, Rows
from w2s_probe.core.writing import new_file

SHARD_ROWS = 512


@dataclass(frozen=True, eq=False, kw_only=True)
class _Places:
    """Places of items: position of the shard in `sidecars`, or -1 if an item is missing, and row of the shard."""

    sidecars: list[Sidecar]
    shard: Rows
    row: Rows


class FeatureStore:
    """A folder of shards that are written once; several processes can share it.

    Parameters
    ----------
    root : path
        Folder of the cache, created by the first write.
    shard_rows : int
        Rows per shard.
    below : Path, optional
        Folder of a second cache that is only read, such as `SHIPPED`.
    clock : callable
        Seconds since any moment: decides when finished slices of an open shard are kept.

    Raises
    ------
    CacheError
        If the folder is neither empty nor a cache, or belongs to a newer version.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        shard_rows: int = SHARD_ROWS,
        below: Path | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.root = root = Path(root)
        self.shard_rows = shard_rows
        self._below = below
        self._clock = clock
        self._kept_notes: list[str] = []
        self._listing = Listing(root)
        state_of(root)

    def missing(self, spec: EmbeddingSpec, digests: Digests) -> Rows:
        """Return the first position of each distinct item that is not in the cache, in order.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        digests : array of shape (n,)
            Digests of the items.
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
        """Encode and store the items at `positions`, shard by shard; yield the number of rows of each shard.

        Parameters
        ----------
        specs : sequence of EmbeddingSpec
            Embeddings whose features one call of `encode` returns together.
        digests : array of shape (n,)
            Digests of all items.
        encode : callable
            From positions to a pair for each spec: features, and facts to record.
        positions : array of int
            Positions that `missing` returned.

        Raises
        ------
        ShapeError
            If features are not finite in the type of their spec, or their number of rows is wrong, or the cache has
            features of another width; their shard is not stored.
        CacheError
            If the disk cannot be written; earlier shards stay valid.
        """
        for rows, steps in self._shards(specs, digests, WholeShards(encode), positions):
            for _ in steps:
                pass
            yield len(rows)

    def add_slices(
        self, specs: Sequence[EmbeddingSpec], digests: Digests, encoder: Encoder, *, positions: Rows
    ) -> Generator[Step, None, None]:
        """Encode and store items as `add` does, slice by slice; yield the rows of each slice.

        Finished slices of an open shard are kept in a partial file every 30 seconds, and when a signal ends the call.
        The next call of the same shard takes them up. An error of the encoder keeps nothing of its shard.

        Parameters
        ----------
        specs : sequence of EmbeddingSpec
            As in `add`.
        digests : array of shape (n,)
            Digests of all items.
        encoder : Encoder
            Encodes the slices of a shard.
        positions : array of int
            Positions that `missing` returned.

        Raises
        ------
        ShapeError, CacheError
            As in `add`.
        """
        for _, steps in self._shards(specs, digests, encoder, positions):
            yield from steps

    def _shards(
        self, specs: Sequence[EmbeddingSpec], digests: Digests, encoder: Encoder, positions: Rows
    ) -> Iterator[tuple[Rows, Iterator[Step]]]:
        """Yield the rows of each new shard, and the steps that encode and write it."""
        mark(self.root)
        remove_abandoned(self._temporary)
        remove_finished(self.root)
        discard_damaged(self._listing.damaged_in([self._folder(spec) for spec in specs]))
        widths = [self._widths(spec) for spec in specs]
        for block in row_blocks(len(positions), self.shard_rows):
            for rows in self._free(specs, digests, positions[block]):
                shard = OpenShard(self.root, specs, digests[rows], encoder.slices(rows), clock=self._clock)
                yield rows, shard.steps(encoder, rows, widths)
                self._kept_notes += shard.notes

    @contextmanager
    def temporary_file(self) -> Iterator[tuple[IO[bytes], Path]]:
        """Yield an open file and its hidden name in the cache; it is deleted afterwards.

        Raises `CacheError` if the disk cannot be written.
        """
        with disk_errors(self.root):
            mark(self.root)
            remove_abandoned(self._temporary)
            with new_file(self._temporary) as file:
                yield file

    def read(self, spec: EmbeddingSpec, digests: Digests) -> Features:
        """Return the features of these items, shape (n, d), in the items' order and the spec's type.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        digests : array of shape (n,)
            Digests of the items.

        Raises
        ------
        CacheError
            If an item is not in the cache.
        """
        try:
            X = self._gather(spec, digests)
        except FaultyFileError:  # another process may have deleted the shard; its rows may be in other shards
            self._listing.forget_checks()
            X = self._gather(spec, digests)
        with suppress(OSError):  # the cache may be read-only
            os.utime(self._folder(spec))  # time of the last use, for `clean`
        return X

    def known(self, digests: Digests) -> NDArray[np.bool_]:
        """Return whether each item has features of any backbone in the cache; imported features do not count.

        Parameters
        ----------
        digests : array of shape (n,)
            Digests of the items.
        """
        mask = np.zeros(len(digests), dtype=np.bool_)
        for fingerprint in self._fingerprints():
            computed = [s.digests for s in self._sidecars(fingerprint) if "matched_by" not in s.recorded]
            if computed:
                mask |= find(digests, np.concatenate(computed)) >= 0
        return mask

    def width(self, spec: EmbeddingSpec, digests: Digests) -> int:
        """Return the number of features of these items; 0 if no item is in the cache.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        digests : array of shape (n,)
            Digests of the items.
        """
        places = self._locate(spec, digests)
        shards = places.shard[places.shard >= 0]
        return places.sidecars[shards[0]].dim if len(shards) else 0

    def truncated(self, spec: EmbeddingSpec, digests: Digests) -> int:
        """Return how many distinct items the backbone cut.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        digests : array of shape (n,)
            Digests of the items.
        """
        places = self._locate(spec, digests)
        asked = np.unique((places.shard << 32) + places.row)  # a number for each row of each shard
        recorded = [set(sidecar.recorded.get("truncated", [])) for sidecar in places.sidecars]
        cut = [(shard << 32) + row for shard, rows in enumerate(recorded) for row in rows]
        return int(np.isin(cut, asked).sum())

    def contents(self, prefix: str = "") -> list[Contents]:
        """Return the contents of the cache: an entry for each spec whose fingerprint begins with `prefix`.

        Parameters
        ----------
        prefix : str
            Beginning of a fingerprint; empty for all.
        """
        names = [name for name in self._fingerprints() if name.startswith(prefix)]
        shards = [list(self._sidecars(name)) for name in names]
        return [contents_of(sidecars, below=self._below) for sidecars in shards if sidecars]

    def items(self, spec: EmbeddingSpec) -> tuple[Digests, list[Mapping[str, Any]]]:
        """Return the sorted digests of the distinct items of a spec, and the facts recorded with each shard.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        """
        sidecars = list(self._sidecars(spec.fingerprint()))
        digests = [sidecar.digests for sidecar in sidecars] or [np.empty(0, dtype=f"S{DIGEST_BYTES}")]
        return np.unique(np.concatenate(digests)), [sidecar.recorded for sidecar in sidecars]

    def verify(self) -> tuple[int, list[str]]:
        """Return the number of intact shards, and a sentence for each file that is not served."""
        outcome = verify(self.root)
        return outcome.intact, [str(error) for error in outcome.faults]

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on files of the cache that were met and not used, if there were any."""
        counts = self._listing.counts()
        if not counts:
            return tuple(self._kept_notes)
        return (
            *self._kept_notes,
            f"not all files of the cache are used: {counts['damaged']:,} damaged, {counts['unreadable']:,} unreadable, "
            f"{counts['newer']:,} of a newer version; they stay as they are. See: w2s-probe cache verify",
        )

    def damage(self, spec: EmbeddingSpec) -> str:
        """Return which shards of a spec were met that are damaged, and what to do about it; empty if none was.

        Parameters
        ----------
        spec : EmbeddingSpec
            The embedding.
        """
        count = self._listing.damaged_count(self._folder(spec))
        if not count:
            return ""
        shards = "1 of its shards is" if count == 1 else f"{count:,} of its shards are"
        again = "Import the features" if spec.backbone.startswith("cached:") else "Embed the data"
        return f"{shards} damaged (see: w2s-probe cache verify). {again} again."

    @property
    def _temporary(self) -> Path:
        return self.root / "tmp"

    def _folder(self, spec: EmbeddingSpec) -> Path:
        return self.root / "features" / spec.fingerprint()

    def _gather(self, spec: EmbeddingSpec, digests: Digests) -> Features:
        places = self._locate(spec, digests)
        if not len(digests) or (places.shard < 0).any():
            first = "Import the features first." if spec.backbone.startswith("cached:") else "Embed the data first."
            msg = f"the cache must hold every item: some are missing in {self.root}. {self.damage(spec) or first}"
            raise CacheError(" ".join([msg, *self.notes]))
        widths = {places.sidecars[shard].dim for shard in np.unique(places.shard)}
        if len(widths) > 1:
            msg = (
                f"cached features of {spec.backbone} must have one width: got {listed_widths(widths)} columns. Remove "
                f"them and embed the data again: w2s-probe cache gc --remove {spec.fingerprint()[:12]}"
            )
            raise CacheError(msg)
        X = np.empty((len(digests), widths.pop()), dtype=spec.dtype)
        by_shard = np.argsort(places.shard, kind="stable")
        for rows in np.split(by_shard, np.flatnonzero(np.diff(places.shard[by_shard])) + 1):
            X[rows] = load_rows(places.sidecars[places.shard[rows[0]]], verify=False)[places.row[rows]]
        return X

    def _locate(self, spec: EmbeddingSpec, digests: Digests) -> _Places:
        """Return the place of each item, in shards whose bytes have all been checked."""
        sidecars = list(self._sidecars(spec.fingerprint()))
        while sidecars:
            table = np.concatenate([sidecar.digests for sidecar in sidecars])
            starts = np.cumsum([0, *(len(sidecar.digests) for sidecar in sidecars)])
            at = find(digests, table)
            shard = np.where(at < 0, -1, np.searchsorted(starts, at, side="right") - 1)
            numbers = np.flatnonzero(np.bincount(shard[at >= 0]))
            bad = {number for number in numbers.tolist() if not self._listing.is_intact(sidecars[number])}
            if not bad:
                return _Places(sidecars=sidecars, shard=shard, row=at - starts[shard])
            sidecars = [sidecar for number, sidecar in enumerate(sidecars) if number not in bad]
        nowhere = np.full(len(digests), -1)
        return _Places(sidecars=[], shard=nowhere, row=nowhere)

    def _free(self, specs: Sequence[EmbeddingSpec], digests: Digests, rows: Rows) -> Iterator[Rows]:
        """Yield the rows in parts whose shards have names that no file has which must stay."""
        taken = any(is_taken(self._folder(spec), spec, digests[rows]) for spec in specs)
        if taken and len(rows) > 1:
            yield from self._free(specs, digests, rows[: len(rows) // 2])
            yield from self._free(specs, digests, rows[len(rows) // 2 :])
        else:
            yield rows

    def _widths(self, spec: EmbeddingSpec) -> set[int]:
        return {sidecar.dim for sidecar in self._sidecars(spec.fingerprint())}

    def _fingerprints(self) -> list[str]:
        """Return the names of the folders of all specs, also of the cache below."""
        below = Listing(self._below).folders() if self._below else []
        return sorted({folder.name for folder in (*self._listing.folders(), *below)})

    def _sidecars(self, fingerprint: str) -> Iterator[Sidecar]:
        """Yield the sidecars of a spec that can be trusted; those of the cache below come last."""
        for root in (self.root, self._below):
            if root is not None:
                yield from self._listing.sidecars(root / "features" / fingerprint)
