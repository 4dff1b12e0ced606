"""Pooled hidden states of encoders and decoders of transformers, from one pass up to the deepest layer in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import sliced
from w2s_probe.core.types import Rows

if TYPE_CHECKING:
    import torch

Pool = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]  # states (m, length, d) and mask (m, length) → (m, d)
Exit = tuple[int, Pool]  # a layer, counted from the embeddings on, and how its states become one row
Tokens = Mapping[str, Sequence[int]]  # what a tokenizer returns for one text: `input_ids`, perhaps `token_type_ids`
TOLERANCE = 1e-4  # of the norm of a row: far above rounding, far below the effect of a layer


class _DeepestError(Exception):
    """Ends a pass after the deepest layer in use."""


def mean_pool(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean over the tokens of each text."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)


def last_pool(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the states of the last token of each text, whichever side is padded."""
    at = mask.shape[1] - 1 - mask.flip(1).int().argmax(1)
    return states[range(len(states)), at]


def first_pool(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the states of the first token of each text, whichever side is padded."""
    return states[range(len(states)), mask.int().argmax(1)]


POOLS: dict[str, Pool] = {"mean": mean_pool, "last": last_pool, "first": first_pool}


class HiddenStates:
    """Reads the hidden states of a model while it computes them, numbered as `output_hidden_states` has them.

    State 0 is the input of the first layer, state k the output of layer k, the last state the model's output, which
    many decoders normalize.

    Parameters
    ----------
    body : PreTrainedModel
        The model without a head.
    """

    def __init__(self, body: Any) -> None:
        self.body, self.last = body, int(body.config.num_hidden_layers)
        self.stack, self._owner, self._attribute = _stack(body, self.last)
        self._widths: dict[int, int] = {}  # of layers that `every` has read

    def width(self, layer: int) -> int:
        """Return the dimensions of a layer's states; the last one of some models is projected to another number."""
        return self._widths.get(layer, int(self.body.config.hidden_size))

    def pooled(self, inputs: Mapping[str, torch.Tensor], exits: Sequence[Exit]) -> list[torch.Tensor]:
        """Return for each exit its pooled states (m, d) in float32; layers above the deepest exit do not run.

        Parameters
        ----------
        inputs : mapping of str to tensor
            What the model takes; `attention_mask` is 0 where a text is padded.
        exits : sequence of (int, callable)
            Layer, from 0 to `last`, and pooling.
        """
        rows: dict[Exit, torch.Tensor] = {}

        def read(layer: int, states: torch.Tensor) -> None:
            for exit_ in exits:
                if exit_[0] == layer:
                    rows[exit_] = exit_[1](states.float(), inputs["attention_mask"])

        self._read({layer for layer, _ in exits}, inputs, read)
        return [rows[exit_] for exit_ in exits]

    def _read(
        self, layers: set[int], inputs: Mapping[str, torch.Tensor], read: Callable[[int, torch.Tensor], None]
    ) -> None:
        """Call `read` with the states of each layer; all layers run if there is no list of them to hook."""
        if self.stack is None:
            states = self.body(**inputs, output_hidden_states=True).hidden_states
            for layer in layers:
                read(layer, states[layer])
            return
        deepest = max(layers)

        def on_states(layer: int, states: torch.Tensor) -> None:
            read(layer, states)
            if layer == deepest:
                raise _DeepestError

        with ExitStack() as hooks, suppress(_DeepestError):
            for layer in layers - {self.last}:
                hooks.callback(_hooked(self.stack, layer, partial(on_states, layer)).remove)
            on_states(self.last, self.body(**inputs)[0])

    def remove_above(self, layer: int) -> None:
        """Remove the layers above an exit from the model, for good; at least one layer stays."""
        if self._owner is not None and layer < self.last:
            layers = getattr(self._owner, self._attribute)
            setattr(self._owner, self._attribute, layers[: max(layer, 1)])

    def every(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the states of all layers in all poolings, shape (m, layers x poolings, d), without gradients.

        Layers that are narrower than the widest have zeros at their end.
        """
        import torch

        exits = [(layer, pool) for layer in range(self.last + 1) for pool in POOLS.values()]
        with torch.inference_mode():
            parts = self.pooled(inputs, exits)
            self._widths = {layer: part.shape[1] for (layer, _), part in zip(exits, parts, strict=True)}
            widest = max(self._widths.values())
            return torch.stack([torch.nn.functional.pad(part, (0, widest - part.shape[1])) for part in parts], dim=1)

    def trust_hooks(self, inputs: Mapping[str, torch.Tensor]) -> None:
        """Go on with hooks only if they give what `output_hidden_states` gives for these inputs."""
        hooked, owner = self.stack, self._owner
        self.stack = self._owner = None
        plain = self.every(inputs)
        if hooked is not None:
            self.stack = hooked
            with suppress(Exception):  # a layer may take and return anything
                if alike(self.every(inputs), plain):
                    self._owner = owner
                    return
            self.stack = None


def _hooked(stack: Any, layer: int, on_states: Callable[[torch.Tensor], None]) -> Any:
    """Return the handle of a hook that calls `on_states` with the states of a layer: 0 enters the first one."""

    def before(_module: Any, positional: Any, named: Any) -> None:
        on_states(positional[0] if positional else named["hidden_states"])

    def after(_module: Any, _inputs: Any, output: Any) -> None:
        on_states(output[0] if isinstance(output, tuple) else output)

    if layer == 0:
        return stack[0].register_forward_pre_hook(before, with_kwargs=True)
    return stack[layer - 1].register_forward_hook(after)


def alike(left: torch.Tensor, right: torch.Tensor, tolerance: float = TOLERANCE) -> bool:
    """Return whether rows differ by no more than a share of their norm."""
    return not bool(((left - right).norm(dim=-1) > tolerance * right.norm(dim=-1)).any())


def pooled_rows(
    states: HiddenStates,
    lengths: Sequence[int],
    inputs: Callable[[list[int]], Mapping[str, torch.Tensor]],
    exits: Sequence[Exit],
    *,
    batch_size: int,
) -> list[NDArray[np.float32]]:
    """Return for each exit the pooled states of all texts, shape (n, d); texts of similar length share a batch.

    `lengths` are the lengths of the texts, and `inputs` returns what the model takes for the texts at some positions.
    """
    import torch

    pooled = [np.empty((len(lengths), states.width(layer)), dtype=np.float32) for layer, _ in exits]
    for rows in batches(lengths, batch_size):
        with torch.inference_mode():
            batch = states.pooled(inputs(rows.tolist()), exits)
        for X, part in zip(pooled, batch, strict=True):
            X[rows] = part.cpu().numpy()
    return pooled


def batches(lengths: Sequence[int], batch_size: int) -> list[Rows]:
    """Return the positions of texts in batches of similar length, the longest first."""
    return sliced(np.argsort(-np.asarray(lengths, dtype=np.intp), kind="stable"), batch_size)


def padded(texts: Sequence[Tokens], *, pad: int = 0, device: Any = "cpu") -> dict[str, torch.Tensor]:
    """Return a batch as tensors, padded on the right, with its mask.

    On the right, positions count from each text's own first token, and causal attention looks from no token at the
    padding: features depend neither on other texts nor on the padding side of the tokenizer.
    """
    import torch

    lengths = np.array([len(text["input_ids"]) for text in texts])
    mask = np.arange(lengths.max()) < lengths[:, None]

    def filled(name: str) -> NDArray[np.int64]:
        values = np.full(mask.shape, pad if name == "input_ids" else 0, dtype=np.int64)
        values[mask] = np.concatenate([np.asarray(text[name], dtype=np.int64) for text in texts])
        return values

    columns = {**{name: filled(name) for name in texts[0]}, "attention_mask": mask.astype(np.int64)}
    return {name: torch.from_numpy(values).to(device) for name, values in columns.items()}


def _stack(body: Any, last: int) -> tuple[Any, Any, str]:
    """Return the outermost list of as many layers as the model has, its owner and its name; None if there is none."""
    return next(_lists(body, last), (None, None, ""))


def _lists(body: Any, length: int) -> Iterator[tuple[Any, Any, str]]:
    import torch

    for owner in body.modules():
        for name, child in owner.named_children():
            if isinstance(child, torch.nn.ModuleList) and len(child) == length:
                yield child, owner, name
