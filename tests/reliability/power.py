"""Power cuts: on a disk in memory after each fsync of a verb, and on a loop device where the system allows it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.reliability.checks import faults_after_next, faults_at_once
from tests.reliability.disk import Entries, SyncedDisk, replace
from tests.reliability.forks import run_forked
from tests.reliability.preload import without_preload
from tests.reliability.tally import Tally
from tests.reliability.world import VERBS, World

CUTS = 40  # of the loop device
SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2  # EXT4_IOC_SHUTDOWN: nothing more is written, the journal neither
CUT = ("embed", "import", "run", "sweep", "export", "report", "forecast", "split")
NEVER = 10**9


def campaign(world: World, *, share: float, seed: int) -> Tally:
    """Cut after `share` of all fsyncs of each verb and after its end; then `share` of CUTS real cuts."""
    tally, rng = Tally("power cuts"), np.random.default_rng(seed)
    for verb in CUT:
        world.reference(verb)
        calls = _fsyncs(world, verb)
        moments = [k for k in range(1, calls + 1) if rng.random() < share]
        for k in [*moments, NEVER]:
            for entries in ("lazy", "eager"):
                trial = _after_cut(world, verb, k, entries)
                name = f"{verb}, {entries} folders, " + (f"after fsync {k}" if k < NEVER else "after the end")
                tally.add(name, _faults(world, verb, trial, ended=k == NEVER))
    with _loop_device(world.root) as mount:
        for _ in range(round(CUTS * share)):
            if mount is None:
                break
            verb = str(rng.choice(CUT))
            world.reference(verb)
            ended = _cut_device(world, verb, mount, rng)
            tally.add(f"{verb} on a loop device", _faults(world, verb, world.root / "trial", ended=ended))
    if mount is None:
        tally.faults.append("no loop device here: only the disk in memory was tried")
    return tally


def _faults(world: World, verb: str, trial: Path, *, ended: bool) -> Iterator[str]:
    """Yield what is wrong; a verb that has ended must have left all its files."""
    if ended:
        yield from (f"{name} was lost" for name in _lost(world.reference(verb), trial))
    else:
        yield from faults_at_once(world, verb, trial)
    yield from faults_after_next(world, verb, trial)


def _lost(reference: Path, trial: Path) -> list[str]:
    files = [path for path in reference.rglob("*") if path.is_file()]
    pairs = [(path, trial / path.relative_to(reference)) for path in files]
    return [other.name for path, other in pairs if not other.exists() or other.read_bytes() != path.read_bytes()]


def _fsyncs(world: World, verb: str) -> int:
    """Return the number of calls of `os.fsync` of a verb."""
    count = world.root / "fsyncs"
    disk = SyncedDisk(world.trial(), NEVER, lambda: None)
    run_forked(VERBS[verb], disk.root, prepare=disk.start, finish=lambda: count.write_text(str(disk.calls)))
    return int(count.read_text(encoding="utf-8"))


def _after_cut(world: World, verb: str, k: int, entries: Entries) -> Path:
    """Return the folder of a verb after the power has failed at its k-th fsync."""
    trial, survived = world.trial(), world.root / "survived"
    shutil.rmtree(survived, ignore_errors=True)

    def cut() -> None:
        disk.save(survived, entries)
        os._exit(0)

    disk = SyncedDisk(trial, k, cut)
    run_forked(VERBS[verb], trial, prepare=disk.start, finish=cut)
    replace(trial, survived)
    return trial


@contextmanager
def _loop_device(root: Path) -> Iterator[Path | None]:
    """Yield the mount point of a new ext4 file system; None where this needs rights that we lack."""
    image, mount = root / "image", root / "mount"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(200 * 2**20)
    try:
        subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True)
        _mount(image, mount)
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield mount
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def _mount(image: Path, mount: Path) -> None:
    subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True, capture_output=True)


def _cut_device(world: World, verb: str, mount: Path, rng: np.random.Generator) -> bool:
    """Cut the power of a verb that works on the device, and copy what is left to the trial; return if it had ended."""
    folder = mount / "trial"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(world.template, folder)
    os.sync()
    process = subprocess.Popen(
        [sys.executable, "-m", "w2s_probe", *VERBS[verb]],
        cwd=folder,
        env=without_preload(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if rng.random() < 0.5:
        time.sleep(float(rng.uniform(0.5, 2.5)))
    else:
        process.wait()
        time.sleep(float(rng.uniform(0, 1)))
    ended = process.poll() == 0
    descriptor = os.open(mount, os.O_RDONLY)
    import fcntl  # power is cut where root and loop devices are allowed, on Linux

    fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    os.close(descriptor)
    process.kill()
    process.wait()
    subprocess.run(["umount", str(mount)], check=True)
    _mount(world.root / "image", mount)
    trial = world.trial()
    shutil.rmtree(trial)
    shutil.copytree(folder, trial)
    return ended
