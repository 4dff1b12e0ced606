"""Examples run as a reader would run them; those that need packaged weights carry the marker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WEIGHTS = {"vader_ratings", "spurious_correlations"}
SAID = {"spurious_correlations": ("high_confidence helps", "high_confidence does not help")}
EXAMPLES = [
    pytest.param(path, marks=[pytest.mark.models, pytest.mark.slow] if path.stem in WEIGHTS else [], id=path.stem)
    for path in sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_and_says_something(example: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, example], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    for said in SAID.get(example.stem, ()):
        assert said in done.stdout
    assert done.stderr == ""
