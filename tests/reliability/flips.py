"""Flipped bytes in everything that a cache and a folder of results hold: found or harmless, never served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.reliability.checks import tree
from tests.reliability.forks import run_forked
from tests.reliability.tally import Tally
from tests.reliability.world import FIRST_SWEEP, READING, VERBS, World

FLIPS = 1000
TARGETS = ("cache/features/*/*.npy", "cache/features/*/*.json", "cache/names/*.json", "sweep/cells/*.npz", "run/*")


def campaign(world: World, *, share: float, seed: int) -> Tally:
    """Flip one bit each of `share` of FLIPS bytes, as many in each kind of file."""
    tally, rng = Tally("flipped bytes"), np.random.default_rng(seed)
    for verb in ("export", "run", "sweep", "report"):
        world.reference(verb)
    for target in TARGETS:
        files = sorted(world.template.glob(target))
        for _ in range(round(FLIPS * share / len(TARGETS))):
            trial = world.trial()
            path = trial / files[rng.integers(len(files))].relative_to(world.template)
            content = bytearray(path.read_bytes())
            position, bit = int(rng.integers(len(content))), int(rng.integers(8))
            content[position] ^= 1 << bit
            path.write_bytes(content)
            name = str(path.relative_to(trial))
            tally.add(f"{name}, bit {bit} of byte {position}", _faults(world, target, trial))
    return tally


def _faults(world: World, target: str, trial: Path) -> Iterator[str]:
    if target.startswith("cache/"):
        yield from _faults_of_cache(world, target, trial)
    elif target.startswith("sweep/"):
        yield from _faults_of_sweep(world, trial)
    else:
        ended = run_forked(VERBS["report"], trial)
        yield from filter(None, [ended.fault()])


def _faults_of_cache(world: World, target: str, trial: Path) -> Iterator[str]:
    """Yield a fault unless verify finds the flip, no verb serves it, and gc deletes nothing that is intact."""
    intact = tree(world.reference("gc"))  # without shards whose rows others hold
    verified = run_forked(READING["verify"], trial)
    if verified.code != 1:
        yield f"verify exits with {verified.code}: {verified.out[-200:]}"
    if "Traceback" in verified.err:
        yield f"verify: {verified.fault()}"
    for verb in ("export", "run"):
        ended = run_forked(VERBS[verb], trial)
        yield from filter(None, [ended.fault()])
        if ended.code == 0:
            yield from _other_numbers(world, verb, trial)
    cleaned = run_forked(VERBS["gc"], trial)
    yield from filter(None, [cleaned.fault()])
    if "names" in target:
        yield from (f"gc deleted {name}" for name in intact.keys() - tree(trial).keys() if name.endswith(".npy"))


def _faults_of_sweep(world: World, trial: Path) -> Iterator[str]:
    """Yield a fault if the sweep that meets a damaged cell ends in other files."""
    ended = run_forked(FIRST_SWEEP, trial)
    yield from filter(None, [ended.fault()])
    now, before = tree(trial / "sweep"), tree(world.template / "sweep")  # a bit of a cell may be of no account
    results = {name for name in now.keys() | before.keys() if not name.startswith("cells/")}
    yield from (f"{name} of the sweep differs" for name in sorted(results) if now.get(name) != before.get(name))


def _other_numbers(world: World, verb: str, trial: Path) -> Iterator[str]:
    """Yield the files of a verb that differ from those without a flip."""
    names = {"export": ("exported.npz",), "run": ("run/result.json", "run/results.parquet")}[verb]
    for name in names:
        if (trial / name).read_bytes() != (world.reference(verb) / name).read_bytes():
            yield f"{verb} served the flip: {name} differs"
