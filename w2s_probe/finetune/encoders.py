"""Features of a backbone with gradients: the same numbers as its frozen features, until its weights change."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from w2s_probe.backbones import Backbone
from w2s_probe.backbones.base import Items, take, texts
from w2s_probe.backbones.decoding import map_batches
from w2s_probe.backbones.image import ImageModel
from w2s_probe.backbones.language_models import LanguageModel
from w2s_probe.backbones.open_clip_models import OpenClipModel
from w2s_probe.backbones.packaged import MiniLMExit, WordLlama
from w2s_probe.backbones.packaged_images import EfficientNetLite
from w2s_probe.backbones.text import SentenceTransformerBackbone
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.types import Features, Rows

CHECKED, TOLERANCE = 16, 1e-3  # rows whose features are compared, and the largest difference of a row over its norm


class Encoder(ABC):
    """A backbone's model and a function from items to features.

    Attributes
    ----------
    module : torch.nn.Module
        The model, whose parameters may be trained.
    name : str
        The backbone's name.
    device : str
        Torch device.
    example : list of str, or array of shape (1, height, width, 3)
        An item of the kind that it takes.
    """

    module: torch.nn.Module
    example: Items = ("an example",)

    def __init__(self, backbone: Backbone, device: str) -> None:
        self.name, self.device = backbone.name, device

    @abstractmethod
    def features(self, items: Items) -> torch.Tensor:
        """Return features of shape (m, d) with gradients."""

    def lengths(self, items: Items) -> Rows:
        """Return the length of each item, by which batches are sorted; 0 for images."""
        return np.zeros(len(items), dtype=np.intp)

    def check(self, items: Items, X: Features) -> None:
        """Raise `BackboneError` unless the first features equal frozen features of the same items."""
        self.module.eval()
        with torch.no_grad():
            own = self.features(take(items, range(min(CHECKED, len(items))))).float().cpu().numpy()
        frozen = np.asarray(X[: len(own)], dtype=np.float32)
        norms = np.maximum(np.linalg.norm(frozen, axis=1), np.finfo(np.float32).tiny)
        worst = float((np.linalg.norm(own - frozen, axis=1) / norms).max()) if own.shape == frozen.shape else np.inf
        if worst > TOLERANCE:
            msg = (
                f"{self.name} must give the same features in training as frozen: they differ by {worst:.2g} of a row's "
                "norm. Use another student; run measures this one on frozen features."
            )
            raise BackboneError(msg)


class TextEncoder(Encoder):
    """A model of sentence-transformers."""

    def __init__(self, backbone: SentenceTransformerBackbone) -> None:
        super().__init__(backbone, backbone.options.torch_device)
        self.backbone = backbone
        self.model: Any = backbone.model
        self.module = self.model

    def features(self, items: Items) -> torch.Tensor:
        """Return sentence embeddings of shape (m, d)."""
        embedded: torch.Tensor = self.model(self.tokens(items))["sentence_embedding"]
        return embedded[:, : self.model.truncate_dim]

    def tokens(self, items: Items) -> Mapping[str, Any]:
        """Return the model's inputs on its device."""
        tokens = self.model.preprocess(texts(items), prompt=self.backbone.prompt or None)
        return {name: value.to(self.device) if torch.is_tensor(value) else value for name, value in tokens.items()}

    def lengths(self, items: Items) -> Rows:
        """Return the characters of each text."""
        return np.array([len(text) for text in texts(items)], dtype=np.intp)


class LayerEncoder(Encoder):
    """A layer of a language model, or an early exit of MiniLM-L6: the deeper layers are removed."""

    def __init__(self, backbone: LanguageModel | MiniLMExit) -> None:
        super().__init__(backbone, backbone.options.torch_device)
        self.backbone, self.states = backbone, backbone.states
        self.states.remove_above(backbone.exit[0])
        self.module = backbone.model if isinstance(backbone, MiniLMExit) else self.states.body

    def features(self, items: Items) -> torch.Tensor:
        """Return the pooled states of the layer, shape (m, d)."""
        (pooled,) = self.states.pooled(self.backbone.inputs(texts(items)), [self.backbone.exit])
        return pooled

    def lengths(self, items: Items) -> Rows:
        """Return the characters of each text."""
        return np.array([len(text) for text in texts(items)], dtype=np.intp)


class ImageEncoder(Encoder):
    """A model of timm, or the image tower of a model of open_clip."""

    example = np.zeros((1, 32, 32, 3), dtype=np.uint8)

    def __init__(self, backbone: ImageModel) -> None:
        super().__init__(backbone, backbone.options.torch_device)
        self.backbone, (model, self.prepare) = backbone, backbone.loaded
        self.module = model.visual if isinstance(backbone, OpenClipModel) else model
        if isinstance(backbone, EfficientNetLite):
            model.reset_classifier(0)

    def features(self, items: Items) -> torch.Tensor:
        """Return features of shape (m, d)."""
        size, threads = max(len(items), 1), self.backbone.options.threads
        (pixels,) = map_batches(items, self.prepare, torch.stack, batch_size=size, threads=threads)
        embedded: torch.Tensor = self.module(pixels.to(self.device))
        return embedded


def encoder_of(backbone: Backbone) -> Encoder:
    """Return the encoder of a backbone whose weights can be trained; else raise `BackboneError`."""
    check_trainable(backbone)
    if isinstance(backbone, MiniLMExit | LanguageModel):
        return LayerEncoder(backbone)
    if isinstance(backbone, SentenceTransformerBackbone):
        encoder = TextEncoder(backbone)
        if not _is_static(encoder.model):
            return encoder
    if isinstance(backbone, ImageModel):
        return ImageEncoder(backbone)
    raise _not_trainable(backbone.name)


def check_trainable(backbone: Backbone | str) -> None:
    """Raise `BackboneError` unless a backbone's weights can be trained; a name is one without a model."""
    text = isinstance(backbone, SentenceTransformerBackbone | LanguageModel) and not isinstance(backbone, WordLlama)
    image = isinstance(backbone, ImageModel) and getattr(backbone, "exit_block", None) is None
    if not text and not image:
        raise _not_trainable(backbone if isinstance(backbone, str) else backbone.name)


def _not_trainable(name: str) -> BackboneError:
    whole = "packaged:efficientnet-lite2" if "efficientnet" in name or "pixels" in name else "packaged:minilm-l6"
    return BackboneError(
        "finetune trains models of packaged:, sentence-transformers:, transformers:, timm: and open_clip: (image "
        f"towers): {name} has no such weights. Use it as the frozen teacher, and as the student a model such as "
        f"{whole}."
    )


def _is_static(model: Any) -> bool:
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    return isinstance(model[0], StaticEmbedding)
