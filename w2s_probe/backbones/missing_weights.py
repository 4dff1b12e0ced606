"""Weights that a model's file lacks: transformers draws them at random and only logs it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from w2s_probe.backbones.identity import short
from w2s_probe.core.errors import BackboneError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

TEXTS = ["A text of eight words, two of them numbers: 12 and 7."]
TOLERANCE = 1e-4  # far above rounding, far below the effect of random weights


def load_whole(load: Callable[[], SentenceTransformer], *, name: str) -> SentenceTransformer:
    """Return the model from `load`, or raise `BackboneError` if its features depend on weights that its file lacks.

    Many models lack weights that no feature needs, such as those of a pooler. If weights are missing, the model is
    loaded once more, with other random weights, and both must give the same features. `name` is the backbone's name.
    """
    with _missing_weights() as missing:
        model = load()
    if missing:
        first, second = (np.asarray(loaded.encode(TEXTS, show_progress_bar=False)) for loaded in (model, load()))
        if not np.allclose(first, second, atol=TOLERANCE, equal_nan=True):
            raise random_weights(missing, name=name)
    return model


def random_weights(missing: Iterable[str], *, name: str) -> BackboneError:
    """Return the error for weights that the file of the backbone called `name` lacks."""
    ordered = sorted(missing)
    names = ", ".join(short(weight) for weight in ordered[:3])  # 120 characters each
    others = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""
    return BackboneError(
        f"{name} must have all its weights: its file lacks {names}{others}, which would be random. "
        "Save the whole model, or use the config.json that belongs to its weights."
    )


@contextmanager
def changed_weights(model: Any, names: Iterable[str]) -> Iterator[None]:
    """Change these weights of a model for a while, to see what depends on them.

    Loading again would not show it for all of them: weights of a normalization are drawn as ones each time.
    """
    import torch

    state = model.state_dict()
    before = {name: state[name].clone() for name in names}
    generator = torch.Generator().manual_seed(0)
    for name, values in before.items():
        if values.is_floating_point():
            state[name].copy_(values + torch.randn(values.shape, generator=generator).to(values))
    try:
        yield
    finally:
        for name, values in before.items():
            state[name].copy_(values)


@contextmanager
def _missing_weights() -> Iterator[list[str]]:
    """Yield a list to which the block adds the names of missing weights in the report of transformers."""
    missing: list[str] = []

    class Reports(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            table = re.sub(r"\x1b\[[\d;]*m", "", record.getMessage())
            missing.extend(re.findall(r"^(.+?) *\| *MISSING", table, flags=re.MULTILINE))

    logger, handler = logging.getLogger("transformers.modeling_utils"), Reports()
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield missing
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
