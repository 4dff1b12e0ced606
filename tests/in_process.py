"""The command line inside the process of the tests, seen as from outside: starting one costs seconds."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TextIO

import pytest

__all__ = ["run_here"]


def run_here(
    arguments: tuple[str, ...], *, folder: Path, captured: pytest.CaptureFixture[str]
) -> subprocess.CompletedProcess[str]:
    """Do what ``python -m w2s_probe`` does in `folder`; an exception that it would print is raised."""
    captured.readouterr()  # what the test has said so far
    with pytest.MonkeyPatch.context() as patch, TemporaryFile() as said, TemporaryFile() as told:
        code = _code_of(arguments, folder, patch, said, told)
        output, messages = _text_of(said, 1), _text_of(told, 2)
    return subprocess.CompletedProcess(["w2s_probe", *arguments], code, output, messages)


def _code_of(
    arguments: tuple[str, ...], folder: Path, patch: pytest.MonkeyPatch, said: IO[bytes], told: IO[bytes]
) -> int:
    """Run the command line with stdout and stderr in files, and return its exit code."""
    with _descriptor_to(1, said), _descriptor_to(2, told), _stream(1) as out, _stream(2) as err:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["w2s_probe", *arguments])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        patch.setattr(sys, "unraisablehook", sys.unraisablehook)
        with _warnings_of_a_new_process(patch), _signals():
            return _exit_code()


def _exit_code() -> int:
    try:
        runpy.run_module("w2s_probe", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        assert end.code is None or isinstance(end.code, int), "a text would be printed"
        return end.code or 0
    return 0


@contextmanager
def _descriptor_to(descriptor: int, file: IO[bytes]) -> Iterator[None]:
    before = os.dup(descriptor)
    os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        os.dup2(before, descriptor)
        os.close(before)


def _text_of(file: IO[bytes], descriptor: int) -> str:
    """Return what was written to a descriptor, in the encoding of its stream."""
    file.seek(0)
    return _universal_newlines(file.read().decode(_own(descriptor).encoding, "replace"))


def _own(descriptor: int) -> TextIO:
    own = {1: sys.__stdout__, 2: sys.__stderr__}[descriptor]
    assert own is not None
    return own


@contextmanager
def _stream(descriptor: int) -> Iterator[TextIO]:
    """Open a descriptor, where libraries write too, as the interpreter has opened it when it started."""
    own = _own(descriptor)
    with open(descriptor, "w", encoding=own.encoding, errors=own.errors, closefd=False) as stream:
        yield stream


@contextmanager
def _signals() -> Iterator[None]:
    """Give the handlers of signals back, which processes that the test starts would inherit."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def _warnings_of_a_new_process(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Print warnings, which pytest would raise, and ignore those that Python does unless it is told otherwise."""
    with warnings.catch_warnings():
        warnings.resetwarnings()
        for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", category=kind)
        patch.setattr(warnings, "showwarning", _print_warning)  # pytest keeps them
        yield


def _print_warning(message: Warning | str, category: type[Warning], file_name: str, line: int, *_: object) -> None:
    sys.stderr.write(warnings.formatwarning(message, category, file_name, line))


def _universal_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
