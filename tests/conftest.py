"""What every tier of tests shares."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import chdir
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from tests.in_process import run_here
from tests.real_texts import demo
from w2s_probe.cli import progress
from w2s_probe.core.features import EmbeddingSpec, FeatureSet
from w2s_probe.core.install import install_line
from w2s_probe.core.labels import Labels
from w2s_probe.metrics import intervals

__all__ = ["demo"]

NO_LINKS = 1314  # Windows' number of this error
Cli = Callable[..., subprocess.CompletedProcess[str]]

settings.register_profile("busy machines", deadline=None)  # no test asserts a time
settings.load_profile("busy machines")


def pytest_configure() -> None:
    """Processes of tests end on Ctrl-C, also if the tests run as a job in the background, where shells ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Skip a test that itself needs what the system lacks, such as pipes with names or links on Windows."""
    try:
        result = yield
    except (AttributeError, OSError) as error:
        if not _is_lacking(error):
            raise
        pytest.skip(f"this system lacks what the test needs: {error}")
    return result


def _is_lacking(error: AttributeError | OSError) -> bool:
    """Return whether a test asked for a function of another system, or for a link that few users may make."""
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    if isinstance(error, AttributeError):
        return error.obj in (os, signal) and Path(last).is_relative_to(Path(__file__).parent)
    return NO_LINKS in (error.errno, getattr(error, "winerror", None))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the cache of the checkout."""
    monkeypatch.setenv("W2S_PROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True)
def _no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine anything takes two seconds; tests of progress set their own time."""
    monkeypatch.setattr(progress, "FIRST", float("inf"))


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With one seed resampling takes longer than most fits; for tests of runs that look at no width."""
    monkeypatch.setattr(intervals, "RESAMPLES", 50)
    intervals._resampled_counts.cache_clear()
    yield
    intervals._resampled_counts.cache_clear()


@pytest.fixture
def cli(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Run the command line as a user does, in a folder of its own; not in a process of its own, which takes longer."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_here(arguments, folder=tmp_path, captured=capfd)

    return run


@pytest.fixture
def process(tmp_path: Path) -> Cli:
    """Run the command line in a process of its own: where environment, imports, signals or a time limit matter."""

    def run(
        *arguments: str, env: dict[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, **(env or {})}
        return subprocess.run(
            [sys.executable, "-m", "w2s_probe", *arguments],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            encoding=variables.get("PYTHONIOENCODING", "").partition(":")[0] or None,
            errors="replace",
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def install_here(tmp_path: Path) -> Callable[[str], str]:
    """Return the install command of an extra as verbs print it that run in the folder of `cli` and `process`."""

    def line(extra: str) -> str:
        with chdir(tmp_path):
            return install_line(extra)

    return line


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write table.csv, t.npy and s.npy: 2,400 rows, two classes, a weak and a strong view of one truth."""
    rng = np.random.default_rng(7)
    core = rng.standard_normal((2400, 12))
    y = (core @ rng.standard_normal(12) + rng.standard_normal(2400) > 0).astype(int)
    lines = ["y,source", *(f"{label},{i // 3}" for i, label in enumerate(y))]
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    weak = core[:, :6] @ rng.standard_normal((6, 20)) + 2 * rng.standard_normal((2400, 20))
    strong = core @ rng.standard_normal((12, 40)) + 0.5 * rng.standard_normal((2400, 40))
    np.save(tmp_path / "t.npy", weak.astype(np.float32))
    np.save(tmp_path / "s.npy", strong.astype(np.float32))
    return tmp_path / "table.csv"


def feature_set(X: np.ndarray, name: str = "features") -> FeatureSet:
    """Return an array as a FeatureSet with row numbers for ids."""
    spec = EmbeddingSpec(backbone="test", revision=name)
    return FeatureSet(ids=np.arange(len(X)).astype(np.str_), X=X, spec=spec, name=name)


def pair_of_views(n: int, *, seed: int = 0, classes: int = 2) -> tuple[FeatureSet, FeatureSet, Labels]:
    """Return a weak and a strong view of one truth, and its labels."""
    rng = np.random.default_rng(seed)
    core = rng.standard_normal((n, 10))
    score = core @ rng.standard_normal((10, classes)) + 0.5 * rng.standard_normal((n, classes))
    weak = core[:, :5] @ rng.standard_normal((5, 15)) + 2 * rng.standard_normal((n, 15))
    strong = core @ rng.standard_normal((10, 30)) + 0.3 * rng.standard_normal((n, 30))
    labels = Labels(values=score.argmax(axis=1), classes=tuple("abcdefgh"[:classes]))
    return feature_set(weak, "teacher features"), feature_set(strong, "student features"), labels


def mutations(content: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of `content` with one to four bytes flipped, put in or left out, or its end cut off."""
    at = st.integers(0, len(content) - 1)
    flip = st.tuples(at, st.integers(0, 7)).map(lambda how: lambda b: b[: how[0]] + _flipped(b, *how))
    insert = st.tuples(at, st.binary(min_size=1, max_size=8)).map(
        lambda how: lambda b: b[: how[0]] + how[1] + b[how[0] :]
    )
    delete = st.tuples(at, st.integers(1, 8)).map(lambda how: lambda b: b[: how[0]] + b[how[0] + how[1] :])
    cut = at.map(lambda end: lambda b: b[:end])
    steps = st.lists(st.one_of(flip, flip, insert, delete, cut), min_size=1, max_size=4)
    return steps.map(lambda chosen: reduce(lambda changed, step: step(changed), chosen, content))


def _flipped(content: bytes, at: int, bit: int) -> bytes:
    return bytes([content[at] ^ (1 << bit)]) + content[at + 1 :] if at < len(content) else b""
