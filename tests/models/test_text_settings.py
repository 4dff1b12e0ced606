"""`--prefix` and `--max-length` of models of sentence-transformers: what the library computes with them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.models.test_resolved_pooling import minilm, prompted
from w2s_probe.backbones import Backbone, BackboneOptions, get_backbone
from w2s_probe.backbones.packaged import MINILM_EXITS
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.features import EmbeddingSpec

pytestmark = pytest.mark.models

TEXTS = ["A fine film.", "", "not good, not bad " * 5, "word " * 300]
OPTIONS = BackboneOptions(prefix="query: ", max_length=12)


def embedded(backbone: Backbone) -> tuple[EmbeddingSpec, np.ndarray]:
    return backbone.spec, backbone.encode(TEXTS)


def test_features_are_those_of_the_library_with_this_prompt_and_limit(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    folder = minilm(tmp_path / "model")
    prompted(folder)
    backbone = get_backbone(f"sentence-transformers:{folder}", OPTIONS)
    model = SentenceTransformer(str(folder), device="cpu")
    model.max_seq_length = 12
    X = model.encode(TEXTS, prompt="query: ")
    np.testing.assert_allclose(backbone.encode(TEXTS), X, atol=1e-6)
    assert (backbone.spec.prompt, backbone.spec.preprocessing) == ("query: ", "at most 12 tokens")
    assert backbone.truncated(TEXTS) == [2, 3]


def test_a_prefix_replaces_the_prompt_of_the_model_and_counts_as_tokens(tmp_path: Path) -> None:
    folder = minilm(tmp_path / "model")
    name = f"sentence-transformers:{folder}"
    (folder / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": {"own": "title: none "}, "default_prompt_name": "own"})
    )
    own, same = get_backbone(name), get_backbone(name, BackboneOptions(prefix="title: none "))
    other = get_backbone(name, BackboneOptions(prefix="query: "))
    assert own.spec == same.spec != other.spec
    np.testing.assert_array_equal(own.encode(TEXTS), same.encode(TEXTS))
    assert np.linalg.norm(own.encode(TEXTS) - other.encode(TEXTS), axis=1).min() > 0.01
    at_the_limit = ["word " * 254]  # 256 with the two tokens of the model
    assert get_backbone("packaged:minilm-l6").truncated(at_the_limit) == []
    assert own.truncated(at_the_limit) == [0]


def test_exits_read_with_the_same_settings() -> None:
    names = [f"packaged:minilm-l6@{layer}" for layer in MINILM_EXITS]
    members = [get_backbone(name, OPTIONS) for name in names]
    together = members[0].encode_together(members[1:], TEXTS)
    for name, X in zip(names, together, strict=True):
        by_hand = get_backbone(name, BackboneOptions(max_length=12)).encode([f"query: {text}" for text in TEXTS])
        np.testing.assert_allclose(X, by_hand, atol=1e-6)


@pytest.mark.parametrize(
    ("length", "expected"), [(257, "must be at most 256, its limit"), (2, "must be at least 3, for packaged:minilm-l6")]
)
def test_a_length_that_the_model_cannot_read_is_refused(length: int, expected: str) -> None:
    backbone = get_backbone("packaged:minilm-l6", BackboneOptions(max_length=length))
    with pytest.raises(BackboneError, match=expected):
        embedded(backbone)


@pytest.mark.parametrize("name", ["packaged:minilm-l6", "packaged:minilm-l6@2"])
def test_a_prefix_must_leave_room_for_a_word(name: str) -> None:
    room = get_backbone(name, BackboneOptions(prefix="a good ", max_length=5))  # two words, and two tokens of the model
    assert np.linalg.norm(np.diff(room.encode(["film", "book"]), axis=0)) > 0.01
    full = get_backbone(name, BackboneOptions(prefix="a good ", max_length=4))
    with pytest.raises(BackboneError, match=rf"`prefix` must leave .*'a good ' has 4 tokens, and {name} reads 4\."):
        full.encode(["film"])
    with pytest.raises(BackboneError, match="has 302 tokens, and packaged:minilm-l6 reads 256"):
        get_backbone("packaged:minilm-l6", BackboneOptions(prefix="good " * 300)).encode(["film"])


def test_a_static_model_takes_a_prefix_and_no_length(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "good": 1, "film": 2}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    table = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=table)]).save(str(tmp_path / "static"))
    name = f"sentence-transformers:{tmp_path / 'static'}"
    X = get_backbone(name, BackboneOptions(prefix="good ")).encode(["film"])
    np.testing.assert_allclose(X, table[1:].mean(axis=0, keepdims=True), atol=1e-6)
    limited = get_backbone(name, BackboneOptions(max_length=5))
    with pytest.raises(BackboneError, match="must be left out: it reads texts of any length"):
        limited.spec.fingerprint()


@pytest.mark.parametrize(
    ("length", "advice"), [(None, "Use a shorter prefix."), (8, "Use a shorter prefix, or a larger `max_length`.")]
)
def test_the_advice_on_a_prefix_without_room_can_be_followed(length: int | None, advice: str) -> None:
    options = BackboneOptions(prefix="word " * (300 if length is None else 9), max_length=length)
    with pytest.raises(BackboneError, match=re.escape(advice) + "$"):
        embedded(get_backbone("packaged:minilm-l6", options))
