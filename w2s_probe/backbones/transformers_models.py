"""Any encoder or decoder of transformers, from a local folder or the hub: pooled states of one of its layers."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_probe.backbones.base import BackboneOptions, require
from w2s_probe.backbones.chat_templates import TODAY, without_clock
from w2s_probe.backbones.hidden_states import POOLS, Exit, HiddenStates, Tokens, alike
from w2s_probe.backbones.hub import hub_folder
from w2s_probe.backbones.identity import HashedFiles
from w2s_probe.backbones.language_models import LOCAL, LanguageModel, folder_to_load, load_folder, lone_token
from w2s_probe.backbones.loading import loading
from w2s_probe.backbones.missing_weights import changed_weights, random_weights
from w2s_probe.backbones.model_files import check_readable, hash_folder, local_path
from w2s_probe.backbones.transformers_names import KIND, Parts, ladder, layer_of, parts_of
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.files import is_folder, is_regular_file
from w2s_probe.core.text import visible
from w2s_probe.core.text_settings import TextSettings, no_room

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

# any of them makes a tokenizer; without one, transformers makes some tokenizers that know no word
TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "vocab.*", "*.model", "*vocab*.json", "*.tiktoken")
# models whose first position is one after that of the padding: they read fewer tokens than they have positions
LATER_POSITIONS = (
    *("camembert", "data2vec-text", "ibert", "longformer", "luke", "mpnet", "roberta", "roberta-prelayernorm"),
    *("xlm-roberta", "xlm-roberta-xl", "xmod"),
)
NO_LIMIT = 10**9  # tokenizers without a limit have a larger one
CHECKED = ("A text of eight words, two of them numbers: 12 and 7.", "Two words")
TOLERANCES = {"float32": 1e-4, "bfloat16": 0.1}  # of the norm of a row
PARTS = ("input_ids", "token_type_ids")
_settings: dict[str, Settings] = {}  # by revision: the layers of one model share them


@dataclass(frozen=True, eq=False)
class Settings:
    """Configuration and tokenizer of a model, which are read before its weights."""

    config: PreTrainedConfig
    tokenizer: PreTrainedTokenizerBase

    @property
    def last(self) -> int:
        """The number of the last layer."""
        return int(self.config.num_hidden_layers)

    @property
    def is_decoder(self) -> bool:
        """Whether a token sees only the tokens before it, by the type of the model."""
        from transformers.models.auto import modeling_auto as auto

        kind: str = self.config.model_type
        one_way = kind in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
        if kind in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES:
            one_way = bool(getattr(self.config, "is_decoder", False))
        return one_way and not getattr(self.config, "use_bidirectional_attention", False)

    @property
    def most_tokens(self) -> int | None:
        """Tokens that the model reads by its own settings; None if there is no limit."""
        positions = getattr(self.config, "max_position_embeddings", None) or 0
        if self.config.model_type in LATER_POSITIONS:
            positions -= (self.config.pad_token_id or 0) + 1
        limits = [limit for limit in (positions, self.tokenizer.model_max_length) if 0 < limit < NO_LIMIT]
        return min(limits, default=None)


class TransformersModel(LanguageModel):
    """The states of one layer of a model, pooled over the tokens of each text.

    A layer that was not named is the last one; a pooling that was not named is the mean of an encoder and the last
    token of a decoder, the only one that has seen the whole text.
    """

    text_settings = frozenset(field.name for field in fields(TextSettings))

    def __init__(self, parts: Parts, folder: Path, *, name: str, options: BackboneOptions) -> None:
        self.name, self.folder, self.options = name, folder, options
        self.settings = settings_of(self.files, folder, options)
        last = self.settings.last
        self.layer = last if parts.layer is None else layer_of(parts.layer, last, name=f"{KIND}:{parts.model}")
        self.pool = parts.pool or ("last" if self.settings.is_decoder else "mean")
        self.guessed = parts.layer is None or parts.pool is None
        self._parts = parts
        most = self.most_tokens  # raises for a limit that the model cannot have
        if options.chat_template and not self.settings.tokenizer.chat_template:
            msg = f"`chat_template` needs a tokenizer with a chat template: {name} has none. Leave it out."
            raise BackboneError(msg)
        if options.prefix and most is not None:
            with self.computing():
                tokens = len(self.uncut([""])[0]["input_ids"])
            if tokens >= most:
                raise BackboneError(
                    no_room(options.prefix, tokens=tokens, limit=most, name=name, asked=options.max_length)
                )

    @property
    def place(self) -> Path:
        """The folder of the model."""
        return self.folder

    @property
    def full_name(self) -> str:
        """The name with layer and pooling."""
        return self._parts.full(self.layer, self.pool)

    @property
    def family(self) -> str:
        """Name of the family of all layers and poolings of these files."""
        return f"{KIND}:{self.files.revision}"

    @property
    def exit(self) -> Exit:
        """The layer and its pooling."""
        return self.layer, POOLS[self.pool]

    @cached_property
    def files(self) -> HashedFiles:
        """The files of the model, hashed; no other file is loaded."""
        return hash_folder(self.place, name=self.name)

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """Spec with the hash of all files, layer, pooling and all that decides what the model reads.

        The device is not in it, since features agree up to rounding; the precision is, since they would not.
        """
        tokens = "tokens" if self.pool == "mean" else "token"
        what = f"mean over {tokens}" if self.pool == "mean" else f"{self.pool} {tokens}"
        most = "all tokens" if self.most_tokens is None else f"at most {self.most_tokens} tokens"
        reading = [most, "an empty text is one beginning token"]
        if self.options.chat_template:
            reading.append(f"the message of a user in the chat template with the prompt of an answer, on {TODAY}")
        if self.options.precision != "float32":
            reading.append(f"computed in {self.options.precision}")
        return EmbeddingSpec(
            backbone=KIND,
            revision=self.files.revision,
            pooling=f"{what} of hidden layer {self.layer} of {self.settings.last}",
            normalization="none",
            preprocessing="; ".join(reading),
            prompt=self.options.prefix,
        )

    @cached_property
    def _loaded(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, list[str]]:
        precision = self.options.precision
        model, tokenizer, missing = load_folder(
            self.files, place=self.place, options=self.options, task="AutoModel", precision=precision
        )
        model.config.use_cache = False
        return model, tokenizer, missing

    @property
    def loaded(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """Model and tokenizer, loaded once."""
        return self._loaded[:2]

    @cached_property
    def states(self) -> HiddenStates:
        """The hidden states, after a check that no layer depends on random weights or on other texts of a batch."""
        import torch

        model, _, missing = self._loaded
        if "attention_mask" not in self._taken:
            msg = f"{self.name} must be a model that leaves padding out: it takes no attention mask. Use another model."
            raise BackboneError(msg)
        states = HiddenStates(model.base_model)
        with self.computing():
            batch = self.inputs(CHECKED)
            states.trust_hooks(batch)
            together = states.every(batch)
            alone = torch.cat([states.every(self.inputs([text])) for text in CHECKED])
            if not alike(alone, together, TOLERANCES[self.options.precision]):
                msg = (
                    f"{self.name} must give a text the same features alone and beside a longer one: its code does not "
                    "leave padding out. Use another model."
                )
                raise BackboneError(msg)
            with changed_weights(model, missing):
                if missing and not alike(states.every(batch), together):
                    raise random_weights(missing, name=self.name)
        return states

    @cached_property
    def _taken(self) -> frozenset[str]:
        """Names of the inputs that the model takes."""
        return frozenset(inspect.signature(self.loaded[0].base_model.forward).parameters)

    @property
    def pad(self) -> int:
        """The token that pads: the tokenizer's own, else its end, else 0; a mask leaves it out."""
        tokenizer, size = self.settings.tokenizer, int(self.settings.config.vocab_size)
        own = (tokenizer.pad_token_id, tokenizer.eos_token_id)
        return next((token for token in own if token is not None and 0 <= token < size), 0)

    @property
    def most_tokens(self) -> int | None:
        """Tokens of a text that the model reads; None if there is no limit."""
        own, asked = self.settings.most_tokens, self.options.max_length
        if asked is None:
            return own
        least = 1 + (0 if self.options.chat_template else self.settings.tokenizer.num_special_tokens_to_add())
        if asked < least or (own is not None and asked > own):
            most = "" if own is None else f" and at most {own}, its limit"
            msg = f"`max_length` must be at least {least}{most}, for {self.name}: got {asked}. Use another number."
            raise BackboneError(msg)
        return asked

    def batch(self, tokens: Sequence[Tokens]) -> dict[str, torch.Tensor]:
        """Return the tokens of texts as one batch on the model's device, with the inputs that the model takes."""
        return {name: values for name, values in super().batch(tokens).items() if name in self._taken}

    def uncut(self, sentences: Sequence[str]) -> list[Tokens]:
        """Return all tokens of each text, after its prefix and in its chat template."""
        return self._encoded(self._written(sentences))

    def tokens(self, sentences: Sequence[str]) -> list[Tokens]:
        """Return the tokens of each text that the model reads."""
        written, most = self._written(sentences), self.most_tokens
        rows = self._encoded(written)
        if most is not None:
            long = [i for i, row in enumerate(rows) if len(row["input_ids"]) > most]
            cut = self._encoded([written[i] for i in long], truncation=True, max_length=most)
            for i, row in zip(long, cut, strict=True):
                rows[i] = row
        lone: Tokens = {name: [0] for name in (rows[0] if rows else ())}
        lone = {**lone, "input_ids": [lone_token(self.settings.tokenizer)]}
        rows = [row if row["input_ids"] else lone for row in rows]
        largest, size = max((max(row["input_ids"]) for row in rows), default=0), int(self.settings.config.vocab_size)
        if largest >= size:
            msg = (
                f"{self.name} must have the tokenizer of its model: it makes token {largest:,}, and the model has "
                f"{size:,}. Save both into one folder."
            )
            raise BackboneError(msg)
        return rows

    def _written(self, sentences: Sequence[str]) -> list[str]:
        texts = [f"{self.options.prefix}{text}" for text in sentences]
        if not self.options.chat_template:
            return texts
        tokenizer: Any = self.settings.tokenizer
        how: dict[str, Any] = {"tokenize": False, "add_generation_prompt": True}
        how["chat_template"] = without_clock(tokenizer.get_chat_template())
        return [tokenizer.apply_chat_template([{"role": "user", "content": text}], **how) for text in texts]

    def _encoded(self, written: Sequence[str], **how: Any) -> list[Tokens]:
        if not written:
            return []
        special = not self.options.chat_template  # a template writes its own
        shared: dict[str, Any] = {"padding": False, "verbose": False, "add_special_tokens": special}
        encoded = self.settings.tokenizer(list(written), **{"truncation": False, **shared, **how})
        columns = {name: encoded[name] for name in PARTS if name in encoded}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def transformers_model(name: str, options: BackboneOptions) -> TransformersModel:
    """Return the backbone for ``MODEL[@LAYER][:POOL]``, where MODEL is a local folder or a name on the hub."""
    full_name = f"{KIND}:{name}"
    parts = parts_of(name)
    if parts.several:
        msg = f"{full_name} names several layers, which only embed, forecast and sweep take: name one, as in @-1."
        raise BackboneError(msg)
    return TransformersModel(parts, _folder(parts.model), name=full_name, options=options)


def layers_of(name: str, options: BackboneOptions) -> list[str]:
    """Return the backbones that a name means: several for ``transformers:MODEL@*`` or ``@0,3,6``, else the name."""

    def last_layer(model: str) -> int:
        folder = _folder(model)
        return settings_of(hash_folder(folder, name=f"{KIND}:{model}"), folder, options).last

    return ladder(name, last_layer)


def settings_of(files: HashedFiles, folder: Path, options: BackboneOptions) -> Settings:
    """Return configuration and tokenizer in a model's files, read once in this process."""
    if files.revision not in _settings:
        from transformers import AutoConfig, AutoTokenizer

        with folder_to_load(files, place=folder, options=options) as view:
            with loading(files):
                config = AutoConfig.from_pretrained(str(view), **LOCAL)
            _check_config(config, files.name)
            if not any(fnmatch(inner, pattern) for inner in files.files for pattern in TOKENIZERS):
                msg = (
                    f"{files.name} must hold the tokenizer of its model: the folder has none. Save it there with "
                    "tokenizer.save_pretrained."
                )
                raise BackboneError(msg)
            with loading(files):
                tokenizer = AutoTokenizer.from_pretrained(str(view), **LOCAL)
        _settings[files.revision] = Settings(config, tokenizer)
    return _settings[files.revision]


def _check_config(config: PreTrainedConfig, name: str) -> None:
    """Raise `BackboneError` unless a configuration is that of one encoder or one decoder of texts."""
    kind = f"model type {visible(str(config.model_type)):.40}"
    if config.is_encoder_decoder:
        msg = f"{name} must be an encoder or a decoder: {kind} is both. Use sentence-transformers:, or another model."
    elif config.get_text_config() is not config or not isinstance(getattr(config, "num_hidden_layers", None), int):
        msg = (
            f"{name} must be one model of texts with hidden layers: {kind} is not. Use timm: or open_clip: for images, "
            "or save the language model alone."
        )
    else:
        return
    raise BackboneError(msg)


def _folder(model: str) -> Path:
    """Return the folder of a model, after a check that it has a configuration."""
    name = f"{KIND}:{model}"
    require("transformers", extra="text", backbone=name)
    folder = local_path(model)
    if not is_folder(folder):
        folder = hub_folder(model, kind=KIND)
    check_readable(folder, name=name)
    if not is_regular_file(folder / "config.json"):
        msg = f"{name} must name a model folder: {folder} holds no config.json. Name the folder of save_pretrained."
        raise BackboneError(msg)
    return folder
