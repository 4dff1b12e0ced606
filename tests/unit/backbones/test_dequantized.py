"""The plain copy of a quantized model: made once, checked whenever it is read, made again if a byte differs."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.decoders import tiny_decoder
from w2s_probe.backbones import dequantized as module
from w2s_probe.backbones import identity
from w2s_probe.backbones.dequantized import LIST, WEIGHTS, Quantized, content_hash, dequantized
from w2s_probe.core.errors import BackboneError, MissingExtraError

pytest.importorskip("transformers")
pytestmark = pytest.mark.usefixtures("converter")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of models that were converted."""
    return []


@pytest.fixture
def converter(monkeypatch: pytest.MonkeyPatch, made: list[str]) -> None:
    """Let conversion return a tiny model, also where the packages that read GGUF files are not installed."""

    def from_gguf(source: Quantized) -> tuple[Any, Any]:
        made.append(source.name)
        return tiny_decoder()

    monkeypatch.setattr(module, "_from_gguf", from_gguf)
    monkeypatch.setattr(module, "require_package", lambda *_, **__: None)
    monkeypatch.setattr(identity, "_settled", {})


@pytest.fixture
def source(tmp_path: Path) -> Quantized:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF")
    sha256 = hashlib.sha256(b"GGUF").hexdigest()
    return Quantized(name="tiny", file=file, sha256=sha256, content=content_hash(*tiny_decoder()), install="pip")


def test_a_copy_is_made_once_and_loads_as_the_model(tmp_path: Path, source: Quantized, made: list[str]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    notes: list[str] = []
    first, second = (dequantized(source, tmp_path / "models", on_note=notes.append) for _ in range(2))
    assert (made, notes) == (["tiny"], [])
    folder = tmp_path / "models" / source.sha256
    assert first.files == second.files
    assert {*first.files, LIST} == {path.name for path in folder.iterdir()}
    loaded = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert content_hash(*loaded) == source.content
    assert type(loaded[0]).__name__ == "LlamaForCausalLM"
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())


@pytest.mark.parametrize("inner", [WEIGHTS, "config.json", "tokenizer.json", LIST])
@pytest.mark.parametrize("how", ["flipped", "cut", "gone"])
def test_a_damaged_copy_is_made_again_with_a_note(
    tmp_path: Path, source: Quantized, made: list[str], inner: str, how: str
) -> None:
    whole = dequantized(source, tmp_path / "models").revision
    path = tmp_path / "models" / source.sha256 / inner
    content = path.read_bytes()
    middle = len(content) // 2
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:middle] + (bytes([content[middle] ^ 1]) + content[middle + 1 :]) * (how == "flipped"))
    notes: list[str] = []
    assert dequantized(source, tmp_path / "models", on_note=notes.append).revision == whole
    assert path.read_bytes() == content
    assert made == ["tiny", "tiny"]
    if (inner, how) == (LIST, "gone"):  # no copy, as after a killed process
        assert notes == []
    else:
        assert len(notes) == 1
        assert "was damaged, so that the copy was made again" in notes[0]


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"model.safetensors": "", "../x": ""}', b"\xff", b"[" * 100_000])
def test_a_list_of_files_that_is_none_is_damage(tmp_path: Path, source: Quantized, content: bytes) -> None:
    dequantized(source, tmp_path / "models")
    path = tmp_path / "models" / source.sha256 / LIST
    path.write_bytes(content)
    notes: list[str] = []
    dequantized(source, tmp_path / "models", on_note=notes.append)
    assert [LIST in note for note in notes] == [True]


def test_other_weights_and_other_content_are_refused(
    tmp_path: Path, source: Quantized, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(source, content="0" * 64)
    monkeypatch.setattr(module, "version", lambda package: "1.0")
    with pytest.raises(BackboneError, match=r"content with SHA-256 00000000…: transformers 1.0 and gguf 1.0 made "):
        dequantized(other, tmp_path / "models")
    source.file.write_bytes(b"other")
    with pytest.raises(BackboneError, match=r"tiny must have weights with SHA-256 .* Run: pip$"):
        dequantized(source, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_packages_for_the_conversion_are_named(
    tmp_path: Path, source: Quantized, monkeypatch: pytest.MonkeyPatch
) -> None:
    from w2s_probe.backbones.base import require_package

    find = importlib.util.find_spec
    monkeypatch.setattr(module, "require_package", require_package)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gguf" else find(name))
    with pytest.raises(MissingExtraError, match=r"tiny needs the Python package gguf: it is not installed. Run: pip$"):
        dequantized(source, tmp_path / "models")


def test_the_content_hash_tells_weights_and_tokens_apart() -> None:
    (model, tokenizer), (other, _) = tiny_decoder(), tiny_decoder(seed=1)
    assert content_hash(model, tokenizer) == content_hash(*tiny_decoder())
    assert content_hash(model, tokenizer) != content_hash(other, tokenizer)
    tokenizer.add_tokens(["2019"])
    assert content_hash(model, tokenizer) != content_hash(*tiny_decoder())


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, source: Quantized) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(BackboneError, match=r"needs a folder for its dequantized weights: got .* with --cache\.$"):
        dequantized(source, tmp_path / "models")
