"""Takes shards and names out of the cache: deleted, or moved to `quarantine/`, from which nothing is read."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from w2s_probe.cache.faults import is_plain
from w2s_probe.core.writing import make_folder, sync_folder

FOLDER = "quarantine"
OURS = re.compile(r"([0-9a-f]{64}|names)(\.[0-9]+)?")


def remove_shard(path: Path) -> None:
    """Delete a shard, its sidecar first: without it the array is not a shard. What is no file is set aside."""
    files = (path, path.with_suffix(".npy"))
    if not all(map(is_plain, files)):
        set_aside(files)
        return
    for file in files:
        file.unlink(missing_ok=True)
    sync_folder(path.parent)


def set_aside(files: Sequence[Path]) -> None:
    """Move files of one folder of the cache to `quarantine/`, in a folder of the same name.

    Files that are there already stay: a number is then added to the folder's name.
    """
    source = files[0].parent
    root = source.parent if source.name == "names" else source.parent.parent
    for number in itertools.count(1):
        folder = root / FOLDER / (source.name if number == 1 else f"{source.name}.{number}")
        if not any(os.path.lexists(folder / file.name) for file in files):
            break
    make_folder(folder)
    for file in files:
        if os.path.lexists(file):
            file.rename(folder / file.name)
    sync_folder(folder)
    sync_folder(source)


def quarantined(root: Path) -> list[tuple[Path, int]]:
    """Return the folders in `quarantine/` that `set_aside` made, with the size of the files in them.

    Parameters
    ----------
    root : Path
        Folder of the cache.
    """
    base = root / FOLDER
    if base.is_symlink() or not base.is_dir():
        return []
    folders = sorted(path for path in base.iterdir() if OURS.fullmatch(path.name))
    return [(path, size_of(_files(path))) for path in folders if path.is_dir() and not path.is_symlink()]


def empty_quarantine(root: Path) -> None:
    """Delete what `quarantined` returns."""
    for folder, _ in quarantined(root):
        shutil.rmtree(folder)
    if (root / FOLDER).is_dir():
        sync_folder(root / FOLDER)


def size_of(files: Iterator[Path] | Sequence[Path]) -> int:
    """Return the size of the files that are there."""
    sizes = 0
    for file in files:
        try:
            sizes += os.lstat(file).st_size
        except OSError:  # deleted meanwhile, or not to be looked at
            continue
    return sizes


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent) / name for name in names)
