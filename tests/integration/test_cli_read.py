"""What was read: one line on stderr and `read` in JSON, for every verb; guesses with the option that replaces them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.images import image_folder
from tests.schemas import check_schema
from tests.stderr import read_line, without_read

PAIR = ("--teacher", "features:t.parquet", "--student", "features:s.npy")
SIZES = ("-n", "60", "-N", "120", "--n-test", "60")
ROWS = 300
MATRICES = ("--law", "mixture", "--teacher-matrix", "t2.npy", "--student-matrix", "t2.npy", "--mu", "2,0,1")
SETTINGS = {"sigma": "1", "gamma": ".01", "nu": ".01", "noise-variance": "1"}
ETAS = {"eta-labeled": ".2", "eta-unlabeled": ".4", "eta-test": ".3"}
MODEL = tuple(part for name, value in {**SETTINGS, **ETAS}.items() for part in (f"--{name}", value))
TABLE = "read: d.csv: 300 rows, none left out"
CLASSES = "classes of column label: no (150), yes (150)"
FEATURES = (
    "teacher features:t.parquet: column emb, 6 dimensions, float64, by row (guess: features:t.parquet#COLUMN); "
    "student features:s.npy: array X, 9 dimensions, float64, by row"
)
VERBS: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "run": (("run", "d.csv", *PAIR, *SIZES, "--seeds", "2"), [TABLE, CLASSES, FEATURES, "n = 60, N = 120, 60 test"]),
    "forecast": (("forecast", "d.csv", *PAIR, *SIZES), [TABLE, CLASSES, FEATURES, "n = 60, N = 120, 60 test rows"]),
    "sweep": (
        ("sweep", "d.csv", *PAIR, "-n", "30,60", "-N", "90,120", "--n-test", "60", "--seeds", "2"),
        [TABLE, CLASSES, FEATURES, "n = 30/60, N = 90/120, 60 test rows"],
    ),
    "diagnose": (("diagnose", "d.csv", *PAIR), [TABLE, CLASSES, FEATURES]),
    "embed": (
        ("embed", "d.csv", "--text", "text", "--backbone", "classic:hashing-64"),
        [TABLE, "texts of column text", "backbone classic:hashing-64: not computed yet, float32, by item"],
    ),
    "cache import": (
        ("cache", "import", "t.parquet", "--name", "t", "--data", "d.csv", "--text", "text"),
        [TABLE, "texts of column text", "features features:t.parquet: column emb, 6 dimensions, float64, by row"],
    ),
    "theory spurious": (
        ("theory", "spurious", *MATRICES, *MODEL),
        ["read: t2.npy: 3 rows, none left out; teacher features:t2.npy: array X, 1 dimensions, float64, by row"],
    ),
}


@pytest.fixture(autouse=True)
def _data(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    core = rng.standard_normal((ROWS, 6))
    order = np.argsort(core[:, 0] + rng.standard_normal(ROWS))
    labels = np.array(["no"] * ROWS, dtype=object)
    labels[order[ROWS // 2 :]] = "yes"
    groups = np.where(rng.random(ROWS) < 0.7, labels == "yes", labels == "no")
    frame = pl.DataFrame(
        {
            "label": labels.tolist(),
            "text": [f"text {i} of {ROWS}" for i in range(ROWS)],
            "key": [f"k{i:03}" for i in range(ROWS)],
            "g": ["a" if value else "b" for value in groups],
        }
    )
    frame.write_csv(tmp_path / "d.csv")
    weak = (core + 2 * rng.standard_normal((ROWS, 6))).astype(np.float32)
    pl.DataFrame({"emb": weak.tolist()}).write_parquet(tmp_path / "t.parquet")
    np.save(tmp_path / "s.npy", core @ rng.standard_normal((6, 9)))
    np.save(tmp_path / "t2.npy", np.array([[1.0], [0.0], [0.0]]))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_what_it_reads_in_one_line_also_when_quiet(cli: Cli, verb: str) -> None:
    arguments, parts = VERBS[verb]
    loud = cli(*arguments, "--json", *(() if verb in ("cache import", "theory spurious") else ("--threads", "1")))
    assert loud.returncode == 0, loud.stderr
    line = read_line(loud.stderr)
    for part in parts:
        assert part in line
    check_schema(verb, json.loads(loud.stdout))
    if verb in ("run", "forecast", "sweep", "diagnose"):
        quiet = cli(*arguments, "--json", "--quiet")
        assert (quiet.stdout, read_line(quiet.stderr)) == (loud.stdout, line)


@pytest.mark.parametrize("verb", ["embed", "cache export"])
def test_other_verbs_that_read_a_table_say_so(cli: Cli, verb: str) -> None:
    embedded = cli(*VERBS["embed"][0], "--quiet", "--json")
    assert read_line(embedded.stderr).startswith(TABLE)
    if verb == "embed":  # a second time, the dimension is there
        assert "hashing-64: 64 dimensions" in read_line(cli(*VERBS["embed"][0], "--quiet").stderr)
        return
    name = json.loads(embedded.stdout)["backbones"][0]["fingerprint"][:12]
    done = cli("cache", "export", name, "out.npy", "--data", "d.csv", "--text", "text")
    assert done.returncode == 0, done.stderr
    assert read_line(done.stderr) == f"{TABLE}; texts of column text; no ids (guess: --id)"


def test_demo_says_what_it_reads(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    import w2s_probe.cli.demo as module
    from w2s_probe.cli.run import measure

    def small(data: Any, config: Any, *, teacher: str, student: str, runtime: Any, curve: bool) -> Any:
        return measure(data, config, teacher="classic:hashing-16", student="classic:hashing-32", runtime=runtime)

    monkeypatch.setattr(module, "measure", small)
    done = cli("demo", "--quiet", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert read_line(done.stderr).startswith("read: builtin:vader-movie: 10,311 rows, none left out; classes of column")
    assert "(guess" not in read_line(done.stderr).replace("(guess: --n-test)", "")


@pytest.mark.parametrize("verb", ["run", "forecast", "sweep", "diagnose"])
def test_read_in_json_has_rows_classes_and_features(cli: Cli, tmp_path: Path, verb: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "s.npy").rename(tmp_path / "folder/s.npy")
    start = [part.replace("features:s.npy", "features:folder/s.npy") for part in VERBS[verb][0]]
    read = json.loads(cli(*start, "--json").stdout)["read"]
    assert (read["rows"], read["left_out"], read["class_counts"]) == (300, {}, {"no": 150, "yes": 150})
    keys = ("columns", "dim", "dtype", "file")
    assert list(read["features"]) == ["teacher", "student"]
    assert [read["features"]["teacher"][key] for key in keys] == [["emb"], 6, "float64", "t.parquet"]
    assert [read["features"]["student"][key] for key in keys] == [["X"], 9, "float64", "s.npy"]
    assert "folder" not in json.dumps(read)


@pytest.mark.parametrize("verb", ["forecast", "sweep"])
def test_several_backbones_are_numbered_and_named(cli: Cli, tmp_path: Path, verb: str) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "s.npy", np.load(tmp_path / "s.npy")[:, : 4 if folder == "a" else 7])
    students = ("--student", "features:a/s.npy,features:b/s.npy")
    seeds = ("--seeds", "2") if verb == "sweep" else ()
    done = cli(verb, "d.csv", *PAIR[:2], *students, *SIZES, *seeds, "--json")
    found = json.loads(done.stdout)
    features = found["read"]["features"]
    assert list(features) == ["teacher", "student 1", "student 2"]
    assert [(features[f"student {i}"]["backbone"], features[f"student {i}"]["dim"]) for i in (1, 2)] == [
        ("features:a/s.npy", 4),
        ("features:b/s.npy", 7),
    ]
    pairs = found["points"] if verb == "sweep" else found["pairs"]
    assert sorted(pair["student_backbone"] for pair in pairs) == ["features:a/s.npy", "features:b/s.npy"]
    assert "student 1 features:a/s.npy: array X, 4 dimensions" in read_line(done.stderr)


OPTIONS: dict[str, tuple[tuple[str, ...], tuple[str, str], str]] = {
    "label": (("run",), ("--label", "label"), "--label"),
    "label of a forecast": (("forecast",), ("--label", "label"), "--label"),
    "label of a diagnosis": (("diagnose",), ("--label", "label"), "--label"),
    "task": (("run",), ("--task", "classification"), "--task"),
    "columns": (("run",), ("--teacher", "features:t.parquet#emb"), "features:t.parquet#COLUMN"),
    "columns of a forecast": (("forecast",), ("--teacher", "features:t.parquet#emb"), "features:t.parquet#COLUMN"),
    "columns of a sweep": (
        ("sweep", "--seeds", "2"),
        ("--teacher", "features:t.parquet#emb"),
        "features:t.parquet#COLUMN",
    ),
    "numeric columns": (("run",), ("--student", "features:n.parquet#c0,c1,c2"), "features:n.parquet#COLUMN"),
    "n": (("run",), ("-n", "40"), "-n"),
    "N": (("run",), ("-N", "160"), "-N"),
    "test rows": (("run",), ("--n-test", "100"), "--n-test"),
    "n of a forecast": (("forecast",), ("-n", "40"), "-n"),
    "N of a forecast": (("forecast",), ("-N", "160"), "-N"),
    "n of a sweep": (("sweep", "--seeds", "2"), ("-n", "40"), "-n"),
    "N of a sweep": (("sweep", "--seeds", "2"), ("-N", "160"), "-N"),
    "test rows of a sweep": (("sweep", "--seeds", "2"), ("--n-test", "100"), "--n-test"),
    "usual values": (("run", "--group", "g"), ("--cue", "no=b,yes=a"), "--cue"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_option_that_replaces_a_guess_changes_nothing_but_the_line(cli: Cli, tmp_path: Path, name: str) -> None:
    (verb, *more), (flag, value), option = OPTIONS[name]
    X = np.load(tmp_path / "s.npy")[:, :3]
    pl.DataFrame({f"c{j}": X[:, j] for j in range(3)}).write_parquet(tmp_path / "n.parquet")
    pair = {"--teacher": "features:t.parquet", "--student": "features:s.npy"}
    pair |= {flag: value.partition("#")[0]} if flag in pair else {}
    start = (verb, "d.csv", *more, "--json")
    guess = cli(*start, *(part for item in pair.items() for part in item))
    explicit = cli(*start, *(part for item in {**pair, flag: value}.items() for part in item))
    assert guess.returncode == explicit.returncode == 0, explicit.stderr
    assert guess.stdout == explicit.stdout
    assert without_read(guess.stderr) == without_read(explicit.stderr)
    assert guesses(guess.stderr) - guesses(explicit.stderr) == {option}
    assert re.sub(r" \(guess: [^)]*\)", "", read_line(guess.stderr)) == re.sub(
        r" \(guess: [^)]*\)", "", read_line(explicit.stderr)
    )


def guesses(stderr: str) -> set[str]:
    """Return the options behind all guesses of the line."""
    return {option for group in re.findall(r"\(guess: ([^)]*)\)", read_line(stderr)) for option in group.split(", ")}


def test_a_key_of_a_config_file_is_no_guess(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('label = "label"\nn-test = 60\n')
    line = cli("run", "d.csv", *PAIR, "--config", "c.toml").stderr
    assert {"--label", "--n-test"} & guesses(line) == set()
    assert {"--task", "-n", "-N", "--id"} <= guesses(line)


def test_rows_left_out_are_counted_with_their_reasons(cli: Cli, tmp_path: Path) -> None:
    parts = ["train"] * 200 + ["val"] * 30 + ["test"] * 70
    pl.read_csv(tmp_path / "d.csv").with_columns(part=pl.Series(parts)).write_csv(tmp_path / "d.csv")
    done = cli("run", "d.csv", *PAIR, "--split", "part", "-n", "60", "--json")
    read = json.loads(done.stdout)["read"]
    assert (read["rows"], read["left_out"]) == (300, {"validation part": 30})
    assert sum(read["class_counts"].values()) == 270
    assert "300 rows, 30 left out (validation part)" in read_line(done.stderr)
    assert "parts of column part, read as train, val and test (guess: labeled, unlabeled, test)" in read_line(
        done.stderr
    )


def test_damaged_images_are_counted(cli: Cli, tmp_path: Path) -> None:
    image_folder(tmp_path / "photographs", 30, side=16)
    broken = sorted((tmp_path / "photographs").rglob("*.*"))[:3]
    for file in broken:
        file.write_bytes(b"no image")
    pair = ("--teacher", "classic:pixels-1x1", "--student", "classic:pixels-4x4")
    done = cli("run", "photographs", *pair, "-n", "8", "--seeds", "2", "--skip-damaged", "--json")
    read = json.loads(done.stdout)["read"]
    assert read["left_out"] == {"damaged image": 3}
    assert sum(read["class_counts"].values()) == read["rows"] - 3
    assert "3 left out (damaged image)" in read_line(done.stderr)
    assert "classes by folder: " in read_line(done.stderr)
    assert "--label" not in read_line(done.stderr)


def test_a_pool_and_rows_that_repeat_labeled_rows_are_counted(cli: Cli, tmp_path: Path) -> None:
    frame = pl.read_csv(tmp_path / "d.csv")
    frame.head(100).write_csv(tmp_path / "d.csv")
    frame.tail(205).select("text").write_csv(tmp_path / "more.csv")  # five rows are in both
    pair = ("--text", "text", "--teacher", "classic:hashing-16", "--student", "classic:hashing-32")
    done = cli("forecast", "d.csv", *pair, "--pool", "more.csv", "--json")
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)["read"]
    assert (read["rows"], read["left_out"]) == (100, {})
    assert read["pool"] == {"rows": 205, "left_out": {"repeats a labeled row": 5}}
    assert "pool more.csv: 205 rows, 5 left out (repeats a labeled row)" in read_line(done.stderr)
    diagnosed = json.loads(cli("diagnose", "d.csv", *pair, "--pool", "more.csv", "--json").stdout)
    assert diagnosed["read"]["pool"] == {"rows": 205, "left_out": {}}


def test_a_forecast_counts_the_labels_that_it_may_read(cli: Cli, tmp_path: Path) -> None:
    frame = pl.read_csv(tmp_path / "d.csv").with_row_index()
    label = pl.when(pl.col("index") < 80).then("label")
    frame.with_columns(label=label).drop("index").write_csv(tmp_path / "d.csv")
    done = cli("forecast", "d.csv", *PAIR, "--json")
    assert done.returncode == 0, done.stderr
    assert sum(json.loads(done.stdout)["read"]["class_counts"].values()) == 80
    assert "without a label 220" in read_line(done.stderr)


def test_a_regression_has_a_range_and_no_classes(cli: Cli, tmp_path: Path) -> None:
    numbers = np.load(tmp_path / "s.npy")[:, 0].round(3)
    pl.DataFrame({"label": numbers}).write_csv(tmp_path / "d.csv")
    done = cli("run", "d.csv", *PAIR, "--task", "regression", "--json")
    assert json.loads(done.stdout)["read"]["class_counts"] == {}
    assert f"labels of column label: numbers from {numbers.min():.6g} to {numbers.max():.6g}" in read_line(done.stderr)


def test_many_classes_and_hostile_names_stay_one_short_line(cli: Cli, tmp_path: Path) -> None:
    names = ["red\x1b[31m\u202e", "w" * 500, *(f"class {i}" for i in range(28))]
    frame = pl.DataFrame({"label": [names[i % 30] for i in range(ROWS)]})
    frame.write_parquet(tmp_path / "d.parquet")
    done = cli("run", "d.parquet", *PAIR, "-n", "90", "--seeds", "2", "--json")
    assert done.returncode == 0, done.stderr
    line = read_line(done.stderr)
    assert "classes of column label: 30, the largest" in line
    assert len(line) < 900
    assert line.isprintable()
    assert len(json.loads(done.stdout)["read"]["class_counts"]) == 30


NOTED = {
    **{verb: VERBS[verb][0] for verb in ("run", "forecast", "sweep", "diagnose", "embed", "cache import")},
    "several pairs": ("forecast", "d.csv", *PAIR[:2], "--student", "features:t.parquet,features:s.npy", *SIZES),
    "one seed": ("run", "d.csv", *PAIR, *SIZES, "--seeds", "1"),
    "short rows": ("embed", "short.csv", "--text", "text", "--backbone", "classic:hashing-64"),
    "theory variance": (
        *("theory", "variance", "--d-student", "20", "--d-teacher", "60", "--correlation-dimension", "5"),
        *("-n", "63", "-N", "200", "--noise-variance", "1"),
    ),
    "theory spurious": ("theory", "spurious", *(part if part != ".01" else ".3" for part in (*MATRICES, *MODEL))),
    "columns of a matrix": (
        *("theory", "spurious", "--teacher-matrix", "t3.parquet#a", "--student-matrix", "t2.npy"),
        *(*MATRICES[:2], *MATRICES[6:], *MODEL),
    ),
}


@pytest.mark.parametrize("name", NOTED)
def test_every_note_that_is_printed_stands_in_the_notes_of_json(cli: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / "short.csv").write_text("text,more\nfirst text,1\nsecond text\n")
    pl.DataFrame({"a": [1.0, 0.0, 0.0], "key": ["x", "y", "z"]}).write_parquet(tmp_path / "t3.parquet")
    done = cli(*NOTED[name], "--json")
    assert done.returncode == 0, done.stderr
    lines = without_read(done.stderr).splitlines()
    assert lines == [f"note: {note}" for note in json.loads(done.stdout)["notes"]]
    if name not in ("run", "sweep", "embed"):
        assert lines


@pytest.mark.parametrize("copies", [1, 10, 120])
def test_rows_that_a_diagnosis_leaves_out_are_in_its_notes(cli: Cli, tmp_path: Path, copies: int) -> None:
    X = np.load(tmp_path / "s.npy")
    X[ROWS - copies :] = X[:copies] + 1e-9
    np.save(tmp_path / "s.npy", X)
    found = json.loads(cli("diagnose", "d.csv", "--teacher", "features:s.npy", *PAIR[2:], "--json").stdout)
    assert found["dropped_duplicates"] == copies
    assert found["notes"][0].startswith(f"{copies} of 300 sampled rows repeat another row, some only up to rounding: ")


def test_texts_that_were_cut_have_a_note() -> None:
    from w2s_probe.pipeline.embed import Fetched, cut_notes

    counts = {"rows": 9, "unique": 9, "encoded": 9, "cached": 0, "seconds": 1.0, "dim": 4, "fingerprint": "0"}
    teacher, student = (
        Fetched(backbone=f"sentence-transformers:folder/{name}", truncated=cut, **counts)  # type: ignore[arg-type]
        for name, cut in (("a", 0), ("b", 1200))
    )
    note = "1,200 texts were longer than sentence-transformers:b reads and were cut."
    assert cut_notes([teacher, student, student]) == (note,)


def test_pages_have_a_table_of_what_was_read(cli: Cli, tmp_path: Path) -> None:
    for verb in ("run", "forecast", "sweep", "diagnose"):
        assert cli(*VERBS[verb][0], "--out", verb.replace(" ", "-")).returncode == 0
        for name in ("report.md", "report.html"):
            text = (tmp_path / verb / name).read_text(encoding="utf-8")
            assert "What was read" in text
            assert "300 rows, none left out" in text


def test_no_line_is_printed_where_nothing_was_read(cli: Cli) -> None:
    for mistake in (
        ("run", "none.csv", *PAIR),
        ("run", "d.csv", *PAIR, "-n", "1000"),
        ("run", "d.csv", *PAIR[:3], "x"),
    ):
        done = cli(*mistake)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    variance = ("--d-student", "20", "--d-teacher", "60", "--correlation-dimension", "5", "-n", "110", "-N", "200")
    assert cli("theory", "variance", *variance, "--noise-variance", "1").stderr == ""
