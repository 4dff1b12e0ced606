"""Models of timm: an architecture by name, with weights of the hub or of a local file."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_probe.backbones.base import BackboneOptions, require
from w2s_probe.backbones.hub import hub_file
from w2s_probe.backbones.identity import hash_file
from w2s_probe.backbones.image import ImageModel, said, silent_loggers
from w2s_probe.core.errors import BackboneError, did_you_mean, listed
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.files import is_regular_file

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


class TimmModel(ImageModel):
    """Pooled features of a timm model, what its classifier would see, with timm's own preprocessing.

    Parameters
    ----------
    architecture : str
        Name that timm knows, with a tag or without; a tag decides on the preprocessing.
    weights : Path
        State dict in a file.
    name : str
        What the user calls it.
    options : BackboneOptions
        Device, threads, batch size.
    """

    def __init__(self, architecture: str, weights: Path, *, name: str, options: BackboneOptions) -> None:
        super().__init__(name=name, options=options)
        self.architecture, self.weights = architecture, weights

    @cached_property
    def data_config(self) -> dict[str, Any]:
        """Size, interpolation, crop, mean and standard deviation that timm has for this model."""
        from timm.data import config

        resolve: Any = config.resolve_data_config
        return resolve({}, pretrained_cfg=_config(self.architecture).to_dict())

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """Identity by architecture, hash of the weights and preprocessing; the tag is not part of it."""
        return EmbeddingSpec(
            backbone=f"timm:{self.architecture.partition('.')[0]}",
            revision=f"sha256:{hash_file(self.weights)}",
            pooling="the model's own, before its classifier",
            normalization="none",
            preprocessing=data_config_text(self.data_config),
        )

    def load(self) -> tuple[Any, Callable[[Image], torch.Tensor]]:
        """Read the weights, every one of which must find its place; then take the classifier off."""
        import timm
        from timm.data.transforms_factory import create_transform

        classes = _classes(self.weights, _config(self.architecture).classifier)
        # timm reads strictly only if the numbers of classes agree, and leaves what is missing at random if not
        overlay = {"file": str(self.weights), "num_classes": classes, "label_offset": 0, "custom_load": False}
        model: Any = timm.create_model(
            self.architecture, pretrained=True, num_classes=classes, pretrained_cfg_overlay=overlay
        )
        if classes:
            model.reset_classifier(0)
        return model, create_transform(**self.data_config, is_training=False)


def timm_model(name: str, options: BackboneOptions) -> TimmModel:
    """Return the backbone for ``NAME``, ``NAME@TAG`` or ``NAME@FILE``."""
    wanted_by = f"timm:{name}"
    require("timm", extra="image", wanted_by=wanted_by)
    import timm

    architecture, _, weights = name.partition("@")
    base, _, tag = architecture.partition(".")
    if not timm.is_model(base):
        near = [known for known in timm.list_models() if known[:2] == base[:2]]
        msg = f"timm: must be followed by a model that timm knows: got {base!r:.80}.{did_you_mean(base, near)}"
        raise BackboneError(msg if msg.endswith("?") else f"{msg} See timm.list_models().")
    if weights and (is_regular_file(Path(weights).expanduser()) or "/" in weights):
        if tag:
            _check_tag(base, tag, wanted_by)
        return TimmModel(architecture, _file(Path(weights).expanduser()), name=wanted_by, options=options)
    chosen = weights or tag
    if chosen:
        _check_tag(base, chosen, wanted_by)
        architecture = f"{base}.{chosen}"
    return TimmModel(architecture, _from_hub(architecture, wanted_by), name=wanted_by, options=options)


def data_config_text(config: dict[str, Any]) -> str:
    """Return preprocessing in readable form, the same for equal values."""
    return json.dumps(config, sort_keys=True, default=str)


def _config(architecture: str) -> Any:
    import timm

    return timm.get_pretrained_cfg(architecture)


def _check_tag(base: str, tag: str, wanted_by: str) -> None:
    import timm

    known = timm.list_pretrained(f"{base}.*")
    if f"{base}.{tag}" not in known:
        tags = [one.partition(".")[2] for one in known]
        msg = (
            f"the weights of {wanted_by} must be a local file or one of timm's tags "
            f"({listed(tags) or 'it has none'}): got {tag!r:.120}.{did_you_mean(tag, tags)}"
        )
        raise BackboneError(msg if msg.endswith("?") else f"{msg} Check the path.")


def _file(weights: Path) -> Path:
    if not is_regular_file(weights) or weights.suffix not in SUFFIXES:
        msg = f"weights must be a file that ends in {', '.join(SUFFIXES)}: got {weights.name!r:.120}. Check the path."
        raise BackboneError(msg)
    return weights


def _from_hub(architecture: str, wanted_by: str) -> Path:
    config = _config(architecture)
    if not config.hf_hub_id:
        msg = f"{wanted_by} needs weights: timm has none for it on the hub. Name a file, as in timm:NAME@FILE."
        raise BackboneError(msg)
    first = [config.hf_hub_filename] if config.hf_hub_filename else []
    return hub_file(config.hf_hub_id, [*first, "model.safetensors", "pytorch_model.bin"], kind="timm")


def _classes(weights: Path, classifier: str | tuple[str, ...] | None) -> int:
    """Return how many classes the weights were trained for; 0 if their classifier is left out."""
    from timm.models import load_state_dict

    try:
        with silent_loggers():
            state = load_state_dict(str(weights), weights_only=True)
        names = (classifier,) if isinstance(classifier, str) else classifier or ()
        found = [len(state[f"{name}.weight"]) for name in names if f"{name}.weight" in state]
    except Exception as error:  # whatever a stranger's file makes the reader raise
        msg = f"{weights.name} must hold a state dict of tensors: {said(error)}. Save model.state_dict()."
        raise BackboneError(msg) from error
    return found[0] if found else 0
