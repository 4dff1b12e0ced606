"""A preloaded library that makes system calls fail: built with the system's C compiler."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("calls.c")


def build(folder: Path) -> Path:
    """Compile the library in `folder` and return its path."""
    library = folder / "calls.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


def restart_preloaded(folder: Path) -> None:
    """Replace this process with itself, the library preloaded; return if it is."""
    if SOURCE.stem not in os.environ.get("LD_PRELOAD", ""):
        os.environ["LD_PRELOAD"] = str(build(folder))
        os.execv(sys.executable, [sys.executable, "-m", "tests.reliability", *sys.argv[1:]])


def arm(call: str, *, k: int, error: int, part: str) -> None:
    """Let the k-th `call` on a path that holds `part` fail; every one if k is 0."""
    ctypes.CDLL(None).arm(call.encode(), k, error, part.encode())


def matching_calls() -> int:
    """Return how many calls of the armed kind there were."""
    return int(ctypes.CDLL(None).matching_calls())


def without_preload() -> dict[str, str]:
    """Return the environment of a process whose calls do not fail."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
