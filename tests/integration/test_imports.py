"""Libraries that cost more than the computation are not imported by a verb that does not need them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PAIR = ("table.csv", "--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y")
ONE_SEED = ("-n", "200", "-N", "500", "--seeds", "1")
SLOW = {"scipy.stats", "scipy.interpolate", "sklearn", "joblib", "asyncio", "torch", "pyarrow"}
MAIN = (
    "import atexit, sys; from w2s_probe.cli.main import main;"
    "atexit.register(lambda: print('imported:', *sys.modules, file=sys.stderr)); main()"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (("run", *PAIR, *ONE_SEED), {"scipy.optimize", "scipy.sparse"}),
        (("run", *PAIR, *ONE_SEED, "--head", "softmax", "--json"), {"scipy.optimize", "scipy.sparse"}),
        (("run", *PAIR, *ONE_SEED, "--out", "out"), {"scipy.optimize", "scipy.sparse"}),
        (("forecast", *PAIR, "-n", "200", "-N", "500"), set()),
        (("sweep", *PAIR, *ONE_SEED), {"scipy.optimize", "scipy.sparse"}),
        (("diagnose", *PAIR), {"scipy.optimize"}),
    ],
    ids=["run", "run-softmax", "run-out", "forecast", "sweep", "diagnose"],
)
def test_no_verb_imports_what_it_does_not_need(table: Path, arguments: tuple[str, ...], more: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments], cwd=table.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    imported = done.stderr.rsplit("imported:", 1)[1].split()
    assert "numpy" in imported
    assert not (SLOW | more) & set(imported)
