"""Ctrl-C and SIGTERM at any moment, also while modules load: one line, exit 130 and 143."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.malformed import RUN, SIZES, prepare
from tests.stderr import without_read
from w2s_probe.cli.interrupts import SAME

LINES = {
    signal.SIGINT: "interrupted; what is cached stays valid\n",
    signal.SIGTERM: "terminated; what is cached stays valid\n",
}
# sends this process signals when it begins to import a module, and again at the next steps on modules
SEND = """
import os, sys
left = [int(number) for number in os.environ["SIGNALS"].split()]
started = False
def hook(event, args):
    global started
    started = started or event == "import" and args[0] == os.environ["MODULE"]
    if event == "import" and started and left:
        os.kill(os.getpid(), left.pop(0))
sys.addaudithook(hook)
"""
MODULES = ("w2s_probe.cli.interrupts", "click", "w2s_probe.core.config", "numpy", "polars", "w2s_probe.report.kinds")


def run_with_signals(
    process: Cli, folder: Path, module: str, *numbers: signal.Signals
) -> subprocess.CompletedProcess[str]:
    prepare(folder)
    (folder / "sitecustomize.py").write_text(SEND)
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    signals = " ".join(str(int(number)) for number in numbers)
    return process(*RUN, *SIZES, env={"PYTHONPATH": path, "MODULE": module, "SIGNALS": signals})


@pytest.mark.parametrize("module", MODULES)
def test_ctrl_c_while_a_module_loads_is_one_line(process: Cli, tmp_path: Path, module: str) -> None:
    done = run_with_signals(process, tmp_path, module, signal.SIGINT)
    assert (done.returncode, without_read(done.stderr)) == (130, LINES[signal.SIGINT])


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_ctrl_c_changes_nothing(process: Cli, tmp_path: Path, first: signal.Signals) -> None:
    done = run_with_signals(process, tmp_path, "polars", first, signal.SIGINT, signal.SIGINT)
    assert (done.returncode, without_read(done.stderr)) == (128 + first, LINES[first])


def test_ignored_signals_stay_ignored(process: Cli, tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as nohup does, and a shell for commands in the background
    try:
        done = run_with_signals(process, tmp_path, "polars", signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.returncode == 0, done.stderr


# waits for ever outside of Python, where no handler of Python can run
STUCK = """
import ctypes
from w2s_probe.cli.interrupts import INTERRUPTS
INTERRUPTS.start()
INTERRUPTS.work()
library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
library.pthread_mutex_lock(mutex)
print("stuck", flush=True)
library.pthread_mutex_lock(mutex)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the size of a mutex differs")
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_process_that_is_stuck_in_native_code_can_be_ended(number: signal.Signals) -> None:
    started = subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "stuck\n"
    time.sleep(0.5)  # until it waits
    started.send_signal(number)
    if number == signal.SIGINT:
        time.sleep(SAME + 0.2)
        assert started.poll() is None  # the first one waits for the verb
        started.send_signal(number)
    _, err = started.communicate(timeout=60)
    assert (started.returncode, err) == (128 + number, LINES[number])


def end_at(folder: Path, seconds: float, command: tuple[str, ...]) -> tuple[int, str]:
    """Send Ctrl-C to all processes of a command after some time; return exit code and stderr."""
    started = subprocess.Popen(
        [sys.executable, "-m", "w2s_probe", *command, "--quiet"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(seconds)
    os.killpg(started.pid, signal.SIGINT)
    _, err = started.communicate(timeout=120)
    return started.returncode, err


@pytest.mark.slow
def test_ctrl_c_at_any_moment_of_the_first_seconds_is_one_line(tmp_path: Path) -> None:
    prepare(tmp_path)
    draw = random.Random(20261129)  # noqa: S311  # moments, no secrets
    reached = 0
    for moment in [draw.uniform(0, 1.5) for _ in range(20)]:
        code, err = end_at(tmp_path, moment, (*RUN, *SIZES[:-1], "2000"))
        ours = "w2s_probe" in err or "interrupted" in err  # else the interpreter had not come to our first line
        assert not ours or (code, without_read(err)) == (130, LINES[signal.SIGINT]), (moment, err)
        reached += ours
    assert reached > 10


@pytest.mark.slow
def test_ctrl_c_on_a_terminal_ends_a_sweep_and_its_workers_with_one_line(tmp_path: Path) -> None:
    prepare(tmp_path)
    grid = ("sweep", *RUN[1:], "-n", "8,9,10,11,12", "-N", "20,21,22", "--seeds", "2000", "--jobs", "2")
    for moment in (2.5, 4.5, 6.5):
        code, err = end_at(tmp_path, moment, grid)
        assert (code, without_read(err)) == (130, LINES[signal.SIGINT]), (moment, err)
