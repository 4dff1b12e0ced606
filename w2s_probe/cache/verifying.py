"""Checks every byte of a cache, and changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from w2s_probe.cache.faults import DamagedFileError, Fault, FaultyFileError
from w2s_probe.cache.listing import Listing
from w2s_probe.cache.marks import faults_of_marks
from w2s_probe.cache.names import Name, names_in
from w2s_probe.cache.shards import Sidecar, load_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What `verify` found.

    Parameters
    ----------
    intact : int
        Shards all of whose bytes are those that were written.
    unsealed : int
        Names without a seal, of an earlier version: most changes of such a name cannot be found.
    faults : tuple of FaultyFileError
        What is wrong with each other file, shards first.
    """

    intact: int
    unsealed: int
    faults: tuple[FaultyFileError, ...]

    def counts(self) -> Counter[Fault]:
        """Return the number of faults of each kind."""
        return Counter(error.fault for error in self.faults)


def verify(root: Path) -> Verification:
    """Check every byte of a cache.

    Parameters
    ----------
    root : Path
        Folder of the cache.

    Raises
    ------
    CacheError
        If its folder cannot be listed.
    """
    listing = Listing(root)
    shards = [_fault(entry) for folder in listing.folders() for entry in listing.examined(folder)]
    names = list(names_in(root))
    return Verification(
        intact=shards.count(None),
        unsealed=sum(isinstance(entry, Name) and not entry.is_sealed for entry in names),
        faults=(*(fault for fault in shards if fault), *_faults(root, names), *faults_of_marks(root)),
    )


def _fault(entry: Sidecar | FaultyFileError) -> FaultyFileError | None:
    if isinstance(entry, FaultyFileError):
        return entry
    try:
        load_rows(entry, verify=True)
    except FaultyFileError as error:
        return error
    return None


def _faults(root: Path, names: list[Name | FaultyFileError]) -> Iterator[FaultyFileError]:
    """Yield what is wrong with names; one without a seal may have another fingerprint than was written."""
    for entry in names:
        if isinstance(entry, FaultyFileError):
            yield entry
        elif not entry.is_sealed and not (root / "features" / entry.fingerprint).is_dir():
            path = root / "names" / f"{entry.name}.json"
            yield DamagedFileError(
                f"a cache name must have its features: {path} names {entry.fingerprint[:12]}, which is not there. "
                "Import the features again.",
                path,
            )
