"""One shard on disk: a plain .npy of features and a JSON sidecar that vouches for it.

The sidecar is renamed into place last: a shard without one does not exist. It holds the spec in
readable form, the digests of its items, the SHA-256 of the .npy file and its own checksum, and
its checksum covers every byte before it, blanks included, so that a change of any byte shows.
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
from w2s_probe.cache.temporary import sole_writer, write_file
from w2s_probe.core.errors import CacheError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.types import Features

FORMAT = 1
SEAL_BYTES = len(', "checksum": ""}\n') + 64


class DamagedShardError(CacheError):
    """A shard whose bytes are not those that were written."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, eq=False, kw_only=True)
class Sidecar:
    """What is known of a shard without opening it.

    Parameters
    ----------
    path : Path
        The JSON file; the features are beside it with suffix ``.npy``.
    spec : EmbeddingSpec
        Where the numbers come from.
    digests : array of shape (rows,)
        Items in the order of the rows.
    dim : int
        Number of features.
    sha256 : str
        Of the ``.npy`` file.
    recorded : mapping
        What was in use but cannot change a number: device, threads, versions; truncated items.
    bytes : int
        Of the sidecar itself.
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
    """Write one shard so that it is there completely or not at all.

    Raises
    ------
    CacheError
        If the disk refuses; what was there before stays valid.
    """
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
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with sole_writer(folder):
            if not is_intact(path):  # else another process was faster, and its numbers may round differently
                write_file(path.with_suffix(".npy"), array, temporary)
                write_file(path, _sidecar_bytes(fields), temporary)
    except OSError as error:
        msg = (
            f"the feature cache must be writable: {path.parent.parent} said {error.strerror or error}. "
            "Free some space or choose another place with --cache; what is cached stays valid."
        )
        raise CacheError(msg) from error
    return read_sidecar(path)


def read_sidecar(path: Path) -> Sidecar:
    """Return the sidecar at `path`.

    Raises
    ------
    DamagedShardError
        If a byte of it is not as written, or it does not belong where it lies.
    """
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
        msg = f"cache sidecar must be as it was written: {path} is not. Embed the data again to replace it."
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
    """Delete the shards of these sidecars that are damaged still, so that whatever replaces them need not fit."""
    for path in paths:
        with suppress(OSError), sole_writer(path.parent):
            if not is_intact(path):
                remove_shard(path)


def remove_shard(path: Path) -> None:
    """Delete a shard, its sidecar first: half of it is none."""
    path.unlink(missing_ok=True)
    path.with_suffix(".npy").unlink(missing_ok=True)


def load_rows(sidecar: Sidecar, *, verify: bool) -> Features:
    """Return the features of a shard: a read-only memory map, or an array if every byte is to be checked.

    Raises
    ------
    DamagedShardError
        If `verify` and a byte of the file is not as written, or it is not what the sidecar says.
    """
    path = sidecar.path.with_suffix(".npy")
    try:
        if verify:
            raw = path.read_bytes()
            if hashlib.sha256(raw).hexdigest() != sidecar.sha256:
                raise ValueError  # the same sentence as for a file numpy cannot read
            X: Features = np.load(io.BytesIO(raw), allow_pickle=False)
        else:
            X = np.load(path, mmap_mode="r", allow_pickle=False)
        if X.shape != (len(sidecar.digests), sidecar.dim) or X.dtype != sidecar.spec.dtype:
            raise ValueError
    except (ValueError, TypeError, OSError) as error:
        msg = f"cache shard must be as it was written: {path} is not. Embed the data again to replace it."
        raise DamagedShardError(msg, path) from error
    return X


def is_intact(path: Path) -> bool:
    """Return whether every byte of the shard with this sidecar is as written."""
    try:
        load_rows(read_sidecar(path), verify=True)
    except (DamagedShardError, FileNotFoundError):
        return False
    return True


def _sidecar_bytes(fields: Mapping[str, Any]) -> bytes:
    text = json.dumps(fields, ensure_ascii=True).encode()
    return text[:-1] + _seal(text)


def _seal(text: bytes) -> bytes:
    """Return the end of a sidecar, from its last comma on; `text` is the JSON without it."""
    return f', "checksum": "{hashlib.sha256(text).hexdigest()}"}}\n'.encode()
