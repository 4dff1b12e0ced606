"""One run of tests in a fork of a warmed process, on a copy of the repository in which one file may be changed."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

TIERS = "not slow and not statistical and not models and not browser and not bare"  # as in make test
MEMORY = 12 * 2**30  # bytes of address space; a mutant may ask for any amount
HEAVY = ("numpy", "scipy.stats", "scipy.optimize", "sklearn.linear_model", "polars", "hypothesis", "click", "rich")
WARMED = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # hypothesis is imported before pytest begins
COPIED = ("w2s_probe", "tests", "docs", "examples", "pyproject.toml", "README.md", "CHANGELOG.md")


def warm() -> None:
    """Import the libraries that tests import, so that no fork has to."""
    for name in HEAVY:
        import_module(name)


def copy_tree(root: Path, copy: Path) -> None:
    """Make `copy` a new copy of the files of a repository that tests read."""
    shutil.rmtree(copy, ignore_errors=True)
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *COPIED]
    for line in subprocess.run(listing, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines():
        if (root / line).is_file():
            (copy / line).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / line, copy / line)


@dataclass(eq=False)
class Observer:
    """Plug-in of pytest that records seconds of each test and the first failure."""

    failed: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    switch: Callable[[str], None] | None = None

    def pytest_sessionstart(self) -> None:
        """Make hypothesis draw the same examples each time, and stop at the first failure as it is."""
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", deadline=None, derandomize=True, database=None, phases=phases)
        settings.load_profile("mutants")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Count the lines that run from now on for this test."""
        if self.switch:
            self.switch(nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add a report on setup, call or teardown of a test."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        """Record a module that cannot be imported."""
        if report.failed:
            self.failed = self.failed or f"import of {report.nodeid}"


@dataclass
class Trial:
    """A fork that runs tests; `outcome` is the exit status of pytest and what the observer saw."""

    pid: int
    out: Path
    limit: float

    def outcome(self, began: float) -> dict[str, Any] | None:
        """Return the outcome, None while it runs; at the limit the fork and its children are killed."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0 and time.monotonic() - began < self.limit:
            return None
        self.stop()
        if pid == 0:
            os.waitpid(self.pid, 0)
            return {"status": "timeout"}
        if not self.out.is_file():
            return {"status": "crash", "failed": f"status {status}"}
        outcome: dict[str, Any] = json.loads(self.out.read_text(encoding="utf-8"))
        return outcome

    def stop(self) -> None:
        """Kill the fork and all processes that it started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def start(copy: Path, tests: list[str], *, out: Path, limit: float, measured: bool = False) -> Trial:
    """Return a running trial of these tests on a copy; `measured` also records which test runs which lines."""
    out.unlink(missing_ok=True)
    pid = os.fork()
    if pid:
        return Trial(pid=pid, out=out, limit=limit)
    os.setsid()
    try:
        _run(copy, tests, out=out, measured=measured)
    except BaseException:  # a fork must never return to the code of its parent
        traceback.print_exc()
    finally:
        os._exit(1)


def _run(copy: Path, tests: list[str], *, out: Path, measured: bool) -> None:
    with out.with_suffix(".log").open("wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    _enter(copy)
    observer = Observer()
    coverage = None
    if measured:
        from coverage import Coverage

        coverage = Coverage(
            data_file=str(out.with_suffix(".coverage")), source=[str(copy / "w2s_probe")], config_file=False
        )
        coverage.erase()
        coverage.start()
        observer.switch = coverage.switch_context
    fail_fast = [] if measured else ["-x"]
    arguments = [*fail_fast, "-q", "-p", "no:cacheprovider", "-m", TIERS, "--tb=short", *WARMED, *tests]
    status = int(pytest.main(arguments, plugins=[observer]))
    if coverage:
        coverage.stop()
        coverage.save()
    partial = out.with_suffix(".partial")
    found = {"status": status, "failed": observer.failed, "seconds": observer.seconds}
    partial.write_text(json.dumps(found), encoding="utf-8")
    partial.rename(out)


def _enter(copy: Path) -> None:
    """Make this process import package and tests from the copy, and its children too."""
    os.chdir(copy)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "w2s_probe")]:
        del sys.modules[name]
    elsewhere = {"", str(Path(__file__).parents[2])}
    sys.path[:] = [str(copy), *(place for place in sys.path if place not in elsewhere)]
    sys.dont_write_bytecode = False
    os.environ |= {"PYTHONPATH": str(copy), "HF_HUB_OFFLINE": "1"}
