"""A flipped byte anywhere in the cache is found, never served, and mended by embedding again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Cli
from w2s_probe.cache import FeatureStore, item_digests, shard_name
from w2s_probe.core.errors import CacheError
from w2s_probe.core.features import EmbeddingSpec

SPEC = EmbeddingSpec(backbone="test:one", revision="sha256:00")
TEXTS = ["one", "two", "three", "four", "five"]
DIGESTS = item_digests(TEXTS)
X = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
SHARDS = [[0, 1], [2, 3], [4]]


def embed(root: Path, *, shard_rows: int = 2, rows: int = 5) -> int:
    """Embed the first rows; return how many of them the cache lacked."""
    store = FeatureStore(root, shard_rows=shard_rows)
    missing = store.missing(SPEC, DIGESTS[:rows])
    return sum(store.add([SPEC], DIGESTS, lambda chosen: [(X[chosen], {"truncated": []})], positions=missing))


def file_of(root: Path, *, shard: int, suffix: str) -> Path:
    """Return one of the two files of one of `SHARDS`."""
    return root / "features" / SPEC.fingerprint() / f"{shard_name(SPEC, DIGESTS[SHARDS[shard]])}{suffix}"


def flip(path: Path, position: int, mask: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= mask
    path.write_bytes(content)


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


MASKS = [
    0x20,  # the bit between small and capital letters, which hexadecimal could forgive
    *(pytest.param(mask, marks=pytest.mark.slow) for mask in (0x01, 0x2A, 0xFF)),  # 0x2A makes a line break of a space
]


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("suffix", [".json", ".npy"])
def test_every_byte_that_flips_is_found_and_its_shard_is_never_served(tmp_path: Path, suffix: str, mask: int) -> None:
    embed(tmp_path)
    damaged = file_of(tmp_path, shard=1, suffix=suffix)
    for position in range(damaged.stat().st_size):
        flip(damaged, position, mask)
        intact, problems = FeatureStore(tmp_path).verify()
        assert (intact, len(problems)) == (2, 1)
        assert damaged.name in problems[0]
        store = FeatureStore(tmp_path)
        assert store.missing(SPEC, DIGESTS).tolist() == [2, 3]
        with pytest.raises(CacheError, match="some are missing"):
            store.read(SPEC, DIGESTS)
        np.testing.assert_array_equal(store.read(SPEC, DIGESTS[[4, 0, 1]]), X[[4, 0, 1]])
        flip(damaged, position, mask)
    assert FeatureStore(tmp_path).verify() == (3, [])
    np.testing.assert_array_equal(FeatureStore(tmp_path).read(SPEC, DIGESTS), X)


@pytest.mark.parametrize("suffix", [".json", ".npy"])
def test_a_file_of_another_length_is_damage_too(tmp_path: Path, suffix: str) -> None:
    embed(tmp_path)
    damaged = file_of(tmp_path, shard=0, suffix=suffix)
    original = damaged.read_bytes()
    for content in (b"", original[:-1], original[: len(original) // 2], original + b"\n", original * 2):
        damaged.write_bytes(content)
        intact, problems = FeatureStore(tmp_path).verify()
        assert (intact, len(problems)) == (2, 1)
        assert FeatureStore(tmp_path).missing(SPEC, DIGESTS).tolist() == [0, 1]


@pytest.mark.parametrize("suffixes", [[".npy"], [".json"], [".npy", ".json"]])
def test_intact_files_under_the_name_of_another_shard_are_damage(tmp_path: Path, suffixes: list[str]) -> None:
    embed(tmp_path)
    for suffix in suffixes:
        shutil.copy(file_of(tmp_path, shard=0, suffix=suffix), file_of(tmp_path, shard=1, suffix=suffix))
    intact, problems = FeatureStore(tmp_path).verify()
    assert (intact, len(problems)) == (2, 1)
    assert FeatureStore(tmp_path).missing(SPEC, DIGESTS).tolist() == [2, 3]


@pytest.mark.parametrize("suffix", [".json", ".npy"])
def test_embedding_again_brings_back_the_original_bytes(tmp_path: Path, suffix: str) -> None:
    embed(tmp_path)
    whole = tree(tmp_path)
    damaged = file_of(tmp_path, shard=1, suffix=suffix)
    for position in range(0, damaged.stat().st_size, 23):
        flip(damaged, position, 0x01)
        assert embed(tmp_path) == 2
        assert tree(tmp_path) == whole


def test_a_cache_damaged_everywhere_is_mended_as_a_whole(tmp_path: Path) -> None:
    embed(tmp_path)
    whole = tree(tmp_path)
    for number, path in enumerate(sorted((tmp_path / "features").rglob("*.*"))):
        flip(path, 50 + number, 0xFF)
    assert FeatureStore(tmp_path).verify()[0] == 0
    assert embed(tmp_path) == 5
    assert tree(tmp_path) == whole


def test_embedding_again_replaces_a_damaged_shard_however_the_missing_rows_are_cut(tmp_path: Path) -> None:
    embed(tmp_path)
    flip(file_of(tmp_path, shard=1, suffix=".npy"), 50, 0xFF)
    assert embed(tmp_path, shard_rows=1) == 2
    assert FeatureStore(tmp_path).verify()[1] == []


def test_the_command_line_finds_damage_and_mends_it(cli: Cli, tmp_path: Path) -> None:
    texts = [f"sentence number {i}" for i in range(24)]
    (tmp_path / "table.csv").write_text("\n".join(["text", *texts]) + "\n")
    command = ("embed", "table.csv", "--text", "text", "--backbone", "classic:hashing-16", "--shard-rows", "8")
    assert cli(*command).returncode == 0
    cache = tmp_path / "cache"
    whole = tree(cache)
    rng = np.random.default_rng(0)
    for path in sorted((cache / "features").rglob("*.*")):
        position, mask = int(rng.integers(path.stat().st_size)), 1 << int(rng.integers(8))
        flip(path, position, mask)
        found = cli("cache", "verify")
        assert (found.returncode, found.stdout.splitlines()[0]) == (1, "2 shards intact, 1 damaged")
        (line,) = found.stderr.splitlines()
        assert path.name in line
        flip(path, position, mask)
    assert tree(cache) == whole
    flip(path, position, mask)
    again = cli(*command, "--json")
    assert json.loads(again.stdout)["backbones"][0]["encoded"] == 8
    assert tree(cache) == whole
    found = cli("cache", "verify", "--json")
    assert (found.returncode, json.loads(found.stdout)["damaged"], found.stderr) == (0, 0, "")
