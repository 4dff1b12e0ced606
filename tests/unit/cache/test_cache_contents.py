"""What the store holds of a spec, and encoders that do not return what was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.core.features import EmbeddingSpec

SPECS = [EmbeddingSpec(backbone=f"test:{name}", revision="1") for name in "ab"]


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


def test_an_encoder_must_return_a_pair_for_each_spec(tmp_path: Path) -> None:
    store, digests = FeatureStore(tmp_path), item_digests(["x", "y"])
    with pytest.raises(ValueError, match="shorter"):
        list(store.add(SPECS, digests, lambda rows: [(np.ones((len(rows), 3)), {})], positions=np.arange(2)))
    assert len(store.missing(SPECS[0], digests)) == 2  # nothing of it is stored
