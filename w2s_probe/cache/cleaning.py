"""Deletes useless files of the cache, but no file that another process is writing."""

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
from w2s_probe.cache.temporary import abandoned, disk_errors
from w2s_probe.core.writing import sole_writer

Reason = Literal["temporary", "damaged", "incomplete", "duplicate", "unused", "requested"]
REASONS: tuple[Reason, ...] = get_args(Reason)
DAY = 24 * 60 * 60
HASH = re.compile(r"[0-9a-f]{64}")  # files and folders with other names are not deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """A deleted file, or a deleted shard with its sidecar.

    Parameters
    ----------
    path : Path
        Path of the file, or of the shard's sidecar.
    reason : str
        Why it was useless, one of `REASONS`.
    bytes : int
        Size on disk.
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
    """Delete useless files of the cache, and return them.

    Always deleted: temporary files of dead writers, damaged shards, arrays without a sidecar, and
    shards whose rows are all in other shards. The lock of a folder is held meanwhile, so that no
    shard is half written and no two cleaners delete each other's duplicate. Empty folders stay: a
    writer may be about to fill them.

    Parameters
    ----------
    root : Path
        Folder of the cache.
    remove : collection of str
        Fingerprints whose features are all deleted, with their names.
    keep : collection of str
        Fingerprints to which `older_than` does not apply. Nor does it apply to fingerprints with a
        name, since their features cannot be computed again.
    older_than : float, optional
        Days; features that were not written or read for longer are deleted.
    dry_run : bool
        Whether to return the files without deleting them.

    Raises
    ------
    CacheError
        If the disk cannot be written; intact shards stay valid.
    """
    fingerprints = fingerprints_by_name(root)
    spared = {*keep, *fingerprints.values()}
    folders = sorted(path for path in (root / "features").glob("*") if path.is_dir() and HASH.fullmatch(path.name))
    freed = []
    with disk_errors(root, advice="Check the permissions of the folder; what is cached stays valid."):
        for path in abandoned(root / "tmp"):
            freed.append(_freed(path, "temporary"))
            if not dry_run:
                path.unlink(missing_ok=True)
        for folder in folders:
            days = None if folder.name in spared else older_than
            freed += _clean_folder(folder, requested=folder.name in remove, older_than=days, dry_run=dry_run)
        for name in [name for name, fingerprint in fingerprints.items() if fingerprint in remove and not dry_run]:
            forget_name(root, name)
    return freed


def _clean_folder(folder: Path, *, requested: bool, older_than: float | None, dry_run: bool) -> list[Freed]:
    freed = []
    with sole_writer(folder):
        idle = (time.time() - folder.stat().st_mtime) / DAY  # `FeatureStore.read` updates the folder's time
        unused = older_than is not None and idle > older_than
        for path, reason in _useless(folder, requested=requested, unused=unused):
            freed.append(_freed(path, reason))
            if not dry_run:
                remove_shard(path)
    return freed


def _useless(folder: Path, *, requested: bool, unused: bool) -> Iterator[tuple[Path, Reason]]:
    """Yield the sidecar path of each useless shard, also if the sidecar is missing, and the reason."""
    intact = []
    for stem in sorted({path.stem for path in folder.iterdir() if HASH.fullmatch(path.stem)}):
        path = folder / f"{stem}.json"
        if requested or unused:
            yield path, "requested" if requested else "unused"
        elif is_intact(path):
            intact.append(read_sidecar(path))
        elif all(os.access(file, os.R_OK) for file in (path, path.with_suffix(".npy")) if file.exists()):
            yield path, "damaged" if path.exists() else "incomplete"  # another user's unreadable file may be intact
    for path in _duplicates(intact):
        yield path, "duplicate"


def _duplicates(sidecars: Sequence[Sidecar]) -> Iterator[Path]:
    """Yield shards, small ones first, whose rows are all in shards that stay."""
    if len(sidecars) < 2:
        return
    distinct = [np.unique(sidecar.digests) for sidecar in sidecars]
    _, numbers, copies = np.unique(np.concatenate(distinct), return_inverse=True, return_counts=True)
    items_of = np.split(numbers, np.cumsum([len(digests) for digests in distinct])[:-1])
    for sidecar, items in sorted(zip(sidecars, items_of, strict=True), key=lambda pair: (len(pair[1]), pair[0].path)):
        if (copies[items] > 1).all():
            copies[items] -= 1
            yield sidecar.path


def _freed(path: Path, reason: Reason) -> Freed:
    files = {path, path.with_suffix(".npy")} if reason != "temporary" else {path}
    return Freed(path=path, reason=reason, bytes=sum(file.stat().st_size for file in files if file.exists()))
