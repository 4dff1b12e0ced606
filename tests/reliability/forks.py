"""The command line in forks of a process that has loaded all libraries: a start costs milliseconds."""

from __future__ import annotations

import importlib
import os
import runpy
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LIMIT = 60  # seconds after which a verb is ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a verb ended.

    Parameters
    ----------
    code : int
        Exit code; minus the number of the signal that ended it.
    out, err : str
        What it printed.
    seconds : float
        Wall-clock time.
    megabytes : float
        Peak memory, with that of the warmed process.
    """

    code: int
    out: str
    err: str
    seconds: float
    megabytes: float

    def fault(self) -> str:
        """Return what is wrong with the way it ended: no success and no mistake in one line; else an empty text."""
        if "Traceback" in self.err + self.out:
            return f"a traceback: {self.err[-300:]!r}"
        errors = [line for line in self.err.splitlines() if line.startswith("error: ")]
        if self.code == 0:
            return f"exit 0 with {errors[0]!r}" if errors else ""
        if self.code == 1 and len(errors) == 1 and self.err.splitlines()[-1] == errors[0]:
            return ""
        if self.code == 2 and "Usage: " in self.err:
            return ""
        return f"exit {self.code} and {self.err[-300:]!r}"


def load_modules_of(arguments: Sequence[str], folder: Path) -> None:
    """Import here what a verb imports, so that forks need not; the verb runs in a fork, since threads do not fork."""
    names = folder.with_name("modules")
    run_forked(arguments, folder, finish=lambda: names.write_text("\n".join(sys.modules), encoding="utf-8"))
    for name in names.read_text(encoding="utf-8").split():
        if name not in sys.modules and not name.startswith(("__", "tests.")):
            with suppress(ImportError):
                importlib.import_module(name)


Step = Callable[[], object]


def run_forked(
    arguments: Sequence[str], folder: Path, *, prepare: Step = lambda: None, finish: Step = lambda: None
) -> Ended:
    """Run a verb in `folder` and in a fork, between `prepare` and `finish`."""
    names = [folder.with_name(f"printed.{stream}") for stream in ("out", "err")]
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        _verb(arguments, folder, names, prepare, finish)
    _, status, usage = os.wait4(child, 0)
    out, err = (name.read_text(encoding="utf-8", errors="replace") for name in names)
    code = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    return Ended(code=code, out=out, err=err, seconds=seconds, megabytes=usage.ru_maxrss / 1024)


def _verb(arguments: Sequence[str], folder: Path, names: Sequence[Path], prepare: Step, finish: Step) -> None:
    code = 99
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, LIMIT)
        for descriptor, name in zip((1, 2), names, strict=True):
            os.dup2(os.open(name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY), descriptor)
        os.chdir(folder)
        sys.argv = ["w2s_probe", *arguments]
        prepare()
        code = _exit_code()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        finish()
        os._exit(code)


def _exit_code() -> int:
    try:
        runpy.run_module("w2s_probe", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    return 0
