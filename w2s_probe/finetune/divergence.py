"""Trainings that diverge: their weights or outputs are not finite."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from w2s_probe.core.errors import ConfigError


def check_finite(values: Iterable[torch.Tensor], lr: float) -> None:
    """Raise `ConfigError` if a number is not finite; `lr` is the training's learning rate."""
    if not all(bool(value.isfinite().all()) for value in values):
        msg = (
            f"training must give finite numbers: it diverged with `lr` {lr:g}. Use a smaller one, such as {lr / 10:g}."
        )
        raise ConfigError(msg)
