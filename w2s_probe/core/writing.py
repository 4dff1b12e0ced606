"""The one way to write a file: under a locked hidden name, fsynced, closed, then renamed.

A writer locks its new file while it writes, and the system drops the lock when the process ends. A process that gets
the lock of such a file therefore knows that its writer is gone, or has closed the file to rename it: Windows neither
renames nor deletes an open file. So it deletes the file only if the process in its name has ended, or a minute later.
Locks are a courtesy: where a file system has none, files are written without, and the name says whose they are (host,
PID namespace and PID).
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import socket
import stat
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Literal

from w2s_probe.core.errors import ConfigError

Content = bytes | Callable[[IO[bytes]], object]  # the bytes of a file, or a function that writes them
Lock = Literal["taken", "busy", "unsupported"]

NAME = re.compile(
    r"\.w2s-(?P<host>[0-9a-f]{8})-(?P<space>[0-9a-f]{8})-(?P<pid>[1-9][0-9]{0,9})-[0-9a-f]{16}(\.[A-Za-z0-9]{1,20})?"
)
DAY = 24 * 60 * 60  # seconds after which a writer of which nothing is known counts as dead
CLOSED = 60  # seconds after which a writer without its lock counts as dead: it renames a file right after closing it
POLL = 0.01  # seconds between two attempts to get a lock
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.EBADF}
NO_SYNC = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.EBADF}  # for folders


@contextmanager
def replacing(path: Path, temporary: Path | None = None) -> Iterator[IO[bytes]]:
    """Yield an open file; if the block succeeds, it takes the place of `path`, else nothing changes.

    After the block, the file survives a loss of power. `temporary` is the folder of the file while it is written, on
    the same disk; the folder of `path` by default.
    """
    make_folder(path.parent)
    with new_file(temporary or path.parent, suffix=path.suffix) as (handle, name):
        yield handle
        _sync(handle)
        _rename(handle, name, path)
    sync_folder(path.parent)


def write_file(path: Path, content: Content, temporary: Path | None = None) -> None:
    """Write a whole file or nothing, see `replacing`; without `temporary`, leftovers beside it are deleted first."""
    if temporary is None:
        remove_leftovers(path.parent)
    with replacing(path, temporary) as handle:
        _fill(handle, content)


def write_together(
    folder: Path,
    files: Mapping[str, Content],
    *,
    last: str | None = None,
    stale: Callable[[], Iterable[Path]] = tuple,
) -> None:
    """Replace several files of a folder by name; if `last` is one of them, a folder without it counts as empty.

    All files are first written under hidden names. Then the old `last` and the `stale` files are deleted, the other
    files are renamed, and `last` is renamed as the last one. Whatever stops this, the folder holds the old files, the
    new files, or no `last`. `stale` is called when nothing but the hidden files has been written.
    """
    make_folder(folder)
    remove_leftovers(folder)
    with sole_writer(folder), ExitStack() as stack:
        hidden = {}
        for name, content in files.items():
            hidden[name] = handle, _ = stack.enter_context(new_file(folder, suffix=Path(name).suffix))
            _fill(handle, content)
            _sync(handle)
        if last is not None:
            for path in [folder / last, *stale()]:
                path.unlink(missing_ok=True)
            sync_folder(folder)
        for name in [name for name in files if name != last]:
            _rename(*hidden[name], folder / name)
        sync_folder(folder)
        if last is not None:
            _rename(*hidden[last], folder / last)
            sync_folder(folder)


def check_folder(folder: Path, names: Iterable[str], *, flag: str) -> None:
    """Raise `ConfigError`, which names the `flag`, if files with these names cannot be written into `folder`.

    The folder need not exist. Leftovers in it are deleted.
    """
    with folder_errors(folder, flag=flag):
        _try(folder, names)


def check_file(path: Path, *, flag: str) -> None:
    """Raise `ConfigError`, which names the `flag`, if `path` cannot be written; its folder need not exist."""
    with file_errors(path, flag=flag):
        _try(path.parent, [path.name])


@contextmanager
def folder_errors(folder: Path, *, flag: str) -> Iterator[None]:
    """Turn an `OSError` of the block into a `ConfigError` that names the flag and its folder."""
    try:
        yield
    except (OSError, _NulError) as error:
        msg = f"{flag} must be a folder to write to: got {folder}, {_reason(error)}. Choose another folder."
        raise ConfigError(msg) from error


@contextmanager
def file_errors(path: Path, *, flag: str) -> Iterator[None]:
    """Turn an `OSError` of the block into a `ConfigError` that names the flag and its file."""
    try:
        yield
    except (OSError, _NulError) as error:
        msg = f"{flag} must be a file to write: got {path}, {_reason(error)}. Choose another file."
        raise ConfigError(msg) from error


@contextmanager
def new_file(folder: Path, *, suffix: str = "") -> Iterator[tuple[IO[bytes], Path]]:
    """Yield an open, locked file with a new hidden name in `folder`; it is deleted afterwards unless it was renamed."""
    make_folder(folder)
    handle, name = _locked(folder, suffix)
    try:
        with handle:
            yield handle, name
    finally:
        _remove(name)


def leftovers(folder: Path, *, older: re.Pattern[str] | None = None) -> Iterator[Path]:
    """Yield the files of `new_file` whose writers are gone; `older` are names that earlier versions gave to them."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        match = NAME.fullmatch(path.name) or (older and older.fullmatch(path.name))
        if match and _is_leftover(path, match.groupdict()):
            yield path


def remove_leftovers(folder: Path, *, older: re.Pattern[str] | None = None) -> None:
    """Delete the files of `new_file` whose writers are gone; files that cannot be deleted stay."""
    gone = False
    with suppress(OSError):
        for path in leftovers(folder, older=older):
            with suppress(OSError):
                path.unlink()
                gone = True
        if gone:
            sync_folder(folder)


@contextmanager
def sole_writer(folder: Path) -> Iterator[bool]:
    """Hold the lock of a folder, so that no two processes change its files at the same time.

    Yields whether there is a lock: not every file system has them.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folder, and other systems no folder that may only be written to
        yield False
        return
    try:
        yield take_lock(descriptor) == "taken"
    finally:
        os.close(descriptor)


def take_lock(descriptor: int, *, wait: bool = True) -> Lock:
    """Lock an open file or folder until it is closed; "unsupported" if the file system or platform has no locks."""
    lock = _lock_descriptor()
    try:
        return "taken" if lock(descriptor, blocking=wait, poll_interval=POLL) else "busy"
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return "unsupported"


@cache
def _lock_descriptor() -> Callable[..., bool]:
    """Return the primitive of FileLock, which opens, truncates and deletes nothing."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="only soft file lock", category=UserWarning)  # we use no soft locks
        from filelock import lock_descriptor
    return lock_descriptor


def make_folder(folder: Path) -> None:
    """Make a folder and the folders above it; new folders survive a loss of power."""
    if folder.is_dir():
        return
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in new:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a loss of power, if the system can do so."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # see `sole_writer`
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def _fill(handle: IO[bytes], content: Content) -> None:
    if isinstance(content, bytes):
        handle.write(content)
    else:
        content(handle)


def _sync(handle: IO[bytes]) -> None:
    handle.flush()
    os.fsync(handle.fileno())


def _rename(handle: IO[bytes], name: Path, path: Path) -> None:
    """Close a new file, which ends its lock, and let it take the place of `path`."""
    handle.close()
    name.replace(path)


def _locked(folder: Path, suffix: str) -> tuple[IO[bytes], Path]:
    while True:
        owner = f"{_token(socket.gethostname())}-{_token(_space())}-{os.getpid()}"
        name = folder / f".w2s-{owner}-{secrets.token_hex(8)}{suffix}"
        with ExitStack() as stack:  # a Ctrl-C may come between any two steps
            stack.callback(_remove, name)
            handle = stack.enter_context(name.open("xb"))
            take_lock(handle.fileno())
            if name.exists():  # else another process deleted it as a leftover before it was locked
                stack.pop_all()
                return handle, name


def _remove(path: Path) -> None:
    """Delete a file if it is there, also if a Ctrl-C comes meanwhile; if that fails, the next call deletes it."""
    with suppress(OSError):
        try:
            path.unlink(missing_ok=True)
        except KeyboardInterrupt:
            path.unlink(missing_ok=True)
            raise


def _is_leftover(path: Path, owner: Mapping[str, str | None]) -> bool:
    """Return whether a file can be opened and its writer is gone; it is closed again, since it may be deleted."""
    try:
        with _opened(path) as descriptor:
            return _is_dead(descriptor, owner)
    except OSError:
        return False


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Yield the descriptor of a file that is a plain file and no link; `OSError` for anything else."""
    if not stat.S_ISREG(os.lstat(path).st_mode):  # Windows has neither of the flags below
        raise OSError(errno.EINVAL, "not a plain file")
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # some file systems lock no reader
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a plain file")
        yield descriptor
    finally:
        os.close(descriptor)


def _is_dead(descriptor: int, owner: Mapping[str, str | None]) -> bool:
    """Return whether the writer of an open file is gone; `owner` are the fields of the file's name."""
    lock = take_lock(descriptor, wait=False)
    if lock == "busy":
        return False
    age = time.time() - os.fstat(descriptor).st_mtime
    here = owner.get("host", _token(socket.gethostname())) == _token(socket.gethostname())
    if age > DAY or not here:  # locks of another host may not reach this one
        return age > DAY
    if lock == "taken" and (age > CLOSED or "pid" not in owner):  # older versions renamed open files
        return True
    return owner.get("space") == _token(_space()) and not _is_alive(int(owner["pid"] or 0))


def _is_alive(pid: int) -> bool:
    if os.name == "nt":  # there the call below would end the process
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is another user's
        return True
    return True


def _space() -> str:
    """Return the name of the PID namespace: in another one the same number is another process."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _token(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


class _NulError(ValueError):
    """A path that holds a NUL."""


def _try(folder: Path, names: Iterable[str]) -> None:
    """Raise an error if a file with one of these names cannot be written into a folder."""
    if "\0" in "".join([str(folder), *names]):
        msg = "a name with a NUL character"
        raise _NulError(msg)
    place = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"where {place.name} is no folder")
    for name in names:
        if (folder / name).is_dir():
            raise IsADirectoryError(errno.EISDIR, f"where {name} is a folder")
    for near in dict.fromkeys((place, folder.absolute().parent)):  # before the folder existed, its parent was tried
        remove_leftovers(near)
    with new_file(place):  # permissions do not tell of a full or read-only disk
        pass


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
