"""Names of items and shards, from their content alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.images import ImageFiles
from w2s_probe.core.types import Rows

DIGEST_BYTES = 16  # 128 bits: a clash among 1e9 items has probability 1e-21
Digests = NDArray[np.bytes_]


def item_digests(items: Sequence[str] | NDArray[Any] | ImageFiles) -> Digests:
    """Return the leading 128 bits of the SHA-256 of each text or image.

    Parameters
    ----------
    items : sequence of str, ImageFiles, or array of shape (n, height, width) or (n, height, width, channels)
        Texts are hashed as UTF-8, files by their bytes whatever their names, arrays with their type and shape.

    Returns
    -------
    array of shape (n,) and dtype S16
        Compare them as an array: a Python ``bytes`` of one element loses trailing zeros.
    """
    if isinstance(items, np.ndarray):
        kind = f"image {items.dtype.str} {items.shape[1:]}\0".encode()
        parts = (kind + np.ascontiguousarray(image).tobytes() for image in items)
        return _digests(parts)
    if isinstance(items, ImageFiles):
        return _digests(b"image file\0" + content for content in items.hashes)
    return label_digests("text", items)


def label_digests(kind: Literal["text", "id", "row"], labels: Iterable[str]) -> Digests:
    """Return digests of texts, or of what stands for items that are not known: their ids or row numbers.

    Parameters
    ----------
    kind : {"text", "id", "row"}
        What the labels are; equal labels of two kinds have different digests.
    labels : iterable of str
        One for each item.
    """
    return _digests(f"{kind}\0".encode() + label.encode("utf-8", "surrogatepass") for label in labels)


def shard_name(spec: EmbeddingSpec, digests: Digests) -> str:
    """Return the SHA-256 of a spec and the items of one shard, in order, in hexadecimal.

    Parameters
    ----------
    spec : EmbeddingSpec
        The embedding.
    digests : array of shape (m,)
        Of the shard's items, as `item_digests` returns them.
    """
    return hashlib.sha256(fingerprint(spec).encode() + digests.tobytes()).hexdigest()


@lru_cache(maxsize=64)
def fingerprint(spec: EmbeddingSpec) -> str:
    """Return the fingerprint of a spec, computed once: thousands of shards share it."""
    return spec.fingerprint()


def _digests(parts: Iterable[bytes]) -> Digests:
    joined = b"".join(hashlib.sha256(part).digest()[:DIGEST_BYTES] for part in parts)
    return np.frombuffer(joined, dtype=f"S{DIGEST_BYTES}")


def find(wanted: Digests, known: Digests) -> Rows:
    """Return for each wanted digest its first position among the known ones, or -1.

    Examples
    --------
    >>> known = item_digests(["a", "b", "b"])
    >>> find(item_digests(["b", "c"]), known).tolist()
    [1, -1]
    """
    if not len(wanted) or not len(known):
        return np.full(len(wanted), -1)
    halves = np.sort(_first_half(wanted))  # a million integers are compared in the time of 50,000 byte strings
    others = _first_half(known)
    near = np.flatnonzero(halves[np.minimum(np.searchsorted(halves, others), len(halves) - 1)] == others)
    if not len(near):
        return np.full(len(wanted), -1)
    near = near[np.argsort(known[near], kind="stable")]
    at = near[np.minimum(np.searchsorted(known[near], wanted), len(near) - 1)]
    return np.where(known[at] == wanted, at, -1)


def _first_half(digests: Digests) -> NDArray[np.uint64]:
    return np.ascontiguousarray(digests).view(np.uint64)[::2]
