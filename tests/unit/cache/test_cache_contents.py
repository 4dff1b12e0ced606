"""What the store holds of a spec, and encoders that do not return what was asked for."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from w2s_probe.cache import FeatureStore, item_digests, names_in
from w2s_probe.cache.faults import FaultyFileError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.types import Rows

SPECS = [EmbeddingSpec(backbone=f"test:{name}", revision="1") for name in "ab"]


def all_cut(rows: Rows) -> list[tuple[NDArray[np.float64], dict[str, list[int]]]]:
    return [(np.ones((len(rows), 3)), {"truncated": [*range(len(rows))]})]


def test_a_spec_without_features_has_no_items(tmp_path: Path) -> None:
    digests, recorded = FeatureStore(tmp_path).items(SPECS[0])
    assert (len(digests), digests.dtype, recorded) == (0, np.dtype("S16"), [])


def test_items_are_counted_once_with_the_facts_of_each_shard(tmp_path: Path) -> None:
    store, digests = FeatureStore(tmp_path, shard_rows=2), item_digests(["x", "y", "z", "x"])
    positions = store.missing(SPECS[0], digests)
    facts = iter([{"call": 1}, {"call": 2}])
    for _ in store.add(SPECS[:1], digests, lambda rows: [(np.ones((len(rows), 3)), next(facts))], positions=positions):
        pass
    items, recorded = store.items(SPECS[0])
    assert items.tolist() == sorted(digests[:3].tolist())
    assert sorted(fact["call"] for fact in recorded) == [1, 2]


def test_an_item_that_two_processes_stored_at_the_same_time_is_counted_once(tmp_path: Path) -> None:
    digests = item_digests(["x", "y", "z", "w", "v"])
    stores = [FeatureStore(tmp_path, shard_rows=rows) for rows in (2, 3)]
    lacking = [store.missing(SPECS[0], digests) for store in stores]  # each sees the cache without rows of the other
    for store, positions in zip(stores, lacking, strict=True):
        for _ in store.add(SPECS[:1], digests, all_cut, positions=positions):
            pass
    (contents,) = FeatureStore(tmp_path).contents()
    assert (contents.shards, contents.rows, contents.truncated) == (5, 5, 5)


def test_an_encoder_must_return_a_pair_for_each_spec(tmp_path: Path) -> None:
    store, digests = FeatureStore(tmp_path), item_digests(["x", "y"])
    with pytest.raises(ValueError, match="shorter"):
        list(store.add(SPECS, digests, lambda rows: [(np.ones((len(rows), 3)), {})], positions=np.arange(2)))
    assert len(store.missing(SPECS[0], digests)) == 2  # nothing of it is stored


def test_a_folder_of_names_that_cannot_be_listed_is_one_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    (tmp_path / "names").mkdir()
    monkeypatch.setattr(Path, "glob", fail)
    (fault,) = names_in(tmp_path)
    assert isinstance(fault, FaultyFileError)
