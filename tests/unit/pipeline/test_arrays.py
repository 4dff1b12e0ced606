"""Calls with arrays: the numbers are those of files and of the experiments, and mistakes are one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import w2s_probe
from tests.conftest import Cli, feature_set
from w2s_probe import (
    BackboneOptions,
    DataConfig,
    DiagnoseConfig,
    Diagnosis,
    FeatureStore,
    SweepConfig,
    W2SConfig,
    draw_splits,
    forecast_pair,
    read_labels,
    run_w2s,
)
from w2s_probe.core.errors import W2SProbeError
from w2s_probe.pipeline.arrays import array_data

SMALL = W2SConfig(n_labeled=60, n_unlabeled=90, n_test=90, seeds=2)
SWEPT = SweepConfig(n_labeled=(40, 60), n_unlabeled=(90,), n_test=90, seeds=(0, 1))
WEAK, STRONG = "features:w.npy", "features:s.npy"
rng = np.random.default_rng(5)
CORE = rng.standard_normal((300, 8))
W = CORE[:, :4] @ rng.standard_normal((4, 6)) + rng.standard_normal((300, 6))
S = CORE @ rng.standard_normal((8, 10)) + rng.standard_normal((300, 10))
Y = np.where(CORE.sum(axis=1) > 0, "pos", "neg")
COLOR = np.where(rng.random(300) < 0.8, Y == "pos", Y == "neg").astype(int)
IDS = rng.permutation(300) + 7
SOME: list[str | None] = [str(y) if row < 80 else None for row, y in enumerate(Y)]
NAMED = ("config", "read", "fingerprint", "teacher_backbone", "student_backbone")


def numbers(result: Any) -> Any:
    """Return what JSON says, without names and settings."""

    def stripped(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: stripped(item) for key, item in value.items() if key not in NAMED}
        return [stripped(item) for item in value] if isinstance(value, list) else value

    return stripped(json.loads(result if isinstance(result, str) else result.to_json()))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the arrays and two tables: all labels, and some."""
    monkeypatch.chdir(tmp_path)
    np.save("w.npy", W)
    np.save("s.npy", S)
    tables: dict[str, Any] = {"all.csv": Y, "some.csv": [y or "" for y in SOME]}
    for name, labels in tables.items():
        rows = (f"{id_},{y},{color}" for id_, y, color in zip(IDS, labels, COLOR, strict=True))
        Path(name).write_text("\n".join(["id,label,color", *rows]) + "\n")
    return tmp_path


@pytest.mark.usefixtures("few_resamples")
def test_a_run_has_the_numbers_of_files_on_the_command_line(files: Path, cli: Cli) -> None:
    sizes = ("-n", "60", "-N", "90", "--n-test", "90", "--seeds", "2")
    more = ("--id", "id", "--group", "color")
    done = cli("run", "all.csv", "--teacher", WEAK, "--student", STRONG, *sizes, *more, "--json")
    found = w2s_probe.run(W, S, Y, SMALL, groups=COLOR, ids=IDS)
    assert numbers(found.result) == numbers(done.stdout)
    assert found.result.config["data"] == "arrays"
    assert (found.result.config["teacher"], found.result.config["student"]) == ("teacher", "student")
    config = DataConfig(data="all.csv", id="id", group="color")
    named = w2s_probe.run(config, SMALL, teacher=WEAK, student=STRONG)
    assert named.result.to_json() == done.stdout.strip()


@pytest.mark.usefixtures("few_resamples")
def test_a_run_has_the_numbers_of_the_experiment_on_the_same_splits() -> None:
    labels = read_labels(Y.tolist(), name="y", task="classification")
    splits = draw_splits(labels, seeds=range(2), n_labeled=60, n_unlabeled=90, n_test=90)
    weak, strong = feature_set(W, "weak"), feature_set(S, "strong")
    alone, _ = run_w2s(weak, strong, labels, splits=splits, config=SMALL)
    found = w2s_probe.run(weak, strong, labels, SMALL)
    assert numbers(found.result) == numbers(alone)
    assert (found.result.config["teacher"], found.result.config["student"]) == ("weak", "strong")
    assert found.teacher.spec == weak.spec
    assert numbers(w2s_probe.run(W, S, Y, SMALL).result) == numbers(alone)


def test_a_forecast_has_the_numbers_of_files_and_of_the_experiment(files: Path, cli: Cli) -> None:
    found = w2s_probe.forecast(W, S, SOME)
    done = cli("forecast", "some.csv", "--teacher", WEAK, "--student", STRONG, "--json")
    assert numbers(found.result) == numbers(done.stdout)
    assert found.result.best.n == 80
    targets = np.eye(2)[(Y[:80] == "pos").astype(int)]
    alone = forecast_pair(W[:80], S[:80], targets, pool_teacher=W[80:], pool_student=S[80:], config=W2SConfig())
    assert (found.result.best.gain, found.result.best.curve) == (alone.gain, alone.curve)
    numbered = [1.0 if y == "pos" else 0.0 if y == "neg" else np.nan for y in SOME]
    assert numbers(w2s_probe.forecast(W, S, np.array(numbered)).result) == numbers(found.result)


@pytest.mark.usefixtures("few_resamples")
def test_several_teachers_are_pairs_of_a_forecast_and_a_committee_of_a_run() -> None:
    both = {"wide": W, "narrow": W[:, :2]}
    pairs = w2s_probe.forecast(both, S, SOME, students="strong").result.pairs
    assert pairs is not None
    assert {pair.teacher_backbone for pair in pairs} == {"wide", "narrow"}
    assert {pair.student_backbone for pair in pairs} == {"strong"}
    committee = w2s_probe.run(both, S, Y, SMALL).result
    assert committee.config["teacher"] == "wide+narrow"
    assert list(committee.teachers or ()) == ["wide", "narrow", "together"]


@pytest.mark.usefixtures("few_resamples")
def test_a_sweep_has_the_numbers_of_files_on_the_command_line(files: Path, cli: Cli) -> None:
    sizes = ("-n", "40,60", "-N", "90", "--n-test", "90", "--seeds", "2")
    done = cli("sweep", "all.csv", "--teacher", WEAK, "--student", STRONG, *sizes, "--json")
    assert done.returncode == 0, done.stderr
    assert numbers(w2s_probe.sweep(W, S, Y, SWEPT).result) == numbers(done.stdout)


def test_a_diagnosis_has_the_numbers_of_files_and_of_arrays(files: Path, cli: Cli) -> None:
    done = cli("diagnose", "some.csv", "--teacher", WEAK, "--student", STRONG, "--json")
    found = w2s_probe.diagnose(W, S, SOME)
    assert isinstance(found, Diagnosis)
    assert numbers(found) == numbers(done.stdout)
    named = w2s_probe.diagnose(DataConfig(data="some.csv"), teacher=WEAK, student=STRONG)
    assert named.to_json() == done.stdout.strip()
    targets = np.eye(2)[(Y[:80] == "pos").astype(int)]
    plain = w2s_probe.diagnose(W, S, targets=targets, labeled=np.arange(80), config=DiagnoseConfig())
    assert plain.pair == found.pair
    unlabeled = w2s_probe.diagnose(W, S)
    assert (unlabeled.n_labeled, unlabeled.config["data"]) == (0, "arrays")


def test_rows_of_a_feature_set_are_found_by_id() -> None:
    shuffled = rng.permutation(300)
    weak = feature_set(W).take(shuffled)
    found = w2s_probe.forecast(weak, S, SOME, ids=np.arange(300)).result
    assert found.best.gain == w2s_probe.forecast(W, S, SOME, ids=np.arange(300)).result.best.gain
    assert found.read is not None
    assert [one.matched_by for one in found.read.features.values()] == ["id", "row"]


def test_numbers_are_labels_of_a_regression() -> None:
    labels = read_labels((CORE.sum(axis=1)).tolist(), name="y", task="regression")
    assert w2s_probe.run(W, S, labels).result.score == "r2"
    config = W2SConfig(task="regression")
    assert w2s_probe.run(W, S, CORE.sum(axis=1), config).result.score == "r2"


def test_the_settings_of_data_hold_no_array() -> None:
    assert array_data({"a": W}, labels=Y).to_dict() == DataConfig(data="arrays").to_dict()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: w2s_probe.run(W, S[:299], Y), "features of student must have one row for each row of features of te"),
        (lambda: w2s_probe.run(W, S, Y[:299]), "labels must have one row for each row of features of teacher: got 299"),
        (
            lambda: w2s_probe.run(W.T, S.T, Y),
            "features of student must have one row for each row of features of teacher: got 10",
        ),
        (lambda: w2s_probe.run(W, S, Y, groups=COLOR[:9]), "groups must have one row for each"),
        (lambda: w2s_probe.run(W, S, Y, ids=IDS[:9]), "features of teacher must have one row for each row of ids"),
        (lambda: w2s_probe.run(W, S, Y, ids=IDS // 2), "ids of arrays must be distinct"),
        (lambda: w2s_probe.run(W, S, Y, ids=[None, *IDS[1:]]), "column 'ids' must hold an id in every row"),
        (lambda: w2s_probe.run(W, S, None), "run needs labels: got features without any"),
        (lambda: w2s_probe.forecast(W, S), "forecast needs labels"),
        (lambda: w2s_probe.sweep(W, S, None), "sweep needs labels"),
        (lambda: w2s_probe.run(W, S, SOME), "run and sweep need a label in every row of column 'label'"),
        (lambda: w2s_probe.forecast(W, S, Y.tolist()[:0]), "labels must have one row for each row"),
        (lambda: w2s_probe.run(W, S, Y[:, None]), "labels must be one value for each row: got shape (300, 1)"),
        (lambda: w2s_probe.run(W, S, SMALL), "labels must be one value for each row: got W2SConfig"),
        (lambda: w2s_probe.run(W, None, Y), "run needs features of the student"),
        (lambda: w2s_probe.run({}, S, Y), "run needs features of the teacher"),
        (lambda: w2s_probe.run(np.where(W > 2, np.nan, W), S, Y), "features of teacher must be finite"),
        (lambda: w2s_probe.run(W[0], S, Y), "features of teacher must have two dimensions"),
        (lambda: w2s_probe.run(W, S, Y, DiagnoseConfig()), "the config must be a W2SConfig: got DiagnoseConfig"),
        (lambda: w2s_probe.run(W, S, Y, W2SConfig(task="preference")), "preference pairs must be rows of a table"),
        (lambda: w2s_probe.run(W, {"a": S, "b": S}, Y), "students must be one: got 2, a, b"),
        (lambda: w2s_probe.forecast({"a": W}, {"a": S}, SOME), "must have different names: got 'a'"),
        (lambda: w2s_probe.forecast(W, S, SOME, teachers=["a", "b"]), "one teacher has one name: got 2 names"),
        (lambda: w2s_probe.sweep(W, S, Y, students=[]), "one student has one name: got 0 names"),
        (
            lambda: w2s_probe.run(W, S, [["pos"], ["neg"]] * 150),
            "labels must be one value for each row: got ['pos']. Gi",
        ),
        (
            lambda: w2s_probe.run(W, S, Y, groups=[{"a": 1}] * 300),
            "groups must be one value for each row: got {'a': 1}.",
        ),
        (lambda: w2s_probe.forecast(W, S, SOME, pool="pool.csv"), "a pool of features must be rows without a label"),
        (lambda: w2s_probe.run(feature_set(W[:200]), S, Y, ids=range(300)), "100 of 300 ids are missing"),
        (lambda: w2s_probe.run("table.csv", S, Y), "run takes a DataConfig or features: got the text 'table.csv'"),
        (
            lambda: w2s_probe.run(DataConfig(data="t.csv"), SMALL),
            "run of data needs names of a teacher and of a student",
        ),
        (
            lambda: w2s_probe.run(DataConfig(data="t.csv"), SMALL, Y),
            "run of data reads labels, groups and ids from col",
        ),
        (lambda: w2s_probe.run(DataConfig(data="t.csv"), SMALL, config=SMALL), "got two further arguments"),
        (lambda: w2s_probe.run(array_data({"a": W}, labels=Y), teacher="b", student="a"), "given (a): got 'b'."),
        (lambda: w2s_probe.forecast(W, S, SOME, ids=IDS // 3), "Give every row its own id, or call without ids"),
        (lambda: w2s_probe.run(feature_set(W), S, Y, ids=IDS + 900), "Give the ids of the same rows as ids=."),
        (
            lambda: w2s_probe.run(DataConfig(data="t.csv"), SMALL, teachers=["a"]),
            "'teachers'. Use teacher= instead.",
        ),
        (lambda: w2s_probe.diagnose(W, S, students="s"), "got 'students'. Use student= instead."),
        (lambda: w2s_probe.sweep(W, S, Y, teacher="w"), "got 'teacher'. Use teachers= instead."),
        (lambda: w2s_probe.forecast(W, S, SOME, split="t.csv"), "got 'split'. Did you mean split_file"),
    ],
)
def test_a_mistake_is_one_line(call: Any, said: str) -> None:
    with pytest.raises(W2SProbeError) as raised:
        call()
    message = str(raised.value)
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize("verb", [w2s_probe.forecast, w2s_probe.sweep])
def test_names_of_single_features_may_be_a_sequence(verb: Any) -> None:
    one = verb(W, S, Y, teachers=["weak one"], students=("strong one",)).result
    assert one.to_json() == verb(W, S, Y, teachers="weak one", students="strong one").result.to_json()
    assert "weak one" in one.to_json()
    assert "strong one" in one.to_json()


def test_a_single_wrong_call_of_data_names_what_is_there(files: Path) -> None:
    store, options = FeatureStore(files / "cache"), BackboneOptions()
    with pytest.raises(W2SProbeError, match="nowhere"):
        w2s_probe.run(
            DataConfig(data="all.csv"), teacher="nowhere:at-all", student=STRONG, store=store, options=options
        )


def test_labels_of_a_series_are_those_of_a_list() -> None:
    pd = pytest.importorskip("pandas")
    codes: list[Any] = [None if y is None else int(y == "pos") for y in SOME]
    expected = array_data({"a": W}, labels=codes).table.label
    series = (pl.Series(codes), pd.Series(codes, dtype="Int64"), pd.Series(codes, dtype="object"))
    assert [array_data({"a": W}, labels=one).table.label for one in series] == [expected] * 3
    assert array_data({"a": W}, labels=np.array(codes, dtype=object)).table.label == expected


def shuffled(*arrays: Any) -> tuple[Any, ...]:
    """Return arrays as frames and series of pandas with one index in another order."""
    pd = pytest.importorskip("pandas")
    order = np.random.default_rng(0).permutation(300)
    return tuple((pd.DataFrame if np.ndim(one) == 2 else pd.Series)(one, index=order) for one in arrays)


@pytest.mark.parametrize(
    ("call", "which"),
    [
        (lambda moved: w2s_probe.run(*map(plain, (W, S)), moved[2], SMALL), "features of teacher and labels"),
        (lambda moved: w2s_probe.run(W, moved[1], plain(Y), SMALL), "features of student and labels"),
        (lambda moved: w2s_probe.run(W, S, plain(Y), SMALL, groups=moved[3]), "labels and groups"),
        (lambda moved: w2s_probe.forecast({"a": plain(W), "b": moved[0]}, S, Y), "features of a and features of b"),
        (lambda moved: w2s_probe.sweep(W, plain(S), moved[2], SWEPT), "features of student and labels"),
        (lambda moved: w2s_probe.diagnose(moved[0], S, plain(Y), ids=IDS), "features of teacher and labels"),
        (lambda moved: w2s_probe.diagnose(plain(W), S, Y, ids=moved[2]), "features of teacher and ids"),
    ],
)
def test_rows_in_another_order_are_refused(call: Any, which: str) -> None:
    with pytest.raises(W2SProbeError, match=f"rows of {which} must be in one order: .*, first at row"):
        call(shuffled(W, S, Y, COLOR))


def plain(array: Any) -> Any:
    """Return an array as pandas, rows counted from 0."""
    pd = pytest.importorskip("pandas")
    return (pd.DataFrame if array.ndim == 2 else pd.Series)(array)


@pytest.mark.usefixtures("few_resamples")
def test_frames_with_one_index_have_the_numbers_of_arrays() -> None:
    weak, strong, labels, colors = shuffled(W, S, Y, COLOR)
    found = w2s_probe.run(weak, strong, labels, SMALL, groups=colors).result
    assert numbers(found) == numbers(w2s_probe.run(W, S, Y, SMALL, groups=COLOR).result)
