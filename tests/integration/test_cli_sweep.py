"""`w2s-probe sweep` as a user meets it: lists and arrays, files, processes, kills, memory, mistakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.schemas import check_schema
from tests.stderr import without_read

PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y")
GRID = ("-n", "50,100,200,300,400", "-N", "200,400,600,800,1200", "--seeds", "3", "--n-test", "300")
SWEEP = ("sweep", "table.csv", *PAIR, *GRID)
SMALL = ("sweep", "table.csv", *PAIR, "-n", "50,100", "-N", "200", "--seeds", "2")
KEY = ["teacher_backbone", "student_backbone", "head", "n", "N", "teacher_alpha", "student_alpha", "seed", "system"]


def test_lists_repeated_flags_and_arrays_of_a_file_are_one_question(cli: Cli, table: Path, tmp_path: Path) -> None:
    flags = ("--seed", "0,3", "--student-alpha", "chosen,10", "--head", "ridge,logistic")
    listed = cli("sweep", "table.csv", *PAIR, "-n", "50,100", "-N", "200,400", *flags, "--json")
    assert listed.returncode == 0, listed.stderr
    (tmp_path / "grid.toml").write_text(
        'teacher = ["features:t.npy"]\nstudent = "features:s.npy"\nlabel = "y"\nn-labeled = [50, 100]\nhead = '
        '["ridge", "softmax"]\nn_unlabeled = [200, 400]\nseed = [0, 3]\nstudent-alpha = ["chosen", 10]\n'
    )
    of_file = cli("sweep", "table.csv", "--config", "grid.toml", "--json")
    repeated = cli("sweep", "table.csv", *PAIR, "-n", "50", "-n", "100", "-N", "200,400", *flags, "--json")
    assert of_file.stdout == listed.stdout == repeated.stdout
    found = json.loads(listed.stdout)
    assert (found["cells"], len(found["points"])) == (2 * 2 * 2 * 2 * 2, 2 * 2 * 2 * 2)
    assert found["rows"] == found["cells"] * 4 * 4
    assert found["config"]["seeds"] == [0, 3]


def test_a_point_is_what_run_prints_for_the_same_sizes(cli: Cli, table: Path) -> None:
    swept = json.loads(cli(*SMALL, "--json").stdout)
    run = cli("run", "table.csv", *PAIR, "-n", "100", "-N", "200", "--seeds", "2", "--json")
    student = json.loads(run.stdout)["students"]["vanilla"]
    (point,) = (point for point in swept["points"] if point["n"] == 100)
    for name in ("gain", "versus_baseline", "pgr"):
        assert point[name] == pytest.approx(student[name], abs=1e-8)


@pytest.mark.parametrize(
    ("flags", "several"),
    [((), "2"), (("--strategy", "vanilla,two_stage", "--set", "two_stage.votes=3"), "4")],
    ids=["vanilla", "two_stage"],
)
def test_files_are_the_same_with_one_process_and_with_several(
    cli: Cli, process: Cli, table: Path, tmp_path: Path, flags: tuple[str, ...], several: str
) -> None:
    for run, jobs in ((cli, "1"), (process, several)):
        done = run(*SMALL, *flags, "--out", f"out{jobs}", "--jobs", jobs)
        assert done.returncode == 0, done.stderr
        assert "wrote" in done.stdout
    one, two = (
        {str(path.relative_to(tmp_path / out)): path.read_bytes() for path in (tmp_path / out).rglob("*.*")}
        for out in ("out1", f"out{several}")
    )
    assert one == two
    assert len(one) == 4 + 4
    held = json.loads(one["result.json"])
    assert held["rows"] == len(pl.read_parquet(tmp_path / "out1" / "results.parquet"))
    assert "versions" in held


ETAS = (
    "sweep", "builtin:digits-tinted", "--teacher", "classic:pixels-2x2", "--student", "classic:pixels-4x4",
    "--group", "tint", "--eta-labeled", "0.1,0.5", "--eta-unlabeled", "0.1,0.5", "--eta-test", "0.5",
    "--balance-classes", "-n", "60", "-N", "200", "--n-test", "100", "--seeds", "2", "--quiet",
)  # fmt: skip


@pytest.mark.slow
def test_the_report_of_a_sweep_over_fractions_is_rebuilt_from_its_numbers(cli: Cli, tmp_path: Path) -> None:
    done = cli(*ETAS, "--out", "out")
    assert done.returncode == 0, done.stderr
    assert "Change from eta L 0.1 to 0.5, same pools and test rows:" in done.stdout
    printed = cli(*ETAS, "--json").stdout
    check_schema("sweep", json.loads(printed))
    pages = {name: (tmp_path / "out" / name).read_bytes() for name in ("report.html", "report.md")}
    assert pages["report.html"].count(b"<svg") == 5 + 2 * 3
    for name in pages:
        (tmp_path / "out" / name).unlink()
    again = cli("report", "out")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.split("wrote")[0] in done.stdout
    assert {name: (tmp_path / "out" / name).read_bytes() for name in pages} == pages
    assert cli("report", "out", "--json").stdout == printed
    path = tmp_path / "out" / "result.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"points": [', '"points": [1,'), encoding="utf-8")
    broken = cli("report", "out")
    assert (broken.returncode, broken.stdout, broken.stderr.count("\n")) == (1, "", 1)
    assert "must be as sweep --out wrote it" in broken.stderr


def test_a_line_of_progress_on_a_terminal_only(cli: Cli, table: Path) -> None:
    assert without_read(cli(*SMALL, "--json").stderr).count("\n") <= 1  # a note


def killed_at(folder: Path, cells: int, jobs: str) -> bool:
    """Start the sweep, kill it and its children once so many cells are there; return whether it was still going."""
    command = [sys.executable, "-m", "w2s_probe", *SWEEP, "--out", "out", "--jobs", jobs]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        while process.poll() is None and len(list((folder / "out/cells").glob("[!.]*.npz"))) < cells:
            time.sleep(0.0005)
        going = process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
    return going


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_at_five_moments_and_resumed_it_leaves_what_an_uninterrupted_one_leaves(
    process: Cli, table: Path, tmp_path: Path, jobs: str
) -> None:
    moments = np.sort(np.random.default_rng(int(jobs)).choice(np.arange(1, 74), 5, replace=False)).tolist()
    there = 0
    for cells in moments:
        killed_at(tmp_path, cells, jobs)
        left = len(list((tmp_path / "out/cells").glob("[!.]*.npz")))
        assert left >= max(there, cells)  # no finished cell is lost
        there = left
    assert not (tmp_path / "out/results.parquet").exists() or there == 75
    assert process(*SWEEP, "--out", "out", "--jobs", jobs).returncode == 0
    assert process(*SWEEP, "--out", "whole").returncode == 0
    for name in ("results.parquet", "result.json", "report.html", "report.md"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    rows = pl.read_parquet(tmp_path / "out/results.parquet")
    assert len(rows) == 75 * 4 * 4
    assert not rows.select(*KEY, "strategy", "metric").is_duplicated().any()


# prints the largest anonymous memory that this process had, in MB, and the seconds that the sweep of its arguments took
WATCHED = """
import sys, threading, time
most = [0]
def look():
    while True:
        with open("/proc/self/status") as status:
            most[0] = max(most[0], next(int(line.split()[1]) for line in status if line.startswith("RssAnon")))
        time.sleep(0.005)
threading.Thread(target=look, daemon=True).start()
from tests.stderr import without_read
from w2s_probe.cli.main import cli
cli.main(sys.argv[1:], standalone_mode=False)
print(most[0] // 1024)
"""


def large_table(folder: Path, n: int) -> None:
    """Write a table and float32 features of shapes (n, 256) and (n, 384) by blocks."""
    rng = np.random.default_rng(0)
    weak, strong = (
        np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.float32, shape=(n, d))
        for name, d in (("t", 256), ("s", 384))
    )
    to_weak, to_strong = rng.standard_normal((6, 256)), rng.standard_normal((12, 384))
    y = np.empty(n, dtype=np.int64)
    for rows in (slice(start, start + 10_000) for start in range(0, n, 10_000)):
        core = rng.standard_normal((10_000, 12))
        weak[rows] = core[:, :6] @ to_weak + 3 * rng.standard_normal((10_000, 256), dtype=np.float32)
        strong[rows] = core @ to_strong + rng.standard_normal((10_000, 384), dtype=np.float32)
        y[rows] = (core[:, :4] + core[:, 6:10] + rng.standard_normal((10_000, 4))).argmax(axis=1)
    pl.DataFrame({"y": y}).write_csv(folder / "table.csv")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RssAnon is Linux's")
def test_a_million_rows_read_from_files_take_less_than_500_mb(tmp_path: Path) -> None:
    large_table(tmp_path, 1_000_000)
    flags = ("-n", "100,400", "-N", "10000,900000", "--seeds", "1", "--student-alpha", "chosen,100", "--json")
    env = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}  # as users have it
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "sweep", "table.csv", *PAIR, *flags],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    printed, megabytes = done.stdout.splitlines()
    assert json.loads(printed)["cells"] == 8
    assert int(megabytes) < 500
    for name in ("t.npy", "s.npy"):
        (tmp_path / name).unlink()  # 2.5 GB


MISTAKES = {
    "no number": (("-n", "50,many"), "-n must be whole numbers, with commas between: got 'many'"),
    "half a row": (("-N", "50.5"), "-N must be whole numbers"),
    "no strength": (("--student-alpha", "gcv"), "--student-alpha must be numbers, or chosen"),
    "a strength below 0": (("--teacher-alpha", "-1"), "must be finite and above 0"),
    "a size twice": (("-n", "50,50"), "error: -n must be distinct values"),
    "no size": (("-n", "0"), "must be at least"),
    "too large": (("-n", "50", "-N", "100,9000"), "-n 50 -N 9000 cannot be drawn at seed 0. The largest -N"),
    "no head": (("--head", "softmx"), "Did you mean softmax?"),
    "softmax of numbers": (("--head", "ridge,softmax", "--task", "regression"), "--head ridge"),
    "a teacher twice": (("--teacher", "features:t.npy"), "--teacher must be distinct backbones"),
    "no strategy": (("--strategy", "vanila"), "Did you mean vanilla"),
    "two kinds of seeds": (("--seed", "1,2", "--seeds", "3"), "Remove one flag"),
    "no seeds": (("--seeds", "0"), "--seeds must be at least 1"),
    "sizes and a split file": (("--split-file", "s.csv", "-n", "50"), "--split-file fixes all parts"),
    "a folder that is a file": (("-n", "50", "--out", "table.csv"), "must be a folder to write to: got table.csv"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_before_anything_is_fitted(cli: Cli, table: Path, tmp_path: Path, mistake: str) -> None:
    flags, said = MISTAKES[mistake]
    done = cli("sweep", "table.csv", *PAIR, *flags)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert without_read(done.stderr).count("\n") == 1
    assert not (tmp_path / "out").exists()
