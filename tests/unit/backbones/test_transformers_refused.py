"""Models of transformers that cannot be used, and names of them that mean nothing: one line each."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.decoders import WORDS, save_gpt2, save_llama, save_model
from w2s_probe.backbones import BackboneOptions, get_backbone
from w2s_probe.backbones.transformers_names import Parts, parts_of
from w2s_probe.core.errors import BackboneError

needs_transformers = pytest.mark.skipif(find_spec("transformers") is None, reason="bare wheel: no transformers")
SMALL: dict[str, Any] = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "num_hidden_layers": 2}
TEXTS = ["a film", "not good not bad"]


def refused(folder: Path, ending: str = "", **options: Any) -> str:
    """Return the one line that refuses a model, when it is named or when it encodes."""
    with pytest.raises(BackboneError) as error:
        get_backbone(f"transformers:{folder}{ending}", BackboneOptions(device="cpu", **options)).encode(TEXTS)
    assert "\n" not in str(error.value)
    return str(error.value).replace(str(folder), "FOLDER")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("org/model", Parts("org/model")),
        ("org/model@3", Parts("org/model", "3")),
        ("org/model:last", Parts("org/model", None, "last")),
        ("org/model@*:first", Parts("org/model", "*", "first")),
        ("org/model@0,2,-1:mean", Parts("org/model", "0,2,-1", "mean")),
        ("./a@b/c:d/model@-1", Parts("./a@b/c:d/model", "-1")),
        (r"C:\\models\\tiny", Parts(r"C:\\models\\tiny")),
        ("odd@1:mean", Parts("odd@1", None, "mean")),
        ("odd@1", Parts("odd@1")),
        ("odd@1@0", Parts("odd@1", "0")),
    ],
)
def test_a_name_has_three_parts_and_a_folder_may_look_like_them(
    name: str, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("odd@1").mkdir()
    assert parts_of(name) == parts
    assert parts.several is ("*" in name or "," in name)


@needs_transformers
@pytest.mark.parametrize("layer", ["4", "99", "-5", "x", "", "1.0", "١", "9" * 5000])
def test_a_layer_that_does_not_exist_is_refused(layer: str, tmp_path: Path) -> None:
    line = refused(save_llama(tmp_path / "m"), f"@{layer}")
    assert line.startswith("transformers:FOLDER has layers 0–3, of which 0 are the embeddings, and -1 is 3: got @")
    assert len(line) < 250


@needs_transformers
def test_a_pooling_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert "must have the pooling mean, last or first: got 'max'" in refused(save_llama(tmp_path / "m"), "@1:max")


@needs_transformers
def test_a_folder_without_configuration_or_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = save_gpt2(tmp_path / "m")
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert "must hold the tokenizer of its model: the folder has none. Save it there" in refused(folder)
    (folder / "config.json").unlink()
    assert "FOLDER must name a model folder: FOLDER holds no config.json." in refused(folder)


@needs_transformers
def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    from transformers import BertConfig

    folder = save_model(tmp_path / "m", BertConfig(vocab_size=5, max_position_embeddings=16, **SMALL))
    assert "the tokenizer of its model: it makes token 8, and the model has 5." in refused(folder)


@needs_transformers
@pytest.mark.parametrize("kind", ["t5", "clip", "vit"])
def test_models_that_are_no_single_encoder_or_decoder_of_texts_are_refused(kind: str, tmp_path: Path) -> None:
    from transformers import CLIPConfig, T5Config, ViTConfig

    kinds: dict[str, tuple[Any, str]] = {
        "t5": (T5Config(), "must be an encoder or a decoder: model type t5 is both"),
        "clip": (CLIPConfig(), "must be one model of texts with hidden layers: model type clip is not"),
        "vit": (ViTConfig(), "must hold the tokenizer of its model"),
    }
    config, expected = kinds[kind]
    config.save_pretrained(tmp_path / "m")
    assert expected in refused(tmp_path / "m")


@needs_transformers
def test_code_of_a_model_is_never_run(tmp_path: Path) -> None:
    folder = save_llama(tmp_path / "m")
    (folder / "own.py").write_text("raise SystemExit('run')")
    setting(folder, model_type="odd", auto_map={"AutoConfig": "own.Config", "AutoModel": "own.Model"})
    assert "which is never run" in refused(folder)


@needs_transformers
@pytest.mark.parametrize("weight", ["layers.1.mlp.up_proj.weight", "norm.weight", "embed_tokens.weight"])
def test_weights_that_a_layer_needs_must_be_there(weight: str, tmp_path: Path) -> None:
    folder = save_llama(tmp_path / "m")
    without_weights(folder, lambda name: name == f"model.{weight}")
    assert f"must have all its weights: its file lacks {weight}, which would be random" in refused(folder, "@0")


@needs_transformers
def test_weights_that_no_layer_needs_may_lack(tmp_path: Path) -> None:
    from transformers import BertConfig

    folder = save_model(tmp_path / "m", BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **SMALL))
    whole = get_backbone(f"transformers:{folder}", BackboneOptions(device="cpu")).encode(TEXTS)
    without_weights(folder, lambda name: name.startswith("pooler."))
    np.testing.assert_array_equal(
        get_backbone(f"transformers:{folder}", BackboneOptions(device="cpu")).encode(TEXTS), whole
    )


@needs_transformers
def test_a_damaged_file_of_weights_is_one_line(tmp_path: Path) -> None:
    folder = save_llama(tmp_path / "m")
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    assert "must load with transformers on device 'cpu': " in refused(folder)
    (folder / "model.safetensors").unlink()
    assert "must load with transformers on device 'cpu': " in refused(folder)


@needs_transformers
def test_a_model_whose_texts_depend_on_each_other_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import BertConfig, BertModel, FNetConfig

    folder = save_model(tmp_path / "f", FNetConfig(vocab_size=len(WORDS), max_position_embeddings=16, **mixing()))
    assert "must be a model that leaves padding out: it takes no attention mask" in refused(folder)
    folder = save_model(tmp_path / "m", BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **SMALL))
    forward = BertModel.forward

    def careless(self: Any, input_ids: Any, attention_mask: Any = None, **inputs: Any) -> Any:
        return forward(self, input_ids, **inputs)

    monkeypatch.setattr(BertModel, "forward", careless)
    assert "must give a text the same features alone and beside a longer one" in refused(folder)


@needs_transformers
def test_a_limit_must_leave_room_for_a_token(tmp_path: Path) -> None:
    from transformers import BertConfig, BertTokenizerFast  # type: ignore[attr-defined]

    folder = save_model(tmp_path / "m", BertConfig(vocab_size=20, max_position_embeddings=16, **SMALL))
    for file in folder.glob("tokenizer*"):
        file.unlink()
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "film"]), encoding="utf-8")
    BertTokenizerFast(vocab=str(vocabulary)).save_pretrained(folder)
    assert "`max_length` must be at least 3 and at most 16, its limit" in refused(folder, max_length=2)


def mixing() -> dict[str, Any]:
    """Return sizes of a model without attention."""
    return {name: size for name, size in SMALL.items() if name != "num_attention_heads"}


def setting(folder: Path, **values: Any) -> None:
    """Change the configuration of a model."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **values}), encoding="utf-8")


def without_weights(folder: Path, lacks: Callable[[str], bool]) -> None:
    """Remove weights from the file of a model."""
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    weights = load_file(file)
    left = {name: values for name, values in weights.items() if not lacks(name)}
    assert len(left) < len(weights)
    save_file(left, file, {"format": "pt"})
