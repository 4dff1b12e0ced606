"""Strategies on preference pairs: all that apply run, and none reads the preferences of the pool or the test pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.pairs import answered, write_items, write_lines
from tests.schemas import check_schema

SMALL = ("-n", "24", "-N", "60", "--n-test", "20", "--seeds", "1")
VOTES = ("--set", "two_stage.votes=3", "--set", "traces.votes=3")
COMMITTEE = ("--teacher", "features:t.npy+features:u.npy", "--student", "features:s.npy")
ITEMS = (
    "run",
    "items.csv",
    "--task",
    "preference",
    "--score",
    "grade",
    "--id",
    "key",
    *COMMITTEE,
    *SMALL,
    "--teacher-alpha",
    "1",
)
TEXTS = ("--teacher", "classic:hashing-16+classic:hashing-8", "--student", "classic:hashing-32")
TABLE = ("run", "pairs.jsonl", "--task", "preference", "--chosen", "good", "--rejected", "bad", "--id", "key", *TEXTS)
REASONS = {
    "anchored": "does not apply to --task preference: its ridge heads have an intercept. Use the strategy average.",
    "confidence_loss": "does not apply to --task preference",
    "simplex": "Use the strategy stacked.",
    "adaptive_ensemble": "Use the strategy mean_teacher.",
    "label_filter/rule=representation": "does not apply to --task preference",
}


@pytest.mark.slow  # every strategy twice
def test_all_strategies_run_or_say_why_and_none_reads_the_scores_of_pool_and_test_items(
    cli: Cli, tmp_path: Path
) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    write_items(tmp_path, 130)
    run = (*ITEMS, *VOTES, "--strategy", "all,oracle_traces", "--save-heads", "--save-predictions", "--json", "--out")
    done = cli(*run, "one", "--save-split", "one.csv")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    check_schema("run", result)
    for name, words in REASONS.items():
        assert words in result["skipped"].pop(name)
    assert not [reason for reason in result["skipped"].values() if "preference" in reason or "intercept" in reason]
    assert {"average", "distill", "mutual", "trust", "two_stage", "high_confidence", "stacked"} <= set(
        result["students"]
    )

    split = pl.read_csv(tmp_path / "one.csv").with_columns(pl.col("id").str.split("|"))
    others = split.filter(pl.col("part") != "labeled")["id"].explode().unique(maintain_order=True)
    frame, rng = pl.read_csv(tmp_path / "items.csv"), np.random.default_rng(5)
    noise = dict(
        zip(others, rng.permutation(frame.filter(pl.col("key").is_in(others.implode()))["grade"]), strict=True)
    )
    grades = [noise.get(key, grade) for key, grade in frame.iter_rows()]
    frame.with_columns(grade=pl.Series(grades)).write_csv(tmp_path / "items.csv")
    assert cli(*run, "two", "--save-split", "two.csv").returncode == 0
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()

    one, two = (safetensors.load_file(tmp_path / name / "heads.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert not any(array.any() for name, array in one.items() if name.endswith("intercept"))
    differ = {name.split("/")[1].partition(":")[0] for name in one if one[name].tobytes() != two[name].tobytes()}
    assert differ == {"ceiling", "oracle_traces"}
    first, second = (pl.read_parquet(tmp_path / name / "predictions.parquet") for name in ("one", "two"))
    ends = ("pseudolabel", "_kept")
    same = [name for name in first.columns if name.endswith(ends) and not name.startswith("oracle_")]
    assert len(same) > 10
    assert first.select(same).equals(second.select(same))
    assert not first["label"].equals(second["label"])


def test_swapped_answers_outside_the_labeled_part_change_no_head_that_no_quota_of_sides_selects_for(
    cli: Cli, tmp_path: Path
) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    rows = answered(120)
    write_lines(tmp_path / "pairs.jsonl", rows)
    flags = (
        "--strategy",
        "vanilla,average,mean_teacher,confidence_weighted",
        "--student-alpha",
        "1",
        "--teacher-alpha",
        "1",
    )
    run = (*TABLE, *flags, "--save-heads", "--out")
    assert cli(*run, "one", *SMALL, "--save-split", "split.csv").returncode == 0
    parts = dict(pl.read_csv(tmp_path / "split.csv").select("id", "part").iter_rows())
    rng = np.random.default_rng(2)
    for row in rows:
        if parts.get(row["key"]) != "labeled" and rng.random() < 0.5:
            row["good"], row["bad"] = row["bad"], row["good"]
    write_lines(tmp_path / "pairs.jsonl", rows)
    assert cli(*run, "two", "--split-file", "split.csv").returncode == 0
    one, two = (safetensors.load_file(tmp_path / name / "heads.safetensors") for name in ("one", "two"))
    differ = {name.split("/")[1] for name in one if one[name].tobytes() != two[name].tobytes()}
    assert differ == {"ceiling"}


def test_a_named_strategy_that_does_not_apply_is_one_line(cli: Cli, tmp_path: Path) -> None:
    write_items(tmp_path, 130)
    refused = cli(*ITEMS, "--student-alpha", "1", "--strategy", "confidence_loss")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == (
        "error: the strategy confidence_loss does not apply to --task preference: this loss has an intercept for the "
        "shares of the classes. Use the strategy vanilla."
    )
