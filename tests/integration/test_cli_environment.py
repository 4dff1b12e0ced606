"""What surrounds the process: variables, limits and folders that would stop a library are named as the cause."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.malformed import RUN, SIZES, prepare
from tests.stderr import without_read

COMMAND = (sys.executable, "-m", "w2s_probe")


def in_shell(folder: Path, before: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command after some words of the shell."""
    script = ["sh", "-c", f'{before} && exec "$@"', "sh", *COMMAND, *arguments]
    env = {**os.environ, **variables}
    return subprocess.run(script, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("name", ["POLARS_MAX_THREADS", "LOKY_MAX_CPU_COUNT"])
@pytest.mark.parametrize("value", ["0", "abc", "-1", "1000000", "\u00b2"])
def test_a_wrong_number_of_threads_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    done = cli("backbones")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: the variable {name} must be a whole number from 1 to 1024: got {value!r}. Correct it, or remove it "
        f"with: unset {name}\n"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the address space")
@pytest.mark.parametrize("limit", [60_000, 300_000, 900_000])
def test_too_little_address_space_is_one_line(tmp_path: Path, limit: int) -> None:
    prepare(tmp_path)
    done = in_shell(tmp_path, f"ulimit -v {limit}", *RUN, *SIZES)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the shell must allow at least 1.5 GB of address space: got ")
    assert done.stderr.count("\n") == 1


def test_a_module_that_does_not_load_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise RuntimeError('red \\x1b[31m\\nline')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = in_shell(tmp_path, "true", "backbones", PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "error: w2s_probe must be able to load its modules: got RuntimeError: red \\x1b[31m line."
    )
    assert done.stderr.count("\n") == 1
    shown = in_shell(tmp_path, "true", "backbones", PYTHONPATH=path, W2S_PROBE_TRACEBACK="1")
    assert shown.stderr.startswith("Traceback (most recent call last):")
    assert shown.stderr.endswith(done.stderr)


def test_a_working_folder_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "gone").mkdir()
    arguments = [f"features:{tmp_path}/{word[9:]}" if word.startswith("features:") else word for word in RUN[2:]]
    done = in_shell(tmp_path / "gone", "rmdir ../gone", "run", str(tmp_path / "t.csv"), *arguments, *SIZES, "--json")
    assert done.returncode == 0, done.stderr
    (tmp_path / "gone").mkdir()
    lost = in_shell(tmp_path / "gone", "rmdir ../gone", *RUN)
    assert (lost.returncode, lost.stdout) == (1, "")
    assert without_read(lost.stderr).startswith("error: data must be a table file")
    assert lost.stderr.count("\n") == 1


def test_temporary_files_and_home_need_no_folder(tmp_path: Path) -> None:
    prepare(tmp_path)
    done = in_shell(tmp_path, "unset HOME", *RUN, *SIZES, "--json", TMPDIR="/nonexistent", JOBLIB_TEMP_FOLDER="/proc/x")
    assert done.returncode == 0, done.stderr


def test_a_user_without_home_is_told_to_name_a_cache(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        msg = "Could not determine home directory."
        raise RuntimeError(msg)

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.delenv("W2S_PROBE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("w2s_probe.core.location.__file__", "/nonexistent/a/b/c.py")  # no checkout
    done = cli("cache", "ls")
    assert (done.returncode, done.stdout) == (1, "")
    assert "got no home folder. Name one with --cache, or set W2S_PROBE_CACHE." in done.stderr
