"""Checkpoints of a training, in safetensors: trained weights, the optimizer's averages, steps, records of epochs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from w2s_probe.core.writing import write_file

FINISHED = 2**53  # steps that no training has
Record = Mapping[str, NDArray[Any]]
STATE = {"m": "exp_avg", "v": "exp_avg_sq"}  # AdamW's averages by the letter in a checkpoint


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The file of one training's checkpoint.

    Parameters
    ----------
    path : Path
        The file; it may not exist.
    key : str
        Everything that decides the weights; a checkpoint with another key is not used.
    steps : int
        Steps between two checkpoints.
    weights : Path or None
        File of the trained weights, without which a finished training is not used; None if none are kept.
    """

    path: Path
    key: str
    steps: int = 50
    weights: Path | None = None

    def is_due(self, step: int) -> bool:
        """Return whether to save after this many steps."""
        return step % self.steps == 0

    def store(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, step: int, records: list[Record]) -> None:
        """Replace the file by the state after this many steps."""
        tensors: dict[str, torch.Tensor] = {}
        for name, parameter in trained_parameters(model):
            tensors[f"w.{name}"] = parameter.detach()
            state: dict[str, Any] = optimizer.state[parameter]  # empty for parameters that the loss does not reach
            tensors |= {f"{letter}.{name}": state[field] for letter, field in STATE.items() if state}
        self._write(tensors, step, records)

    def finish(self, records: list[Record]) -> None:
        """Replace the file by the records of a finished training, without weights."""
        self._write({}, FINISHED, records)

    def restore(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, list[Record]]:
        """Put the file's state into model and optimizer; return its steps and records, or 0 and none without one.

        The file of a finished training leaves the model as it is.
        """
        header, tensors = self._read()
        step = int(header.get("step", 0))
        with torch.no_grad():
            for name, parameter in trained_parameters(model):
                if f"w.{name}" in tensors:
                    parameter.copy_(tensors[f"w.{name}"])
                if f"m.{name}" in tensors:
                    averages = {field: tensors[f"{letter}.{name}"] for letter, field in STATE.items()}
                    state = {field: average.to(parameter.device) for field, average in averages.items()}
                    optimizer.state[parameter] = {"step": torch.tensor(float(step)), **state}
        records: list[Record] = [{} for _ in range(int(header.get("records", 0)))]
        for name, tensor in tensors.items():
            letter, _, rest = name.partition(".")
            if letter == "r":
                epoch, _, key = rest.partition(".")
                records[int(epoch)] = {**records[int(epoch)], key: tensor.numpy()}
        return step, records

    def _write(self, tensors: dict[str, torch.Tensor], step: int, records: list[Record]) -> None:
        for epoch, record in enumerate(records):
            tensors |= {f"r.{epoch}.{name}": torch.as_tensor(array) for name, array in record.items()}
        tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        header = {"key": self.key, "step": str(step), "records": str(len(records))}
        write_file(self.path, save(tensors, {**header, "seal": _seal(header, tensors)}))

    def _read(self) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
        """Return the header and tensors; none if there is no such file, if it is damaged, or if its key differs."""
        try:
            with safe_open(self.path, framework="pt") as file:
                header: dict[str, str] = file.metadata() or {}
                if header.get("key") != self.key:
                    return {}, {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
        except (OSError, SafetensorError):
            return {}, {}
        if header.get("step") == str(FINISHED) and self.weights and not self.weights.is_file():
            return {}, {}
        seal = header.pop("seal", "")
        return (header, tensors) if seal == _seal(header, tensors) else ({}, {})


def trained_parameters(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """Yield names and parameters that require gradients."""
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)


def key_of(**facts: Any) -> str:
    """Return a hash of everything that decides a training's weights."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _seal(header: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode() + tensor.numpy().tobytes())
    return digest.hexdigest()
