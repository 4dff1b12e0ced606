"""Which parameters of a model are trained: all, those of its top blocks, or adapters of low rank (LoRA)."""

from __future__ import annotations

import warnings
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from w2s_probe.core.errors import ConfigError, MissingExtraError
from w2s_probe.core.install import install_line
from w2s_probe.finetune.encoders import Encoder

BYTES = 18  # of memory for a trained number: its start, gradient and two averages in float32, and activations
RANK = 8  # of adapters; their output is doubled, the usual factor

Block = torch.nn.Module | list[torch.nn.Parameter]  # a module, or the parameters of a block and of all that follow it


def choose_parameters(encoder: Encoder, *, layers: int | None, lora: bool) -> None:
    """Let only the chosen parameters of a model require gradients; adapters of LoRA are added in place.

    They are those on which the features depend. With `layers`, they are those of the top blocks and of what follows
    them. With `lora`, they are adapters of the linear layers among them. Raises `ConfigError` if there are not as many
    blocks, or no linear layer.
    """
    model, name = encoder.module, encoder.name
    for parameter in model.parameters():
        parameter.requires_grad = parameter.is_floating_point()
    chosen = _used(encoder)
    if layers is not None:
        blocks = [block for block in _blocks(model) if not chosen.isdisjoint(_parameters(block))]
        if layers > len(blocks):
            msg = f"`layers` must be at most {len(blocks)}, the blocks of {name}: got {layers}. Use a smaller number."
            raise ConfigError(msg)
        chosen = _used(encoder, first=blocks[len(blocks) - layers]) if layers else set()
    for parameter in model.parameters():
        parameter.requires_grad = parameter in chosen
    if lora:
        _add_adapters(model, name)


def count_parameters(model: torch.nn.Module) -> tuple[int, int]:
    """Return the number of trained parameters and of all parameters."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(size for size, trained in sizes if trained), sum(size for size, _ in sizes)


def check_memory(model: torch.nn.Module, device: str, *, layers: int | None, lora: bool) -> None:
    """Raise `ConfigError` if the training of a model certainly needs more memory than is free."""
    free, needed = _free_bytes(device), BYTES * count_parameters(model)[0]
    if free is not None and needed > free:
        msg = (
            f"training needs about {needed / 1e9:.2g} GB of free memory for this student: {free / 1e9:.2g} GB are free."
            f" Use {less_memory(layers=layers, lora=lora)}."
        )
        raise ConfigError(msg)


def less_memory(*, layers: int | None, lora: bool) -> str:
    """Return what to use in order to need less memory than with these settings.

    Examples
    --------
    >>> less_memory(layers=None, lora=False), less_memory(layers=4, lora=True), less_memory(layers=1, lora=True)
    ('`lora`, or `layers` 2', '`layers` 2, or a smaller student', 'a smaller student')
    """
    ways = [] if lora or layers == 0 else ["`lora`"]
    if layers is None or layers > 1:
        ways.append(f"`layers` {2 if layers is None else layers // 2}")
    return ", or ".join(ways if len(ways) > 1 else [*ways, "a smaller student"])


def _free_bytes(device: str) -> int | None:
    """Return the free memory of a GPU, or that of the machine; None where the system does not tell."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return None


def _blocks(model: torch.nn.Module) -> list[Block]:
    """Return the blocks from the bottom to the top: timm's groups of parameters, or the longest list of modules."""
    matcher: Any = getattr(model, "group_matcher", None)
    if matcher is not None:
        from timm.models import group_parameters

        groups: dict[int, list[str]] = group_parameters(model, matcher(coarse=True), reverse=False)
        own = dict(model.named_parameters())
        every = [[own[key] for key in names if key in own] for _, names in sorted(groups.items())]
        return [[parameter for group in every[first:] for parameter in group] for first in range(len(every))]
    stacks = [_outermost(model, kind) for kind in (torch.nn.ModuleList, torch.nn.Sequential)]
    lists: list[list[Block]] = [
        [child for child in stack.children() if _parameters(child)] for stack in stacks[0] or stacks[1]
    ]
    return max(lists, key=len, default=[])


def _outermost(model: torch.nn.Module, kind: type[torch.nn.Module]) -> list[torch.nn.Module]:
    """Return the modules of a kind that lie in no other one."""
    modules = [module for module in model.modules() if isinstance(module, kind)]
    inner = {id(part) for module in modules for part in module.modules() if part is not module}
    return [module for module in modules if id(module) not in inner]


def _used(encoder: Encoder, first: Block | None = None) -> set[torch.nn.Parameter]:
    """Return the parameters on which the features depend, not counting what comes before the block `first`."""
    if isinstance(first, list):
        return set(first) & _used(encoder)
    hook = first.register_forward_pre_hook(_cut, with_kwargs=True) if first is not None else None
    encoder.module.eval()
    with torch.enable_grad():
        end = encoder.features(encoder.example).grad_fn
    if hook is not None:
        hook.remove()
    leaves: set[torch.nn.Parameter] = set()
    visits, rest = {None}, [end]
    while rest:
        node: Any = rest.pop()
        if node not in visits:
            visits.add(node)
            rest += [before for before, _ in node.next_functions]
            if hasattr(node, "variable"):
                leaves.add(node.variable)
    return leaves


def _parameters(block: Block) -> set[torch.nn.Parameter]:
    return set(block if isinstance(block, list) else block.parameters())


def _cut(_module: torch.nn.Module, *inputs: Any) -> Any:
    """Return the inputs of a module as values on which no parameter has an influence."""

    def cut(value: Any) -> Any:
        if isinstance(value, tuple | list):
            return type(value)(cut(part) for part in value)
        if isinstance(value, dict):
            return {name: cut(part) for name, part in value.items()}
        return value.detach() if torch.is_tensor(value) else value

    return cut(inputs)


def _add_adapters(model: torch.nn.Module, name: str) -> None:
    if find_spec("peft") is None:
        msg = f"`lora` needs the Python package peft: it is not installed. Run: {install_line('lora')}"
        raise MissingExtraError(msg)
    from peft import LoraConfig, inject_adapter_in_model
    from transformers.pytorch_utils import Conv1D  # GPT-2's linear layer

    linear = [
        key
        for key, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and module.weight.requires_grad
    ]
    if not linear:
        msg = f"`lora` needs linear layers: {name} has none among the trained blocks. Leave `lora` out."
        raise ConfigError(msg)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "fan_in_fan_out")  # of Conv1D, which peft finds out itself
        inject_adapter_in_model(LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=linear), model)
    for key, parameter in model.named_parameters():
        parameter.requires_grad = "lora_" in key
