"""A shard while it is encoded slice by slice: what is finished is kept, and taken up by the next call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from w2s_probe.cache.faults import DamagedFileError, FaultyFileError
from w2s_probe.cache.keys import Digests, fingerprint, shard_name
from w2s_probe.cache.partials import Partial, partial_path, plan_of, read_partial, write_partial
from w2s_probe.cache.shards import write_shard
from w2s_probe.cache.stored_types import of_one_width, storable
from w2s_probe.core.errors import CacheError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.types import Rows

BETWEEN = 30.0  # seconds of work that a killed process may lose
Clock = Callable[[], float]
Slice = Sequence[NDArray[Any]]  # the features of one slice, for each spec
Facts = Sequence[Mapping[str, Any]]  # recorded facts, for each spec
Encoded = Sequence[tuple[NDArray[Any], Mapping[str, Any]]]  # features and recorded facts, for each spec


class Encoder(Protocol):
    """Computes the features of several specs together, slice by slice."""

    def slices(self, rows: Rows) -> Sequence[Rows]:
        """Return the positions in `rows` of each slice; every position is in one."""

    def encode(self, slices: Sequence[Rows]) -> Iterator[Slice]:
        """Yield the features of each slice; positions are those in the data."""

    def facts(self) -> Facts:
        """Return facts that cannot change a number beyond rounding; called after a slice was encoded."""

    def recorded(self, rows: Rows) -> Facts:
        """Return what is recorded with the shard of these rows: `facts`, and which items were cut."""


class WholeShards:
    """An encoder of whole shards, from a function that returns features and recorded facts together."""

    def __init__(self, encode: Callable[[Rows], Encoded]) -> None:
        self._encode = encode
        self._recorded: Facts = ()

    def slices(self, rows: Rows) -> list[Rows]:
        """Return one slice."""
        return [np.arange(len(rows))]

    def encode(self, slices: Sequence[Rows]) -> Iterator[Slice]:
        """Yield the features of the shard."""
        for rows in slices:
            encoded = self._encode(rows)
            self._recorded = [recorded for _, recorded in encoded]
            yield [features for features, _ in encoded]

    def facts(self) -> Facts:
        """Return what the function returned."""
        return self._recorded

    def recorded(self, rows: Rows) -> Facts:
        """Return what the function returned."""
        return self._recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Rows that were added to an open shard.

    Parameters
    ----------
    rows : int
        Number of rows.
    taken_up : bool
        Whether an earlier call had computed them.
    """

    rows: int
    taken_up: bool = False


class OpenShard:
    """The slices of one shard, for each of several specs.

    Parameters
    ----------
    root : Path
        Folder of the cache.
    specs : sequence of EmbeddingSpec
        Embeddings that are computed together.
    digests : array of shape (m,)
        Digests of the shard's items.
    slices : sequence of array
        Positions among these items, see `Encoder.slices`.
    clock : callable
        Seconds since any moment.
    """

    def __init__(
        self,
        root: Path,
        specs: Sequence[EmbeddingSpec],
        digests: Digests,
        slices: Sequence[Rows],
        *,
        clock: Clock = time.monotonic,
    ) -> None:
        self.slices, self.notes = slices, list[str]()
        self._root, self._specs, self._digests, self._clock = root, specs, digests, clock
        self._plan = plan_of(slices)
        self._names = [(fingerprint(spec), shard_name(spec, digests)) for spec in specs]
        self._done: dict[int, Slice] = {}
        self._facts: Facts = ()
        self._written, self._time = 0, clock()  # slices in the partial files, and when they were written

    def steps(self, encoder: Encoder, rows: Rows, widths: Sequence[set[int]]) -> Iterator[Step]:
        """Encode the shard, yield its slices, then write it; a call that is ended keeps what is finished.

        Parameters
        ----------
        encoder : Encoder
            Computes the features.
        rows : array of int
            Positions of the shard's items in the data.
        widths : sequence of set of int
            For each spec the widths of its features, to which the first width is added.
        """

        def check(features: Slice, count: int) -> Slice:
            triples = zip(self._specs, widths, features, strict=True)
            return [of_one_width(X, spec, rows=count, widths=width) for spec, width, X in triples]

        try:
            yield from self.encode(encoder, rows, check)
            self._write(encoder.recorded(rows))
        except CacheError:  # of the disk
            self.keep()
            raise
        except Exception:  # the code that computed the other slices may be wrong, too
            self.forget()
            raise
        except BaseException:  # a signal, also while the caller shows the progress
            self.keep()
            raise
        self.forget()

    def encode(self, encoder: Encoder, rows: Rows, check: Callable[[Slice, int], Slice]) -> Iterator[Step]:
        """Encode all slices but those that an earlier call has kept; yield the rows of each.

        Kept slices are used only if this call runs under the same facts, which are known after its first slice.

        Parameters
        ----------
        encoder : Encoder
            Computes the features.
        rows : array of int
            Positions of the shard's items in the data.
        check : callable
            From the features of a slice and its number of rows to the features as they are kept.
        """
        kept, facts = self._read()
        missing, began = self._missing(kept), self._clock()
        while missing:
            encoded = encoder.encode([rows[self.slices[number]] for number in missing])
            for number, features in zip(missing, encoded, strict=True):
                self._done[number] = check(features, len(self.slices[number]))
                if not self._facts:
                    self._facts = _as_json(encoder.facts())
                    yield from self._taken_up(kept if facts == self._facts else {}, kept, check)
                yield Step(rows=len(self.slices[number]))
                began = self._keep_in_time(began)
            missing = self._missing()

    def keep(self) -> None:
        """Write the finished slices if they are more than were written; what the disk refuses is not kept."""
        if len(self._done) <= self._written or len(self.slices) == 1 or not self._facts:
            return
        numbers = sorted(self._done)
        parts = zip(*(self._done[number] for number in numbers), strict=True)
        for (spec, shard), facts, features in zip(self._names, self._facts, parts, strict=True):
            partial = Partial(
                fingerprint=spec,
                shard=shard,
                plan=self._plan,
                slices=tuple(numbers),
                recorded=facts,
                X=np.concatenate(features),
            )
            with suppress(OSError):
                if self._may_write(partial):
                    write_partial(self._path(shard), partial)
        self._written, self._time = len(numbers), self._clock()

    def forget(self) -> None:
        """Delete the partial files."""
        for _, shard in self._names:
            with suppress(OSError):
                self._path(shard).unlink(missing_ok=True)

    def _write(self, recorded: Facts) -> None:
        """Write the shard of each spec, its rows in the order of the items."""
        places = np.argsort(np.concatenate(self.slices))
        slices = [self._done[number] for number in range(len(self.slices))]
        whole = [np.concatenate(parts)[places] for parts in zip(*slices, strict=True)]
        stored = [storable(X, spec, rows=len(places)) for X, spec in zip(whole, self._specs, strict=True)]
        for spec, X, facts in zip(self._specs, stored, recorded, strict=True):
            folder = self._root / "features" / fingerprint(spec)
            write_shard(folder, self._root / "tmp", spec=spec, digests=self._digests, X=X, recorded=facts)

    def _path(self, shard: str) -> Path:
        return partial_path(self._root / "tmp", shard)

    def _rows(self, numbers: Iterable[int]) -> int:
        return sum(len(self.slices[number]) for number in numbers)

    def _keep_in_time(self, began: float) -> float:
        """Keep what is finished if a next slice that takes as long as the last would end too late; return the time."""
        now = self._clock()
        if len(self._done) < len(self.slices) and now - self._time + (now - began) >= BETWEEN:
            self.keep()
        return self._clock()

    def _missing(self, kept: Iterable[int] = ()) -> list[int]:
        """Return the numbers of the slices that are neither done nor kept."""
        return sorted({*range(len(self.slices))} - {*self._done, *kept})

    def _taken_up(
        self, kept: Mapping[int, Slice], read: Mapping[int, Slice], check: Callable[[Slice, int], Slice]
    ) -> Iterator[Step]:
        """Use the kept slices of all that were read."""
        for number, features in kept.items():
            self._done[number] = check(features, len(self.slices[number]))
        self._written = len(kept)
        if kept:
            yield Step(rows=self._rows(kept), taken_up=True)
        elif read:
            self._refuse(self._rows(read))

    def _read(self) -> tuple[dict[int, Slice], Facts]:
        """Return the slices that the partial files of all specs have, and their facts; never all slices."""
        slices, facts = [], []
        for _, shard in self._names:
            partial = self._partial(shard)
            if partial is None:
                return {}, ()
            starts = np.cumsum([len(self.slices[number]) for number in partial.slices])[:-1]
            slices.append(dict(zip(partial.slices, np.split(partial.X, starts), strict=True)))
            facts.append(partial.recorded)
        common = sorted(set.intersection(*map(set, slices)))[: len(self.slices) - 1]
        return {number: [features[number] for features in slices] for number in common}, facts

    def _partial(self, shard: str) -> Partial | None:
        """Return the partial file of a shard if its slices are those of this call."""
        try:
            partial = read_partial(self._path(shard))
        except FileNotFoundError:
            return None
        except FaultyFileError as error:
            self.notes.append(str(error))
            return None
        fits = partial.plan == self._plan and {*partial.slices} <= {*range(len(self.slices))}
        if fits and len(partial.X) == self._rows(partial.slices):
            return partial
        self._refuse(len(partial.X))
        return None

    def _refuse(self, rows: int) -> None:
        self.notes.append(
            f"{rows:,} rows of an interrupted call are computed again: its --batch-size, --device, --threads or "
            "versions were others."
        )

    def _may_write(self, partial: Partial) -> bool:
        """Return whether no file is there that is of more use, or that must stay."""
        if (self._root / partial.sidecar).exists():
            return False
        try:
            there = read_partial(self._path(partial.shard))
        except (FileNotFoundError, DamagedFileError):
            return True
        except FaultyFileError:
            return False
        same = there.plan == partial.plan and there.recorded == partial.recorded
        return not same or len(there.slices) < len(partial.slices)


def _as_json(facts: Facts) -> Facts:
    """Return facts as a partial file gives them back."""
    return [json.loads(json.dumps(dict(one))) for one in facts]
