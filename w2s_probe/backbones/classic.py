"""Backbones without weights: hashed n-grams of texts and averaged pixels of images."""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, BackboneOptions, Items, Modality, sliced
from w2s_probe.backbones.decoding import map_batches
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.images import Images
from w2s_probe.core.types import Float, Rows

HASHES = 2**18
MOST_AREAS = 2**16  # 64 images of three channels take 100 MB while they are averaged
ENTRIES = 8  # random signs for each n-gram


class Hashing(Backbone):
    """Hashed word 1- and 2-grams, projected to D dimensions.

    `HashingVectorizer` with 2**18 columns and unit rows; then a fixed projection spreads each n-gram over eight of
    the D dimensions with random signs. scikit-learn's `SparseRandomProjection` would spread it over 2**-9 D
    dimensions on average: at D = 256, two n-grams in three would be lost.
    """

    modality: Modality = "text"
    slice_rows = 128

    def __init__(self, dim: int) -> None:
        self.name, self.dim = f"classic:hashing-{dim}", dim

    @cached_property
    def projection(self) -> Any:
        """Sparse matrix of shape (2**18, dim) with random signs in each row."""
        from scipy.sparse import csr_array

        rng = np.random.RandomState(0)  # its stream is frozen; that of default_rng may change
        entries = min(ENTRIES, self.dim)
        columns = rng.randint(self.dim, size=HASHES * entries)
        signs = rng.choice([-1.0, 1.0], size=HASHES * entries) / np.sqrt(entries)
        starts = np.arange(HASHES + 1) * entries
        return csr_array((signs, columns, starts), shape=(HASHES, self.dim))

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """Spec with the hash of the projection."""
        matrix = self.projection
        content = b"".join(
            np.ascontiguousarray(part).tobytes() for part in (matrix.data, matrix.indices, matrix.indptr)
        )
        return EmbeddingSpec(
            backbone=self.name,
            revision=f"sha256:{hashlib.sha256(content).hexdigest()}",
            preprocessing="lower case, word 1-2-grams, 2**18 signed hashes",
            normalization="l2 before projection",
        )

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return features of shape (n, dim)."""
        from sklearn.feature_extraction.text import HashingVectorizer

        counts = HashingVectorizer(n_features=HASHES, ngram_range=(1, 2), norm="l2").transform(items)
        return np.asarray((counts @ self.projection).toarray(), dtype=np.float32)


class Pixels(Backbone):
    """Pixels averaged over a grid of equal areas, divided by 255; files of any size are decoded to RGB."""

    modality: Modality = "image"
    slice_rows = 64

    def __init__(self, height: int, width: int, *, channels: str = "") -> None:
        self.name, self.height, self.width, self.channels = f"classic:pixels-{height}x{width}", height, width, channels

    def suited_to(self, items: Items) -> Backbone:
        """Return the variant for files, which are decoded to RGB, or for arrays with the channels of these items."""
        shape = () if isinstance(items, Images) else np.shape(items)
        channels = "RGB" if isinstance(items, Images) else f"{shape[3]} channels" if len(shape) == 4 else ""
        suited = Pixels(self.height, self.width, channels=channels)
        suited.dtype = self.dtype
        return suited

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """Spec with the size of the grid in its name."""
        return EmbeddingSpec(
            backbone=self.name,
            revision="1",
            pooling="area average",
            normalization="divided by 255",
            preprocessing=self.channels,
        )

    def slices(self, items: Items) -> list[Rows]:
        """Return slices of files, and one slice of pixels: products of other sizes may round differently."""
        return sliced(np.arange(len(items)), self.slice_rows if isinstance(items, Images) else max(len(items), 1))

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return features of shape (n, height * width * channels)."""
        if isinstance(items, Images):
            return np.concatenate(
                map_batches(items, lambda image: self._pooled(np.asarray(image)[None]), np.concatenate, batch_size=64)
            )
        images = np.asarray(items)
        if images.ndim not in (3, 4):
            msg = f"{self.name} needs images of one size: got an array of shape {images.shape}. Resize the images."
            raise BackboneError(msg)
        return self._pooled(images)

    def _pooled(self, images: NDArray[Any]) -> NDArray[np.float32]:
        rows, columns = _areas(self.height, images.shape[1]), _areas(self.width, images.shape[2])
        pooled = np.einsum("ah,nhw...,bw->nab...", rows, images.astype(np.float64), columns, optimize=True)
        return (pooled.reshape(len(images), -1) / 255).astype(np.float32)


def classic(name: str, options: BackboneOptions) -> Backbone:
    """Return the backbone ``hashing-D`` or ``pixels-HxW``."""
    if match := re.fullmatch(r"hashing-([1-9]\d{0,4})", name):
        return Hashing(int(match[1]))
    if match := re.fullmatch(r"pixels-([1-9]\d{0,3})x([1-9]\d{0,3})", name):
        return _pixels(int(match[1]), int(match[2]))
    msg = f"classic: must be followed by hashing-D or pixels-HxW: got {name!r}. Use classic:hashing-256, for example."
    raise BackboneError(msg)


def _pixels(height: int, width: int) -> Backbone:
    if height * width > MOST_AREAS:
        msg = (
            f"classic:pixels-HxW must have at most {MOST_AREAS:,} areas: got {height} x {width} = {height * width:,}. "
            "Use a coarser grid, such as classic:pixels-32x32."
        )
        raise BackboneError(msg)
    return Pixels(height, width)


def _areas(cells: int, pixels: int) -> Float:
    """Return the matrix, shape (cells, pixels), that averages pixels over equal intervals."""
    edges = np.linspace(0, pixels, cells + 1)
    starts = np.arange(pixels)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return np.maximum(overlap, 0) * cells / pixels
