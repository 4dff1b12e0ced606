"""Cache keys: digests of items and names of shards, which depend on content only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.images import Images
from w2s_probe.core.types import Rows

DIGEST_BYTES = 16  # 128 bits: a clash among 1e9 items has probability 1e-21
Digests = NDArray[np.bytes_]


def item_digests(items: Sequence[str] | NDArray[Any] | Images) -> Digests:
    """Return the leading 128 bits of the SHA-256 of each text or image.

    Parameters
    ----------
    items : sequence of str, Images, or array of shape (n, height, width) or (n, height, width, channels)
        Texts are hashed as UTF-8, files by their bytes without their names, arrays with their type and shape.

    Returns
    -------
    array of shape (n,) and dtype S16
        Digests; compare them as arrays, since a single element loses trailing zero bytes.
    """
    if isinstance(items, np.ndarray):
        kind = f"image {items.dtype.str} {items.shape[1:]}\0".encode()
        parts = (kind + np.ascontiguousarray(image).tobytes() for image in items)
        return _digests(parts)
    if isinstance(items, Images):
        return _digests(b"image file\0" + content for content in items.hashes)
    return label_digests("text", items)


def label_digests(kind: Literal["text", "id", "row"], labels: Iterable[str]) -> Digests:
    """Return digests of texts or, for items whose content is unknown, of their ids or row numbers.

    Parameters
    ----------
    kind : {"text", "id", "row"}
        Kind of the labels; equal labels of two kinds have different digests.
    labels : iterable of str
        A label for each item.
    """
    return _digests(f"{kind}\0".encode() + label.encode("utf-8", "surrogatepass") for label in labels)


def shard_name(spec: EmbeddingSpec, digests: Digests) -> str:
    """Return the SHA-256 of a spec and the items of one shard, in order, in hexadecimal.

    Parameters
    ----------
    spec : EmbeddingSpec
        The embedding.
    digests : array of shape (m,)
        Digests of the shard's items.
    """
    return hashlib.sha256(fingerprint(spec).encode() + digests.tobytes()).hexdigest()


@lru_cache(maxsize=64)
def fingerprint(spec: EmbeddingSpec) -> str:
    """Return the fingerprint of a spec; memoized, since thousands of shards have the same spec."""
    return spec.fingerprint()


def find(digests: Digests, table: Digests) -> Rows:
    """Return the first position of each digest in `table`, or -1.

    Examples
    --------
    >>> table = item_digests(["a", "b", "b"])
    >>> find(item_digests(["b", "c"]), table).tolist()
    [1, -1]
    """
    if not len(digests) or not len(table):
        return np.full(len(digests), -1)
    halves = np.sort(_first_half(digests))  # a million integers are compared in the time of 50,000 byte strings
    table_halves = _first_half(table)
    near = np.flatnonzero(halves[np.minimum(np.searchsorted(halves, table_halves), len(halves) - 1)] == table_halves)
    if not len(near):
        return np.full(len(digests), -1)
    near = near[np.argsort(table[near], kind="stable")]
    at = near[np.minimum(np.searchsorted(table[near], digests), len(near) - 1)]
    return np.where(table[at] == digests, at, -1)


def _digests(parts: Iterable[bytes]) -> Digests:
    joined = bytearray()  # a join would hold an object for each part
    for part in parts:
        joined += hashlib.sha256(part).digest()[:DIGEST_BYTES]
    return np.frombuffer(bytes(joined), dtype=f"S{DIGEST_BYTES}")


def _first_half(digests: Digests) -> NDArray[np.uint64]:
    return np.ascontiguousarray(digests).view(np.uint64)[::2]
