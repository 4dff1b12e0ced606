"""Parts on the command line: missing sources, the user's own parts, and what they share."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli

PAIR = ("table.csv", "--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y")


def notes(cli: Cli, verb: str, *arguments: str) -> list[str]:
    done = cli(verb, *PAIR, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    return [str(note) for note in (result["notes"] if "notes" in result else result["best"]["notes"])]


def error(cli: Cli, verb: str, *arguments: str) -> str:
    done = cli(verb, *PAIR, *arguments)
    assert done.returncode == 1
    assert done.stderr.count("error:") == 1
    return done.stderr.strip().splitlines()[-1]


def with_column(table: Path, name: str, values: Sequence[object]) -> None:
    pl.read_csv(table).with_columns(pl.Series(name, values, strict=False)).write_csv(table)


@pytest.mark.parametrize("verb", ["run", "sweep", "forecast"])
def test_rows_without_a_source_are_used_and_counted(cli: Cli, table: Path, verb: str) -> None:
    y = pl.read_csv(table)["y"].to_list()
    with_column(table, "user", [None if label and row % 3 else f"u{row}" for row, label in enumerate(y)])
    missing = pl.read_csv(table)["user"].null_count()
    seeds = () if verb == "forecast" else ("--seeds", "1")
    text = notes(cli, verb, "--group-split", "user", *seeds)
    assert f"{missing} of 2,400 rows have no source in 'user': each of them is a source of its own." in text
    assert not [note for note in text if "stay in one part" in note]


def test_a_forecast_from_missing_labels_counts_sources_on_both_sides(cli: Cli, table: Path) -> None:
    with_column(table, "y", [*pl.read_csv(table)["y"].to_list()[:400], *[None] * 2000])
    with_column(table, "user", [f"u{row % 1000}" if row % 2 else None for row in range(2400)])
    text = notes(cli, "forecast", "--group-split", "user")
    assert [
        note for note in text if note.startswith("200 of 400 sources of labeled rows ('user') have rows of the pool")
    ]
    with_column(table, "user", [f"u{row < 400}" for row in range(2400)])
    assert not [note for note in notes(cli, "forecast", "--group-split", "user") if "sources" in note]


@pytest.mark.parametrize("verb", ["run", "sweep"])
def test_copies_in_the_users_parts_are_counted(cli: Cli, table: Path, verb: str) -> None:
    for name in ("t.npy", "s.npy"):
        X = np.load(table.parent / name)
        X[2000:2350] = X[600:950]
        np.save(table.parent / name, X)
    with_column(table, "part", ["labeled"] * 400 + ["unlabeled"] * 1600 + ["test"] * 400)
    assert any("350 of 400 test rows are also in the pool" in note for note in notes(cli, verb, "--split", "part"))
    frame = pl.read_csv(table).with_row_index("id").select(pl.lit(0).alias("seed"), "id", "part")
    frame.write_csv(table.parent / "parts.csv")
    text = notes(cli, verb, "--split-file", "parts.csv")
    assert any("350 of 400 test rows are also in the pool" in note for note in text)
    with_column(table, "user", [f"u{row % 400}" for row in range(2400)])
    for flags in (("--split", "part"), ("--split-file", "parts.csv")):
        assert "got 400 of 400 sources in two or more" in error(cli, verb, *flags, "--group-split", "user")


def test_a_split_without_test_rows_says_what_to_write(cli: Cli, table: Path) -> None:
    with_column(table, "part", ["labeled"] * 400 + ["unlabeled"] * 2000)
    assert "must hold test rows, or leave rows from which they are drawn" in error(cli, "run", "--split", "part")
    with_column(table, "part", ["labeled"] * 2400)
    assert "must hold unlabeled and test rows" in error(cli, "run", "--split", "part")
    with_column(table, "part", ["labeled"] * 400 + ["unlabeled"] * 1000 + [None] * 1000)
    assert cli("run", *PAIR, "--split", "part", "--seeds", "1").returncode == 0  # test rows are drawn


@pytest.mark.parametrize("written", [(0.0, 2.0), (0, 2), ("0.0", "2.0"), ("Train", "TEST"), (math.nan, 2.0)])
def test_published_numbers_may_be_floats(cli: Cli, table: Path, written: tuple[object, ...]) -> None:
    with_column(table, "part", [written[0]] * 1900 + [written[1]] * 500)
    done = cli("run", *PAIR, "--split", "part", "--seeds", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["config"]["n_test"] == 500


@pytest.mark.parametrize("written", [(0.0, 1.0, 2.0), (0, 1, 2), ("0.0", "1.0", "2.0"), ("train", "val", "test")])
def test_a_file_of_features_may_have_the_validation_rows_too(
    cli: Cli, table: Path, written: tuple[object, ...]
) -> None:
    with_column(table, "part", ([written[0]] * 4 + [written[1], written[2]]) * 400)
    done = cli("run", *PAIR, "--split", "part", "--seeds", "1", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["notes"][0] == "400 rows of the validation part are left out."
    inside = np.arange(2400) % 6 != 4
    for name in ("t.npy", "s.npy"):
        np.save(table.parent / name, np.load(table.parent / name)[inside])
    again = json.loads(cli("run", *PAIR, "--split", "part", "--seeds", "1", "--json").stdout)
    assert again["systems"] == result["systems"]  # the same rows, in the same order


@pytest.mark.parametrize("noise", [1e-7, 1e-6, 1e-5])
def test_rows_that_differ_by_rounding_are_counted(cli: Cli, table: Path, noise: float) -> None:
    rng = np.random.default_rng(0)
    for name in ("t.npy", "s.npy"):
        X = np.load(table.parent / name)
        X[1200:] = X[:1200] * (1 + noise * rng.standard_normal((1200, X.shape[1])))
        np.save(table.parent / name, X)
    with_column(table, "twin", [row % 1200 for row in range(2400)])
    for verb in ("run", "sweep"):
        text = notes(cli, verb, "--seeds", "1")
        assert [note for note in text if note.startswith("1,200 of 2,400 rows repeat another row to within 0.0001")]
        tied = notes(cli, verb, "--seeds", "1", "--group-split", "twin")
        assert not [note for note in tied if "repeat" in note]
    with_column(table, "y", [*pl.read_csv(table)["y"].to_list()[:300], *[None] * 2100])
    assert [note for note in notes(cli, "forecast") if "300 of 2,100 rows of the pool repeat labeled rows" in note]
