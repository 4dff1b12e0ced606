"""Make space: what no longer is of use goes, and what is in use by other processes stays."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from w2s_probe.cache.names import fingerprints_by_name, forget_name
from w2s_probe.cache.shards import Sidecar, is_intact, read_sidecar, remove_shard
from w2s_probe.cache.temporary import abandoned, sole_writer
from w2s_probe.core.errors import CacheError

Reason = Literal["temporary", "damaged", "incomplete", "duplicate", "unused", "requested"]
REASONS: tuple[Reason, ...] = get_args(Reason)
DAY = 24 * 60 * 60
HASH = re.compile(r"[0-9a-f]{64}")  # nothing else is ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """One file, or one shard with its sidecar, that went.

    Parameters
    ----------
    path : Path
        Where it was.
    reason : str
        Why it was of no use, one of `REASONS`.
    bytes : int
        Its size.
    """

    path: Path
    reason: Reason
    bytes: int


def clean(
    root: Path,
    *,
    remove: Collection[str] = (),
    keep: Collection[str] = (),
    older_than: float | None = None,
    dry_run: bool = False,
) -> list[Freed]:
    """Delete what is of no use, and return it.

    Always: temporary files of dead writers, damaged shards, arrays without a sidecar, and shards
    every row of which another shard holds. A folder's lock is held while it is looked at, so that
    no shard is half written meanwhile and no two cleaners delete each other's duplicate. Empty
    folders stay: a writer may be about to fill them.

    Parameters
    ----------
    root : Path
        Of the cache.
    remove : collection of str
        Fingerprints whose features are all deleted, with the names that point at them.
    keep : collection of str
        Fingerprints that `older_than` leaves alone; so does every fingerprint that has a name,
        since nothing here could compute its features again.
    older_than : float, optional
        Days; features that were neither written nor read for longer are deleted.
    dry_run : bool
        Only look.

    Raises
    ------
    CacheError
        If the disk refuses; what is cached stays valid.
    """
    folders = sorted(path for path in (root / "features").glob("*") if path.is_dir() and HASH.fullmatch(path.name))
    named = fingerprints_by_name(root)
    spared = {*keep, *named.values()}
    freed = []
    try:
        for path in abandoned(root / "tmp"):
            freed.append(_freed(path, "temporary"))
            if not dry_run:
                path.unlink(missing_ok=True)
        for folder in folders:
            with sole_writer(folder):
                idle = (time.time() - folder.stat().st_mtime) / DAY  # `FeatureStore.read` touches the folder
                unused = older_than is not None and folder.name not in spared and idle > older_than
                for path, reason in _useless(folder, requested=folder.name in remove, unused=unused):
                    freed.append(_freed(path, reason))
                    if not dry_run:
                        remove_shard(path)
        for name in [name for name, fingerprint in named.items() if fingerprint in remove and not dry_run]:
            forget_name(root, name)
    except OSError as error:
        if isinstance(error, CacheError):
            raise
        msg = f"the feature cache must be writable: {root} said {error.strerror or error}. What is cached stays valid."
        raise CacheError(msg) from error
    return freed


def _useless(folder: Path, *, requested: bool, unused: bool) -> Iterator[tuple[Path, Reason]]:
    """Yield sidecars, there or not, and why their shards should go."""
    intact = []
    for stem in sorted({path.stem for path in folder.iterdir() if HASH.fullmatch(path.stem)}):
        path = folder / f"{stem}.json"
        if requested or unused:
            yield path, "requested" if requested else "unused"
        elif is_intact(path):
            intact.append(read_sidecar(path))
        elif all(os.access(file, os.R_OK) for file in (path, path.with_suffix(".npy")) if file.exists()):
            yield path, "damaged" if path.exists() else "incomplete"  # else another user's, who can read it
    for path in _duplicates(intact):
        yield path, "duplicate"


def _duplicates(sidecars: Sequence[Sidecar]) -> Iterator[Path]:
    """Yield shards, small ones first, as long as every row is in one of the others."""
    if len(sidecars) < 2:
        return
    held_by = [np.unique(sidecar.digests) for sidecar in sidecars]
    _, number, copies = np.unique(np.concatenate(held_by), return_inverse=True, return_counts=True)
    rows = np.split(number, np.cumsum([len(digests) for digests in held_by])[:-1])
    for sidecar, held in sorted(zip(sidecars, rows, strict=True), key=lambda pair: (len(pair[1]), pair[0].path)):
        if (copies[held] > 1).all():
            copies[held] -= 1
            yield sidecar.path


def _freed(path: Path, reason: Reason) -> Freed:
    files = {path, path.with_suffix(".npy")} if reason != "temporary" else {path}
    return Freed(path=path, reason=reason, bytes=sum(file.stat().st_size for file in files if file.exists()))
