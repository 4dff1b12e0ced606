"""``--out``: one result in a folder, whole or not at all, and each file says to which result it belongs."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import time
from pathlib import Path

import polars as pl
import pytest
from safetensors import safe_open

from tests.conftest import Cli
from tests.locks import needs_locks
from tests.stderr import without_read
from w2s_probe.core.writing import CLOSED, new_file

PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y")
RUN = ("run", "table.csv", *PAIR, "-n", "50", "-N", "100", "--seeds", "2", "--n-test", "200", "--out", "out")
DIMENSIONS = ("--d-student", "8", "--d-teacher", "20", "--correlation-dimension", "3")
THEORY = ("theory", "variance", *DIMENSIONS, "-n", "110", "-N", "1000", "--noise-variance", "0.25", "--out", "out")
VERBS = {
    "run": (*RUN, "--save-heads", "--save-predictions"),
    "forecast": ("forecast", "table.csv", *PAIR, "-n", "50", "-N", "100", "--out", "out"),
    "sweep": ("sweep", "table.csv", *PAIR, "-n", "50", "-N", "100", "--seeds", "2", "--out", "out"),
    "diagnose": ("diagnose", "table.csv", *PAIR, "--out", "out"),
    "theory": THEORY,
}
SET = {"result.json", "results.parquet", "report.html", "report.md"}


def fingerprints(folder: Path) -> dict[str, str]:
    """Return the fingerprint in each file, read without the code of the package."""
    found = {"result.json": json.loads((folder / "result.json").read_text())["fingerprint"]}
    for name in ("results.parquet", "predictions.parquet"):
        if (folder / name).exists():
            found[name] = pl.read_parquet_metadata(folder / name)["fingerprint"]
    if (folder / "heads.safetensors").exists():
        with safe_open(folder / "heads.safetensors", framework="numpy") as heads:
            found["heads.safetensors"] = heads.metadata()["fingerprint"]
    for name, pattern in (("report.html", r'fingerprint" content="(\w+)"'), ("report.md", r"fingerprint: (\w+) -->")):
        (found[name],) = re.findall(pattern, (folder / name).read_text())
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_all_files_carry_one_fingerprint_and_report_keeps_their_bytes(
    cli: Cli, table: Path, tmp_path: Path, verb: str
) -> None:
    first = cli(*VERBS[verb], "--json")
    assert first.returncode == 0
    found = fingerprints(tmp_path / "out")
    more = {"heads.safetensors", "predictions.parquet"} if verb == "run" else set()
    assert set(found) == SET | more
    assert len(set(found.values())) == 1
    assert re.fullmatch("[0-9a-f]{64}", found["result.json"])
    assert {path.name for path in (tmp_path / "out").iterdir()} - {"cells"} == set(found)
    files = {name: (tmp_path / "out" / name).read_bytes() for name in found}
    assert cli("report", "out").returncode == 0
    assert cli(*VERBS[verb], "--json").stdout == first.stdout
    assert {name: (tmp_path / "out" / name).read_bytes() for name in found} == files


def test_files_of_two_results_are_refused(cli: Cli, table: Path, tmp_path: Path) -> None:
    for out, seed in (("out", "0"), ("other", "9")):
        assert cli(*RUN[:-1], out, "--seed", seed, "--save-heads", "--save-predictions").returncode == 0
    for name in fingerprints(tmp_path / "out"):
        path = tmp_path / "out" / name
        own = path.read_bytes()
        path.write_bytes((tmp_path / "other" / name).read_bytes())
        for flags in ((), ("--json",), ("--markdown",)):
            done = cli("report", "out", *flags)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
            assert "DIR must hold the files of one result" in done.stderr
        path.write_bytes(own)
    assert cli("report", "out").returncode == 0


def test_files_without_a_fingerprint_are_no_obstacle(cli: Cli, table: Path, tmp_path: Path) -> None:
    """Earlier versions wrote none, and a damaged file tells nothing."""
    assert cli(*THEORY).returncode == 0
    path = tmp_path / "out" / "result.json"
    content = json.loads(path.read_text())
    del content["fingerprint"]
    path.write_text(json.dumps(content))
    for name in ("report.html", "report.md", "results.parquet", "predictions.parquet", "heads.safetensors"):
        (tmp_path / "out" / name).write_bytes(b"PAR1 of an older version")
    assert cli("report", "out").returncode == 0
    assert "fingerprint" not in (tmp_path / "out" / "report.md").read_text()
    assert cli(*THEORY).returncode == 0
    assert (tmp_path / "out" / "heads.safetensors").exists()  # nothing says that w2s_probe wrote it


def test_a_folder_without_result_json_holds_no_result(cli: Cli, tmp_path: Path) -> None:
    assert cli(*THEORY).returncode == 0
    (tmp_path / "out" / "result.json").unlink()
    done = cli("report", "out")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "out must hold a result: it has no result.json" in done.stderr
    assert "Run the verb again with --out out." in done.stderr


def test_predictions_and_heads_of_another_result_do_not_stay(cli: Cli, table: Path, tmp_path: Path) -> None:
    both = ("--save-heads", "--save-predictions")
    assert cli(*RUN, *both).returncode == 0
    assert cli(*RUN).returncode == 0  # the same result
    assert len(fingerprints(tmp_path / "out")) == 6
    assert cli(*RUN, "--seed", "9").returncode == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == SET


@pytest.mark.parametrize("verb", [*VERBS, "demo", "spurious"])
def test_a_folder_of_the_name_of_a_file_is_refused_before_anything_is_read(cli: Cli, tmp_path: Path, verb: str) -> None:
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    spurious = ("theory", "spurious", "--law", "mixture", "--out", "out")
    command = {**VERBS, "demo": ("demo", "--out", "out"), "spurious": spurious}[verb]
    done = cli(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: --out must be a folder to write to: got out, where report.html is a folder. Choose another folder.\n"
    )
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "report.html"]


@pytest.mark.parametrize(
    ("flags", "folder", "message"),
    [
        (("--save-predictions",), "out/predictions.parquet", "--out must be a folder to write to"),
        (("--save-heads",), "out/heads.safetensors", "--out must be a folder to write to"),
        (("--save-split", "split.csv"), "split.csv", "--save-split must be a file to write"),
        (("--save-split", "/proc/none/split.csv"), "other", "--save-split must be a file to write"),
        (("--save-split", "table.csv/split.csv"), "other", "--save-split must be a file to write"),
        (("--save-split", "split.txt"), "other", "a split file must end in .csv, .parquet or .ndjson"),
    ],
)
def test_other_files_that_cannot_be_written_are_refused_before_anything_is_read(
    cli: Cli, table: Path, tmp_path: Path, flags: tuple[str, ...], folder: str, message: str
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    done = cli(*RUN, *flags)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert message in done.stderr
    assert not (tmp_path / "out" / "result.json").exists()


def test_a_file_in_the_place_of_the_cells_is_refused_before_anything_is_read(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "cells").touch()
    done = cli(*VERBS["sweep"])
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "--out must be a folder to write to: got out/cells, where cells is no folder" in done.stderr


@needs_locks
def test_cells_are_on_the_disk_and_leftovers_of_dead_sweeps_go(
    cli: Cli, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli(*VERBS["sweep"]).returncode == 0
    cells = sorted((tmp_path / "out" / "cells").iterdir())
    assert len(cells) == 2
    with new_file(tmp_path / "out" / "cells") as (_, living):
        abandoned = cells[0].rename(living.with_name(f"{living.name}.npz"))  # the name of a writer that holds no lock
        os.utime(abandoned, (0, time.time() - 2 * CLOSED))
        synced = []
        fsync = os.fsync

        def logged_fsync(file: int) -> None:
            synced.append(Path(f"/proc/self/fd/{file}").readlink())
            fsync(file)

        monkeypatch.setattr(os, "fsync", logged_fsync)
        assert cli(*VERBS["sweep"]).returncode == 0
        assert {*(tmp_path / "out" / "cells").iterdir()} == {*cells, living}
        in_cells = [path.parent == cells[0].parent for path in synced]
        assert sum(in_cells) == 1  # one cell was missing
        assert cells[0].parent in synced


@pytest.mark.parametrize("flags", [(), ("--save-predictions",), ("--save-heads",), ("--save-split", "split.csv")])
def test_a_disk_that_fails_is_one_line_and_leaves_no_file(
    cli: Cli, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = cli(*RUN, *flags)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"error: --(out|save-split) must be a (folder to write to|file to write): got (out|split\.csv), "
        r"No space left on device\. Choose another (folder|file)\.\n",
        without_read(done.stderr),
    )
    assert not any(path.is_file() for path in (tmp_path / "out").rglob("*"))
    assert not list(tmp_path.glob(".w2s-*"))


KILL = """
import os, signal, sys

renames = []

def hook(event, args):
    if event == "os.rename" and os.path.basename(os.fspath(args[0])).startswith(".w2s-"):
        renames.append(args)
        if len(renames) == int(os.environ["KILLED_BEFORE"]):
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
"""


@pytest.mark.parametrize("rename", [1, 4])
def test_a_verb_killed_between_the_renames_leaves_no_result_and_its_files_go_at_the_next_call(
    cli: Cli, process: Cli, tmp_path: Path, rename: int
) -> None:
    assert cli(*THEORY).returncode == 0
    other = tuple("0.5" if flag == "0.25" else flag for flag in THEORY)
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(KILL)
    path = os.pathsep.join([str(tmp_path / "hook"), os.environ.get("PYTHONPATH", "")])
    killed = process(*other, env={"PYTHONPATH": path, "KILLED_BEFORE": str(rename)})
    assert killed.returncode == -signal.SIGKILL
    left = {path.name for path in (tmp_path / "out").iterdir()}
    hidden = {name for name in left if name.startswith(".w2s-")}
    assert left - hidden == SET - {"result.json"}
    assert len(hidden) == 5 - rename
    assert "out must hold a result" in cli("report", "out").stderr
    assert cli(*THEORY).returncode == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == SET
    assert len(set(fingerprints(tmp_path / "out").values())) == 1
