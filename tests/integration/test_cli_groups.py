"""Groups, requested shares and remedies on the command line, from features made elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.stderr import as_printed, without_read

PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y")
RUN = ("run", "table.csv", *PAIR, "--group", "color", "--seeds", "3")
ETAS = ("--eta-labeled", ".05", "--eta-unlabeled", ".2", "--eta-test", ".5", "--balance-classes")
SIZES = ("-n", "100", "-N", "400", "--n-test", "120")


@pytest.fixture
def colored(table: Path) -> Path:
    """Add a color that follows the label in four rows of five, and that both backbones see."""
    rng = np.random.default_rng(3)
    y = pl.read_csv(table)["y"].to_numpy()
    red = np.where(rng.random(len(y)) < 0.8, y, 1 - y)
    pl.read_csv(table).with_columns(color=pl.Series(["red" if one else "blue" for one in red])).write_csv(table)
    for name, strength in (("t.npy", 1.5), ("s.npy", 1.0)):
        X = np.load(table.parent / name)
        X[:, 0] += strength * X.std() * (2 * red - 1)
        np.save(table.parent / name, X)
    return table


def found(cli: Cli, *arguments: str) -> dict[str, Any]:
    done = cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_run_reports_groups_the_remedy_and_its_control(cli: Cli, colored: Path) -> None:
    result = found(cli, *RUN, *ETAS, *SIZES, "--strategy", "vanilla,high_confidence,oracle_dfr", "--suspects")
    assert result["config"]["cue"] == {"0": "blue", "1": "red"}
    groups = {"0|blue", "0|red", "1|blue", "1|red"}
    for system in (*result["systems"].values(), *result["students"].values()):
        assert set(system["groups"]) == groups
        assert {one["n"] for one in system["groups"].values()} == {30}
        values = {name: one["value"] for name, one in system["groups"].items()}
        worst = system["worst_group_accuracy"]
        assert worst["value"] == values[worst["group"]] == min(values.values())
        assert worst["low"] <= worst["value"] <= worst["high"]
        assert system["mean_over_groups"]["value"] == pytest.approx(np.mean(list(values.values())))
        assert system["prior_mean_over_groups"]["prior"] == "shares in all rows of the data"
    vanilla, remedy = result["students"]["vanilla"], result["students"]["high_confidence"]
    assert "versus_vanilla" not in vanilla
    assert {"accuracy", "worst_group_accuracy"} <= set(remedy["versus_vanilla"])
    assert remedy["versus_vanilla"]["accuracy"]["value"] == pytest.approx(
        remedy["accuracy"]["value"] - vanilla["accuracy"]["value"]
    )
    assert remedy["control"]["selection"]["kept"] == remedy["selection"]["kept"] == pytest.approx(240, abs=2)
    assert set(remedy["selection"]["group_mix"]) == groups
    assert vanilla["selection"]["conflicting"] == pytest.approx(0.2)
    assert [point["keep"] for point in remedy["coverage"]] == pytest.approx(np.arange(1, 11) / 10)
    assert remedy["coverage"][5]["worst_group_accuracy"] == remedy["worst_group_accuracy"]
    (said,) = (note for note in result["notes"] if note.startswith("high_confidence"))
    change = remedy["versus_vanilla"]["worst_group_accuracy"]
    assert f"{change['value']:+.3f} [{change['low']:+.3f}, {change['high']:+.3f}] against the vanilla student" in said
    helps = all(remedy[other]["worst_group_accuracy"]["low"] > 0 for other in ("versus_vanilla", "versus_control"))
    assert helps == ("high_confidence helps" in said)
    balanced = result["students"]["oracle_dfr"]["selection"]["group_mix"]
    assert set(balanced.values()) == {0.25}
    assert result["suspects"]["first"]["suspected"] == 40
    assert result["suspects"]["judged"]["seeds"] == 3


def test_a_colleague_can_open_what_a_run_with_groups_wrote(cli: Cli, colored: Path) -> None:
    done = cli(*RUN, *ETAS, *SIZES, "--strategy", "vanilla,high_confidence", "--suspects", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    for said in ("0 → blue, 1 → red", "labeled 0.05, pool 0.2, test 0.5", "worst group", "random control"):
        assert as_printed(said) in done.stdout
    page = (colored.parent / "out" / "report.html").read_text()
    for heading in ("Groups", "Effect of each strategy", "Coverage of high_confidence", "Likely minority"):
        assert f"<h2>{heading}</h2>" in page
    tidy = pl.read_parquet(colored.parent / "out" / "results.parquet")
    by_group = tidy.filter(pl.col("group").is_not_null(), strategy="high_confidence:control", seed=0)
    assert sorted(by_group["group"]) == ["0|blue", "0|red", "1|blue", "1|red"]
    before = (colored.parent / "out" / "report.md").read_bytes()
    (colored.parent / "out" / "report.md").unlink()
    assert cli("report", "out").returncode == 0
    assert (colored.parent / "out" / "report.md").read_bytes() == before


def test_values_alone_can_be_groups(cli: Cli, colored: Path) -> None:
    result = found(cli, *RUN, *SIZES, "--group-by", "column")
    assert set(result["systems"]["teacher"]["groups"]) == {"blue", "red"}


def test_regression_compares_groups_on_squared_error(cli: Cli, colored: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pl.read_csv(colored)
    frame.with_columns(y=frame["y"] + pl.Series(rng.standard_normal(len(frame)))).write_csv(colored)
    result = found(cli, *RUN, *SIZES, "--task", "regression")
    teacher = result["systems"]["teacher"]
    worst = teacher["worst_group_squared_error"]
    assert worst["value"] == max(one["value"] for one in teacher["groups"].values())
    assert set(teacher["groups"]) == {"blue", "red"}


def test_a_sweep_moves_one_fraction_while_pool_and_test_rows_stay(cli: Cli, colored: Path) -> None:
    axes = ("--eta-labeled", ".05,.5", "--eta-unlabeled", ".1,.3", "--eta-test", ".5", "--balance-classes")
    result = found(cli, "sweep", *RUN[1:], *axes, *SIZES, "--out", "out")
    points = {(point["eta_labeled"], point["eta_unlabeled"]): point for point in result["points"]}
    assert list(points) == [(0.05, 0.1), (0.05, 0.3), (0.5, 0.1), (0.5, 0.3)]
    assert points[0.05, 0.1]["ceiling"] == points[0.5, 0.1]["ceiling"]  # the same pool, the same test rows
    assert points[0.05, 0.1]["teacher"] == points[0.05, 0.3]["teacher"]
    one = found(cli, *RUN, *SIZES, *ETAS[:2], "--eta-unlabeled", ".1", *ETAS[4:])
    assert points[0.05, 0.1]["gain"] == pytest.approx(one["students"]["vanilla"]["gain"])
    assert points[0.05, 0.1]["worst_groups"]["teacher"] == pytest.approx(
        one["systems"]["teacher"]["worst_group_accuracy"]
    )
    tidy = pl.read_parquet(colored.parent / "out" / "results.parquet")
    rows = tidy.filter(
        pl.col("group") == "0|red", eta_labeled=0.05, eta_unlabeled=0.1, system="teacher", metric="accuracy"
    )
    assert rows["value"].mean() == pytest.approx(one["systems"]["teacher"]["groups"]["0|red"]["value"])
    assert rows["n_test"].to_list() == [30, 30, 30]


def test_a_group_without_test_rows_is_said(cli: Cli, colored: Path) -> None:
    done = cli(*RUN, "--eta-test", "0", *SIZES, "--json")
    assert done.returncode == 0
    assert "note: group 0|red has no test row in 3 of 3 seeds" in done.stderr
    assert set(json.loads(done.stdout)["systems"]["teacher"]["groups"]) == {"0|blue", "1|red"}


MISTAKES: dict[str, tuple[tuple[str, ...], str]] = {
    "no group": (("run", "table.csv", *PAIR, "--eta-labeled", ".1"), "Add --group COLUMN"),
    "no such column": (("run", "table.csv", *PAIR, "--group", "colour"), "Did you mean color"),
    "no fraction": ((*RUN, "--eta-labeled", "5"), "--eta-labeled must be a share between 0 and 1: got 5.0"),
    "more than there is": (
        (*RUN, "--eta-test", ".5", "--balance-classes", "--n-test", "1800", "-n", "20", "-N", "20"),
        "or change the shares",
    ),
    "unknown label": ((*RUN, "--cue", "2=red"), "the classes are 0, 1"),
    "unknown value": ((*RUN, "--cue", "0=green,1=red"), "the values of 'color' are blue, red"),
    "half a cue": ((*RUN, "--cue", "0"), "--cue must be LABEL=VALUE"),
    "two values of one label": ((*RUN, "--cue", "0=red,0=blue"), "each label once"),
    "fractions of a user's own split": ((*RUN, "--split-file", "s.csv", "--eta-test", ".5"), "Remove --split-file"),
    "fractions of numbers": ((*RUN, "--task", "regression", "--eta-test", ".5"), "must be left out for regression"),
    "an oracle without groups": (("run", "table.csv", *PAIR, "--strategy", "oracle_dfr"), "--group"),
    "suspects of numbers": ((*RUN, "--task", "regression", "--suspects"), "need classes"),
    "odd fraction in a sweep": (("sweep", *RUN[1:], "--eta-labeled", "a,b"), "--eta-labeled must be numbers"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line(cli: Cli, colored: Path, name: str) -> None:
    arguments, said = MISTAKES[name]
    done = cli(*arguments)
    assert done.returncode == 1, done.stderr
    assert len(without_read(done.stderr).splitlines()) == 1
    assert said in done.stderr


def test_no_cue_and_missing_values_are_one_line(cli: Cli, table: Path) -> None:
    frame = pl.read_csv(table).sort("y")
    level = frame.with_columns(color=pl.Series(["a", "b"] * (len(frame) // 2)))
    counts = level.group_by("y", "color").len()["len"]
    even = pl.concat([level.filter(y=value, color=one).head(int(counts.min())) for value in (0, 1) for one in "ab"])  # type: ignore[arg-type]
    for name in ("t.npy", "s.npy"):
        np.save(table.parent / name, np.load(table.parent / name)[: len(even)])
    even.write_csv(table)
    done = cli(*RUN, "--eta-test", ".5")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "every value is as frequent under one label" in done.stderr
    even.with_columns(color=pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise("color")).write_csv(table)
    done = cli(*RUN)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "have none, the first is row 7" in done.stderr


def test_a_forecast_shows_the_likely_minority_of_a_pool_without_labels(cli: Cli, colored: Path) -> None:
    frame = pl.read_csv(colored).with_columns(y=pl.when(pl.int_range(pl.len()) < 150).then("y"))
    frame.write_csv(colored)
    arguments = ("forecast", "table.csv", *PAIR, "--suspects")
    suspects = found(cli, *arguments)["suspects"]
    assert "judged" not in suspects
    assert suspects["first"]["n"] == 150
    assert suspects["first"]["suspected"] == 225  # a tenth of 2,250 rows
    ids = [one["row"] for cluster in suspects["first"]["clusters"] for one in cluster["examples"]]
    assert min(ids) >= 150
    done = cli(*arguments, "--out", "out")
    assert "Likely minority" in done.stdout
    assert "<h2>Likely minority</h2>" in (colored.parent / "out" / "report.html").read_text()
    assert "--pool" in cli(*arguments, "--pool", "table.csv").stderr


def test_heads_can_be_taken_away(cli: Cli, colored: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    chosen = ("--strategy", "vanilla,high_confidence", "--save-heads", "--save-predictions", "--out", "out")
    assert cli(*RUN, *SIZES, *chosen).returncode == 0
    out = colored.parent / "out"
    heads = safetensors.load_file(out / "heads.safetensors")
    said = pl.read_parquet(out / "predictions.parquet").filter(part="test", seed=1)
    rows = said["id"].cast(pl.Int64).to_numpy()
    for name, features in {"teacher": "t.npy", "vanilla": "s.npy", "high_confidence": "s.npy"}.items():
        X = np.load(colored.parent / features)[rows]
        scores = X @ heads[f"1/{name}/coef"] + heads[f"1/{name}/intercept"]
        assert said[f"{name}_class"].to_list() == [str(code) for code in scores.argmax(axis=1)]
    assert "Add --out DIR" in cli(*RUN, "--save-heads").stderr


def test_noise_in_groups_and_in_the_pools_labels_changes_no_byte_of_a_student(cli: Cli, colored: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    strategies = ("--strategy", "vanilla,high_confidence,oracle_dfr", "--save-heads")
    assert cli(*RUN, *SIZES, *strategies, "--save-split", "s.csv", "--out", "one").returncode == 0
    frame, rng = pl.read_csv(colored), np.random.default_rng(5)
    labeled = pl.read_csv(colored.parent / "s.csv").filter(part="labeled")["id"].unique()
    y = frame["y"].to_numpy().copy()
    others = np.setdiff1d(np.arange(len(frame)), labeled.to_numpy())
    y[others] = rng.integers(2, size=len(others))
    noise = pl.Series(rng.choice(["red", "blue"], size=len(frame)))
    frame.with_columns(y=pl.Series(y), color=noise).write_csv(colored)
    assert cli(*RUN, "--split-file", "s.csv", *strategies, "--out", "two").returncode == 0
    one, two = (safetensors.load_file(colored.parent / name / "heads.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    differ = {name for name in one if one[name].tobytes() != two[name].tobytes()}
    assert {name.split("/")[1].partition(":")[0] for name in differ} == {"ceiling", "oracle_dfr"}
