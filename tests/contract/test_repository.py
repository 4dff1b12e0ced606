"""What is said about the repository in more than one place is the same everywhere."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

import w2s_probe

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "w2s_probe"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAP = re.findall(r"^\| (.+?) \| .+ \|$", (PACKAGE / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
NAMED = {name.rstrip("/").removesuffix(".py") for row in MAP for name in re.findall(r"`(.+?)`", row)}


def test_every_module_that_the_map_names_exists() -> None:
    assert NAMED
    assert [name for name in NAMED if not ((PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file())] == []


def test_the_map_names_every_module() -> None:
    there = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert there - {"__init__", "__main__"} == NAMED


def test_the_layers_name_every_module_of_the_map() -> None:
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    assert {name for layer in layers for name in layer.split(" | ")} == NAMED


@pytest.mark.parametrize(
    ("field", "value"),
    [("version", w2s_probe.__version__), ("license", PROJECT["project"]["license"])],
)
def test_a_citation_says_what_the_package_says(field: str, value: str) -> None:
    said = re.search(rf"^{field}: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert said is not None
    assert said[1] == value


def test_continuous_integration_runs_every_python_that_the_package_names() -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    tested = re.search(r"python: (\[.+\])", workflow)
    assert tested is not None
    named = [re.search(r":: (3\.\d+)$", line) for line in PROJECT["project"]["classifiers"]]
    assert json.loads(tested[1]) == [version[1] for version in named if version]


def test_every_action_is_pinned_to_a_commit() -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    actions = re.findall(r"uses: (\S+)", workflow)
    assert actions
    assert [action for action in actions if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action)] == []


def test_the_makefile_explains_its_main_targets() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r'@echo "make (\w+)', text):
        assert re.search(rf"^{target}:", text, flags=re.MULTILINE), target
