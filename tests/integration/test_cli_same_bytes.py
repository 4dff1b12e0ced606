"""One thread or two, and the rows of a table with ids in any order: the bytes of ``--json`` are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits

from tests.conftest import Cli

ROWS = 2600  # two blocks of rows
FEATURES = ("--teacher", "features:t.npy", "--student", "features:s.npy")
TEXTS = ("--teacher", "classic:hashing-16", "--student", "classic:hashing-96", "--text", "text", "--batch-size", "7")
SIZES = ("-n", "150", "-N", "2100", "--n-test", "300")
SEEDS = ("--seeds", "2")
SOFTMAX = ("--head", "softmax")
VERBS = [
    ("run", *FEATURES, *SIZES, *SEEDS, "--group", "cue", "--curve"),
    ("run", *FEATURES, *SIZES, "--seeds", "1", "--scale", "standard", "--strategy", "vanilla,high_confidence"),
    ("run", *FEATURES, *SIZES, *SEEDS, *SOFTMAX, "--student-alpha", "1", "--suspects"),
    ("run", *TEXTS, *SIZES, *SEEDS),
    ("forecast", *FEATURES, *SIZES, "--suspects"),
    ("forecast", *FEATURES, "-n", "60", "-N", "300", *SOFTMAX, "--teacher-alpha", "1", "--student-alpha", "1"),
    ("sweep", *FEATURES, "-n", "80,150", "-N", "700", "--n-test", "300", *SEEDS, "--head", "ridge,softmax"),
    ("diagnose", *FEATURES),
    ("diagnose", *TEXTS, "--sample", "500"),
]


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Write wide.csv, t.npy and s.npy: so wide that a BLAS with two threads cuts the products."""
    rng = np.random.default_rng(3)
    core = rng.standard_normal((ROWS, 12))
    y = (core @ rng.standard_normal((12, 3)) + rng.standard_normal((ROWS, 3))).argmax(axis=1)
    texts = [" ".join(f"w{word}" for word in 9 * label + rng.integers(0, 40, 12)) for label in y]
    cue = np.where(rng.random(ROWS) < 0.8, y, 2 - y)
    frame = pl.DataFrame({"id": [f"row {i}" for i in range(ROWS)], "label": y, "text": texts, "cue": cue})
    frame.write_csv(tmp_path / "wide.csv")
    for name, seen, d in (("t", 6, 96), ("s", 12, 128)):
        X = core[:, :seen] @ rng.standard_normal((seen, d)) + 3 * rng.standard_normal((ROWS, d))
        np.save(tmp_path / f"{name}.npy", X.astype(np.float32))
    return tmp_path


def mix(folder: Path) -> None:
    """Put table and features into another order."""
    order = np.random.default_rng(11).permutation(ROWS)
    pl.read_csv(folder / "wide.csv")[order].write_csv(folder / "wide.csv")
    for name in ("t.npy", "s.npy"):
        np.save(folder / name, np.load(folder / name)[order])


def printed(cli: Cli, verb: str, *flags: str) -> str:
    done = cli(verb, "wide.csv", "--id", "id", *flags, "--json", "--out", "out")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_json_has_the_same_bytes_for_any_threads_and_order(cli: Cli, wide: Path, verb: tuple[str, ...]) -> None:
    one = printed(cli, *verb, "--threads", "1", "--cache", "cache1")
    pages = {name: (wide / "out" / name).read_bytes() for name in ("result.json", "report.html", "report.md")}
    mix(wide)
    (wide / "out").rename(wide / "earlier")
    assert printed(cli, *verb, "--threads", "2", "--cache", "cache2") == one
    assert {name: (wide / "out" / name).read_bytes() for name in pages} == pages


def test_a_simulation_prints_the_same_bytes_with_two_threads_of_blas(cli: Cli) -> None:
    sizes = ("--d-student", "100", "--d-teacher", "150", "--correlation-dimension", "40", "-n", "400", "-N", "900")
    printed = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            done = cli("theory", "variance", *sizes, "--noise-variance", ".25", "--simulate", "3", "--json")
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    assert printed[0] == printed[1]


def test_another_process_with_two_threads_of_blas_prints_the_same_bytes(process: Cli, cli: Cli, wide: Path) -> None:
    flags = ("wide.csv", "--id", "id", *FEATURES, *SIZES, *SEEDS, "--json")
    threads = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    assert process("run", *flags, env=threads).stdout == cli("run", *flags, "--threads", "1").stdout


def test_printed_numbers_have_twelve_digits_and_the_table_has_all(cli: Cli, wide: Path) -> None:
    content = json.loads(printed(cli, "run", *FEATURES, *SIZES, *SEEDS))
    numbers = list(floats({key: value for key, value in content.items() if key != "config"}))
    assert len(numbers) > 100
    assert all(number == float(f"{number:.12g}") for number in numbers)
    table = pl.read_parquet(wide / "out" / "results.parquet")["value"].to_list()
    assert any(number != float(f"{number:.12g}") for number in table)


def floats(value: Any) -> Iterator[float]:
    """Yield all numbers with a fraction in parsed JSON."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from floats(item)
