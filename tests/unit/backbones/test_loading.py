"""Whatever a model's loader does becomes one line; it opens the hashed files and no other model's."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from w2s_probe.backbones import loading as module
from w2s_probe.backbones.identity import HashedFiles, hash_files
from w2s_probe.backbones.loading import loading, one_line
from w2s_probe.backbones.model_files import hash_folder, links_to
from w2s_probe.core.errors import BackboneError, DataError


@pytest.fixture
def files(tmp_path: Path) -> HashedFiles:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return hash_folder(folder, name="the model")


def test_hashed_files_may_be_opened_through_links(files: HashedFiles) -> None:
    with links_to(files) as view, loading(files):
        assert json.loads((view / "config.json").read_text()) == {}


def test_where_nobody_may_make_links_hashed_files_are_copied_and_other_files_refused(
    files: HashedFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(link: Path, target: Path) -> None:
        raise OSError(22, "A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with links_to(files) as view, loading(files):
        assert json.loads((view / "config.json").read_text()) == {}
        assert not (view / "config.json").is_symlink()
    (tmp_path / "base.json").write_text("weights")
    with pytest.raises(BackboneError, match="own files: loading opened"), links_to(files), loading(files):
        (tmp_path / "base.json").read_text()
    (tmp_path / "model" / "config.json").write_text("[]")
    with pytest.raises(BackboneError, match=r"config\.json"), links_to(files), loading(files):
        pass


@pytest.mark.parametrize("suffix", [".json", ".bin", ".safetensors", ".model"])
@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_file_of_another_model_is_refused(
    files: HashedFiles,
    tmp_path: Path,
    suffix: str,
    as_bytes: bool,
) -> None:
    other = tmp_path / f"base{suffix}"
    other.write_text("weights")
    (tmp_path / "link").symlink_to(other)
    path = str(tmp_path / "link")
    expected = rf"the model must consist of its own files: loading opened .*base\{suffix}, which its hash .*merge"
    with pytest.raises(BackboneError, match=expected), loading(files), open(path.encode() if as_bytes else path):  # noqa: PTH123
        pass
    with loading(files, also=frozenset({other})):
        other.read_text()


def test_files_of_libraries_and_files_that_are_written_are_no_models(files: HashedFiles, tmp_path: Path) -> None:
    assert any(Path(np.__file__).resolve().is_relative_to(place) for place in module._libraries())
    with loading(files):
        Path("/proc/self/status").read_bytes()
        (tmp_path / "written.json").write_text("{}")
        (tmp_path / "notes.rst").write_text("{}")
        (tmp_path / "notes.rst").read_text()
    (tmp_path / "written.json").read_text()  # after loading


def test_a_model_among_libraries_is_another_model(
    files: HashedFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_libraries", lambda: (tmp_path / "lib",))
    (tmp_path / "lib").mkdir()
    for name in ("data.json", "config.json"):
        (tmp_path / "lib" / name).write_text("{}")
    with loading(files):
        (tmp_path / "lib" / "data.json").read_text()
    with pytest.raises(BackboneError, match=r"loading opened .*lib/config\.json, which its hash"), loading(files):
        (tmp_path / "lib" / "config.json").read_text()


def test_a_file_that_changes_while_it_is_loaded_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_text("old")
    files = hash_files([path], name="the model")
    with pytest.raises(BackboneError, match="changed while it was being loaded; run again"), loading(files):
        path.write_text("new")


class PanicException(BaseException):
    """The class by which code in Rust raises what its authors did not foresee."""


def raising(error: BaseException, cause: BaseException | None = None) -> Callable[[], None]:
    def call() -> None:
        raise error from cause

    return call


def message(error: BaseException, *, device: str = "cpu", place: Path) -> str:
    """Return what is said about an error of a loader."""
    with pytest.raises(BackboneError) as raised, one_line("the model", "load", device=device, place=place):
        raise error
    return str(raised.value)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (raising(KeyError("types")), "there is no 'types'"),
        (raising(AttributeError("'list' object has no attribute 'get'")), "'list' object has no attribute 'get'"),
        (raising(PanicException("index out of bounds")), "index out of bounds"),
        (raising(AssertionError()), "AssertionError"),
        (raising(ValueError("two\nlines \x1b[31m and \u202e")), r"two lines \\x1b\[31m and \\u202e"),
        (raising(ValueError("One. " * 100)), r"(One. ){39}One"),
        (raising(ValueError("1" * 1000)), "1{200}…"),
        (
            raising(OSError("unable to load"), pickle.UnpicklingError("weights_only")),
            "the file holds objects other than tensors, which are never loaded",
        ),
        (raising(pickle.UnpicklingError("weights_only")), "the file holds objects other than tensors"),
    ],
)
def test_what_a_loader_raises_is_one_line(call: Callable[[], None], text: str, tmp_path: Path) -> None:
    expected = rf"^the model must load on device 'cpu': {text}.*\. Save the model again, or replace the damaged file\.$"
    with (
        pytest.raises(BackboneError, match=expected) as error,
        one_line("the model", "load", device="cpu", place=tmp_path),
    ):
        call()
    assert "\n" not in str(error.value)
    assert "\x1b" not in str(error.value)


@pytest.mark.parametrize("error", [DataError("an image"), MemoryError(), KeyboardInterrupt(), SystemExit(3)])
def test_other_errors_pass(error: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(error)), one_line("the model", "load", device="cpu", place=tmp_path):
        raise error


def test_the_advice_fits_the_error(tmp_path: Path) -> None:
    copy = tmp_path / "models--org--name" / "snapshots" / "0"
    assert message(OSError("header too small"), place=copy).endswith(
        f"header too small. Remove {tmp_path}/models--org--name and run again, which downloads the model."
    )
    no_device = AssertionError("Torch not compiled with CUDA enabled")
    assert message(no_device, device="cuda", place=tmp_path).endswith("enabled. Check --device.")
    damaged = OSError("header too small")
    assert message(damaged, device="cuda", place=tmp_path).endswith(
        "small. Save the model again, or replace the damaged file."
    )
    other_weights = RuntimeError("Error(s) in loading state_dict for X: Missing key(s)")
    assert message(other_weights, place=tmp_path).endswith("Missing key(s). Name weights of this model.")


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (ImportError("it requires optimum (`pip install optimum`)"), "requires optimum (`pip install optimum`)."),
        (ImportError("You need to install sacremoses to use it"), "to use it. Install that package."),
        (ModuleNotFoundError("No module named 'x.y'"), "'x.y'. Install the package that has the module x.y."),
        (
            ValueError("run with trust_remote_code=True"),
            "never run. Use a model that transformers knows, or compute its",
        ),
        (
            ValueError("`tiktoken` is required to read a file. Install it with `pip install tiktoken`."),
            "where they are.",
        ),
        (
            ImportError("T5Tokenizer requires the SentencePiece library"),
            "Run pip install sentencepiece protobuf tiktoken",
        ),
        (
            RuntimeError("You set `ignore_mismatched_sizes` to `False`"),
            "Use the config.json that belongs to its weights.",
        ),
        (
            ValueError("Transformers does not recognize this architecture. This"),
            "Run pip install --upgrade transformers",
        ),
        (ImportError("Using fp8 requires a GPU or XPU"), "XPU. Use a model that is not quantized, or a GPU."),
        (ValueError("Should have a `model_type` key in its config.json."), "use timm: or open_clip: for images."),
    ],
)
def test_only_damaged_files_are_to_be_replaced(error: Exception, end: str, tmp_path: Path) -> None:
    text = message(error, place=tmp_path)
    assert end in text
    assert text.endswith(".")
    assert "damaged" not in text
    assert text.count("pip install") <= 1


def test_a_model_that_loads_and_does_not_compute_is_not_damaged(tmp_path: Path) -> None:
    error = IndexError("index out of range in self")
    with pytest.raises(BackboneError) as raised, one_line("it", "compute features", device="cpu", place=tmp_path):
        raise error
    assert str(raised.value).endswith(
        "in self. Use another model, or compute its features yourself and use features:FILE."
    )


def test_a_pointer_that_a_loader_reads_as_lines_is_refused(files: HashedFiles, tmp_path: Path) -> None:
    pointer = tmp_path / "model" / "vocab.txt"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\n", encoding="utf-8")
    whole = hash_folder(tmp_path / "model", name="the model")
    with loading(whole):
        (tmp_path / "model" / "config.json").read_text()
    with pytest.raises(BackboneError, match=r"vocab\.txt is a Git LFS pointer.* Run git lfs pull in "), loading(whole):
        pointer.read_text()
    assert "vocab.txt is a Git LFS pointer" in message(ValueError("no token"), place=tmp_path / "model")
    assert "vocab.txt is a Git LFS pointer" in message(ValueError("no token"), place=pointer)
    assert files.files.keys() == {"config.json"}


def test_messages_name_the_folder_and_not_the_links_to_it(files: HashedFiles) -> None:
    with links_to(files) as view:
        error = OSError(f"no file {view}/config2.json")
    assert "no file /home/model/config2.json. " in message(error, place=Path("/home/model"))
