"""``run --task preference``: items with scores, tables, published layouts, files of features; what repeats it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.pairs import answered, responses, transcripts, write_items, write_lines
from tests.schemas import check_schema
from tests.stderr import read_line, without_read

FIXED = ("--teacher-alpha", "1", "--student-alpha", "1")
SIZES = ("-n", "24", "-N", "50", "--n-test", "30", "--seeds", "2")
TEXTS = ("--teacher", "classic:hashing-16", "--student", "classic:hashing-64")
NAMED = ("--prompt", "q", "--chosen", "good", "--rejected", "bad", "--id", "key")
FILES = ("--teacher", "features:t.npy", "--student", "features:s.npy")
ITEMS = ("run", "items.csv", "--task", "preference", "--score", "grade", *FILES)
TABLE = ("run", "pairs.jsonl", "--task", "preference", *NAMED)


@pytest.fixture(autouse=True)
def _data(tmp_path: Path) -> None:
    write_lines(tmp_path / "pairs.jsonl", answered(120))
    write_items(tmp_path, 220)


def found(cli: Cli, *arguments: str) -> dict[str, Any]:
    """Return the JSON of a run, checked against its schema."""
    done = cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    check_schema("run", result)
    return result


def numbers(result: dict[str, Any]) -> str:
    """Return all scores of a result."""
    return json.dumps([result["systems"], result["students"], result["class_counts"]])


def test_items_with_scores(cli: Cli) -> None:
    done = cli(*ITEMS, *SIZES, "--min-gap", "0.5", "--items", "30,70,40", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    check_schema("run", result)
    config = result["config"]
    shown = {name: config[name] for name in ("task", "min_gap", "items", "head", "score")}
    assert shown == {"task": "preference", "min_gap": 0.5, "items": [30, 70, 40], "head": "softmax", "score": "grade"}
    assert result["classes"] == ["first", "second"]
    assert result["score"] == "accuracy"
    ceiling = result["systems"]["ceiling"]["accuracy"]
    assert ceiling["low"] <= ceiling["value"] <= ceiling["high"]
    assert ceiling["value"] > 0.8  # the student's features tell the scores
    line = read_line(done.stderr)
    for words in ("pairs of 220 items", "drawn by scores of column grade, at least 0.5 apart;", "n = 24 pairs"):
        assert words in line
    assert "label" not in line
    assert "--min-gap" not in line


def test_the_default_gap_and_items_are_in_json_and_in_the_line(cli: Cli) -> None:
    done = cli(*ITEMS, *SIZES, *FIXED, "--json")
    config = json.loads(done.stdout)["config"]
    assert config["min_gap"] == 0
    assert "items" not in config
    assert "of any difference (guess: --min-gap)" in read_line(done.stderr)


def test_the_terminal_speaks_of_pairs(cli: Cli) -> None:
    done = cli(*ITEMS, *SIZES, *FIXED)
    assert without_read(done.stderr) == ""
    assert max(map(len, done.stdout.splitlines())) <= 80
    for words in (
        "n = 24 pairs, N = 50 pseudolabels, 30 test pairs, Bradley-Terry heads",
        "pairs that share an item are dependent",
        "preferred side in labeled/pool/test pairs: first ",
    ):
        assert words in done.stdout
    for words in ("largest class", "softmax heads", "test rows"):
        assert words not in done.stdout.partition("Weak-to-strong")[0]


def test_intervals_of_shared_items_are_wider_than_those_of_independent_pairs(cli: Cli) -> None:
    few = ("-n", "24", "-N", "50", "--n-test", "60", "--seeds", "1", *FIXED)
    shared = found(cli, *ITEMS, *few, "--items", "24,75,12")["systems"]["teacher"]["accuracy"]
    value = shared["value"]
    independent = 2 * 1.96 * np.sqrt(value * (1 - value) / 60)
    assert shared["high"] - shared["low"] > 1.2 * independent


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_tables_in_any_format_give_the_same(cli: Cli, tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame(answered(120))
    if suffix == "csv":
        frame.write_csv(tmp_path / "other.csv")
    elif suffix == "parquet":
        frame.write_parquet(tmp_path / "other.parquet")
    else:
        frame.write_ndjson(tmp_path / "other.jsonl")
    arguments = ("--task", "preference", *NAMED, *TEXTS, *SIZES, *FIXED)
    done = cli("run", f"other.{suffix}", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert numbers(json.loads(done.stdout)) == numbers(found(cli, "run", "pairs.jsonl", *arguments))
    line = read_line(done.stderr)
    assert "120 rows, none left out; 120 pairs of 240 items: prompts of column q" in line
    assert "preferred answers of column good, other answers of column bad; ids of column key" in line


def test_transcripts_and_responses_are_found_without_flags(cli: Cli, tmp_path: Path) -> None:
    write_lines(tmp_path / "hh.jsonl", transcripts(answered(120)))
    write_lines(tmp_path / "pku.jsonl", responses(answered(120)))
    run = ("--task", "preference", *TEXTS, *SIZES, *FIXED)
    hh = cli("run", "hh.jsonl", *run)
    assert hh.returncode == 0, hh.stderr
    assert "preferred answers of column chosen, other answers of column rejected (guess: --" in read_line(hh.stderr)
    better = found(cli, "run", "pku.jsonl", *run)
    safer = cli("run", "pku.jsonl", *run, "--criterion", "safer", "--json")
    assert "preferences of column safer_response_id; no ids" in read_line(safer.stderr)
    assert json.loads(safer.stdout)["config"]["criterion"] == "safer"
    assert "criterion" not in better["config"]
    assert numbers(better) != numbers(json.loads(safer.stdout))
    rows = [{**row, "better_response_id": row["safer_response_id"]} for row in responses(answered(120))]
    write_lines(tmp_path / "pku.jsonl", rows)
    assert numbers(found(cli, "run", "pku.jsonl", *run)) == numbers(json.loads(safer.stdout))


def test_features_of_sides_have_the_ids_of_their_pairs(cli: Cli, tmp_path: Path) -> None:
    rng, ids = (
        np.random.default_rng(3),
        [f"{row['key']}:{side}" for row in answered(120) for side in ("chosen", "rejected")],
    )
    better = np.tile([1.0, -1.0], 120)
    for name, noise in (("weak", 3.0), ("strong", 1.0)):
        X = better[:, None] * rng.standard_normal(6) + noise * rng.standard_normal((240, 6))
        order = rng.permutation(240)
        np.savez(tmp_path / f"{name}.npz", X=X[order].astype(np.float32), ids=np.array(ids)[order])
    files = ("--teacher", "features:weak.npz", "--student", "features:strong.npz")
    result = found(cli, *TABLE, *files, *SIZES, *FIXED)
    assert result["read"]["features"]["teacher"]["matched_by"] == "id"
    assert result["systems"]["ceiling"]["accuracy"]["value"] > 0.85


def test_files_have_pairs_and_heads_without_intercept_and_a_split_file_repeats_the_run(
    cli: Cli, tmp_path: Path
) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    run = (*TABLE, *TEXTS, *FIXED)
    saved = ("--out", "out", "--save-predictions", "--save-heads", "--save-split", "split.csv")
    drawn = found(cli, *run, *SIZES, *saved)
    predictions = pl.read_parquet(tmp_path / "out" / "predictions.parquet")
    assert set(predictions["id"]) <= {row["key"] for row in answered(120)}
    assert set(predictions["label"]) == {"first", "second"}
    assert predictions.filter(part="test", seed=0).height == 30
    heads = safetensors.load_file(tmp_path / "out" / "heads.safetensors")
    intercepts = [array for name, array in heads.items() if name.endswith("intercept")]
    assert len(intercepts) == 8
    assert not np.concatenate([array.ravel() for array in intercepts]).any()
    again = found(cli, *run, "--split-file", "split.csv")
    assert numbers(again) == numbers(drawn)
    split = pl.read_csv(tmp_path / "split.csv")
    prompts = {row["key"]: row["q"] for row in answered(120)}
    for _, of_seed in split.group_by("seed"):
        parts = (
            of_seed.with_columns(q=pl.col("id").replace_strict(prompts)).group_by("q").agg(pl.col("part").n_unique())
        )
        assert parts["part"].max() == 1


def test_ids_of_drawn_pairs_name_both_items_and_parts_share_no_item(cli: Cli, tmp_path: Path) -> None:
    done = cli(*ITEMS, "--id", "key", *SIZES, *FIXED, "--out", "out", "--save-split", "split.csv", "--save-predictions")
    assert done.returncode == 0, done.stderr
    split = pl.read_csv(tmp_path / "split.csv").with_columns(pl.col("id").str.split("|"))
    for (_seed,), of_seed in split.group_by("seed"):
        items = {part: set(own["id"].explode()) for (part,), own in of_seed.group_by("part")}
        assert sum(map(len, items.values())) == len(set.union(*items.values()))
    grade = dict(pl.read_csv(tmp_path / "items.csv").iter_rows())
    said = pl.read_parquet(tmp_path / "out" / "predictions.parquet")
    for pair, label in said.select("id", "label").iter_rows():
        first, second = pair.split("|")
        assert label == ("second" if grade[second] > grade[first] else "first")


def test_the_users_parts_of_items_hold_the_items_of_their_pairs(cli: Cli, tmp_path: Path) -> None:
    frame = pl.read_csv(tmp_path / "items.csv")
    part = ["labeled"] * 40 + ["unlabeled"] * 120 + ["test"] * 60
    frame.with_columns(part=pl.Series(part)).write_csv(tmp_path / "items.csv")
    flags = ("--id", "key", "--split", "part", *SIZES, *FIXED, "--save-split", "split.csv")
    done = cli(*ITEMS, *flags)
    assert done.returncode == 0, done.stderr
    own = dict(zip(frame["key"], part, strict=True))
    split = pl.read_csv(tmp_path / "split.csv")
    assert split.group_by("part").len().sort("part").rows() == [("labeled", 48), ("test", 60), ("unlabeled", 100)]
    for pair, of_pair in split.select("id", "part").iter_rows():
        assert {own[item] for item in pair.split("|")} == {of_pair}


def test_smaller_sizes_are_measured_too(cli: Cli) -> None:
    curve = found(cli, *ITEMS, *SIZES, *FIXED, "--curve")["curve"]
    assert len(curve) > 1


@pytest.mark.parametrize("data", ["items", "table"])
def test_the_order_of_rows_with_ids_and_threads_change_no_byte(cli: Cli, tmp_path: Path, data: str) -> None:
    rng = np.random.default_rng(4)
    run: tuple[str, ...]
    if data == "items":
        run = (*ITEMS, "--id", "key", *SIZES, *FIXED, "--json")
        first = cli(*run, "--threads", "1")
        order = rng.permutation(220)
        pl.read_csv(tmp_path / "items.csv")[order].write_csv(tmp_path / "items.csv")
        for name in ("t", "s"):
            np.save(tmp_path / f"{name}.npy", np.load(tmp_path / f"{name}.npy")[order])
    else:
        run = (*TABLE, *TEXTS, *SIZES, *FIXED, "--json")
        first = cli(*run, "--threads", "1")
        rows = answered(120)
        write_lines(tmp_path / "pairs.jsonl", [dict(reversed(rows[i].items())) for i in rng.permutation(120)])
    assert first.returncode == 0, first.stderr
    assert cli(*run, "--threads", "2").stdout == first.stdout


def test_responses_in_the_other_order_change_no_score(cli: Cli, tmp_path: Path) -> None:
    rows = responses(answered(120))
    write_lines(tmp_path / "one.jsonl", rows)
    for row in rows[::3]:
        row["response_0"], row["response_1"] = row["response_1"], row["response_0"]
        row["better_response_id"] = 1 - row["better_response_id"]
    write_lines(tmp_path / "other.jsonl", rows)
    run = ("--task", "preference", *TEXTS, *SIZES, *FIXED)
    one, other = (found(cli, "run", f"{name}.jsonl", *run) for name in ("one", "other"))
    assert numbers(one) == numbers(other)


@pytest.mark.slow  # 700 texts are hashed
def test_built_in_sentences_have_the_usual_gap(cli: Cli) -> None:
    run = ("run", "builtin:vader-pairs-news", "--task", "preference", *TEXTS, *SIZES, *FIXED)
    done = cli(*run, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["config"]["min_gap"] == 0.5
    line = read_line(done.stderr)
    assert "drawn by scores of column rating, at least 0.5 apart (guess: --min-gap); texts; ids of the data;" in line
