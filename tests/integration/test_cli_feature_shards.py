"""Shards on the command line: the numbers of the single file, and what was read in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.schemas import check_schema
from tests.stderr import read_line

SIZES = ("-n", "60", "-N", "120", "--n-test", "60", "--seeds", "2")
ROWS = 300


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    """Write d.csv, single files, and the same features as shards of unequal sizes in several formats."""
    rng = np.random.default_rng(3)
    core = rng.standard_normal((ROWS, 6))
    y = (core[:, 0] + 0.5 * rng.standard_normal(ROWS) > 0).astype(int)
    pl.DataFrame({"key": [f"k{i:03}" for i in range(ROWS)], "label": y}).write_csv(tmp_path / "d.csv")
    weak = (core + 2 * rng.standard_normal((ROWS, 6))).astype(np.float16)
    strong = (core @ rng.standard_normal((6, 9))).astype(np.float32)
    np.save(tmp_path / "t.npy", weak)
    np.save(tmp_path / "s.npy", strong)
    ids = np.array([f"k{i:03}" for i in range(ROWS)])
    order = rng.permutation(ROWS)
    for folder in ("t", "s", "by_id", "lists"):
        (tmp_path / folder).mkdir()
    pl.DataFrame({"features": strong}).write_parquet(tmp_path / "s.parquet")
    for number, rows in enumerate(np.split(np.arange(ROWS), [10, 20, 50, 51, 90, 120, 200, 220, 240, 260, 290])):
        np.save(tmp_path / "t" / f"img_emb_{number}.npy", weak[rows])
        np.save(tmp_path / "s" / f"part{number:05}.npy", strong[rows])
        np.savez(tmp_path / "by_id" / f"x{number}.npz", X=strong[order[rows]], ids=ids[order[rows]])
        lists = pl.DataFrame({"features": strong[rows]}, schema={"features": pl.Array(pl.Float32, 9)})
        lists.write_parquet(tmp_path / "lists" / f"{number}.parquet")


def compared(text: str) -> dict[str, Any]:
    """Return a result without its settings and what was read."""
    result: dict[str, Any] = json.loads(text)
    return {key: value for key, value in result.items() if key not in ("config", "read")}


@pytest.mark.parametrize(
    ("teacher", "student", "more"),
    [
        ("t", "s", ()),
        ("t/*.npy", "s/part*", ()),
        ("t", "by_id", ("--id", "key")),
        ("t.npy", "lists/*.parquet", ()),
    ],
)
def test_run_on_shards_is_run_on_the_single_files(cli: Cli, teacher: str, student: str, more: tuple[str, ...]) -> None:
    line = ("run", "d.csv", "--label", "label", *SIZES, *more, "--json")
    whole = cli(*line, "--teacher", "features:t.npy", "--student", "features:s.npy")
    shards = cli(*line, "--teacher", f"features:{teacher}", "--student", f"features:{student}")
    assert (whole.returncode, shards.returncode) == (0, 0), shards.stderr
    assert compared(shards.stdout) == compared(whole.stdout)
    result = json.loads(shards.stdout)
    check_schema("run", result)
    assert result["config"]["student"] == f"features:{student}"
    assert result["read"]["features"]["student"]["files"] == 12
    assert "files" not in json.loads(whole.stdout)["read"]["features"]["student"]


def test_the_line_says_files_and_types(cli: Cli) -> None:
    line = ("run", "d.csv", "--label", "label", *SIZES, "--json")
    done = cli(*line, "--teacher", "features:t", "--student", "features:s/*.npy")
    assert (
        "teacher features:t: 12 files t/img_emb_*.npy, array X, 6 dimensions, float16, by row; "
        "student features:s/*.npy: 12 files s/part*.npy, array X, 9 dimensions, float32, by row; n = 60"
    ) in read_line(done.stderr)


@pytest.mark.parametrize("verb", ["forecast", "sweep", "diagnose"])
def test_other_verbs_read_shards_too(cli: Cli, verb: str) -> None:
    sizes = {"diagnose": (), "sweep": SIZES}.get(verb, SIZES[:6])
    line = (verb, "d.csv", "--label", "label", *sizes, "--json")
    whole = cli(*line, "--teacher", "features:t.npy", "--student", "features:s.npy")
    shards = cli(*line, "--teacher", "features:t", "--student", "features:s")
    assert shards.returncode == 0, shards.stderr
    expected = whole.stdout.replace("features:t.npy", "features:t").replace("features:s.npy", "features:s")
    assert compared(shards.stdout) == compared(expected)
    assert json.loads(shards.stdout)["read"]["features"]["teacher"]["file"] == "t/img_emb_*.npy"


def test_an_import_takes_shards(cli: Cli) -> None:
    for address in ("s", "s/*.npy", "s.npy"):
        done = cli("cache", "import", address, "--name", address.strip("/*").replace("/*", "-"))
        assert done.returncode == 0, done.stderr
        assert f": {ROWS} rows, 9 dimensions, matched by row" in done.stdout
    assert "12 files s/part*.npy, array X" in read_line(cli("cache", "import", "s", "--name", "again").stderr)
    by_id = cli("cache", "import", "by_id", "--name", "ids", "--json")
    assert json.loads(by_id.stdout)["matched_by"] == "id"
    items = cli("cache", "import", "by_id", "--name", "items", "--data", "d.csv", "--id", "key", "--text", "key")
    assert "matched by item" in items.stdout
    line = ("run", "d.csv", "--id", "key", "--label", "label", "--teacher", "features:t.npy", *SIZES, "--json")
    cached, file = (cli(*line, "--student", name) for name in ("cached:ids", "features:by_id"))
    assert json.loads(cached.stdout)["students"] == json.loads(file.stdout)["students"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("s", "there is no number 4 between part00003.npy and part00005.npy"),
        ("s/*.npy", "there is no number 4 between part00003.npy and part00005.npy"),
        ("none/*.npy", "features:none/*.npy must match files"),
        ("t#layer_1", "has no columns and no named arrays"),
        ("lists#vector", "features:lists#COLUMN must name columns of the file: got 'vector', not one of features."),
    ],
)
@pytest.mark.parametrize("verb", ["run", "import"])
def test_bad_shards_are_one_line(cli: Cli, tmp_path: Path, name: str, said: str, verb: str) -> None:
    (tmp_path / "s" / "part00004.npy").unlink()
    if verb == "run":
        done = cli("run", "d.csv", "--label", "label", "--teacher", "features:t.npy", "--student", f"features:{name}")
    else:
        done = cli("cache", "import", name, "--name", "x")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert said in done.stderr
