"""Whatever a plug-in returns or raises is one line that names it, and changes no other number."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from tests.conftest import Cli
from tests.hostile import BACKBONES, FACTORIES, STRATEGIES, UNLOADABLE, install
from tests.stderr import without_read
from w2s_probe import check_backbone
from w2s_probe.core.errors import BackboneError

PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "-n", "10", "-N", "20", "--n-test", "10")
RUN = ("run", "d.csv", *PAIR, "--seeds", "1", "--json")
CONTRACT = "nan inf large more fewer flat cube none text objects complex empty nospec number noname type late width"
CONTRACT += " cutnone cutfar cuttext recnone recobject recnan rectaken reclong reccircle modality"
EMBED = ("embed", "d.csv", "--text", "text", "--shard-rows", "12", "--backbone")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evil")
    install(folder)
    return folder


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(package))
    rng = np.random.default_rng(0)
    y = np.arange(48) % 2
    (tmp_path / "d.csv").write_text("text,label\n" + "".join(f"row {i},{label}\n" for i, label in enumerate(y)))
    for name in "ts":
        np.save(tmp_path / f"{name}.npy", (y[:, None] + rng.standard_normal((48, 3))).astype(np.float32))


def check_line(done: CompletedProcess[str], name: str, text: str) -> None:
    """Assert exit code 1 and one printable line that names the plug-in."""
    said = without_read(done.stderr)
    assert (done.returncode, done.stdout, said.count("\n")) == (1, "", 1), said
    assert said.startswith("error: ")
    assert f"the plug-in {name} (evil-plug 1.0, " in said
    assert text in said
    assert said.rstrip("\n").isprintable()
    assert len(said) < 1000


@pytest.mark.parametrize("name", [*BACKBONES, *FACTORIES])
def test_a_hostile_backbone_is_one_line_and_stores_nothing(cli: Cli, tmp_path: Path, name: str) -> None:
    done = cli(*EMBED, f"evil:{name}")
    check_line(done, f"evil:{name}", {**BACKBONES, **FACTORIES}[name][1])
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert {path.name for path in files} <= {"CACHEDIR.TAG", "format"}


@pytest.mark.parametrize("name", CONTRACT.split())
def test_check_backbone_refuses_it_too(name: str) -> None:
    module = import_module("evil_plug")
    with pytest.raises(BackboneError, match=r"^backbone evil:any must "):
        check_backbone(lambda _: module.make(name, None), ["a", "b c", "d e f"])
    check_backbone(lambda _: module.make("good", None), ["a", "b c", "d e f"])


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_hostile_strategy_is_one_line(cli: Cli, name: str) -> None:
    check_line(cli(*RUN, "--strategy", f"vanilla,{name}"), name, STRATEGIES[name][1])


@pytest.mark.parametrize("name", UNLOADABLE)
def test_what_cannot_be_imported_is_an_error_only_where_it_is_asked_for(cli: Cli, name: str) -> None:
    check_line(cli(*EMBED, f"{name}:x"), f"{name}:x", UNLOADABLE[name][1])
    check_line(cli(*RUN, "--strategy", name), name, UNLOADABLE[name][1])
    assert cli(*EMBED, "classic:hashing-8").returncode == 0


def test_lists_say_why_a_plug_in_cannot_be_used(cli: Cli) -> None:
    for verb in ("backbones", "doctor"):
        done = cli(verb)
        assert (done.returncode, done.stderr) == (0, "")
        for _, text in UNLOADABLE.values():
            assert text.removesuffix(": got int") in done.stdout
        assert "classic is " in done.stdout
    listed = {entry["name"]: entry for entry in json.loads(cli("backbones", "--json").stdout)["backbones"]}
    assert listed["evil:…"]["installed"]
    assert "ModuleNotFoundError" in listed["absent:…"]["problem"]


def test_another_width_than_that_of_the_cache_is_refused(cli: Cli, tmp_path: Path) -> None:
    assert cli(*EMBED, "evil:good").returncode == 0
    (tmp_path / "d.csv").write_text("text,label\nanother,1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("evil_plug"), "good", lambda items: np.ones((len(items), 1)))
        check_line(cli(*EMBED, "evil:good"), "evil:good", "return features of one width: got 1 columns after 4.")
        done = cli(*EMBED, "evil:good", "--dtype", "float16")  # another folder
    assert done.returncode == 0


def test_ctrl_c_in_a_plug_in_is_ctrl_c(cli: Cli) -> None:
    evil_plug = import_module("evil_plug")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evil_plug, "good", interrupt)
        assert cli(*EMBED, "evil:nan").returncode == 130


def interrupt(items: object) -> None:
    raise KeyboardInterrupt


def test_other_numbers_are_the_same_after_all_of_them(cli: Cli) -> None:
    """Names of built-in strategies and backbones stay theirs, too."""
    before = cli(*RUN).stdout
    for name in STRATEGIES:
        cli(*RUN, "--strategy", f"vanilla,{name}")
    assert cli(*RUN).stdout == before
    assert json.loads(before)["students"]["vanilla"]["selection"]["rule"] == "all pseudolabels"
