"""A shard on disk: a plain .npy file of features, and a JSON sidecar with its checksums.

The sidecar is renamed into place last, so that an array without a sidecar is not a shard. It holds the spec in
readable form, the digests of the items, the SHA-256 of the .npy file and its own checksum, which covers every byte
before it, blanks included: any changed byte is detected.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.cache.faults import (
    ADVICE,
    DamagedFileError,
    NewerFileError,
    UnreadableFileError,
    damaged,
    newer,
    read_file,
    unreadable,
)
from w2s_probe.cache.keys import DIGEST_BYTES, Digests, fingerprint, shard_name
from w2s_probe.cache.quarantine import remove_shard
from w2s_probe.cache.seals import FORMAT, SEAL_BYTES, sealed, unsealed
from w2s_probe.cache.temporary import disk_errors
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.types import Features
from w2s_probe.core.writing import make_folder, sole_writer, write_file

__all__ = [
    "SEAL_BYTES",
    "Sidecar",
    "discard_damaged",
    "is_intact",
    "is_taken",
    "load_rows",
    "read_sidecar",
    "remove_shard",
    "write_shard",
]

FIELDS = frozenset({"format", "spec", "rows", "dim", "sha256", "recorded", "items"})
SPEC_FIELDS = frozenset(field.name for field in fields(EmbeddingSpec))
WRONG = (ValueError, KeyError, TypeError, AttributeError, EOFError, RecursionError)  # what odd bytes make readers raise


@dataclass(frozen=True, eq=False, kw_only=True)
class Sidecar:
    """Description of a shard, read without its array.

    Parameters
    ----------
    path : Path
        The JSON file; the ``.npy`` file has the same stem.
    spec : EmbeddingSpec
        Embedding that computed the features.
    digests : array of shape (rows,)
        Digests of the items in the order of the rows.
    dim : int
        Number of features.
    sha256 : str
        SHA-256 of the ``.npy`` file.
    recorded : mapping
        Facts that cannot change a number: device, threads, versions, positions of truncated items.
    bytes : int
        Size of the sidecar.
    """

    path: Path
    spec: EmbeddingSpec
    digests: Digests
    dim: int
    sha256: str
    recorded: Mapping[str, Any]
    bytes: int

    @property
    def is_import(self) -> bool:
        """Whether the features came from a file, so that no backbone can compute them again."""
        return "matched_by" in self.recorded or self.spec.backbone.startswith("cached:")


def write_shard(
    folder: Path,
    temporary: Path,
    *,
    spec: EmbeddingSpec,
    digests: Digests,
    X: NDArray[Any],
    recorded: Mapping[str, Any],
) -> Sidecar:
    """Write a whole shard or nothing.

    Raises
    ------
    CacheError
        If the disk cannot be written, or a file of the same name is unreadable or of a newer version.
    """
    path = folder / f"{shard_name(spec, digests)}.json"
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(X, dtype=spec.dtype), allow_pickle=False)
    array = buffer.getvalue()
    content = {
        "format": FORMAT,
        "spec": spec.to_dict(),
        "rows": len(digests),
        "dim": int(X.shape[1]),
        "sha256": hashlib.sha256(array).hexdigest(),
        "recorded": dict(recorded),
        "items": base64.b64encode(digests.tobytes()).decode(),
    }
    with disk_errors(folder.parent):
        make_folder(folder)
        with sole_writer(folder):
            if not is_intact(path):  # else another process was faster, and its numbers may round differently
                write_file(path.with_suffix(".npy"), array, temporary)
                write_file(path, _sidecar_bytes(content), temporary)
    return read_sidecar(path)


def read_sidecar(path: Path) -> Sidecar:
    """Return the sidecar at `path`.

    Raises
    ------
    FileNotFoundError
        If there is none.
    DamagedFileError, UnreadableFileError, NewerFileError
        If a byte was changed, a field is missing or the path is not its own; if it cannot be read; if its format or a
        field is not known.
    """
    raw = read_file(path, "sidecar")
    content = unsealed(raw, path, kind="sidecar", known=FIELDS, advice=ADVICE)
    spec = content.get("spec")
    if isinstance(spec, dict) and not spec.keys() <= SPEC_FIELDS:
        raise newer(path, "sidecar")
    try:
        sidecar = Sidecar(
            path=path,
            spec=EmbeddingSpec(**content["spec"]),
            digests=np.frombuffer(base64.b64decode(content["items"], validate=True), dtype=f"S{DIGEST_BYTES}"),
            dim=content["dim"],
            sha256=content["sha256"],
            recorded=content["recorded"],
            bytes=len(raw),
        )
        right = _is_right(sidecar) and content["rows"] == len(sidecar.digests)
    except WRONG as error:
        raise damaged(path, "sidecar") from error
    if not right:
        raise damaged(path, "sidecar")
    return sidecar


def _is_right(sidecar: Sidecar) -> bool:
    """Return whether the fields have their types, and the path is that of the fields."""
    rows, recorded = len(sidecar.digests), sidecar.recorded
    if not (isinstance(recorded, dict) and all(isinstance(value, str) for value in sidecar.spec.to_dict().values())):
        return False
    by, ids, truncated = recorded.get("matched_by", ""), recorded.get("ids", []), recorded.get("truncated", [])
    return (
        type(sidecar.dim) is int
        and sidecar.dim >= 0
        and isinstance(sidecar.sha256, str)
        and isinstance(by, str)
        and isinstance(ids, list)
        and len(ids) == (rows if by == "id" else 0)
        and all(isinstance(name, str) for name in ids)
        and isinstance(truncated, list)
        and all(type(row) is int and 0 <= row < rows for row in truncated)
        and sidecar.path.stem == shard_name(sidecar.spec, sidecar.digests)
        and sidecar.path.parent.name == fingerprint(sidecar.spec)
    )


def discard_damaged(paths: Iterable[Path]) -> None:
    """Delete the shard of each sidecar if it is still damaged, so that a new shard does not have to match it."""
    for path in paths:
        with suppress(OSError), sole_writer(path.parent):
            if not is_intact(path):
                remove_shard(path)


def load_rows(sidecar: Sidecar, *, verify: bool) -> Features:
    """Return the features of a shard, read-only: a memory map, or an array if `verify`, which checks every byte.

    Raises
    ------
    DamagedFileError, UnreadableFileError
        If the file contradicts its sidecar or is missing; if it cannot be read.
    """
    path = sidecar.path.with_suffix(".npy")
    try:
        X = _array(read_file(path, "shard"), sidecar) if verify else np.load(path, mmap_mode="r", allow_pickle=False)
        if X.shape != (len(sidecar.digests), sidecar.dim) or X.dtype != sidecar.spec.dtype:
            raise ValueError
    except (DamagedFileError, UnreadableFileError):
        raise
    except (FileNotFoundError, *WRONG) as error:
        raise damaged(path, "shard") from error
    except OSError as error:
        raise unreadable(path, "shard", error) from error
    return X


def is_intact(path: Path) -> bool:
    """Return whether no byte of the shard with this sidecar was changed.

    Raises
    ------
    UnreadableFileError, NewerFileError
        If a file of the shard cannot be read, or is of a newer version.
    """
    try:
        load_rows(read_sidecar(path), verify=True)
    except (DamagedFileError, FileNotFoundError):
        return False
    return True


def is_taken(folder: Path, spec: EmbeddingSpec, digests: Digests) -> bool:
    """Return whether files have the name of this shard that must stay: unreadable, or of a newer version."""
    try:
        is_intact(folder / f"{shard_name(spec, digests)}.json")
    except (UnreadableFileError, NewerFileError):
        return True
    return False


def _array(raw: bytes, sidecar: Sidecar) -> Features:
    """Return the array in the bytes of an .npy file; a header that promises more than there is takes no memory."""
    if hashlib.sha256(raw).hexdigest() != sidecar.sha256:
        raise ValueError
    stream = io.BytesIO(raw)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    if shape != (len(sidecar.digests), sidecar.dim):
        raise ValueError
    X: Features = np.frombuffer(raw, dtype=dtype, offset=stream.tell())
    return X.reshape(shape, order="F" if fortran_order else "C")


def _sidecar_bytes(content: Mapping[str, Any]) -> bytes:
    return sealed(content)
