"""Pooled hidden states of a model's folder as a user of transformers would compute them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

LONGEST_DISTANCE = 1e-6  # of a row's norm: rounding of float32


def by_hand(
    folder: Path, texts: Sequence[str], *, side: str, dtype: str = "float64"
) -> dict[str, np.ndarray[Any, Any]]:
    """Return features (layers, n, d) by pooling, from one padded batch and `output_hidden_states`."""
    import inspect

    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.padding_side == side
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModel.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    batch = dict(tokenizer(list(texts), padding=True, return_tensors="pt"))
    mask = batch["attention_mask"]
    if "position_ids" in inspect.signature(model.forward).parameters:
        batch["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.inference_mode():
        layers = model(**batch, output_hidden_states=True).hidden_states
    where = [torch.nonzero(row).flatten().tolist() for row in mask]
    pooled = {"mean": [], "last": [], "first": []}  # type: dict[str, list[Any]]
    for states in layers:
        rows = [state[tokens] for state, tokens in zip(states, where, strict=True)]
        pooled["mean"].append(np.stack([row.mean(0).numpy() for row in rows]))
        pooled["last"].append(np.stack([row[-1].numpy() for row in rows]))
        pooled["first"].append(np.stack([row[0].numpy() for row in rows]))
    return {name: np.stack(values) for name, values in pooled.items()}


def relative_distance(X: Any, Y: Any) -> float:
    """Return the largest distance of two rows over the norm of the second."""
    return float((np.linalg.norm(X - Y, axis=1) / np.linalg.norm(Y, axis=1)).max())
