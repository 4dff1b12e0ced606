"""A real process with a plug-in of two items per second: progress inside a shard, and Ctrl-C that loses few rows."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.stderr import without_read
from w2s_probe.cache import verify

ROWS = 60
CODE = """
import os, time
import numpy as np
from w2s_probe import Backbone, EmbeddingSpec

class Slow(Backbone):
    name, modality = "slow:any", "text"
    spec = EmbeddingSpec(backbone="slow:any", revision="1")
    def encode(self, items):
        time.sleep(len(items) * float(os.environ["SECONDS"]))
        return np.array([[len(item), len(item) % 7] for item in items], dtype=np.float32)

def make(name, options):
    return Slow()
"""
LINE = re.compile(
    rf"^slow:any: (\d+) of {ROWS}(?: \(([\d.]+) items/s, (\d+) (?:s|min) left\))?, (\d+) s$", re.MULTILINE
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "slow_plug.py").write_text(CODE, encoding="utf-8")
    info = tmp_path / "slow_plug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slow-plug\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[w2s_probe.backbones]\nslow = slow_plug:make\n", encoding="utf-8")
    texts = [f"row {i} " + "word " * (i % 9) for i in range(ROWS)]
    (tmp_path / "table.csv").write_text("\n".join(["text", *texts]) + "\n", encoding="utf-8")
    return tmp_path


def arguments(cache: str) -> tuple[str, ...]:
    return "embed", "table.csv", "--text", "text", "--backbone", "slow:any", "--cache", cache, "--json"


def environment(folder: Path, seconds: float) -> dict[str, str]:
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "SECONDS": str(seconds)}


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def stopped_after(folder: Path, lines: int, number: signal.Signals) -> tuple[int, str]:
    """Embed with two items per second, send a signal after some lines of progress; return exit code and stderr."""
    command = [sys.executable, "-m", "w2s_probe", *arguments("stopped")]
    quiet, said = subprocess.DEVNULL, ""
    with subprocess.Popen(
        command, cwd=folder, env=environment(folder, 0.5), stdout=quiet, stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stderr is not None
        while len(LINE.findall(said)) < lines:
            line = started.stderr.readline()
            assert line, said
            said += line
        started.send_signal(number)
        said += started.stderr.read()
    return started.returncode, said


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_ten_seconds_loses_one_slice_and_the_next_call_ends_in_the_same_bytes(
    process: Cli, folder: Path, number: signal.Signals
) -> None:
    code, said = stopped_after(folder, 3, number)
    word = "interrupted" if number == signal.SIGINT else "terminated"
    lines = [tuple(map(int, (done, seconds))) for done, _, _, seconds in LINE.findall(said)]
    assert (code, without_read(LINE.sub("", said)).strip()) == (128 + number, f"{word}; what is cached stays valid")
    counts, seconds = zip(*lines, strict=True)
    assert counts[0] > 0
    assert sorted({*counts}) == list(counts)  # each line has further rows
    assert seconds[-1] >= 10
    assert verify(folder / "stopped").faults == ()
    whole, rest = (process(*arguments(cache), env=environment(folder, 0)) for cache in ("whole", "stopped"))
    encoded = json.loads(rest.stdout)["backbones"][0]["encoded"]
    assert encoded % 8 == ROWS % 8
    assert ROWS - encoded >= counts[-1]  # what was shown was kept
    assert (rest.returncode, whole.returncode) == (0, 0)
    assert tree(folder / "stopped") == tree(folder / "whole")


def test_rows_inside_a_shard_and_their_rate_are_shown(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from w2s_probe.cli import progress

    for name, seconds in {"FIRST": 0.0, "BETWEEN": 0.0}.items():
        monkeypatch.setattr(progress, name, seconds)
    monkeypatch.setenv("SECONDS", "0.002")
    monkeypatch.syspath_prepend(str(folder))
    done = cli(*arguments("cache"))
    counts = {int(count) for count, rate, _, _ in LINE.findall(done.stderr) if rate}
    assert counts == {8, 16, 24, 32, 40, 48, 56}
