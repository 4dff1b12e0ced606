"""Several teachers on the command line: ``A+B`` is a committee."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Cli
from tests.stderr import without_read

ONE = "must be one backbone"
DATA = ("table.csv", "--label", "y")


@pytest.mark.parametrize(
    ("verb", "arguments", "text"),
    [
        ("run", ("features:t.npy", "features:s.npy+features:t.npy"), f"--student {ONE}: got 2 with + between"),
        ("forecast", ("features:t.npy", "features:s.npy+features:t.npy"), f"--student {ONE}: got 2 with + between"),
        ("sweep", ("features:t.npy", "features:s.npy+features:t.npy"), f"--student {ONE}: got 2 with + between"),
        ("diagnose", ("features:t.npy+features:s.npy", "features:s.npy"), f"--teacher {ONE}: got 2 with + between"),
        ("run", ("features:t.npy,features:s.npy", "features:s.npy"), f"--teacher {ONE} or committee: got 2 with comma"),
        ("run", ("features:t.npy", "features:s.npy,features:t.npy"), f"--student {ONE}: got 2 with commas between"),
        ("run", ("features:t.npy+", "features:s.npy"), "--teacher must have a value before and after each +: got"),
        ("sweep", ("features:t.npy + ", "features:s.npy"), "--teacher must have a value before and after each +: got"),
        ("forecast", ("+features:t.npy", "features:s.npy"), "--teacher must have a value before and after each +: got"),
        ("run", ("classic:hashing-8,hashing-16", "features:s.npy"), "Write classic:hashing-16, for example."),
        ("run", ("features:t.npy+feature:s.npy", "features:s.npy"), "features:t.npy+feature:s.npy"),
        (
            "run",
            ("classic:hashing-8+clazzic:hashing-16", "features:s.npy"),
            "got 'clazzic:' in 'classic:hashing-8+clazz",
        ),
        (
            "sweep",
            ("features:t.npy+features:s.npy,features:t.npy + features:s.npy", "features:s.npy"),
            "Name each once.",
        ),
    ],
)
def test_names_that_make_no_committee_are_one_line(
    cli: Cli, table: Path, verb: str, arguments: tuple[str, str], text: str
) -> None:
    teacher, student = arguments
    done = cli(verb, *DATA, "--teacher", teacher, "--student", student)
    assert (done.returncode, done.stdout, without_read(done.stderr).count("\n")) == (1, "", 1)
    assert text in done.stderr


def test_backbones_to_embed_stand_alone(cli: Cli, table: Path) -> None:
    done = cli("embed", "table.csv", "--backbone", "features:t.npy+features:s.npy")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"--backbone {ONE}: got 2 with + between" in done.stderr


@pytest.fixture
def views(table: Path) -> Path:
    """Write a second teacher, whose file is called u+v,w.npy."""
    weak, strong = np.load(table.parent / "t.npy"), np.load(table.parent / "s.npy")
    noise = np.random.default_rng(1).standard_normal(weak.shape)
    np.save(table.parent / "u+v,w.npy", (strong[:, : weak.shape[1]] + 4 * noise).astype(np.float32))
    return table.parent


SECOND = "features:u+v,w.npy"
SIZES = ("--student", "features:s.npy", "-n", "60", "-N", "200", "--n-test", "200", "--json")


def test_a_repeated_teacher_is_a_joined_one(cli: Cli, views: Path) -> None:
    start = ("run", *DATA, *SIZES, "--seeds", "2")
    joined = cli(*start, "--teacher", f"features:t.npy + {SECOND}")
    assert joined.returncode == 0, joined.stderr
    result = json.loads(joined.stdout)
    assert result["config"]["teacher"] == f"features:t.npy+{SECOND}"
    assert [(role, entry["backbone"]) for role, entry in result["read"]["features"].items()] == [
        ("teacher 1", "features:t.npy"),
        ("teacher 2", SECOND),
        ("student", "features:s.npy"),
    ]
    assert f"teacher 2 {SECOND}: array X, 20 dimensions" in joined.stderr
    assert cli(*start, "--teacher", "features:t.npy", "--teacher", SECOND).stdout == joined.stdout
    (views / "run.toml").write_text(f'teacher = ["features:t.npy", "{SECOND}"]', encoding="utf-8")
    assert cli(*start, "--config", "run.toml").stdout == joined.stdout


def test_a_name_that_is_there_twice_gets_a_number(cli: Cli, views: Path) -> None:
    done = cli("run", *DATA, *SIZES, "--seeds", "1", "--teacher", "features:t.npy+features:t.npy")
    result = json.loads(done.stdout)
    assert result["config"]["teacher"] == "features:t.npy+features:t.npy"
    assert [name for name in result["teachers"] if name != "together"] == ["features:t.npy", "features:t.npy (2)"]


def test_commas_of_a_forecast_separate_committees(cli: Cli, views: Path) -> None:
    teachers = f"features:t.npy,features:t.npy+{SECOND},{SECOND}"
    done = cli("forecast", *DATA, *SIZES, "--teacher", teachers)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["config"]["teacher"] == teachers
    pairs = {pair["teacher_backbone"]: pair for pair in result["pairs"]}
    assert set(pairs) == {"features:t.npy", f"features:t.npy+{SECOND}", SECOND}
    committee = pairs[f"features:t.npy+{SECOND}"]
    assert (committee["error_parts"], committee["representation_gap"]) == (None, None)
    assert committee["teacher"]["value"] == pytest.approx(pairs["features:t.npy"]["teacher"]["value"], abs=0.02)
    refused = cli("forecast", *DATA, *SIZES, "--teacher", teachers, "--strategy", "high_confidence")
    assert (refused.returncode, refused.stdout, without_read(refused.stderr).count("\n")) == (1, "", 1)
    assert "forecast supports only the vanilla strategy" in refused.stderr


def test_a_committee_is_one_value_of_a_sweeps_axis(cli: Cli, views: Path) -> None:
    start = ("sweep", *DATA, *SIZES, "--seeds", "2", "--out", "out")
    alone = cli(*start, "--teacher", "features:t.npy")
    assert alone.returncode == 0, alone.stderr
    done = cli(*start, "--teacher", f"features:t.npy,features:t.npy+{SECOND}")
    result = json.loads(done.stdout)
    names = ["features:t.npy", f"features:t.npy+{SECOND}"]
    assert result["config"]["teachers"] == names
    assert [point["teacher_backbone"] for point in result["points"]] == names
    assert result["points"][0] == json.loads(alone.stdout)["points"][0]
    assert len(list((views / "out" / "cells").glob("*.npz"))) == 4
