"""Whether the files of a model hold weights of another type than float32, by the beginnings of these files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import is_zipfile

from w2s_probe.backbones.identity import HashedFiles

FLOAT32 = ("float32", "torch.float32", "F32")  # as config.json, torch and safetensors write it
CHECKPOINTS = ("model*.safetensors", "pytorch_model*.bin")  # transformers prefers the first kind


def has_other_types(files: HashedFiles) -> bool:
    """Return whether sentence-transformers by itself would compute a module in another type than float32.

    The type of a module is that in its config.json, else that of its weights, as transformers chooses it. Files that
    cannot be read have none; loading the model says what is wrong with them.
    """
    modules: dict[PurePosixPath, dict[str, Path]] = {}
    for inner, path in files.files.items():
        modules.setdefault(PurePosixPath(inner).parent, {})[PurePosixPath(inner).name] = path
    return any(kind not in FLOAT32 for module in modules.values() for kind in _types(module))


def _types(module: Mapping[str, Path]) -> set[str]:
    """Return the types of the floating-point weights in the folder of a module."""
    with suppress(Exception):  # files may be crafted to make their readers raise anything
        config = json.loads(module["config.json"].read_bytes()) if "config.json" in module else {}
        named = config.get("dtype") or config.get("torch_dtype")
        if isinstance(named, str):
            return {named}
        for pattern in CHECKPOINTS:
            checkpoints = [path for name, path in module.items() if PurePosixPath(name).match(pattern)]
            if checkpoints:
                return set(_floating(checkpoints, pickled=pattern.endswith(".bin")))
    return set()


def _floating(checkpoints: Sequence[Path], *, pickled: bool) -> Iterator[str]:
    """Yield the types of the floating-point tensors in some files, whose numbers are not read."""
    import torch
    from safetensors import safe_open

    for path in checkpoints:
        if pickled:
            where: dict[str, Any] = {"map_location": "meta", "weights_only": True, "mmap": is_zipfile(path)}
            yield from (
                str(tensor.dtype) for tensor in torch.load(path, **where).values() if tensor.is_floating_point()
            )
            continue
        with safe_open(path, framework="pt") as opened:
            kinds = {opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118  # no mapping
        yield from (kind for kind in kinds if kind.startswith(("F", "BF")))
