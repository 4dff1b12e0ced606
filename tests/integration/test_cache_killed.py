"""An `embed` that is killed and started again ends in the cache of one that never was.

First at random moments, from outside, with SIGKILL; then before each single step on a file.
"""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Cli
from tests.killed import die_before, exit_code_of, forks
from tests.stderr import without_read
from w2s_probe.backbones import get_backbone
from w2s_probe.cache import FeatureStore, item_digests, shard_name
from w2s_probe.core.features import EmbeddingSpec

KILLS = 4  # in a chain of runs on one cache, each of which goes on where the last was killed


@dataclass(frozen=True, kw_only=True)
class Job:
    """An embedding of table.csv in `folder`, and what it must leave behind."""

    folder: Path
    texts: list[str]
    backbone: str
    shard_rows: int

    def __post_init__(self) -> None:
        (self.folder / "table.csv").write_text("\n".join(["text", *self.texts]) + "\n", encoding="utf-8")

    def arguments(self, cache: str) -> list[str]:
        command = ["embed", "table.csv", "--text", "text", "--backbone", self.backbone, "--cache", cache]
        return [*command, "--shard-rows", str(self.shard_rows), "--threads", "1", "--json"]

    @property
    def spec(self) -> EmbeddingSpec:
        return get_backbone(self.backbone).spec

    def shards(self) -> list[str]:
        """Return the names of all shards, in the order of the data."""
        digests, spec = item_digests(self.texts), self.spec
        return [shard_name(spec, digests[i : i + self.shard_rows]) for i in range(0, len(digests), self.shard_rows)]


def kill_when(job: Job, cache: str, *, files: int, delay: float) -> None:
    """Start embedding; once so many files of shards are there, wait for `delay` seconds and kill it."""
    with subprocess.Popen(
        [sys.executable, "-m", "w2s_probe", *job.arguments(cache)], cwd=job.folder, stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None and len(shard_files(job.folder / cache)) < files:
            time.sleep(0.0005)
        time.sleep(delay)
        process.kill()
    assert process.returncode == -signal.SIGKILL


def shard_files(cache: Path) -> list[Path]:
    return list(cache.glob("features/*/*.*"))


def stored(cache: Path) -> dict[str, tuple[int, ...]]:
    """Return the complete shards; the numbers change when a file is written again, even with the same bytes."""
    pairs = ((path, path.with_suffix(".npy")) for path in shard_files(cache) if path.suffix == ".json")
    states = {array.stem: (sidecar.stat(), array.stat()) for sidecar, array in pairs if array.exists()}
    return {name: tuple(part for s in both for part in (s.st_ino, s.st_mtime_ns)) for name, both in states.items()}


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def kill_at_random_moments(job: Job, cache: str, *, rng: np.random.Generator, step: int, delay: float) -> int:
    """Kill `KILLS` runs in the middle of embedding, check the cache after each; return the rows it holds."""
    names, before = job.shards(), dict[str, tuple[int, ...]]()
    for _ in range(KILLS):
        files = 2 * len(before) + int(rng.integers(1, step + 1))
        kill_when(job, cache, files=files, delay=float(rng.uniform(0, delay)))
        after = stored(job.folder / cache)
        in_the_middle = files // 2 <= len(after) < len(names)
        assert in_the_middle
        assert set(after) == set(names[: len(after)])
        assert after.items() >= before.items()
        orphans = {path.stem for path in shard_files(job.folder / cache)} - set(after)
        assert orphans <= {names[len(after)]}
        assert FeatureStore(job.folder / cache).verify() == (len(after), [])
        before = after
    return len(before) * job.shard_rows


def embed_rest(cli: Cli, job: Job, cache: str) -> tuple[int, int]:
    """Embed to the end; return how many rows were encoded and how many the cache had."""
    kept = stored(job.folder / cache)
    done = cli(*job.arguments(cache))
    assert (done.returncode, without_read(done.stderr)) == (0, "")
    assert stored(job.folder / cache).items() >= kept.items()
    (fetched,) = json.loads(done.stdout)["backbones"]
    return fetched["encoded"], fetched["cached"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_embed_killed_at_random_moments_ends_in_the_same_cache_byte_for_byte(
    cli: Cli, tmp_path: Path, seed: int
) -> None:
    texts = [f"item {i} says word{i % 97} and word{i % 89}" for i in range(1195)]
    job = Job(folder=tmp_path, texts=texts, backbone="classic:hashing-64", shard_rows=8)
    assert embed_rest(cli, job, "whole") == (1195, 0)
    rows = kill_at_random_moments(job, "killed", rng=np.random.default_rng(seed), step=60, delay=0.01)
    assert embed_rest(cli, job, "killed") == (1195 - rows, rows)
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.models
def test_embed_of_a_real_model_killed_at_random_moments_ends_in_the_same_features(
    process: Cli, tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    texts = [f"a sentence about {i} things" + " and more" * (i % 7) for i in range(300)]
    job = Job(folder=tmp_path, texts=texts, backbone="packaged:minilm-l6", shard_rows=32)
    assert embed_rest(process, job, "whole") == (300, 0)
    rows = kill_at_random_moments(job, "killed", rng=np.random.default_rng(0), step=2, delay=0.1)
    assert embed_rest(process, job, "killed") == (300 - rows, rows)
    killed, whole = (FeatureStore(tmp_path / name).read(job.spec, item_digests(texts)) for name in ("killed", "whole"))
    np.testing.assert_allclose(killed, whole, rtol=0, atol=1e-6)  # rounding of another order of sums in one pass
    left, right = tree(tmp_path / "killed"), tree(tmp_path / "whole")
    assert left.keys() == right.keys()
    record_testsuite_property("bytes agree after MiniLM was killed", left == right)


SPEC = EmbeddingSpec(backbone="test:one", revision="sha256:00")
X = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
DIGESTS = item_digests(["one", "two", "three", "four", "five"])


def embed_here(root: Path, log: Path, prepare: Callable[[], object] = tuple) -> None:
    """Embed five rows in shards of two, after a call that may shorten its life; log each row that is encoded."""
    prepare()
    store = FeatureStore(root, shard_rows=2)
    missing = store.missing(SPEC, DIGESTS)

    def encode(chosen: np.ndarray) -> list[tuple[np.ndarray, dict[str, list[int]]]]:
        with log.open("a") as rows:
            rows.write("row\n" * len(chosen))
        return [(X[chosen], {"truncated": []})]

    if len(missing):
        list(store.add([SPEC], DIGESTS, encode, positions=missing))
    np.testing.assert_array_equal(store.read(SPEC, DIGESTS), X)


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, bytes]:
    assert exit_code_of(partial(embed_here, tmp_path / "whole", tmp_path / "log")) == 0
    return tree(tmp_path / "whole")


def rows_encoded_again(root: Path, whole: dict[str, bytes], die: Callable[[], object]) -> int | None:
    """Let `die` end an embedding, embed the rest, return how many rows were encoded twice; None if it lived."""
    log = root.with_suffix(".log")
    code = exit_code_of(partial(embed_here, root, log, die))
    if code == 0:
        return None
    assert code in (-signal.SIGKILL, -signal.SIGXFSZ)
    assert FeatureStore(root).verify()[1] == []
    assert exit_code_of(partial(embed_here, root, log)) == 0
    assert tree(root) == whole
    return len(log.read_text().splitlines()) - len(X)


def die_after(written: int) -> None:
    """Let this process be killed when it has written so many bytes of a file and goes on."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    import resource  # in the child that gets the limits

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))


@forks
def test_embed_killed_before_any_step_on_a_file_encodes_at_most_one_shard_again(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    again = []
    for step in itertools.count():
        root = tmp_path / f"cache{step}"
        rows = rows_encoded_again(root, whole, partial(die_before, step, root))
        if rows is None:  # it has fewer steps than that
            break
        again.append(rows)
    assert len(again) > 6 * 5  # opening, locking, renaming and so on, of two files for each of three shards
    assert set(again) == {0, 1, 2}  # the last shard has one row


@forks
@pytest.mark.parametrize("written", [64, 140, 160, 400])  # an array has 152 bytes, its sidecar more
def test_embed_killed_in_the_middle_of_a_file_encodes_at_most_one_shard_again(
    tmp_path: Path, whole: dict[str, bytes], written: int
) -> None:
    assert rows_encoded_again(tmp_path / "cache", whole, partial(die_after, written)) == 2
