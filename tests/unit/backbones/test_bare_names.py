"""A file, a folder or a hub name without KIND leads to the backbone that was meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from w2s_probe.backbones import get_backbone
from w2s_probe.core.errors import BackboneError

FILES = {
    "vectors.npy": "Did you mean features:vectors.npy?",
    "vectors.parquet": "Did you mean features:vectors.parquet?",
    "VECTORS.NPZ": "Did you mean features:VECTORS.NPZ?",
    "weights.pt": "timm:MODEL@weights.pt, or open_clip:MODEL/weights.pt?",
}
ABSENT = {
    "missing.npy": "There is no file missing.npy",
    "emb/*.npy": "Did you mean features:emb/*.npy?",
    "./missing": "There is no folder ./missing",
    "/missing/model": "sentence-transformers:FOLDER",
    "BAAI/bge-small-en": "Did you mean sentence-transformers:BAAI/bge-small-en?",
    "intfloat/e5-base_v2": "Did you mean sentence-transformers:intfloat/e5-base_v2?",
    "timm/resnet18.a1_in1k": "Did you mean timm:resnet18.a1_in1k?",
    "ViT-B-32/openai": "Did you mean open_clip:ViT-B-32/openai?",
    "RN50/yfcc15m": "Did you mean open_clip:RN50/yfcc15m?",
    "all-mpnet-base-v2": "Did you mean sentence-transformers:all-mpnet-base-v2?",
    "minilm-l6": "Did you mean packaged:minilm-l6",
    "a" * 5000: "See: w2s-probe backbones",
    "null\x00": "See: w2s-probe backbones",
}


def advice(name: str) -> str:
    with pytest.raises(BackboneError) as error:
        get_backbone(name)
    return str(error.value)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_bare_file_leads_to_its_kind(name: str) -> None:
    Path(name).write_bytes(b"")
    assert FILES[name] in advice(name)


@pytest.mark.parametrize("name", ABSENT, ids=lambda name: name[:30].encode("unicode_escape").decode())
def test_a_bare_name_leads_to_its_kind(name: str) -> None:
    assert ABSENT[name] in advice(name)


@pytest.mark.parametrize(
    ("files", "meant"),
    [
        ({}, "sentence-transformers:folder"),
        ({"modules.json": "[]", "config.json": json.dumps({"model_type": "bert"})}, "sentence-transformers:folder"),
        ({"config.json": "[" * 10_000}, "sentence-transformers:folder"),
        ({"config.json": json.dumps({"architectures": ["GPT2LMHeadModel"]})}, "transformers:folder"),
        ({"config.json": json.dumps({"architectures": ["LlamaForCausalLM"]})}, "transformers:folder"),
        ({"config.json": json.dumps({"architectures": [7]})}, "sentence-transformers:folder"),
        ({"adapter_config.json": "{}", "adapter_model.safetensors": ""}, "transformers:folder"),
        ({"open_clip_config.json": "{}"}, "open_clip:folder"),
        ({"shard_0.npy": "", "shard_1.npy": ""}, "features:folder"),
        ({"model.safetensors": "", "config.json": "{}"}, "sentence-transformers:folder"),
        (
            {"config.json": json.dumps({"architecture": "vit_tiny"}), "model.safetensors": ""},
            "timm:vit_tiny@folder/model.safetensors",
        ),
    ],
)
def test_a_bare_folder_leads_to_the_library_that_wrote_it(files: dict[str, str], meant: str) -> None:
    Path("folder").mkdir()
    for name, text in files.items():
        (Path("folder") / name).write_text(text, encoding="utf-8")
    assert f"Did you mean {meant}?" in advice("folder")
