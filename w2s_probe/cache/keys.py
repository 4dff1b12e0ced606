"""Names of items and shards, from their content alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.features import EmbeddingSpec

__all__ = ["DIGEST_BYTES", "Digests", "item_digests", "shard_name"]

DIGEST_BYTES = 16  # 128 bits: a clash among 1e9 items has probability 1e-21
Digests = NDArray[np.bytes_]


def item_digests(items: Sequence[str] | NDArray[Any]) -> Digests:
    """Return the leading 128 bits of the SHA-256 of each text or image.

    Parameters
    ----------
    items : sequence of str, or array of shape (n, height, width) or (n, height, width, channels)
        Texts are hashed as UTF-8, images with their type and shape.

    Returns
    -------
    array of shape (n,) and dtype S16
        Compare them as an array: a Python ``bytes`` of one element loses trailing zeros.
    """
    if isinstance(items, np.ndarray):
        kind = f"image {items.dtype.str} {items.shape[1:]}\0".encode()
        parts = (kind + np.ascontiguousarray(image).tobytes() for image in items)
    else:
        parts = (b"text\0" + text.encode("utf-8", "surrogatepass") for text in items)
    joined = b"".join(hashlib.sha256(part).digest()[:DIGEST_BYTES] for part in parts)
    return np.frombuffer(joined, dtype=f"S{DIGEST_BYTES}")


def shard_name(spec: EmbeddingSpec, digests: Digests) -> str:
    """Return the SHA-256 of a spec and the items of one shard, in order, in hexadecimal.

    Parameters
    ----------
    spec : EmbeddingSpec
        The embedding.
    digests : array of shape (m,)
        Of the shard's items, as `item_digests` returns them.
    """
    return hashlib.sha256(spec.fingerprint().encode() + digests.tobytes()).hexdigest()
