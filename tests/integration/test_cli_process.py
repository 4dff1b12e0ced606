"""What tests see of a command run in their process is what a user sees of one in a process of its own."""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path

import pytest

from tests.conftest import Cli

PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y")
SIZES = ("-n", "60", "-N", "200", "--seeds", "2")
EMBED = ("embed", "builtin:digits", "--backbone", "classic:pixels-2x2")
COMMANDS: dict[str, tuple[tuple[str, ...], int]] = {
    "run": (("run", "table.csv", *PAIR, *SIZES, "--threads", "1", "--out", "out"), 0),
    "run --json": (("run", "table.csv", *PAIR, "-n", "20", "-N", "40", "--n-test", "40", "--json"), 0),
    "diagnose": (("diagnose", "table.csv", *PAIR), 0),
    "forecast --json": (("forecast", "table.csv", *PAIR, *SIZES[:4], "--json"), 0),
    "sweep": (("sweep", "table.csv", *PAIR, *SIZES), 0),
    "mistake": (("run", "table.csv", *PAIR[:-1], "lable"), 1),
    "usage": (("run", "table.csv", "--teacher"), 2),
    "no such verb": (("rum",), 2),
    "no verb": ((), 2),
    "help": (("cache", "--help"), 0),
    "version": (("--version",), 0),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_here_prints_and_returns_what_it_does_in_a_process_of_its_own(
    cli: Cli, process: Cli, table: Path, name: str
) -> None:
    arguments, code = COMMANDS[name]
    here, there = cli(*arguments), process(*arguments)
    assert there.returncode == code
    assert there.stdout or there.stderr
    assert (here.returncode, here.stdout, here.stderr) == (there.returncode, there.stdout, there.stderr)


def test_both_write_the_same_files_and_find_the_same_damage(cli: Cli, process: Cli, tmp_path: Path) -> None:
    for run, name in ((cli, "here"), (process, "there")):
        embedded = json.loads(run(*EMBED, "--cache", name, "--json").stdout)
        assert embedded["backbones"][0]["encoded"] == 1797
    here, there = (
        {str(path.relative_to(tmp_path / name)): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("here", "there")
    )
    assert here == there
    next((tmp_path / "here").rglob("*.npy")).write_bytes(b"")
    found, again = (run("cache", "verify", "--cache", "here") for run in (cli, process))
    assert (found.returncode, found.stdout, found.stderr) == (again.returncode, again.stdout, again.stderr)
    assert found.returncode == 1
    assert found.stderr


def test_a_command_here_leaves_the_process_as_it_was(cli: Cli, table: Path) -> None:
    def state() -> tuple[object, ...]:
        return Path.cwd(), dict(os.environ), sys.argv[:], sys.stdout, sys.stderr, warnings.filters[:], sys.path[:]

    before = state()
    assert cli("run", "table.csv", *PAIR, *SIZES, "--threads", "1").returncode == 0
    assert cli("rum").returncode == 2
    assert state() == before


def test_what_a_library_writes_past_python_and_a_warning_are_seen(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loud() -> tuple[()]:
        os.write(1, b"written\r\n")
        os.write(2, b"panicked\n")
        warnings.warn("odd numbers", RuntimeWarning, stacklevel=1)
        warnings.warn("old name", DeprecationWarning, stacklevel=1)
        return ()

    monkeypatch.setattr("w2s_probe.backbones.list_backbones", loud)
    done = cli("backbones", "--json")
    assert done.stdout == 'written\n{"schema": 2, "backbones": []}\n'
    assert done.stderr.startswith("panicked\n")
    assert "RuntimeWarning: odd numbers\n" in done.stderr
    assert "old name" not in done.stderr.replace('warnings.warn("old name"', "")


def test_text_that_the_terminal_cannot_show_fails_here_as_it_does_there(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unencodable() -> None:
        sys.stdout.write("\ud800")

    monkeypatch.setattr("w2s_probe.backbones.list_backbones", unencodable)
    with pytest.raises(UnicodeEncodeError):
        cli("backbones")
