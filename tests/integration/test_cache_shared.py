"""Several processes embed into one cache at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from tests.conftest import Cli
from tests.locks import needs_folder_locks
from tests.stderr import without_read
from w2s_probe.backbones import get_backbone
from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.cache.marks import mark
from w2s_probe.core.writing import new_file

TEXTS = [f"item {i} says word{i % 97} and word{i % 89}" for i in range(800)]

# The same backbone, in a plug-in, except that nobody starts before all have found out what is missing.
PLUG_IN = """
import os
import time
from dataclasses import replace
from pathlib import Path

from w2s_probe.backbones.classic import Hashing


class Waiting(Hashing):
    @property
    def spec(self):
        return replace(super().spec, backbone="waiting:64")

    def encode(self, items):
        room = Path(os.environ["WAITING_ROOM"])
        (room / str(os.getpid())).touch()
        while len(list(room.iterdir())) < int(os.environ["WAIT_FOR"]):
            time.sleep(0.001)
        return super().encode(items)


def waiting(name, options):
    return Waiting(int(name))
"""


def embedding(folder: Path, table: str, texts: list[str], *, backbone: str, cache: str) -> list[str]:
    """Write a table and return the arguments that embed it in small shards."""
    (folder / table).write_text("\n".join(["text", *texts]) + "\n", encoding="utf-8")
    command = ["embed", table, "--text", "text", "--backbone", backbone, "--cache", cache]
    return [*command, "--shard-rows", "8", "--threads", "1", "--json"]


def run_at_once(folder: Path, commands: Sequence[Sequence[str]]) -> list[int]:
    """Run these commands at once, see `PLUG_IN`; return the rows each encoded."""
    room, packages = folder / f"room of {len(commands)}", folder / "packages"
    room.mkdir()
    (packages / "waiting-1.dist-info").mkdir(parents=True, exist_ok=True)
    (packages / "waiting.py").write_text(PLUG_IN)
    (packages / "waiting-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: waiting\nVersion: 1\n")
    (packages / "waiting-1.dist-info" / "entry_points.txt").write_text(
        "[w2s_probe.backbones]\nwaiting = waiting:waiting\n"
    )
    path = os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": path, "WAITING_ROOM": str(room), "WAIT_FOR": str(len(commands))}
    starts = [[sys.executable, "-m", "w2s_probe", *command] for command in commands]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(one, cwd=folder, env=env, stdout=pipe, stderr=pipe, text=True) for one in starts]
    try:
        ends = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:  # if one did not come, the others wait for ever
            process.kill()
    assert [without_read(errors) for _, errors in ends] == [""] * len(commands)
    assert [process.returncode for process in processes] == [0] * len(commands)
    return [json.loads(output)["backbones"][0]["encoded"] for output, _ in ends]


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_four_processes_that_embed_the_same_data_at_once_end_in_the_cache_of_one(tmp_path: Path) -> None:
    alone = embedding(tmp_path, "table.csv", TEXTS, backbone="waiting:64", cache="alone")
    assert run_at_once(tmp_path, [alone]) == [800]
    together = embedding(tmp_path, "table.csv", TEXTS, backbone="waiting:64", cache="together")
    assert run_at_once(tmp_path, [together] * 4) == [800] * 4
    assert tree(tmp_path / "together") == tree(tmp_path / "alone")


@pytest.mark.slow
def test_processes_that_embed_overlapping_tables_at_once_leave_the_features_of_all(tmp_path: Path) -> None:
    parts = [TEXTS[:500], TEXTS[250:750][::-1], TEXTS[403:]]
    commands = [
        embedding(tmp_path, f"table{number}.csv", texts, backbone="waiting:64", cache="together")
        for number, texts in enumerate(parts)
    ]
    assert run_at_once(tmp_path, commands) == [500, 500, 397]
    backbone, store = get_backbone("classic:hashing-64"), FeatureStore(tmp_path / "together")
    spec = replace(backbone.spec, backbone="waiting:64")
    np.testing.assert_array_equal(store.read(spec, item_digests(TEXTS)), backbone.encode(TEXTS))
    assert store.verify() == (63 + 63 + 50, [])  # no two shards are the same
    assert list((tmp_path / "together" / "tmp").iterdir()) == []


@needs_folder_locks
def test_a_writer_between_array_and_sidecar_of_another_leaves_a_valid_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both embed the same items, and their numbers differ by rounding, as with another batch size."""
    spec, digests = get_backbone("classic:hashing-3").spec, item_digests(["one", "two"])
    X = np.ones((2, 3), dtype=np.float32)

    def write(features: np.ndarray) -> None:
        store = FeatureStore(tmp_path)
        list(store.add([spec], digests, lambda chosen: [(features[chosen], {})], positions=np.arange(2)))

    replace = Path.replace
    second = Thread(target=write, args=(np.nextafter(X, 2),))

    def replace_and_wait(path: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", replace)
        done = replace(path, target)
        second.start()
        second.join(timeout=1)  # it may rightly wait for the first
        return done

    monkeypatch.setattr(Path, "replace", replace_and_wait)
    write(X)
    second.join()
    assert FeatureStore(tmp_path).verify() == (1, [])
    np.testing.assert_allclose(FeatureStore(tmp_path).read(spec, digests), X, rtol=1e-6)


@needs_folder_locks
def test_embedding_removes_the_files_of_dead_writers_and_leaves_those_of_living_ones(cli: Cli, tmp_path: Path) -> None:
    command = embedding(tmp_path, "table.csv", TEXTS[:16], backbone="classic:hashing-64", cache="cache")
    folder = tmp_path / "cache" / "tmp"
    mark(tmp_path / "cache")  # files are deleted from a cache only
    folder.mkdir()
    (folder / "1-0123456789abcdef").write_bytes(b"half a shard")
    with new_file(folder) as (_, living):
        assert cli(*command).returncode == 0
        assert set(folder.iterdir()) == {living}
