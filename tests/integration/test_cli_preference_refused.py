"""Malformed preference pairs: one line each, with flags as typed and an advice that can be followed."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Cli
from tests.integration.test_cli_malformed import check_one_line
from tests.pairs import answered, write_items, write_lines

TEXTS = ("--teacher", "classic:hashing-8", "--student", "classic:hashing-16")
TABLE = ("run", "pairs.jsonl", "--task", "preference", *TEXTS)
NAMED = ("--prompt", "q", "--chosen", "good", "--rejected", "bad", "--id", "key")
FILES = ("--teacher", "features:t.npy", "--student", "features:s.npy")
ITEMS = ("run", "items.csv", "--task", "preference", "--score", "grade", *FILES)
SIZES = ("-n", "20", "-N", "30", "--n-test", "20", "--seeds", "1")


@pytest.fixture(autouse=True)
def _data(tmp_path: Path) -> None:
    write_lines(tmp_path / "pairs.jsonl", answered(60))
    write_items(tmp_path, 80)


FLAGS = {
    "groups of pairs": (("--group", "q"), "preference pairs have no groups: got --group q. Remove --group."),
    "balanced classes": (("--balance-classes",), "--balance-classes must be left out for preference"),
    "eta": (("--eta-labeled", "0.5"), "--eta-labeled must be left out for preference"),
    "cue": (("--cue", "a=b"), "--cue must be left out for preference"),
    "group by column": (("--group-by", "column"), "--group-by must be left out for preference, which has no groups"),
    "ridge": (("--head", "ridge"), "--head must be left out for preference"),
    "suspects": (("--suspects",), "Remove --suspects."),
    "items of a table": (("--items", "20,30,20"), "--items needs items with scores"),
    "gap of a table": (("--min-gap", "0.5"), "--min-gap needs items with scores"),
    "score and chosen": (("--score", "key"), "got both. Remove --chosen or --score."),
}


@pytest.mark.parametrize("name", FLAGS)
def test_flags_that_pairs_do_not_have(cli: Cli, name: str) -> None:
    flags, words = FLAGS[name]
    done = cli(*TABLE, *NAMED, *SIZES, *flags)
    check_one_line(done)
    assert words in done.stderr
    assert "`" not in done.stderr


SCORED = {
    "prompt": (("--prompt", "key"), "--prompt needs a table of pairs"),
    "split file": (("--split-file", "split.csv"), "--split-file needs a table of pairs"),
    "two numbers": (("--items", "20,30"), "--items must be three numbers"),
    "one item": (("--items", "1,30,20"), "--items"),
    "negative gap": (("--min-gap", "-1"), "--min-gap must be a finite number of at least 0: got -1.0"),
    "no gap": (("--min-gap", "nan"), "--min-gap must be a finite number of at least 0: got nan"),
    "infinite gap": (("--min-gap", "inf"), "--min-gap must be a finite number of at least 0: got inf"),
    "too large a gap": (("--min-gap", "1e6"), "0"),
}


@pytest.mark.parametrize("name", SCORED)
def test_flags_that_items_with_scores_do_not_have(cli: Cli, name: str) -> None:
    flags, words = SCORED[name]
    done = cli(*ITEMS, *SIZES, *flags)
    check_one_line(done)
    assert words in done.stderr
    assert "`" not in done.stderr


def test_more_pairs_than_items_give_names_the_possible_number(cli: Cli) -> None:
    refused = cli(*ITEMS, "-n", "12", "-N", "30", "--n-test", "20", "--seeds", "1", "--items", "5,30,20")
    check_one_line(refused)
    assert re.search(r"\b10\b", refused.stderr)  # of five items
    fixed = ("--teacher-alpha", "1", "--student-alpha", "1")
    allowed = cli(*ITEMS, "-n", "10", "-N", "30", "--n-test", "20", "--seeds", "1", "--items", "5,30,20", *fixed)
    assert allowed.returncode == 0, allowed.stderr


OTHERS = {
    "chosen without the task": (
        ("run", "pairs.jsonl", "--chosen", "good", "--label", "bad", *TEXTS),
        "--chosen names a column of preference pairs: got 'good' and --task classification. Add --task preference.",
    ),
    "score without the task": (
        ("run", "items.csv", "--score", "grade", "--label", "grade", *FILES),
        "--score names a column of preference pairs: got 'grade' and --task classification. Add --task preference.",
    ),
    "items without the task": (
        ("run", "items.csv", "--items", "20,30,20", "--label", "grade", *FILES),
        "--items must be left out for classification, which has no pairs",
    ),
    "spam": (
        ("run", "builtin:spam", "--task", "preference", *TEXTS),
        "builtin:spam has no preference pairs: use builtin:vader-pairs",
    ),
    "unknown column": ((*TABLE, "--chosen", "god", "--rejected", "bad"), "Did you mean good?"),
    "text as score": ((*TABLE, "--score", "key", "--text", "q"), "column 'key' must hold scores as finite numbers"),
    "unknown score": (
        ("run", "items.csv", "--task", "preference", "--score", "grad", *FILES),
        "Did you mean grade?",
    ),
    "folder": (("run", ".", "--task", "preference", *TEXTS), "must be of one kind: got 1 CSV, 1 NDJSON."),
}


@pytest.mark.parametrize("name", OTHERS)
def test_data_without_pairs(cli: Cli, name: str) -> None:
    arguments, words = OTHERS[name]
    done = cli(*arguments, *SIZES)
    check_one_line(done)
    assert words in done.stderr


def test_tables_without_a_usable_pair(cli: Cli, tmp_path: Path) -> None:
    rows = answered(3)
    for words, changed in {
        "3 have two equal sides": [{**row, "bad": row["good"] + " "} for row in rows],
        "3 lack a side": [{**row, "bad": ""} for row in rows],
        "is a side of all 3 pairs": [{**row, "q": None, "bad": "the same"} for row in rows],
        "2 contradict each other": [rows[0], {**rows[0], "good": rows[0]["bad"], "bad": rows[0]["good"], "key": "z"}],
    }.items():
        write_lines(tmp_path / "pairs.jsonl", changed)
        done = cli(*TABLE, *NAMED, *SIZES)
        check_one_line(done)
        assert words in done.stderr


def test_ties_of_all_pairs(cli: Cli, tmp_path: Path) -> None:
    row = {"prompt": "p", "response_0": "a", "response_1": "b", "better_response_id": None}
    write_lines(tmp_path / "pairs.jsonl", [{**row, "prompt": f"p{i}"} for i in range(3)])
    done = cli(*TABLE, *SIZES)
    check_one_line(done)
    assert "3 have no preference" in done.stderr


@pytest.mark.parametrize(("grade", "words"), [("x", "got 'x' in row 3"), (None, "got no score"), (1.0, "got 1 in")])
def test_scores_that_rank_nothing(cli: Cli, tmp_path: Path, grade: object, words: str) -> None:
    frame = pl.read_csv(tmp_path / "items.csv")
    grades = [str(value) for value in frame["grade"]]
    changed = [*grades[:3], "x", *grades[4:]] if grade == "x" else [grade] * len(grades)
    frame.with_columns(grade=pl.Series(changed)).write_csv(tmp_path / "items.csv")
    done = cli(*ITEMS, *SIZES)
    check_one_line(done)
    assert words in done.stderr


def test_bad_rows_are_counted_and_left_out(cli: Cli, tmp_path: Path) -> None:
    rows = answered(80)
    rows[3]["bad"] = rows[3]["good"]
    rows[5]["good"] = None
    write_lines(tmp_path / "pairs.jsonl", rows)
    done = cli(*TABLE, *NAMED, *SIZES, "--teacher-alpha", "1", "--student-alpha", "1")
    assert done.returncode == 0, done.stderr
    assert "1 left out (lack a side), 1 left out (have two equal sides)" in done.stderr
    assert "2 of 80 rows of pairs.jsonl are left out" in " ".join(done.stdout.split())
