"""``diagnose`` on features made elsewhere: what it prints, writes and repeats."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.stderr import without_read

DIAGNOSE = ("diagnose", "table.csv", "--teacher", "features:t.npy", "--student", "features:s.npy")


def test_json_is_the_designs_and_identical_when_repeated(cli: Cli, process: Cli, table: Path) -> None:
    first, second = cli(*DIAGNOSE, "--label", "y", "--json"), process(*DIAGNOSE, "--label", "y", "--json")
    assert (first.returncode, without_read(first.stderr)) == (0, "")
    assert first.stdout == second.stdout
    assert first.stdout.count("\n") == 1
    found = json.loads(first.stdout)
    for name in ("teacher", "student"):
        space = found[name]["intrinsic_dimension"]
        assert set(space["energy99"]) == set(space["energy95"]) == {"centered", "uncentered"}
        for key in ("participation_ratio", "effective_rank", "ridge_df", "twonn", "mle"):
            assert space[key] > 0
    pair = found["pair"]
    shared = pair["correlation_dimension"]
    assert {"value", "chance", "corrected"} <= set(shared)
    assert {"biased", "debiased"} <= set(pair["cka"])
    assert set(pair["mutual_knn"]) == {"value", "chance"}
    assert len(pair["principal_angles"]) == min(shared["d_teacher"], shared["d_student"])
    for key in ("procrustes", "representation_gap", "overlap_uncalibrated"):
        assert isinstance(pair[key], float)
    assert (found["rows"], found["sample"], found["dropped_duplicates"], found["n_labeled"]) == (2400, 2400, 0, 2400)
    # the weak view holds 6 of the 12 dimensions of the strong one, under noise
    assert 1 < shared["corrected"] < 6.5
    assert str(table.parent) not in first.stdout


def test_labels_may_be_null_or_absent(cli: Cli, table: Path) -> None:
    frame = pl.read_csv(table)
    frame.with_columns(y=pl.when(pl.int_range(pl.len()) < 600).then("y")).write_csv(table)
    some = json.loads(cli(*DIAGNOSE, "--label", "y", "--json").stdout)
    assert some["n_labeled"] == 600
    assert some["pair"]["overlap_density"]["value"] is not None
    none = json.loads(cli(*DIAGNOSE, "--json").stdout)
    assert none["n_labeled"] == 0
    assert none["pair"]["overlap_density"]["value"] is None
    assert none["pair"]["correlation_dimension"] == some["pair"]["correlation_dimension"]


def test_a_pool_of_its_own_is_rows_without_labels(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{i}" for i in rng.integers(30, size=6)) for _ in range(200)]
    whole = pl.DataFrame({"text": texts, "label": [["a", "b"][i % 2] if i < 80 else None for i in range(200)]})
    whole.write_csv(tmp_path / "whole.csv")
    whole.head(80).write_csv(tmp_path / "labeled.csv")
    whole.tail(120).with_columns(label=pl.lit("a")).write_csv(tmp_path / "pool.csv")
    pair = ("--teacher", "classic:hashing-16", "--student", "classic:hashing-32", "--text", "text", "--json")
    one = json.loads(cli("diagnose", "whole.csv", *pair).stdout)
    two = json.loads(cli("diagnose", "labeled.csv", "--pool", "pool.csv", *pair).stdout)
    assert (one["n_labeled"], one["rows"]) == (80, 200)
    assert two["config"].pop("pool") == "pool.csv"
    assert {**one, "config": 0, "read": 0} == {**two, "config": 0, "read": 0}


@pytest.mark.parametrize("verb", ["diagnose", "forecast"])
def test_features_by_row_cannot_be_those_of_two_tables(cli: Cli, tmp_path: Path, verb: str) -> None:
    rng = np.random.default_rng(0)
    ids = {"labeled": range(60), "pool": range(60, 120)}
    X, y = rng.standard_normal((120, 4)), rng.integers(2, size=120)
    for name, rows in ids.items():
        pl.DataFrame({"key": list(rows), "label": y[list(rows)]}).write_csv(tmp_path / f"{name}.csv")
    np.save(tmp_path / "t.npy", X[:60, :2])
    np.savez(tmp_path / "s.npz", X=X, ids=np.arange(120))
    command = (
        verb,
        "labeled.csv",
        "--label",
        "label",
        "--pool",
        "pool.csv",
        "--id",
        "key",
        "--student",
        "features:s.npz",
    )
    refused = cli(*command, "--teacher", "features:t.npy")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert (
        "features:t.npy must have ids with --pool, since labeled.csv and pool.csv have rows of their own"
        in refused.stderr
    )
    np.savez(tmp_path / "t.npz", X=X[:, :2], ids=np.arange(120))
    assert cli(*command, "--teacher", "features:t.npz").returncode == 0


def test_the_text_fits_80_columns_and_says_why_dimensions_differ(cli: Cli, table: Path) -> None:
    done = cli(*DIAGNOSE, "--label", "y")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    said = " ".join(done.stdout.split())
    assert "Spectral dimensions count directions" in said
    assert "above about ten they are too low" in said


def test_out_holds_the_json_and_tidy_rows(cli: Cli, table: Path, tmp_path: Path) -> None:
    assert cli(*DIAGNOSE, "--out", "kept").returncode == 0
    whole = json.loads((tmp_path / "kept" / "result.json").read_text(encoding="utf-8"))
    rows = pl.read_parquet(tmp_path / "kept" / "results.parquet")
    told = rows.filter(of="pair", measure="correlation_dimension.corrected")["value"].to_list()
    assert told == [pytest.approx(whole["pair"]["correlation_dimension"]["corrected"], rel=1e-11)]  # JSON has 12 digits
    assert whole["versions"]["numpy"]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (("--label", "lable"), "got 'lable', not one of y, source"),
        (("--energy", "2"), "--energy must be a share above 0"),
        (("--mutual-neighbors", "50"), "at most --neighbors, 20: got 50"),
        (("--out", "table.csv"), "must be a folder to write to"),
    ],
)
def test_mistakes_are_one_line(cli: Cli, table: Path, extra: tuple[str, ...], said: str) -> None:
    done = cli(*DIAGNOSE, *extra)
    assert done.returncode == 1
    assert without_read(done.stderr).count("\n") == 1
    assert said in done.stderr
