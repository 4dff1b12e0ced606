"""The notebooks in examples run, and are stored with small outputs without warnings."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.real_texts import REAL_TEXTS

FOLDER = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
WEIGHTS = {"language_model_layers"}
LARGEST = 200_000  # bytes of a stored notebook
PATHS = re.compile(r"/(tmp|home|root|Users|work|usr|opt)/|[A-Z]:\\\\")
EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=900, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def outputs_of(notebook: Any) -> list[list[dict[str, Any]]]:
    """Return the outputs of each cell with code."""
    return [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]


def kinds_of(outputs: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return type and formats of the outputs of a cell, text on one stream as one."""
    kinds = [(one["output_type"], sorted(one.get("data", {one.get("name", "error"): ""}))) for one in outputs]
    return [kind for at, kind in enumerate(kinds) if kind[0] != "stream" or at == 0 or kinds[at - 1] != kind]


def stored(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.models, REAL_TEXTS] if path.stem in WEIGHTS else [], id=path.stem)
        for path in NOTEBOOKS
    ],
)
def test_a_notebook_runs_and_shows_what_is_stored(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    command = [sys.executable, "-c", EXECUTE, str(path), str(tmp_path / "done.ipynb")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found, expected = outputs_of(stored(tmp_path / "done.ipynb")), outputs_of(stored(path))
    assert list(map(kinds_of, found)) == list(map(kinds_of, expected))
    assert [one for cell in found for one in cell if one.get("name") == "stderr"] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_stored_notebook_is_small_and_says_nothing_of_the_machine(path: Path) -> None:
    assert path.stat().st_size < LARGEST
    notebook = stored(path)
    assert [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and not cell["execution_count"]] == []
    outputs = [one for cell in outputs_of(notebook) for one in cell]
    assert {one["output_type"] for one in outputs} <= {"stream", "execute_result"}
    assert {one["name"] for one in outputs if one["output_type"] == "stream"} <= {"stdout"}
    texts = [text for one in outputs for text in (one.get("text", []), *one.get("data", {}).values())]
    assert [line for text in texts for line in text if PATHS.search(line)] == []
    reports = [text for text in texts if '<div class="w2s-probe">\n' in text]
    assert len(reports) == 1
    printed = [one["text"] for one in outputs if one["output_type"] == "stream"]
    assert any("──────" in line for text in printed for line in text)  # tables stay in the text, also in a notebook


def test_there_are_two_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["language_model_layers", "own_features"]
