"""Models of open_clip, image tower or text tower, from the hub, a local file or a local folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, BackboneOptions, Items, Modality, require, texts
from w2s_probe.backbones.hub import hub_copy, hub_file, hub_folder
from w2s_probe.backbones.identity import HashedFiles, hash_files
from w2s_probe.backbones.image import ImageModel
from w2s_probe.backbones.loading import load_reason, loading
from w2s_probe.backbones.model_files import hash_folder, hash_matching, links_to, local_path, without_end
from w2s_probe.core.errors import BackboneError, did_you_mean, listed
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.files import is_folder, is_regular_file
from w2s_probe.core.images import Images

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

CONFIG = "open_clip_config.json"
FOUND_BY_OPEN_CLIP = (".safetensors", ".bin", ".pth")
TEXT_FILES = ["*.json", "*.txt", "*.model", "*.jinja"]  # of tokenizers and configurations
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Source of a model: its architecture, weights and preprocessing.

    Parameters
    ----------
    model : str
        Name for open_clip: a built-in name, or ``local-dir:`` and a folder.
    weights : Path or None
        File of weights; None if open_clip finds the file in the folder.
    config : mapping
        Architecture.
    preprocessing : mapping
        Settings that differ from open_clip's defaults.
    """

    model: str
    weights: Path | None
    config: Mapping[str, Any]
    preprocessing: Mapping[str, Any]

    @property
    def folder(self) -> Path | None:
        """The local folder of the model, or None."""
        return Path(self.model.removeprefix("local-dir:")) if self.model.startswith("local-dir:") else None

    @property
    def on_the_hub(self) -> tuple[str, ...]:
        """Models on the hub whose configuration or tokenizer the text tower has."""
        tower = self.config.get("text_cfg")
        fields = ("hf_model_name",) if self.folder else ("hf_model_name", "hf_tokenizer_name")
        names = [tower.get(field) for field in fields] if isinstance(tower, dict) else []
        return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))

    def hashed(self, name: str) -> HashedFiles:
        """Return the hashes of the folder or of the weights, for the backbone called `name`."""
        return hash_folder(self.folder, name=name) if self.folder else hash_files([self.weights or Path()], name=name)

    def revision(self, files: HashedFiles) -> str:
        """Return the hashes of the weights and the architecture."""
        if self.folder:
            return files.revision
        config = hashlib.sha256(json.dumps(self.config, sort_keys=True).encode()).hexdigest()
        return f"sha256:{files.sha256((self.weights or Path()).name)} config {config}"


class OpenClipModel(ImageModel):
    """Embeddings of one tower, from `encode_image` or `encode_text`, not normalized; items decide on the tower."""

    packages = ("open_clip_torch", "timm", "torch", "torchvision", "pillow")

    def __init__(self, source: Source, *, tower: Modality = "image", name: str, options: BackboneOptions) -> None:
        super().__init__(name=name, options=options)
        self.source, self.modality = source, tower

    def suited_to(self, items: Items) -> Backbone:
        """Return the text tower for texts, the image tower for images."""
        tower: Modality = "image" if isinstance(items, (Images, np.ndarray)) else "text"
        if tower == self.modality:
            return self
        other = OpenClipModel(self.source, tower=tower, name=self.name, options=self.options)
        other.dtype = self.dtype
        return other

    @cached_property
    def files(self) -> HashedFiles:
        """The files of the folder, or the file of weights, hashed; no other file of a folder is loaded."""
        return self.source.hashed(self.name)

    @cached_property
    def parts(self) -> tuple[HashedFiles, ...]:
        """The model's own files, and the configuration and tokenizer on the hub that a text tower may have."""
        if self.modality == "image":
            return (self.files,)
        try:
            folders = [hub_folder(name, kind="open_clip", only=TEXT_FILES) for name in self.source.on_the_hub]
        except BackboneError as error:
            msg = f"the tokenizer of {self.name} must be on this machine: {error}"
            raise BackboneError(msg) from error
        return (self.files, *(hash_matching(folder, TEXT_FILES, name=self.name) for folder in folders))

    @property
    def also_opened(self) -> tuple[Path, ...]:
        """Configurations of the text tower, for the image tower."""
        return tuple(map(hub_copy, self.source.on_the_hub)) if self.modality == "image" else ()

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """Spec with weights, architecture, tower and preprocessing."""
        own, *others = self.parts
        revision = self.source.revision(own) + "".join(f" text {part.revision}" for part in others)
        return EmbeddingSpec(
            backbone="open_clip",
            revision=revision,
            pooling=f"{self.modality} tower",
            normalization="none",
            preprocessing=_preprocessing_text(self.source) if self.modality == "image" else "open_clip's tokenizer",
        )

    def load(self) -> tuple[Any, Callable[[Image], torch.Tensor]]:
        """Return the whole model and the preprocessing of its image tower; raises if any weight stays random."""
        import open_clip
        from open_clip.transform import PreprocessCfg, image_transform_v2

        source = self.source
        checkpoint = source.weights if source.folder else None  # a file that create_model does not find
        with self.named_for_open_clip() as model_name:
            model = open_clip.create_model(
                model_name,
                pretrained=None if source.folder else str(source.weights),
                load_weights=checkpoint is None,
                require_pretrained=checkpoint is None,
                pretrained_text=False,
                force_preprocess_cfg=dict(source.preprocessing),
            )
        if checkpoint is not None:
            open_clip.load_checkpoint(model, str(checkpoint))
        return model, image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)

    @property
    def place(self) -> Path:
        """The file of weights, or the folder of the model."""
        return self.source.folder or super().place

    @contextmanager
    def named_for_open_clip(self) -> Iterator[str]:
        """Yield the name of the model for open_clip: a built-in one, or a folder of links to the hashed files."""
        if not self.source.folder:
            yield self.source.model
            return
        with links_to(self.files) as view:
            yield f"local-dir:{view}"

    def features(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the embeddings (m, d) of images."""
        return self.loaded[0].encode_image(batch)

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return embeddings of shape (n, d)."""
        return self.encode_together([], items)[0]

    def encode_slices(self, others: Sequence[Backbone], parts: Sequence[Items]) -> Iterator[list[NDArray[np.float32]]]:
        """Yield the embeddings of each batch."""
        if self.modality == "image":
            yield from super().encode_slices(others, parts)
            return
        import torch

        for part in parts:
            with self.one_line("compute features"), torch.inference_mode():
                tokens = self.tokenizer(texts(part)).to(self.options.torch_device)
                batch = self.loaded[0].encode_text(tokens).float().cpu().numpy()
            self.files.check("used")
            yield [batch]

    @cached_property
    def tokenizer(self) -> Any:
        """Tokenizer of the text tower."""
        import open_clip

        try:
            with loading(*self.parts), self.named_for_open_clip() as model_name:
                return open_clip.get_tokenizer(model_name)
        except BackboneError:
            raise
        except Exception as error:  # some tokenizers are separate files on the hub
            msg = (
                f"the tokenizer of {self.name} must be on this machine: {load_reason(error)}. Add it to a local folder."
            )
            raise BackboneError(msg) from error

    def truncated(self, items: Items) -> list[int]:
        """Return positions of texts with more tokens than the model reads; images are never cut."""
        if self.modality == "image":
            return []
        encode = getattr(self.tokenizer, "encode", None)
        if encode is not None:
            lengths = [len(encode(text)) + 2 for text in texts(items)]  # plus start token and end token
        else:
            rows = self.tokenizer.tokenizer(texts(items), truncation=False)["input_ids"]
            lengths = [len(row) for row in rows]
        return [i for i, length in enumerate(lengths) if length > self.tokenizer.context_length]


def open_clip_model(name: str, options: BackboneOptions) -> OpenClipModel:
    """Return the backbone for ``MODEL/TAG``, ``MODEL/FILE``, a folder, ``local-dir:DIR`` or ``hf-hub:NAME``."""
    full_name = f"open_clip:{name}"
    require("open_clip", extra="image", backbone=full_name)
    if name.startswith("hf-hub:"):
        source = _from_folder(hub_folder(without_end(name.removeprefix("hf-hub:")), kind="open_clip"), full_name)
    elif name.startswith(("local-dir:", "/", ".", "~")) or is_regular_file(Path(name) / CONFIG):
        source = _from_folder(local_path(name.removeprefix("local-dir:")), full_name)
    else:
        source = _built_in(name)
    return OpenClipModel(source, name=full_name, options=options)


def _from_folder(folder: Path, full_name: str) -> Source:
    if not is_folder(folder) or not is_regular_file(folder / CONFIG):
        msg = f"{full_name} must name a folder that holds {CONFIG} and weights: {folder} does not. Check the path."
        raise BackboneError(msg)
    try:
        fields = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        config, preprocessing = dict(fields["model_cfg"]), dict(fields.get("preprocess_cfg") or {})
        config |= {tower: dict(config[tower]) for tower in ("vision_cfg", "text_cfg")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = (
            f"{CONFIG} of {folder.name} must be JSON with model_cfg: it is unreadable ({load_reason(error)}). "
            "Replace it."
        )
        raise BackboneError(msg) from error
    files = sorted(path for path in folder.iterdir() if path.suffix in (*FOUND_BY_OPEN_CLIP, ".pt"))
    if not files:
        msg = f"{full_name} must hold weights (.safetensors, .pt, .pth or .bin): {folder} has none. Add such a file."
        raise BackboneError(msg)
    weights = None if any(path.suffix in FOUND_BY_OPEN_CLIP for path in files) else files[0]
    return Source(model=f"local-dir:{folder}", weights=weights, config=config, preprocessing=preprocessing)


def _built_in(name: str) -> Source:
    import open_clip
    from open_clip.pretrained import get_pretrained_cfg

    model, _, weights = name.partition("/")
    models = open_clip.list_models()
    if model not in models or not weights:
        near = "" if model in models else did_you_mean(model, models)
        msg = (
            "open_clip: must be followed by MODEL/PRETRAINED, MODEL/FILE or a folder: "
            f"got {name!r:.120}.{near or ' Use open_clip:ViT-B-32/laion2b_s34b_b79k, for example.'}"
        )
        raise BackboneError(msg)
    config = open_clip.get_model_config(model)
    file = local_path(weights)
    if is_regular_file(file):
        return Source(model=model, weights=file, config=config, preprocessing={})
    tags = open_clip.list_pretrained_tags_by_model(model)
    if weights not in tags:
        near = did_you_mean(weights, tags) or " Use a tag, or check the path."
        msg = (
            f"the weights of open_clip:{model} must be a local file or one of its tags "
            f"({listed(tags) or 'it has none'}): got {weights!r:.120}.{near}"
        )
        raise BackboneError(msg)
    fields = get_pretrained_cfg(model, weights)
    repository, _, file_name = fields["hf_hub"].rpartition("/")
    path = hub_file(repository, (file_name,) if file_name else HUB_FILES, kind="open_clip")
    preprocessing = {key: fields[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in fields}
    return Source(model=model, weights=path, config=config, preprocessing=preprocessing)


def _preprocessing_text(source: Source) -> str:
    """Return open_clip's preprocessing of images as readable text, with its defaults."""
    from dataclasses import asdict

    from open_clip.transform import PreprocessCfg, merge_preprocess_dict

    merged = merge_preprocess_dict(asdict(PreprocessCfg()), dict(source.preprocessing))
    size = dict(source.config.get("vision_cfg") or {}).get("image_size", merged["size"])
    return json.dumps({**merged, "size": size}, sort_keys=True, default=str)
