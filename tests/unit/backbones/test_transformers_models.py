"""Layers of tiny models of transformers: equal to hidden states by hand, in one pass, whatever pads and batches."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.decoders import WORDS, save_gpt2, save_llama, save_model, word_tokenizer
from tests.hidden_states import LONGEST_DISTANCE, by_hand, relative_distance
from w2s_probe.backbones import Backbone, BackboneOptions, check_backbone, get_backbone
from w2s_probe.backbones.base import usable_device
from w2s_probe.backbones.hidden_states import POOLS
from w2s_probe.backbones.registry import layers_of
from w2s_probe.backbones.transformers_models import LATER_POSITIONS, Settings, TransformersModel
from w2s_probe.core.errors import BackboneError

pytestmark = pytest.mark.skipif(find_spec("transformers") is None, reason="bare wheel: no transformers")

TEXTS = ["a film", "a fine film not bad 12", "good", "not good not bad", "unknown words", "good " * 20, "fine", "a a"]
MODELS: dict[str, Callable[..., Path]] = {"llama": save_llama, "gpt2": save_gpt2}
LAST = 3
SMALL: dict[str, Any] = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "num_hidden_layers": 1}
TEMPLATE = "{% for m in messages %}<s> {{ m['content'] }} </s>{% endfor %}{% if add_generation_prompt %} a{% endif %}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llama(tmp_path_factory.mktemp("llama") / "tiny")


def model(folder: Path, ending: str = "", **options: Any) -> TransformersModel:
    backbone = get_backbone(f"transformers:{folder}{ending}", BackboneOptions(device="cpu", **options))
    assert isinstance(backbone, TransformersModel)
    return backbone


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", list(MODELS))
def test_every_layer_and_pooling_equals_hidden_states_by_hand(kind: str, side: str, tmp_path: Path) -> None:
    folder = MODELS[kind](tmp_path / "model", padding_side=side)
    expected = by_hand(folder, TEXTS, side=side)
    assert expected["mean"].shape == (LAST + 1, len(TEXTS), 16)
    for batch_size in (1, 8):
        names = [(layer, pool) for layer in range(LAST + 1) for pool in POOLS]
        first, *others = (model(folder, f"@{layer}:{pool}", batch_size=batch_size) for layer, pool in names)
        features = first.encode_together(others, TEXTS)
        for (layer, pool), X in zip(names, features, strict=True):
            assert relative_distance(X, expected[pool][layer]) < LONGEST_DISTANCE, (layer, pool, batch_size)


@pytest.mark.parametrize("kind", list(MODELS))
def test_a_decoder_keeps_the_contract_of_backbones(kind: str, tmp_path: Path) -> None:
    folder = MODELS[kind](tmp_path / "model")
    check_backbone(lambda batch: model(folder, batch_size=batch), [*TEXTS, ""])


def test_layers_above_the_deepest_do_not_run_and_no_hook_stays(folder: Path) -> None:
    deep, shallow, embeddings = model(folder, "@2"), model(folder, "@1:mean"), model(folder, "@0")
    layers = deep.states.body.layers
    ran: list[int] = []
    for number, layer in enumerate(layers, start=1):
        layer.register_forward_hook(lambda *_, number=number: ran.append(number))
    hooks = [len(layer._forward_hooks) for layer in layers]
    assert deep.family == shallow.family == embeddings.family
    X, Y, Z = deep.encode_together([shallow, embeddings], TEXTS)
    assert ran == [1, 2]
    assert [len(layer._forward_hooks) for layer in layers] == hooks
    for own, other in ((X, deep), (Y, shallow), (Z, embeddings)):
        np.testing.assert_allclose(own, other.encode(TEXTS), rtol=1e-5, atol=1e-6)


def test_a_model_that_repeats_one_layer_gives_its_hidden_states_without_hooks(tmp_path: Path) -> None:
    from transformers import AlbertConfig

    sizes: dict[str, Any] = {"hidden_size": 16, "embedding_size": 8, "num_attention_heads": 2, "intermediate_size": 32}
    config = AlbertConfig(vocab_size=len(WORDS), num_hidden_layers=3, max_position_embeddings=64, **sizes)
    folder = save_model(tmp_path / "albert", config)
    expected = by_hand(folder, TEXTS, side="right")["mean"]
    for layer in range(4):
        backbone = model(folder, f"@{layer}")
        assert backbone.full_name.endswith(f"@{layer}:mean")
        assert relative_distance(backbone.encode(TEXTS), expected[layer]) < LONGEST_DISTANCE
        assert backbone.states.stack is None


def test_hooks_that_read_other_states_are_not_trusted(folder: Path) -> None:
    states = model(folder).states
    batch = model(folder).inputs(TEXTS[:2])
    expected = states.every(batch)
    states.trust_hooks(batch)
    assert states.stack is not None
    states.stack = states.stack[::-1]
    states.trust_hooks(batch)
    assert states.stack is None
    np.testing.assert_allclose(states.every(batch), expected, rtol=1e-5, atol=1e-6)


def test_defaults_are_the_last_layer_and_the_pooling_of_the_kind_of_model(folder: Path, tmp_path: Path) -> None:
    from transformers import BertConfig

    decoder = model(folder)
    assert (decoder.layer, decoder.pool, decoder.guessed) == (LAST, "last", True)
    assert decoder.full_name == f"transformers:{folder}@3:last"
    named = model(folder, "@-1:last")
    assert not named.guessed
    assert named.spec == decoder.spec
    assert model(folder, "@-4").layer == 0
    encoder = save_model(tmp_path / "bert", BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **SMALL))
    assert model(encoder).full_name.endswith("bert@1:mean")
    one_way = save_model(tmp_path / "d", BertConfig(vocab_size=len(WORDS), is_decoder=True, **SMALL))
    assert model(one_way).pool == "last"


def test_the_spec_has_what_changes_numbers_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    chat = save_llama(tmp_path / "chat", chat_template=TEMPLATE)
    for place in (folder, chat):
        specs = [
            model(place).spec,
            model(place, ":mean").spec,
            model(place, ":first").spec,
            model(place, "@1").spec,
            model(place, max_length=5).spec,
            model(place, prefix="a ").spec,
            model(place, precision="bfloat16").spec,
            *([model(place, chat_template=True).spec] if place == chat else []),
        ]
        assert len({spec.fingerprint() for spec in specs}) == len(specs)
    same = BackboneOptions(device="cuda", batch_size=1, threads=3)
    assert get_backbone(f"transformers:{folder}", same).spec == model(folder).spec
    spec = model(folder, "@2:mean", max_length=7, prefix="a ").spec
    assert spec.pooling == "mean over tokens of hidden layer 2 of 3"
    assert spec.preprocessing.startswith("at most 7 tokens; ")
    assert (spec.backbone, spec.prompt, spec.dtype) == ("transformers", "a ", "float32")
    copied = save_llama(tmp_path / "copy")
    assert model(copied).spec == model(folder).spec


def test_long_texts_are_cut_and_counted(folder: Path) -> None:
    short = model(folder, max_length=4, batch_size=2)
    assert short.truncated(TEXTS) == [1, 5]
    np.testing.assert_array_equal(short.encode(["a fine film not"]), short.encode(["a fine film not bad 12"]))
    assert model(folder).truncated(TEXTS) == []
    assert model(folder).most_tokens == 2048
    assert short.encode([]).shape == (0, 16)
    with pytest.raises(
        BackboneError, match=r"`max_length` must be at least 1 and at most 2048, its limit, .* got 4096"
    ):
        model(folder, max_length=4096)


def test_limits_are_those_of_positions_and_tokenizer(tmp_path: Path) -> None:
    from transformers import RobertaConfig

    config = RobertaConfig(vocab_size=len(WORDS), max_position_embeddings=12, pad_token_id=1, **SMALL)
    folder = save_model(tmp_path / "roberta", config)
    backbone = model(folder)
    assert backbone.most_tokens == 10
    assert np.isfinite(backbone.encode(["good " * 40])).all()
    short = save_model(tmp_path / "short", config, model_max_length=6)
    assert model(short).most_tokens == 6


def test_a_prefix_stands_before_each_text(folder: Path) -> None:
    with_prefix = model(folder, prefix="a fine ").encode(["film", "good"])
    np.testing.assert_array_equal(with_prefix, model(folder).encode(["a fine film", "a fine good"]))


def test_a_prefix_must_leave_room_for_a_token(folder: Path) -> None:
    assert model(folder, prefix="a fine ", max_length=3).truncated(["film good", "film"]) == [0]
    with pytest.raises(BackboneError, match=r"`prefix` must leave .*: 'a fine film' has 3 tokens, and .* reads 3\."):
        model(folder, prefix="a fine film", max_length=3)


def test_a_chat_template_wraps_a_text_and_does_not_depend_on_the_day(tmp_path: Path) -> None:
    folder = save_llama(tmp_path / "chat", chat_template=TEMPLATE)
    expected = model(folder).encode(["<s> a good film </s> a"])
    np.testing.assert_array_equal(model(folder, chat_template=True, prefix="a ").encode(["good film"]), expected)
    dated = "\n{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% endif %} " + TEMPLATE
    days = save_llama(tmp_path / "days", chat_template=dated)
    assert model(days, chat_template=True)._written("good") == "\n01 Jan 2024 <s> good </s> a"


def test_a_model_without_chat_template_reads_plain_texts_and_says_so(folder: Path) -> None:
    plain = model(folder, "@1", chat_template=True)
    assert (
        plain.notes
        == model(folder, chat_template=True).notes
        == ("transformers:tiny has no chat template: it reads the plain texts.",)
    )
    assert "chat_template" not in plain.text_settings
    assert plain.spec == model(folder, "@1").spec
    np.testing.assert_array_equal(plain.encode(TEXTS), model(folder, "@1").encode(TEXTS))


@pytest.mark.parametrize("fast", [True, False])
def test_a_long_text_is_cut_and_its_template_is_not(
    fast: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_llama(tmp_path / "chat", chat_template=f"not bad {TEMPLATE}")
    short = model(folder, chat_template=True, max_length=9, prefix="a ")
    monkeypatch.setattr(type(short.settings.tokenizer), "is_fast", fast)
    texts = ["film good bad fine film", "film good bad", "12 12 12 12 12"]
    assert [len(row["input_ids"]) for row in short.uncut(texts)] == [11, 9, 11]
    assert short.truncated(texts) == [0, 2]
    whole = ["not bad <s> a film good bad </s> a"] * 2 + ["not bad <s> a 12 12 12 </s> a"]
    np.testing.assert_array_equal(short.encode(texts), model(folder).encode(whole))


def test_a_tokenizer_that_cuts_on_the_left_keeps_the_end_of_a_message(tmp_path: Path) -> None:
    folder = save_llama(tmp_path / "chat", chat_template=TEMPLATE, truncation_side="left")
    short = model(folder, chat_template=True, max_length=5)
    np.testing.assert_array_equal(short.encode(["film good bad"]), model(folder).encode(["<s> good bad </s> a"]))


def test_a_last_layer_of_another_width_is_read(tmp_path: Path) -> None:
    from transformers import OPTConfig

    sizes: dict[str, Any] = {"hidden_size": 16, "word_embed_proj_dim": 8, "ffn_dim": 32, "num_attention_heads": 2}
    more: dict[str, Any] = {"max_position_embeddings": 64, "do_layer_norm_before": False, "num_hidden_layers": 2}
    folder = save_model(tmp_path / "opt", OPTConfig(vocab_size=len(WORDS), **sizes, **more))
    expected = by_hand_of_widths(folder, TEXTS[0])
    deep, middle = model(folder, "@2:last"), model(folder, "@1:last")
    X, Y = deep.encode_together([middle], TEXTS)
    assert (X.shape[1], Y.shape[1], deep.encode([]).shape, middle.encode([]).shape) == (8, 16, (0, 8), (0, 16))
    np.testing.assert_allclose(X[0], expected[2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(Y[0], expected[1], rtol=1e-5, atol=1e-6)


def by_hand_of_widths(folder: Path, text: str) -> list[Any]:
    """Return the states of the last token of a text in all layers, as transformers computes them."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    with torch.inference_mode():
        batch = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
        states = AutoModel.from_pretrained(folder).eval()(**batch, output_hidden_states=True).hidden_states
    return [layer[0, -1].numpy() for layer in states]


@pytest.mark.parametrize(
    "kind", sorted({"bert", "esm", "gpt2", "layoutlmv3", "lilt", "markuplm", "opt", *LATER_POSITIONS})
)
@pytest.mark.parametrize("pad", [0, 3])
def test_a_model_reads_as_many_tokens_as_its_limit_and_no_more(kind: str, pad: int) -> None:
    import torch
    from transformers import AutoModel
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    sizes: dict[str, Any] = {"entity_vocab_size": 8, "entity_emb_size": 8, "attention_window": [4], "languages": ["en"]}
    boxes: dict[str, Any] = {"coordinate_size": 4, "shape_size": 4, "visual_embed": False, "hidden_size": 24}
    boxes |= {"has_relative_attention_bias": False, "has_spatial_attention_bias": False}
    own: dict[str, Any] = {**SMALL, **sizes, **boxes, "default_language": "en", "mask_token_id": 4, "max_depth": 4}
    make: Any = CONFIG_MAPPING[kind]
    config = make(vocab_size=len(WORDS), max_position_embeddings=20, pad_token_id=pad, **own)
    most = Settings(config, word_tokenizer()).most_tokens
    auto: Any = AutoModel
    body = auto.from_config(config).eval()

    def reads(tokens: int) -> bool:
        with torch.inference_mode(), suppress(IndexError, RuntimeError):
            return body(input_ids=torch.full((1, tokens), 7)) is not None
        return False

    assert most is not None
    assert reads(most)
    assert not reads(most + 1)


def test_bfloat16_gives_float32_features_near_those_of_float32(folder: Path) -> None:
    exact, coarse = model(folder).encode(TEXTS), model(folder, precision="bfloat16").encode(TEXTS)
    assert coarse.dtype == np.float32
    assert 1e-4 < relative_distance(coarse, exact) < 0.1


def test_auto_is_the_first_device_that_torch_can_use(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    for cuda, mps, expected in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: mps)
        assert usable_device() == BackboneOptions().torch_device == expected
        assert BackboneOptions(device="cpu").torch_device == "cpu"


def test_the_device_is_recorded_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    backbone: Backbone = get_backbone(f"transformers:{folder}", BackboneOptions())
    assert backbone.recorded()["device"] == "cpu"
    assert backbone.encode(["a film"]).shape == (1, 16)


def test_a_name_on_the_hub_is_its_local_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    copy = tmp_path / "hub" / "models--org--tiny"
    saved, snapshot = save_llama(tmp_path / "saved"), copy / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    for file in saved.iterdir():
        (copy / "blobs").mkdir(exist_ok=True)
        shutil.copyfile(file, copy / "blobs" / file.name)
        (snapshot / file.name).symlink_to(Path("../../blobs") / file.name)
    (copy / "refs").mkdir()
    (copy / "refs" / "main").write_text("0" * 40)
    by_name = get_backbone("transformers:org/tiny@1:mean", BackboneOptions(device="cpu"))
    assert by_name.spec == model(saved, "@1:mean").spec
    np.testing.assert_array_equal(by_name.encode(TEXTS), model(saved, "@1:mean").encode(TEXTS))
    assert layers_of("transformers:org/tiny@*")[-1] == "transformers:org/tiny@3"


def test_a_ladder_names_layers_of_one_model(folder: Path) -> None:
    name = f"transformers:{folder}"
    options = replace(BackboneOptions(), device="cpu")
    assert layers_of(f"{name}@*", options) == [f"{name}@{layer}" for layer in range(4)]
    assert layers_of(f"{name}@0,2,-1,3:mean", options) == [f"{name}@{layer}:mean" for layer in (0, 2, 3)]
    assert layers_of(f"{name}@1", options) == [f"{name}@1"]
    assert layers_of("classic:hashing-64") == ["classic:hashing-64"]
    with pytest.raises(BackboneError, match=r"has layers 0–3, .*: got @9"):
        layers_of(f"{name}@0,9", options)
    with pytest.raises(BackboneError, match=r"names several layers, which only embed, forecast and sweep take"):
        get_backbone(f"{name}@*")
