"""A folder with data, a cache and results, and the verbs that write into it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.reliability.forks import Ended, load_modules_of, run_forked

ROWS = 240
PAIR = ("--teacher", "classic:hashing-16", "--student", "classic:hashing-64")
DATA = ("table.csv", "--text", "text", "--label", "label", "--id", "id", "--cache", "cache")
SIZES = ("-n", "50", "-N", "90")
VERBS: Mapping[str, tuple[str, ...]] = {
    "embed": (
        *("embed", "table.csv", "--text", "text", "--id", "id", "--backbone", "classic:hashing-8"),
        *("--shard-rows", "80", "--cache", "cache"),
    ),
    "import": ("cache", "import", "more.npz", "--name", "more", "--cache", "cache"),
    "gc": ("cache", "gc", "--cache", "cache"),
    "run": ("run", *DATA, *PAIR, *SIZES, "--seeds", "2", "--seed", "2", "--out", "run", "--save-predictions"),
    "heads": ("run", *DATA, *PAIR, *SIZES, "--seeds", "2", "--seed", "3", "--out", "run", "--save-heads"),
    "split": ("run", *DATA, *PAIR, *SIZES, "--seeds", "2", "--save-split", "split.csv"),
    "forecast": ("forecast", *DATA, *PAIR, *SIZES, "--seeds", "2", "--out", "forecast"),
    "diagnose": ("diagnose", *DATA, *PAIR, "--out", "diagnosis"),
    "sweep": ("sweep", *DATA, *PAIR, *SIZES, "--seeds", "2", "--seed", "1", "--out", "sweep"),
    "report": ("report", "run"),
    "export": ("cache", "export", "imported", "exported.npz", "--force", "--cache", "cache"),
}
FIRST_SWEEP = ("sweep", *DATA, *PAIR, *SIZES, "--seeds", "1", "--seed", "1", "--out", "sweep")
READING: Mapping[str, tuple[str, ...]] = {
    "ls": ("cache", "ls", "--cache", "cache"),
    "verify": ("cache", "verify", "--cache", "cache"),
    "export": VERBS["export"],
}


@dataclass(frozen=True, slots=True)
class World:
    """A template folder that trials copy, and the folders that verbs must leave when nothing fails.

    Parameters
    ----------
    root : Path
        Folder of template, references and trials.
    """

    root: Path

    @property
    def template(self) -> Path:
        """The folder that trials begin with."""
        return self.root / "template"

    def reference(self, verb: str) -> Path:
        """Return the folder as the verb leaves it, made at the first call."""
        folder = self.root / f"after-{verb}"
        if not folder.exists():
            shutil.copytree(self.template, folder)
            must_succeed(run_forked(VERBS[verb], folder))
        return folder

    def trial(self) -> Path:
        """Return a new copy of the template, the only trial of this process."""
        folder = self.root / "trial"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.template, folder, symlinks=True)
        return folder


def new_world(root: Path) -> World:
    """Make the template in `root`: a table, imported features, computed ones, and results of run and sweep."""
    world = World(root)
    world.template.mkdir(parents=True)
    write_data(world.template)
    for arguments in (
        ("cache", "import", "imported.npz", "--name", "imported", "--cache", "cache"),
        VERBS["split"],
        ("run", *DATA, *PAIR, *SIZES, "--seeds", "2", "--seed", "1", "--out", "run"),
        FIRST_SWEEP,
    ):
        must_succeed(run_forked(arguments, world.template))
    (world.template / "split.csv").unlink()
    _add_work_for_gc(world.template)
    for arguments in VERBS.values():
        load_modules_of(arguments, world.trial())
    return world


def _add_work_for_gc(folder: Path) -> None:
    """Add shards whose rows other shards hold, and a file of a writer that is gone."""
    few = "\n".join((folder / "table.csv").read_text(encoding="utf-8").splitlines()[:50]) + "\n"
    (folder / "few.csv").write_text(few, encoding="utf-8")
    embed = ("embed", "few.csv", "--text", "text", "--id", "id", "--backbone", "classic:hashing-16")
    must_succeed(run_forked((*embed, "--shard-rows", "20", "--cache", "other"), folder))
    shutil.copytree(folder / "other" / "features", folder / "cache" / "features", dirs_exist_ok=True)
    shutil.rmtree(folder / "other")
    (folder / "cache" / "tmp" / "999999999-0123456789abcdef").write_bytes(b"half a shard")


def write_data(folder: Path, *, rows: int = ROWS) -> None:
    """Write table.csv, imported.npz and more.npz."""
    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(60)])
    lines = ["id,text,label"]
    for i in range(rows):
        label = int(rng.integers(2))
        text = " ".join(words[rng.integers(30 * label // 2, 60 - 30 * (1 - label) // 2, size=8)])
        lines.append(f"r{i:05d},{text} {i},{'yn'[label]}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ids = np.array([f"r{i:05d}" for i in range(rows)])
    for name, width in (("imported", 12), ("more", 9)):
        np.savez(folder / f"{name}.npz", X=rng.standard_normal((rows, width)).astype(np.float32), ids=ids)


def must_succeed(ended: Ended) -> None:
    """Raise `RuntimeError` unless a verb ended well; without this nothing can be tried."""
    if ended.code:
        msg = f"a verb must succeed while nothing fails: exit {ended.code}, {ended.err[-500:]}"
        raise RuntimeError(msg)
