"""The parts of ``transformers:MODEL[@LAYER][:POOL]``; several layers of one model are a ladder."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from w2s_probe.backbones.hidden_states import POOLS
from w2s_probe.backbones.model_files import local_path, without_end
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.files import is_folder

KIND = "transformers"
EVERY = "*"
MOST_DIGITS = 6  # of a layer's number


@dataclass(frozen=True, slots=True)
class Parts:
    """A model by folder or name on the hub, its layer as typed, and its pooling; None for parts that were left out."""

    model: str
    layer: str | None = None
    pool: str | None = None

    @property
    def several(self) -> bool:
        """Whether the name means several layers, all or those between commas."""
        return self.layer is not None and (self.layer == EVERY or "," in self.layer)

    def full(self, layer: int, pool: str) -> str:
        """Return the whole name with this layer and pooling."""
        return f"{KIND}:{self.model}@{layer}:{pool}"


def parts_of(name: str) -> Parts:
    """Return the parts of a name without its kind; a folder may have ``@`` and ``:`` in its own name.

    Examples
    --------
    >>> parts_of("org/model@-1:last")
    Parts(model='org/model', layer='-1', pool='last')
    >>> parts_of("models/a@b/tiny")
    Parts(model='models/a@b/tiny', layer=None, pool=None)
    """
    if is_folder(local_path(name)):
        return Parts(without_end(name))
    model, pool = _cut(name, ":")
    if is_folder(local_path(model)):
        return Parts(without_end(model), None, _known_pool(pool, name))
    model, layer = _cut(model, "@")
    return Parts(without_end(model), layer, _known_pool(pool, name))


def layer_of(text: str, last: int, *, name: str) -> int:
    """Return the layer that a text means; -1 is the last one. `name` is the backbone's, for the message."""
    number = int(text) if re.fullmatch(rf"-?[0-9]{{1,{MOST_DIGITS}}}", text) else None
    if number is None or not -last - 1 <= number <= last:
        msg = (
            f"{name} has layers 0–{last}, of which 0 are the embeddings, and -1 is {last}: got @{text:.40}. "
            f"Name one of them, or leave @LAYER out for the last."
        )
        raise BackboneError(msg)
    return number % (last + 1)


def ladder(name: str, last_layer: Callable[[str], int]) -> list[str]:
    """Return the names of all layers that one name means: ``@*`` is every layer, ``@0,3,6`` are three.

    `last_layer` returns the number of a model's last layer. Other names are returned as they are.
    """
    kind, _, rest = name.partition(":")
    if kind != KIND or not (parts := parts_of(rest)).several:
        return [name]
    last, end = last_layer(parts.model), f":{parts.pool}" if parts.pool else ""
    texts = [str(layer) for layer in range(last + 1)] if parts.layer == EVERY else str(parts.layer).split(",")
    layers = dict.fromkeys(layer_of(text.strip(), last, name=f"{KIND}:{parts.model}") for text in texts)
    return [f"{KIND}:{parts.model}@{layer}{end}" for layer in layers]


def _cut(text: str, mark: str) -> tuple[str, str | None]:
    """Return what stands before and after the last mark; a mark inside a path cuts nothing."""
    before, _, after = text.rpartition(mark)
    return (before, after) if before and not re.search(r"[/\\]", after) else (text, None)


def _known_pool(pool: str | None, name: str) -> str | None:
    if pool is not None and pool not in POOLS:
        msg = (
            f"{KIND}:MODEL@LAYER:POOL must have the pooling mean, last or first: got {pool!r:.40} in {name!r:.120}. "
            "Use :mean over all tokens, or the :last or :first token."
        )
        raise BackboneError(msg)
    return pool
