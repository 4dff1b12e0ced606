"""Examples run as a reader would run them; those that need packaged weights carry the marker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.real_texts import REAL_TEXTS

WEIGHTS = {"forecast_then_finetune", "preferences", "vader_ratings", "spurious_correlations", "weak_distillation"}
SAID = {"spurious_correlations": ("high_confidence helps", "high_confidence does not help")}
EXAMPLES = [
    pytest.param(
        path, marks=[pytest.mark.models, pytest.mark.slow, REAL_TEXTS] if path.stem in WEIGHTS else [], id=path.stem
    )
    for path in sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_and_says_something(
    example: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if example.stem in WEIGHTS:
        monkeypatch.setenv("W2S_PROBE_CACHE", str(request.getfixturevalue("demo")[0] / "cache"))
    done = subprocess.run([sys.executable, example], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    for said in SAID.get(example.stem, ()):
        assert said in done.stdout
    assert done.stderr == ""
