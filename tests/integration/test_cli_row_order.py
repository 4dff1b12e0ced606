"""Rows are drawn by id, or by their places in the table, whatever the features and the order of the rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli

SIZES = ("-n", "100", "-N", "600", "--n-test", "500")
PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y")


@pytest.fixture
def keyed(table: Path) -> Path:
    """The table with ids that are texts, whole numbers, or numbers with zeros before them, in another order."""
    rng = np.random.default_rng(5)
    numbers = rng.permutation(5000)[:2400]
    frame = pl.read_csv(table).with_columns(
        name=pl.Series([f"img {number}.png" for number in numbers]),
        number=pl.Series(numbers),
        padded=pl.Series([f"{number:05d}" for number in numbers]),
        cue=pl.Series(np.where(rng.random(2400) < 0.8, pl.read_csv(table)["y"].to_numpy(), 2)),
    )
    frame.write_csv(table)
    return table


def mix(table: Path) -> None:
    """Put table and features into another order."""
    order = np.random.default_rng(11).permutation(2400)
    pl.read_csv(table)[order].write_csv(table)
    for name in ("t.npy", "s.npy"):
        np.save(table.parent / name, np.load(table.parent / name)[order])


def result(cli: Cli, *arguments: str) -> dict[str, object]:
    done = cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    content.pop("fingerprint", None)  # hashes the features' file
    return dict(content)


RUN = ("run", *SIZES, "--seeds", "2")
VERBS = [
    *((*RUN, "--id", column) for column in ("name", "number", "padded")),
    (*RUN, "--id", "number", "--group", "cue", "--eta-test", ".5", "--eta-labeled", ".1", "--curve"),
    (*RUN, "--id", "name", "--group-split", "source"),
    ("run", *SIZES, "--id", "name", "--seeds", "1", "--head", "softmax", "--strategy", "high_confidence"),
    ("forecast", *SIZES, "--id", "padded"),
    ("sweep", "-n", "50,100", "-N", "600", "--n-test", "500", "--seeds", "2", "--id", "name"),
    ("diagnose", "--id", "number"),
]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_table_with_ids_gives_the_same_bytes_in_any_order(cli: Cli, keyed: Path, verb: tuple[str, ...]) -> None:
    before = result(cli, verb[0], "table.csv", *PAIR, *verb[1:])
    mix(keyed)
    assert result(cli, verb[0], "table.csv", *PAIR, *verb[1:]) == before


def test_the_users_own_parts_are_taken_in_the_order_of_ids(cli: Cli, keyed: Path) -> None:
    parts = ["labeled"] * 200 + ["unlabeled"] * 1000 + ["test"] * 1200
    pl.read_csv(keyed).with_columns(part=pl.Series(parts)).write_csv(keyed)
    before = result(cli, "run", "table.csv", *PAIR, "--id", "name", "--split", "part", "--curve")
    mix(keyed)
    assert result(cli, "run", "table.csv", *PAIR, "--id", "name", "--split", "part", "--curve") == before


@pytest.mark.parametrize("missing", [0.0, 0.6])
def test_a_forecast_from_missing_labels_follows_ids(cli: Cli, keyed: Path, missing: float) -> None:
    frame = pl.read_csv(keyed)
    absent = np.random.default_rng(2).random(2400) < missing
    frame.with_columns(y=pl.when(pl.Series(absent)).then(None).otherwise(frame["y"])).write_csv(keyed)
    before = result(cli, "forecast", "table.csv", *PAIR, "--id", "name", "-n", "120", "-N", "500")
    mix(keyed)
    assert result(cli, "forecast", "table.csv", *PAIR, "--id", "name", "-n", "120", "-N", "500") == before


def _parts(path: Path) -> dict[tuple[int, str], set[str]]:
    frame = pl.read_csv(path, schema_overrides={"id": pl.String})
    return {
        (int(seed), str(part)): set(rows["id"].to_list())
        for (seed, part), rows in frame.group_by(["seed", "part"], maintain_order=True)
    }


@pytest.mark.parametrize("ids", [(), ("--id", "name")])
def test_a_seed_means_the_same_rows_for_any_features(cli: Cli, keyed: Path, ids: tuple[str, ...]) -> None:
    folder = keyed.parent
    T, S = np.load(folder / "t.npy"), np.load(folder / "s.npy")
    rng = np.random.default_rng(0)
    variants = {
        "as they are": (T, S),
        "float64": (T.astype(np.float64), S),
        "float16": (T.astype(np.float16), S),
        "permuted columns": (T[:, ::-1], S[:, rng.permutation(S.shape[1])]),
        "another teacher": (rng.standard_normal((2400, 7)), S),
        "another student": (T, T),
        "equal teacher rows": (np.repeat(T[:1200], 2, axis=0), S),
    }
    drawn = {}
    for name, (teacher, student) in variants.items():
        np.save(folder / "t.npy", teacher)
        np.save(folder / "s.npy", student)
        done = cli("run", "table.csv", *PAIR, *SIZES, "--seeds", "2", *ids, "--save-split", "split.csv")
        assert done.returncode == 0, done.stderr
        drawn[name] = _parts(folder / "split.csv")
    assert all(parts == drawn["as they are"] for parts in drawn.values())


def test_equal_rows_move_no_other_rows(cli: Cli, keyed: Path) -> None:
    folder = keyed.parent
    drawn = []
    for copies in ((), (5, 1700)):
        for name in ("t.npy", "s.npy"):
            X = np.load(folder / name)
            X[list(copies)] = X[list(copies[:1]) * 2]
            np.save(folder / name, X)
        assert not cli("run", "table.csv", *PAIR, *SIZES, "--seeds", "1", "--save-split", "split.csv").returncode
        drawn.append(_parts(folder / "split.csv"))
    moved = sum(len(rows - drawn[1][key]) for key, rows in drawn[0].items())
    assert moved <= 3


def test_a_cell_of_a_sweep_over_two_teachers_is_a_run(cli: Cli, keyed: Path) -> None:
    folder = keyed.parent
    np.save(folder / "u.npy", np.load(folder / "t.npy")[:, :4].astype(np.float64))
    np.save(folder / "v.npy", np.round(np.load(folder / "t.npy")[:, :3]))  # some rows are equal here
    teachers = ("features:t.npy", "features:u.npy", "features:v.npy")
    shared = ("--student", "features:s.npy", "--label", "y", *SIZES, "--seeds", "2")
    done = cli("sweep", "table.csv", "--teacher", ",".join(teachers), *shared, "--out", "sweep")
    assert done.returncode == 0, done.stderr
    table = pl.read_parquet(folder / "sweep" / "results.parquet").filter(
        (pl.col("metric") == "accuracy") & pl.col("group").is_null()
    )
    for teacher in teachers:
        assert not cli("run", "table.csv", "--teacher", teacher, *shared, "--out", "run").returncode
        cells = pl.read_parquet(folder / "run" / "results.parquet").filter(
            (pl.col("metric") == "accuracy") & pl.col("group").is_null() & (pl.col("part") == "test")
        )
        for system in ("teacher", "student", "baseline", "ceiling"):
            swept = table.filter((pl.col("teacher_backbone") == teacher) & (pl.col("system") == system))
            single = cells.filter(pl.col("system") == system)
            assert swept["value"].to_list() == pytest.approx(single["value"].to_list(), abs=1e-12)


@pytest.mark.parametrize("source", ["features", "cached"])
def test_features_without_ids_are_in_the_order_of_the_data(cli: Cli, keyed: Path, source: str) -> None:
    pair = PAIR
    if source == "cached":
        for name in ("t", "s"):
            assert not cli("cache", "import", f"{name}.npy", "--name", name).returncode
        pair = ("--teacher", "cached:t", "--student", "cached:s", "--label", "y")
    by_place = cli("run", "table.csv", *pair, *SIZES, "--seeds", "3", "--json")
    by_id = cli("run", "table.csv", *pair, *SIZES, "--seeds", "3", "--json", "--id", "name")
    for done in (by_place, by_id):  # other rows, the same population: aligned wrongly, all would be at chance
        systems = json.loads(done.stdout)["systems"]
        assert systems["ceiling"]["accuracy"]["value"] > 0.8


def test_messages_count_rows_in_the_order_of_the_data(cli: Cli, keyed: Path) -> None:
    frame = pl.read_csv(keyed)
    absent = np.zeros(2400, dtype=bool)
    absent[[37, 901]] = True
    frame.with_columns(y=pl.when(pl.Series(absent)).then(None).otherwise(frame["y"])).write_csv(keyed)
    done = cli("run", "table.csv", *PAIR, *SIZES, "--id", "name")
    assert done.returncode == 1
    assert "the first is row 37" in done.stderr
