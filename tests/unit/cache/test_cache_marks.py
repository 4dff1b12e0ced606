"""Which folders are taken for a cache, and that no other folder is changed."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.locks import FOLDER_LOCKS, needs_folder_locks
from w2s_probe.cache import FeatureStore, clean, item_digests, point
from w2s_probe.cache.marks import MARKS, mark, state_of
from w2s_probe.core.errors import CacheError
from w2s_probe.core.features import EmbeddingSpec

SPEC = EmbeddingSpec(backbone="test:one", revision="sha256:00")
DIGESTS = item_digests(["one", "two"])
LEFTOVER = "1-0123456789abcdef"  # as version 0.1 named the files that it wrote
HASH = SPEC.fingerprint()


def embed(root: Path) -> None:
    X = np.eye(2, dtype=np.float32)
    list(FeatureStore(root).add([SPEC], DIGESTS, lambda rows: [(X[rows], {})], positions=np.arange(2)))


def write(root: Path, files: dict[str, str]) -> None:
    """Write files, and a folder for each name that ends with a slash."""
    for name, content in files.items():
        path = root / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_text(content)


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else b"" for path in root.rglob("*")}


def without_marks(root: Path) -> None:
    for name in MARKS:
        (root / name).unlink(missing_ok=True)


@pytest.mark.parametrize(
    "files",
    [
        {"tmp/thesis.txt": "mine"},
        {"tmp/": ""},
        {f"tmp/{LEFTOVER}": "whose?", "table.csv": "text"},
        {"README.md": "a project"},
        {"features/": ""},
        {"features/notes.txt": "", f"features/{HASH}/": ""},
        {f"features/{HASH}": "a file"},
        {f"features/{HASH}/": "", f"features/{HASH[1:]}/": ""},
        {f"features/{HASH}/": "", "data/": ""},
        {"features": "a file"},
        {f"names/{HASH}/": ""},
        {"models/": ""},
        {"models/mine.safetensors": "", f"models/{HASH}/": ""},
        {f"models/{HASH}/config.json": "{}", "thesis.txt": "mine"},
        {"CACHEDIR.TAG": f"{MARKS['CACHEDIR.TAG'].decode()}\n# of another program"},
        {"CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55", "README.md": "", "v/": ""},
        {"format": "1.0\n", f"features/{HASH}/": ""},
        {"format/": "", f"features/{HASH}/": ""},
        {"format": "1\n", "CACHEDIR.TAG": "Signature: 0000", f"features/{HASH}/": ""},
    ],
    ids=lambda files: " ".join(files)[:60],
)
@pytest.mark.parametrize("write_to", [embed, clean, lambda root: point(root, "name", HASH), mark, FeatureStore])
def test_a_folder_that_is_no_cache_is_refused_and_stays(
    tmp_path: Path, files: dict[str, str], write_to: Callable[[Path], object]
) -> None:
    write(tmp_path, files)
    before = tree(tmp_path)
    with pytest.raises(CacheError, match="Name another folder with --cache or W2S_PROBE_CACHE") as refusal:
        write_to(tmp_path)
    assert "\n" not in str(refusal.value)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("marks", [(), ("CACHEDIR.TAG",), ("format",), ("CACHEDIR.TAG", "format")])
@pytest.mark.parametrize("others", [{}, {"README.md": "", "names/a.json": ""}, {f"tmp/{LEFTOVER}": ""}])
@pytest.mark.parametrize("cut", [0, 1, 20])
def test_a_cache_without_its_marks_is_marked_by_the_next_writer(
    tmp_path: Path, marks: tuple[str, ...], others: dict[str, str], cut: int
) -> None:
    embed(tmp_path)
    without_marks(tmp_path)
    write(tmp_path, others)
    for name in marks:  # as a process leaves them that is killed while it writes
        (tmp_path / name).write_bytes(MARKS[name][:cut])
    embed(tmp_path)
    assert state_of(tmp_path) == "marked"
    assert {name: (tmp_path / name).read_bytes() for name in MARKS} == MARKS
    assert not (FOLDER_LOCKS and (tmp_path / "tmp" / LEFTOVER).exists())


@pytest.mark.parametrize("marks", [(), ("CACHEDIR.TAG",), ("CACHEDIR.TAG", "format")])
def test_a_folder_that_holds_nothing_but_marks_becomes_a_cache(tmp_path: Path, marks: tuple[str, ...]) -> None:
    for name in marks:
        (tmp_path / name).write_bytes(MARKS[name][:1])
    assert state_of(tmp_path) == "empty"
    embed(tmp_path)
    assert state_of(tmp_path) == "marked"


def test_copies_of_models_may_come_before_the_marks_and_stay(tmp_path: Path) -> None:
    copy = {f"models/{HASH}/config.json": "{}"}
    write(tmp_path, copy)
    assert state_of(tmp_path) == "empty"
    embed(tmp_path)
    assert state_of(tmp_path) == "marked"
    clean(tmp_path, force=True, older_than=0, remove=[HASH])
    assert FeatureStore(tmp_path).verify() == (0, [])
    assert {name: (tmp_path / name).read_text() for name in copy} == copy


def test_the_marks_are_written_before_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(folder: Path, *_: object, **__: object) -> None:
        del folder
        raise OSError

    monkeypatch.setattr("w2s_probe.cache.shards.make_folder", stop)
    with pytest.raises(CacheError):
        embed(tmp_path / "new")
    assert tree(tmp_path / "new") == MARKS


def test_many_processes_mark_one_folder_at_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        pool.map(mark, [tmp_path / str(i // 8) for i in range(80)], chunksize=1)
    assert all(tree(tmp_path / str(i)) == MARKS for i in range(10))


@needs_folder_locks
def test_a_marked_cache_may_hold_whatever_else_and_keeps_it(tmp_path: Path) -> None:
    embed(tmp_path)
    mine = {"tmp/thesis.txt": "mine", "notes.txt": "mine", "features/mine/a.npy": "mine", "quarantine/mine.npy": "mine"}
    write(tmp_path, {**mine, f"tmp/{LEFTOVER}": ""})
    (tmp_path / "tmp" / "2-0123456789abcdef").mkdir()
    os.mkfifo(tmp_path / "tmp" / "3-0123456789abcdef")
    os.mkfifo(tmp_path / "tmp" / "pipe")
    embed(tmp_path)
    freed = clean(tmp_path, force=True, older_than=0, remove=[HASH])
    assert [one.reason for one in freed] == ["requested"]
    assert all((tmp_path / name).read_text() == content for name, content in mine.items())
    assert sorted(path.name for path in (tmp_path / "tmp").iterdir()) == [
        "2-0123456789abcdef",
        "3-0123456789abcdef",
        "pipe",
        "thesis.txt",
    ]


def test_reading_marks_nothing(tmp_path: Path) -> None:
    embed(tmp_path / "old")
    without_marks(tmp_path / "old")
    (tmp_path / "empty").mkdir()
    before = tree(tmp_path)
    for name in ("old", "empty", "none"):
        store = FeatureStore(tmp_path / name)
        store.contents()
        store.verify()
        store.missing(SPEC, DIGESTS)
        store.known(DIGESTS)
        clean(tmp_path / name, dry_run=True)
    np.testing.assert_array_equal(FeatureStore(tmp_path / "old").read(SPEC, DIGESTS), np.eye(2))
    assert clean(tmp_path / "empty") == clean(tmp_path / "none") == []
    assert tree(tmp_path) == before


@pytest.mark.parametrize("content", [b"2\n", b"9", b"10\n", b"123456789\n"])
@pytest.mark.parametrize("has_tag", [True, False])
def test_a_newer_format_is_refused(tmp_path: Path, content: bytes, has_tag: bool) -> None:
    embed(tmp_path)
    (tmp_path / "format").write_bytes(content)
    if not has_tag:
        (tmp_path / "CACHEDIR.TAG").unlink()
    before = tree(tmp_path)
    for verb in (embed, clean, mark, FeatureStore):
        with pytest.raises(CacheError, match="newer version"):
            verb(tmp_path)
    assert tree(tmp_path) == before


def test_every_flipped_byte_of_a_mark_is_found(tmp_path: Path) -> None:
    embed(tmp_path)
    for name, content in MARKS.items():
        for position in range(len(content)):
            for bit in range(8):
                flipped = bytearray(content)
                flipped[position] ^= 1 << bit
                (tmp_path / name).write_bytes(flipped)
                try:
                    problems = FeatureStore(tmp_path).verify()[1]
                except CacheError:
                    continue
                assert len(problems) == 1
        (tmp_path / name).write_bytes(content)
    assert FeatureStore(tmp_path).verify() == (1, [])
