"""Memory and CPU time of whole commands in processes of their own, at 10,000 and at 1,000,000 rows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["COMMANDS", "Usage", "memory", "usage_of", "write_rows"]

DIM = 64
BLOCK = 100_000
COLUMNS = ("T.parquet", "--id", "id", "--teacher", "features:t.npy", "--student", "features:s.npy", "-n", "400")
COMMANDS = {"run": ("run", *COLUMNS, "--seeds", "1", "--json"), "forecast": ("forecast", *COLUMNS, "--json")}
SHARDS = ("T.parquet", "--id", "id", "--teacher", "features:t", "--student", "features:lists", "-n", "400")
COMMANDS["run on shards"] = ("run", *SHARDS, "--seeds", "1", "--json")
PAUSE = 0.02  # seconds between two looks at a process
MOST_MB, MOST_RATIO = 300, 4  # bounds: memory above that of 10,000 rows, and CPU time of forecast / run


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process needed: the largest anonymous memory in MB, and CPU seconds on all cores."""

    anonymous: float
    cpu: float


def memory() -> None:
    """Anonymous memory of run, run on shards and forecast at 1,000,000 x 64 above that at 10,000 x 64, and CPU time."""
    for shuffled in (False, True):
        with tempfile.TemporaryDirectory() as name:
            small, large = Path(name, "small"), Path(name, "large")
            write_rows(small, 10_000, shuffled=shuffled)
            write_rows(large, 1_000_000, shuffled=shuffled)
            few = {verb: usage_of(command, small) for verb, command in COMMANDS.items()}
            many = {verb: usage_of(command, large) for verb, command in COMMANDS.items()}
        print(f"  ids {'as texts in random order' if shuffled else 'as ascending numbers'}:")
        for verb, usage in many.items():
            more = usage.anonymous - few[verb].anonymous
            print(f"  {verb}: {usage.cpu:.1f} s CPU, {usage.anonymous:.0f} MB: {more:.0f} more (at most {MOST_MB})")
        print(f"  CPU of forecast: {many['forecast'].cpu / many['run'].cpu:.2f} x run's (at most {MOST_RATIO})")


def write_rows(folder: Path, rows: int, *, shuffled: bool) -> None:
    """Write a table of ids and labels, and float32 features of 64 dimensions for a teacher and a student.

    Ids ascend as numbers; `shuffled` ones are texts in random order. The features are one file, and also shards.
    """
    import polars as pl

    folder.mkdir()
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=rows)
    for name, strength in (("t", 0.25), ("s", 0.5)):
        direction = rng.standard_normal(DIM) / DIM**0.5
        X = np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.float32, shape=(rows, DIM))
        for start in range(0, rows, BLOCK):
            signs = 2.0 * y[start : start + BLOCK] - 1
            noise = rng.standard_normal((len(signs), DIM)) * np.arange(1, DIM + 1) ** -0.5
            X[start : start + BLOCK] = noise + strength * signs[:, None] * direction
        X.flush()
        _write_shards(folder, name, X)
    ids = [f"row-{row:08d}" for row in rng.permutation(rows).tolist()] if shuffled else np.arange(rows)
    pl.DataFrame({"id": ids, "label": np.array(["no", "yes"])[y]}).write_parquet(folder / "T.parquet")


def _write_shards(folder: Path, name: str, X: NDArray[np.float32]) -> None:
    """Write features again: the teacher's as ten .npy files, the student's as ten Parquet files with lists."""
    import polars as pl

    shards = folder / {"t": "t", "s": "lists"}[name]
    shards.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(X)), 10)):
        if name == "t":
            np.save(shards / f"{number}.npy", X[rows[0] : rows[-1] + 1])
        else:
            frame = pl.DataFrame({"emb": np.asarray(X[rows[0] : rows[-1] + 1])})
            frame.write_parquet(shards / f"{number}.parquet", row_group_size=BLOCK // 10)


def usage_of(command: tuple[str, ...], folder: Path) -> Usage:
    """Return what a verb of w2s-probe needs, with one BLAS thread; RssAnon of /proc/PID/status is read again and again.

    The peak that the kernel keeps (VmHWM) would count the pages of mapped files too.
    """
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    started = [sys.executable, "-m", "w2s_probe", *command, "--cache", "cache"]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(started, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=said) as process,
    ):
        status, peak = Path(f"/proc/{process.pid}/status"), 0
        while True:
            pid, code, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(code)
                break
            found = re.search(r"RssAnon:\s+(\d+)", status.read_text())
            peak = max(peak, int(found[1]) if found else 0)
            time.sleep(PAUSE)
        said.seek(0)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, started, stderr=said.read())
    return Usage(anonymous=peak / 1024, cpu=used.ru_utime + used.ru_stime)
