"""The plain copy of a quantized model: made once, kept in a folder by the hash of its GGUF file, checked when read."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from w2s_probe.backbones.base import require_package
from w2s_probe.backbones.identity import HashedFiles, checked_hash
from w2s_probe.backbones.loading import loading, one_line
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.files import is_regular_file, reason
from w2s_probe.core.writing import write_together

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

LIST = "files.json"  # SHA-256 of each other file, written last: a folder without it holds no copy
WEIGHTS = "model.safetensors"
PROBE = "In 2019, x = 12+7 isn't 20:\n\tünïcode ✓ 漢字  <|im_end|>"  # its tokens are part of a model's content
CONVERTERS = ("gguf", "accelerate")  # transformers reads GGUF files with them
Note = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantized:
    """A GGUF file and the hashes that identify its model.

    `name` is the name of the backbone, `sha256` the hash of the `file`, `content` the `content_hash` of its model, and
    `install` the command that installs the file and the packages that read it.
    """

    name: str
    file: Path
    sha256: str
    content: str
    install: str

    @property
    def revision(self) -> str:
        """The hashes of file and content; a converter with other results can give no features under this name."""
        return f"sha256:{self.sha256} dequantized {self.content}"

    def check(self) -> None:
        """Raise `BackboneError` unless the file has its hash."""
        checked_hash(self.file, self.sha256, self.name, install=self.install)


def dequantized(source: Quantized, models: Path, *, on_note: Note | None = None) -> HashedFiles:
    """Return the files of a model's plain float32 copy below the folder `models`.

    If there is no copy, or one of its files is not what was written, the copy is made; `on_note` is told why.
    """
    folder = models / source.sha256
    files = _files_of(folder, source.name)
    if isinstance(files, HashedFiles):
        return files
    if on_note and files:
        on_note(f"{source.name}: {files} of its copy in {folder} was damaged, so that the copy was made again.")
    _write(folder, _converted(source), source.name)
    made = _files_of(folder, source.name)
    if isinstance(made, HashedFiles):
        return made
    msg = (
        f"{source.name} must have a copy that keeps its bytes: {made or LIST} in {folder} was changed at once. "
        "Run again when nothing else writes there."
    )
    raise BackboneError(msg)


def content_hash(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the SHA-256 of a model's weights by name, and of the tokens of a text: its content in any file format."""
    digest = hashlib.sha256(json.dumps(tokenizer(PROBE)["input_ids"]).encode())
    for name, array in sorted(_arrays(model).items()):
        digest.update(f"\0{name} {array.dtype} {array.shape}\0".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _files_of(folder: Path, name: str) -> HashedFiles | str:
    """Return the files of a copy that is whole, else the name of a damaged file; empty if there is no copy."""
    try:
        hashes = json.loads((folder / LIST).read_bytes())
    except FileNotFoundError:
        return ""
    except (ValueError, RecursionError):
        return LIST
    except OSError as error:
        raise _disk_error(name, folder, error) from error
    if not isinstance(hashes, dict) or WEIGHTS not in hashes or any(Path(inner).name != inner for inner in hashes):
        return LIST
    for inner in hashes:
        if not is_regular_file(folder / inner):
            return str(inner)
    files = HashedFiles({inner: folder / inner for inner in hashes}, name=name)
    return next((inner for inner in hashes if files.sha256(inner) != hashes[inner]), files)


def _converted(source: Quantized) -> dict[str, bytes]:
    """Return the content of each file of the copy, by name."""
    from safetensors.numpy import save

    source.check()
    for package in CONVERTERS:
        require_package(package, install=source.install, backbone=source.name)
    with one_line(source.name, "dequantize with transformers", device="cpu", place=source.file):
        model, tokenizer = _from_gguf(source)
        got = content_hash(model, tokenizer)
        if got != source.content:
            raise _content_error(source, got)
        weights = save(_arrays(model), {"format": "pt"})
        return {"config.json": _plain(model.config), WEIGHTS: weights, **_tokenizer_files(tokenizer)}


def _from_gguf(source: Quantized) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return dequantized model and tokenizer; without its bars of progress, which go to stderr."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    file = source.file.resolve()
    where: Any = {"gguf_file": file.name, "local_files_only": True}
    with redirect_stderr(io.StringIO()), loading(HashedFiles({file.name: file}, name=source.name)):
        tokenizer = AutoTokenizer.from_pretrained(str(file.parent), **where)
        return AutoModelForCausalLM.from_pretrained(str(file.parent), dtype=torch.float32, **where), tokenizer


def _plain(config: PretrainedConfig) -> bytes:
    """Return the configuration of a model without quantization: a quantized one can be neither saved nor trained."""
    settings = config.to_dict()
    for field in ("quantization_config", "_name_or_path"):
        settings.pop(field, None)
    return type(config)(**settings).to_json_string().encode()


def _arrays(model: PreTrainedModel) -> dict[str, np.ndarray[Any, Any]]:
    """Return the weights by name, without output weights that are those of the embedding."""
    state = model.state_dict()
    if model.config.tie_word_embeddings:
        state.pop("lm_head.weight", None)
    return {name: tensor.cpu().contiguous().numpy() for name, tensor in state.items()}


def _tokenizer_files(tokenizer: PreTrainedTokenizerBase) -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _content_error(source: Quantized, got: str) -> BackboneError:
    versions = " and ".join(f"{package} {version(package)}" for package in ("transformers", "gguf"))
    return BackboneError(
        f"{source.name} must have content with SHA-256 {source.content[:8]}…: {versions} made {got[:8]}…. "
        "Install other versions of these packages."
    )


def _write(folder: Path, contents: dict[str, bytes], name: str) -> None:
    hashes = {inner: hashlib.sha256(content).hexdigest() for inner, content in sorted(contents.items())}
    try:
        write_together(folder, {**contents, LIST: json.dumps(hashes, indent=1).encode()}, last=LIST)
    except OSError as error:
        raise _disk_error(name, folder, error) from error


def _disk_error(name: str, folder: Path, error: OSError) -> BackboneError:
    return BackboneError(
        f"{name} needs a folder for its dequantized weights: got {error.strerror or reason(error)} for {folder}. "
        "Free some space, or choose another folder with --cache."
    )
