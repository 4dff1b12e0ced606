"""The revision of a plug-in's strategy changes with its code, or with what it states."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from w2s_probe.core.errors import PlugInError
from w2s_probe.strategies.revision import code_revisions


class Package:
    """An installed package with one strategy, in files that can be changed."""

    def __init__(self, folder: Path) -> None:
        self.name = f"p{folder.name}"
        self.home = folder / self.name
        self.home.mkdir()
        self.write("__init__.py", f"from {self.name}.code import half\n")
        self.write("code.py", f"from {self.name}.helper import SIGN\ndef half(problem, config): return SIGN\n")
        self.write("helper.py", "SIGN = 1\n")
        info = folder / f"{self.name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {self.name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[w2s_probe.strategies]\nhalf = {self.name}:half\n")

    def write(self, file: str, code: str) -> None:
        """Write a file, and forget the modules, as a new process does."""
        (self.home / file).write_text(code)
        for name in [name for name in sys.modules if name.partition(".")[0] == self.name]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def revision(self) -> str:
        """Return the revision of its strategy."""
        return code_revisions(["vanilla", "half"])["half"]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two files of one size in one second
    package = Package(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return package


@pytest.mark.parametrize("file", ["code.py", "helper.py", "lazy.py"])
def test_any_file_of_the_package_changes_the_revision(package: Package, file: str) -> None:
    before = package.revision()
    assert package.revision() == before
    package.write(file, "SIGN = -1\ndef half(problem, config): return SIGN\n")
    assert package.revision() != before


def test_a_stated_revision_replaces_the_hash(package: Package) -> None:
    code = "def half(problem, config): return {}\nhalf.revision = '{}'\n"
    package.write("code.py", code.format(1, "a"))
    assert package.revision() == "a"
    package.write("code.py", code.format(2, "a"))
    assert package.revision() == "a"
    package.write("code.py", code.format(2, "b"))
    assert package.revision() == "b"


@pytest.mark.parametrize("stated", ["3", "''", "'x' * 1000", "[]"])
def test_a_revision_that_is_no_short_text_is_refused(package: Package, stated: str) -> None:
    package.write("code.py", f"def half(problem, config): return 1\nhalf.revision = {stated}\n")
    with pytest.raises(PlugInError, match=f"the plug-in half \\({package.name} 1, .* must have a revision"):
        package.revision()


def test_built_in_strategies_have_the_revision_of_w2s_probe() -> None:
    assert list(code_revisions(["vanilla", "oracle_dfr"])) == ["w2s_probe"]


def test_a_stated_revision_has_at_most_200_characters(package: Package) -> None:
    for length in (1, 200):
        package.write("code.py", f"def half(problem, config): return 1\nhalf.revision = 'x' * {length}\n")
        assert package.revision() == "x" * length
    package.write("code.py", "def half(problem, config): return 1\nhalf.revision = 'x' * 201\n")
    with pytest.raises(PlugInError, match="a revision of 1 to 200 characters"):
        package.revision()


def test_a_strategy_whose_source_is_not_known_never_has_the_same_revision(package: Package) -> None:
    package.write("code.py", "def half(problem, config): return 1\nhalf.__module__ = 'gone'\n")
    assert package.revision() != package.revision()
