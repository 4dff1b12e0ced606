"""Trained weights as ``finetuned-NAME.safetensors``, one file for each system, with the tensors of all seeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from w2s_probe.core.result_files import weight_file
from w2s_probe.core.writing import Content
from w2s_probe.report.files.fingerprints import KEY

if TYPE_CHECKING:
    from w2s_probe.finetune.run import Finetuned


def weight_files(done: Finetuned) -> Mapping[str, Content]:
    """Return the content of the weights of each system, by the name of its file.

    Tensors are ``SEED/PARAMETER``; the head is ``head.weight`` and ``head.bias``. Only trained parameters are there.
    The file carries the hash of what decides the weights: for most systems, no labels of pool and test rows.

    Parameters
    ----------
    done : Finetuned
        A finished fine-tune that has saved its weights.
    """
    seeds = [outcome.split.seed for outcome in done.outcomes]
    parts = {weight_file(name): dict(zip(seeds, files, strict=True)) for name, files in done.weights.items()}
    fingerprints = done.result.finetuning.weights or {}
    return {name: _writer(parts[name], fingerprint) for name, fingerprint in fingerprints.items()}


def _writer(files: Mapping[int, Path], fingerprint: str) -> Content:
    """Return a function that writes the weights of all seeds of one system; they are read when they are written."""
    from safetensors.numpy import load_file, save

    def write(handle: IO[bytes]) -> object:
        tensors = {f"{seed}/{name}": tensor for seed, file in files.items() for name, tensor in load_file(file).items()}
        return handle.write(save(tensors, {KEY: fingerprint}))

    return write
