"""The verdict on the command line: systems that cannot be told apart, and pairs with names that look alike."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli, pair_of_views

ROWS = 700
SIZES = ("-n", "120", "-N", "350", "--n-test", "200", "--quiet")
PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write two views, a view that contains the first, and a table with labels of several kinds."""
    rng = np.random.default_rng(0)
    weak, strong, labels = pair_of_views(ROWS)
    np.save(tmp_path / "t.npy", weak.X)
    np.save(tmp_path / "s.npy", strong.X)
    np.save(tmp_path / "mirrored.npy", -weak.X[:, ::-1])
    pl.DataFrame(
        {
            "good": labels.values,
            "rare": np.where(rng.random(ROWS) < 0.02, "yes", "no"),
            "three": rng.choice(["a", "b", "c"], ROWS, p=[0.95, 0.03, 0.02]),
            "noise": rng.standard_normal(ROWS),
            "group": rng.choice(["x", "y"], ROWS),
        }
    ).write_csv(tmp_path / "table.csv")
    return tmp_path


CONSTANT = {
    "two classes": ("--label", "rare"),
    "three classes": ("--label", "three"),
    "softmax": ("--label", "rare", "--head", "softmax"),
    "hard pseudolabels": ("--label", "three", "--pseudolabels", "hard"),
    "numbers": ("--label", "noise", "--task", "regression", "--teacher-alpha", "1e9", "--student-alpha", "1e9"),
}


@pytest.mark.parametrize("verb", ["run", "forecast"])
@pytest.mark.parametrize("case", CONSTANT)
def test_constant_systems_are_named_and_get_no_other_advice(cli: Cli, folder: Path, verb: str, case: str) -> None:
    seeds = ("--seeds", "2") if verb == "run" else ()
    done = cli(verb, "table.csv", *CONSTANT[case], *PAIR, *SIZES, *seeds)
    assert done.returncode == 0, done.stderr
    assert "No recommendation: every system " in " ".join(done.stdout.split())
    assert "Weak-to-strong: unresolved · No recommendation" in done.stdout.replace("Forecast of weak", "Weak")
    for word in ("span the teacher", "Try ", "Train the strong model", "Label about", "default"):
        assert word not in done.stdout


@pytest.mark.parametrize("verb", ["run", "forecast"])
@pytest.mark.parametrize("student", ["features:t.npy", "features:mirrored.npy"])
def test_equal_features_are_named_and_get_no_other_advice(cli: Cli, folder: Path, verb: str, student: str) -> None:
    done = cli(verb, "table.csv", "--label", "good", *PAIR[:2], "--student", student, *SIZES, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["verdict"]["recommend"] == "unresolved"
    assert result["verdict"]["advice"].startswith("No recommendation: teacher and student have the same features")
    assert not any("span" in note or "chosen strength" in note for note in result["notes"])


def test_terminal_page_and_markdown_have_one_headline(cli: Cli, folder: Path) -> None:
    done = cli("run", "table.csv", "--label", "good", "--group", "group", *PAIR, *SIZES, "--seeds", "2", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.split("\n"))) <= 80
    (headline,) = re.findall(r"^Weak-to-strong: .* · .*ecommend.*$", done.stdout, flags=re.MULTILINE)
    assert f"### {headline}\n" in (folder / "out" / "report.md").read_text(encoding="utf-8")
    assert headline in (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "Accuracy of the worst group: student - teacher" in " ".join(done.stdout.split())


def test_files_of_one_name_in_two_folders_are_two_pairs(cli: Cli, folder: Path) -> None:
    for name, source in (("a", "t.npy"), ("b", "mirrored.npy")):
        (folder / name).mkdir()
        (folder / name / "t.npy").write_bytes((folder / source).read_bytes())
    teachers = ("--teacher", "features:a/t.npy,features:b/t.npy", *PAIR[2:])
    done = cli("forecast", "table.csv", "--label", "good", *teachers, *SIZES)
    assert done.returncode == 0, done.stderr
    assert len(set(re.findall(r"^\d\. (features:[ab]/t\.npy -> features:s\.npy)$", done.stdout, re.MULTILINE))) == 2
    swept = cli("sweep", "table.csv", "--label", "good", *teachers, *SIZES, "--seeds", "2", "--json")
    assert swept.returncode == 0, swept.stderr
    points = json.loads(swept.stdout)["points"]
    assert {point["teacher_backbone"] for point in points} == {"features:a/t.npy", "features:b/t.npy"}


def test_a_sweep_tells_long_names_apart(cli: Cli, folder: Path) -> None:
    long = "an-encoder-with-a-very-long-name-of-many-words"
    names = [f"{long}-layer-{layer}-of-{long}.npy" for layer in ("03", "17")]
    for name, source in zip(names, ("t.npy", "mirrored.npy"), strict=True):
        (folder / name).write_bytes((folder / source).read_bytes())
    teachers = ("--teacher", ",".join(f"features:{name}" for name in names))
    done = cli("sweep", "table.csv", "--label", "good", *teachers, *PAIR[2:], *SIZES, "--seeds", "2")
    assert done.returncode == 0, done.stderr
    titles = [line for line in done.stdout.split("\n") if "→" in line or "->" in line]
    assert len(set(titles)) == 2
    assert [layer in title for layer, title in zip(("03", "17"), titles, strict=True)] == [True, True]


def test_pairs_are_ranked_by_the_better_of_student_and_baseline(cli: Cli, folder: Path) -> None:
    backbones = ("--teacher", "features:t.npy", "--student", "features:t.npy,features:s.npy,features:mirrored.npy")
    done = cli("forecast", "table.csv", "--label", "good", *backbones, *SIZES, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    keys = [
        (max(pair["student"]["value"], pair["baseline"]["value"]), pair["student"]["value"]) for pair in result["pairs"]
    ]
    assert keys == sorted(keys, reverse=True)
    assert result["student_backbone"] == result["pairs"][0]["student_backbone"] == "features:s.npy"
