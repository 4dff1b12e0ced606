"""What a backbone is: items in, one float32 row each out, and a spec that says which rows."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import BackboneError, MissingExtraError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.images import ImageFiles
from w2s_probe.core.types import Rows

Items = Sequence[str] | NDArray[Any] | ImageFiles
Modality = Literal["text", "image"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneOptions:
    """How to run a backbone and keep its features; nothing here changes a number beyond rounding.

    Parameters
    ----------
    device : str
        Torch device, such as ``cpu`` or ``cuda``.
    threads : int or None
        Threads of the forward pass; None leaves the choice to the library.
    batch_size : int
        Items in one forward pass.
    dtype : {"float32", "float16"}, optional
        Type in which features are kept, part of their identity; left out, what the backbone's spec says.
    """

    device: str = "cpu"
    threads: int | None = None
    batch_size: int = 32
    dtype: Literal["float32", "float16"] | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            msg = f"batch size must be at least 1: got {self.batch_size}. Use 32 unless memory is short."
            raise BackboneError(msg)


class Backbone(ABC):
    """A frozen model, loaded no earlier than its first `encode`.

    Attributes
    ----------
    name : str
        As on the command line, ``KIND:NAME``.
    modality : {"text", "image"}
        What it takes.
    dtype : {"float32", "float16"} or None
        Type in which its features are kept; None leaves it to `spec`.
    """

    name: str
    modality: Modality
    dtype: Literal["float32", "float16"] | None = None

    @property
    @abstractmethod
    def spec(self) -> EmbeddingSpec:
        """Everything that can change a number, weights by their hash; loads no model."""

    @property
    def stored(self) -> EmbeddingSpec:
        """The spec of the features as they are kept: `spec`, in the type asked for."""
        return replace(self.spec, dtype=self.dtype) if self.dtype else self.spec

    @abstractmethod
    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return features of shape (len(items), d), row i for item i, whatever the order.

        Parameters
        ----------
        items : sequence of str, ImageFiles, or array of shape (m, height, width[, channels])
            Texts, or images of bytes.
        """

    def suited_to(self, items: Items) -> Backbone:
        """Return the variant for these items, such as one of two towers; itself unless overridden.

        Parameters
        ----------
        items : sequence of str, ImageFiles, or array of shape (m, height, width[, channels])
            What will be embedded; only its type is looked at.
        """
        return self

    @property
    def family(self) -> str:
        """Backbones of one family share a forward pass through `encode_together`."""
        return self.name

    def encode_together(self, others: Sequence[Backbone], items: Items) -> list[NDArray[np.float32]]:
        """Return the features of this backbone and of `others` of its family.

        Parameters
        ----------
        others : sequence of Backbone
            Of the same `family`.
        items : sequence of str, ImageFiles, or array of shape (m, height, width[, channels])
            Texts, or images of bytes.
        """
        return [self.encode(items), *(other.encode(items) for other in others)]

    def truncated(self, items: Items) -> list[int]:
        """Return the positions of items that do not fit and are cut; none unless overridden.

        Parameters
        ----------
        items : sequence of str, ImageFiles, or array of shape (m, height, width[, channels])
            Texts, or images of bytes.
        """
        return []

    def recorded(self) -> Mapping[str, Any]:
        """Return what is worth knowing later but cannot change a number: versions, device."""
        return {}


def take(items: Items, rows: Sequence[int] | Rows) -> Items:
    """Return the items of these rows, in this order."""
    if isinstance(items, np.ndarray):
        return items[np.asarray(rows)]
    return items.take(rows) if isinstance(items, ImageFiles) else [items[row] for row in rows]


def texts(items: Items) -> list[str]:
    """Return items that are texts as a list."""
    return [str(item) for item in items]


def require(package: str, *, extra: str, wanted_by: str) -> None:
    """Raise `MissingExtraError` with the install line unless `package` can be imported."""
    if importlib.util.find_spec(package) is None:
        msg = (
            f"{wanted_by} needs the Python package {package}: it is not installed. "
            f"Run: pip install 'w2s-probe[{extra}]'"
        )
        raise MissingExtraError(msg)
