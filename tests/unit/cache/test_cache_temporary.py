"""Temporary files: those of dead writers go, those of living writers stay."""

from __future__ import annotations

import errno
import fcntl
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from w2s_probe.cache.temporary import new_temporary, remove_abandoned

WRITER = """
import sys
from pathlib import Path
from w2s_probe.cache.temporary import new_temporary

with new_temporary(Path(sys.argv[1])) as (handle, name):
    handle.write(b"half a sha")
    handle.flush()
    print(name, flush=True)
    sys.stdin.read()
"""


@contextmanager
def writer(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Yield another process in the middle of writing, and the file it writes."""
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())


def test_the_file_of_a_living_writer_stays_and_that_of_a_killed_one_goes(tmp_path: Path) -> None:
    with writer(tmp_path) as (process, name):
        remove_abandoned(tmp_path)
        assert name.read_bytes() == b"half a sha"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert name.exists()
        remove_abandoned(tmp_path)
        assert not name.exists()


def test_a_writer_of_the_same_process_is_alive_too(tmp_path: Path) -> None:
    with new_temporary(tmp_path) as (handle, name):
        remove_abandoned(tmp_path)
        assert name.exists()
        handle.write(b"whole")
        name.replace(tmp_path / "shard")
    assert (tmp_path / "shard").read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [tmp_path / "shard"]


def test_a_temporary_file_is_gone_afterwards_unless_renamed(tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with new_temporary(tmp_path / "tmp") as (handle, _):
            handle.write(b"half")
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        fail_half_way()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_writers_never_share_a_name(tmp_path: Path) -> None:
    with new_temporary(tmp_path) as (_, one), new_temporary(tmp_path) as (_, two):
        assert one != two
        assert {one, two} == set(tmp_path.iterdir())


def test_a_file_taken_for_abandoned_before_it_was_locked_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    removed: list[Path] = []

    def flock_too_late(handle: IO[bytes], operation: int) -> None:
        if not removed:
            removed.extend(tmp_path.iterdir())
            removed[0].unlink()
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", flock_too_late)
    with new_temporary(tmp_path) as (handle, name):
        assert len(removed) == 1
        assert name not in removed
        handle.write(b"whole")
        name.replace(tmp_path / "shard")
    assert (tmp_path / "shard").read_bytes() == b"whole"


def test_removing_where_nothing_was_ever_written_does_nothing(tmp_path: Path) -> None:
    remove_abandoned(tmp_path / "tmp")
    assert not (tmp_path / "tmp").exists()
