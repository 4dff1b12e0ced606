"""Any encoder or decoder of transformers, from a local folder or the hub: pooled states of one of its layers."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_probe.backbones.base import BackboneOptions, require
from w2s_probe.backbones.chat_templates import TODAY, chat_template_of
from w2s_probe.backbones.hidden_states import POOLS, Exit, HiddenStates, Tokens, alike
from w2s_probe.backbones.hub import hub_folder
from w2s_probe.backbones.identity import HashedFiles
from w2s_probe.backbones.language_models import LOCAL, LanguageModel, folder_to_load, load_folder, lone_token
from w2s_probe.backbones.loading import loading
from w2s_probe.backbones.missing_weights import changed_weights, random_weights
from w2s_probe.backbones.model_files import adapter_advice, check_readable, hash_folder, local_path
from w2s_probe.backbones.transformers_names import KIND, Parts, ladder, layer_of, parts_of
from w2s_probe.backbones.vocabularies import check_vocabulary, no_tokenizer
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
    *("camembert", "data2vec-text", "esm", "ibert", "layoutlmv3", "lilt", "longformer", "luke", "markuplm", "mpnet"),
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
)
PADDING_POSITION = {"mpnet": 1}  # of models that do not ask their configuration for it
NO_LIMIT = 10**9  # tokenizers without a limit have a larger one
CHECKED = ("A text of eight words, two of them numbers: 12 and 7.", "Two words")
LETTER = "a"  # a text of one token
TOLERANCES = {"float32": 1e-4, "bfloat16": 0.1}  # of the norm of a row
SIZES = ("num_hidden_layers", "vocab_size")  # of a configuration of one model of texts
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
        kind = self.config.model_type
        if kind in LATER_POSITIONS and getattr(self.config, "position_embedding_type", "absolute") == "absolute":
            positions -= PADDING_POSITION.get(kind, self.config.pad_token_id or 0) + 1
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
        self.template = chat_template_of(self.settings.tokenizer, name=name) if options.chat_template else None
        if options.chat_template and self.template is None:
            self.options = replace(options, chat_template=False)
            self.text_settings = self.text_settings - {"chat_template"}
            model = folder.name if is_folder(local_path(parts.model)) else parts.model
            self.notes = (f"{KIND}:{model} has no chat template: it reads the plain texts.",)
        last = self.settings.last
        self.layer = last if parts.layer is None else layer_of(parts.layer, last, name=f"{KIND}:{parts.model}")
        self.pool = parts.pool or ("last" if self.settings.is_decoder else "mean")
        self.guessed = parts.layer is None or parts.pool is None
        self._parts = parts
        most = self.most_tokens  # raises for a limit that the model cannot have
        if most is not None and (self.template or self.options.prefix):
            with self.computing():
                self._check_room(most)

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
            reading += [] if self.most_tokens is None else ["of a longer text the message alone is cut"]
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
        if "input_ids" not in self._taken:
            raise _no_text_model(self.settings.config, self.name)
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
        return self._encoded([self._written(text) for text in sentences])

    def tokens(self, sentences: Sequence[str]) -> list[Tokens]:
        """Return the tokens of each text that the model reads."""
        rows, most = self.uncut(sentences), self.most_tokens
        if most is not None:
            long = [i for i, row in enumerate(rows) if len(row["input_ids"]) > most]
            for i, row in zip(long, self._cut([sentences[i] for i in long], most), strict=True):
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

    def _written(self, text: str) -> str:
        whole = f"{self.options.prefix}{text}"
        return whole if self.template is None else self.template.written(whole)

    def _cut(self, sentences: Sequence[str], most: int) -> list[Tokens]:
        """Return the tokens of texts that are too long: the tokenizer cuts a text, but not the template around it."""
        if self.template is None:
            return self._encoded([self._written(text) for text in sentences], truncation=True, max_length=most)
        return self.uncut([self.template.shortened(text, lambda part: self._size(part) <= most) for text in sentences])

    def _size(self, text: str) -> int:
        """Return the number of tokens of a text with all around it."""
        return len(self.uncut([text])[0]["input_ids"])

    def _check_room(self, most: int) -> None:
        """Raise `BackboneError` if what stands around each text fills the `most` tokens that the model reads."""
        prefix, asked = self.options.prefix, self.options.max_length
        if self.template is not None:
            around = len(self._encoded([self.template.written(LETTER)])[0]["input_ids"]) - 1
            if around >= most:
                own = self.settings.most_tokens
                larger = "Use a larger `max_length`" if own is None or around < own else "Use a model that reads more"
                msg = (
                    f"`chat_template` must leave room for the texts: the template of {self.name} has {around:,} "
                    f"tokens, and the model reads {most:,}. {larger}, or leave `chat_template` out."
                )
                raise BackboneError(msg)
        if not prefix:
            return
        tokens = self._size("") if self.template is None else self._size(LETTER) - 1
        if tokens >= most:
            raise BackboneError(no_room(prefix, tokens=tokens, limit=most, name=self.name, asked=asked))

    def _encoded(self, written: Sequence[str], **how: Any) -> list[Tokens]:
        if not written:
            return []
        special = self.template is None  # a template writes its own
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
                raise no_tokenizer(files.name, "the folder has none")
            with loading(files):
                tokenizer = AutoTokenizer.from_pretrained(str(view), **LOCAL)
            check_vocabulary(tokenizer, name=files.name)
        _settings[files.revision] = Settings(config, tokenizer)
    return _settings[files.revision]


def _check_config(config: PreTrainedConfig, name: str) -> None:
    """Raise `BackboneError` unless a configuration is that of one encoder or one decoder of texts."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES as BOTH

    single = config.get_text_config() is config
    if config.is_encoder_decoder or (single and config.model_type in BOTH):  # saved alone, AutoModel makes it whole
        msg = (
            f"{name} must be an encoder or a decoder: {_kind(config)} is both. Use sentence-transformers:, or another "
            "model."
        )
        raise BackboneError(msg)
    if not single or not all(isinstance(getattr(config, size, None), int) for size in SIZES):
        raise _no_text_model(config, name)


def _no_text_model(config: PreTrainedConfig, name: str) -> BackboneError:
    return BackboneError(
        f"{name} must be one model of texts with a vocabulary and hidden layers: {_kind(config)} is not. Use timm: or "
        "open_clip: for images, sentence-transformers: for texts, or save the language model alone."
    )


def _kind(config: PreTrainedConfig) -> str:
    return f"model type {visible(str(config.model_type)):.40}"


def _folder(model: str) -> Path:
    """Return the folder of a model, after a check that it has a configuration."""
    name = f"{KIND}:{model}"
    require("transformers", extra="text", backbone=name)
    folder = local_path(model)
    if not is_folder(folder):
        folder = hub_folder(model, kind=KIND)
    check_readable(folder, name=name)
    if not is_regular_file(folder / "config.json"):
        advice = f"{folder} holds no config.json. Name the folder of save_pretrained."
        msg = f"{name} must name a model folder: {adapter_advice(folder) or advice}"
        raise BackboneError(msg)
    return folder
