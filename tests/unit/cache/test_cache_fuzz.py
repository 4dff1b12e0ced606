"""Whatever is in a spec and its items comes back; whatever happens to the files, nothing wrong does."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.locks import needs_folder_locks
from w2s_probe.cache import FeatureStore, clean, item_digests
from w2s_probe.core.features import EmbeddingSpec

surrogates_too = st.text(st.characters(codec=None), max_size=20)
words = [field.name for field in fields(EmbeddingSpec) if field.name != "dtype"]
specs = st.builds(
    EmbeddingSpec, **dict.fromkeys(words, surrogates_too), dtype=st.sampled_from(["float16", "float32", "float64"])
)


@settings(max_examples=30, deadline=None)  # files are synced to a disk that others use
@given(spec=specs, other=specs, texts=st.lists(surrogates_too, min_size=1, max_size=12), shard_rows=st.integers(1, 5))
def test_any_spec_and_any_texts_come_back_and_only_under_their_spec(
    tmp_path_factory: pytest.TempPathFactory,
    spec: EmbeddingSpec,
    other: EmbeddingSpec,
    texts: list[str],
    shard_rows: int,
) -> None:
    root = tmp_path_factory.mktemp("cache")
    digests = item_digests(texts)
    X = np.frombuffer(digests.tobytes(), dtype=np.uint8).reshape(len(texts), 16).astype(spec.dtype)
    store = FeatureStore(root, shard_rows=shard_rows)
    list(store.add([spec], digests, lambda rows: [(X[rows], {})], positions=store.missing(spec, digests)))
    fresh = FeatureStore(root)
    read = fresh.read(spec, digests[::-1])
    np.testing.assert_array_equal(read, X[::-1])
    assert read.dtype == spec.dtype
    assert [entry.spec for entry in fresh.contents()] == [spec]
    assert len(fresh.missing(other, digests)) == (0 if other == spec else len(set(texts)))
    assert clean(root) == []


SPEC = EmbeddingSpec(backbone="test:one", revision="sha256:00")
TEXTS = [f"text {i}" for i in range(6)]
DIGESTS = item_digests(TEXTS)
X = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)

damage = st.one_of(
    st.tuples(st.just("flip"), st.integers(0), st.integers(1, 255)),
    st.tuples(st.just("cut"), st.integers(0), st.just(0)),
    st.tuples(st.just("insert"), st.integers(0), st.integers(0, 255)),
    st.tuples(st.just("empty"), st.just(0), st.just(0)),
)


def damaged(content: bytes, kind: str, where: int, byte: int) -> bytes:
    at = where % len(content)
    if kind == "flip":
        return content[:at] + bytes([content[at] ^ byte]) + content[at + 1 :]
    if kind == "insert":
        return content[:at] + bytes([byte]) + content[at:]
    return content[:at] if kind == "cut" else b""


@needs_folder_locks
@settings(max_examples=150, deadline=None)  # files are synced to a disk that others use
@given(hits=st.dictionaries(st.integers(0, 5), damage, min_size=1, max_size=4))
def test_damaged_shards_are_reported_never_served_and_mended(
    tmp_path_factory: pytest.TempPathFactory, hits: dict[int, tuple[str, int, int]]
) -> None:
    root = tmp_path_factory.mktemp("cache")

    def embed() -> int:
        store = FeatureStore(root, shard_rows=2)
        positions = store.missing(SPEC, DIGESTS)
        return sum(store.add([SPEC], DIGESTS, lambda rows: [(X[rows], {"truncated": []})], positions=positions))

    embed()
    files = sorted((root / "features").rglob("*.*"))
    assert len(files) == 6
    for number, (kind, where, byte) in hits.items():
        files[number].write_bytes(damaged(files[number].read_bytes(), kind, where, byte))
    bad = len({files[number].stem for number in hits})
    store = FeatureStore(root)
    assert (store.verify()[0], len(store.verify()[1])) == (3 - bad, bad)
    store.contents()
    lacking = store.missing(SPEC, DIGESTS)
    assert len(lacking) == 2 * bad
    kept = np.setdiff1d(np.arange(6), lacking)
    if len(kept):
        np.testing.assert_array_equal(store.read(SPEC, DIGESTS[kept]), X[kept])
    assert len(clean(root)) == bad
    assert embed() == 2 * bad
    np.testing.assert_array_equal(FeatureStore(root).read(SPEC, DIGESTS), X)
