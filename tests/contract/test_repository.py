"""What is said about the repository in more than one place is the same everywhere."""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from pathlib import Path

import pytest

import w2s_probe

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "w2s_probe"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAP = (PACKAGE / "README.md").read_text(encoding="utf-8").partition("# Decision notes")[0]
LAYERS = [layer.split(" | ") for layer in PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]]
ROWS = [(row[0], row[1]) for row in re.findall(r"^\| `([\w/]+)/`[^|]* \| (.+) \|$", MAP, flags=re.MULTILINE)]


@pytest.mark.parametrize(("package", "row"), ROWS)
def test_every_file_that_the_map_names_exists(package: str, row: str) -> None:
    places = [PACKAGE, PACKAGE / package, *(path for path in (PACKAGE / package).rglob("*") if path.is_dir())]
    named = list(re.findall(r"`([\w./]+?(?:\.py|/))`", row))
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def test_the_map_and_the_layers_name_every_package() -> None:
    there = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert {name for layer in LAYERS for name in layer} == there
    assert {package.partition("/")[0] for package, _ in ROWS} == there
    assert [path.name for path in PACKAGE.glob("*.py") if path.name not in ("__init__.py", "__main__.py")] == []


def test_no_package_exports_a_function_with_the_name_of_one_of_its_modules() -> None:
    clashes = []
    for file in PACKAGE.rglob("__init__.py"):
        names = {path.stem for path in file.parent.glob("*.py")} | {
            path.parent.name for path in file.parent.glob("*/__init__.py")
        }
        exported = getattr(importlib.import_module(".".join(file.parent.relative_to(ROOT).parts)), "__all__", [])
        clashes += [f"{file.parent.name}.{name}" for name in names & set(exported) if file.parent.name != "cli"]
    assert clashes == []


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
    whole, systems = (json.loads(versions) for versions in re.findall(r"python: (\[.+\])", workflow))
    named = [re.search(r":: (3\.\d+)$", line) for line in PROJECT["project"]["classifiers"]]
    assert systems == [version[1] for version in named if version]
    assert set(whole) <= set(systems)  # every check, on Linux


def test_continuous_integration_runs_on_the_systems_that_the_package_names() -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert "system: [ubuntu-latest, macos-latest, windows-latest]" in workflow
    assert "Operating System :: OS Independent" in PROJECT["project"]["classifiers"]


def test_every_action_is_pinned_to_a_commit() -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    actions = re.findall(r"uses: (\S+)", workflow)
    assert actions
    assert [action for action in actions if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action)] == []


def test_the_makefile_explains_its_main_targets() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r'@echo "make (\w+)', text):
        assert re.search(rf"^{target}:", text, flags=re.MULTILINE), target
