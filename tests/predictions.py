"""A table with predictions of several kinds and their files, and calls on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tests.conftest import Cli
from tests.schemas import check_schema

N = 600
SIZES = ("-n", "80", "-N", "200", "--n-test", "150")
NAMES = np.array(["neg", "pos"])


def write_predictions(folder: Path) -> None:
    """Write d.csv with predictions of several kinds and their files, and the features t.npy and s.npy."""
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((N, 6))
    y = (Z.sum(axis=1) + rng.standard_normal(N) > 0).astype(int)
    wrong = [np.where(rng.random(N) < 0.75, y, 1 - y) for _ in range(4)]
    p = 1 / (1 + np.exp(-(Z[:, 0] + Z[:, 1] + 0.5 * rng.standard_normal(N))))
    P = np.column_stack([1 - p, p])
    ids = [f"r{row}" for row in range(N)]
    columns: dict[str, Any] = {
        "id": ids,
        "label": NAMES[y],
        "old": NAMES[wrong[0]],
        "prob": p,
        "p_neg": P[:, 0],
        "p_pos": P[:, 1],
        "half": [None if row % 4 == 0 else NAMES[wrong[0][row]] for row in range(N)],
        "never": [None] * N,
        "saw": [row % 3 == 0 for row in range(N)],
        **{name: NAMES[votes] for name, votes in zip(("ann", "bob", "cid"), wrong[1:], strict=True)},
    }
    pl.DataFrame(columns).write_csv(folder / "d.csv")
    order = rng.permutation(N)
    named = {"id": np.array(ids)[order], "p_neg": P[order, 0], "p_pos": P[order, 1]}
    pl.DataFrame(named).write_csv(folder / "p.csv")
    pl.DataFrame(named).write_parquet(folder / "p.parquet")
    pl.DataFrame(named).head(N - 1).write_csv(folder / "few.csv")
    np.save(folder / "p.npy", P)
    np.save(folder / "short.npy", P[:-1])
    np.savez(folder / "p.npz", X=P[order], ids=np.array(ids)[order])
    np.save(folder / "t.npy", (Z[:, :3] + rng.standard_normal((N, 3))).astype(np.float32))
    np.save(folder / "s.npy", np.hstack([Z + 0.3 * rng.standard_normal((N, 6)), rng.standard_normal((N, 3))]))


def arguments(verb: str, teacher: str, *more: str) -> tuple[str, ...]:
    start = (verb, "d.csv", "--id", "id", "--teacher", teacher, "--student", "features:s.npy", "--json")
    return (*start, *(() if "-n" in more or "--split-file" in more else SIZES), *more)


def result(cli: Cli, verb: str, teacher: str, *more: str) -> dict[str, Any]:
    done = cli(*arguments(verb, teacher, *more))
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    check_schema(verb, printed)
    return printed


def labels_file(table: Path, name: str, **columns: Any) -> str:
    """Write a file of predictions with the values of columns of d.csv, and return its name."""
    data = pl.read_csv(table / "d.csv")
    values = {new: data[old] for new, old in columns.items()}
    if name.endswith(".npz"):
        np.savez(table / name, **{new: column.to_numpy().astype(str) for new, column in values.items()})
    elif name.endswith(".parquet"):
        pl.DataFrame(values).write_parquet(table / name)
    else:
        pl.DataFrame(values).write_csv(table / name)
    return f"labels:{name}"
