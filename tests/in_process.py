"""The command line inside the process of the tests, seen as from outside: starting one costs seconds."""

from __future__ import annotations

import runpy
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

__all__ = ["run_here"]


def run_here(
    arguments: tuple[str, ...], *, folder: Path, captured: pytest.CaptureFixture[str]
) -> subprocess.CompletedProcess[str]:
    """Do what ``python -m w2s_probe`` does in `folder`; an exception that it would print is raised."""
    captured.readouterr()  # what the test has said so far
    with pytest.MonkeyPatch.context() as patch, _stream(1) as out, _stream(2) as err:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["w2s_probe", *arguments])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        patch.setattr(sys, "unraisablehook", sys.unraisablehook)
        with _warnings_of_a_new_process(patch), _signals():
            code = _exit_code()
    said = captured.readouterr()
    return subprocess.CompletedProcess(
        ["w2s_probe", *arguments], code, _universal_newlines(said.out), _universal_newlines(said.err)
    )


def _exit_code() -> int:
    try:
        runpy.run_module("w2s_probe", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        assert end.code is None or isinstance(end.code, int), "a text would be printed"
        return end.code or 0
    return 0


@contextmanager
def _stream(descriptor: int) -> Iterator[TextIO]:
    """Open a descriptor, where libraries write too, as the interpreter has opened it when it started."""
    own = {1: sys.__stdout__, 2: sys.__stderr__}[descriptor]
    assert own is not None
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
