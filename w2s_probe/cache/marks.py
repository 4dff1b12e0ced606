"""The two files that mark a folder as a cache, and what other folders are accepted.

Both files are written before anything else, and in place: every process writes the same bytes, so that none has to
wait for another. A file that holds only the beginning of its bytes was left by a killed process and is written again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from w2s_probe.cache.faults import DamagedFileError, FaultyFileError, UnreadableFileError, damaged, read_file
from w2s_probe.cache.seals import FORMAT
from w2s_probe.cache.temporary import disk_errors
from w2s_probe.core.errors import CacheError
from w2s_probe.core.writing import make_folder, sync_folder

SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"  # https://bford.info/cachedir: backups leave it out
MARKS = {"CACHEDIR.TAG": SIGNATURE + b"\n", "format": b"%d\n" % FORMAT}
NUMBER = re.compile(rb"([1-9][0-9]{0,8})\n?")
HASH = re.compile(r"[0-9a-f]{64}")
BEFORE_MARKS = {"features", "names", "tmp", "README.md"}  # what caches held before they were marked
State = Literal["absent", "empty", "unmarked", "marked"]


def state_of(root: Path) -> State:
    """Return whether a folder is a cache, or could become one.

    Parameters
    ----------
    root : Path
        Folder of the cache.

    Returns
    -------
    {"absent", "empty", "unmarked", "marked"}
        "unmarked" is a cache of a version that did not mark.

    Raises
    ------
    CacheError
        If the folder holds anything else, belongs to a newer version, or cannot be looked at.
    """
    names = _names(root)
    if names is None:
        return "absent"
    contents = {name: _content(root / name) for name in MARKS if name in names}
    number = NUMBER.fullmatch(contents.get("format", b""))
    if number and int(number[1]) > FORMAT:
        msg = (
            f"the feature cache must have format {FORMAT} or less: {root} has format {int(number[1])}, of a newer "
            "version. Update w2s_probe, or name another folder with --cache or W2S_PROBE_CACHE."
        )
        raise CacheError(msg)
    if number and contents.get("CACHEDIR.TAG", b"").startswith(SIGNATURE):
        _names(root / "features")
        return "marked"
    ours = {name for name, content in contents.items() if MARKS[name].startswith(content)}
    if "models" in names and not _odd(root / "models"):
        ours.add("models")  # backbones write copies of models there before any features
    others = sorted(names - ours)
    if not others:
        return "empty"
    odd = sorted({*others} - BEFORE_MARKS) or ([] if "features" in others else others) or _odd(root / "features")
    if odd:
        msg = (
            f"the feature cache must be an empty folder or one that w2s_probe made: {root} holds {odd[0]!r:.60}, and "
            "stays as it is. Name another folder with --cache or W2S_PROBE_CACHE."
        )
        raise CacheError(msg)
    return "unmarked"


def mark(root: Path) -> None:
    """Mark a folder as a cache, unless it is marked.

    Parameters
    ----------
    root : Path
        Folder of the cache, made if it does not exist.

    Raises
    ------
    CacheError
        If the folder is none for a cache, see `state_of`, or cannot be written.
    """
    if state_of(root) == "marked":
        return
    with disk_errors(root):
        make_folder(root)
        for name, content in MARKS.items():
            flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(root / name, flags, 0o666), "wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
        sync_folder(root)


def faults_of_marks(root: Path) -> Iterator[FaultyFileError]:
    """Yield what is wrong with marks where `state_of` does not look."""
    for name, content in MARKS.items():
        try:
            raw = read_file(root / name, "mark")
        except FileNotFoundError:
            continue
        except FaultyFileError as error:
            yield error
            continue
        if not content.startswith(raw):
            yield damaged(root / name, "mark", advice="Delete this file: the next embed writes it again.")


def _names(folder: Path) -> set[str] | None:
    """Return the names in a folder, None if it does not exist; `CacheError` if they cannot be listed."""
    try:
        return {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        msg = f"the feature cache must be a folder: {folder} or a folder above it is a file. Choose another --cache."
        raise CacheError(msg) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        msg = f"the feature cache must be a folder: got {reason} for {folder}. Choose another --cache."
        raise CacheError(msg) from error


def _content(path: Path) -> bytes:
    """Return the bytes of a mark; of what is no file, bytes that no mark has.

    A mark of another user whose files are private counts as right: each file of the cache is checked on its own.
    """
    try:
        return read_file(path, "mark")
    except FileNotFoundError:  # deleted since the folder was listed
        return b""
    except DamagedFileError:
        return b"\0"
    except UnreadableFileError as error:
        if isinstance(error.__cause__, PermissionError):
            return MARKS[path.name]
        raise


def _odd(folder: Path) -> list[str]:
    """Return what no cache holds under ``features`` or ``models``; the folder itself if it holds nothing."""
    try:
        with os.scandir(folder) as entries:
            fits = {entry.name: entry.is_dir() and bool(HASH.fullmatch(entry.name)) for entry in entries}
    except OSError:
        fits = {}
    return [f"{folder.name}/{name}" for name, fit in sorted(fits.items()) if not fit] if fits else [folder.name]
