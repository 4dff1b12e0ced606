"""What the README says works: its Python blocks run, its commands parse."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
PRINTED = {"run_w2s(": "resolved=True", "GridSearchCV": "True True\n"}  # a PGR; heads that arrived
COMMANDS = [line for line in re.findall(r"^w2s-probe .*$", README, flags=re.MULTILINE) if "…" not in line]


@pytest.mark.parametrize("block", BLOCKS, ids=[f"block {i}" for i in range(len(BLOCKS))])
def test_a_python_block_runs_and_prints_what_is_said_of_it(block: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for part, said in PRINTED.items():
        assert part not in block or said in done.stdout


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_a_link_leads_to_a_file_of_the_repository(path: str) -> None:
    if not (ROOT / "CHANGELOG.md").is_file():
        pytest.skip("the wheel is tested alone")
    assert (ROOT / path).exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_of_a_command_exists(command: str) -> None:
    from w2s_probe.cli.main import cli

    _, verb, *arguments = shlex.split(command)
    found = cli.commands[verb]
    if isinstance(found, click.Group):
        verb, *arguments = arguments
        found = found.commands[verb]
    found.make_context(verb, arguments)


def test_there_is_something_to_check() -> None:
    assert len(BLOCKS) == 4
    assert all(any(part in block for block in BLOCKS) for part in PRINTED)
    assert len(COMMANDS) >= 7
