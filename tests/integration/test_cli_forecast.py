"""``forecast``: what it reads and what it never reads, what it prints, and what it says to mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.schemas import check_schema

ARRAYS = ("--teacher", "features:t.npy", "--student", "features:s.npy")
TEXTS = ("--text", "text", "--teacher", "classic:hashing-16", "--student", "classic:hashing-64", "--quiet")
KNOWN, ROWS = 120, 400


@pytest.fixture
def arrays(table: Path) -> Path:
    """Keep 120 labels of 900 rows, under ``y``."""
    folder = table.parent
    pl.read_csv(table).head(900).with_columns(y=pl.when(pl.int_range(900) < KNOWN).then("y")).write_csv(table)
    for name in ("t.npy", "s.npy"):
        np.save(folder / name, np.load(folder / name)[:900])
    return table


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Write some.csv, whose last 280 of 400 texts have no label, and the two kinds of rows apart."""
    rng = np.random.default_rng(0)
    words = [f"{kind}{i}" for kind in ("ab", "cd") for i in range(8)]
    y = rng.integers(2, size=ROWS)
    said = [" ".join(rng.choice(words, 8, p=np.repeat([1 + v, 2 - v], 8) / 24)) for v in y]
    label = [["no", "yes"][v] if row < KNOWN else None for row, v in enumerate(y)]
    whole = pl.DataFrame({"text": said, "label": label})
    whole.write_csv(tmp_path / "some.csv")
    whole.head(KNOWN).write_csv(tmp_path / "labeled.csv")
    whole.tail(-KNOWN).select("text").write_csv(tmp_path / "pool.csv")
    whole.tail(-KNOWN).select(sentence="text").write_csv(tmp_path / "other.csv")
    whole.with_columns(label=pl.when(pl.col("label") == "yes").then("label")).write_csv(tmp_path / "one.csv")
    whole.with_columns(label=pl.lit(None, dtype=pl.String)).write_csv(tmp_path / "none.csv")
    return tmp_path


def found(cli: Cli, *arguments: str) -> dict[str, Any]:
    """Return what a forecast printed, one line that its schema allows."""
    done = cli("forecast", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    said: dict[str, Any] = json.loads(done.stdout)
    check_schema("forecast", said)
    return said


def test_rows_without_labels_are_the_pool_and_json_repeats(cli: Cli, process: Cli, arrays: Path) -> None:
    asked = ("forecast", "table.csv", "--label", "y", *ARRAYS, "--json")
    first, second = cli(*asked), process(*asked)
    assert first.stdout == second.stdout
    said = found(cli, *asked[1:-1])
    assert (said["n"], said["N"], said["n_test"]) == (KNOWN, 900 - KNOWN, 2000)
    assert (said["config"]["n_labeled"], said["config"]["n_unlabeled"]) == (KNOWN, 900 - KNOWN)
    assert str(arrays.parent) not in first.stdout
    assert "pairs" not in said


def test_a_pool_of_its_own_is_the_same_pool(cli: Cli, texts: Path) -> None:
    one, two = found(cli, "some.csv", *TEXTS), found(cli, "labeled.csv", "--pool", "pool.csv", *TEXTS)
    assert two["config"]["pool"] == "pool.csv"
    assert one["fingerprint"] != two["fingerprint"]
    for said in (one, two):
        del said["config"], said["fingerprint"], said["read"]
    assert one == two


def test_rows_of_the_pool_that_repeat_labeled_items_are_left_out(cli: Cli, texts: Path) -> None:
    some, more = pl.read_csv(texts / "some.csv"), pl.read_csv(texts / "pool.csv")
    again = some.head(30).with_columns(label=pl.lit(None, dtype=pl.String))
    pl.concat([some, again]).write_csv(texts / "twice.csv")
    pl.concat([more, again.select("text")]).write_csv(texts / "more.csv")
    once = found(cli, "some.csv", *TEXTS)
    repeated = 30 + int(some["text"].tail(-KNOWN).is_in(some["text"].head(KNOWN).implode()).sum())
    for said in (found(cli, "twice.csv", *TEXTS), found(cli, "labeled.csv", "--pool", "more.csv", *TEXTS)):
        assert said["notes"][-1] == f"{repeated} rows of the pool repeat items of labeled rows and are left out."
        assert (said["gain"], said["N"]) == (once["gain"], once["N"])
    some.head(KNOWN).write_csv(texts / "pool.csv")
    done = cli("forecast", "labeled.csv", "--pool", "pool.csv", *TEXTS)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "the pool must hold items that no labeled row has: got none" in done.stderr


def test_another_pool_is_another_question(cli: Cli, texts: Path) -> None:
    first = found(cli, "labeled.csv", "--pool", "pool.csv", *TEXTS)
    pl.read_csv(texts / "pool.csv").with_columns(text=pl.col("text") + " ab0").write_csv(texts / "pool.csv")
    assert found(cli, "labeled.csv", "--pool", "pool.csv", *TEXTS)["fingerprint"] != first["fingerprint"]


def test_fewer_labels_and_a_smaller_pool_are_taken_as_asked(cli: Cli, texts: Path) -> None:
    said = found(cli, "some.csv", *TEXTS, "-n", "70", "-N", "200", "--n-test", "50")
    assert (said["n"], said["N"], said["n_test"]) == (70, 200, 50)


@pytest.mark.parametrize("extra", [(), ("--head", "softmax"), ("--pseudolabels", "hard"), ("--scale", "standard")])
def test_labels_of_pool_and_test_rows_change_no_byte(cli: Cli, table: Path, extra: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    parts = np.repeat(["labeled", "unlabeled", "test"], [60, 150, 90])
    rows = rng.permutation(2400)[:300]
    pl.DataFrame({"seed": [0] * 300, "id": rows, "part": parts}).write_csv(table.parent / "split.csv")
    frame = pl.read_csv(table).with_row_index("id")
    asked = ("forecast", "table.csv", *ARRAYS, "--label", "y", "--id", "id", "--split-file", "split.csv", "--json")
    labels = frame["y"].cast(pl.String)
    printed = []
    for noise in (labels, rng.permutation(labels), rng.integers(7, size=2400), rng.standard_normal(2400)):
        other = pl.Series("y", [str(value) for value in noise])
        frame.with_columns(y=labels.zip_with(frame["id"].is_in(rows[:60]), other)).write_csv(table)
        printed.append(cli(*asked, *extra).stdout)
    assert json.loads(printed[0])["n_test"] == 90
    assert len(set(printed)) == 1


def test_the_splits_own_column_keeps_labeled_test_rows_out(cli: Cli, arrays: Path) -> None:
    frame = pl.read_csv(arrays).with_row_index("row")
    part = pl.when(pl.col("row") < 80).then(pl.lit("labeled")).when(pl.col("row") < KNOWN).then(pl.lit("test"))
    frame.with_columns(part=part).write_csv(arrays)
    said = found(cli, "table.csv", "--label", "y", "--split", "part", *ARRAYS)
    assert (said["n"], said["N"], said["n_test"]) == (80, 900 - KNOWN, 40)


def test_pairs_are_ranked_by_the_better_of_student_and_baseline(cli: Cli, texts: Path) -> None:
    names = ("--teacher", "classic:hashing-8, classic:hashing-16", "--student", "classic:hashing-32,classic:hashing-24")
    said = found(cli, "some.csv", "--text", "text", *names, "--quiet")
    scores = [[pair[name]["value"] for name in ("student", "baseline")] for pair in said["pairs"]]
    assert len(scores) == 4
    assert scores == sorted(scores, key=lambda both: (max(both), both[0]), reverse=True)
    assert said["teacher_backbone"] == said["pairs"][0]["teacher_backbone"]
    assert said["gain"] == said["pairs"][0]["gain"]
    done = cli("forecast", "some.csv", "--text", "text", *names, "--quiet")
    assert "Pairs by the expected accuracy of the better of student and baseline:" in done.stdout
    assert all(f"{student:.3f}    {baseline:.3f}     " in done.stdout for student, baseline in scores)


def test_regression_is_forecast_in_r2(cli: Cli, arrays: Path) -> None:
    numbers = np.load(arrays.parent / "s.npy")[:, 0].astype(float).tolist()
    pl.DataFrame({"y": [v if row < KNOWN else None for row, v in enumerate(numbers)]}).write_csv(arrays)
    said = found(cli, "table.csv", "--label", "y", "--task", "regression", *ARRAYS)
    assert said["score"] == "r2"
    assert set(said["others"]) == {"squared_error"}
    assert said["baseline"]["value"] > 0.9


@pytest.mark.parametrize("ceiling", ["U", "L+U"])
def test_fully_labeled_data_is_split_as_run_splits_it(cli: Cli, table: Path, ceiling: str) -> None:
    sizes = ("-n", "100", "-N", "300", "--ceiling", ceiling)
    said = found(cli, "table.csv", "--label", "y", *ARRAYS, *sizes)
    assert (said["n"], said["N"], said["n_test"]) == (100, 300, 800)


@pytest.mark.parametrize("names", [("t.npy", "s.npy"), ("a_rather_long_name_of_a_teacher.npy", "a_long_student.npy")])
def test_the_text_fits_80_columns_and_shortens_no_word_of_its_own(
    cli: Cli, arrays: Path, names: tuple[str, str]
) -> None:
    for old, new in zip(("t.npy", "s.npy"), names, strict=True):
        (arrays.parent / old).rename(arrays.parent / new)
    pair = ("--teacher", f"features:{names[0]}", "--student", f"features:{names[1]}")
    done = cli("forecast", "table.csv", "--label", "y", *pair)
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "student - baseline" in done.stdout
    assert "…" not in done.stdout.split("system")[1]


def test_out_holds_the_json_and_tidy_rows(cli: Cli, arrays: Path, tmp_path: Path) -> None:
    said = found(cli, "table.csv", "--label", "y", *ARRAYS, "--out", "kept")
    kept = json.loads((tmp_path / "kept" / "result.json").read_text(encoding="utf-8"))
    assert kept.pop("versions")["numpy"]
    assert kept == said
    rows = pl.read_parquet(tmp_path / "kept" / "results.parquet")
    here = rows.filter(n=said["n"], N=said["N"], what="gain")
    assert here["value"].to_list() == [pytest.approx(said["gain"]["value"], rel=1e-11)]  # JSON has 12 digits
    assert here["measured"].to_list() == [True]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("labeled.csv", "--label", "lable"), "--label must name a column of labeled.csv: got 'lable'"),
        (("pool.csv",), "--label must name a column of pool.csv: got 'label', not one of text"),
        (("none.csv",), "must have labeled rows and a pool: got 0 labels and 400 rows without"),
        (("labeled.csv", "-n", "120"), "the sum of -n, -N and --n-test must be at most 120"),
        (("one.csv",), "must hold at least two classes: got only yes"),
        (
            ("labeled.csv", "--pool", "other.csv"),
            "--text must name a column of other.csv: got 'text', not one of sentence",
        ),
        (("labeled.csv", "--pool", "nothing.csv"), "there is no file nothing.csv"),
        (("some.csv", "-n", "121"), "-n must be at most the number of labels: got 121, there are 120"),
        (("some.csv", "-N", "281"), "-N must be at most the rows of the pool: got 281, there are 280"),
        (("some.csv", "--strategy", "half"), "forecast supports only the vanilla strategy: got half"),
        (("some.csv", "--teacher", " ,"), "--teacher must have a value before and after each comma: got ' ,'"),
        (("some.csv", "--task", "regression"), "must hold numbers for regression: got 'yes'"),
        (
            ("labeled.csv", "--pool", "pool.csv", "--teacher", "features:f.npy"),
            "f.npy must have ids with --pool",
        ),
    ],
)
def test_mistakes_are_one_line(cli: Cli, texts: Path, arguments: tuple[str, ...], said: str) -> None:
    np.save(texts / "f.npy", np.random.default_rng(0).standard_normal((KNOWN, 3)))
    usual = (*TEXTS[:2], *TEXTS[4:]) if "--teacher" in arguments else TEXTS
    done = cli("forecast", *usual, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
