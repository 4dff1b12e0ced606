"""The torch device of a training."""

from __future__ import annotations

import torch

from w2s_probe.core.errors import ConfigError


def check_device(device: str) -> None:
    """Raise `ConfigError` unless torch can use the device."""
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:  # AssertionError: a build of torch without CUDA
        reason = str(error).partition("\n")[0].rstrip(".")[:160]
        msg = f"`device` must be one that torch can use: got {device} ({reason}). Use `device` cpu."
        raise ConfigError(msg) from error
