"""Eight writers of one cache beside gc, verify, ls, export and import, with locks and without."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.reliability.forks import run_forked
from tests.reliability.preload import without_preload
from tests.reliability.tally import Tally
from tests.reliability.world import READING, VERBS, World, write_data

WRITERS = 8
SECONDS = 120  # with locks, and without
ROWS = 1200
BACKBONES = ("classic:hashing-8", "classic:hashing-24", "classic:hashing-40")
IMPORT = ("cache", "import", "imported.npz", "--name", "again", "--replace", "--cache", "cache")
BESIDE: Sequence[tuple[str, ...]] = (VERBS["gc"], *READING.values(), IMPORT)


def campaign(world: World, *, share: float, seed: int) -> Tally:
    """Start writers again and again for `share` of the time, then read all rows."""
    tally, rng = Tally("writers of one cache"), np.random.default_rng(seed)
    for name, flags in (("locks", {}), ("no locks", {"W2S_PROBE_FLOCK": str(errno.ENOLCK)})):
        trial = world.trial()
        write_data(trial, rows=ROWS)
        environment = {**os.environ, **flags} if flags else without_preload()
        for command, process in _processes(trial, environment, seconds=SECONDS * share, rng=rng):
            faults = [f"exit {process.returncode}: {_last_line(process)}"] if process.returncode else []
            tally.add(f"{name}: {' '.join(command[:2])}", faults)
        tally.add(f"{name}: the rows at the end", _wrong_rows(world, trial))
    return tally


def _processes(
    folder: Path, environment: Mapping[str, str], *, seconds: float, rng: np.random.Generator
) -> Iterator[tuple[Sequence[str], subprocess.Popen[str]]]:
    """Yield ended processes; WRITERS writers and all other verbs run at a time."""
    ends = time.monotonic() + seconds
    commands = [_writer(folder, rng) for _ in range(WRITERS)] + list(BESIDE)
    running = [(command, _start(command, folder, environment)) for command in commands]
    while running:
        time.sleep(0.02)
        for pair in [pair for pair in running if pair[1].poll() is not None]:
            running.remove(pair)
            yield pair
            if time.monotonic() < ends:
                command = _writer(folder, rng) if pair[0][0] == "embed" else pair[0]
                running.append((command, _start(command, folder, environment)))


def _writer(folder: Path, rng: np.random.Generator) -> tuple[str, ...]:
    """Return the command that embeds random rows, which other writers embed at the same time."""
    lines = (folder / "table.csv").read_text(encoding="utf-8").splitlines()
    rows = rng.choice(len(lines) - 1, size=300, replace=False) + 1
    name = f"part-{rng.integers(10**9)}.csv"
    (folder / name).write_text("\n".join([lines[0], *(lines[i] for i in rows)]) + "\n", encoding="utf-8")
    backbone = str(rng.choice(BACKBONES))
    shard_rows = str(rng.choice([16, 50, 512]))
    embed = ("embed", name, "--text", "text", "--id", "id", "--backbone", backbone)
    return (*embed, "--shard-rows", shard_rows, "--cache", "cache")


def _start(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    if command[:2] == ("cache", "export"):
        command = [part.replace("exported", f"exported-{time.monotonic_ns()}") for part in command]
    return subprocess.Popen(
        [sys.executable, "-m", "w2s_probe", *command],
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _last_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.read().strip()[-300:]


def _wrong_rows(world: World, trial: Path) -> Iterator[str]:
    """Compare every row of the shared cache with those of a cache that one process filled."""
    alone = world.root / "alone"
    if not alone.exists():
        alone.mkdir()
        write_data(alone, rows=ROWS)
        _embed_all(alone)
    _embed_all(trial)
    for backbone in BACKBONES:
        width = backbone.rsplit("-", 1)[1]
        if not np.array_equal(_features(alone, backbone), _features(trial, backbone)):
            yield f"rows of width {width} differ from those of one process"
    verified = run_forked(READING["verify"], trial)
    if verified.code:
        yield f"verify: exit {verified.code}, {verified.err[-300:]}"
    cleaned = run_forked(VERBS["gc"], trial)
    leftovers = [str(path) for path in (trial / "cache" / "tmp").glob("*")]
    if cleaned.code or leftovers:
        yield f"gc: exit {cleaned.code}, left over {leftovers[:3]}"
    with np.load(world.template / "imported.npz") as archive:
        for path in trial.glob("exported-*.npz"):
            with np.load(path) as copy:
                order = np.argsort(copy["ids"])
                if not np.array_equal(copy["X"][order], archive["X"]):
                    yield f"{path.name} holds other numbers"


def _embed_all(folder: Path) -> None:
    for backbone in BACKBONES:
        embed = ("embed", "table.csv", "--text", "text", "--id", "id", "--backbone", backbone, "--cache", "cache")
        ended = run_forked(embed, folder)
        if ended.code:
            msg = f"embed must succeed: {ended.err[-300:]}"
            raise RuntimeError(msg)


def _features(folder: Path, backbone: str) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    from w2s_probe.backbones import get_backbone
    from w2s_probe.cache import FeatureStore, item_digests

    lines = (folder / "table.csv").read_text(encoding="utf-8").splitlines()[1:]
    digests = item_digests([line.split(",")[1] for line in lines])
    return FeatureStore(folder / "cache").read(get_backbone(backbone).spec, digests)
