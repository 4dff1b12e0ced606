"""Several files are replaced together: whatever stops it, old files, new files, or none that count."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.killed import die_before, exit_code_of, forks
from tests.locks import FOLDER_LOCKS, needs_locks
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.writing import CLOSED, check_file, check_folder, new_file, write_together

NAMES = ("last", "one", "two")
OLD = {name: b"old " + name.encode() for name in NAMES}
NEW = {name: b"new " + name.encode() for name in NAMES}


def write(folder: Path, files: dict[str, bytes] = NEW) -> None:
    write_together(folder, files, last="last", stale=lambda: [folder / "stale"])


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check(folder: Path) -> str:
    """Return which set a folder holds, without hidden files; fail if sets are mixed."""
    files = {name: text for name, text in content(folder).items() if not name.startswith(".w2s-")}
    stale = files.pop("stale", None)
    if "last" not in files:
        return "none"
    assert files in (OLD, NEW)
    assert (stale is None) == (files == NEW)
    return "old" if files == OLD else "new"


def prepared(folder: Path) -> Path:
    write(folder, OLD)
    (folder / "stale").write_bytes(b"old stale")
    return folder


@forks
def test_a_writer_killed_before_any_step_leaves_one_set_and_its_leftovers_go_at_the_next_call(tmp_path: Path) -> None:
    states = []
    for step in itertools.count():
        folder = prepared(tmp_path / str(step))

        def work(folder: Path = folder, step: int = step) -> None:
            die_before(step, folder)
            write(folder)

        if exit_code_of(work) == 0:
            break
        states.append(check(folder))
        write(folder)
        assert content(folder) == NEW
    assert list(dict.fromkeys(states)) == ["old", "none", "new"]
    assert len(states) > (15 if FOLDER_LOCKS else 11)  # opening, locking, renaming of three files, deletions, folders


@pytest.mark.parametrize("call", ["open", "fsync", "replace", "unlink"])
def test_an_error_at_any_call_leaves_one_set_and_no_hidden_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    owner: Any = os if call == "fsync" else Path
    real = getattr(owner, call)
    for failing in itertools.count(1):
        folder, calls = prepared(tmp_path / f"{call}{failing}"), itertools.count(1)

        def fail(*args: Any, calls: Any = calls, failing: int = failing, **options: Any) -> Any:
            if next(calls) == failing:
                raise OSError(5, "Input/output error")
            return real(*args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(owner, call, fail)
            try:
                write(folder)
            except OSError:
                stopped = True
            else:
                stopped = False
        check(folder)
        if not stopped and next(calls) <= failing:
            break
        write(folder)
        assert content(folder) == NEW
    assert failing > (3 if call in ("open", "replace") else 2)


def test_a_set_is_on_the_disk_before_the_last_file_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss of power may drop or reorder whatever is not synced."""
    folder, steps = prepared(tmp_path / "out"), list[str]()
    fsync, replace, unlink = os.fsync, Path.replace, Path.unlink

    def logged_fsync(file: int) -> None:
        steps.append("folder" if os.path.samestat(os.fstat(file), folder.stat()) else "content")
        fsync(file)

    def logged_replace(path: Path, target: Path) -> Path:
        steps.append(f"rename {target.name}")
        return replace(path, target)

    def logged_unlink(path: Path, *, missing_ok: bool = False) -> None:
        steps.extend([f"delete {path.name}"] if not path.name.startswith(".") else [])
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(Path, "replace", logged_replace)
    monkeypatch.setattr(Path, "unlink", logged_unlink)
    write(folder)
    assert steps == [
        *["content"] * 3, "delete last", "delete stale", "folder", "rename one", "rename two", "folder", "rename last",
        "folder",
    ]  # fmt: skip


def test_without_a_last_file_nothing_is_deleted(tmp_path: Path) -> None:
    folder = prepared(tmp_path)
    write_together(folder, {"one": b"new one"})
    assert content(folder) == {**OLD, "one": b"new one", "stale": b"old stale"}


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("file", "where file is no folder"),
        ("file/below", "where file is no folder"),
        ("folder", "where report.html is a folder"),
        ("/proc/none/here", "No such file or directory"),
        ("x" * 300, "File name too long"),
        ("nul\0here", "a name with a NUL character"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, place: str, reason: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "report.html").mkdir(parents=True)
    with pytest.raises(ConfigError, match=rf"^--out must be a folder to write to: got .*, {reason}\. Choose another"):
        check_folder(tmp_path / place, ["report.html"], flag="--out")
    with pytest.raises(ConfigError, match=rf"^--save-split must be a file to write: got .*, {reason}\. Choose another"):
        check_file(tmp_path / place / "report.html", flag="--save-split")
    assert {path.name for path in tmp_path.rglob("*")} == {"file", "folder", "report.html"}


@needs_locks
def test_a_place_that_can_be_written_is_left_as_it_is_but_for_leftovers(tmp_path: Path) -> None:
    with new_file(tmp_path) as (_, name):
        dead = name.with_name(f"{name.name}.md")  # nobody holds its lock
        dead.touch()
        os.utime(dead, (0, time.time() - 2 * CLOSED))
        check_folder(tmp_path, NAMES, flag="--out")
        check_folder(tmp_path / "a" / "b", NAMES, flag="--out")
        assert set(tmp_path.iterdir()) == {name}


@needs_locks
def test_a_file_that_could_not_be_deleted_where_a_folder_was_to_be_goes_once_the_folder_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        check_folder(tmp_path / "out", NAMES, flag="--out")
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".w2s-")
    os.utime(left, (0, time.time() - 2 * CLOSED))  # this process lives, and could be about to rename it
    write(tmp_path / "out")
    check_folder(tmp_path / "out", NAMES, flag="--out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
