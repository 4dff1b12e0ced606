"""Models of timm: an architecture by name, with weights from the hub or a local file."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_probe.backbones.base import BackboneOptions, require
from w2s_probe.backbones.hub import hub_file
from w2s_probe.backbones.identity import HashedFiles, hash_files
from w2s_probe.backbones.image import ImageModel, silent_loggers
from w2s_probe.backbones.loading import load_reason
from w2s_probe.backbones.model_files import local_path
from w2s_probe.core.errors import BackboneError, did_you_mean, listed
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.files import is_regular_file

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


class TimmModel(ImageModel):
    """Pooled features of a timm model, the inputs of its classifier, with timm's own preprocessing.

    `architecture` is a name of timm, with or without a tag, which determines the preprocessing; `weights` is the file
    of a state dict.
    """

    def __init__(self, architecture: str, weights: Path, *, name: str, options: BackboneOptions) -> None:
        super().__init__(name=name, options=options)
        self.architecture, self.weights = architecture, weights

    @cached_property
    def data_config(self) -> dict[str, Any]:
        """Preprocessing of this model by timm: size, interpolation, crop, mean and standard deviation."""
        from timm.data import config

        resolve: Any = config.resolve_data_config
        return resolve({}, pretrained_cfg=_config(self.architecture).to_dict())

    @cached_property
    def files(self) -> HashedFiles:
        """The file of weights, hashed."""
        return hash_files([self.weights], name=self.name)

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """Spec with architecture, hash of the weights and preprocessing, without the tag."""
        return EmbeddingSpec(
            backbone=f"timm:{self.architecture.partition('.')[0]}",
            revision=f"sha256:{self.files.sha256(self.weights.name)}",
            pooling="the model's own, before its classifier",
            normalization="none",
            preprocessing=data_config_text(self.data_config),
        )

    def load(self) -> tuple[Any, Callable[[Image], torch.Tensor]]:
        """Load the weights, each of which must belong to a parameter; then remove the classifier."""
        import timm
        from timm.data.transforms_factory import create_transform

        classes = _classes(self.weights, _config(self.architecture).classifier)
        # timm reads strictly only if the numbers of classes agree; else missing weights would stay random
        overlay = {"file": str(self.weights), "num_classes": classes, "label_offset": 0, "custom_load": False}
        model: Any = timm.create_model(
            self.architecture, pretrained=True, num_classes=classes, pretrained_cfg_overlay=overlay
        )
        if classes:
            model.reset_classifier(0)
        return model, create_transform(**self.data_config, is_training=False)


def timm_model(name: str, options: BackboneOptions) -> TimmModel:
    """Return the backbone for ``NAME``, ``NAME@TAG`` or ``NAME@FILE``."""
    full_name = f"timm:{name}"
    require("timm", extra="image", backbone=full_name)
    import timm

    architecture, _, weights = name.partition("@")
    base, _, tag = architecture.partition(".")
    if not timm.is_model(base):
        models = [model for model in timm.list_models() if model[:2] == base[:2]]
        near = did_you_mean(base, models) or " Choose a name from timm.list_models()."
        msg = f"timm: must be followed by the name of a timm model: got {base!r:.80}.{near}"
        raise BackboneError(msg)
    if weights and (is_regular_file(local_path(weights)) or "/" in weights):
        if tag:
            _check_tag(base, tag, full_name)
        return TimmModel(architecture, _file(local_path(weights)), name=full_name, options=options)
    if weights or tag:
        _check_tag(base, weights or tag, full_name)
        architecture = f"{base}.{weights or tag}"
    return TimmModel(architecture, _from_hub(architecture, full_name), name=full_name, options=options)


def data_config_text(config: dict[str, Any]) -> str:
    """Return preprocessing as readable text; equal values give equal texts."""
    return json.dumps(config, sort_keys=True, default=str)


def _config(architecture: str) -> Any:
    import timm

    return timm.get_pretrained_cfg(architecture)


def _check_tag(base: str, tag: str, full_name: str) -> None:
    import timm

    tags = [model.partition(".")[2] for model in timm.list_pretrained(f"{base}.*")]
    if tag not in tags:
        near = did_you_mean(tag, tags) or " Use a tag, or check the path."
        msg = (
            f"the weights of {full_name} must be a local file or one of timm's tags "
            f"({listed(tags) or 'it has none'}): got {tag!r:.120}.{near}"
        )
        raise BackboneError(msg)


def _file(weights: Path) -> Path:
    if not is_regular_file(weights) or weights.suffix not in SUFFIXES:
        msg = f"weights must be a file that ends in {', '.join(SUFFIXES)}: got {weights.name!r:.120}. Check the path."
        raise BackboneError(msg)
    return weights


def _from_hub(architecture: str, full_name: str) -> Path:
    config = _config(architecture)
    if not config.hf_hub_id:
        msg = f"{full_name} needs weights: timm has none for it on the hub. Give a file, as in timm:NAME@FILE."
        raise BackboneError(msg)
    first = [config.hf_hub_filename] if config.hf_hub_filename else []
    return hub_file(config.hf_hub_id, [*first, "model.safetensors", "pytorch_model.bin"], kind="timm")


def _classes(weights: Path, classifier: str | tuple[str, ...] | None) -> int:
    """Return the number of classes of the weights; 0 if they have no classifier."""
    from timm.models import load_state_dict

    try:
        with silent_loggers():
            state = load_state_dict(str(weights), weights_only=True)
        names = (classifier,) if isinstance(classifier, str) else classifier or ()
        sizes = [len(state[f"{name}.weight"]) for name in names if f"{name}.weight" in state]
    except Exception as error:  # crafted bytes make readers raise errors of any type
        msg = f"{weights.name} must hold a state dict of tensors: {load_reason(error)}. Save model.state_dict()."
        raise BackboneError(msg) from error
    return sizes[0] if sizes else 0
