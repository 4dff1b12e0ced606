"""Teachers that are predictions on the command line: what is read, what is left out, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import Ridge

from tests.conftest import Cli
from tests.predictions import NAMES, SIZES, N, arguments, labels_file, result, write_predictions


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return the folder of d.csv, of its predictions and of its features."""
    write_predictions(tmp_path)
    return tmp_path


@pytest.mark.parametrize("verb", ["run", "forecast"])
def test_a_column_without_labels_is_told_how_to_be_named(cli: Cli, table: Path, verb: str) -> None:
    refused = cli(*arguments(verb, "prob"))
    assert "prob is a column of d.csv, not a backbone." in refused.stderr
    assert "use labels:prob." in refused.stderr
    table_of = pl.read_csv(table / "d.csv")
    table_of.with_columns(pl.Series("classic:hashing-64", [0] * len(table_of))).write_csv(table / "d.csv")
    words = [word if word != "features:s.npy" else "classic:hashing-64" for word in arguments(verb, "labels:prob")]
    assert "classic:hashing-64 needs items to embed" in cli(*words).stderr  # the name of a backbone stays one


@pytest.mark.parametrize("targets", ["soft", "hard"])
@pytest.mark.parametrize("scale", ["none", "standard"])
def test_a_run_is_what_scikit_learn_computes_by_hand(cli: Cli, table: Path, targets: str, scale: str) -> None:
    more = ("--seeds", "1", "--student-alpha", "3", "--pseudolabels", targets, "--scale", scale)
    printed = result(cli, "run", "labels:prob", *more, "--save-split", "parts.csv")
    data, X = pl.read_csv(table / "d.csv"), np.load(table / "s.npy")
    parts = pl.read_csv(table / "parts.csv")
    place = {name: row for row, name in enumerate(data["id"])}
    L, U, T = ([place[name] for name in parts.filter(part=part)["id"]] for part in ("labeled", "unlabeled", "test"))
    y = (data["label"] == "pos").to_numpy().astype(int)
    P = np.column_stack([1 - data["prob"].to_numpy(), data["prob"].to_numpy()])
    taught = np.eye(2)[P.argmax(axis=1)] if targets == "hard" else P

    def scores(rows: Sequence[int], Y: Any) -> Any:
        by = X[rows].std(axis=0) if scale == "standard" else 1.0
        return Ridge(alpha=3.0).fit(X[rows] / by, Y).predict(X[T] / by)

    F = {"teacher": P[T], "student": scores(U, taught[U]), "baseline": scores(L, np.eye(2)[y[L]])}
    F["ceiling"] = scores(U, np.eye(2)[y[U]])
    systems = {**printed["systems"], "student": printed["students"]["vanilla"]}
    for name, raw in F.items():
        clipped = np.maximum(raw, 0)
        q = clipped / clipped.sum(axis=1, keepdims=True)
        assert systems[name]["accuracy"]["value"] == pytest.approx((raw.argmax(axis=1) == y[T]).mean(), abs=1e-12)
        brier = ((q - np.eye(2)[y[T]]) ** 2).sum(axis=1).mean()
        assert systems[name]["brier"]["value"] == pytest.approx(brier, abs=1e-8), name
    gain = systems["student"]["accuracy"]["value"] - systems["teacher"]["accuracy"]["value"]
    assert printed["students"]["vanilla"]["gain"]["value"] == pytest.approx(gain, abs=1e-9)


@pytest.mark.parametrize(
    "teacher",
    ["labels:p.csv", "labels:p.parquet", "labels:p.npy", "labels:p.npz", "labels:prob", "labels:p.csv#p_pos,p_neg"],
)
def test_every_source_of_the_same_predictions_gives_the_same_numbers(cli: Cli, table: Path, teacher: str) -> None:
    expected = result(cli, "run", "labels:p_neg,p_pos", "--seeds", "1")
    printed = result(cli, "run", teacher, "--seeds", "1")
    for key in ("systems", "students", "verdict"):
        assert json.dumps(printed[key], sort_keys=True) == json.dumps(expected[key], sort_keys=True)
    own = printed["read"]["features"]["teacher"]
    assert (own["backbone"], own["dtype"], own["dim"], own["abstains"]) == (teacher, "probabilities", 2, 0)


def test_the_line_on_what_was_read_says_how_predictions_were_understood(cli: Cli, table: Path) -> None:
    for teacher, text in {
        "labels:old": "teacher labels:old: classes of column old, by row",
        "labels:prob": "teacher labels:prob: probabilities of pos (guess) in column prob, by row",
        "labels:p_neg": "teacher labels:p_neg: probabilities of neg in column p_neg, by row",
        "labels:p.npy": "labels:p.npy: probabilities of neg, pos in sorted order (guess) in 2 columns column 0",
        "labels:ann,bob,cid": "teacher labels:ann,bob,cid: votes of 3 columns ann, bob, cid, by row",
        "labels:half": "teacher labels:half: classes of column half, by row, abstains on 150 rows",
        "labels:p.csv": "teacher labels:p.csv: probabilities of neg, pos in 2 columns p_neg … p_pos, by id",
    }.items():
        assert text in cli(*arguments("run", teacher, "--seeds", "1")).stderr
    ties = pl.read_csv(table / "d.csv").filter(pl.col("ann") != pl.col("bob")).height
    text = f"votes of 2 columns ann, bob, by row, ties on {ties} rows, where the first class counts; student"
    assert text in cli(*arguments("run", "labels:ann,bob", "--seeds", "1")).stderr


def test_one_column_holds_the_probabilities_of_the_class_in_its_name(cli: Cli, table: Path) -> None:
    expected = result(cli, "run", "labels:p_pos", "--seeds", "1")
    for teacher in ("labels:p_neg", "labels:p.parquet#p_neg"):
        assert result(cli, "run", teacher, "--seeds", "1")["systems"] == expected["systems"]
    own = result(cli, "run", "labels:p.npz#X", "--seeds", "1")["read"]["features"]["teacher"]
    assert (own["classes"], own["guessed"], own["ties"]) == (["neg", "pos"], True, 0)


@pytest.mark.parametrize(
    ("verb", "name"), [("run", "v.csv"), ("run", "v.parquet"), ("forecast", "v.npz"), ("sweep", "v.csv")]
)
def test_the_column_of_the_true_labels_in_a_file_is_no_prediction(cli: Cli, table: Path, verb: str, name: str) -> None:
    both = labels_file(table, name, label="label", bob="bob")
    done = cli(*arguments(verb, both))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"as in {both}#bob." in done.stderr
    assert result(cli, verb, f"{both}#bob", "--seeds", "1")["read"]["features"]["teacher"]["columns"] == ["bob"]
    for teacher in (f"{both}#label", labels_file(table, f"alone_{name}", label="label")):
        done = cli(*arguments(verb, teacher))
        assert (done.returncode, done.stdout) == (1, "")
        assert f"error: {teacher} must hold predictions: its values equal the labels of DATA in all" in done.stderr
    other = labels_file(table, f"other_{name}", label="old")  # of another model
    assert result(cli, verb, other, "--seeds", "1")["read"]["features"]["teacher"]["dtype"] == "classes"


def test_a_forecast_compares_no_label_of_the_pool_with_predictions(cli: Cli, table: Path) -> None:
    data, part = pl.read_csv(table / "d.csv"), ["labeled"] * 80 + ["unlabeled"] * 400 + ["test"] * (N - 480)
    data.select("id", part=pl.Series(part), seed=pl.lit(0)).write_csv(table / "parts.csv")
    like = data.with_columns(label=pl.when(pl.arange(N) < 80).then("old").otherwise("label"))
    like.select("id", "label").write_csv(table / "like.csv")  # equal to the labels of the pool only
    more = ("--split-file", "parts.csv")
    assert result(cli, "forecast", "labels:like.csv", *more)["config"]["teacher"] == "labels:like.csv"
    first = data.with_columns(label=pl.when(pl.arange(N) < 80).then("label").otherwise("old"))
    first.select("id", "label").write_csv(table / "like.csv")  # equal to the labels of the labeled rows
    assert "equal the labels of DATA in all 80 rows" in cli(*arguments("forecast", "labels:like.csv", *more)).stderr


@pytest.mark.parametrize("name", ["pool.csv", "pool.ndjson", "pool"])
def test_a_second_table_of_pool_rows_has_the_columns_of_predictions_too(cli: Cli, table: Path, name: str) -> None:
    rng = np.random.default_rng(3)
    words = [" ".join(f"w{word}" for word in rng.integers(50, size=5)) for _ in range(2 * N)]
    data = pl.read_csv(table / "d.csv").with_columns(text=pl.Series(words[:N]))
    data.write_csv(table / "t.csv")
    more = data.select("half", "old", id=pl.Series([f"q{row}" for row in range(N)]), text=pl.Series(words[N:]))
    (table / "pool").mkdir()
    parts = {"pool.csv": [more], "pool": [more[:100], more[100:]]}.get(name, [])
    more.write_ndjson(table / "pool.ndjson")
    for number, part in enumerate(parts):
        part.write_csv(table / (name if name == "pool.csv" else f"pool/p_{number}.csv"))
    given = ("t.csv", "--text", "text", "--student", "classic:hashing-16", "-n", "80", "--pool", name)
    for id_column in ((), ("--id", "id")):
        done = cli("forecast", *given, "--teacher", "labels:half+labels:old", *id_column, "--json")
        assert done.returncode == 0, done.stderr
        assert "150 of 600 rows of the pool are left out, since labels:half abstains." in done.stderr
    error = cli("forecast", *given, "--teacher", "labels:bob").stderr
    assert "the table of --pool must have the columns of --teacher labels:bob: " in error
    assert "Add the predictions of its rows as this column." in error
    assert "labels:p.npy must have ids with --pool" in cli("forecast", *given, "--teacher", "labels:p.npy").stderr


@pytest.mark.parametrize("verb", ["run", "forecast", "sweep"])
def test_notes_name_only_teachers_that_abstain(cli: Cli, table: Path, verb: str) -> None:
    notes = " ".join(result(cli, verb, "labels:old+labels:half+labels:prob", "--seeds", "1")["notes"])
    assert "rows of the pool are left out, since labels:half abstains." in notes
    assert "It is assumed that labels:old, labels:half and labels:prob were trained on no row" in notes
    assert (verb != "forecast") == ("test rows are left out, since labels:half abstains." in notes)


def test_advice_on_columns_of_files_and_data_can_be_followed(cli: Cli, table: Path) -> None:
    data = pl.read_csv(table / "d.csv")
    odd = {"x,y": "old", " sp": "old", "q.csv": "old", "key": "id"}
    data.with_columns(**{new: pl.col(old) for new, old in odd.items()}).write_ndjson(table / "odd.ndjson")
    pl.read_ndjson(table / "odd.ndjson").write_csv(table / "odd.csv")
    error = cli(*(word.replace("d.csv", "odd.csv") for word in arguments("run", "labels:x,y"))).stderr
    assert "labels: cannot name the column 'x,y' of odd.csv" in error  # not that another character separates fields
    shuffled = data.sample(fraction=1.0, shuffle=True, seed=1)
    shuffled.select("old", row="id").write_csv(table / "row.csv")
    shuffled.select("id", "old", "prob", "cid").write_csv(table / "c.csv")
    for teacher, part in {
        "labels:c.csv": "of column 'prob'. Name the columns of predictions, as in labels:c.csv#old,cid; a column of",
        "labels:row.csv": "got the ids of odd.ndjson in column 'row'. Rename this column, or remove it if",
        "labels:row.csv#old": "got the ids of odd.ndjson in column 'row'. Rename this column, or remove it if",
        "labels:c.csv#olt": "labels:c.csv#COLUMN must name columns of predictions in this file: got 'olt', not one of",
        "labels:p.npy#old": "labels:p.npy#old must name a column: an array has none. Write labels:p.npy.",
        "labels:x,y": "labels: cannot name the column 'x,y' of odd.ndjson",
        "labels:sp": "labels: cannot name the column ' sp' of odd.ndjson",
        "labels:q.csv": "there is none, but odd.ndjson has a column 'q.csv'. Rename this column.",
        "labels:ann,q.csv": "there is none, but odd.ndjson has a column 'q.csv'. Rename this column.",
        "labels:ann,p_pos": "A column of probabilities must end in _CLASS, and every class must have one",
    }.items():
        error = cli(*(word.replace("d.csv", "odd.ndjson") for word in arguments("run", teacher))).stderr
        assert part in error, error
    assert result(cli, "run", "labels:c.csv#old,cid", "--seeds", "1")["read"]["features"]["teacher"]["dtype"] == "votes"


def test_a_run_leaves_out_rows_without_a_prediction_and_rows_that_the_teacher_saw(cli: Cli, table: Path) -> None:
    more = ("--seeds", "2", "--teacher-saw", "saw", "--save-predictions", "--out", "out")
    printed = result(cli, "run", "labels:half", *more)
    data = pl.read_csv(table / "d.csv")
    rows = pl.read_parquet(table / "out" / "predictions.parquet").join(data, on="id")
    assert rows["half"].null_count() == 0
    assert not rows.filter(part="test")["saw"].any()
    assert rows.filter(part="unlabeled")["saw"].any()  # the pool keeps them
    coverage = printed["teachers"]["labels:half"]["coverage"]
    assert 0.6 < coverage["test"] < 0.9
    assert printed["n_test"] + coverage["test_left_out"] == pytest.approx(150, abs=10)
    assert printed["students"]["vanilla"]["accuracy"]["value"] != coverage["student_elsewhere"]["value"]
    assert any("rows of the pool are left out" in note for note in printed["notes"])
    assert not any("It is assumed" in note for note in printed["notes"])


def test_without_a_word_on_its_training_rows_a_note_says_what_is_assumed(cli: Cli, table: Path) -> None:
    for verb in ("run", "forecast"):
        notes = result(cli, verb, "labels:old", "--seeds", "1")["notes"]
        assert any("It is assumed that labels:old was trained on no row" in note for note in notes), verb


def test_a_sweep_has_the_numbers_of_the_run(cli: Cli, table: Path) -> None:
    for more in ((), ("--head", "softmax"), ("--teacher-saw", "saw")):
        run = result(cli, "run", "labels:half", "--seeds", "2", *more)
        sweep = result(cli, "sweep", "labels:half", "--seeds", "2", *more)
        (point,) = sweep["points"]
        assert point["student"] == run["students"]["vanilla"]["accuracy"]
        assert point["teacher"] == run["systems"]["teacher"]["accuracy"]
        assert point["gain"] == run["students"]["vanilla"]["gain"]


def test_a_committee_of_predictions_and_features(cli: Cli, table: Path) -> None:
    printed = result(cli, "run", "labels:half+features:t.npy", "--seeds", "2", "--strategy", "all")
    assert list(printed["teachers"]) == ["labels:half", "features:t.npy", "together"]
    assert "coverage" not in printed["teachers"]["features:t.npy"]
    assert {"vanilla", "mean_teacher", "majority"} <= set(printed["students"])
    assert "two_stage fits further heads" in printed["skipped"]["two_stage"]
    assert "trust needs held-out scores" in printed["skipped"]["trust"]
    forecast = result(cli, "forecast", "labels:half+features:t.npy")
    assert forecast["counted"]["rows"] < 80


def test_the_bytes_of_a_forecast_depend_on_no_label_of_pool_and_test_rows(cli: Cli, table: Path) -> None:
    result(cli, "run", "labels:half", "--seeds", "1", "--save-split", "parts.csv")
    data, parts = pl.read_csv(table / "d.csv"), pl.read_csv(table / "parts.csv")
    own = ("--split-file", "parts.csv", "--teacher-saw", "saw")
    first = cli(*arguments("forecast", "labels:half", *own)).stdout
    labeled = set(parts.filter(part="labeled")["id"])
    noise = NAMES[np.random.default_rng(1).integers(2, size=N)]
    label = [old if name in labeled else new for name, old, new in zip(data["id"], data["label"], noise, strict=True)]
    data.with_columns(label=pl.Series(label)).write_csv(table / "d.csv")
    assert first
    assert cli(*arguments("forecast", "labels:half", *own)).stdout == first


def test_a_forecast_with_a_teacher_that_saw_all_compares_student_and_baseline_only(cli: Cli, table: Path) -> None:
    seen = result(cli, "forecast", "labels:old", "--teacher-saw", "all")
    assert (seen["gain"]["value"], seen["gain"]["resolved"]) == (None, False)
    assert seen["gain"]["reason"] == "the teacher was trained on every labeled row"
    assert seen["teacher"]["value"] is None
    assert seen["needed"]["gain"]["reason"] == seen["gain"]["reason"]
    fresh = result(cli, "forecast", "labels:old")
    assert seen["versus_baseline"] == fresh["versus_baseline"]
    assert any("may be too good" in note for note in seen["notes"])
    assert "train the teacher" not in seen["verdict"]["advice"].lower()
    text = cli(*(word for word in arguments("forecast", "labels:old", "--teacher-saw", "all") if word != "--json"))
    assert "nan" not in text.stdout
    assert "given predictions" in text.stdout


@pytest.mark.parametrize(
    ("verb", "more", "part"),
    [
        ("run", ("labels:olt",), "got 'olt', not one of id, label, old, prob, … Did you mean old?"),
        ("run", ("labels:id",), "labels:id must predict classes of the data, neg, pos: got 'r0' in row 0"),
        ("run", ("labels:label",), "got 'label', the column of the true labels"),
        ("run", ("labels:old", "--teacher-alpha", "1"), "Remove --teacher-alpha."),
        ("sweep", ("labels:old", "--teacher-alpha", "1,2"), "Remove --teacher-alpha."),
        ("run", ("labels:old", "--teacher-saw", "all"), "leaves no row on which the teacher can be scored"),
        ("sweep", ("labels:old", "--teacher-saw", "all"), "leaves no row on which the teacher can be scored"),
        ("run", ("labels:old", "--teacher-saw", "sow"), "Did you mean saw?"),
        ("run", ("labels:old", "--teacher-saw", "ann"), "must name a column of true and false: got 'pos' in 'ann'"),
        ("run", ("labels:old", "--teacher-saw", "half"), "must name a column of true and false: got"),
        ("run", ("features:t.npy", "--teacher-saw", "saw"), "--teacher-saw needs --teacher labels:…"),
        ("run", ("labels:old", "--suspects"), "--suspects needs a teacher with features: got labels:old"),
        ("forecast", ("labels:old", "--suspects"), "--suspects needs a teacher with features: got labels:old"),
        ("run", ("labels:old", "--task", "regression", "--label", "prob"), "needs --task classification: got regress"),
        ("run", ("labels:old", "--strategy", "two_stage"), "the strategy two_stage fits further heads of a teacher"),
        ("run", ("labels:no.csv",), "labels:no.csv must be a file: there is none at no.csv"),
        ("run", ("labels:short.npy",), "labels:short.npy"),
        ("run", ("labels:few.csv",), "must have a row for every id of the data: 1 of 600 ids are missing"),
        ("run", ("labels:never",), "labels:never must predict at least one row of the pool: got none"),
        ("forecast", ("labels:never",), "labels:never must predict at least one row of"),
        ("sweep", ("labels:never",), "labels:never must predict at least one row of the pool: got none"),
        ("run", ("labels:old", "--student", "labels:old"), "--student must be a backbone with features here"),
        ("diagnose", ("labels:old",), "--teacher must be a backbone with features here: got 'labels:old'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_mistakes_have_one_line(cli: Cli, table: Path, verb: str, more: tuple[str, ...], part: str) -> None:
    teacher, *rest = more
    sizes = () if verb == "diagnose" else SIZES
    student = () if "--student" in rest else ("--student", "features:s.npy")
    done = cli(verb, "d.csv", "--id", "id", *student, *sizes, "--teacher", teacher, *rest)
    error = next(line for line in done.stderr.splitlines() if line.startswith("error:"))
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    for piece in part.split("… "):
        assert piece in error, error
