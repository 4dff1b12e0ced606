"""What cannot be read, or is of another version, stays; what is damaged and cannot be computed again is set aside."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from operator import methodcaller
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.locks import needs_folder_locks
from w2s_probe.cache import FaultyFileError, FeatureStore, clean, item_digests, point, quarantined, verify
from w2s_probe.cache.names import names_in
from w2s_probe.cache.shards import SEAL_BYTES, _sidecar_bytes, remove_shard
from w2s_probe.core.errors import CacheError, ShapeError
from w2s_probe.core.features import EmbeddingSpec

COMPUTED = EmbeddingSpec(backbone="test:one", revision="sha256:00")
IMPORT = EmbeddingSpec(backbone="cached:mine", revision="sha256:11")
TEXTS = [f"text {i}" for i in range(6)]
DIGESTS = item_digests(TEXTS)
X = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
FACTS: dict[str, Mapping[str, Any]] = {COMPUTED.backbone: {"truncated": []}, IMPORT.backbone: {"matched_by": "item"}}


def embed(root: Path, spec: EmbeddingSpec = COMPUTED, *, rows: int = 6) -> int:
    """Write the first rows in shards of two; return how many the cache lacked."""
    store = FeatureStore(root, shard_rows=2)
    missing = store.missing(spec, DIGESTS[:rows])
    return sum(store.add([spec], DIGESTS, lambda i: [(X[i], FACTS[spec.backbone])], positions=missing))


def file_of(root: Path, suffix: str, spec: EmbeddingSpec = COMPUTED) -> Path:
    return min((root / "features" / spec.fingerprint()).glob(f"*{suffix}"))


def flip(path: Path, position: int = 60) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the fields of a sidecar and seal it again."""
    fields = json.loads(path.read_bytes()[:-SEAL_BYTES] + b"}")
    change(fields)
    path.write_bytes(_sidecar_bytes(fields))


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def counts(root: Path) -> dict[str, int]:
    return {str(fault): count for fault, count in verify(root).counts().items()}


def reasons(root: Path, **how: Any) -> list[str]:
    return sorted(one.reason for one in clean(root, **how))


@pytest.mark.parametrize("spec", [COMPUTED, IMPORT], ids=["computed", "import"])
@pytest.mark.parametrize("suffix", [".json", ".npy"])
@pytest.mark.parametrize("target", ["/proc/self/mem", "itself"], ids=["EIO when read", "ELOOP when opened"])
def test_a_file_that_cannot_be_read_stays_and_the_work_goes_on(
    tmp_path: Path, target: str, suffix: str, spec: EmbeddingSpec
) -> None:
    embed(tmp_path, spec)
    path = file_of(tmp_path, suffix, spec)
    content = path.read_bytes()
    path.unlink()
    path.symlink_to(path if target == "itself" else target)
    assert counts(tmp_path) == {"unreadable": 1}
    assert "must be readable" in str(verify(tmp_path).faults[0])
    left: list[FaultyFileError] = []
    assert reasons(tmp_path, on_left=left.append, older_than=None, force=True) == []
    assert [error.path for error in left] == [path]
    assert embed(tmp_path, spec) == 2
    np.testing.assert_array_equal(FeatureStore(tmp_path).read(spec, DIGESTS), X)
    assert path.is_symlink()
    path.unlink()
    path.write_bytes(content)
    assert counts(tmp_path) == {}


def test_what_cannot_be_read_is_noted_once_by_those_who_met_it(tmp_path: Path) -> None:
    embed(tmp_path)
    path = file_of(tmp_path, ".json")
    path.unlink()
    path.symlink_to(path)
    assert FeatureStore(tmp_path).notes == ()
    store = FeatureStore(tmp_path)
    store.missing(COMPUTED, DIGESTS)
    store.known(DIGESTS)
    (note,) = store.notes
    assert "0 damaged, 1 unreadable, 0 of a newer version" in note
    with pytest.raises(CacheError, match="1 unreadable"):
        store.read(COMPUTED, DIGESTS)


NEWER: dict[str, Callable[[dict[str, Any]], object]] = {
    "format": lambda fields: fields.update(format=2),
    "format in words": lambda fields: fields.update(format="two"),
    "format is true": lambda fields: fields.update(format=True),
    "no format": lambda fields: fields.pop("format"),
    "field": lambda fields: fields.update(quantization="none"),
    "field of the spec": lambda fields: fields["spec"].update(quantization="none"),
}


@pytest.mark.parametrize("name", NEWER)
def test_a_shard_of_a_newer_version_stays_and_the_work_goes_on(tmp_path: Path, name: str) -> None:
    embed(tmp_path)
    path = file_of(tmp_path, ".json")
    rewrite(path, NEWER[name])
    before = tree(tmp_path)
    assert counts(tmp_path) == {"newer": 1}
    assert "newer version" in str(verify(tmp_path).faults[0])
    left: list[FaultyFileError] = []
    assert reasons(tmp_path, older_than=0, on_left=left.append, dry_run=True) == ["unused", "unused"]
    assert reasons(tmp_path, on_left=left.append) == []
    assert [error.fault for error in left] == ["newer", "newer"]
    assert embed(tmp_path) == 2
    assert tree(tmp_path).items() >= before.items()
    np.testing.assert_array_equal(FeatureStore(tmp_path).read(COMPUTED, DIGESTS), X)


def test_a_newer_shard_with_another_seal_or_other_files_stays_too(tmp_path: Path) -> None:
    embed(tmp_path)
    one, two, three = sorted((tmp_path / "features" / COMPUTED.fingerprint()).glob("*.json"))
    one.write_bytes(b'{"format": 3, "spec": "of tomorrow"}')
    two.with_suffix(".json").rename(two.with_suffix(".cbor"))
    three.with_suffix(".scale").write_bytes(b"of tomorrow")
    before = tree(tmp_path)
    left: list[FaultyFileError] = []
    assert reasons(tmp_path, on_left=left.append) == []
    assert [error.fault for error in left] == ["newer", "newer", "newer"]
    assert tree(tmp_path) == before


def test_a_flipped_format_is_damage_and_no_newer_version(tmp_path: Path) -> None:
    embed(tmp_path)
    path = file_of(tmp_path, ".json")
    content = path.read_bytes()
    assert content.startswith(b'{"format": 1,')
    for digit in b"02345679":
        path.write_bytes(content[:11] + bytes([digit]) + content[12:])
        assert counts(tmp_path) == {"damaged": 1}


FIELDS = ("dim", "spec", "rows", "sha256", "recorded", "items")
ODD: dict[str, Callable[[dict[str, Any]], object]] = {
    **{f"no {name}": methodcaller("pop", name) for name in FIELDS},
    **{f"{name} is null": methodcaller("update", {name: None}) for name in FIELDS},
    "dim is true": lambda f: f.update(dim=True),
    "dim is negative": lambda f: f.update(dim=-3),
    "dim is huge": lambda f: f.update(dim=10**12),
    "rows differ": lambda f: f.update(rows=3),
    "spec of numbers": lambda f: f.update(spec=dict.fromkeys(f["spec"], 1)),
    "spec of lists": lambda f: f.update(spec={key: [] for key in f["spec"]}),
    "spec without backbone": lambda f: f["spec"].pop("backbone"),
    "truncated is a number": lambda f: f.update(recorded={"truncated": 1}),
    "truncated beyond the rows": lambda f: f.update(recorded={"truncated": [2]}),
    "no ids": lambda f: f.update(recorded={"matched_by": "id"}),
    "too few ids": lambda f: f.update(recorded={"matched_by": "id", "ids": ["a"]}),
    "ids are numbers": lambda f: f.update(recorded={"matched_by": "id", "ids": [1, 2]}),
    "matched_by is a list": lambda f: f.update(recorded={"matched_by": []}),
    "items are no base64": lambda f: f.update(items="é"),
}


@needs_folder_locks
@pytest.mark.parametrize("name", ODD)
def test_a_sealed_sidecar_with_odd_fields_is_damage(tmp_path: Path, name: str) -> None:
    embed(tmp_path)
    rewrite(file_of(tmp_path, ".json"), ODD[name])
    store = FeatureStore(tmp_path)
    assert counts(tmp_path) == {"damaged": 1}
    assert store.contents()[0].rows >= 4
    assert reasons(tmp_path) == ["damaged"]
    assert embed(tmp_path) == 2
    np.testing.assert_array_equal(FeatureStore(tmp_path).read(COMPUTED, DIGESTS), X)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"1" * 10_000, b"[" * 100_000, b'{"dim": ' + b"9" * 5000])
def test_a_sidecar_that_is_no_object_is_damage(tmp_path: Path, content: bytes) -> None:
    embed(tmp_path)
    seal = f', "checksum": "{hashlib.sha256(content + b"}").hexdigest()}"}}\n'.encode()
    for ending in (b"", seal):
        file_of(tmp_path, ".json").write_bytes(content + ending)
        assert counts(tmp_path) == {"damaged": 1}


@pytest.mark.parametrize("shape", ["(500000000000,)", "(2, 250000000000)", "(-1, 3)", "(2, 3, 1)"])
def test_a_header_that_promises_too_much_is_damage_and_takes_no_memory(tmp_path: Path, shape: str) -> None:
    embed(tmp_path)
    array = file_of(tmp_path, ".npy")
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    array.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 24)
    digest = hashlib.sha256(array.read_bytes()).hexdigest()
    rewrite(array.with_suffix(".json"), lambda fields: fields.update(sha256=digest))
    assert counts(tmp_path) == {"damaged": 1}
    assert embed(tmp_path) == 2


@needs_folder_locks
@pytest.mark.parametrize("suffix", [".json", ".npy"])
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
@pytest.mark.parametrize("clean_first", [True, False])
def test_a_folder_or_pipe_in_place_of_a_file_is_set_aside(
    tmp_path: Path, make: Callable[[Path], object], suffix: str, clean_first: bool
) -> None:
    embed(tmp_path)
    whole = tree(tmp_path / "features")
    path = file_of(tmp_path, suffix)
    path.unlink()
    make(path)
    if path.is_dir():
        (path / "mine.txt").write_text("mine")
    assert counts(tmp_path) == {"damaged": 1}
    assert FeatureStore(tmp_path).contents()[0].shards >= 2
    if clean_first:
        assert reasons(tmp_path) == ["quarantined"]
    assert embed(tmp_path) == 2
    assert tree(tmp_path / "features") == whole
    (aside, _), *others = quarantined(tmp_path)
    assert not others
    assert (aside / path.name).is_dir() == (make is Path.mkdir)
    assert len([*aside.rglob("mine.txt")]) == (make is Path.mkdir)
    assert reasons(tmp_path, force=True) == ["emptied"]
    assert quarantined(tmp_path) == []


def test_pipes_and_folders_elsewhere_do_not_stop_the_cache(tmp_path: Path) -> None:
    embed(tmp_path)
    (tmp_path / "names").mkdir()
    os.mkfifo(tmp_path / "names" / "pipe.json")
    os.mkfifo(tmp_path / "features" / ("0" * 64))
    os.mkfifo(tmp_path / "features" / COMPUTED.fingerprint() / "pipe.json")
    assert counts(tmp_path) == {"damaged": 2}
    assert embed(tmp_path) == 0
    point(tmp_path, "pipe", COMPUTED.fingerprint())
    assert counts(tmp_path) == {"damaged": 1}


@needs_folder_locks
@pytest.mark.parametrize("suffix", [".json", ".npy"])
def test_a_damaged_import_is_set_aside_and_one_that_can_be_computed_goes(tmp_path: Path, suffix: str) -> None:
    embed(tmp_path)
    embed(tmp_path, IMPORT)
    before = tree(tmp_path)
    broken = [file_of(tmp_path, suffix, spec) for spec in (COMPUTED, IMPORT)]
    for path in broken:
        flip(path)
    damaged = broken[1].read_bytes()
    assert reasons(tmp_path, dry_run=True) == ["damaged", "quarantined"]
    assert reasons(tmp_path) == ["damaged", "quarantined"]
    ((folder, size),) = quarantined(tmp_path)
    assert folder == tmp_path / "quarantine" / IMPORT.fingerprint()
    assert (folder / broken[1].name).read_bytes() == damaged
    assert size == sum(map(len, tree(folder).values()))
    assert len(tree(folder)) == 2
    assert (embed(tmp_path), embed(tmp_path, IMPORT)) == (2, 2)
    assert tree(tmp_path).items() >= before.items()
    flip(broken[1])
    assert reasons(tmp_path) == ["quarantined"]
    assert len(tree(tmp_path / "quarantine")) == 4  # what was set aside first is still there
    assert reasons(tmp_path) == []
    assert reasons(tmp_path, force=True, dry_run=True) == ["emptied", "emptied"]
    assert reasons(tmp_path, force=True) == ["emptied", "emptied"]
    assert tree(tmp_path / "quarantine") == {}


@needs_folder_locks
@pytest.mark.parametrize("spec", [COMPUTED, IMPORT], ids=["computed", "import"])
@pytest.mark.parametrize("is_missing", [True, False])
def test_what_nothing_tells_about_is_set_aside(tmp_path: Path, spec: EmbeddingSpec, is_missing: bool) -> None:
    embed(tmp_path, spec, rows=2)  # one shard: no other sidecar tells what the folder holds
    sidecar = file_of(tmp_path, ".json", spec)
    array = sidecar.with_suffix(".npy").read_bytes()
    sidecar.unlink() if is_missing else flip(sidecar)
    assert reasons(tmp_path) == ["quarantined"]
    assert array in tree(tmp_path / "quarantine").values()


def test_looking_over_the_whole_cache_deletes_nothing_of_others(tmp_path: Path) -> None:
    other = EmbeddingSpec(backbone="test:other", revision="sha256:22")
    for spec in (COMPUTED, IMPORT):
        embed(tmp_path, spec)
        flip(file_of(tmp_path, ".json", spec))
        flip(max((tmp_path / "features" / spec.fingerprint()).glob("*.npy")), 130)
    before = tree(tmp_path)
    store = FeatureStore(tmp_path)
    store.known(DIGESTS)
    store.contents()
    for spec in (COMPUTED, IMPORT):
        store.missing(spec, DIGESTS)
    list(store.add([other], DIGESTS, lambda rows: [(X[rows], {})], positions=np.arange(6)))
    assert tree(tmp_path).items() >= before.items()


def test_imports_stay_however_old_they_are_and_whatever_names_them(tmp_path: Path) -> None:
    embed(tmp_path)
    embed(tmp_path, IMPORT)
    for folder in (tmp_path / "features").iterdir():
        os.utime(folder, (time.time() - 1e8,) * 2)
    assert reasons(tmp_path, older_than=30) == ["unused"] * 3
    assert [entry.spec for entry in FeatureStore(tmp_path).contents()] == [IMPORT]
    assert reasons(tmp_path, older_than=0, remove=[IMPORT.fingerprint()]) == ["requested"] * 3


def test_a_damaged_name_is_set_aside_and_a_newer_one_stays(tmp_path: Path) -> None:
    for name in ("a", "b"):
        point(tmp_path, name, COMPUTED.fingerprint())
    flip(tmp_path / "names" / "a.json", 3)
    (tmp_path / "names" / "b.json").write_bytes(_sidecar_bytes({"format": 2, "name": "b", "target": "x"}))
    assert counts(tmp_path) == {"damaged": 1, "newer": 1}
    left: list[FaultyFileError] = []
    assert reasons(tmp_path, on_left=left.append) == ["quarantined"]
    assert [error.path.name for error in left] == ["b.json"]
    assert [path.name for path in (tmp_path / "quarantine" / "names").iterdir()] == ["a.json"]
    with pytest.raises(CacheError, match="newer version"):
        point(tmp_path, "b", COMPUTED.fingerprint())
    assert len([*names_in(tmp_path)]) == 1


@pytest.mark.parametrize("widths", [(3, 1), (1, 3)])
def test_features_of_another_width_are_refused(tmp_path: Path, widths: tuple[int, int]) -> None:
    store = FeatureStore(tmp_path, shard_rows=2)
    encode = iter([X[:2, : widths[0]], X[2:4, : widths[1]]])
    with pytest.raises(ShapeError, match=r"must have one width: got 1 and 3 columns.*cache gc --remove"):
        list(store.add([COMPUTED], DIGESTS, lambda _: [(next(encode), {})], positions=np.arange(6)))
    assert store.contents()[0].rows == 2
    fresh = FeatureStore(tmp_path, shard_rows=2)
    with pytest.raises(ShapeError, match="one width"):
        list(fresh.add([COMPUTED], DIGESTS, lambda _: [(X[2:4, : widths[1]], {})], positions=np.arange(2, 4)))


def test_features_of_two_widths_in_the_cache_are_not_served_together(tmp_path: Path) -> None:
    def put(columns: int, rows: list[int]) -> None:
        add = FeatureStore(tmp_path / str(columns)).add
        list(add([COMPUTED], DIGESTS, lambda i: [(X[i, :columns], {})], positions=np.array(rows)))

    put(3, [0, 1])
    put(1, [2, 3])
    shutil.copytree(tmp_path / "1", tmp_path / "3", dirs_exist_ok=True)
    store = FeatureStore(tmp_path / "3")
    with pytest.raises(CacheError, match="one width: got 1 and 3 columns"):
        store.read(COMPUTED, DIGESTS[:4])
    np.testing.assert_array_equal(store.read(COMPUTED, DIGESTS[[1, 0]]), X[[1, 0]])


def test_deletions_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embed(tmp_path)
    path = file_of(tmp_path, ".json")
    synced: list[str] = []
    fsync = os.fsync

    def logged(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", logged)
    remove_shard(path)
    assert synced == [str(path.parent)]
