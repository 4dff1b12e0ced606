"""A shard on disk: a plain .npy file of features, and a JSON sidecar with its checksums.

The sidecar is renamed into place last, so that an array without a sidecar is not a shard. It holds the spec in
readable form, the digests of the items, the SHA-256 of the .npy file and its own checksum, which covers every byte
before it, blanks included: any changed byte is detected.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.cache.keys import DIGEST_BYTES, Digests, fingerprint, shard_name
from w2s_probe.cache.temporary import disk_errors
from w2s_probe.core.errors import CacheError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.types import Features
from w2s_probe.core.writing import make_folder, sole_writer, write_file

FORMAT = 1
SEAL_BYTES = len(', "checksum": ""}\n') + 64


class DamagedShardError(CacheError):
    """A shard whose bytes differ from the bytes that were written."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


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


def write_shard(
    folder: Path,
    temporary: Path,
    *,
    spec: EmbeddingSpec,
    digests: Digests,
    X: NDArray[Any],
    recorded: Mapping[str, Any],
) -> Sidecar:
    """Write a whole shard or nothing; raises `CacheError` if the disk cannot be written."""
    path = folder / f"{shard_name(spec, digests)}.json"
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(X, dtype=spec.dtype), allow_pickle=False)
    array = buffer.getvalue()
    fields = {
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
                write_file(path, _sidecar_bytes(fields), temporary)
    return read_sidecar(path)


def read_sidecar(path: Path) -> Sidecar:
    """Return the sidecar at `path`; raises `DamagedShardError` if a byte was changed or the path is not its own."""
    try:
        raw = path.read_bytes()
        text = raw[:-SEAL_BYTES] + b"}"
        intact = raw[-SEAL_BYTES:] == _seal(text)
        fields = json.loads(text)
        spec = EmbeddingSpec(**fields["spec"])
        joined = base64.b64decode(fields["items"], validate=True)
        digests = np.frombuffer(joined, dtype=f"S{DIGEST_BYTES}")
        at_home = path.stem == shard_name(spec, digests) and path.parent.name == fingerprint(spec)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        intact = at_home = False
    if not intact or not at_home:
        msg = f"a cache sidecar must keep its bytes: {path} was changed. Embed or import the data again."
        raise DamagedShardError(msg, path)
    return Sidecar(
        path=path,
        spec=spec,
        digests=digests,
        dim=fields["dim"],
        sha256=fields["sha256"],
        recorded=fields["recorded"],
        bytes=len(raw),
    )


def discard_damaged(paths: Iterable[Path]) -> None:
    """Delete the shard of each sidecar if it is still damaged, so that a new shard does not have to match it."""
    for path in paths:
        with suppress(OSError), sole_writer(path.parent):
            if not is_intact(path):
                remove_shard(path)


def remove_shard(path: Path) -> None:
    """Delete a shard, its sidecar first: without it the array is not a shard."""
    path.unlink(missing_ok=True)
    path.with_suffix(".npy").unlink(missing_ok=True)


def load_rows(sidecar: Sidecar, *, verify: bool) -> Features:
    """Return the features of a shard: a read-only memory map, or an array if `verify`, which checks every byte.

    Raises `DamagedShardError` if the file contradicts its sidecar.
    """
    path = sidecar.path.with_suffix(".npy")
    try:
        if verify:
            raw = path.read_bytes()
            if hashlib.sha256(raw).hexdigest() != sidecar.sha256:
                raise ValueError  # its message is that of a file numpy cannot read
            X: Features = np.load(io.BytesIO(raw), allow_pickle=False)
        else:
            X = np.load(path, mmap_mode="r", allow_pickle=False)
        if X.shape != (len(sidecar.digests), sidecar.dim) or X.dtype != sidecar.spec.dtype:
            raise ValueError
    except (ValueError, TypeError, OSError) as error:
        msg = f"a cache shard must keep its bytes: {path} was changed. Embed or import the data again."
        raise DamagedShardError(msg, path) from error
    return X


def is_intact(path: Path) -> bool:
    """Return whether no byte of the shard with this sidecar was changed."""
    try:
        load_rows(read_sidecar(path), verify=True)
    except (DamagedShardError, FileNotFoundError):
        return False
    return True


def _sidecar_bytes(fields: Mapping[str, Any]) -> bytes:
    text = json.dumps(fields, ensure_ascii=True).encode()
    return text[:-1] + _seal(text)


def _seal(text: bytes) -> bytes:
    """Return the last bytes of a sidecar, from its last comma; `text` is the JSON without them."""
    return f', "checksum": "{hashlib.sha256(text).hexdigest()}"}}\n'.encode()
