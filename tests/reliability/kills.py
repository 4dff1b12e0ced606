"""SIGKILL of real processes at random moments; the next call must finish as if nothing had happened."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from tests.reliability.checks import faults_after_next, faults_at_once
from tests.reliability.preload import without_preload
from tests.reliability.tally import Tally
from tests.reliability.world import VERBS, World

KILLS = 200
KILLED = ("embed", "import", "gc", "run", "sweep", "report", "export", "forecast")


def campaign(world: World, *, share: float, seed: int) -> Tally:
    """Kill `share` of KILLS processes, the verbs in turn."""
    tally, rng = Tally("kills of real processes"), np.random.default_rng(seed)
    seconds: dict[str, float] = {}
    for verb in islice(cycle(KILLED), round(KILLS * share)):
        world.reference(verb)
        if verb not in seconds:
            seconds[verb] = _seconds(verb, world.trial())
        trial = world.trial()
        while not _kill(verb, trial, rng, seconds[verb]):
            trial = world.trial()  # it ended before
        tally.add(f"{verb} killed", _faults(world, verb, trial))
    return tally


def _faults(world: World, verb: str, trial: Path) -> Iterator[str]:
    yield from faults_at_once(world, verb, trial)
    yield from faults_after_next(world, verb, trial)


def _start(verb: str, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "w2s_probe", *VERBS[verb]]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=folder, env=without_preload(), stdout=quiet, stderr=quiet)


def _seconds(verb: str, folder: Path) -> float:
    began = time.perf_counter()
    if _start(verb, folder).wait():
        msg = f"{verb} must succeed while nothing kills it"
        raise RuntimeError(msg)
    return time.perf_counter() - began


def _kill(verb: str, folder: Path, rng: np.random.Generator, seconds: float) -> bool:
    """Kill a process; return whether it was still running.

    Half of them die at a random moment, half shortly after a random number of changes in the folder: writing takes
    a small share of the time.
    """
    process = _start(verb, folder)
    changes = int(rng.integers(0, 12))
    if changes < 6:
        time.sleep(float(rng.uniform(0.2, 1)) * seconds)
    else:
        entries, seen = _entries(folder), 0
        while process.poll() is None and seen < changes - 5:
            now = _entries(folder)
            seen, entries = seen + (now != entries), now
        time.sleep(float(rng.uniform(0, 0.005)))
    process.kill()
    return process.wait() == -signal.SIGKILL


def _entries(folder: Path) -> frozenset[tuple[str, int]]:
    """Return names and inodes of the files below a folder."""
    found = set()
    for path in folder.rglob("*"):
        try:
            found.add((str(path), path.stat().st_ino))
        except OSError:
            continue
    return frozenset(found)
