"""The number of threads changes no byte of a result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli

DIGITS = ("builtin:digits", "--teacher", "classic:pixels-3x3", "--student", "classic:pixels-8x8", "-n", "200")
# wide enough that two threads split the sums of a product differently than one does
WIDE = ("wide.csv", "--teacher", "features:wide-t.npy", "--student", "features:wide-s.npy", "--label", "y", "-n", "300")


def wide_features(folder: Path) -> None:
    rng = np.random.default_rng(7)
    core = rng.standard_normal((1500, 12))
    y = (core @ rng.standard_normal((12, 3)) + rng.standard_normal((1500, 3))).argmax(axis=1)
    pl.DataFrame({"y": y}).write_csv(folder / "wide.csv")
    for name, seen, d in (("t", 6, 300), ("s", 12, 384)):
        noise = rng.standard_normal((1500, d)) * np.arange(1, d + 1) ** -0.5
        X = 0.3 * core[:, :seen] @ rng.standard_normal((seen, d)) + noise
        np.save(folder / f"wide-{name}.npy", X.astype(np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("head", ["ridge", "softmax"])
@pytest.mark.parametrize("data", [DIGITS, WIDE], ids=["digits", "wide"])
def test_results_are_the_same_on_one_thread_and_on_two(
    process: Cli, tmp_path: Path, data: tuple[str, ...], head: str
) -> None:
    wide_features(tmp_path)
    files = []
    for threads in ("1", "2"):
        env = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        flags = ("-N", "700", "--seeds", "2", "--head", head, "--threads", threads, "--cache", f"cache{threads}")
        done = process("run", *data, *flags, "--json", "--out", f"out{threads}", "--save-predictions", env=env)
        assert done.returncode == 0, done.stderr
        files.append(
            {path.name: path.read_bytes() for path in (tmp_path / f"out{threads}").iterdir()} | {"": done.stdout}
        )
    one, two = files
    assert len(one) == 6
    assert one == two
