"""Which parameters of a model are trained: all, those of its top blocks, or adapters of low rank (LoRA)."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from w2s_probe.core.errors import ConfigError, MissingExtraError
from w2s_probe.core.install import install_line

BYTES = 18  # of memory for a trained number: its start, gradient and two averages in float32, and activations
RANK = 8  # of adapters; their output is doubled, the usual factor


def choose_parameters(model: torch.nn.Module, *, layers: int | None, lora: bool, name: str) -> None:
    """Let only the chosen parameters of a model require gradients; adapters of LoRA are added in place.

    With `layers`, these are the parameters from the first of the top blocks on. With `lora`, they are adapters of the
    linear layers among them. Raises `ConfigError` if there are not as many blocks, or no linear layer.
    """
    chosen = {id(parameter) for parameter in model.parameters()}
    if layers is not None:
        blocks = _blocks(model)
        if layers > len(blocks):
            msg = f"`layers` must be at most {len(blocks)}, the blocks of {name}: got {layers}. Use a smaller number."
            raise ConfigError(msg)
        chosen = _from(model, blocks[len(blocks) - layers]) if layers else set()
    for parameter in model.parameters():
        parameter.requires_grad = id(parameter) in chosen
    if lora:
        _add_adapters(model, name)


def count_parameters(model: torch.nn.Module) -> tuple[int, int]:
    """Return the number of trained parameters and of all parameters."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(size for size, trained in sizes if trained), sum(size for size, _ in sizes)


def check_memory(model: torch.nn.Module, device: str) -> None:
    """Raise `ConfigError` if the training of a model certainly needs more memory than is free."""
    free, needed = _free_bytes(device), BYTES * count_parameters(model)[0]
    if free is not None and needed > free:
        msg = (
            f"training needs about {needed / 1e9:.2g} GB of free memory for this student: {free / 1e9:.2g} GB are free."
            " Use `lora`, or `layers` 2."
        )
        raise ConfigError(msg)


def _free_bytes(device: str) -> int | None:
    """Return the free memory of a GPU, or that of the machine; None where the system does not tell."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return None


def _blocks(model: torch.nn.Module) -> list[list[torch.nn.Parameter]]:
    """Return the parameters of each block from the bottom to the top: timm's groups, or the longest list."""
    matcher: Any = getattr(model, "group_matcher", None)
    if matcher is not None:
        from timm.models import group_parameters

        groups: dict[int, list[str]] = group_parameters(model, matcher(coarse=True), reverse=False)
        own = dict(model.named_parameters())
        return [[own[key] for key in names if key in own] for _, names in sorted(groups.items())]
    lists = [
        [parameters for child in module.children() if (parameters := list(child.parameters()))]
        for module in model.modules()
        if isinstance(module, torch.nn.ModuleList | torch.nn.Sequential)
    ]
    return max(lists, key=lambda blocks: (len(blocks), sum(p.numel() for block in blocks for p in block)), default=[])


def _from(model: torch.nn.Module, block: list[torch.nn.Parameter]) -> set[int]:
    """Return the parameters of a block and of all that come after it."""
    every = [id(parameter) for parameter in model.parameters()]
    first = min(every.index(id(parameter)) for parameter in block)
    return set(every[first:])


def _add_adapters(model: torch.nn.Module, name: str) -> None:
    if find_spec("peft") is None:
        msg = f"`lora` needs the Python package peft: it is not installed. Run: {install_line('lora')}"
        raise MissingExtraError(msg)
    from peft import LoraConfig, inject_adapter_in_model

    linear = [
        key
        for key, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module.weight.requires_grad
    ]
    if not linear:
        msg = f"`lora` needs linear layers: {name} has none among the trained blocks. Leave `lora` out."
        raise ConfigError(msg)
    inject_adapter_in_model(LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=linear), model)
    for key, parameter in model.named_parameters():
        parameter.requires_grad = "lora_" in key
