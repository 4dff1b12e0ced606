"""Malformed inputs and absurd counts: one line, exit 1 or 2, before time or memory is spent."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.malformed import ARGUMENTS, FILES, prepare, write
from tests.malformed_layouts import LAYOUTS
from tests.stderr import without_read

MOST_MEMORY = 200_000  # kB that are no files in memory; the libraries take 70,000
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


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_malformed_layout_is_one_line(cli: Cli, tmp_path: Path, name: str) -> None:
    prepare(tmp_path)
    files, arguments = LAYOUTS[name]
    write(tmp_path, files)
    check_one_line(cli(*arguments))


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_absurd_argument_is_one_line(cli: Cli, tmp_path: Path, name: str) -> None:
    prepare(tmp_path)
    check_one_line(cli(*ARGUMENTS[name]))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RssAnon is Linux's")
@pytest.mark.parametrize("name", BOMBS)
def test_files_that_promise_much_take_no_memory(tmp_path: Path, name: str) -> None:
    prepare(tmp_path)
    file, content, arguments = FILES[name]
    (tmp_path / file).write_bytes(content)
    most = 0
    with (
        (tmp_path / "stderr").open("wb") as stderr,
        subprocess.Popen([sys.executable, "-m", "w2s_probe", *arguments], cwd=tmp_path, stderr=stderr) as process,
    ):
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines()
            most = max([most, *(int(line.split()[1]) for line in status if line.startswith("RssAnon"))])
            time.sleep(0.005)
    assert process.returncode == 1, (tmp_path / "stderr").read_text()
    assert most < MOST_MEMORY
