"""Partial files: finished slices of a shard that is still being encoded, kept for the call that goes on with it.

The first line is sealed JSON, the rest are the bytes of an .npy file with the features as the backbone returned them.
The name is that of the shard, in the cache's folder of temporary files. A partial file is replaced as a whole; nothing
but the next call of the same shard reads it.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.cache.faults import DamagedFileError, FaultyFileError, damaged, read_file
from w2s_probe.cache.seals import FORMAT, sealed, unsealed
from w2s_probe.core.types import Rows
from w2s_probe.core.writing import write_file

FIELDS = frozenset({"format", "fingerprint", "shard", "plan", "slices", "sha256", "recorded"})
SUFFIX = ".part"
NAME = re.compile(r"[0-9a-f]{64}\.part")
KIND = "file of finished slices"
ADVICE = "Its rows are computed again."
DAY = 24 * 60 * 60  # seconds after which nobody goes on with a partial file


@dataclass(frozen=True, eq=False, kw_only=True)
class Partial:
    """Finished slices of one spec's shard.

    Parameters
    ----------
    fingerprint : str
        Of the spec.
    shard : str
        Name of the shard, which is decided by the spec and the items.
    plan : str
        Hash of all slices of the shard, see `plan_of`.
    slices : tuple of int
        Numbers of the finished slices, in the order of their rows.
    recorded : mapping
        Device, threads, batch size and versions under which they were computed.
    X : array of shape (rows, d)
        Features of these slices, as the backbone returned them.
    """

    fingerprint: str
    shard: str
    plan: str
    slices: tuple[int, ...]
    recorded: Mapping[str, Any]
    X: NDArray[Any]

    @property
    def sidecar(self) -> Path:
        """The sidecar of the shard, relative to the cache: where it is, nobody needs the partial file."""
        return Path("features", self.fingerprint, f"{self.shard}.json")


def plan_of(slices: Sequence[Rows]) -> str:
    """Return the hash of all slices of a shard: other slices may round differently."""
    sizes = np.array([len(part) for part in slices], dtype="<i8")
    return hashlib.sha256(np.concatenate([sizes, *slices]).astype("<i8").tobytes()).hexdigest()


def partial_path(temporary: Path, shard: str) -> Path:
    """Return the path of a shard's partial file in the folder of temporary files."""
    return temporary / f"{shard}{SUFFIX}"


def write_partial(path: Path, partial: Partial) -> None:
    """Write a partial file in place of an earlier one, or nothing; `OSError` if the disk cannot be written."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(partial.X), allow_pickle=False)
    array = buffer.getvalue()
    fields = {
        "format": FORMAT,
        "fingerprint": partial.fingerprint,
        "shard": partial.shard,
        "plan": partial.plan,
        "slices": list(partial.slices),
        "sha256": hashlib.sha256(array).hexdigest(),
        "recorded": dict(partial.recorded),
    }
    write_file(path, lambda handle: handle.writelines((sealed(fields), array)), path.parent)


def read_partial(path: Path) -> Partial:
    """Return the content of a partial file.

    Raises
    ------
    FileNotFoundError
        If there is none.
    DamagedFileError, UnreadableFileError, NewerFileError
        If a byte was changed or the name is not its own; if it cannot be read; if its format is not known.
    """
    head, newline, array = read_file(path, KIND).partition(b"\n")
    fields = unsealed(head + newline, path, kind=KIND, known=FIELDS, advice=ADVICE)
    wrong = damaged(path, KIND, advice=ADVICE)
    try:
        if hashlib.sha256(array).hexdigest() != fields["sha256"] or path.stem != fields["shard"]:
            raise wrong
        return Partial(
            fingerprint=fields["fingerprint"],
            shard=fields["shard"],
            plan=fields["plan"],
            slices=tuple(fields["slices"]),
            recorded=fields["recorded"],
            X=np.load(io.BytesIO(array), allow_pickle=False),
        )
    except (ValueError, KeyError, TypeError, EOFError) as error:
        raise wrong from error


def partials_in(root: Path) -> Iterator[tuple[Path, Partial | FaultyFileError]]:
    """Yield the path of each partial file of a cache, with its content or with what is wrong with it.

    Parameters
    ----------
    root : Path
        Folder of the cache.
    """
    try:
        paths = sorted(path for path in (root / "tmp").iterdir() if NAME.fullmatch(path.name))
    except OSError:
        return
    for path in paths:
        try:
            yield path, read_partial(path)
        except FileNotFoundError:  # its writer has finished the shard
            continue
        except FaultyFileError as error:
            yield path, error


def is_useless(root: Path, path: Path, content: Partial | FaultyFileError) -> bool:
    """Return whether no call goes on with a partial file: it is damaged, a day old, or the shard is finished."""
    if isinstance(content, FaultyFileError):
        return isinstance(content, DamagedFileError)
    try:
        return (root / content.sidecar).exists() or time.time() - path.stat().st_mtime > DAY
    except OSError:
        return False


def remove_finished(root: Path) -> None:
    """Delete the partial files of finished shards: a call was killed after it had written the shard.

    Parameters
    ----------
    root : Path
        Folder of the cache.
    """
    for path, content in partials_in(root):
        with suppress(OSError):
            if isinstance(content, Partial) and (root / content.sidecar).exists():
                path.unlink()
