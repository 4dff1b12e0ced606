"""Files are written whole or not at all; files of dead writers go, files of living writers stay."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from w2s_probe.cache.temporary import remove_abandoned
from w2s_probe.core.writing import CLOSED, DAY, Content, new_file, remove_leftovers, write_file

WRITER = """
import sys
from pathlib import Path
from w2s_probe.core.writing import new_file

with new_file(Path(sys.argv[1])) as (handle, name):
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
        remove_leftovers(tmp_path)
        assert name.read_bytes() == b"half a sha"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert name.exists()
        remove_leftovers(tmp_path)
        assert not name.exists()


def test_a_writer_of_the_same_process_is_alive_too(tmp_path: Path) -> None:
    with new_file(tmp_path) as (handle, name):
        remove_leftovers(tmp_path)
        assert name.exists()
        handle.write(b"whole")
        handle.close()
        name.replace(tmp_path / "shard")
    assert (tmp_path / "shard").read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [tmp_path / "shard"]


def test_a_temporary_file_is_gone_afterwards_unless_renamed(tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with new_file(tmp_path / "tmp") as (handle, _):
            handle.write(b"half")
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        fail_half_way()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_writers_never_share_a_name(tmp_path: Path) -> None:
    with new_file(tmp_path) as (_, one), new_file(tmp_path) as (_, two):
        assert one != two
        assert {one, two} == set(tmp_path.iterdir())


def test_a_file_taken_for_abandoned_before_it_was_locked_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    flock = fcntl.flock
    removed: list[Path] = []

    def flock_too_late(handle: IO[bytes], operation: int) -> None:
        if not removed:
            removed.extend(tmp_path.iterdir())
            removed[0].unlink()
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", flock_too_late)
    with new_file(tmp_path) as (handle, name):
        assert len(removed) == 1
        assert name not in removed
        handle.write(b"whole")
        handle.close()
        name.replace(tmp_path / "shard")
    assert (tmp_path / "shard").read_bytes() == b"whole"


def test_removing_where_nothing_was_ever_written_does_nothing(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "tmp")
    assert not (tmp_path / "tmp").exists()


def dead_name(folder: Path) -> Path:
    """Return the name that a writer on this host gave, whose process has ended."""
    with new_file(folder) as (_, name), subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return name.with_name(re.sub(r"-\d+-", f"-{process.pid}-", name.name))


@pytest.fixture(params=["has_flock", "lacks_flock"])
def locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    def refuse(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    fcntl = pytest.importorskip("fcntl")
    if request.param == "lacks_flock":
        monkeypatch.setattr(fcntl, "flock", refuse)
    return request.param == "has_flock"


def test_only_what_a_dead_writer_named_is_a_leftover(tmp_path: Path, *, locks: bool) -> None:
    dead = dead_name(tmp_path)
    elsewhere = dead.with_name(re.sub(r"^\.w2s-[0-9a-f]{8}", ".w2s-00000000", dead.name))
    old = elsewhere.with_name(f"{elsewhere.name}.npz")
    other_space = dead.with_name(re.sub(r"^(\.w2s-[0-9a-f]{8})-[0-9a-f]{8}", r"\1-00000000", dead.name))
    names = ["123-0123456789abcdef", ".0123456789abcdef.json", f"{dead.name}~", f"x{dead.name}", ".w2s-notes", "tmp"]
    others = [tmp_path / name for name in names]
    for path in (dead, elsewhere, old, other_space, *others):
        path.write_bytes(b"half")
    os.utime(old, (0, time.time() - 2 * DAY))
    os.utime(other_space, (0, time.time() - 2 * CLOSED))
    link, pipe = (dead.with_name(f"{dead.name}.{end}") for end in ("link", "pipe"))
    link.symlink_to(others[0])
    os.mkfifo(pipe)
    remove_leftovers(tmp_path)
    unknown = set() if locks else {other_space}  # there, the same number is another process
    assert set(tmp_path.iterdir()) == {elsewhere, link, pipe, *others, *unknown}


def test_a_file_that_a_living_process_has_closed_stays_for_a_minute_or_without_locks_a_day(
    tmp_path: Path, *, locks: bool
) -> None:
    with new_file(tmp_path) as (_, name):
        mine = name.with_name(f"{name.name}.npy")  # no lock, but this process is alive
        mine.write_bytes(b"half")
        remove_leftovers(tmp_path)
        assert mine.exists()
        os.utime(mine, (0, time.time() - 2 * CLOSED))
        remove_leftovers(tmp_path)
        assert mine.exists() is not locks
        mine.write_bytes(b"half")
        os.utime(mine, (0, time.time() - 2 * DAY))
        remove_leftovers(tmp_path)
        assert not mine.exists()
        assert name.exists()


def test_a_name_of_an_older_version_is_a_leftover_where_it_is_asked_for(tmp_path: Path, *, locks: bool) -> None:
    path = tmp_path / "1-0123456789abcdef"
    path.write_bytes(b"half")
    remove_abandoned(tmp_path)
    assert path.exists() is not locks  # its name does not tell the host
    remove_leftovers(tmp_path)
    assert path.exists() is not locks


def test_an_error_that_is_not_a_lack_of_locks_is_raised_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(handle: int, operation: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", fail)
    with pytest.raises(OSError, match="Input/output"), new_file(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"new", lambda handle: handle.write(b"new")])
def test_a_file_is_replaced_as_a_whole_and_its_new_folders_are_made(tmp_path: Path, content: Content) -> None:
    path = tmp_path / "a" / "b" / "file.json"
    write_file(path, content)
    write_file(path, content, temporary=tmp_path / "tmp")
    assert path.read_bytes() == b"new"
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_an_error_while_writing_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b"old")

    def fail(handle: IO[bytes]) -> None:
        handle.write(b"half")
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        write_file(path, fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
