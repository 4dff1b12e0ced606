"""The mutants written by hand, and the areas of `make mutants`, are about code that is still there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "mutants"
ROOT = HERE.parents[1]
NAMED = tomllib.loads((HERE / "named.toml").read_text(encoding="utf-8"))["mutant"]
AREAS = tomllib.loads((HERE / "areas.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("mutant", NAMED, ids=[mutant["name"] for mutant in NAMED])
def test_the_code_of_a_named_mutant_is_there_once(mutant: dict[str, str]) -> None:
    assert (ROOT / mutant["file"]).read_text(encoding="utf-8").count(mutant["was"]) == 1
    assert any((ROOT / mutant["file"]) in ROOT.glob(pattern) for pattern in AREAS[mutant["area"]]["files"])


@pytest.mark.parametrize("name", AREAS)
def test_every_area_has_files_and_tests(name: str) -> None:
    assert all(any(ROOT.glob(pattern)) for pattern in AREAS[name]["files"])
    assert all((ROOT / path).exists() for path in AREAS[name]["tests"])
