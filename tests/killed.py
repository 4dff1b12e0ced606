"""Copies of this process that end before a step on a file, at a full disk or at a raised error."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

# the child of a process with threads may not take locks: this one writes files and ends
forks = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def exit_code_of(work: Callable[[], None]) -> int:
    """Run something in a copy of this process; return its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_before(step: int, root: Path) -> None:
    """Let this process be killed at the given one of its steps on files below `root`."""
    steps = itertools.count()

    def hook(event: str, args: tuple[object, ...]) -> None:  # see the table of audit events in the Python library
        on_file = event in ("open", "os.rename", "os.remove", "os.mkdir") and str(args[0]).startswith(str(root))
        if (on_file or event == "fcntl.flock") and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
