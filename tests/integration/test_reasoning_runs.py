"""Reasoning data on the command line: solutions after their questions, labels from answers, generated chains."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from w2s_probe.core.config import DataConfig
from w2s_probe.datasets import open_data

PAIR = ("--teacher", "classic:hashing-64", "--student", "classic:hashing-256")
FLAGS = ("--prompt", "question", "--text", "solution", "--label", "correct")
SIZES = ("-n", "60", "-N", "200", "--n-test", "100", "--seeds", "2")
OPTIONS = ("--cache", "store")


@pytest.fixture
def solutions(tmp_path: Path) -> Path:
    """Write a table of right and wrong solutions with their reference answers, as JSON lines."""
    table = open_data(DataConfig(data="builtin:arithmetic@400"))
    texts = [str(text).split("\n\n") for text in table.items or ()]
    answers = [str(text).rpartition(" ")[2].rstrip(".") for _, text in texts]
    right = {q: a for (q, _), a, label in zip(texts, answers, table.label or (), strict=True) if label == "yes"}
    frame = pl.DataFrame(
        {"question": [q for q, _ in texts], "solution": [s for _, s in texts], "answer": [right[q] for q, _ in texts]}
    )
    frame.write_ndjson(tmp_path / "solutions.jsonl")
    return tmp_path / "solutions.jsonl"


def test_labels_are_derived_said_and_the_same_as_those_of_the_generator(cli: Cli, solutions: Path) -> None:
    done = cli("run", "solutions.jsonl", *FLAGS, *PAIR, *SIZES, *OPTIONS, "--json", "--save-split", "split.csv")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["classes"] == ["no", "yes"]
    assert result["read"]["class_counts"] == {"no": 200, "yes": 200}
    assert any("the final answer of 200 of 400 solutions is the reference answer" in note for note in result["notes"])
    assert result["config"]["prompt"] == "question"
    assert "texts of column solution after prompts of column question" in done.stderr
    assert "sources of column question" in done.stderr
    questions = pl.read_ndjson(solutions)["question"].to_numpy()
    for _, split in pl.read_csv(solutions.parent / "split.csv").group_by("seed"):
        parts = [set(questions[part["id"].to_numpy()]) for _, part in split.group_by("part")]
        assert sum(map(len, parts)) == len(set.union(*parts))


def test_prompts_are_embedded_once_for_all_verbs(cli: Cli, solutions: Path) -> None:
    columns = ("--prompt", "question", "--text", "solution")
    assert cli("embed", "solutions.jsonl", *columns, "--backbone", "classic:hashing-64", *OPTIONS).returncode == 0
    again = cli("embed", "solutions.jsonl", *columns, "--backbone", "classic:hashing-64", *OPTIONS)
    assert "encoded 0 rows" in again.stdout + again.stderr
    forecast = cli("forecast", "solutions.jsonl", *FLAGS, *PAIR, "-n", "60", *OPTIONS, "--json")
    assert forecast.returncode == 0, forecast.stderr
    np.save(solutions.parent / "x.npy", np.random.default_rng(0).standard_normal((400, 3)))
    imported = ("cache", "import", "x.npy", "--name", "x", "--data", "solutions.jsonl", *columns, *OPTIONS)
    assert cli(*imported).returncode == 0
    run = cli("run", "solutions.jsonl", *FLAGS, "--teacher", "cached:x", *PAIR[2:], *SIZES, *OPTIONS, "--json")
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--prompt", "question", "--label", "correct"), "error: --prompt question of solutions.jsonl must stand"),
        (("--text", "solution", "--prompt", "asked"), "error: --prompt must name a column of solutions.jsonl: got 'as"),
    ],
)
def test_a_prompt_without_texts_or_a_column_is_one_line(
    cli: Cli, solutions: Path, flags: tuple[str, ...], message: str
) -> None:
    done = cli("run", solutions.name, *flags, *PAIR, *SIZES, *OPTIONS)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_a_question_on_two_sides_of_a_split_of_the_users_is_an_error(cli: Cli, solutions: Path) -> None:
    frame = pl.read_ndjson(solutions).with_columns(part=pl.Series(["labeled", "unlabeled", "test", "test"] * 100))
    frame.write_ndjson(solutions)
    done = cli("run", solutions.name, *FLAGS, *PAIR, "--split", "part", "--seeds", "1", *OPTIONS)
    assert done.returncode == 1
    assert "each source of column 'question' must be in one part: got 100 of 200 sources in two or more" in done.stderr


def test_generated_chains_run_with_their_traces(cli: Cli) -> None:
    flags = ("--strategy", "vanilla,traces,oracle_traces", "--group", "place")
    done = cli("run", "builtin:arithmetic@400", *PAIR, *SIZES, *OPTIONS, *flags, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(result["students"]) == {"vanilla", "traces", "oracle_traces"}
    assert "versus_control" in result["students"]["oracle_traces"]
    assert set(result["students"]["traces"]["variants"]) == {"arm=hard", "arm=votes", "arm=bagged", "arm=random"}
    assert all("rgr" in student for student in result["students"].values())
