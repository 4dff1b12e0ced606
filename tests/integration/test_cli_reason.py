"""``w2s-probe reason`` as a user calls it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Cli
from tests.schemas import check_schema

pytest.importorskip("transformers")
SMALL = (
    *("-n", "20", "-N", "40", "--n-test", "30", "--steps", "2", "--modulus", "3", "--samples", "2"),
    *("--updates", "10", "--teacher-updates", "10", "--student-size", "25k", "--threads", "1"),
)


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pre-training of ten steps: no test here looks at an accuracy."""
    from w2s_probe.finetune.reasoning import pretraining

    monkeypatch.setattr(pretraining, "MOST_STEPS", 10)
    monkeypatch.setattr(pretraining, "ATTEMPTS", 1)


def test_one_object_is_printed_and_can_be_reported_again(cli: Cli, tmp_path: Path) -> None:
    done = cli("reason", *SMALL, "--seeds", "2", "--teacher-size", "25k,12k", "--json", "--out", "out")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    check_schema("reason", printed)
    assert list(printed)[:2] == ["schema", "config"]
    assert set(printed["systems"]) == {"untrained", "teacher", "baseline", "ceiling"}
    assert set(printed["students"]) == {"traces", "answers", "self_consistent", "random", "oracle_P", "oracle_N"}
    assert printed["task"] == {"steps": 2, "modulus": 3, "facts": 27}
    assert printed["config"]["student_size"] == 25_000
    assert [(point["value"], point["parameters"]) for point in printed["curve"]] == [(12_000, 6_464)]
    assert "rounds" not in printed
    assert printed["device"] in ("cpu", "cuda", "mps")
    assert printed["pretraining"]["student"]["parameters"] == 25_280
    assert printed["students"]["traces"]["accuracy"]["value"] is not None
    assert "note: The ceiling is below 0.9" in done.stderr
    table = pl.read_parquet(tmp_path / "out" / "results.parquet")
    row = table.filter(what="traces", metric="accuracy").row(0, named=True)
    assert row["value"] == pytest.approx(printed["students"]["traces"]["accuracy"]["value"])
    again = cli("report", "out")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "out" / "report.md").read_text(encoding="utf-8").startswith("### Reasoning")


def test_mutual_prints_both_sides_of_each_round(cli: Cli) -> None:
    done = cli("reason", *SMALL, "--seeds", "1", "--teacher-size", "25k", "--method", "mutual", "--weak", "2", "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    check_schema("reason", printed)
    assert [step["round"] for step in printed["rounds"]] == [0, 1, 2, 3]
    assert all(len(step["teachers"]) == 2 for step in printed["rounds"])


def test_a_person_reads_tables_of_80_columns(cli: Cli) -> None:
    done = cli("reason", *SMALL, "--seeds", "1", "--teacher-size", "25k")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "The student of traces" in done.stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--steps", "9"), "--steps must be at most 8: got 9."),
        (("--weak", "2"), "--weak must be left out for w2sr, which has one teacher: got 2. Remove it, or use --method"),
        (
            ("--rounds", "7"),
            "--rounds must be left out for w2sr, which has no rounds: got 7. Remove it, or use --method",
        ),
        (("--temperature", "1e-300"), "--temperature must be between 0.01 and 10: got 1e-300."),
        (
            ("--teacher-size", "100k,110k"),
            "--teacher-size must be sizes of different decoders, but 100,000 and 110,000",
        ),
        (("--teacher-size", "big"), "--teacher-size must be a number of parameters: got 'big'. Write it as"),
        (("--student-size", "1k,"), "--student-size must have a value before and after each comma"),
        (("--student-size", "10k,20k"), "--student-size takes one value"),
        (("--teacher-accuracy", "x"), "--teacher-accuracy must be numbers, with commas between: got 'x'."),
        (
            ("--device", "cuda:77"),
            "--device must be one that torch can use: got cuda:77",
        ),
        (("--method", "mutual", "-N", "7"), "-N must be at least 8 for 3 rounds"),
    ],
)
def test_a_mistake_is_one_line(cli: Cli, flags: tuple[str, ...], message: str) -> None:
    done = cli("reason", *flags)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_without_torch_one_line_says_what_to_install(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, install_here: Callable[[str], str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else find(name))
    done = cli("reason")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(f"Run: {install_here('finetune')}\n")
