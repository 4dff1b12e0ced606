"""Models of open_clip: image tower or text tower, from the hub, a local file or a local folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, BackboneOptions, Items, Modality, require, texts
from w2s_probe.backbones.hub import hub_file, hub_folder
from w2s_probe.backbones.identity import hash_file, hash_folder
from w2s_probe.backbones.image import ImageModel
from w2s_probe.core.errors import BackboneError, did_you_mean, listed
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.files import is_folder, is_regular_file, reason
from w2s_probe.core.images import ImageFiles

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

CONFIG = "open_clip_config.json"
FOUND_BY_OPEN_CLIP = (".safetensors", ".bin", ".pth")
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a model comes from.

    Parameters
    ----------
    model : str
        What open_clip calls it: a built-in name, or ``local-dir:`` and a folder.
    weights : Path or None
        A file; None if open_clip finds it in the folder.
    config : mapping
        Architecture.
    preprocessing : mapping
        What is said about it; the rest is open_clip's default.
    """

    model: str
    weights: Path | None
    config: Mapping[str, Any]
    preprocessing: Mapping[str, Any]

    @property
    def folder(self) -> Path | None:
        """The local folder, if it comes from one."""
        return Path(self.model.removeprefix("local-dir:")) if self.model.startswith("local-dir:") else None

    def revision(self) -> str:
        """Return the hash of all that decides on the network."""
        if self.folder:
            return hash_folder(self.folder)
        config = hashlib.sha256(json.dumps(self.config, sort_keys=True).encode()).hexdigest()
        return f"sha256:{hash_file(self.weights or Path())} config {config}"


class OpenClipModel(ImageModel):
    """Embeddings of one tower, as `encode_image` or `encode_text` return them: not normalized.

    Parameters
    ----------
    source : Source
        Where the model comes from.
    tower : {"image", "text"}
        Which of its towers; `suited_to` chooses it by the items.
    name : str
        What the user calls it.
    options : BackboneOptions
        Device, threads, batch size.
    """

    packages = ("open_clip_torch", "timm", "torch", "torchvision", "pillow")

    def __init__(self, source: Source, *, tower: Modality = "image", name: str, options: BackboneOptions) -> None:
        super().__init__(name=name, options=options)
        self.source, self.modality = source, tower

    def suited_to(self, items: Items) -> Backbone:
        """Return the text tower for texts, the image tower for images."""
        tower: Modality = "image" if isinstance(items, (ImageFiles, np.ndarray)) else "text"
        if tower == self.modality:
            return self
        other = OpenClipModel(self.source, tower=tower, name=self.name, options=self.options)
        other.dtype = self.dtype
        return other

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """Identity by weights, architecture, tower and preprocessing."""
        return EmbeddingSpec(
            backbone="open_clip",
            revision=self.source.revision(),
            pooling=f"{self.modality} tower",
            normalization="none",
            preprocessing=_preprocessing_text(self.source) if self.modality == "image" else "open_clip's tokenizer",
        )

    def load(self) -> tuple[Any, Callable[[Image], torch.Tensor]]:
        """Return the whole model and the preprocessing of its image tower; random weights are an error."""
        import open_clip
        from open_clip.transform import PreprocessCfg, image_transform_v2

        source = self.source
        late = source.weights if source.folder else None
        model = open_clip.create_model(
            source.model,
            pretrained=None if source.folder else str(source.weights),
            load_weights=late is None,
            require_pretrained=late is None,
            pretrained_text=False,
            force_preprocess_cfg=dict(source.preprocessing),
        )
        if late is not None:
            open_clip.load_checkpoint(model, str(late))
        return model, image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)

    def features(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the embeddings (m, d) of images."""
        return self.loaded[0].encode_image(batch)

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return embeddings of shape (n, d)."""
        if self.modality == "image":
            return super().encode(items)
        import torch

        sentences, size = texts(items), self.options.batch_size
        found = []
        with torch.inference_mode():
            for start in range(0, len(sentences), size):
                tokens = self.tokenizer(sentences[start : start + size]).to(self.options.device)
                found.append(self.loaded[0].encode_text(tokens).float().cpu().numpy())
        return np.concatenate(found)

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer that belongs to the text tower."""
        import open_clip

        try:
            return open_clip.get_tokenizer(self.source.model)
        except Exception as error:  # some are on the hub, in files of their own
            msg = f"the tokenizer of {self.name} must be on this machine: {reason(error)}. Use a local folder with it."
            raise BackboneError(msg) from error

    def truncated(self, items: Items) -> list[int]:
        """Return positions of texts with more tokens than the model reads; images are never cut."""
        if self.modality == "image":
            return []
        count = getattr(self.tokenizer, "encode", None)
        if count is not None:
            lengths = [len(count(text)) + 2 for text in texts(items)]  # a start and an end token
        else:
            read = self.tokenizer.tokenizer(texts(items), truncation=False)
            lengths = [len(row) for row in read["input_ids"]]
        return [i for i, length in enumerate(lengths) if length > self.tokenizer.context_length]


def open_clip_model(name: str, options: BackboneOptions) -> OpenClipModel:
    """Return the backbone for ``MODEL/TAG``, ``MODEL/FILE``, a folder, ``local-dir:DIR`` or ``hf-hub:NAME``."""
    wanted_by = f"open_clip:{name}"
    require("open_clip", extra="image", wanted_by=wanted_by)
    if name.startswith("hf-hub:"):
        source = _from_folder(hub_folder(name.removeprefix("hf-hub:"), kind="open_clip"), wanted_by)
    elif name.startswith(("local-dir:", "/", ".", "~")) or is_regular_file(Path(name) / CONFIG):
        source = _from_folder(Path(name.removeprefix("local-dir:")).expanduser(), wanted_by)
    else:
        source = _built_in(name)
    return OpenClipModel(source, name=wanted_by, options=options)


def _from_folder(folder: Path, wanted_by: str) -> Source:
    if not is_folder(folder) or not is_regular_file(folder / CONFIG):
        msg = f"{wanted_by} must name a folder that holds {CONFIG} and weights: {folder} does not. Check the path."
        raise BackboneError(msg)
    try:
        written = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        config, preprocessing = dict(written["model_cfg"]), dict(written.get("preprocess_cfg") or {})
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        msg = f"{CONFIG} of {folder.name} must be JSON with model_cfg: it cannot be read ({reason(error)}). Mend it."
        raise BackboneError(msg) from error
    files = sorted(path for path in folder.iterdir() if path.suffix in (*FOUND_BY_OPEN_CLIP, ".pt"))
    if not files:
        msg = f"{wanted_by} must hold weights (.safetensors, .pt, .pth or .bin): {folder} has none. Add them."
        raise BackboneError(msg)
    late = None if any(path.suffix in FOUND_BY_OPEN_CLIP for path in files) else files[0]
    return Source(model=f"local-dir:{folder}", weights=late, config=config, preprocessing=preprocessing)


def _built_in(name: str) -> Source:
    import open_clip
    from open_clip.pretrained import get_pretrained_cfg

    model, _, weights = name.partition("/")
    known = open_clip.list_models()
    if model not in known or not weights:
        msg = (
            "open_clip: must be followed by MODEL/PRETRAINED, MODEL/FILE or a folder: "
            f"got {name!r:.120}.{did_you_mean(model, known) if model not in known else ''}"
        )
        raise BackboneError(msg if msg.endswith("?") else f"{msg} Try ViT-B-32/laion2b_s34b_b79k.")
    config = open_clip.get_model_config(model)
    file = Path(weights).expanduser()
    if is_regular_file(file):
        return Source(model=model, weights=file, config=config, preprocessing={})
    tags = open_clip.list_pretrained_tags_by_model(model)
    if weights not in tags:
        msg = (
            f"the weights of open_clip:{model} must be a local file or one of its tags "
            f"({listed(tags) or 'it has none'}): got {weights!r:.120}.{did_you_mean(weights, tags)}"
        )
        raise BackboneError(msg if msg.endswith("?") else f"{msg} Check the path.")
    said = get_pretrained_cfg(model, weights)
    repository, _, file_name = said["hf_hub"].rpartition("/")
    path = hub_file(repository, (file_name,) if file_name else HUB_FILES, kind="open_clip")
    wanted = ("mean", "std", "interpolation", "resize_mode")
    return Source(model=model, weights=path, config=config, preprocessing={k: said[k] for k in wanted if k in said})


def _preprocessing_text(source: Source) -> str:
    """Return in readable form what open_clip does to an image, its defaults spelled out."""
    from dataclasses import asdict

    from open_clip.transform import PreprocessCfg, merge_preprocess_dict

    merged = merge_preprocess_dict(asdict(PreprocessCfg()), dict(source.preprocessing))
    size = dict(source.config.get("vision_cfg") or {}).get("image_size", merged["size"])
    return json.dumps({**merged, "size": size}, sort_keys=True, default=str)
