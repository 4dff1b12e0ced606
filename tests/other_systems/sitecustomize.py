"""Lets Python on Linux behave like Python on other systems, in a process and in all that it starts.

Python imports this module when it starts with this folder in PYTHONPATH. ``W2S_PROBE_TEST_WITHOUT`` names what there is
not, separated by commas: modules, such as ``fcntl``, and

- ``open-renames``: a file that is open or mapped is neither renamed, replaced nor deleted, as on Windows;
- ``open-folders``: `os.open` opens no folder, as on Windows;
- ``links``: nobody may make links, as most users on Windows;
- ``calls``: functions of `os` and `signal` that Windows lacks.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

GUARDED = (("rename", 2), ("replace", 2), ("remove", 1), ("unlink", 1))  # calls, and how many paths each takes
CALLS = {os: ("set_blocking", "geteuid", "fchmod", "sysconf"), signal: ("pthread_sigmask",)}


class _Absent:
    """A finder of modules that finds none of some names, so that their import fails."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in self.names:
            msg = f"No module named {name!r}"
            raise ModuleNotFoundError(msg, name=name)


def files_in_use() -> Iterator[tuple[int, int]]:
    """Yield device and inode of all files that this process has open or mapped."""
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208  # the numbers, not paths
        try:
            state = os.fstat(int(number))
        except OSError:
            continue
        if stat.S_ISREG(state.st_mode):
            yield state.st_dev, state.st_ino
    with Path("/proc/self/maps").open(encoding="utf-8", errors="surrogateescape") as maps:
        mapped = {line.rstrip("\n").split(maxsplit=5)[5] for line in maps if "/" in line}
    for path in mapped:
        try:
            state = Path(path).stat()
        except OSError:
            continue
        yield state.st_dev, state.st_ino


def refuse_open(path: Any) -> None:
    try:
        state = os.lstat(path)
    except (OSError, ValueError):
        return
    if stat.S_ISREG(state.st_mode) and (state.st_dev, state.st_ino) in set(files_in_use()):
        raise PermissionError(13, "The process cannot access the file because it is being used", os.fspath(path))


def guarded_call(call: Callable[..., Any], paths: int) -> Callable[..., Any]:
    def guarded(*arguments: Any, **options: Any) -> Any:
        inside = options.get("dir_fd", options.get("src_dir_fd")) is not None
        ours = sys._getframe(1).f_globals.get("__name__") != "tempfile"  # it deletes its open files on Linux only
        if not inside and ours:
            for path in arguments[:paths]:
                refuse_open(path)
        return call(*arguments, **options)

    return guarded


def _refuse_links(*arguments: Any, **options: Any) -> None:
    raise PermissionError(1314, "A required privilege is not held by the client")


def _refuse_folders() -> None:
    real = os.open

    def open_file(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if dir_fd is None and os.path.isdir(path):  # noqa: PTH112  # takes what os.open takes
            raise PermissionError(13, "Permission denied", path)
        return real(path, flags, mode, dir_fd=dir_fd)

    os.open = open_file
    shutil._use_fd_functions = False  # type: ignore[attr-defined]  # it opens folders, on Linux only


def _imitate(without: set[str]) -> None:
    sys.meta_path.insert(0, _Absent(without))
    for name in without & sys.modules.keys():
        del sys.modules[name]
    if "open-renames" in without:
        for name, paths in GUARDED:
            setattr(os, name, guarded_call(getattr(os, name), paths))
    if "open-folders" in without:
        _refuse_folders()
    if "links" in without:
        os.symlink = os.link = _refuse_links
    for module, names in CALLS.items() if "calls" in without else ():
        for name in names:
            delattr(module, name)


if __name__ == "sitecustomize":  # pytest imports it under another name
    _imitate({name for name in os.environ.get("W2S_PROBE_TEST_WITHOUT", "").split(",") if name})
