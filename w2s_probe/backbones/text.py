"""Models of sentence-transformers, from the hub or a local folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from fnmatch import fnmatch
from functools import cached_property
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import (
    Backbone,
    BackboneOptions,
    Items,
    Modality,
    require,
    sliced,
    texts,
    torch_record,
)
from w2s_probe.backbones.hub import hub_folder
from w2s_probe.backbones.identity import HashedFiles
from w2s_probe.backbones.loading import loading, one_line
from w2s_probe.backbones.missing_weights import TEXTS, TOLERANCE, load_whole
from w2s_probe.backbones.model_files import (
    adapter_advice,
    check_readable,
    hash_folder,
    links_to,
    local_path,
    without_end,
)
from w2s_probe.backbones.resolved import Resolved, resolved_from_folder, resolved_from_model, unused_prompts
from w2s_probe.backbones.vocabularies import check_vocabulary, no_tokenizer
from w2s_probe.backbones.weight_types import has_other_types
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.files import is_folder, is_regular_file
from w2s_probe.core.text_settings import no_room
from w2s_probe.core.types import Rows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PREFIX = "prefix"  # name of the user's prompt
BESIDE = (*TEXTS, "Two words")  # texts of different length, which may share a batch with one without tokens
SHOWN = 4  # prompts that a note names
# any of them holds the words of a tokenizer; tokenizer_config.json does not
VOCABULARIES = ("tokenizer.json", "vocab.*", "*.model", "*vocab*.json", "*.tiktoken", "?*tokenizer_config.json")


class SentenceTransformerBackbone(Backbone):
    """A model folder that sentence-transformers saved, with its own pooling and normalization.

    `name` is the name for the user, `identity` the name in the spec, which is never a path.
    """

    modality: Modality = "text"
    text_settings = frozenset({"max_length", "prefix"})

    def __init__(self, folder: Path, *, name: str, identity: str, options: BackboneOptions) -> None:
        self.folder, self.name, self.identity, self.options = folder, name, identity, options

    @cached_property
    def files(self) -> HashedFiles:
        """The files of the model, hashed; no other file is loaded."""
        return hash_folder(self.folder, name=self.name)

    @cached_property
    def spec(self) -> EmbeddingSpec:
        """Spec with the hash of all files that can change a number, with what they leave open, and with settings."""
        if not self.has_vocabulary:
            check_vocabularies(self.loaded, name=self.name)  # features may be stored that nobody checked
        fields = self.resolved.changed(self.options, name=self.name).fields()
        if has_other_types(self.files):  # features without these words may be stored, in the types of the files
            fields["preprocessing"] += "; computed in float32"
        return EmbeddingSpec(backbone=self.identity, revision=self.files.revision, **fields)

    @cached_property
    def resolved(self) -> Resolved:
        """The model's own pooling, normalization, longest text and prompt; read from its files if they decide them."""
        prompts = unused_prompts(self.folder)
        if prompts and not self.options.prefix:
            named = ", ".join(f"{prompt!r:.40} ({name:.40})" for name, prompt in [*prompts.items()][:SHOWN])
            self.note(
                f"{self.name} has prompts, and texts are read without one, since none is its default: {named}. Use "
                "`prefix` to read texts with one of them."
            )
        written = resolved_from_folder(self.folder)
        if written is not None:
            return written
        resolved = resolved_from_model(self.loaded)
        self.note(
            f"{self.name} leaves its pooling or its longest text open; sentence-transformers "
            f"{version('sentence-transformers')} decides: {resolved.summary}"
        )
        return resolved

    @property
    def has_vocabulary(self) -> bool:
        """Whether a file is there for the words of a tokenizer; those that read bytes have none."""
        names = {PurePosixPath(inner).name for inner in self.files.files}
        return any(fnmatch(name, pattern) for name in names for pattern in VOCABULARIES)

    def note(self, sentence: str) -> None:
        """Tell the user something, if the options say how."""
        if self.options.on_note:
            self.options.on_note(sentence)

    @cached_property
    def model(self) -> SentenceTransformer:
        """The model with the settings of texts as its own; raise if it leaves no room for a word of a text."""
        model, settings = self.loaded, self.options
        if settings.prefix:
            model.prompts, model.default_prompt_name = {PREFIX: settings.prefix}, PREFIX
        if settings.max_length is not None:
            least = 1 + model.tokenizer.num_special_tokens_to_add()
            if settings.max_length < least:
                msg = f"`max_length` must be at least {least}, for {self.name}: got {settings.max_length}. Use more."
                raise BackboneError(msg)
            model.max_seq_length = settings.max_length
        self.check_room(model)
        return model

    def check_room(self, model: SentenceTransformer) -> None:
        """Raise if what the model reads before each text fills its limit, so that every text would be cut away."""
        prompt = model.prompts.get(model.default_prompt_name or "")
        if not prompt or model.max_seq_length is None or not hasattr(model.tokenizer, "model_max_length"):
            return
        with self.one_line("compute features"):
            tokens = len(model.tokenizer(prompt, truncation=False, padding=False, verbose=False)["input_ids"])
        if tokens >= model.max_seq_length:
            asked, limit = self.options.max_length, model.max_seq_length
            raise BackboneError(no_room(prompt, tokens=tokens, limit=limit, name=self.name, asked=asked))

    @property
    def prompt(self) -> str:
        """What the model reads before each text."""
        return self.model.prompts.get(self.model.default_prompt_name or "") or ""

    @cached_property
    def loaded(self) -> SentenceTransformer:
        """Load the model once."""
        import torch

        quiet_transformers()
        if self.options.threads:
            torch.set_num_threads(self.options.threads)
        with self.one_line("load with sentence-transformers"), links_to(self.files) as view, loading(self.files):
            model = load_whole(lambda: self.load(view), name=self.name)
        self.check_padding(model)
        return self.checked(model)

    def check_padding(self, model: SentenceTransformer) -> None:
        """Raise if padding on the left moves the positions of a text's tokens, which other texts would then decide."""
        if all(getattr(tokenizer, "padding_side", "right") == "right" for tokenizer in tokenizers_of(model)):
            return
        with self.one_line("compute features"):
            together = model.encode([*BESIDE], show_progress_bar=False)
            alone = np.concatenate([model.encode([text], show_progress_bar=False) for text in BESIDE])
        if not (np.linalg.norm(together - alone, axis=1) <= TOLERANCE * np.linalg.norm(alone, axis=1)).all():
            msg = (
                f"{self.name} must give a text the same features alone and beside a longer one: its tokenizer pads on "
                'the left, which its positions count. Write "padding_side": "right" into its tokenizer_config.json, or '
                "use transformers:, which pads on the right."
            )
            raise BackboneError(msg)

    def checked(self, model: SentenceTransformer) -> SentenceTransformer:
        """Return a loaded model; raise if the library resolved it otherwise than its files, which decided the spec."""
        written, loaded = resolved_from_folder(self.folder), resolved_from_model(model)
        if written is not None and written != loaded:
            msg = (
                f"{self.name} must load as its files describe it ({written.summary}): sentence-transformers loaded "
                f"{loaded.summary}. Load it with SentenceTransformer, save it to a new folder and name that folder."
            )
            raise BackboneError(msg)
        return model

    def load(self, folder: Path) -> SentenceTransformer:
        """Return the model in `folder` on its device, in float32; `model` turns errors into messages."""
        import torch
        from sentence_transformers import SentenceTransformer

        how: dict[str, Any] = {"device": self.options.torch_device, "local_files_only": True}
        try:
            model = SentenceTransformer(str(folder), model_kwargs={"dtype": torch.float32}, **how)
        except Exception as error:
            if self.has_vocabulary or not re.search("tokenizer", str(error), re.IGNORECASE):
                raise
            raise no_tokenizer(self.name, "the folder has none") from error
        check_vocabularies(model, name=self.name)
        for tokenizer in tokenizers_of(model):
            set_padding(tokenizer)
        return model.float()  # static vectors have the type of their file

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return the features of `SentenceTransformer.encode`, shape (n, d), as float32.

        A batch whose texts all have no tokens, which most models cannot take, gets a text that has some: features of
        a text without tokens are those in any other batch, such as zeros for a mean over tokens.
        """
        with self.computing():
            sentences = texts(items)
            X = self.encoded_beside_tokens(sentences)
            empty = [] if np.isfinite(X).all() else [text for text in sentences if not self.has_token([text])]
            if empty:
                self.check_empty(empty[0], count=len(empty))  # raises: its features are not finite
            return X

    def encoded_beside_tokens(self, sentences: list[str]) -> NDArray[np.float32]:
        """Return the features of texts, none of which stands in a batch without tokens."""
        rows = self.slices(sentences)
        batches = [[sentences[i] for i in batch] for batch in rows]
        empty = [not self.has_token(batch) for batch in batches]
        if not any(empty):
            return self.encoded(sentences, size=self.options.batch_size)
        parts = [[*batch, *TEXTS] if alone else batch for batch, alone in zip(batches, empty, strict=True)]
        blocks = [self.encoded(part, size=len(part))[: len(batch)] for part, batch in zip(parts, batches, strict=True)]
        return np.concatenate(blocks)[np.argsort(np.concatenate(rows))]

    def encoded(self, sentences: list[str], *, size: int) -> NDArray[np.float32]:
        """Return the features that the library computes for texts in batches of a size, shape (n, d)."""
        return np.asarray(self.model.encode(sentences, batch_size=size, show_progress_bar=False), dtype=np.float32)

    def has_token(self, sentences: list[str]) -> bool:
        """Return whether a text has a token; static models need none."""
        return not self.has_limit or any(row for text in sentences for row in self.token_rows([text]))

    @property
    def has_limit(self) -> bool:
        """Whether the tokenizer can have a longest text, as those of transformers."""
        return hasattr(self.model.tokenizer, "model_max_length")

    def token_rows(self, sentences: list[str]) -> list[list[int]]:
        """Return all tokens of each text after its prompt."""
        whole = [f"{self.prompt}{text}" for text in sentences]
        rows: list[list[int]] = self.model.tokenizer(whole, truncation=False, padding=False, verbose=False)["input_ids"]
        return rows

    def slices(self, items: Items) -> list[Rows]:
        """Return the batches that `SentenceTransformer.encode` would make of all texts, in its own order."""
        return sliced(np.argsort([-len(text) for text in texts(items)]), self.options.batch_size)

    def truncated(self, items: Items) -> list[int]:
        """Return positions of texts with more tokens than the model reads; a note counts texts without any.

        Raises
        ------
        BackboneError
            If features of a text without tokens depend on the other texts of its batch.
        """
        with self.computing():
            limit = self.model.max_seq_length
            if limit is None or not self.has_limit:
                return []
            lengths = [len(row) for row in self.token_rows(texts(items))]
            if 0 in lengths:
                self.check_empty(texts(items)[lengths.index(0)], count=lengths.count(0))
        return [i for i, length in enumerate(lengths) if length > limit]

    def check_empty(self, text: str, *, count: int) -> None:
        """Note that so many texts have no token; raise unless `text`, one of them, has features of its own."""
        X = np.array([self.encoded([text, other], size=2)[0] for other in BESIDE])
        texts_have = "1 text has" if count == 1 else f"{count:,} texts have"
        if not np.isfinite(X).all() or not np.allclose(X[0], X[1], atol=TOLERANCE):
            msg = (
                f"{self.name} must give each text features of its own: {texts_have} no token, and features come from "
                "the padding. Leave empty texts out, or use transformers:, which reads them as one beginning token."
            )
            raise BackboneError(msg)
        what = "features of zeros" if not X.any() else "the same features as every such text"
        self.note(f"{texts_have} no token for {self.name}, and {what}.")

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Turn errors into messages; raise if a file was changed, since weights may be read as they are used."""
        with self.one_line("compute features"):
            yield
        self.files.check("used")

    def one_line(self, duty: str) -> AbstractContextManager[None]:
        """Turn what the model's code raises into `BackboneError`."""
        return one_line(self.name, duty, device=self.options.torch_device, place=self.folder)

    def recorded(self) -> Mapping[str, Any]:
        """Return device, threads, batch size and library versions."""
        return torch_record(self.options, ("sentence-transformers", "torch"))


def sentence_transformers(name: str, options: BackboneOptions) -> SentenceTransformerBackbone:
    """Return the backbone for a local folder, or for a model name on the hub."""
    full_name = f"sentence-transformers:{name}"
    require("sentence_transformers", extra="text", backbone=full_name)
    folder = local_path(name)
    if not is_folder(folder):
        repository = without_end(name) if "/" in name else f"sentence-transformers/{name}"
        folder = hub_folder(repository, kind="sentence-transformers")
    check_readable(folder, name=full_name)
    if not is_regular_file(folder / "modules.json") and not is_regular_file(folder / "config.json"):
        advice = (
            f"{folder} holds neither modules.json nor config.json. Name the folder that SentenceTransformer.save wrote."
        )
        msg = f"{full_name} must name a model folder: {adapter_advice(folder) or advice}"
        raise BackboneError(msg)
    return SentenceTransformerBackbone(folder, name=full_name, identity="sentence-transformers", options=options)


def tokenizers_of(model: SentenceTransformer) -> list[Any]:
    """Return the tokenizers of all modules of a model, such as the routes of a Router."""
    tokenizers = (getattr(module, "tokenizer", None) for module in model.modules())
    return [tokenizer for tokenizer in tokenizers if tokenizer is not None]


def check_vocabularies(model: SentenceTransformer, *, name: str) -> None:
    """Raise `BackboneError` if a tokenizer of a model knows no word; `name` is the backbone's name."""
    for tokenizer in tokenizers_of(model):
        check_vocabulary(tokenizer, name=name)


def set_padding(tokenizer: Any) -> None:
    """Let a tokenizer of transformers pad texts on the right if it cannot pad; a mask leaves the padding out.

    The token is its end, else its first one, as for ``transformers:``.
    """
    if hasattr(tokenizer, "pad_token_id") and tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
        tokenizer.padding_side = "right"


def quiet_transformers() -> None:
    """Keep progress bars and log messages of transformers off the terminal."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
