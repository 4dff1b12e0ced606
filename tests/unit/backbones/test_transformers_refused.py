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
from w2s_probe.backbones.vocabularies import check_vocabulary
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
@pytest.mark.parametrize(
    "kind", ["GPT2Tokenizer", "LlamaTokenizer", "Qwen2Tokenizer", "RobertaTokenizer", "T5Tokenizer"]
)
def test_a_tokenizer_without_its_vocabulary_is_refused(kind: str, tmp_path: Path) -> None:
    folder = save_llama(tmp_path / "m", extra_special_tokens=["<|end|>"])
    (folder / "tokenizer.json").unlink()
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    added = {"11": {"content": "<think>", "special": False}}  # no word, as in chat models
    changed = {**settings, "tokenizer_class": kind, "added_tokens_decoder": added}
    (folder / "tokenizer_config.json").write_text(json.dumps(changed), encoding="utf-8")
    expected = (
        "must hold the tokenizer of its model: the vocabulary of its tokenizer is missing or empty. Save it there"
    )
    assert expected in refused(folder)


@needs_transformers
@pytest.mark.parametrize("kind", ["ByT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer", "DiaTokenizer"])
def test_tokenizers_of_bytes_and_characters_need_no_file(kind: str) -> None:
    import transformers

    check_vocabulary(getattr(transformers, kind)(), name="it")


@needs_transformers
def test_an_adapter_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    assert "FOLDER holds an adapter only. Merge it into its model with merge_and_unload" in refused(
        tmp_path / "adapter"
    )


@needs_transformers
@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_file_that_git_lfs_has_not_fetched_is_named(file: str, tmp_path: Path) -> None:
    folder = save_gpt2(tmp_path / "m")
    (folder / file).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", encoding="utf-8")
    assert refused(folder).endswith(f"{file} is a Git LFS pointer, not the file itself. Run git lfs pull in FOLDER.")


@needs_transformers
@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{% for m in messages %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endfor %}", "it leaves the"),
        ("{{ raise_exception('a system prompt is missing') }}", "a system prompt is missing. Save the tokenizer with"),
        ("{{ messages[0].content[:5] }}", "it leaves the message out"),
        ({"rag": "{{ messages[0].content }}", "tool": "x"}, "has only templates named rag, tool. Set tokenizer."),
    ],
)
def test_a_template_that_does_not_write_the_text_is_refused(template: Any, problem: str, tmp_path: Path) -> None:
    line = refused(save_llama(tmp_path / "m", chat_template=template), chat_template=True)
    assert problem in line
    assert line.endswith("or leave `chat_template` out.")


@needs_transformers
def test_a_template_must_leave_room_for_the_text(tmp_path: Path) -> None:
    template = "a good film <s> {{ messages[0].content }} </s>{% if add_generation_prompt %} fine{% endif %}"
    folder = save_llama(tmp_path / "m", chat_template=template)
    asked = refused(folder, chat_template=True, max_length=6)
    assert (
        "the template of transformers:FOLDER has 6 tokens, and the model reads 6. Use a larger `max_length`, or"
        in asked
    )
    assert "`prefix` must leave room" in refused(folder, chat_template=True, max_length=8, prefix="not bad ")
    setting(folder, max_position_embeddings=5)
    assert "the model reads 5. Use a model that reads more, or leave" in refused(folder, chat_template=True)


@needs_transformers
def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    from transformers import BertConfig

    folder = save_model(tmp_path / "m", BertConfig(vocab_size=5, max_position_embeddings=16, **SMALL))
    assert "the tokenizer of its model: it makes token 8, and the model has 5." in refused(folder)


@needs_transformers
@pytest.mark.parametrize("kind", ["t5", "clip", "vit", "t5 alone", "mt5 alone"])
def test_models_that_are_no_single_encoder_or_decoder_of_texts_are_refused(kind: str, tmp_path: Path) -> None:
    from transformers import CLIPConfig, MT5Config, T5Config, ViTConfig

    kinds: dict[str, tuple[Any, str]] = {
        "t5": (T5Config(), "must be an encoder or a decoder: model type t5 is both"),
        "clip": (
            CLIPConfig(),
            "must be one model of texts with a vocabulary and hidden layers: model type clip is not",
        ),
        "vit": (ViTConfig(), "model type vit is not. Use timm: or open_clip: for images"),
        "t5 alone": (T5Config(is_encoder_decoder=False), "is both. Use sentence-transformers:"),
        "mt5 alone": (MT5Config(is_encoder_decoder=False), "model type mt5 is both"),
    }
    config, expected = kinds[kind]
    config.save_pretrained(tmp_path / "m")
    assert expected in refused(tmp_path / "m")


@needs_transformers
def test_a_model_of_sounds_with_a_vocabulary_is_refused(tmp_path: Path) -> None:
    from transformers import HubertConfig

    sizes: dict[str, Any] = {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2, **SMALL}
    layers: dict[str, Any] = {"conv_dim": (8,), "conv_stride": (5,), "conv_kernel": (10,)}
    folder = save_model(tmp_path / "m", HubertConfig(vocab_size=len(WORDS), **layers, **sizes))
    assert "must be one model of texts with a vocabulary and hidden layers: model type hubert is not" in refused(folder)


@needs_transformers
def test_code_of_a_model_is_never_run(tmp_path: Path) -> None:
    folder = save_llama(tmp_path / "m")
    (folder / "own.py").write_text("raise SystemExit('run')")
    setting(folder, model_type="odd", auto_map={"AutoConfig": "own.Config", "AutoModel": "own.Model"})
    assert "which is never run. Use a model that transformers knows, or compute its features" in refused(folder)


@needs_transformers
def test_a_quantized_model_whose_package_is_missing_has_its_install_command_only(tmp_path: Path) -> None:
    folder = save_llama(tmp_path / "m")
    setting(folder, quantization_config={"quant_method": "vptq"})
    line = refused(folder)
    assert "`pip install -U vptq`" in line
    assert "again" not in line


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
