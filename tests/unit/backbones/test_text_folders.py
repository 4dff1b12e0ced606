"""Folders of sentence-transformers models in other types than float32, without tokenizer, padding or default prompt."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.decoders import WORDS, save_gpt2, save_llama
from tests.tiny_models import tiny_encoder
from w2s_probe.backbones import Backbone, BackboneOptions, get_backbone
from w2s_probe.core.errors import BackboneError

pytestmark = pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="bare wheel: no text models")

TEXTS = ["a film", "a fine film not bad 12", "good", "not good not bad", "good " * 20, "fine", "a a"]
ROUNDING = 1e-6  # of the norm of a row, for models of three layers
HALF = 1e-4  # far above rounding, far below the effect of half precision


def saved(folder: Path, *modules: Any, **more: Any) -> Path:
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(modules=[*modules], device="cpu", **more).save(str(folder))
    return folder


def pooled(folder: Path, source: Path, pooling: str = "mean", *, dtype: str = "float32", **more: Any) -> Path:
    """Write the model in a folder of transformers with this pooling, in this type, as a model of the library."""
    import torch
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    transformer = Transformer(str(source), model_kwargs={"dtype": getattr(torch, dtype)})
    return saved(folder, transformer, Pooling(16, pooling), **more)


def static(
    folder: Path, table: NDArray[np.floating], words: Sequence[str] = WORDS, special: Sequence[str] = ()
) -> Path:
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([*special])
    return saved(folder, StaticEmbedding(tokenizer, embedding_weights=table))


def backbone(folder: Path, notes: list[str] | None = None, **options: Any) -> Backbone:
    told = BackboneOptions(device="cpu", on_note=None if notes is None else notes.append, **options)
    return get_backbone(f"sentence-transformers:{folder}", told)


def distance(X: NDArray[np.float32], Y: NDArray[np.float32]) -> float:
    return float((np.linalg.norm(X - Y, axis=1) / np.linalg.norm(Y, axis=1)).max())


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_weights_are_computed_in_float32(dtype: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    half = pooled(tmp_path / "half", save_llama(tmp_path / "llama", padding_side="right"), dtype=dtype)
    wide = pooled(tmp_path / "wide", tmp_path / "llama")
    weights = load_file(half / "model.safetensors")
    save_file({name: tensor.float() for name, tensor in weights.items()}, wide / "model.safetensors", {"format": "pt"})
    X = backbone(half).encode(TEXTS)
    assert distance(X, backbone(wide).encode(TEXTS)) < ROUNDING
    assert distance(backbone(half, batch_size=1).encode(TEXTS), X) < ROUNDING
    assert backbone(half).spec.preprocessing.endswith("; computed in float32")
    assert "computed" not in backbone(wide).spec.preprocessing


def without_type(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({name: config[name] for name in config if "dtype" not in name}))


def pickled(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    without_type(folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize("change", [without_type, pickled])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_the_type_of_weights_is_read_where_no_file_names_it(
    dtype: str, change: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = pooled(tmp_path / "model", save_llama(tmp_path / "llama"), dtype=dtype)
    change(folder)
    model = backbone(folder)
    assert ("computed in float32" in model.spec.preprocessing) == (dtype == "bfloat16")
    assert "loaded" not in vars(model)
    assert distance(backbone(folder, batch_size=1).encode(TEXTS), model.encode(TEXTS)) < ROUNDING


def test_static_vectors_in_float16_are_averaged_in_float32(tmp_path: Path) -> None:
    table = np.random.default_rng(0).standard_normal((len(WORDS), 8)).astype(np.float16)
    model = backbone(static(tmp_path / "static", table))
    ids = [[WORDS.index(word) for word in text.split()] for text in TEXTS]
    expected = np.array([table[row].astype(np.float64).mean(axis=0) for row in ids])
    np.testing.assert_allclose(model.encode(TEXTS), expected, atol=1e-6)
    assert model.spec.preprocessing == "tokens of any number; computed in float32"


def tokenizer_config_only(folder: Path, kind: str) -> None:
    (folder / "tokenizer.json").unlink()
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "tokenizer_class": kind}))


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()


@pytest.mark.parametrize(
    ("save", "damage"),
    [
        (save_llama, lambda folder: tokenizer_config_only(folder, "LlamaTokenizer")),
        (save_gpt2, lambda folder: tokenizer_config_only(folder, "GPT2Tokenizer")),
        (save_gpt2, lambda folder: tokenizer_config_only(folder, "TokenizersBackend")),
        (save_gpt2, no_tokenizer),
        (lambda folder: tiny_encoder(folder).rename(folder / "saved") and folder / "saved", no_tokenizer),
    ],
    ids=["llama", "gpt2", "unknown class", "gpt2 without", "encoder without"],
)
def test_a_folder_without_words_is_refused_before_stored_features_are_used(
    save: Callable[[Path], Path], damage: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = save(tmp_path / "model")
    damage(folder)
    with pytest.raises(BackboneError, match=r"must hold the tokenizer of its model: .*tokenizer\.save_pretrained"):
        backbone(folder).spec.fingerprint()


def test_a_static_model_whose_tokens_are_all_special_is_refused(tmp_path: Path) -> None:
    special = ["<unk>", "<pad>"]
    folder = static(tmp_path / "static", np.eye(2, 4, dtype=np.float32), special, special)
    with pytest.raises(BackboneError, match=r"must hold the tokenizer .* its tokenizer is missing or empty"):
        backbone(folder).encode(["a film"])


@pytest.mark.parametrize("pooling", ["mean", "lasttoken", "weightedmean"])
def test_texts_without_tokens_have_the_same_features_alone_and_beside_others(pooling: str, tmp_path: Path) -> None:
    folder = pooled(tmp_path / "model", save_gpt2(tmp_path / "gpt2"), pooling)
    texts, notes = [*TEXTS, "", *TEXTS[:-1], " "], list[str]()
    model = backbone(folder, notes, batch_size=len(TEXTS) * 2 - 1)  # the two stand alone in the second batch
    X = model.encode(texts)
    assert X.shape == (len(texts), 16)
    beside = backbone(folder).encode(["a fine film", ""])[1]
    np.testing.assert_array_equal(X[[len(TEXTS), -1]], [beside, beside])
    others = [row for row, text in enumerate(texts) if text.strip()]
    np.testing.assert_allclose(X[others], backbone(folder).encode([texts[row] for row in others]), atol=1e-6)
    assert model.truncated(texts) == []
    assert notes == [f"2 texts have no token for sentence-transformers:{folder}, and features of zeros."]


def test_texts_without_tokens_that_have_no_features_are_refused(tmp_path: Path) -> None:
    folder = pooled(tmp_path / "model", save_gpt2(tmp_path / "gpt2"), "max")
    model = backbone(folder)
    for compute in (model.encode, model.truncated):
        with pytest.raises(BackboneError, match=r"features of its own: 1 text has no token, .* Leave empty texts out"):
            compute(["a film", "", "good"])


@pytest.mark.parametrize("pooling", ["mean", "cls", "lasttoken", "weightedmean"])
@pytest.mark.parametrize("end", ["</s>", None])
def test_a_tokenizer_without_padding_pads_where_the_mask_leaves_it_out(
    end: str | None, pooling: str, tmp_path: Path
) -> None:
    source = save_llama(tmp_path / "llama", pad_token=None, eos_token=end, padding_side="left")
    X = backbone(pooled(tmp_path / "model", source, pooling)).encode(TEXTS)
    alone = np.concatenate([backbone(tmp_path / "model").encode([text]) for text in TEXTS])
    assert distance(X, alone) < ROUNDING


def test_padding_on_the_left_that_moves_positions_is_refused(tmp_path: Path) -> None:
    folder = pooled(tmp_path / "model", save_gpt2(tmp_path / "gpt2"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    padded = {**config, "pad_token": "</s>", "padding_side": "left"}
    (folder / "tokenizer_config.json").write_text(json.dumps(padded))
    with pytest.raises(BackboneError, match=r"the same features alone and beside .* \"padding_side\": \"right\""):
        backbone(folder).encode(TEXTS)
    (folder / "tokenizer_config.json").write_text(json.dumps({**padded, "padding_side": "right"}))
    assert backbone(folder).encode(TEXTS).shape == (len(TEXTS), 16)
    llama = pooled(tmp_path / "relative", save_llama(tmp_path / "llama", padding_side="left"))
    assert distance(backbone(llama, batch_size=1).encode(TEXTS), backbone(llama).encode(TEXTS)) < ROUNDING


def test_prompts_that_no_default_names_are_told_unless_a_prefix_is_given(tmp_path: Path) -> None:
    source = save_llama(tmp_path / "llama")
    prompts = {"search_query": "good: ", "passage": "", "clustering": "fine: "}
    folder, notes = pooled(tmp_path / "model", source, prompts=prompts), list[str]()
    assert backbone(folder, notes).spec.prompt == ""
    assert notes[0].endswith("Use `prefix` to read texts with one of them.")
    assert "'good: ' (search_query)" in notes[0]
    assert "'fine: ' (clustering)" in notes[0]
    assert "passage" not in notes[0]
    assert backbone(folder, notes, prefix="good: ").spec.prompt == "good: "
    named = pooled(tmp_path / "named", source, prompts=prompts, default_prompt_name="clustering")
    assert backbone(named, notes).spec.prompt == "fine: "
    assert len(notes) == 1


@pytest.mark.parametrize(("asked", "route"), [("document", "document"), ("query", "query"), (None, "query")])
def test_the_route_of_texts_through_a_router_is_told(asked: str | None, route: str, tmp_path: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling, Router, Transformer

    sources = {"query": save_llama(tmp_path / "llama"), "document": save_gpt2(tmp_path / "gpt2", bos_token="a")}  # noqa: S106
    parts: dict[str, Any] = {name: [Transformer(str(path)), Pooling(16)] for name, path in sources.items()}
    folder = saved(tmp_path / "model", Router(parts, default_route=asked))
    notes: list[str] = []
    model = backbone(folder, notes)
    assert model.spec.pooling == "Router"
    assert f"pooling Router (route '{route}'), normalization none" in notes[0]
    alone = backbone(pooled(tmp_path / "alone", sources[route])).encode(TEXTS)
    assert distance(model.encode(TEXTS), alone) < ROUNDING


def test_an_adapter_without_its_model_is_told_how_to_be_merged(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(BackboneError, match=r"must name a model folder: .* holds an adapter only\. Merge it into"):
        get_backbone(f"sentence-transformers:{tmp_path}", BackboneOptions())
