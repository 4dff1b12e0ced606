"""Models of sentence-transformers, from the hub or a local folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
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
from w2s_probe.backbones.missing_weights import load_whole
from w2s_probe.backbones.model_files import check_readable, hash_folder, links_to, local_path
from w2s_probe.backbones.resolved import Resolved, resolved_from_folder, resolved_from_model
from w2s_probe.backbones.vocabularies import check_vocabulary
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.files import is_folder, is_regular_file
from w2s_probe.core.text_settings import no_room
from w2s_probe.core.types import Rows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PREFIX = "prefix"  # name of the user's prompt


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
        resolved = self.resolved.changed(self.options, name=self.name)
        return EmbeddingSpec(backbone=self.identity, revision=self.files.revision, **resolved.fields())

    @cached_property
    def resolved(self) -> Resolved:
        """The model's own pooling, normalization, longest text and prompt; read from its files if they decide them."""
        written = resolved_from_folder(self.folder)
        if written is not None:
            return written
        resolved = resolved_from_model(self.loaded)
        if self.options.on_note:
            self.options.on_note(
                f"{self.name} leaves its pooling or its longest text open; sentence-transformers "
                f"{version('sentence-transformers')} decides: {resolved.summary}"
            )
        return resolved

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
        return self.checked(model)

    def checked(self, model: SentenceTransformer) -> SentenceTransformer:
        """Return a loaded model; raise if the library resolved it otherwise than its files, which decided the spec."""
        check_vocabulary(getattr(model, "tokenizer", None), name=self.name)
        written, loaded = resolved_from_folder(self.folder), resolved_from_model(model)
        if written is not None and written != loaded:
            msg = (
                f"{self.name} must load as its files describe it ({written.summary}): sentence-transformers loaded "
                f"{loaded.summary}. Load it with SentenceTransformer, save it to a new folder and name that folder."
            )
            raise BackboneError(msg)
        return model

    def load(self, folder: Path) -> SentenceTransformer:
        """Return the model in `folder` on its device; `model` turns errors into messages."""
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(folder), device=self.options.torch_device, local_files_only=True)

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return the features of `SentenceTransformer.encode`, shape (n, d), as float32."""
        with self.computing():
            X = self.model.encode(texts(items), batch_size=self.options.batch_size, show_progress_bar=False)
            return np.asarray(X, dtype=np.float32)

    def slices(self, items: Items) -> list[Rows]:
        """Return the batches that `SentenceTransformer.encode` would make of all texts, in its own order."""
        return sliced(np.argsort([-len(text) for text in texts(items)]), self.options.batch_size)

    def truncated(self, items: Items) -> list[int]:
        """Return positions of texts with more tokens than the model reads."""
        with self.computing():
            limit = self.model.max_seq_length
            if limit is None or not hasattr(self.model.tokenizer, "model_max_length"):
                return []
            whole = [f"{self.prompt}{text}" for text in texts(items)]
            tokens = self.model.tokenizer(whole, truncation=False, padding=False, verbose=False)["input_ids"]
            return [i for i, row in enumerate(tokens) if len(row) > limit]

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
        folder = hub_folder(name if "/" in name else f"sentence-transformers/{name}", kind="sentence-transformers")
    check_readable(folder, name=full_name)
    if not is_regular_file(folder / "modules.json") and not is_regular_file(folder / "config.json"):
        msg = (
            f"{full_name} must name a model folder: {folder} holds neither modules.json nor config.json. "
            "Name the folder that SentenceTransformer.save wrote."
        )
        raise BackboneError(msg)
    return SentenceTransformerBackbone(folder, name=full_name, identity="sentence-transformers", options=options)


def quiet_transformers() -> None:
    """Keep progress bars and log messages of transformers off the terminal."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
