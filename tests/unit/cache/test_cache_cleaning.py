"""What is of no use goes; what somebody may need stays."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.locks import needs_folder_locks
from w2s_probe.cache import FeatureStore, Freed, clean, fingerprints_by_name, item_digests, point
from w2s_probe.cache.shards import remove_shard
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.writing import new_file, sole_writer

SPEC = EmbeddingSpec(backbone="test:one", revision="sha256:00")
OTHER = replace(SPEC, prompt="query: ")
DAY = 24 * 60 * 60


def words(numbers: Sequence[int]) -> list[str]:
    return [f"w{i}" for i in numbers]


def put(root: Path, numbers: Sequence[int], *, spec: EmbeddingSpec = SPEC) -> None:
    """Write one shard of these items, whatever is there already."""
    X = np.array(numbers, dtype=np.float32)[:, None]
    store = FeatureStore(root, shard_rows=len(numbers))
    list(store.add([spec], item_digests(words(numbers)), lambda rows: [(X[rows], {})], positions=np.arange(len(X))))


def reasons(freed: list[Freed]) -> list[str]:
    return sorted(one.reason for one in freed)


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def size(root: Path) -> int:
    return sum(map(len, tree(root).values()))


def shards(root: Path, suffix: str) -> list[Path]:
    return sorted((root / "features").rglob(f"*{suffix}"))


def test_a_cache_with_nothing_to_clean_stays_as_it_is(tmp_path: Path) -> None:
    assert clean(tmp_path / "none") == []
    put(tmp_path, [0, 1])
    put(tmp_path, [1, 2])
    before = tree(tmp_path)
    assert clean(tmp_path) == []
    assert tree(tmp_path) == before


@needs_folder_locks
@pytest.mark.parametrize("dry_run", [True, False])
def test_all_that_is_of_no_use_goes_and_is_counted_to_the_byte(tmp_path: Path, dry_run: bool) -> None:
    for numbers in ([0, 1, 2, 3], [1, 2], [4], [5], [6]):
        put(tmp_path, numbers)
    folder = tmp_path / "features" / SPEC.fingerprint()
    of = {path.stat().st_size: path for path in shards(tmp_path, ".npy")}
    assert len(of) == 3
    single = [path for path in shards(tmp_path, ".npy") if np.load(path).shape == (1, 1)]
    single[0].write_bytes(b"damaged")
    single[1].with_suffix(".json").unlink()
    single[2].unlink()
    (tmp_path / "tmp" / "1-0123456789abcdef").write_bytes(b"half a shard")
    (folder / "notes.txt").write_text("not ours")
    before, whole = tree(tmp_path), size(tmp_path)
    with new_file(tmp_path / "tmp") as (_, living):
        freed = clean(tmp_path, dry_run=dry_run)
        assert living.exists()
    assert reasons(freed) == ["damaged", "damaged", "duplicate", "incomplete", "temporary"]
    if dry_run:
        assert tree(tmp_path) == before
        return
    assert sum(one.bytes for one in freed) == whole - size(tmp_path)
    assert (folder / "notes.txt").exists()
    assert FeatureStore(tmp_path).verify() == (1, [])
    X = FeatureStore(tmp_path).read(SPEC, item_digests(words(range(4))))
    np.testing.assert_array_equal(X[:, 0], range(4))
    assert clean(tmp_path) == []


@needs_folder_locks
@settings(max_examples=30, deadline=None)  # files are synced to a disk that others use
@given(parts=st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=6, unique=True), min_size=1, max_size=6))
def test_no_row_is_lost_with_a_duplicate(tmp_path_factory: pytest.TempPathFactory, parts: list[list[int]]) -> None:
    root = tmp_path_factory.mktemp("cache")
    for numbers in parts:
        put(root, numbers)
    clean(root)
    held = sorted({number for numbers in parts for number in numbers})
    np.testing.assert_array_equal(FeatureStore(root).read(SPEC, item_digests(words(held)))[:, 0], held)
    left = [set(np.load(path)[:, 0].tolist()) for path in shards(root, ".npy")]
    for number, one in enumerate(left):  # and none that could go stays
        assert not one <= set().union(*left[:number], *left[number + 1 :])


def test_a_shard_that_holds_an_item_twice_is_no_duplicate_of_itself(tmp_path: Path) -> None:
    put(tmp_path, [3, 3])
    put(tmp_path, [4])
    assert clean(tmp_path) == []


def test_what_is_asked_for_goes_with_its_name_and_nothing_else(tmp_path: Path) -> None:
    for spec in (SPEC, OTHER):
        put(tmp_path, [0, 1], spec=spec)
    point(tmp_path, "one", SPEC.fingerprint())
    point(tmp_path, "other", OTHER.fingerprint())
    assert reasons(clean(tmp_path, remove=[SPEC.fingerprint()], dry_run=True)) == ["requested"]
    assert len(fingerprints_by_name(tmp_path)) == 2
    assert reasons(clean(tmp_path, remove=[SPEC.fingerprint()])) == ["requested"]
    assert fingerprints_by_name(tmp_path) == {"other": OTHER.fingerprint()}
    assert [entry.spec for entry in FeatureStore(tmp_path).contents()] == [OTHER]


def test_what_was_not_read_for_long_goes_unless_it_is_kept_or_named(tmp_path: Path) -> None:
    specs = [replace(SPEC, prompt=prompt) for prompt in ("used", "kept", "named", "old")]
    for spec in specs:
        put(tmp_path, [0, 1], spec=spec)
        folder = tmp_path / "features" / spec.fingerprint()
        long_ago = time.time() - 10 * DAY
        os.utime(folder, (long_ago, long_ago))
    point(tmp_path, "named", specs[2].fingerprint())
    FeatureStore(tmp_path).contents()
    FeatureStore(tmp_path).verify()  # looking is not using
    FeatureStore(tmp_path).read(specs[0], item_digests(words([0])))
    assert clean(tmp_path, older_than=11) == []
    freed = clean(tmp_path, older_than=9, keep=[specs[1].fingerprint()])
    assert [(one.reason, one.path.parent.name) for one in freed] == [("unused", specs[3].fingerprint())]


def test_cleaning_waits_for_a_writer_between_array_and_sidecar(tmp_path: Path) -> None:
    put(tmp_path, [0])
    (array,) = shards(tmp_path, ".npy")
    sidecar = array.with_suffix(".json").read_bytes()
    array.with_suffix(".json").unlink()  # as a writer has it who holds the lock
    cleaner = Thread(target=clean, args=(tmp_path,))
    with sole_writer(array.parent):
        cleaner.start()
        cleaner.join(timeout=0.5)
        array.with_suffix(".json").write_bytes(sidecar)
    cleaner.join()
    assert FeatureStore(tmp_path).verify() == (1, [])


def test_rows_that_a_cleaner_takes_from_under_a_reader_are_read_from_the_other_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, [0, 1])
    put(tmp_path, [0, 1, 2])
    store, digests = FeatureStore(tmp_path), item_digests(words([0, 1]))
    locate = store._locate

    def locate_and_lose(spec: EmbeddingSpec, wanted: np.ndarray) -> object:
        monkeypatch.undo()
        found = locate(spec, wanted)
        (number,) = set(found.shard.tolist())
        remove_shard(found.sidecars[number].path)
        return found

    monkeypatch.setattr(store, "_locate", locate_and_lose)
    np.testing.assert_array_equal(store.read(SPEC, digests)[:, 0], [0, 1])
    assert len(shards(tmp_path, ".json")) == 1


@needs_folder_locks
def test_without_locks_what_another_process_may_be_writing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for numbers in ([0, 1, 2, 3], [1, 2], [4]):
        put(tmp_path, numbers)
    sidecar = next(path for path in shards(tmp_path, ".json") if np.load(path.with_suffix(".npy")).tolist() == [[4.0]])
    sidecar.unlink()  # as a writer has it before it renames the sidecar
    monkeypatch.setattr("w2s_probe.cache.cleaning.sole_writer", lambda _: nullcontext(enter_result=False))
    before = tree(tmp_path)
    assert clean(tmp_path) == []
    assert tree(tmp_path) == before
    days_ago = time.time() - 2 * DAY
    os.utime(sidecar.with_suffix(".npy"), (days_ago, days_ago))
    assert reasons(clean(tmp_path)) == ["incomplete"]
    monkeypatch.undo()
    assert reasons(clean(tmp_path)) == ["duplicate"]
