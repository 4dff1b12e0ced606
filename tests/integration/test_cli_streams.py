"""No verb ends in a traceback: in any encoding, with streams that cannot be written, and on errors nobody foresaw."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Cli
from tests.stderr import without_read
from w2s_probe.cli.main import main

DATA = "\u00fc\u2192\u65e5\U0001f600.csv"
CLASS = "ja \u2192 \u2713 \u65e5 \U0001f600"
PAIR = ("--teacher", "features:t.npy", "--student", "features:s.npy", "--label", "y")
TEXT = ("--text", "text", "--teacher", "classic:hashing-8", "--student", "classic:hashing-64", "--label", "y")
VERBS: dict[str, tuple[tuple[str, ...], int]] = {
    "run": (("run", DATA, *PAIR, "--group", "g", "--seeds", "1"), 0),
    "run on texts": (("run", DATA, *TEXT, "--seeds", "1", "--out", "out\u2192"), 0),
    "report": (("report", "out\u2192"), 0),
    "report --markdown": (("report", "out\u2192", "--markdown"), 0),
    "report --json": (("report", "out\u2192", "--json"), 0),
    "run --json": (("run", DATA, *PAIR, "--group", "g", "--seeds", "1", "--json"), 0),
    "forecast": (("forecast", DATA, *PAIR), 0),
    "forecast --json": (("forecast", DATA, *PAIR, "--json"), 0),
    "diagnose": (("diagnose", DATA, *PAIR), 0),
    "sweep": (("sweep", DATA, *PAIR, "-n", "20", "-N", "60", "--seeds", "2"), 0),
    "embed": (("embed", DATA, "--text", "text", "--backbone", "classic:hashing-8"), 0),
    "import": (("cache", "import", "t.npy", "--name", "t", "--replace"), 0),
    "cache ls": (("cache", "ls"), 0),
    "backbones": (("backbones",), 0),
    "theory": (("theory", "variance", "--help"), 0),
    "doctor": (("doctor", "--cache", "\u2192"), 0),
    "no file": (("run", "\u2192\udce9.csv", *PAIR), 1),
    "no column": (("run", DATA, *PAIR[:-1], "\u65e5\udcff"), 1),
    "no backbone": (("embed", DATA, "--text", "text", "--backbone", "\u65e5:\U0001f600"), 1),
    "no flag": (("run", DATA, "--teach\u2192r"), 2),
    "no verb": (("r\u00fcn\u2192",), 2),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table whose name, classes, groups and texts few encodings can hold."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((200, 6))
    np.save(tmp_path / "t.npy", z[:, :3] + rng.standard_normal((200, 3)))
    np.save(tmp_path / "s.npy", z)
    columns = {
        "y": [CLASS if value > 0 else "nein \u00df" for value in z[:, 0]],
        "g": ["\u03a9", "\u2713"] * 100,
        "text": [f"w\u00f6rter {row} \u2192 {row % 7}" for row in range(200)],
    }
    pl.DataFrame(columns).write_csv(tmp_path / DATA)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(arguments: tuple[str, ...], encoding: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of a command whose streams have an encoding."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict") for _ in range(2)]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["w2s-probe", *arguments])
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        with pytest.raises(SystemExit) as end:
            main()
    for stream in streams:
        stream.flush()
    out, err = (stream.buffer.getvalue().decode(encoding) for stream in streams)
    return int(end.value.code or 0), out, err


@pytest.mark.parametrize(
    "encoding", ["cp1252", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ascii", "latin-1", "shift_jis"))]
)
def test_every_verb_speaks_every_encoding(folder: Path, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    for name, (arguments, code) in VERBS.items():
        found, out, err = call(arguments, encoding, monkeypatch)
        assert (name, found, "Traceback" in err, "fault of ours" in err) == (name, code, False, False), err
        if "--json" in arguments:
            assert json.loads(out)["config"]["data"] == DATA
            assert CLASS in json.loads(out).get("classes", [CLASS])
        assert not code or without_read(err).strip().count("\n") <= (0 if code == 1 else 3)


def test_signs_of_tables_have_look_alikes_and_names_are_escaped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, out, _ = call(VERBS["run"][0], "ascii", monkeypatch)
    assert "-" * 40 in out
    assert "\\u2500" not in out
    assert "ja -> \\u2713 \\u65e5 \\U0001f600" in out


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp1252", "ascii:strict", "latin-1"])
def test_a_process_with_another_encoding_prints_the_same_numbers(folder: Path, process: Cli, encoding: str) -> None:
    command = [sys.executable, "-m", "w2s_probe", *VERBS["run --json"][0]]
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode("ascii")) == json.loads(process(*VERBS["run --json"][0]).stdout)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
@pytest.mark.parametrize("arguments", [VERBS["run"][0], VERBS["run --json"][0], ("--help",)])
def test_a_full_device_is_one_line(folder: Path, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "w2s_probe", *arguments]
        done = subprocess.run(command, cwd=folder, stdout=full, stderr=subprocess.PIPE, check=False, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: files and output must be writable: got")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_reader_that_closes_early_is_no_error_message(folder: Path) -> None:
    command = [sys.executable, "-m", "w2s_probe", "backbones"]
    running = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    running.stdout.close()
    _, err = running.communicate(timeout=120)
    assert err == b""


def test_a_closed_stderr_changes_no_exit_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("run", "run --json", "no file", "no flag"):
        arguments, code = VERBS[name]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["w2s-probe", *arguments])
            patch.setattr(sys, "stderr", None)
            with pytest.raises(SystemExit) as end:
                main()
        assert int(end.value.code or 0) == code, name


@pytest.mark.parametrize("closed", ["", "2>&-"])
def test_a_closed_stdout_is_one_line_before_anything_is_computed(folder: Path, closed: str) -> None:
    command = [sys.executable, "-m", "w2s_probe", *VERBS["run on texts"][0]]
    script = f'exec "$@" <&- >&- {closed}'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *command], cwd=folder, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 1
    expected = (
        "error: stdout must be open for the results: it is closed. Write them to a file (> FILE) or to /dev/null.\n"
    )
    assert done.stderr == ("" if closed else expected)
    assert not (folder / "out\u2192").exists()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError("Unable to allocate 9 GiB"), "must fit into memory: got Unable to allocate 9 GiB. Use fewer rows"),
        (SystemExit(7), "got SystemExit: 7 in test_cli_streams.py, line"),
        (GeneratorExit("panic"), "got GeneratorExit: panic in"),  # as the panics of polars, it is no Exception
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"), "must be valid Unicode: got 'utf-8' codec can't decode"),
        (ImportError("red \x1b[31m"), "packages must load: got red \\x1b[31m. Check w2s-probe doctor"),
        (MemoryError(), "got no more memory"),
        (
            OSError(12, "Cannot allocate memory"),
            "must fit into memory: got [Errno 12] Cannot allocate memory. Use fewer",
        ),
        (RecursionError("maximum"), "must not be nested deeply"),
        (PermissionError(13, "Permission denied", "x"), "must be writable: got [Errno 13] Permission denied: 'x'"),
        (KeyError("x\n\u2192"), "which is a fault of ours: got KeyError: 'x\\n\u2192' in test_cli_streams.py, line"),
        (ZeroDivisionError("two\nlines"), "got ZeroDivisionError: two lines in"),
    ],
)
def test_an_error_nobody_foresaw_is_one_line(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException, text: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("w2s_probe.backbones.list_backbones", fail)
    done = cli("backbones")
    assert (done.returncode, done.stdout) == (1, "")
    assert without_read(done.stderr).count("\n") == 1
    assert text in done.stderr or text.encode("cp1252", "backslashreplace").decode("cp1252") in done.stderr
    asked = [cli("backbones", "--traceback"), cli("--traceback", "backbones")]
    monkeypatch.setenv("W2S_PROBE_TRACEBACK", "1")
    for shown in [*asked, cli("backbones")]:
        assert (shown.returncode, shown.stdout) == (1, "")
        assert shown.stderr.startswith("Traceback (most recent call last):\n")
        assert f"{type(error).__name__}: " in shown.stderr or f"{type(error).__name__}\n" in shown.stderr
        assert shown.stderr.splitlines()[-1] == done.stderr.rstrip("\n")
        assert "\x1b" not in shown.stderr


def test_an_interrupt_is_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("w2s_probe.backbones.list_backbones", interrupt)
    done = cli("backbones")
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "interrupted; what is cached stays valid\n"
