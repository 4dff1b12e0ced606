"""Backbones of other packages: what they return is checked before it is stored, and what they raise names them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, Items, take
from w2s_probe.backbones.contract import (
    checked_features,
    checked_modality,
    checked_positions,
    checked_record,
    checked_slices,
    checked_spec,
    refuse,
)
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.plug_ins import calls_to
from w2s_probe.core.types import Rows

SHOWN = 8  # items by which a backbone chooses its variant
OWN = "w2s_probe."


class PlugInBackbone(Backbone):
    """A backbone of a plug-in, all of whose calls are checked.

    Parameters
    ----------
    inner : object
        Return value of the plug-in's factory.
    name : str
        Name as the user typed it.
    title : str
        How messages call the plug-in.
    taken : collection of str
        Kinds of other backbones, whose features its spec must not claim.
    """

    _compared = False  # whether the spec was read again after the first batch

    def __init__(self, inner: Any, *, name: str, title: str, taken: Collection[str]) -> None:
        if not isinstance(inner, Backbone):
            refuse(title, "return a Backbone", type(inner).__name__, "Return an object of a subclass of Backbone.")
        self.inner, self.name, self.title, self.taken = inner, name, title, taken
        self.width = 0  # features of each row so far
        with calls_to(title):
            modality = getattr(inner, "modality", None)
        self.modality = checked_modality(modality, title=title)

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """The spec; a plug-in must not claim the features of another backbone."""
        with calls_to(self.title):
            returned = self.inner.spec
        spec = checked_spec(returned, title=self.title)
        kind = spec.backbone.partition(":")[0]
        if kind in self.taken and not type(self.inner).__module__.startswith(OWN):
            advice = f"Begin it with {self.name.partition(':')[0]}, the kind of the plug-in."
            refuse(self.title, "have its own name as backbone of its spec", f"{spec.backbone:.60}", advice)
        return spec

    @property
    def family(self) -> str:
        """Name of the family, which no backbone of another package has."""
        with calls_to(self.title):
            family = self.inner.family
        if not isinstance(family, str):
            refuse(self.title, "have a text as its family", type(family).__name__, "Leave family out.")
        return f"plug-in {self.name.partition(':')[0]} {family}"

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return features of shape (len(items), d)."""
        rows = len(items)
        with calls_to(self.title):
            returned = np.asarray(self.inner.encode(items))
        return self.checked(returned, rows)

    def encode_together(self, others: Sequence[Backbone], items: Items) -> list[NDArray[np.float32]]:
        """Return the features of this backbone and of `others` of its family."""
        members = [self, *(other for other in others if isinstance(other, PlugInBackbone))]
        if len(members) == 1:
            return [self.encode(items)]
        rows = len(items)
        with calls_to(self.title):
            returned = [np.asarray(X) for X in self.inner.encode_together([m.inner for m in members[1:]], items)]
        if len(returned) != len(members):
            advice = "Return one array for each backbone."
            refuse(self.title, f"return {len(members)} arrays from encode_together", f"{len(returned)}", advice)
        return [member.checked(X, rows) for member, X in zip(members, returned, strict=True)]

    def suited_to(self, items: Items) -> Backbone:
        """Return the variant for these items, of which the plug-in sees the first ones."""
        with calls_to(self.title):
            inner = self.inner.suited_to(take(items, range(min(len(items), SHOWN))))
        if inner is self.inner:
            return self
        suited = PlugInBackbone(inner, name=self.name, title=self.title, taken=self.taken)
        suited.dtype = self.dtype
        return suited

    def slices(self, items: Items) -> list[Rows]:
        """Return the positions of all items in slices."""
        count = len(items)
        with calls_to(self.title):
            returned = self.inner.slices(items)
            returned = [np.asarray(part).tolist() for part in returned]
        return checked_slices(returned, items=count, title=self.title)

    def truncated(self, items: Items) -> list[int]:
        """Return the positions of items that are too long and are cut."""
        count = len(items)
        with calls_to(self.title):
            returned = self.inner.truncated(items)
            returned = list(returned) if isinstance(returned, tuple | list | np.ndarray) else returned
        return checked_positions(returned, items=count, title=self.title)

    def recorded(self) -> Mapping[str, Any]:
        """Return facts to record with the features."""
        with calls_to(self.title):
            returned = self.inner.recorded()
            facts = dict(returned) if isinstance(returned, Mapping) else returned
        return checked_record(facts, title=self.title)

    def checked(self, returned: NDArray[Any], rows: int) -> NDArray[Any]:
        """Return features of as many rows after their checks; the spec must be the same after the first batch.

        Parameters
        ----------
        returned : array
            Return value of the plug-in.
        rows : int
            Number of items.
        """
        X = checked_features(returned, rows=rows, title=self.title, width=self.width)
        with calls_to(self.title):
            spec = self.inner.spec if not self._compared else self.spec
        self._compared = True
        if spec != self.spec:
            advice = "Name everything that can change a number in it, before the model is loaded."
            refuse(self.title, "have the same spec before and after encode", "another one", advice)
        self.width = X.shape[1]
        return X
