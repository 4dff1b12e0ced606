"""Takes useless files out of the cache, but no file that another process is writing or that cannot be read."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from w2s_probe.cache.faults import DamagedFileError, FaultyFileError, is_plain, newer, unreadable
from w2s_probe.cache.listing import Listing
from w2s_probe.cache.marks import HASH, mark, state_of
from w2s_probe.cache.names import Name, forget_name, names_in
from w2s_probe.cache.partials import Partial, is_useless, partials_in
from w2s_probe.cache.quarantine import empty_quarantine, quarantined, remove_shard, set_aside, size_of
from w2s_probe.cache.shards import Sidecar, load_rows, read_sidecar
from w2s_probe.cache.temporary import abandoned, disk_errors
from w2s_probe.core.writing import sole_writer

Reason = Literal["temporary", "damaged", "incomplete", "duplicate", "unused", "requested", "quarantined", "emptied"]
REASONS: tuple[Reason, ...] = get_args(Reason)
DAY = 24 * 60 * 60
OnLeft = Callable[[FaultyFileError], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """A deleted file, or a deleted shard with its sidecar, or one that was moved to `quarantine/`.

    Parameters
    ----------
    path : Path
        Path of the file, or of the shard's sidecar.
    reason : str
        Why it was useless, one of `REASONS`; "quarantined" if it was moved, "emptied" if it was deleted there.
    bytes : int
        Size on disk.
    """

    path: Path
    reason: Reason
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What is to be done in one folder."""

    requested: bool
    older_than: float | None
    dry_run: bool
    on_left: OnLeft


def clean(
    root: Path,
    *,
    remove: Collection[str] = (),
    keep: Collection[str] = (),
    older_than: float | None = None,
    force: bool = False,
    dry_run: bool = False,
    on_left: OnLeft | None = None,
) -> list[Freed]:
    """Delete useless files of the cache, and return them.

    Always deleted: temporary files of dead writers, partial files that nobody goes on with, damaged
    shards, arrays without a sidecar, and shards whose rows are all in other shards. Damaged is what was
    read and has other bytes than were written; if it is an import, or nothing tells what it is, it is
    moved to `quarantine/`. What cannot be read, or is of a newer version, stays. The lock of a folder is
    held meanwhile, so that no shard is half written and no two cleaners delete each other's duplicate.
    Empty folders stay: a writer may be about to fill them.

    Parameters
    ----------
    root : Path
        Folder of the cache.
    remove : collection of str
        Fingerprints whose features are all deleted, with their names.
    keep : collection of str
        Fingerprints to which `older_than` does not apply. Nor does it apply to imports, since their features cannot
        be computed again.
    older_than : float, optional
        Days; features that were not written or read for longer are deleted.
    force : bool
        Whether to delete what earlier calls moved to `quarantine/`.
    dry_run : bool
        Whether to return the files without deleting them.
    on_left : callable, optional
        Called with what is wrong with each file that stays because it cannot be read or is of a newer version.

    Raises
    ------
    CacheError
        If the folder is no cache, or the disk cannot be written; intact shards stay valid.
    """
    if state_of(root) in ("absent", "empty"):
        return []
    if not dry_run:
        mark(root)
    on_left = on_left or _ignore
    names = list(names_in(root))
    spared = {*keep, *(entry.fingerprint for entry in names if isinstance(entry, Name))}
    with disk_errors(root, advice="Check the permissions of the folder; what is cached stays valid."):
        freed = _cleaned_quarantine(root, dry_run=dry_run) if force else []
        freed += _cleaned_temporary(root, dry_run=dry_run)
        freed += _cleaned_partials(root, remove=remove, dry_run=dry_run, on_left=on_left)
        freed += _cleaned_names(root, names, remove=remove, dry_run=dry_run, on_left=on_left)
        for folder in Listing(root).folders():
            if HASH.fullmatch(folder.name):
                task = _Task(
                    requested=folder.name in remove,
                    older_than=None if folder.name in spared else older_than,
                    dry_run=dry_run,
                    on_left=on_left,
                )
                freed += _cleaned_folder(folder, task)
    return freed


def _cleaned_quarantine(root: Path, *, dry_run: bool) -> list[Freed]:
    freed = [Freed(path=path, reason="emptied", bytes=size) for path, size in quarantined(root)]
    if not dry_run:
        empty_quarantine(root)
    return freed


def _cleaned_temporary(root: Path, *, dry_run: bool) -> list[Freed]:
    freed = []
    for path in abandoned(root / "tmp"):
        freed.append(Freed(path=path, reason="temporary", bytes=size_of([path])))
        if not dry_run:
            path.unlink(missing_ok=True)
    return freed


def _cleaned_partials(root: Path, *, remove: Collection[str], dry_run: bool, on_left: OnLeft) -> list[Freed]:
    freed = []
    for path, partial in partials_in(root):
        if isinstance(partial, FaultyFileError) and not isinstance(partial, DamagedFileError):
            on_left(partial)
            continue
        requested = isinstance(partial, Partial) and partial.fingerprint in remove
        if requested or is_useless(root, path, partial):
            freed.append(Freed(path=path, reason="requested" if requested else "temporary", bytes=size_of([path])))
            if not dry_run:
                path.unlink(missing_ok=True)
    return freed


def _cleaned_names(
    root: Path,
    names: Sequence[Name | FaultyFileError],
    *,
    remove: Collection[str],
    dry_run: bool,
    on_left: OnLeft,
) -> list[Freed]:
    freed = []
    for entry in names:
        if isinstance(entry, Name):
            if entry.fingerprint in remove and not dry_run:
                forget_name(root, entry.name)
        elif isinstance(entry, DamagedFileError):
            freed.append(Freed(path=entry.path, reason="quarantined", bytes=size_of([entry.path])))
            if not dry_run:
                set_aside([entry.path])
        else:
            on_left(entry)
    return freed


def _cleaned_folder(folder: Path, task: _Task) -> list[Freed]:
    freed = []
    with ExitStack() as stack:
        try:
            is_alone = stack.enter_context(sole_writer(folder))
            idle = (time.time() - folder.stat().st_mtime) / DAY  # `FeatureStore.read` updates the folder's time
            shards = _shards(folder, task.on_left)
        except OSError as error:
            task.on_left(unreadable(folder, "folder", error))
            return []
        unused = task.older_than is not None and idle > task.older_than
        for path, reason in _useless(shards, task, unused=unused, is_alone=is_alone):
            files = (path, path.with_suffix(".npy"))
            freed.append(Freed(path=path, reason=reason, bytes=size_of(files)))
            if not task.dry_run:
                set_aside(files) if reason == "quarantined" else remove_shard(path)
    return freed


def _shards(folder: Path, on_left: OnLeft) -> dict[Path, Sidecar | None]:
    """Return the shards by path of their sidecar; None for a sidecar that is damaged or missing."""
    suffixes: dict[str, set[str]] = {}
    for path in folder.iterdir():
        if HASH.fullmatch(path.stem):
            suffixes.setdefault(path.stem, set()).add(path.suffix)
    shards: dict[Path, Sidecar | None] = {}
    for stem in sorted(suffixes):
        path = folder / f"{stem}.json"
        try:
            if not suffixes[stem] <= {".json", ".npy"}:
                raise newer(path, "shard")
            with suppress(FileNotFoundError, DamagedFileError):
                shards[path] = None
                shards[path] = read_sidecar(path)
        except FaultyFileError as error:
            shards.pop(path, None)
            on_left(error)
    return shards


def _useless(
    shards: Mapping[Path, Sidecar | None], task: _Task, *, unused: bool, is_alone: bool
) -> Iterator[tuple[Path, Reason]]:
    """Yield the sidecar path of each useless shard, also if the sidecar is missing, and the reason."""
    legible = [sidecar for sidecar in shards.values() if sidecar]  # one spec, since the folder has its fingerprint
    computable = bool(legible) and not any(sidecar.is_import for sidecar in legible)
    intact = []
    for path, sidecar in shards.items():
        if task.requested or (unused and computable):
            yield path, "requested" if task.requested else "unused"
            continue
        try:
            if sidecar:
                load_rows(sidecar, verify=True)
                intact.append(sidecar)
                continue
        except DamagedFileError:
            pass
        except FaultyFileError as error:
            task.on_left(error)
            continue
        if is_alone or not _is_young(path):
            if computable and is_plain(path) and is_plain(path.with_suffix(".npy")):
                yield path, "damaged" if path.exists() else "incomplete"
            else:
                yield path, "quarantined"
    for path in _duplicates(intact) if is_alone else ():
        yield path, "duplicate"


def _ignore(error: FaultyFileError) -> None:
    del error


def _is_young(path: Path) -> bool:
    """Return whether a shard may be half written: its array is a day old at most."""
    try:
        return time.time() - path.with_suffix(".npy").stat().st_mtime < DAY
    except OSError:
        return True


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
