"""Progress of long tasks: lines where stderr is no terminal, bars where it is, nothing with --quiet or below 2 s."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import click
import numpy as np
import pytest

from tests.conftest import Cli
from w2s_probe.cli import progress

LINE = re.compile(r"^softmax heads: \d of 4 \((teacher|student|baseline|ceiling) of seed 0, \d+ of 26 fits\), \d+ s$")


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write a table of 52 classes, and return the arguments that follow its verb."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    y = rng.permutation(np.arange(416) % 52)
    strong = rng.standard_normal((52, 4))[y] + rng.standard_normal((416, 4))
    np.save("s.npy", strong)
    np.save("t.npy", strong[:, :3] + rng.standard_normal((416, 3)))
    Path("table.csv").write_text("label\n" + "\n".join(f"c{code:02d}" for code in y) + "\n", encoding="utf-8")
    files = ["--teacher", "features:t.npy", "--student", "features:s.npy"]
    return ["table.csv", *files, "-n", "104", "-N", "156", "--n-test", "104", "--head", "softmax"]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every task be long, and every step have a line."""
    for name, seconds in {"FIRST": 0.0, "BETWEEN": 0.0, "TICK": 0.005}.items():
        monkeypatch.setattr(progress, name, seconds)


@pytest.mark.usefixtures("hurried")
def test_a_long_run_prints_lines_that_name_system_seed_and_fits(cli: Cli, many: list[str]) -> None:
    lines = [line for line in cli("run", *many, "--seeds", "1").stderr.splitlines() if "softmax heads" in line]
    assert len(lines) >= 2
    assert any(LINE.match(line) for line in lines), lines


@pytest.mark.slow
@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("verb", "more", "task"),
    [
        ("forecast", [], r"forecast: \d+ of \d+ \(n = 104, N = \d+\), \d+ s"),
        ("sweep", ["--seeds", "2"], r"cells: \d of 2( \(.*\))?, \d+ s"),
        ("run", ["--seeds", "1", "--curve"], r"learning curve: \d of \d \(n = \d+, N = \d+\), \d+ s"),
    ],
)
def test_other_verbs_print_lines_too(verb: str, more: list[str], task: str, cli: Cli, many: list[str]) -> None:
    assert re.search(task, cli(verb, *many, *more).stderr)


@pytest.mark.usefixtures("hurried")
def test_a_long_diagnosis_and_a_long_simulation_print_lines(cli: Cli, many: list[str]) -> None:
    assert re.search(r"diagnosis: \d of 5 \([a-z ]+\), \d+ s", cli("diagnose", *many[:5]).stderr)
    dimensions = ["--d-student", "20", "--d-teacher", "60", "--correlation-dimension", "5"]
    sizes = [*dimensions, "-n", "110", "-N", "1000", "--noise-variance", "0.25"]
    simulated = cli("theory", "variance", *sizes, "--simulate", "100")
    assert re.search(r"simulation: \d+ of 100, \d+ s", simulated.stderr)
    assert "simulation" not in cli("theory", "variance", *sizes, "--simulate", "100", "--quiet").stderr


@pytest.mark.usefixtures("hurried")
def test_quiet_hides_progress_and_json_is_the_same(cli: Cli, many: list[str]) -> None:
    loud = cli("run", *many, "--seeds", "1", "--json")
    quiet = cli("run", *many, "--seeds", "1", "--json", "--quiet")
    assert "softmax heads:" in loud.stderr
    assert not re.search(r" of \d+.*, \d+ s$", quiet.stderr, flags=re.MULTILINE)
    assert loud.stdout == quiet.stdout
    assert json.loads(quiet.stdout)["config"]["alphas"] == 5
    assert "5 strengths are tried" in quiet.stderr


def test_a_task_of_less_than_2_seconds_prints_nothing(cli: Cli, many: list[str]) -> None:
    few = [*many[:6], "104", "-N", "104", "--n-test", "104"]  # ridge heads
    stderr = cli("run", *few, "--seeds", "1").stderr
    assert not re.search(r" of \d+.*, \d+ s$", stderr, flags=re.MULTILINE)


@pytest.mark.parametrize(("detail", "first"), [("teacher", {2, 3}), ("", {5, 6})])
def test_lines_come_first_after_2_seconds_then_every_5(
    monkeypatch: pytest.MonkeyPatch, detail: str, first: set[int]
) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr(progress, "FIRST", 2.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock) / 10)
    lines: list[str] = []
    monkeypatch.setattr(click, "echo", lambda text, **_: lines.append(text))
    drawing = progress._Lines()
    watch = progress._Watch(drawing)
    monkeypatch.setattr(progress, "Thread", _NoThread)
    watch.show("heads", 0, 9, detail)
    while next(clock) < 350:
        watch._draw(watch._tasks["heads"])
    seconds = [int(re.findall(r"(\d+) s$", line)[0]) for line in lines]
    assert seconds[0] in first
    assert set(np.diff(seconds)) <= {5, 6}
    assert len(seconds) >= 6


class _NoThread:
    def __init__(self, **_: object) -> None: ...

    def start(self) -> None: ...

    def join(self) -> None: ...


def test_a_single_long_call_is_shown_by_the_clock(hurried: None, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_display(quiet=False) as show:
        assert show is not None
        show("softmax heads", 0, 4, "teacher of seed 0")
        time.sleep(0.3)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert set(lines) == {"softmax heads: 0 of 4 (teacher of seed 0), 0 s"}


@pytest.mark.slow
def test_a_terminal_shows_a_bar(many: list[str]) -> None:
    code = (
        "import sys; from w2s_probe.cli import progress; progress.FIRST = .02; progress.TICK = .01\n"
        "from w2s_probe.cli.main import cli; cli(sys.argv[1:])"
    )
    ours, theirs = pytest.importorskip("pty").openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", code, "run", *many, "--seeds", "1"], stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    screen = io.BytesIO()
    reader = threading.Thread(target=_read, args=(ours, screen))
    reader.start()
    assert child.wait(timeout=120) == 0
    reader.join()
    text = screen.getvalue().decode(errors="replace")
    assert "softmax heads" in text
    assert "━" in text
    assert not re.search(r"softmax heads: \d", text)


def _read(terminal: int, screen: io.BytesIO) -> None:
    try:
        while part := os.read(terminal, 4096):
            screen.write(part)
    except OSError:  # the terminal of a finished child
        return
