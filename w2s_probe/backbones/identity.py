"""Hashes of weights: a model is identified by the content of its files, not by their path."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from w2s_probe.core.errors import BackboneError
from w2s_probe.core.files import reason
from w2s_probe.core.text import visible

SETTLED_SECONDS = 2  # the coarsest time stamps of file systems: a file this old gets another time when it changes
State = tuple[int, int, int, int, int]  # device, inode, size, times of the last changes of content and of state
_settled: dict[tuple[Path, State], str] = {}  # hashes of this process, which early exits of a model share


@dataclass(frozen=True, slots=True)
class FileHash:
    """The SHA-256 of a file in hexadecimal, and its state before it was read.

    `settled` means that any later change gives the file another state.
    """

    sha256: str
    state: State
    settled: bool


class HashedFiles:
    """The files of a model, hashed once; `check` raises if the bytes of one are others by then.

    Parameters
    ----------
    files : mapping from str to Path
        Names inside the model, and the files behind them, without links.
    name : str
        Name of the backbone in messages.

    Raises
    ------
    BackboneError
        If a file cannot be read.
    """

    def __init__(self, files: Mapping[str, Path], *, name: str) -> None:
        self.files, self.name = dict(files), name
        self.copies: set[Path] = set()  # made where the system allows no links
        self.hashes = {inner: self._read(inner) for inner in self.files}

    @property
    def revision(self) -> str:
        """SHA-256 of the names and contents of all files."""
        digest = hashlib.sha256()
        for inner, file in self.hashes.items():
            digest.update(os.fsencode(f"{inner}\0") + file.sha256.encode())
        return f"sha256:{digest.hexdigest()}"

    def sha256(self, inner: str) -> str:
        """Return the SHA-256 of one file, in hexadecimal."""
        return self.hashes[inner].sha256

    def check(self, doing: str) -> None:
        """Raise `BackboneError` if a file was changed since it was hashed; `doing` says what went on meanwhile.

        Only files whose state is another one, or that were not settled, are read again.
        """
        for inner, before in self.hashes.items():
            if before.settled and before.state == self._state(inner):
                continue
            now = self._read(inner)
            if now.sha256 != before.sha256:
                msg = (
                    f"{self.name} must keep its bytes: {short(inner)} was changed while it was being {doing}; "
                    "run again when nothing writes to it."
                )
                raise BackboneError(msg)
            self.hashes[inner] = now

    def _read(self, inner: str) -> FileHash:
        try:
            return read_hash(self.files[inner])
        except OSError as error:
            raise unreadable(self.name, inner, error) from error

    def _state(self, inner: str) -> State:
        try:
            with self.files[inner].open("rb") as handle:  # opening makes network file systems ask their server
                return _state(os.fstat(handle.fileno()))
        except OSError as error:
            raise unreadable(self.name, inner, error) from error


def hash_files(paths: Iterable[Path], *, name: str) -> HashedFiles:
    """Return the hashes of files with different names, for the backbone called `name`."""
    return HashedFiles({path.name: path.resolve() for path in paths}, name=name)


def read_hash(path: Path) -> FileHash:
    """Return the hash of a file; one that this process hashed before in the same settled state is not read again."""
    with path.open("rb") as handle:
        state = _state(os.fstat(handle.fileno()))
        settled = state[-1] / 1e9 + SETTLED_SECONDS < time.time()
        digest = _settled.get((path, state)) or hashlib.file_digest(handle, "sha256").hexdigest()
    if settled:
        _settled[path, state] = digest
    return FileHash(digest, state, settled)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def checked_hash(weights: Path, expected: str, name: str, *, install: str) -> str:
    """Return the SHA-256 of a backbone's weights, or raise `BackboneError` unless it is the `expected` one.

    `name` is the name of the backbone, `install` the command that installs the weights.
    """
    try:
        digest = read_hash(weights).sha256 if weights.is_file() else "no file"
    except OSError as error:
        raise unreadable(name, weights.name, error) from error
    if digest != expected:
        msg = f"{name} must have weights with SHA-256 {expected[:8]}…: got {digest[:8]}…. Run: {install}"
        raise BackboneError(msg)
    return digest


def unreadable(name: str, inner: str, error: OSError) -> BackboneError:
    """Return the error for the file or folder `inner` of the backbone called `name`."""
    return BackboneError(
        f"{name} must have files that can be read: {short(inner)} is not ({error.strerror or reason(error)}). "
        "Allow reading it, repair or remove it."
    )


def short(inner: str) -> str:
    """Return a name inside a model as visible text of at most 120 characters."""
    return f"{visible(inner):.120}"


def _state(status: os.stat_result) -> State:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
