"""The demo, run twice, and a cache: to embed thousands of real texts takes minutes, so tests share them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stderr import without_read

__all__ = ["REAL_TEXTS", "demo", "w2s_probe"]

REAL_TEXTS = pytest.mark.xdist_group("real texts")  # on one worker: on two, each would embed them


def w2s_probe(folder: Path, *arguments: str) -> str:
    """Run the command line in a process of its own, with the cache in `folder`; return what it prints."""
    env = {**os.environ, "W2S_PROBE_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "w2s_probe", *arguments]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, without_read(done.stderr)) == (0, "")
    return done.stdout


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Run `demo` on an empty cache and again; return the folder with cache and results, and both outputs."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, w2s_probe(folder, "demo"), w2s_probe(folder, "demo")
