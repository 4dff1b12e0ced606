"""Malformed inputs and absurd counts: one line, exit 1 or 2, before time or memory is spent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.malformed import ARGUMENTS, FILES, prepare
from tests.stderr import without_read

MOST_MEMORY = 300_000  # kB of the whole process; the libraries take 150,000
BOMBS = ("table nested.ndjson", "features two-terabytes.npy", "features zeros.npz", "features length.safetensors")


def check_one_line(done: subprocess.CompletedProcess[str]) -> None:
    """Check that a process ended as a mistake of the user does; click prints its usage before some."""
    lines = [line for line in without_read(done.stderr).splitlines() if not line.startswith("note: ")]
    assert done.returncode in (1, 2), done.stderr
    assert done.stdout == ""
    assert len(lines) == (1 if done.returncode == 1 else 4 if lines[0].startswith("Usage: ") else 1), done.stderr
    assert "fault of ours" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("name", FILES)
def test_a_malformed_file_is_one_line(cli: Cli, tmp_path: Path, name: str) -> None:
    prepare(tmp_path)
    file, content, arguments = FILES[name]
    (tmp_path / file).write_bytes(content)
    done = cli(*arguments)
    check_one_line(done)
    if " named p." in name:
        packing, _ = name.split(" named ")
        assert f"its content is compressed ({packing})" in done.stderr or file == "p.npz"


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_absurd_argument_is_one_line(cli: Cli, tmp_path: Path, name: str) -> None:
    prepare(tmp_path)
    check_one_line(cli(*ARGUMENTS[name]))


@pytest.mark.skipif(sys.platform != "linux", reason="units of the used memory differ")
def test_files_that_promise_much_take_no_memory(tmp_path: Path) -> None:
    prepare(tmp_path)
    for name in BOMBS:
        file, content, arguments = FILES[name]
        (tmp_path / file).write_bytes(content)
        with (tmp_path / "stderr").open("wb") as stderr:
            started = subprocess.Popen([sys.executable, "-m", "w2s_probe", *arguments], cwd=tmp_path, stderr=stderr)
            _, status, usage = os.wait4(started.pid, 0)
        started.returncode = os.waitstatus_to_exitcode(status)
        assert started.returncode == 1, (tmp_path / "stderr").read_text()
        assert usage.ru_maxrss < MOST_MEMORY, name
