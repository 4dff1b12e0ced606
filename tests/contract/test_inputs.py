"""Every parameter that names a file refuses pipes, sockets, devices and compressed files; none can be forgotten."""

from __future__ import annotations

import gzip
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import click
import numpy as np
import pytest

from tests.conftest import Cli
from tests.malformed import CSV, FEATURES, prepare
from tests.stderr import without_read
from w2s_probe.cli.main import cli as group

HANGING = 60  # seconds; a pipe that is read blocks for ever
PAIR = ("--teacher", "features:f.npy", "--student", "features:s.npy")
TEXT = ("t.csv", "--text", "text")
THEORY = {"--mu": "2,0", "--sigma": "1", "--gamma": ".01", "--nu": ".01", "--noise-variance": "1"} | dict.fromkeys(
    ("--eta-labeled", "--eta-unlabeled", "--eta-test"), ".2"
)
BASES: dict[str, tuple[str, ...]] = {
    "run": ("t.csv", *PAIR, "--id", "id"),
    "forecast": ("t.csv", *PAIR, "--id", "id"),
    "sweep": ("t.csv", *PAIR, "--id", "id"),
    "diagnose": ("t.csv", *PAIR),
    "finetune": (*TEXT, "--teacher", "features:f.npy", "--student", "packaged:minilm-l6", "--id", "id"),
    "embed": (*TEXT, "--backbone", "classic:hashing-8"),
    "report": ("out",),
    "cache import": ("f.npy", "--name", "other", "--data", *TEXT),
    "cache export": ("mine", "copy.npy", "--data", *TEXT),
    "theory spurious": (
        *("--law", "mixture", "--teacher-matrix", "direction.npy", "--student-matrix", "direction.npy"),
        *(word for pair in THEORY.items() for word in pair),
    ),
}
SUFFIXES = {  # of the file that a parameter names; "features" if it names backbones
    "data": ".csv",
    "pool": ".csv",
    "split_file": ".csv",
    "config_file": ".toml",
    "file": ".npy",
    "teacher_matrix": ".npy",
    "student_matrix": ".npy",
    "folder": "folder",
    **dict.fromkeys(("teacher", "student", "teachers", "students", "backbones"), "features"),
}
OUTPUTS = {"out", "cache", "save_split", ("cache export", "file")}
BACKBONES = {("embed", "backbones"), ("finetune", "student")}  # no files of features
WORDS = {"text", "image", "id", "label", "split", "group", "group_split", "cue", "strategies", "settings", "device"} | {
    *("epochs", "mu", "name", "fingerprint", "keep", "remove", "prompt", "prefix", "chosen", "rejected", "score"),
    "teacher_saw",
}


def parameters(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Parameter]]:
    """Yield verb and parameter for all parameters that take any text."""
    for parameter in command.params:
        kinds = (click.Choice, click.types.IntParamType, click.types.FloatParamType, click.types.BoolParamType)
        numbers = getattr(parameter.type, "metavar", "") in ("INTEGER", "NUMBER", "NAME", "SIZE")
        if not isinstance(parameter.type, kinds) and not numbers:
            yield name, parameter
    for part in command.commands.values() if isinstance(command, click.Group) else ():
        yield from parameters(part, f"{name} {part.name}".strip())


TEXTS = [(verb, parameter) for verb, parameter in parameters(group) if parameter.name not in WORDS]
INPUTS = [
    (verb, parameter)
    for verb, parameter in TEXTS
    if not {parameter.name, (verb, parameter.name)} & OUTPUTS and (verb, parameter.name) not in BACKBONES
]


def test_every_parameter_that_takes_a_text_is_of_a_kind() -> None:
    kinds = {parameter.name: {parameter.name, (verb, parameter.name)} for verb, parameter in TEXTS}
    assert [name for name, keys in kinds.items() if not keys & {*SUFFIXES, *OUTPUTS}] == []
    assert {verb for verb, _ in INPUTS} == {*BASES}
    assert len(INPUTS) > 20


@pytest.fixture
def folder(cli: Cli, tmp_path: Path) -> Iterator[Path]:
    """Files that are right, and for each suffix a pipe, a socket, a device and a compressed file."""
    prepare(tmp_path)
    np.save(tmp_path / "direction.npy", np.eye(2)[:, :1])
    assert cli("cache", "import", "f.npy", "--name", "mine").returncode == 0
    with ExitStack() as stack:
        for suffix, content in {".csv": CSV, ".npy": FEATURES, ".toml": b"seeds = 1"}.items():
            os.mkfifo(tmp_path / f"pipe{suffix}")
            own = stack.enter_context(socket.socket(socket.AF_UNIX))
            own.bind(str(os.path.relpath(tmp_path / f"socket{suffix}")))
            (tmp_path / f"device{suffix}").symlink_to("/dev/zero")
            (tmp_path / f"compressed{suffix}").write_bytes(gzip.compress(content))
        yield tmp_path


@contextmanager
def no_hanging() -> Iterator[None]:
    """Context manager: raise an error in what would wait for ever."""

    def stop(_: int, __: FrameType | None) -> None:
        msg = "it reads a pipe"
        raise TimeoutError(msg)

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANGING)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def arguments(verb: str, parameter: click.Parameter, file: str) -> tuple[str, ...]:
    """Return the command of a verb in which one parameter names a file."""
    base = list(BASES[verb])
    if isinstance(parameter, click.Argument):
        base[verb == "cache export"] = file
    else:
        flag = parameter.opts[0]
        while flag in base:
            place = base.index(flag)
            del base[place : place + 2]
        base += [flag, file]
    return (*verb.split(), *base)


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "compressed"])
def test_every_input_must_be_a_plain_file(cli: Cli, folder: Path, kind: str) -> None:
    for verb, parameter in INPUTS:
        suffix = SUFFIXES[str(parameter.name)]
        if suffix == "folder":
            (folder / "out").mkdir(exist_ok=True)
            (folder / "out" / "result.json").unlink(missing_ok=True)
            (folder / "out" / "result.json").symlink_to(f"../{kind}.npy")
            file = "out"
        else:
            file = f"features:{kind}.npy" if suffix == "features" else f"{kind}{suffix}"
        with no_hanging():
            done = cli(*arguments(verb, parameter, file))
        said = {"compressed": "must be JSON" if suffix == "folder" else "compressed (gzip)"}.get(kind, f"is a {kind}")
        assert (done.returncode, done.stdout) == (1, ""), (verb, parameter.name, done.stderr)
        assert without_read(done.stderr).count("\n") == 1, (verb, parameter.name, done.stderr)
        assert said in done.stderr, (verb, parameter.name)


def test_no_output_waits_for_a_reader(cli: Cli, folder: Path) -> None:
    (folder / "t.toml").write_text("n-labeled = 12\nn-unlabeled = 20\n")
    for verb, parameter in TEXTS:
        if verb in BASES and {parameter.name, (verb, parameter.name)} & OUTPUTS and verb != "theory spurious":
            size = ("--config", "t.toml") if parameter.name != "cache" and verb in ("run", "sweep", "forecast") else ()
            with no_hanging():
                done = cli(*arguments(verb, parameter, "pipe.npy"), *size)
            assert done.returncode in (0, 1), (verb, parameter.name, done.stderr)
            assert "fault of ours" not in done.stderr
