"""Feature files on the command line: every verb says which columns it reads, or refuses in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.stderr import without_read

SIZES = ("-n", "100", "-N", "400", "--n-test", "300")
TAKEN = "features:s.parquet: column vector, 20 dimensions, float32, rows by image; 1 other column left out: n_tokens."


@pytest.fixture
def shuffled(tmp_path: Path) -> Path:
    """Write d.csv with ids, t.npy in its order, and the student's features in another order, in two shapes."""
    rng = np.random.default_rng(3)
    core = rng.standard_normal((900, 6))
    y = (core[:, :3].sum(axis=1) + 0.5 * rng.standard_normal(900) > 0).astype(int)
    ids, order = np.array([f"img_{i}.jpg" for i in range(900)]), rng.permutation(900)
    pl.DataFrame({"image": ids, "label": y}).write_csv(tmp_path / "d.csv")
    np.save(tmp_path / "t.npy", core[:, :3] @ rng.standard_normal((3, 8)) + 0.8 * rng.standard_normal((900, 8)))
    strong = (core @ rng.standard_normal((6, 20)) + 0.3 * rng.standard_normal((900, 20))).astype(np.float32)
    np.save(tmp_path / "s.npy", strong)
    shared = {"image": ids[order], "n_tokens": order}
    pl.DataFrame({**shared, "vector": strong[order].tolist()}).write_parquet(tmp_path / "s.parquet")
    wide = {f"f{j}": strong[order, j] for j in range(20)}
    pl.DataFrame({**shared, **wide}).write_parquet(tmp_path / "wide.parquet")
    return tmp_path


def test_run_reads_the_same_rows_from_parquet_in_any_order(cli: Cli, shuffled: Path) -> None:
    split = ("--split-file", "split.parquet", "--json")
    plain = ("run", "d.csv", "--id", "image", "--teacher", "features:t.npy")
    first = cli(*plain, "--student", "features:s.npy", *SIZES, "--save-split", "split.parquet", "--json")
    expected = json.loads(first.stdout)
    columns = ",".join(f"f{j}" for j in range(20))
    for student in ("s.parquet", "s.parquet#vector", f"wide.parquet#{columns}"):
        done = cli(*plain, "--student", f"features:{student}", *split)
        result = json.loads(done.stdout)
        assert (result["systems"], result["students"]) == (expected["systems"], expected["students"])
        assert result["notes"][0].startswith(f"features:{student.partition('#')[0]}: column")
        assert result["config"]["student"] == f"features:{student.removesuffix('#vector')}"  # the file alone gives it
    assert TAKEN in json.loads(cli(*plain, "--student", "features:s.parquet", *split).stdout)["notes"]


@pytest.mark.parametrize("verb", ["run", "forecast", "sweep", "diagnose"])
def test_every_verb_says_what_it_reads_or_refuses(cli: Cli, shuffled: Path, verb: str) -> None:
    sizes = () if verb == "diagnose" else SIZES
    start = (verb, "d.csv", "--id", "image", "--teacher", "features:t.npy", *sizes)
    done = cli(*start, "--student", "features:s.parquet")
    assert done.returncode == 0, done.stderr
    assert TAKEN.split(",", maxsplit=1)[0] in " ".join((done.stdout + done.stderr).split())
    refused = cli(*start, "--student", "features:wide.parquet")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert "n_tokens may be something else" in refused.stderr


@pytest.mark.parametrize("verb", ["forecast", "sweep"])
def test_columns_and_backbones_stand_in_one_list(cli: Cli, shuffled: Path, verb: str) -> None:
    students = "features:wide.parquet#f0,f1,features:wide.parquet#f2,f3,f4,features:s.npy"
    seeds = ("--seeds", "2") if verb == "sweep" else ()
    start = (verb, "d.csv", "--id", "image", "--teacher", "features:t.npy", *SIZES, *seeds, "--json")
    result = json.loads(cli(*start, "--student", students).stdout)
    names = ["features:wide.parquet#f0,f1", "features:wide.parquet#f2,f3,f4", "features:s.npy"]
    got = result["config"]["students"] if verb == "sweep" else [pair["student_backbone"] for pair in result["pairs"]]
    assert sorted(got) == sorted(names)
    assert sum("rows by image; " in note for note in (result.get("notes") or result["best"]["notes"])) == 2


def test_an_import_says_what_it_reads_or_refuses(cli: Cli, shuffled: Path) -> None:
    refused = cli("cache", "import", "wide.parquet", "--name", "w")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    done = cli("cache", "import", "s.parquet", "--name", "s", "--json")
    expected = TAKEN.replace("rows by image; 1 other column", "rows in the file's order; 2 other columns")
    assert json.loads(done.stdout)["notes"] == [expected.replace("n_tokens", "image, n_tokens")]
    assert without_read(done.stderr) == f"note: {json.loads(done.stdout)['notes'][0]}\n"
    chosen = cli("cache", "import", "wide.parquet#f1,f2", "--name", "two")
    assert chosen.stdout == "cached:two: 900 rows, 2 dimensions, matched by row\n"


@pytest.mark.parametrize("factor", [1e160, 1e60, 1e-60, 1e-200])
@pytest.mark.parametrize(
    "line",
    [
        ("run", "d.csv", "--seeds", "1"),
        ("run", "d.csv", "--seeds", "1", "--head", "softmax", "--scale", "none"),
        ("forecast", "d.csv"),
        ("sweep", "d.csv", "--seeds", "1"),
        ("diagnose", "d.csv"),
    ],
)
def test_features_whose_squares_leave_the_range_are_refused_in_one_line(
    cli: Cli, shuffled: Path, line: tuple[str, ...], factor: float
) -> None:
    np.save(shuffled / "far.npy", np.load(shuffled / "s.npy").astype(np.float64) * factor)
    done = cli(*line, "--teacher", "features:t.npy", "--student", "features:far.npy")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert "features:far.npy must have absolute values whose maximum is between 1e-35 and 1e+35" in done.stderr
    assert "Divide all features by a constant" in done.stderr


@pytest.mark.parametrize("head", ["ridge", "softmax"])
def test_features_within_the_range_give_the_same_numbers_in_any_unit(cli: Cli, shuffled: Path, head: str) -> None:
    features = np.load(shuffled / "s.npy").astype(np.float64)
    line = ("run", "d.csv", "--id", "image", "--seeds", "1", "--head", head, "--scale", "none", "--json")
    start = ("--teacher", "features:t.npy", "--student")
    first = cli(*line, *start, "features:s.npy", *SIZES, "--save-split", "split.parquet")
    for factor in (3e33, 3e-34):
        np.save(shuffled / "far.npy", features * factor)
        done = cli(*line, *start, "features:far.npy", "--split-file", "split.parquet")
        assert done.returncode == 0, done.stderr
        far, near = (json.loads(text) for text in (done.stdout, first.stdout))
        for kind, name in (("students", "vanilla"), ("systems", "baseline"), ("systems", "ceiling")):
            expected = near[kind][name]["accuracy"]["value"]
            assert far[kind][name]["accuracy"]["value"] == pytest.approx(expected, abs=0.007)  # two of 300 test rows


def test_a_matrix_of_the_theory_is_told_and_its_columns_can_be_named(cli: Cli, tmp_path: Path) -> None:
    sizes = "--sigma 1 --gamma .01 --nu .0025 --eta-labeled .2 --eta-unlabeled .4 --eta-test .3 --noise-variance 1"
    pl.DataFrame({"a": [1.0, 0.0, 0.0], "b": [0.0, 1.0, 0.0], "label": [0, 1, 0]}).write_parquet(tmp_path / "T.parquet")
    line = ("theory", "spurious", "--law", "mixture", "--mu", "2,0,1", *sizes.split())
    done = cli(*line, "--teacher-matrix", "T.parquet#a,b", "--student-matrix", "T.parquet#a,b")
    assert done.returncode == 0, done.stderr
    assert "Note: features:T.parquet: columns a … b, 2 dimensions" in done.stdout
    refused = cli(*line, "--teacher-matrix", "T.parquet", "--student-matrix", "T.parquet")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)


def written(folder: Path, keys: list[str], **columns: object) -> pl.DataFrame:
    """Write features of 60 rows and of these keys, in a list column; return the table."""
    rng = np.random.default_rng(1)
    rows = {"key": [f"k{i:02}" for i in range(60)], "label": ["no", "yes"] * 30, "part": (["train"] * 5 + ["val"]) * 10}
    table = pl.DataFrame(rows).with_columns(part=pl.when(pl.col("key") > "k50").then(pl.lit("test")).otherwise("part"))
    table.write_csv(folder / "w.csv")
    X = rng.standard_normal((len(keys), 4))
    pl.DataFrame({"id": keys, "emb": X.tolist(), **columns}).write_parquet(folder / "w.parquet")
    np.save(folder / "w.npy", rng.standard_normal((60, 3)))
    return table


def pair_of(*more: str) -> tuple[str, ...]:
    return ("w.csv", "--teacher", "features:w.parquet", "--student", "features:w.npy", *more)


def test_rows_of_a_file_with_ids_that_the_data_lack_are_counted(cli: Cli, tmp_path: Path) -> None:
    keys = [f"k{i:02}" for i in range(60)]
    written(tmp_path, [*keys, "x", "y"])
    for parts in ((), ("--split", "part")):  # rows of the validation part have items
        done = cli("run", *pair_of("--id", "key", "-n", "10", "--seeds", "1", "--json", "--quiet", *parts))
        assert done.returncode == 0, done.stderr
        assert "teacher features:w.parquet: column emb, 4 dimensions, float64, by id, 2 rows of no item" in done.stderr
        read = json.loads(done.stdout)["read"]
        assert read["features"]["teacher"]["unused"] == 2
        assert "unused" not in read["features"]["student"]
        assert bool(read["left_out"]) == bool(parts)
    written(tmp_path, keys[::-1])
    assert "of no item" not in cli("diagnose", *pair_of("--id", "key")).stderr


def test_rows_of_the_pool_are_not_counted_as_unused(cli: Cli, tmp_path: Path) -> None:
    keys = [f"k{i:02}" for i in range(60)]
    table = written(tmp_path, [*keys, "p1", "x", "y", "z"])
    table.head(2).with_columns(key=pl.Series(["p1", "k03"])).write_csv(tmp_path / "more.csv")
    pair = ("w.csv", "--teacher", "features:w.parquet", "--student", "features:w.parquet", "--pool", "more.csv")
    done = cli("diagnose", *pair, "--id", "key", "--json")
    assert done.returncode == 0, done.stderr
    assert "by id, 3 rows of no item" in done.stderr
    assert json.loads(done.stdout)["read"]["features"]["student"]["unused"] == 3


def test_a_column_that_shows_another_order_of_the_rows_is_refused(cli: Cli, tmp_path: Path) -> None:
    keys = [f"k{i:02}" for i in range(60)]
    written(tmp_path, keys)
    order = np.random.default_rng(0).permutation(60)

    def diagnose(column: list[str], *flags: str) -> str:
        frame = pl.read_parquet(tmp_path / "w.parquet").select("emb", key=pl.Series(column))
        frame.write_parquet(tmp_path / "w.parquet")
        done = cli("diagnose", *pair_of(*flags))
        assert done.returncode == ("in another order" in done.stderr), done.stderr
        return " ".join((done.stdout + done.stderr).split())

    assert "1 other column left out: key" in diagnose(keys)
    assert "1 other column left out: key" in diagnose([f"other {key}" for key in keys])
    mixed = [keys[row] for row in order]
    error = "must have its rows in the order of w.csv, or ids: its column 'key' has the values of the table's column"
    said = diagnose(mixed)
    assert error in said
    assert said.rstrip().endswith("in another order. Add --id key.")
    assert "by id" in diagnose(mixed, "--id", "key")
