"""README and the pages in docs: their Python blocks run, their commands parse, their flags exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != "cli.md")]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
PRINTED = {  # a table and an advice; heads at their minimum
    "print(run(": "\n".join(("", "system    trained on        accuracy              Brier", "")),
    "GridSearchCV": "True True\n",
}
MOST_PRINTED = 3_000  # characters: a table, not arrays
OF_PIP = {"--no-deps"}
PYTHON = re.compile(r"```python\n(.*?)```", flags=re.DOTALL)
COMMAND = re.compile(r"^w2s-probe .*$|(?<=`)w2s-probe [a-z][^`]+(?=`)", flags=re.MULTILINE)
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")


def in_pages(pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    """Return the name of the page and the text of each match."""
    return [(name, text) for name, page in TEXTS.items() for text in pattern.findall(page)]


BLOCKS = in_pages(PYTHON)
COMMANDS = in_pages(COMMAND)


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[f"{page} {i}" for i, (page, _) in enumerate(BLOCKS)])
def test_a_python_block_runs_and_prints_the_expected_text(page: str, block: str, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "utf-8"}  # a polars frame is printed, too
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, env=env, capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    for part, text in PRINTED.items():
        assert part not in block or text in done.stdout
    assert len(done.stdout) < MOST_PRINTED


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_every_flag_of_a_command_exists(page: str, command: str) -> None:
    from w2s_probe.cli.main import cli

    _, name, *arguments = shlex.split(command)
    verb = cli.commands[name]
    if isinstance(verb, click.Group):
        name, *arguments = arguments
        verb = verb.commands[name]
    verb.make_context(name, arguments)


def test_every_flag_that_a_page_names_exists() -> None:
    from w2s_probe.cli.main import cli

    flags = {flag for verb in _verbs(cli) for option in verb.params for flag in (*option.opts, "--help", *OF_PIP)}
    assert [(page, flag) for page, flag in in_pages(FLAG) if flag not in flags] == []


def _verbs(group: click.Group) -> Iterator[click.Command]:
    for verb in group.commands.values():
        yield from _verbs(verb) if isinstance(verb, click.Group) else (verb,)


def test_there_is_something_to_check() -> None:
    assert len(BLOCKS) == 6
    assert all(any(part in block for _, block in BLOCKS) for part in PRINTED)
    assert len(COMMANDS) >= 20
    assert "README.md" in {page for page, _ in BLOCKS}
