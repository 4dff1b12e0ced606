"""The command line on features made elsewhere: what it prints, writes and repeats. Core install only."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from tests.conftest import Cli
from tests.stderr import without_read
from w2s_probe.cli.main import cli as cli_group

PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y")
RUN = ("run", "table.csv", *PAIR, "-n", "200", "-N", "1000", "--seeds", "5")


def is_estimate(value: Any) -> bool:
    return isinstance(value, dict) and {"value", "low", "high"} <= set(value)


def test_json_is_the_designs_and_identical_when_repeated(cli: Cli, process: Cli, table: Path) -> None:
    first, second = cli(*RUN, "--json"), process(*RUN, "--json")
    assert (first.returncode, without_read(first.stderr)) == (0, "")
    assert first.stdout == second.stdout
    assert first.stdout.count("\n") == 1
    found = json.loads(first.stdout)
    assert found["schema"] == 2
    assert found["score"] == "accuracy"
    assert found["level"] == 0.95
    assert found["n_test"] == 800
    assert found["seeds"] == [0, 1, 2, 3, 4]
    assert found["classes"] == ["0", "1"]
    for system in ("teacher", "baseline", "ceiling"):
        assert all(is_estimate(found["systems"][system][m]) for m in ("accuracy", "brier", "log_loss", "ece"))
    vanilla = found["students"]["vanilla"]
    assert all(is_estimate(vanilla[key]) for key in ("accuracy", "gain", "pgr", "opr", "versus_baseline", "agreement"))
    assert vanilla["pgr"]["resolved"] is True
    assert vanilla["selection"]["fraction"] == 1.0
    assert found["verdict"]["call"] in {"helps", "hurts", "unresolved"}
    assert found["verdict"]["recommend"] in {"weak_to_strong", "labels_directly", "combine", "unresolved"}
    assert str(table.parent) not in first.stdout


def test_json_does_not_depend_on_the_folder_or_the_threads(cli: Cli, process: Cli, table: Path, tmp_path: Path) -> None:
    here = json.loads(cli(*RUN, "--json").stdout)
    far = [part.replace("features:", f"features:{tmp_path}/").replace("table.csv", str(table)) for part in RUN]
    there = json.loads(process(*far, "--json", "--threads", "1").stdout)
    assert there["config"] == here["config"]
    assert there["fingerprint"] == here["fingerprint"]
    for system in ("teacher", "baseline", "ceiling"):
        for metric, estimate in here["systems"][system].items():
            key = "geometric_mean" if metric == "strength" else "value"
            assert there["systems"][system][metric][key] == pytest.approx(estimate[key], rel=1e-8, abs=1e-8)


def test_the_table_fits_80_columns(cli: Cli, table: Path) -> None:
    done = cli(*RUN)
    assert done.returncode == 0
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    for word in ("teacher", "student", "baseline", "ceiling", "gain", "PGR", "OPR"):
        assert word in done.stdout


def test_files_hold_what_was_printed(cli: Cli, table: Path, tmp_path: Path) -> None:
    pl.read_csv(table).with_columns(third=pl.col("source") % 3).write_csv(table)
    grouped = (*RUN, "--group", "third", "--group-by", "column")
    printed = json.loads(cli(*grouped, "--json").stdout)
    done = cli(*grouped, "--out", "out", "--save-predictions", "--save-split", "split.csv")
    assert done.returncode == 0
    saved = json.loads((tmp_path / "out" / "result.json").read_text())
    assert saved["systems"] == printed["systems"]
    assert saved["versions"]["numpy"] == np.__version__
    tidy = pl.read_parquet(tmp_path / "out" / "results.parquet")
    assert tidy.columns[:8] == ["seed", "part", "system", "strategy", "metric", "group", "value", "n"]
    assert tidy.columns[8:] == ["n_labeled", "n_unlabeled"]
    whole = tidy.filter(pl.col("group").is_null())
    mean = whole.filter(system="teacher", metric="accuracy", part="test")["value"].mean()
    assert mean == pytest.approx(printed["systems"]["teacher"]["accuracy"]["value"])
    said = pl.read_parquet(tmp_path / "out" / "predictions.parquet")
    assert said.filter(part="test").height == 5 * 800
    assert said.filter(part="unlabeled").height == 5 * 1000
    right = said.filter(part="test").select((pl.col("teacher_class") == pl.col("label")).mean()).item()
    assert right == pytest.approx(mean)
    assert set(said["group"]) == {"0", "1", "2"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in page
    assert "://" not in page.replace("http://www.w3.org", "")  # no other address
    assert f"{printed['systems']['teacher']['accuracy']['value']:.3f}" in page
    split = pl.read_csv(tmp_path / "split.csv")
    assert split.group_by("seed", "part").len().height == 15


def test_a_saved_split_gives_the_same_result(cli: Cli, table: Path) -> None:
    drawn = json.loads(cli(*RUN, "--save-split", "split.parquet", "--json").stdout)
    given = json.loads(cli("run", "table.csv", *PAIR, "--split-file", "split.parquet", "--json").stdout)
    assert given["systems"] == drawn["systems"]
    assert given["students"] == drawn["students"]


def test_hostile_names_are_text_in_the_report_and_the_terminal(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=300)
    hostile = '<script>alert("x")</script>[bold]$x$'
    frame = pl.DataFrame({hostile: [hostile if label else "b" for label in y]})
    frame.write_parquet(tmp_path / "a&b.parquet")
    np.save(tmp_path / "x.npy", y[:, None] + rng.standard_normal((300, 4)))
    pair = ("--teacher", "features:x.npy", "--student", "features:x.npy")
    done = cli("run", "a&b.parquet", *pair, "--label", hostile, "-n", "50", "--out", "out")
    assert done.returncode == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_regression_and_three_classes_run(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 8))
    y = X[:, 0] + 0.5 * rng.standard_normal(600)
    pl.DataFrame({"y": y, "k": np.digitize(y, [-0.5, 0.5])}).write_parquet(tmp_path / "d.parquet")
    np.save(tmp_path / "t.npy", X[:, :4] + rng.standard_normal((600, 4)))
    np.save(tmp_path / "s.npy", X)
    pair = ("--teacher", "features:t.npy", "--student", "features:s.npy")
    numbers = json.loads(cli("run", "d.parquet", *pair, "--task", "regression", "--label", "y", "--json").stdout)
    assert numbers["score"] == "r2"
    assert numbers["classes"] is None
    assert set(numbers["systems"]["teacher"]) == {"r2", "squared_error", "strength"}
    classes = json.loads(cli("run", "d.parquet", *pair, "--label", "k", "--json").stdout)
    assert classes["classes"] == ["0", "1", "2"]
    text = cli("run", "d.parquet", *pair, "--task", "regression", "--label", "y", "--out", "o", "--save-predictions")
    assert "R²" in text.stdout
    assert "teacher_value" in pl.read_parquet(tmp_path / "o" / "predictions.parquet").columns


def test_softmax_heads_run_by_either_name_and_record_what_they_used(cli: Cli, table: Path) -> None:
    small = ("run", "table.csv", *PAIR, "-n", "100", "-N", "300", "--n-test", "400", "--seeds", "2", "--json")
    first, second = (json.loads(cli(*small, "--head", name).stdout) for name in ("softmax", "logistic"))
    assert first == second
    used = first["config"]
    assert (used["head"], used["scale"], used["alphas"], used["student_alpha"]) == ("softmax", "standard", 13, "cv")
    ridge = json.loads(cli(*small).stdout)
    assert (ridge["config"]["scale"], ridge["config"]["alphas"], ridge["config"]["student_alpha"]) == (
        "none",
        33,
        "gcv",
    )
    # heads of both kinds see the same rows, so their accuracies are near each other
    for system in ("teacher", "baseline", "ceiling"):
        accuracies = [found["systems"][system]["accuracy"]["value"] for found in (first, ridge)]
        assert accuracies[0] == pytest.approx(accuracies[1], abs=0.05)


def test_sources_stay_in_one_part(cli: Cli, table: Path, tmp_path: Path) -> None:
    assert cli(*RUN, "--group-split", "source", "--save-split", "split.csv", "--json").returncode == 0
    parts = pl.read_csv(tmp_path / "split.csv").with_columns(source=pl.col("id") // 3)
    homes = parts.group_by("seed", "source").agg(pl.col("part").n_unique())
    assert homes["part"].max() == 1


def test_a_split_column_is_obeyed(cli: Cli, table: Path, tmp_path: Path) -> None:
    parts = ["labeled"] * 200 + ["unlabeled"] * 1000 + ["test"] * 1200
    frame = pl.read_csv(table).with_columns(part=pl.Series(parts))
    frame.write_csv(tmp_path / "fixed.csv")
    done = cli("run", "fixed.csv", *PAIR, "--split", "part", "--json")
    found = json.loads(done.stdout)
    assert found["seeds"] == [0]
    assert (found["config"]["n_labeled"], found["config"]["n_unlabeled"], found["n_test"]) == (200, 1000, 1200)
    assert "One split" in done.stderr


def test_features_with_ids_are_aligned_to_the_data(cli: Cli, table: Path, tmp_path: Path) -> None:
    ids = np.array([f"row {i:04}" for i in range(2400)])  # rows are drawn in the order of their ids
    pl.read_csv(table).with_columns(key=pl.Series(ids)).write_csv(tmp_path / "keyed.csv")
    order = np.random.default_rng(1).permutation(2400)
    np.savez(tmp_path / "t.npz", X=np.load(tmp_path / "t.npy")[order], ids=ids[order])
    shuffled = cli(
        *[part.replace("t.npy", "t.npz").replace("table.csv", "keyed.csv") for part in RUN], "--id", "key", "--json"
    )
    plain = json.loads(cli(*RUN, "--json").stdout)
    assert json.loads(shuffled.stdout)["systems"] == plain["systems"]


def test_a_config_file_says_what_flags_say_and_flags_beat_it(cli: Cli, table: Path, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(
        'data = "table.csv"\nteacher = "features:t.npy"\nstudent = "features:s.npy"\nlabel = "y"\n'
        'n_labeled = 200\nn-unlabeled = 1000\nseeds = 2\nstrategy = ["vanilla"]\n'
    )
    by_file = json.loads(cli("run", "--config", "run.toml", "--seeds", "5", "--json").stdout)
    by_flags = json.loads(cli(*RUN, "--json").stdout)
    assert by_file == by_flags


def test_a_strategy_plugin_runs_beside_vanilla(process: Cli, table: Path, tmp_path: Path) -> None:
    (tmp_path / "halfplug.py").write_text(
        "from dataclasses import dataclass\n"
        "import numpy as np\n"
        "from w2s_probe.strategies import Student, W2SProblem\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class HalfConfig:\n"
        "    keep: float = 0.5\n"
        "def half(problem: W2SProblem, config: HalfConfig) -> Student:\n"
        "    kept = problem.rng.random(len(problem.X_unlabeled)) < config.keep\n"
        "    head = problem.fit(problem.X_unlabeled[kept], problem.pseudolabels[0][kept])\n"
        "    return Student(head=head, kept=kept, rule='a random share')\n"
    )
    info = tmp_path / "halfplug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: halfplug\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[w2s_probe.strategies]\nhalf = halfplug:half\n")
    env = {"PYTHONPATH": str(tmp_path)}
    done = process(*RUN, "--strategy", "vanilla,half", "--set", "half.keep=0.25", "--json", env=env)
    found = json.loads(done.stdout)
    assert list(found["students"]) == ["vanilla", "half"]
    assert found["students"]["half"]["selection"]["fraction"] == pytest.approx(0.25, abs=0.03)
    wrong = process(*RUN, "--strategy", "half", "--set", "half.kep=0.25", env=env)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "Did you mean keep" in wrong.stderr


def test_verbs_without_data_answer(cli: Cli) -> None:
    listed = cli("backbones")
    assert "packaged:minilm-l6" in listed.stdout
    assert cli("backbones", "--json").stdout.startswith("{")
    health = json.loads(cli("doctor", "--json").stdout)
    optional = ("extra", "packaged:")  # what need not be installed
    assert all(check["ok"] for check in health["checks"] if not check["name"].startswith(optional))
    assert [blas["library"] for blas in health["blas"]] == ["numpy", "scipy", "faiss"]
    assert all(f"BLAS of {library}" in cli("doctor").stdout for library in ("numpy", "scipy", "faiss"))
    assert "nothing is cached" in cli("cache", "ls").stdout
    nothing = dict.fromkeys(["intact", "damaged", "unreadable", "newer", "unsealed"], 0)
    verified = json.loads(cli("cache", "verify", "--json").stdout)
    assert verified.pop("shipped") > 0
    assert verified == {"schema": 2, **nothing, "shipped_damaged": 0}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="kernels of x86")
def test_doctor_names_old_kernels(process: Cli) -> None:
    done = process("doctor", env={"OPENBLAS_CORETYPE": "Prescott"})
    assert done.returncode == 0
    for library in ("numpy", "scipy", "faiss"):
        assert f"{library} runs an old kernel" in done.stdout
    assert done.stdout.count("unset OPENBLAS_CORETYPE=Prescott") == 3


def test_embed_and_cache_verbs_tell_one_story(cli: Cli) -> None:
    first = cli("embed", "builtin:digits", "--backbone", "classic:pixels-4x4", "--backbone", "classic:pixels-2x2")
    assert first.stdout.count("encoded 1,797 rows") == 2
    again = json.loads(cli("embed", "builtin:digits", "--backbone", "classic:pixels-4x4", "--json").stdout)
    assert again["backbones"][0]["encoded"] == 0
    assert again["backbones"][0]["cached"] == 1797
    listed = json.loads(cli("cache", "ls", "--json").stdout)["features"]
    assert sorted(entry["dim"] for entry in listed) == [4, 16]
    shown = cli("cache", "info", listed[0]["fingerprint"][:8])
    assert "area average" in shown.stdout
    assert cli("cache", "verify").returncode == 0
    ran = cli("run", "builtin:digits", "--teacher", "classic:pixels-2x2", "--student", "classic:pixels-8x8", "--json")
    assert len(json.loads(ran.stdout)["classes"]) == 10


def test_importing_the_package_loads_nothing_heavy() -> None:
    import subprocess

    code = (
        "import sys, w2s_probe; from w2s_probe.cli.main import cli;"
        "heavy = {'torch', 'faiss', 'polars', 'matplotlib', 'sklearn', 'numpy', 'scipy'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "verb", [(), ("run",), ("report",), ("embed",), ("demo",), ("cache",), ("cache", "ls"), ("doctor",)]
)
def test_every_verb_has_help_with_an_example(cli: Cli, verb: tuple[str, ...]) -> None:
    done = cli(*verb, "--help")
    assert done.returncode == 0
    assert "w2s-probe" in done.stdout


@pytest.mark.parametrize("verb", ["run", "forecast", "sweep", "diagnose", "embed"])
def test_quiet_hides_progress_only(cli: Cli, tmp_path: Path, verb: str) -> None:
    texts = [f"{'good' if i % 2 else 'bad'} story {i % 97} number {i}" for i in range(300)]
    rows = [{"text": text, "label": "up" if i % 2 else "down", "group": None} for i, text in enumerate(texts)]
    rows += [rows[0]] * 3  # copies, which forecast leaves out of the pool and says so
    pl.DataFrame(rows).with_columns(pl.lit("a").alias("constant")).write_parquet(tmp_path / "some.parquet")
    names = ("--teacher", "classic:hashing-16", "--student", "classic:hashing-16")
    backbones = ("--backbone", "classic:hashing-16") if verb == "embed" else names
    sizes = () if verb in ("diagnose", "embed") else ("-n", "40", "-N", "150", "--seeds", "1")
    line = (verb, "some.parquet", "--text", "text", *backbones, *(sizes if verb != "forecast" else sizes[:4]))
    loud, quiet = cli(*line), cli(*line, "--quiet")
    assert (loud.returncode, quiet.returncode) == (0, 0), loud.stderr
    printed = [[text for text in done.stdout.split("\n") if "encoded" not in text] for done in (loud, quiet)]
    assert printed[0] == printed[1]
    if verb == "run":
        assert "One split: the intervals cover" in " ".join(quiet.stdout.split())


def test_every_verb_is_summarized_in_one_line_of_the_help() -> None:
    assert "..." not in CliRunner().invoke(cli_group, ["--help"], env={"COLUMNS": "80"}).stdout
    verbs = [*cli_group.commands.values()]
    while verbs:
        verb = verbs.pop()
        verbs += verb.commands.values() if isinstance(verb, click.Group) else []
        summary, _, rest = (verb.help or "").partition("\n")
        assert len(summary.strip()) <= 55, summary
        assert "Example:" in rest


def test_the_help_of_run_opens_with_what_it_does_and_an_example() -> None:
    lines = CliRunner().invoke(cli_group, ["run", "--help"], env={"COLUMNS": "80"}).stdout.split("\n")
    assert lines[2:7] == [
        "  Measure weak-to-strong on labeled DATA.",
        "",
        "  Example:",
        "    w2s-probe run builtin:vader-movie --teacher packaged:wordllama \\",
        "        --student packaged:minilm-l6 -n 400 -N 3000",
    ]
