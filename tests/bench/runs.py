"""A whole ``run`` in a process of its own, against the same command in another checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.bench.race import child_cpu_seconds, race

__all__ = ["one_seed_run"]

ROWS = 10_000
LIBRARIES = "import numpy, scipy.linalg; from threadpoolctl import threadpool_info; print(' ', threadpool_info())"


def one_seed_run() -> None:
    """CPU time of a run with one seed, 10,000 rows x 768/384, n = 400, N = 7,600; the variable OTHER names a peer."""
    here, other = Path.cwd(), os.environ.get("OTHER")
    with tempfile.TemporaryDirectory() as folder:
        _write_table(Path(folder))
        features = ("--teacher", "features:weak.npy", "--student", "features:strong.npy")
        sizes = ("-n", "400", "-N", "7600", "--n-test", "2000", "--seeds", "1")
        run = ("-m", "w2s_probe", "run", "table.csv", *features, *sizes, "--json", "--cache", "cache")

        def call(checkout: Path, *arguments: str) -> Callable[[], subprocess.CompletedProcess[str]]:
            kernel = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
            env = {name: value for name, value in os.environ.items() if name not in kernel}
            env["PYTHONPATH"] = str(checkout)
            command = [sys.executable, *arguments]  # our own command
            return lambda: subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True)

        print(call(here, "-c", LIBRARIES)().stdout.rstrip())
        peers: dict[str, Callable[[], object]] = {"python -c pass": call(here, "-c", "pass")}
        if other:
            peers[f"the same command in {Path(other).name}"] = call(Path(other).resolve(), *run)
        else:
            print("  no other checkout: OTHER=FOLDER names it")
        race(call(here, *run), peers, runs=7, clock=child_cpu_seconds)


def _write_table(folder: Path) -> None:
    rng = np.random.default_rng(0)
    core = rng.standard_normal((ROWS, 60))
    weak = core[:, :30] @ rng.standard_normal((30, 768)) + 9 * rng.standard_normal((ROWS, 768))
    strong = core @ rng.standard_normal((60, 384)) + 3 * rng.standard_normal((ROWS, 384))
    np.save(folder / "weak.npy", weak.astype(np.float32))
    np.save(folder / "strong.npy", strong.astype(np.float32))
    lines = [f"row {i},{'yes' if high else 'no'}" for i, high in enumerate(core[:, 0] + core[:, 40] > 0)]
    (folder / "table.csv").write_text("\n".join(["id,label", *lines, ""]))
