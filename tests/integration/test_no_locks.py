"""Without locks, as on Lustre without ``-o flock``, files are written and removed as with locks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.locks import needs_folder_locks

TESTS = Path(__file__).parents[1]
LACKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a library that refuses every flock; CI has a C compiler, so that its absence is a failure."""
    path = tmp_path_factory.mktemp("library") / "no_locks.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(path), str(TESTS / "no_locks.c")], check=True)
    return path


def without_locks(library: Path, error: int, *command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "LD_PRELOAD": str(library), "NO_LOCKS": str(error)}
    return subprocess.run(
        [sys.executable, *command], env=env, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


@needs_folder_locks
@pytest.mark.parametrize("error", LACKS)
def test_a_cache_without_locks_is_written_and_left_clean(tmp_path: Path, library: Path, error: int) -> None:
    code = f"import fcntl, os; fcntl.flock(os.open({str(tmp_path)!r}, os.O_RDONLY), fcntl.LOCK_EX)"
    assert os.strerror(error) in without_locks(library, error, "-c", code, folder=tmp_path).stderr
    (tmp_path / "table.csv").write_text("text\none\ntwo\n")
    embed = ["-m", "w2s_probe", "embed", "table.csv", "--text", "text", "--backbone", "classic:hashing-8"]
    done = without_locks(library, error, *embed, "--cache", "cache", folder=tmp_path)
    assert (done.returncode, "encoded 2 rows" in done.stdout) == (0, True), done.stderr
    assert list((tmp_path / "cache" / "tmp").iterdir()) == []


def test_results_without_locks_are_written_and_leave_no_hidden_file(tmp_path: Path, library: Path) -> None:
    sizes = ["--d-student", "8", "--d-teacher", "20", "--correlation-dimension", "3", "-n", "110", "-N", "1000"]
    theory = ["-m", "w2s_probe", "theory", "variance", *sizes, "--noise-variance", "0.25", "--out", "out"]
    done = without_locks(library, errno.ENOSYS, *theory, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"result.json", "results.parquet", "report.html", "report.md"}


def test_the_tests_of_killed_writers_pass_without_locks(tmp_path: Path, library: Path) -> None:
    files = [str(TESTS / "unit" / "core" / "test_writing.py"), str(TESTS / "integration" / "test_cache_killed.py")]
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow",
        "-k",
        "not has_flock",
        f"--basetemp={tmp_path / 'inner'}",
    ]
    done = without_locks(library, errno.ENOSYS, "-m", "pytest", *options, *files, folder=TESTS.parent)
    assert done.returncode == 0, done.stdout[-3000:]
