"""All that a strategy of another package returns is in the terminal, in JSON, in Parquet and on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.schemas import check_schema
from tests.strategy_plug_in import install_steps

DATA = ("table.csv", "--label", "y", "--student", "features:s.npy", "-n", "60", "-N", "200", "--n-test", "150")
COMMITTEE = ("--teacher", "features:t.npy+features:u.npy")
FEW = (  # variants of each kind, for speed
    *("--set", "two_stage.votes=3", "--set", "two_stage.tau=[0.6, 1]", "--set", "traces.votes=3"),
    *("--set", "distill.soft_weight=[0, 1]", "--set", "distill.teacher_rows=[25]"),
)
RUN = ("run", *DATA, *COMMITTEE, "--seeds", "2", "--strategy", "vanilla,high_confidence,steps")


@pytest.fixture(autouse=True)
def _steps(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the strategy, and write the features of a second teacher."""
    install_steps(table.parent, monkeypatch)
    teacher = np.load(table.parent / "t.npy")
    np.save(table.parent / "u.npy", teacher[:, ::2] + np.random.default_rng(1).standard_normal((2400, 10)))


def test_json_holds_everything_that_the_strategy_returned(cli: Cli) -> None:
    done = cli(*RUN, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    check_schema("run", found)
    steps = found["students"]["steps"]
    assert steps["uses_labels"] is True
    assert list(steps["parts"]) == ["sure rows", "turned"]
    assert steps["parts"]["sure rows"]["fraction"] == 0.5
    precision = [steps["parts"][part]["label_precision"] for part in ("sure rows", "turned")]
    assert steps["selection"]["label_precision"] == pytest.approx(np.mean(precision))  # of the new labels
    assert precision[0] > 0.5 > precision[1]
    assert steps["fitted"]["margin"]["low"] <= steps["fitted"]["margin"]["mean"] <= steps["fitted"]["margin"]["high"]
    assert list(steps["variants"]) == ["keep=0.9", "keep=1"]
    assert set(steps["variants"]["keep=1"]) == set(steps) - {"variants"}
    assert list(steps["versus_rivals"]) == ["vanilla", "steps/keep=1"]
    assert list(steps["versus_teachers"]) == ["best", "together"]
    assert {entry["strategy"] for entry in found["ranking"]} == {"high_confidence", "steps"}
    assert found["skipped"] == {"steps/keep=0": "keep=0 leaves no row: got 0. Set --strategy to others."}


def test_terminal_page_and_markdown_show_it(cli: Cli, tmp_path: Path) -> None:
    done = cli(*RUN, "--out", "out")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    page, markdown = ((tmp_path / "out" / name).read_text() for name in ("report.html", "report.md"))
    for text in ("steps +L", "keep=0.9", "keep=1", "sure rows", "turned", "(baseline)", "(together)", "features:u.npy"):
        assert text in done.stdout
        assert text in page
        assert text in markdown.replace("&#43;", "+").replace("&#95;", "_")
    for text in ("Did not apply: steps/keep=0. Reason: keep=0 leaves no row", "Variants of steps"):
        assert text in done.stdout
    for name in ("Teachers", "Ranking", "Variants", "Against rivals", "Did not apply", "Strengths"):
        assert f"<h2>{name}</h2>" in page
    assert "margin" in page
    assert cli("report", "out").stdout == done.stdout.replace(
        "result.json, results.parquet, report.html", "report.html"
    )


def test_tables_of_numbers_and_predictions_have_its_students_and_variants(cli: Cli, tmp_path: Path) -> None:
    assert cli(*RUN, "--out", "out", "--save-predictions").returncode == 0
    tidy = pl.read_parquet(tmp_path / "out" / "results.parquet")
    strategies = set(tidy.filter(system="student", part="test")["strategy"])
    assert strategies == {
        "vanilla",
        "high_confidence",
        "high_confidence:control",
        "steps",
        "steps/keep=0.9",
        "steps/keep=1",
    }
    assert set(tidy.filter(system="teachers")["strategy"]) == {"features:t.npy", "features:u.npy", "together"}
    learned = tidy.filter(strategy="steps", metric="label_precision", seed=0)
    assert dict(zip(learned["part"], learned["n"], strict=True)) == {
        "unlabeled": 200, "unlabeled/sure rows": 100, "unlabeled/turned": 100,
    }  # fmt: skip
    said = pl.read_parquet(tmp_path / "out" / "predictions.parquet")
    pool = said.filter(part="unlabeled", seed=0)
    right = (pool["steps_pseudolabel"] == pool["label"]).mean()
    assert right == pytest.approx(learned.filter(part="unlabeled")["value"][0])
    assert pool["steps/keep=0.9_kept"].all()
    assert "steps/keep=0.9_class" not in said.columns  # its head is in heads.safetensors
    teacher = pl.col("teachers/features:t.npy_class") == pl.col("teacher_class")
    assert said.filter(~teacher).height == 0
    assert said["teachers/together_probability"].is_between(0.5, 1).all()


def test_heads_of_all_teachers_students_and_variants_are_kept(cli: Cli, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    assert cli(*RUN, "--out", "out", "--save-heads", "--save-predictions").returncode == 0
    heads = safetensors.load_file(tmp_path / "out" / "heads.safetensors")
    names = {name.split("/", 1)[1].removesuffix("/coef") for name in heads if name.endswith("/coef")}
    assert names == {
        "teacher", "baseline", "ceiling", "teachers/features:t.npy", "teachers/features:u.npy", "vanilla",
        "high_confidence", "high_confidence:control", "steps", "steps/keep=0.9", "steps/keep=1",
    }  # fmt: skip
    said = pl.read_parquet(tmp_path / "out" / "predictions.parquet").filter(part="test", seed=1)
    X = np.load(tmp_path / "u.npy")[said["id"].cast(pl.Int64).to_numpy()]
    scores = X @ heads["1/teachers/features:u.npy/coef"] + heads["1/teachers/features:u.npy/intercept"]
    assert said["teachers/features:u.npy_class"].to_list() == [str(code) for code in scores.argmax(axis=1)]


@pytest.mark.slow  # every strategy twice
@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_noise_in_the_labels_of_pool_and_test_rows_changes_no_student_pseudolabel_or_kept_row(
    cli: Cli, table: Path, head: str
) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    features, sizes = DATA[:5], ("-n", "40", "-N", "100", "--n-test", "60")
    flags = [*("--seeds", "1", "--head", head, "--group", "source", *FEW)]
    flags += ["--strategy", "all,steps,oracle_dfr", "--save-heads", "--save-predictions", "--out"]
    pl.read_csv(table).with_columns(pl.col("source") % 2).write_csv(table)
    assert cli("run", *features, *COMMITTEE, *sizes, *flags, "one", "--save-split", "s.csv").returncode == 0
    frame, rng = pl.read_csv(table), np.random.default_rng(5)
    others = pl.read_csv(table.parent / "s.csv").filter(pl.col("part") != "labeled")["id"].to_numpy()
    y = frame["y"].to_numpy().copy()
    y[others] = rng.integers(2, size=len(others))
    frame.with_columns(y=pl.Series(y)).write_csv(table)
    assert cli("run", *features, *COMMITTEE, *flags, "two", "--split-file", "s.csv").returncode == 0
    one, two = (safetensors.load_file(table.parent / name / "heads.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert len({name for name in one if "/two_stage" in name or "/steps/" in name}) > 4
    differ = {name.split("/")[1].partition(":")[0] for name in one if one[name].tobytes() != two[name].tobytes()}
    assert differ == {"ceiling", "oracle_dfr"}
    first, second = (pl.read_parquet(table.parent / name / "predictions.parquet") for name in ("one", "two"))
    ends = ("pseudolabel", "_kept")
    same = [name for name in first.columns if name.endswith(ends) and not name.startswith("oracle_")]
    assert len(same) > 10
    assert first.select(same).equals(second.select(same))
    assert not first["label"].equals(second["label"])
