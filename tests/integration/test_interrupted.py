"""Ctrl-C at any moment: exit 130, one line, whole files only, and the next run ends where this one would have."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.stderr import without_read
from w2s_probe.cache import FeatureStore

SHARD = 8
ROWS = 1200
RUN = ("run", "table.csv", "--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y", "-n", "100")
SMALL = (*RUN, "-N", "300", "--seeds", "2", "--out", "out", "--save-predictions", "--save-split", "out/split.csv")
# sends this process a Ctrl-C before its given step on a file below out/
INTERRUPT = """
import itertools, os, signal, sys
steps = itertools.count()
def hook(event, args):
    on_file = event in ("open", "os.rename", "os.remove", "os.mkdir")
    if on_file and "out" in os.path.relpath(str(args[0])).split(os.sep)[:1] and next(steps) == int(os.environ["STEP"]):
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(hook)
"""


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def interrupt_when(arguments: list[str], cache: Path, *, shards: int) -> subprocess.CompletedProcess[str]:
    """Start embedding; send Ctrl-C once so many shards are there."""
    command = [sys.executable, "-m", "w2s_probe", *arguments]
    with subprocess.Popen(
        command, cwd=cache.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and len(list(cache.glob("features/*/*.json"))) < shards:
            time.sleep(0.0005)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def embed_into(cache: str) -> list[str]:
    command = ["embed", "table.csv", "--text", "text", "--backbone", "classic:hashing-64", "--cache", cache]
    return [*command, "--shard-rows", str(SHARD), "--threads", "1", "--json"]


def test_an_interrupted_embed_leaves_whole_shards_and_is_finished_by_the_next(cli: Cli, tmp_path: Path) -> None:
    texts = [f"item {i} says word{i % 97} and word{i % 89}" for i in range(ROWS)]
    (tmp_path / "table.csv").write_text("\n".join(["text", *texts]) + "\n", encoding="utf-8")
    stopped = interrupt_when(embed_into("stopped"), tmp_path / "stopped", shards=20)
    assert (stopped.returncode, stopped.stdout) == (130, "")
    assert without_read(stopped.stderr) == "interrupted; what is cached stays valid\n"
    intact, problems = FeatureStore(tmp_path / "stopped").verify()
    assert problems == []
    assert 20 <= intact < ROWS // SHARD
    assert list((tmp_path / "stopped" / "tmp").iterdir()) == []
    rest = json.loads(cli(*embed_into("stopped")).stdout)["backbones"][0]
    assert (rest["encoded"], rest["cached"]) == (ROWS - SHARD * intact, SHARD * intact)
    assert cli(*embed_into("whole")).returncode == 0
    assert tree(tmp_path / "stopped") == tree(tmp_path / "whole")


def split(files: dict[str, bytes]) -> set[tuple[str, bytes]]:
    return {("split.csv", files["split.csv"])}


def interrupted_at(process: Cli, folder: Path, step: int) -> bool:
    """Interrupt a run at a step on its files, check what it left; return whether it had such a step."""
    (folder / "sitecustomize.py").write_text(INTERRUPT)
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    done = process(*SMALL, env={"PYTHONPATH": path, "STEP": str(step)})
    if done.returncode == 0:
        return False
    assert (done.returncode, done.stdout) == (130, "")
    assert without_read(done.stderr) == "interrupted; what is cached stays valid\n"
    return True


@pytest.mark.parametrize("step", [6, pytest.param(None, marks=pytest.mark.slow)])
def test_a_run_interrupted_while_it_writes_leaves_whole_files_only(
    cli: Cli, process: Cli, table: Path, tmp_path: Path, step: int | None
) -> None:
    assert cli(*SMALL).returncode == 0
    whole = tree(tmp_path / "out")
    assert set(whole) == {
        "result.json",
        "results.parquet",
        "report.html",
        "report.md",
        "predictions.parquet",
        "split.csv",
    }
    for name in whole:
        (tmp_path / "out" / name).write_bytes(b"of an older run")
    old = tree(tmp_path / "out")
    for at in itertools.count() if step is None else [step]:
        if not interrupted_at(process, tmp_path, at):
            assert at > 10  # steps that were interrupted: opening, renaming and removing five files
            break
        left = tree(tmp_path / "out")
        assert left.pop("split.csv") in (old["split.csv"], whole["split.csv"])
        assert all(content in (old[name], whole[name]) for name, content in left.items())  # no hidden file
        if "result.json" in left:  # else the folder holds no result
            assert set(left.items()) in ({*old.items()} - split(old), {*whole.items()} - split(whole))
    (tmp_path / "sitecustomize.py").unlink()
    assert cli(*SMALL).returncode == 0
    assert tree(tmp_path / "out") == whole
