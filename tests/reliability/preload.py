"""A preloaded library that makes system calls fail: built with the system's C compiler."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("calls.c")


@contextmanager
def preloaded() -> Iterator[None]:
    """Replace this process with itself, the library preloaded, unless it is; the block is run with it."""
    library = os.environ.get("LD_PRELOAD", "")
    if not library.endswith("calls.so"):
        library = str(Path(tempfile.mkdtemp(prefix="calls-")) / "calls.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, str(SOURCE), "-ldl"], check=True)
        os.environ["LD_PRELOAD"] = library
        os.execv(sys.executable, [sys.executable, "-m", "tests.reliability", *sys.argv[1:]])  # noqa: S606
    try:
        yield
    finally:
        shutil.rmtree(Path(library).parent)


def arm(call: str, *, k: int, error: int, part: str) -> None:
    """Let the k-th `call` on a path that holds `part` fail; every one if k is 0."""
    ctypes.CDLL(None).arm(call.encode(), k, error, part.encode())


def matching_calls() -> int:
    """Return how many calls of the armed kind there were."""
    return int(ctypes.CDLL(None).matching_calls())


def without_preload() -> dict[str, str]:
    """Return the environment of a process whose calls do not fail."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
