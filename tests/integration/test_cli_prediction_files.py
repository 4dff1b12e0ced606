"""Predictions on the command line: true labels among them, the order of their rows, and numbers of classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.predictions import N, arguments, labels_file, result, write_predictions
from tests.schemas import check_schema


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return the folder of d.csv, of its predictions and of its features."""
    write_predictions(tmp_path)
    return tmp_path


@pytest.mark.parametrize("verb", ["run", "forecast", "sweep"])
def test_true_labels_under_another_name_are_refused_or_noted(cli: Cli, table: Path, verb: str) -> None:
    both = labels_file(table, "both.csv", y_true="label", y_pred="old")
    error = cli(*arguments(verb, both)).stderr
    assert f"column 'y_true' equals the labels of DATA in all {80 if verb == 'forecast' else N} rows" in error
    assert f"as in {both}#y_pred; or name all columns if it is an annotator's, {both}#y_true,y_pred." in error
    pl.read_csv(table / "d.csv").with_columns(gold="label").write_csv(table / "d.csv")
    note = "equal the labels of DATA in all"
    alone = labels_file(table, "alone.parquet", truth="label")
    for teacher, column in {
        "labels:gold": "",
        "labels:old,gold": "column 'gold' of ",
        alone: "",
        f"{both}#y_true": "",
    }.items():
        notes = result(cli, verb, teacher, "--seeds", "1")["notes"]
        assert any(f"{column}{teacher} {note}" in one and "gain and PGR say nothing" in one for one in notes), notes
    for teacher in ("labels:old", f"{both}#y_pred"):
        assert note not in " ".join(result(cli, verb, teacher, "--seeds", "1")["notes"])


def test_rows_of_other_ids_are_counted(cli: Cli, table: Path) -> None:
    more = pl.concat([pl.read_csv(table / "p.csv"), pl.DataFrame({"id": ["x", "y"], "p_neg": 0.5, "p_pos": 0.5})])
    more.write_csv(table / "more.csv")
    assert "columns p_neg … p_pos, by id, 2 rows of no item" in cli(*arguments("run", "labels:more.csv")).stderr
    assert result(cli, "run", "labels:more.csv", "--seeds", "1")["read"]["features"]["teacher"]["unused"] == 2


def test_rows_in_another_order_are_refused(cli: Cli, table: Path) -> None:
    data = pl.read_csv(table / "d.csv")
    old = data["old"].to_numpy().astype(str)
    others: dict[str, Any] = {"X": np.zeros((N, 2)), "info": np.array([{}], dtype=object)}
    np.savez(table / "back.npz", pred=old[::-1], key=data["id"].to_numpy().astype(str)[::-1], **others)
    assert "got the ids of d.csv in column 'key'" in cli(*arguments("run", "labels:back.npz#pred")).stderr
    np.savez(table / "back.npz", pred=old, **others)
    assert result(cli, "run", "labels:back.npz#pred", "--seeds", "1")["systems"]
    place = np.roll(np.arange(N), 1)
    for name, column in {"i.parquet": "__index_level_0__", "u.csv": "Unnamed: 0"}.items():
        frame = pl.DataFrame({column: place, "pred": old[place]})
        frame.write_parquet(table / name) if name == "i.parquet" else frame.write_csv(table / name)
        error = cli(*arguments("run", f"labels:{name}#pred")).stderr
        assert f"column '{column}', has the numbers of 600 rows in another order. Save df.sort_index(); or" in error
        frame = frame.sort(column)
        frame.write_parquet(table / name) if name == "i.parquet" else frame.write_csv(table / name)
        assert result(cli, "run", f"labels:{name}#pred", "--seeds", "1")["systems"]


def test_zero_and_one_for_false_and_true_are_said(cli: Cli, table: Path) -> None:
    data = pl.read_csv(table / "d.csv")
    truth = data.with_columns((pl.col("label") == "pos").alias("label"), (pl.col("old") == "pos").alias("old"))
    truth.with_columns(bit=pl.col("old").cast(pl.Int8)).write_csv(table / "d.csv")
    assert "classes of column bit, 0 and 1 as false and true, by row" in cli(*arguments("run", "labels:bit")).stderr
    own, same = (result(cli, "run", name, "--seeds", "1") for name in ("labels:bit", "labels:old"))
    assert own["systems"] == same["systems"]
    assert own["read"]["features"]["teacher"]["truth"] is True
    assert "truth" not in same["read"]["features"]["teacher"]


def test_numbers_mean_the_classes_of_the_metadata(cli: Cli, table: Path) -> None:
    data = pl.read_csv(table / "d.csv")
    number = {name: pl.col(name).replace_strict({"pos": 0, "neg": 1}) for name in ("label", "old")}
    coded = data.with_columns(**number, p_0="p_pos")
    order = {"features": {"label": {"_type": "ClassLabel", "names": ["pos", "neg"]}}}
    coded.write_parquet(table / "c.parquet", metadata={"huggingface": json.dumps({"info": order})})
    P = data.select("p_pos", "p_neg").to_numpy()
    np.save(table / "P.npy", P)
    np.savez(table / "P.npz", ids=data["id"].to_numpy().astype(str), X=P)
    for teacher, same, text in (
        ("labels:old", "labels:old", "classes of column old, numbers named by the metadata, by row"),
        ("labels:p_pos", "labels:p_pos", "probabilities of pos in column p_pos, by row"),
        ("labels:p_0", "labels:p_pos", "probabilities of pos by number in the metadata in column p_0, by row"),
        ("labels:P.npy", "labels:p_neg,p_pos", "probabilities of pos, neg in the order of the metadata in 2 columns"),
    ):
        words = [word.replace("d.csv", "c.parquet") for word in arguments("run", teacher, "--seeds", "1")]
        done = cli(*words)
        assert text in done.stderr
        check_schema("run", json.loads(done.stdout))
        assert json.loads(done.stdout)["systems"] == result(cli, "run", same, "--seeds", "1")["systems"]
    words_of_rows = pl.Series([f"w{row}" for row in range(N)])
    coded.with_columns(text=words_of_rows)[:300].write_parquet(
        table / "l.parquet", metadata={"huggingface": json.dumps({"info": order})}
    )
    data.with_columns(text=words_of_rows)[300:].select("id", "text").write_csv(table / "pool.csv")
    given = ("--id", "id", "--text", "text", "--student", "classic:hashing-16", "-n", "80", "--pool", "pool.csv")
    data.with_columns(text=words_of_rows)[:300].write_csv(table / "l.csv")
    first = cli("forecast", "l.parquet", *given, "--teacher", "labels:P.npz#X", "--json")
    second = cli("forecast", "l.csv", *given, "--teacher", "labels:p.csv", "--json")
    assert json.loads(first.stdout)["gain"] == json.loads(second.stdout)["gain"], first.stderr
