"""A slice of every campaign of `make reliability`: about a quarter of a minute of each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="preloaded libraries, forks and /proc")
def test_no_trial_of_a_slice_of_the_campaigns_fails() -> None:
    command = [sys.executable, "-m", "tests.reliability", "--slice"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
