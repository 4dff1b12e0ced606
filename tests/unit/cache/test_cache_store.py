"""What the store finds, adds and returns."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from w2s_probe.cache import FeatureStore, item_digests
from w2s_probe.core.errors import CacheError, ShapeError
from w2s_probe.core.features import EmbeddingSpec

SPEC = EmbeddingSpec(backbone="test:one", revision="sha256:00")
DIM = 3


class Encoder:
    """Features that can be told from the text; remembers every text it has encoded."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)
        self.encoded: list[str] = []

    def __call__(self, positions: NDArray[np.intp]) -> list[tuple[NDArray[np.float32], Mapping[str, Any]]]:
        chosen = [self.texts[i] for i in positions]
        self.encoded += chosen
        return [(features(chosen), {"truncated": [i for i, text in enumerate(chosen) if len(text) > 3]})]


def features(texts: Sequence[str]) -> NDArray[np.float32]:
    seeds = [int.from_bytes(digest.ljust(16, b"\0"), "big") for digest in item_digests(texts)]
    return np.array([np.random.default_rng(seed).standard_normal(DIM) for seed in seeds], dtype=np.float32)


def embed(root: Path, texts: Sequence[str], *, spec: EmbeddingSpec = SPEC, shard_rows: int = 4) -> list[str]:
    """Bring the features of `texts` into the cache at `root`; return what had to be encoded."""
    store, encode, digests = FeatureStore(root, shard_rows=shard_rows), Encoder(texts), item_digests(texts)
    for _ in store.add([spec], digests, encode, positions=store.missing(spec, digests)):
        pass
    return encode.encoded


def read(root: Path, texts: Sequence[str], *, spec: EmbeddingSpec = SPEC) -> NDArray[np.floating[Any]]:
    return FeatureStore(root).read(spec, item_digests(texts))


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def words(n: int) -> list[str]:
    return [f"w{i}" for i in range(n)]


def test_the_same_data_gives_the_same_files_wherever_the_cache_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = tmp_path / "far" / "ünïcode folder" / "cache"
    embed(tmp_path / "near", words(10))
    embed(far, words(10))
    monkeypatch.chdir(tmp_path)
    embed(Path("relative"), words(10))
    assert tree(tmp_path / "near") == tree(far) == tree(tmp_path / "relative")
    assert len(tree(far)) == 2 + 6  # two marks, and two files for each shard
    assert not any(part in content for content in tree(far).values() for part in (b"far", str(tmp_path).encode()))


def test_new_rows_cost_only_themselves(tmp_path: Path) -> None:
    assert embed(tmp_path, words(6)) == words(6)
    before = tree(tmp_path)
    assert embed(tmp_path, ["new", *words(6), "newer"]) == ["new", "newer"]
    assert embed(tmp_path, words(6)) == []
    assert tree(tmp_path).items() >= before.items()


def test_a_repeated_item_is_encoded_once(tmp_path: Path) -> None:
    texts = ["a", "b", "a", "a", "c", "b"]
    assert embed(tmp_path, texts, shard_rows=2) == ["a", "b", "c"]
    np.testing.assert_array_equal(read(tmp_path, texts), features(texts))


def test_items_are_cut_into_shards_in_the_order_of_the_data(tmp_path: Path) -> None:
    texts = [*reversed(words(7))]
    assert embed(tmp_path, texts, shard_rows=3) == texts
    contents = FeatureStore(tmp_path).contents()
    assert [(entry.spec, entry.shards, entry.rows, entry.dim) for entry in contents] == [(SPEC, 3, 7, DIM)]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of 20 items, some of them in two shards."""
    root = tmp_path_factory.mktemp("filled")
    embed(root, words(9), shard_rows=4)
    embed(root, words(20)[::-1], shard_rows=3)
    other = tmp_path_factory.mktemp("other")
    embed(other, words(20)[5:12], shard_rows=5)
    shutil.copytree(other, root, dirs_exist_ok=True)
    return root


@given(asked=st.lists(st.integers(0, 19), min_size=1, max_size=40))
def test_rows_come_back_in_the_order_asked_for(filled: Path, asked: list[int]) -> None:
    texts = [words(20)[i] for i in asked]
    np.testing.assert_array_equal(read(filled, texts), features(texts))


@given(asked=st.lists(st.integers(0, 39), max_size=20))
def test_missing_are_the_first_positions_of_the_items_that_are_not_there(filled: Path, asked: list[int]) -> None:
    texts = [words(40)[i] for i in asked]
    expected = [at for at, i in enumerate(asked) if i >= 20 and i not in asked[:at]]
    assert FeatureStore(filled).missing(SPEC, item_digests(texts)).tolist() == expected


@settings(max_examples=25, deadline=None)  # files are synced to a disk that others use
@given(tables=st.lists(st.lists(st.integers(0, 12), max_size=12), max_size=4), shard_rows=st.integers(1, 5))
def test_no_item_is_encoded_twice_whatever_came_before(
    tmp_path_factory: pytest.TempPathFactory, tables: list[list[int]], shard_rows: int
) -> None:
    root = tmp_path_factory.mktemp("cache")
    encoded = []
    for table in tables:
        texts = [words(13)[i] for i in table]
        encoded += embed(root, texts, shard_rows=shard_rows)
        if texts:
            np.testing.assert_array_equal(read(root, texts), features(texts))
    assert len(encoded) == len(set(encoded))
    assert set(encoded) == {words(13)[i] for table in tables for i in table}


def test_items_whose_digests_end_in_zeros_are_stored_and_found(tmp_path: Path) -> None:
    texts = [text for text in words(5000) if item_digests([text]).tobytes().endswith(b"\0")]
    assert len(texts) > 5
    assert embed(tmp_path, texts) == texts
    assert embed(tmp_path, texts) == []
    np.testing.assert_array_equal(read(tmp_path, texts[::-1]), features(texts[::-1]))
    assert FeatureStore(tmp_path).verify() == (-(-len(texts) // 4), [])


@pytest.mark.parametrize("field", [field.name for field in fields(EmbeddingSpec)])
def test_a_spec_that_differs_in_one_field_is_never_served_for_another(tmp_path: Path, field: str) -> None:
    other = replace(SPEC, **{field: "float16" if field == "dtype" else "another"})
    embed(tmp_path, words(6))
    store, digests = FeatureStore(tmp_path), item_digests(words(6))
    assert store.missing(other, digests).tolist() == list(range(6))
    with pytest.raises(CacheError, match="Embed the data first"):
        store.read(other, digests)
    assert embed(tmp_path, words(6), spec=other) == words(6)
    assert len(FeatureStore(tmp_path).contents()) == 2


def test_files_put_into_the_folder_of_another_spec_are_not_served(tmp_path: Path) -> None:
    other = replace(SPEC, prompt="query: ")
    embed(tmp_path, words(4))
    folder = tmp_path / "features"
    shutil.copytree(folder / SPEC.fingerprint(), folder / other.fingerprint())
    store = FeatureStore(tmp_path)
    assert store.missing(other, item_digests(words(4))).tolist() == [0, 1, 2, 3]
    assert store.verify()[0] == 1
    assert len(store.verify()[1]) == 1


def test_specs_of_one_pass_are_stored_each_under_its_own(tmp_path: Path) -> None:
    specs = [SPEC, replace(SPEC, pooling="first token")]
    X = np.arange(12, dtype=np.float32).reshape(4, 3)
    store, digests = FeatureStore(tmp_path, shard_rows=3), item_digests(words(4))
    added = store.add(specs, digests, lambda rows: [(X[rows], {}), (-X[rows], {})], positions=np.arange(4))
    assert list(added) == [3, 1]
    np.testing.assert_array_equal(read(tmp_path, words(4), spec=specs[0]), X)
    np.testing.assert_array_equal(read(tmp_path, words(4), spec=specs[1]), -X)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_features_are_stored_in_the_type_of_the_spec(tmp_path: Path, dtype: str) -> None:
    embed(tmp_path, words(3), spec=replace(SPEC, dtype=dtype))
    X = read(tmp_path, words(3), spec=replace(SPEC, dtype=dtype))
    assert X.dtype == dtype
    np.testing.assert_array_equal(X, features(words(3)).astype(dtype))


def test_an_encoder_that_fails_loses_at_most_its_own_shard(tmp_path: Path) -> None:
    encode = Encoder(words(10))

    def fail_at_third(positions: NDArray[np.intp]) -> list[tuple[NDArray[np.float32], Mapping[str, Any]]]:
        if 8 in positions:
            msg = "out of memory"
            raise RuntimeError(msg)
        return encode(positions)

    store, digests = FeatureStore(tmp_path, shard_rows=4), item_digests(words(10))
    with pytest.raises(RuntimeError, match="out of memory"):
        list(store.add([SPEC], digests, fail_at_third, positions=store.missing(SPEC, digests)))
    assert embed(tmp_path, words(10)) == words(10)[8:]
    embed(tmp_path / "whole", words(10))
    whole = tree(tmp_path / "whole")
    assert {name: content for name, content in tree(tmp_path).items() if not name.startswith("whole")} == whole


def test_bytes_are_on_the_disk_before_they_get_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    fsync, rename = os.fsync, Path.replace

    def logged_fsync(file: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "content")
        fsync(file)

    def logged_replace(path: Path, target: Path) -> Path:
        steps.append(target.suffix)
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(Path, "replace", logged_replace)
    embed(tmp_path, words(2))
    marks = ["content", "content", "folder"]
    new_folders = ["folder"] * 3  # the names of features, of the folder in it, and of tmp
    assert steps == [*marks, *new_folders, "content", ".npy", "folder", "content", ".json", "folder"]


def test_an_array_without_a_sidecar_is_no_shard(tmp_path: Path) -> None:
    embed(tmp_path, words(6), shard_rows=3)
    whole = tree(tmp_path)
    sidecar = min((tmp_path / "features").rglob("*.json"))
    sidecar.unlink()
    store = FeatureStore(tmp_path)
    assert store.verify() == (1, [])
    assert store.contents()[0].rows == 3
    assert len(store.missing(SPEC, item_digests(words(6)))) == 3
    embed(tmp_path, words(6), shard_rows=3)
    assert tree(tmp_path) == whole


def test_a_sidecar_without_an_array_is_damage_and_its_items_are_missing(tmp_path: Path) -> None:
    embed(tmp_path, words(6), shard_rows=3)
    whole = tree(tmp_path)
    min((tmp_path / "features").rglob("*.npy")).unlink()
    store = FeatureStore(tmp_path)
    intact, problems = store.verify()
    assert (intact, len(problems)) == (1, 1)
    assert len(store.missing(SPEC, item_digests(words(6)))) == 3
    embed(tmp_path, words(6), shard_rows=3)
    assert tree(tmp_path) == whole


@pytest.mark.parametrize("below", ["", "cache", "a/b/c"])
def test_a_cache_that_is_a_file_or_lies_below_one_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(
        CacheError, match=r"must be a folder: .* or a folder above it is a file\. Choose another --cache"
    ):
        FeatureStore(tmp_path / "file" / below)


def test_a_cache_that_was_moved_still_works(tmp_path: Path) -> None:
    embed(tmp_path / "here", words(6))
    before = tree(tmp_path / "here")
    shutil.move(tmp_path / "here", tmp_path / "there" / "now")
    np.testing.assert_array_equal(read(tmp_path / "there" / "now", words(6)), features(words(6)))
    assert embed(tmp_path / "there" / "now", words(6)) == []
    assert tree(tmp_path / "there" / "now") == before


def test_a_cache_that_does_not_exist_holds_nothing_and_is_not_made_by_looking(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "none")
    assert store.contents() == []
    assert store.verify() == (0, [])
    assert store.missing(SPEC, item_digests(["a"])).tolist() == [0]
    assert store.truncated(SPEC, item_digests(["a"])) == 0
    assert not (tmp_path / "none").exists()


def test_reading_an_item_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    embed(tmp_path, words(3))
    with pytest.raises(CacheError, match=r"the cache must hold every item: some are missing in .* Embed the data"):
        read(tmp_path, words(4))


def test_items_that_were_cut_are_counted_once_and_only_where_asked_for(tmp_path: Path) -> None:
    embed(tmp_path, ["long text", "a", "longer text", "b", "the longest text"], shard_rows=2)
    store = FeatureStore(tmp_path)
    assert store.truncated(SPEC, item_digests(["long text", "long text", "a", "the longest text"])) == 2
    assert store.truncated(SPEC, item_digests(["a", "b"])) == 0
    assert store.contents()[0].truncated == 3


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    embed(tmp_path, words(2))
    array = next((tmp_path / "features").rglob("*.npy"))
    np.save(array, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    store = FeatureStore(tmp_path)
    assert len(store.verify()[1]) == 1
    assert len(store.missing(SPEC, item_digests(words(2)))) == 2


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (np.full((2, 3), np.nan), "got nan in row 0, column 0"),
        (np.ones((3, 3)), "got 3 rows and 2"),
        (np.ones(2), "(2,)"),
    ],
)
def test_features_that_could_not_be_served_are_not_stored(tmp_path: Path, X: np.ndarray, said: str) -> None:
    store, digests = FeatureStore(tmp_path), item_digests(["one", "two"])
    with pytest.raises(ShapeError) as caught:
        list(store.add([SPEC], digests, lambda _: [(X, {})], positions=np.arange(2)))
    assert said in str(caught.value)
    assert store.contents() == []
