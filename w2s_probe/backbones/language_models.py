"""The base class of language models of transformers, and the loader of their folders: frozen, or to be tuned."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, BackboneOptions, Items, Modality, texts, torch_record
from w2s_probe.backbones.hidden_states import Exit, HiddenStates, Tokens, batches, padded, pooled_rows
from w2s_probe.backbones.identity import HashedFiles
from w2s_probe.backbones.loading import loading, one_line
from w2s_probe.backbones.model_files import links_to
from w2s_probe.backbones.text import quiet_transformers
from w2s_probe.core.types import Rows

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


class LanguageModel(Backbone):
    """Pooled hidden states of one layer of a model of transformers; layers of one model share a forward pass.

    `options` say how to run it.
    """

    modality: Modality = "text"
    options: BackboneOptions

    @property
    @abstractmethod
    def place(self) -> Path:
        """The file or folder of the model, for messages."""

    @property
    @abstractmethod
    def exit(self) -> Exit:
        """The layer and its pooling."""

    @property
    @abstractmethod
    def files(self) -> HashedFiles:
        """The files of the model, hashed; no other file is loaded."""

    @property
    @abstractmethod
    def loaded(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """Model and tokenizer, loaded once."""

    @abstractmethod
    def uncut(self, sentences: Sequence[str]) -> list[Tokens]:
        """Return all tokens of each text."""

    @abstractmethod
    def tokens(self, sentences: Sequence[str]) -> list[Tokens]:
        """Return the tokens of each text that the model reads: at least one, at most `most_tokens`."""

    @property
    @abstractmethod
    def most_tokens(self) -> int | None:
        """Tokens of a text that the model reads; None if there is no limit."""

    @cached_property
    def states(self) -> HiddenStates:
        """The hidden states of the model."""
        return HiddenStates(self.loaded[0].base_model)

    @property
    def pad(self) -> int:
        """The token that pads: any one will do, since it is masked."""
        return 0

    def batch(self, tokens: Sequence[Tokens]) -> dict[str, torch.Tensor]:
        """Return the tokens of texts as one batch on the model's device."""
        return padded(tokens, pad=self.pad, device=self.loaded[0].device)

    def inputs(self, sentences: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return texts as one batch on the model's device."""
        return self.batch(self.tokens(sentences))

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return features of shape (n, d)."""
        return self.encode_together([], items)[0]

    def encode_together(self, others: Sequence[Backbone], items: Items) -> list[NDArray[np.float32]]:
        """Return the features of several layers from one forward pass up to the deepest of them."""
        exits = [member.exit for member in (self, *others) if isinstance(member, LanguageModel)]
        with self.computing():
            tokens = self.tokens(texts(items))
            lengths, size = [len(text["input_ids"]) for text in tokens], self.options.batch_size
            return pooled_rows(
                self.states, lengths, lambda rows: self.batch([tokens[i] for i in rows]), exits, batch_size=size
            )

    def slices(self, items: Items) -> list[Rows]:
        """Return the batches of a forward pass: texts of similar numbers of tokens."""
        with self.computing():
            return batches([len(text["input_ids"]) for text in self.tokens(texts(items))], self.options.batch_size)

    def truncated(self, items: Items) -> list[int]:
        """Return positions of texts with more tokens than the model reads."""
        most = self.most_tokens
        if most is None:
            return []
        with self.computing():
            return [i for i, row in enumerate(self.uncut(texts(items))) if len(row["input_ids"]) > most]

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Turn errors into messages; raise if a file was changed, since weights may be read as they are used."""
        with one_line(self.name, "compute features", device=self.options.torch_device, place=self.place):
            yield
        self.files.check("used")

    def recorded(self) -> Mapping[str, Any]:
        """Return device, threads, batch size and library versions."""
        return torch_record(self.options, ("transformers", "torch"))


def lone_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the token of an empty text, of which a tokenizer may make none: a beginning, else an end, else 0."""
    return next((token for token in (tokenizer.bos_token_id, tokenizer.eos_token_id) if token is not None), 0)


@contextmanager
def folder_to_load(files: HashedFiles, *, place: Path, options: BackboneOptions) -> Iterator[Path]:
    """Yield a folder of links to a model's files for its loader, whose errors become one line."""
    import torch

    quiet_transformers()
    if options.threads:
        torch.set_num_threads(options.threads)
    device = options.torch_device
    with one_line(files.name, "load with transformers", device=device, place=place), links_to(files) as view:
        yield view


def load_folder(
    files: HashedFiles,
    *,
    place: Path,
    options: BackboneOptions,
    task: Literal["AutoModel", "AutoModelForCausalLM"],
    precision: str = "float32",
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, list[str]]:
    """Return a model in evaluation mode on its device, its tokenizer, and the names of weights that its files lack."""
    import torch
    import transformers

    with folder_to_load(files, place=place, options=options) as view:
        with loading(files):
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(view), **LOCAL)
            found: Any = getattr(transformers, task).from_pretrained(
                str(view), dtype=getattr(torch, precision), output_loading_info=True, **LOCAL
            )
        model, report = found
        return model.to(options.torch_device).eval(), tokenizer, sorted(report["missing_keys"])
