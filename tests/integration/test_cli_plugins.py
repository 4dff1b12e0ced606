"""An error in the code of a plug-in is one line that names the plug-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.stderr import without_read

STRATEGY = """
from dataclasses import dataclass
@dataclass(frozen=True)
class Config:
    keep: float = 0.5
    def __post_init__(self):
        if self.keep > 1:
            raise ValueError("keep is above 1")
def fail(problem, config: Config):
    raise {error}
"""
BACKBONE = """
from w2s_probe import Backbone, EmbeddingSpec
class Failing(Backbone):
    name, modality = "failing:x", "text"
    spec = EmbeddingSpec(backbone="failing", revision="1")
    def encode(self, items):
        raise {error}
def make(name, options):
    if name == "absent":
        raise LookupError("no model absent")
    return Failing()
"""
PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y")


def install(folder: Path, kind: str, entry: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = f"plug{folder.name}".replace("-", "_")
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[w2s_probe.{kind}]\n{entry.replace('MODULE', module)}\n")
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("KeyError('x')", "got KeyError: 'x'."),
        ("ZeroDivisionError('two\\nlines')", "got ZeroDivisionError: two lines."),
        ("OSError(2, 'no such file', 'weights.bin')", "no such file: 'weights.bin'."),
    ],
)
def test_a_strategy_that_fails_is_named(
    cli: Cli, table: Path, monkeypatch: pytest.MonkeyPatch, error: str, text: str
) -> None:
    install(table.parent, "strategies", "half = MODULE:fail", STRATEGY.format(error=error), monkeypatch)
    done = cli("run", "table.csv", *PAIR, "--seeds", "1", "--strategy", "vanilla,half")
    assert (done.returncode, done.stdout, without_read(done.stderr).count("\n")) == (1, "", 1)
    assert without_read(done.stderr).startswith("error: the plug-in half (plug")
    assert ":fail) must not fail: got" in done.stderr
    assert text in done.stderr


def test_settings_that_a_strategy_refuses_name_it(cli: Cli, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(table.parent, "strategies", "half = MODULE:fail", STRATEGY.format(error="KeyError"), monkeypatch)
    done = cli("run", "table.csv", *PAIR, "--strategy", "half", "--set", "half.keep=2")
    assert (done.returncode, done.stdout, without_read(done.stderr).count("\n")) == (1, "", 1)
    assert ":fail) must not fail: got ValueError: keep is above 1" in done.stderr


def test_a_strategy_that_cannot_be_imported_is_named(cli: Cli, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(table.parent, "strategies", "half = MODULE:fail", "import absent_package", monkeypatch)
    done = cli("run", "table.csv", *PAIR, "--strategy", "half")
    assert (done.returncode, done.stdout, without_read(done.stderr).count("\n")) == (1, "", 1)
    assert ":fail) must not fail: got ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize(
    ("name", "text"), [("failing:x", "got TypeError: shape."), ("failing:absent", "got LookupError: no model absent.")]
)
def test_a_backbone_that_fails_is_named(
    cli: Cli, table: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    install(
        table.parent, "backbones", "failing = MODULE:make", BACKBONE.format(error="TypeError('shape')"), monkeypatch
    )
    (table.parent / "texts.csv").write_text("text\na\nb\n")
    done = cli("embed", "texts.csv", "--text", "text", "--backbone", name)
    assert (done.returncode, done.stdout, without_read(done.stderr).count("\n")) == (1, "", 1)
    assert f"the plug-in {name} (plug" in done.stderr
    assert f":make) must not fail: {text}" in done.stderr
