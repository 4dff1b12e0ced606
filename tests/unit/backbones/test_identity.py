"""A model is identified by the bytes of every file that loading may open, and no other file is loaded."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from pathlib import Path

import pytest

from tests.rights import without_rights
from w2s_probe.backbones import identity, model_files
from w2s_probe.backbones.identity import HashedFiles
from w2s_probe.backbones.model_files import hash_folder, links_to
from w2s_probe.core.errors import BackboneError

LONG_AGO = -3600.0  # seconds from now
MODULES = '[{"path": ""}, {"path": "1_Pooling"}, {"path": "onnx"}]'


def write(folder: Path, files: dict[str, str]) -> Path:
    for inner, text in files.items():
        path = folder / inner
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def revision(folder: Path) -> str:
    return hash_folder(folder, name="the model").revision


@pytest.fixture
def model(tmp_path: Path) -> Path:
    files = {"modules.json": MODULES, "config.json": "{}", "1_Pooling/config.json": "mean", "onnx/config.json": "dense"}
    return write(tmp_path / "model", files)


def test_a_folder_without_links_and_special_modules_has_the_hash_that_it_always_had(tmp_path: Path) -> None:
    counted = {"modules.json": "[]", "config.json": "{}", ".git/config": "x", "a/onnx/deep/y.json": "yes"}
    counted |= {"1_Pooling/config.json": "p", "B.txt": "B", "a.txt": "a", "a/b.txt": "ab", "a-b.txt": "a-b"}
    left_out = {"README.md": "r", ".gitattributes": "g", "onnx/model.json": "o", "openvino/x.xml": "o"}
    left_out |= {"a/onnx/x.json": "no", "tf_model.h5": "h", "model.onnx": "x", "x.msgpack": "m", "rust.ot": "t"}
    folder = write(tmp_path / "model", {**counted, **left_out, "ünï.txt": "u"})
    (folder / "linked.txt").symlink_to("a.txt")
    # written by commit 4d0bd2a: features that were stored then must be found
    recorded = "sha256:bc9e9ca427f2082660ac7d0761b7cfbfbd4616bdd7910f5c198828985030b84e"
    assert revision(folder) == recorded
    for inner in left_out:
        (folder / inner).write_text("other")
    assert revision(folder) == recorded
    for inner, text in counted.items():
        (folder / inner).write_text("other")
        assert revision(folder) != recorded, inner
        (folder / inner).write_text(text)
    assert revision(folder) == recorded


def test_a_linked_folder_counts_as_its_copy(model: Path, tmp_path: Path) -> None:
    before = revision(model)
    (model / "1_Pooling").rename(tmp_path / "elsewhere")
    (model / "1_Pooling").symlink_to("../elsewhere")
    assert revision(model) == before
    (tmp_path / "elsewhere" / "config.json").write_text("cls")
    assert revision(model) != before


@pytest.mark.parametrize("path", ["onnx", "onnx/", "./onnx", "deep/openvino"])
def test_a_module_folder_counts_whatever_its_name(tmp_path: Path, path: str) -> None:
    folder = write(tmp_path, {"modules.json": f'[{{"path": "{path}"}}]', f"{path}/config.json": "1"})
    before = revision(folder)
    (folder / path / "config.json").write_text("2")
    assert revision(folder) != before


def test_modules_below_a_router_count(tmp_path: Path) -> None:
    router = '{"types": {"onnx": "sentence_transformers.models.Dense", ".": ""}}'
    files = {"modules.json": '[{"path": "r"}]', "r/router_config.json": router, "r/onnx/config.json": "1"}
    before = revision(write(tmp_path, files))
    (tmp_path / "r" / "onnx" / "config.json").write_text("2")
    assert revision(tmp_path) != before


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc", "C:\\\\x", "..\\\\x", "..", "../\\u001b[31m"])
@pytest.mark.parametrize("router", [False, True])
def test_a_module_outside_the_folder_is_refused(tmp_path: Path, path: str, router: bool) -> None:
    files = {"modules.json": f'[{{"path": "{path}"}}]'}
    if router:
        files = {"modules.json": '[{"path": ""}]', "config.json": f'{{"types": {{"{path}": ""}}}}'}
    with pytest.raises(BackboneError, match=r"^the model must have its modules in its folder: .*Move") as error:
        revision(write(tmp_path, files))
    assert "\x1b" not in str(error.value)


@pytest.mark.parametrize("content", ["", "3", "[1]", '[{"path": 2}]', '{"path": "a"}', "[" * 100_000, "\ud800"])
def test_an_odd_list_of_modules_is_left_to_the_loader(tmp_path: Path, content: str) -> None:
    (tmp_path / "modules.json").write_bytes(content.encode(errors="surrogatepass"))
    assert revision(tmp_path).startswith("sha256:")


@pytest.mark.parametrize("target", [".", "..", "../..", "/", "deep/down", "{real}"])
def test_a_link_to_a_folder_around_it_is_refused(model: Path, target: str) -> None:
    (model / "deep" / "down").mkdir(parents=True)
    (model / "deep" / "down" / "link").symlink_to(target.format(real=model.resolve()))
    if target == "deep/down":  # two links that lead to each other's folders
        (model / "deep" / "down" / "link").unlink()
        (model / "deep" / "down" / "link").symlink_to("../../other")
        (model / "other").mkdir()
        (model / "other" / "link").symlink_to("../deep")
    with pytest.raises(BackboneError, match=r"must not hold a link to a folder around it: .*link leads to .*Remove"):
        revision(model)


@pytest.mark.parametrize(("target", "why"), [("nowhere", "No such file"), ("broken", "Too many levels")])
def test_a_link_that_leads_nowhere_is_refused_unless_loading_never_opens_it(model: Path, target: str, why: str) -> None:
    before = revision(model)
    (model / ".hidden").symlink_to(target)
    assert revision(model) == before
    (model / "broken").symlink_to(target)
    with pytest.raises(BackboneError, match=rf"files that can be read: broken is not \({why}"):
        revision(model)


def test_a_pipe_is_refused(model: Path) -> None:
    os.mkfifo(model / "vocab.txt")
    with pytest.raises(BackboneError, match=r"must hold only files and folders: vocab.txt is neither\. Remove it"):
        revision(model)


@pytest.mark.parametrize(("inner", "named"), [("config.json", "config.json"), ("sub", "sub"), (".", "/")])
def test_what_may_not_be_read_is_refused(inner: str, named: str) -> None:
    with tempfile.TemporaryDirectory() as above:  # tmp_path lies in a folder that only its owner may enter
        folder = write(Path(above) / "model", {"config.json": "{}", "sub/config.json": "{}"})
        Path(above).chmod(0o755)
        revision(folder)  # so that nothing is imported by another user
        (folder / inner).chmod(0)
        expected = rf"must have files that can be read: {named}.* is not \(Permission denied\)\. Allow reading it"
        with without_rights(), pytest.raises(BackboneError, match=expected):
            revision(folder)
        (folder / inner).chmod(0o700)


def test_a_tree_of_links_that_grows_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "MOST_FILES", 1_000)
    for level in range(20):  # 2**20 paths without a loop
        folder = tmp_path / f"level{level}"
        folder.mkdir()
        for name in ("left", "right"):
            (folder / name).symlink_to(f"../level{level + 1}")
    (tmp_path / "level20").mkdir()
    with pytest.raises(BackboneError, match="must hold at most 1,000 files"):
        revision(tmp_path / "level0")


def test_names_that_are_not_utf8_count(model: Path) -> None:
    before = revision(model)
    Path(os.fsdecode(os.fsencode(model) + b"/\xff.json")).write_text("a")
    assert revision(model) != before


def test_a_loader_sees_the_hashed_files_only(model: Path, tmp_path: Path) -> None:
    (model / "README.md").write_text("text")
    (model / "1_Pooling").rename(tmp_path / "elsewhere")
    (model / "1_Pooling").symlink_to("../elsewhere")
    with links_to(hash_folder(model, name="the model")) as view:
        files = {path.relative_to(view).as_posix(): path.read_text() for path in view.rglob("*") if path.is_file()}
        assert not (view / ".." / "elsewhere").exists()
    assert files == {
        "modules.json": MODULES,
        "config.json": "{}",
        "1_Pooling/config.json": "mean",
        "onnx/config.json": "dense",
    }
    assert not view.exists()
    assert (tmp_path / "elsewhere" / "config.json").read_text() == "mean"


def changed_in_place(path: Path) -> None:
    path.write_text("new")


def changed_with_the_old_times(path: Path) -> None:
    times = path.stat()
    path.write_text("new")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def replaced(path: Path) -> None:
    path.with_name("next").write_text("new")
    path.with_name("next").replace(path)


CHANGES = [changed_in_place, changed_with_the_old_times, replaced]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("settled", [False, True])
def test_a_change_after_hashing_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: object,
    settled: bool,
) -> None:
    if settled:
        monkeypatch.setattr(identity, "SETTLED_SECONDS", LONG_AGO)
    path = write(tmp_path, {"model.bin": "old"}) / "model.bin"
    files = HashedFiles({"model.bin": path}, name="the model")
    files.check("loaded")
    assert callable(change)
    change(path)
    expected = r"^the model must keep its bytes: model.bin was changed while it was being loaded; run again"
    with pytest.raises(BackboneError, match=expected):
        files.check("loaded")


def test_a_change_within_one_tick_of_the_clock_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, {"model.bin": "old"}) / "model.bin"
    monkeypatch.setattr(identity, "_state", lambda status: (0, 0, status.st_size, 0, status.st_ctime_ns // 10**18))
    monkeypatch.setattr(time, "time", lambda: 1.0)  # the file was written a second ago
    files = HashedFiles({"model.bin": path}, name="the model")
    path.write_text("new")
    with pytest.raises(BackboneError, match="was changed while it was being used"):
        files.check("used")


def test_a_touched_file_and_a_new_copy_of_it_are_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "SETTLED_SECONDS", LONG_AGO)
    path = write(tmp_path, {"model.bin": "old"}) / "model.bin"
    files = HashedFiles({"model.bin": path}, name="the model")
    path.touch()
    files.check("loaded")
    path.with_name("next").write_text("old")
    path.with_name("next").replace(path)
    files.check("loaded")


def test_a_settled_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "SETTLED_SECONDS", LONG_AGO)
    path = write(tmp_path, {"model.bin": "old"}) / "model.bin"
    files = HashedFiles({"model.bin": path}, name="the model")
    monkeypatch.setattr(hashlib, "file_digest", None)
    files.check("loaded")
    assert HashedFiles({"again.bin": path}, name="an exit").sha256("again.bin") == files.sha256("model.bin")


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {"model.bin": "old"}) / "model.bin"
    files = HashedFiles({"model.bin": path}, name="the model")
    path.unlink()
    with pytest.raises(BackboneError, match=r"files that can be read: model.bin is not \(No such file"):
        files.check("loaded")


def test_a_system_without_a_temporary_folder_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = hash_folder(model, name="the model")
    monkeypatch.setattr(tempfile, "tempdir", str(model / "none"))
    with pytest.raises(BackboneError, match=r"needs a temporary folder .*: got No such file.*TMPDIR"), links_to(files):
        pass
