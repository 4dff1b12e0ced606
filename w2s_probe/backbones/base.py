"""The class Backbone: maps each item to a row of float32 features; its spec identifies the embedding."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import BackboneError, MissingExtraError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.images import Images
from w2s_probe.core.install import install_line
from w2s_probe.core.setting_types import check_types
from w2s_probe.core.text_settings import TextSettings
from w2s_probe.core.types import Rows

Items = Sequence[str] | NDArray[Any] | Images
Modality = Literal["text", "image"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneOptions(TextSettings):
    """How to run a backbone, store its features and read texts.

    What changes a number beyond rounding is in the spec of the features: `dtype` and the settings of texts.
    The rest is recorded with them.

    Parameters
    ----------
    max_length : int, optional
        Tokens of a text that a language model reads; this one and the next three are settings of texts.
    prefix : str
        Text before each text.
    chat_template : bool
        Whether a text is the message of a user in the template of a chat model.
    precision : {"float32", "bfloat16"}
        Arithmetic of a language model.
    device : str
        Torch device, such as ``cpu`` or ``cuda``; ``auto`` is the first of cuda, mps and cpu that torch can use.
    threads : int or None
        Threads of the forward pass; None leaves the choice to the library.
    batch_size : int
        Items in one forward pass.
    dtype : {"float32", "float16"}, optional
        Type of stored features, which is part of their spec; by default the type in the backbone's spec.
    models : Path, optional
        Folder for copies of models that are converted once; by default ``models`` in the default cache.
    on_note : callable, optional
        Called with a sentence for the user, such as one on a damaged copy.
    """

    device: str = "auto"
    threads: int | None = None
    batch_size: int = 32
    dtype: Literal["float32", "float16"] | None = None
    models: Path | None = None
    on_note: Callable[[str], object] | None = None

    def __post_init__(self) -> None:
        check_types(self, {})
        if self.batch_size < 1:
            msg = f"`batch_size` must be at least 1: got {self.batch_size}. Use 32 unless memory is short."
            raise BackboneError(msg)

    @property
    def torch_device(self) -> str:
        """The device by its name in torch."""
        return usable_device() if self.device == "auto" else self.device


def usable_device() -> str:
    """Return the first device of cuda, mps and cpu that torch can use; cpu without torch."""
    if importlib.util.find_spec("torch") is None:
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


class Backbone(ABC):
    """A frozen model, loaded by its first `encode` or later.

    Attributes
    ----------
    name : str
        Name on the command line, ``KIND:NAME``.
    modality : {"text", "image"}
        Type of its items.
    dtype : {"float32", "float16"} or None
        Type of stored features; None means the type in `spec`.
    slice_rows : int
        Items in one slice, see `slices`: after each, progress moves, and an interruption loses no earlier one. Where
        a larger batch is faster, as on a GPU, use a larger number.
    text_settings : frozenset of str
        Which of the settings of texts in `BackboneOptions` apply to it.
    guessed : bool
        Whether a part of its name was left out and has a default.
    notes : tuple of str
        Sentences on settings that do not apply to it, without folders; the same one for all layers of a model.
    """

    name: str
    modality: Modality
    slice_rows: int = 8
    dtype: Literal["float32", "float16"] | None = None
    text_settings: frozenset[str] = frozenset()
    guessed: bool = False
    notes: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """The name with all its parts, also those that were left out; `name` unless overridden."""
        return self.name

    @property
    @abstractmethod
    def spec(self) -> EmbeddingSpec:
        """Everything that can change a number, weights by their hash; does not load the model."""

    @property
    def stored(self) -> EmbeddingSpec:
        """The spec of stored features: `spec` with the type `dtype`, if that is not None."""
        return replace(self.spec, dtype=self.dtype) if self.dtype else self.spec

    @abstractmethod
    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return features of shape (len(items), d), row i for item i, independent of the other items.

        Parameters
        ----------
        items : sequence of str, Images, or array of shape (m, height, width[, channels])
            Texts, image files, or images of uint8 pixels.
        """

    def suited_to(self, items: Items) -> Backbone:
        """Return the variant for these items, such as one of two towers; the backbone itself unless overridden.

        Parameters
        ----------
        items : sequence of str, Images, or array of shape (m, height, width[, channels])
            Items to embed; only their type matters.
        """
        return self

    @property
    def family(self) -> str:
        """Name of the family; its backbones share a forward pass in `encode_together`."""
        return self.name

    def encode_together(self, others: Sequence[Backbone], items: Items) -> list[NDArray[np.float32]]:
        """Return the features of this backbone and of `others` of its family.

        Parameters
        ----------
        others : sequence of Backbone
            Backbones of the same `family`.
        items : sequence of str, Images, or array of shape (m, height, width[, channels])
            Texts or images.
        """
        return [self.encode(items), *(other.encode(items) for other in others)]

    def slices(self, items: Items) -> list[Rows]:
        """Return the positions of all items in slices, each of which is one call of `encode`.

        Texts of similar length share a slice. The slices depend on the items only: a stopped embedding goes on with the
        same ones, so that its features have the bits of one that was not stopped.

        Parameters
        ----------
        items : sequence of str, ImageFiles, or array of shape (m, height, width[, channels])
            Items of one shard of the cache.
        """
        return sliced(longest_first(items), self.slice_rows)

    def encode_slices(self, others: Sequence[Backbone], parts: Sequence[Items]) -> Iterator[list[NDArray[np.float32]]]:
        """Yield what `encode_together` returns for each slice, in order.

        Parameters
        ----------
        others : sequence of Backbone
            Backbones of the same `family`.
        parts : sequence of items
            The items of each slice.
        """
        for part in parts:
            yield self.encode_together(others, part)

    def truncated(self, items: Items) -> list[int]:
        """Return the positions of items that are too long and are cut; none unless overridden.

        Parameters
        ----------
        items : sequence of str, Images, or array of shape (m, height, width[, channels])
            Texts or images.
        """
        return []

    def recorded(self) -> Mapping[str, Any]:
        """Return facts to record with the features that cannot change a number: versions, device."""
        return {}


def take(items: Items, rows: Sequence[int] | Rows) -> Items:
    """Return the items of these rows, in this order."""
    if isinstance(items, np.ndarray):
        return items[np.asarray(rows)]
    return items.take(rows) if isinstance(items, Images) else [items[row] for row in rows]


def longest_first(items: Items) -> Rows:
    """Return the positions of texts from the longest to the shortest, those of equal length in order; of images all."""
    if isinstance(items, (np.ndarray, Images)):
        return np.arange(len(items))
    return np.argsort([-len(text) for text in items], kind="stable")


def sliced(order: Rows, rows: int) -> list[Rows]:
    """Return consecutive slices of an order, each of so many rows."""
    return [order[start : start + rows] for start in range(0, len(order), rows)]


def texts(items: Items) -> list[str]:
    """Return the items, which are texts, as a list."""
    return [str(item) for item in items]


def require(package: str, *, extra: str, backbone: str) -> None:
    """Raise `MissingExtraError` with the install line of an extra unless `package` can be imported."""
    require_package(package, install=install_line(extra), backbone=backbone)


def require_package(package: str, *, install: str, backbone: str) -> None:
    """Raise `MissingExtraError` with the command `install` unless `package` can be imported."""
    if importlib.util.find_spec(package) is None:
        msg = f"{backbone} needs the Python package {package}: it is not installed. Run: {install}"
        raise MissingExtraError(msg)


def torch_record(options: BackboneOptions, packages: Sequence[str]) -> dict[str, Any]:
    """Return device, threads, batch size and the versions of these packages."""
    import torch

    return {
        "device": options.torch_device,
        "threads": torch.get_num_threads(),
        "batch_size": options.batch_size,
        "versions": {package: version(package) for package in packages},
    }
