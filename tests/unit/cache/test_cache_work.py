"""How much of a large cache is touched to find a few rows in it: counted, not timed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.core.errors import CacheError
from w2s_probe.core.features import EmbeddingSpec

SPEC = EmbeddingSpec(backbone="test:one", revision="sha256:00")
SHARDS, ROWS = 30, 4
DIGESTS = item_digests([str(i) for i in range(SHARDS * ROWS)])
X = np.arange(SHARDS * ROWS, dtype=np.float32)[:, None]

watched: list[Counter[Path]] = []


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if watched and event == "open" and isinstance(arguments[0], str):
        watched[-1][Path(arguments[0])] += 1


sys.addaudithook(_hear)  # for as long as the process lives; silent unless something is watched


@contextmanager
def opened() -> Iterator[Counter[Path]]:
    """Count how often each file is opened in a block."""
    watched.append(Counter())
    try:
        yield watched[-1]
    finally:
        watched.pop()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cache")
    store = FeatureStore(root, shard_rows=ROWS)
    list(store.add([SPEC], DIGESTS, lambda rows: [(X[rows], {})], positions=np.arange(len(X))))
    return root


def by_suffix(count: Counter[Path], suffix: str) -> Counter[Path]:
    """Return the files of shards only: a package that is imported meanwhile may open others."""
    return Counter({path: n for path, n in count.items() if path.suffix == suffix and "features" in path.parts})


def test_listing_opens_each_sidecar_once_and_no_array(filled: Path) -> None:
    store = FeatureStore(filled)
    with opened() as count:
        assert store.contents()[0].rows == SHARDS * ROWS
    assert list(by_suffix(count, ".json").values()) == [1] * SHARDS
    assert not by_suffix(count, ".npy")


def test_a_few_rows_are_found_and_read_without_opening_any_other_array(filled: Path) -> None:
    store, wanted = FeatureStore(filled), DIGESTS[[5, 4, 81]]
    with opened() as count:
        assert len(store.missing(SPEC, wanted)) == 0
        assert store.width(SPEC, wanted) == 1
        assert store.truncated(SPEC, wanted) == 0
        np.testing.assert_array_equal(store.read(SPEC, wanted)[:, 0], [5, 4, 81])
    assert list(by_suffix(count, ".json").values()) == [1] * SHARDS
    assert len(by_suffix(count, ".npy")) == 2
    assert max(by_suffix(count, ".npy").values()) <= 4  # one for its checksum; numpy maps it in three


def test_a_sidecar_that_another_process_wrote_since_is_seen(filled: Path, tmp_path: Path) -> None:
    writer, reader = (FeatureStore(tmp_path, shard_rows=2) for _ in range(2))
    for rows in ([0, 1], [2, 3]):
        list(writer.add([SPEC], DIGESTS, lambda chosen: [(X[chosen], {})], positions=np.array(rows)))
        assert reader.contents()[0].rows == rows[-1] + 1
    (reader_folder,) = (tmp_path / "features").iterdir()
    min(reader_folder.glob("*.json")).unlink()
    assert reader.contents()[0].rows == 2


def test_a_sidecar_that_changes_after_it_was_read_is_read_again(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, shard_rows=2)
    list(store.add([SPEC], DIGESTS, lambda rows: [(X[rows], {})], positions=np.arange(4)))
    assert store.contents()[0].rows == 4
    path = min((tmp_path / "features").rglob("*.json"))
    path.write_bytes(path.read_bytes() + b" ")
    assert store.contents()[0].rows == 2
    assert len(store.missing(SPEC, DIGESTS[:4])) == 2


def test_an_array_that_changes_after_it_was_checked_is_checked_again(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, shard_rows=2)
    list(store.add([SPEC], DIGESTS, lambda rows: [(X[rows], {})], positions=np.arange(4)))
    np.testing.assert_array_equal(store.read(SPEC, DIGESTS[:4]), X[:4])
    path = min((tmp_path / "features").rglob("*.npy"))
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert len(store.missing(SPEC, DIGESTS[:4])) == 2
    with pytest.raises(CacheError, match="must hold every item"):
        store.read(SPEC, DIGESTS[:4])
