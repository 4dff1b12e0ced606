"""A shard that is encoded slice by slice: whatever ends the call, the next one ends in the same bytes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.killed import die_before, exit_code_of, forks
from w2s_probe.cache import FeatureStore, clean, item_digests, open_shards, partials, verify
from w2s_probe.core.errors import BackboneError, ShapeError
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.core.types import Rows

SPECS = (EmbeddingSpec(backbone="test:one", revision="1"), EmbeddingSpec(backbone="test:two", revision="1"))
ROWS, SHARD, SLICE, DIM = 22, 10, 3, 4
DIGESTS = item_digests([f"item {i}" for i in range(ROWS)])
X = np.random.default_rng(0).standard_normal((ROWS, DIM)).astype(np.float32)


@dataclass
class Clock:
    """Seconds that only encoders spend."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Slow:
    """An encoder whose bits depend on the slice, as a model's do; it takes two seconds for a row.

    `fail` is raised before the given slice is encoded.
    """

    clock: Clock = field(default_factory=Clock)
    specs: int = 1
    first: int = 0
    rows: int = SLICE
    batch: int = SLICE
    turn: int = 7
    at: int = -1
    fail: BaseException | None = None
    encoded: list[int] = field(default_factory=list)

    def slices(self, rows: Rows) -> list[Rows]:
        order = np.argsort(rows * self.turn % 10, kind="stable")
        return [order[start : start + self.rows] for start in range(0, len(order), self.rows)]

    def encode(self, slices: Sequence[Rows]) -> Iterator[list[NDArray[np.float32]]]:
        for rows in slices:
            if len(self.encoded) == self.at and self.fail:
                raise self.fail
            self.clock.now += 2 * len(rows)
            self.encoded += [len(rows)]
            yield [(self.first + k + 1) * X[rows] + np.float32(rows.sum()) for k in range(self.specs)]

    def facts(self) -> list[Mapping[str, Any]]:
        return [{"batch_size": self.batch}] * self.specs

    def recorded(self, rows: Rows) -> list[Mapping[str, Any]]:
        return [{"batch_size": self.batch, "truncated": [0]}] * self.specs


def embed(root: Path, encoder: Slow, *, on_step: Callable[[], object] = tuple) -> FeatureStore:
    """Bring all rows into the cache."""
    store = FeatureStore(root, shard_rows=SHARD, clock=encoder.clock)
    specs = SPECS[: encoder.specs]
    missing = [store.missing(spec, DIGESTS) for spec in specs]
    if encoder.specs == 2 and len(missing[0]) != len(missing[1]):  # killed between the files of two specs
        for k in range(2):
            alone = store.add_slices(SPECS[k : k + 1], DIGESTS, Slow(first=k), positions=missing[k])
            list(alone)
        return store
    for _ in store.add_slices(specs, DIGESTS, encoder, positions=missing[0]):
        on_step()
    return store


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def kept(root: Path) -> list[Path]:
    return sorted((root / "tmp").glob("*"))


def stop(root: Path, *, at: int, specs: int = 1) -> int:
    """Embed until Ctrl-C comes before a slice; return the number of encoded slices."""
    encoder = Slow(specs=specs, at=at, fail=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        embed(root, encoder)
    return len(encoder.encoded)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, bytes]]:
    folders = {specs: tmp_path_factory.mktemp("whole") for specs in (1, 2)}
    for specs, folder in folders.items():
        embed(folder, Slow(specs=specs))
    return {specs: tree(folder) for specs, folder in folders.items()}


@settings(max_examples=12)
@given(st.lists(st.integers(0, 8), max_size=5), st.sampled_from([1, 2]))
def test_interrupted_anywhere_any_number_of_times_the_shards_have_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, whole: dict[int, dict[str, bytes]], stops: list[int], specs: int
) -> None:
    root, slices = tmp_path_factory.mktemp("stopped"), 0
    for at in stops:
        encoder = Slow(specs=specs, at=at, fail=KeyboardInterrupt())
        try:
            embed(root, encoder)
        except KeyboardInterrupt:
            assert len(encoder.encoded) == at
        slices += len(encoder.encoded)
    last = Slow(specs=specs)
    embed(root, last)
    assert tree(root) == whole[specs]
    assert slices + len(last.encoded) == 4 + 4 + 1  # no slice is encoded twice


def test_a_step_that_the_caller_interrupts_keeps_its_slice_too(tmp_path: Path) -> None:
    steps = iter([None, None])
    with pytest.raises(StopIteration):
        embed(tmp_path, Slow(), on_step=lambda: next(steps))
    rest = Slow()
    embed(tmp_path, rest)
    assert len(rest.encoded) == 9 - 3


def test_slices_are_kept_before_30_seconds_of_work_are_lost(tmp_path: Path) -> None:
    encoder = Slow(rows=2, clock=Clock())
    losses = []
    store = FeatureStore(tmp_path, shard_rows=ROWS, clock=encoder.clock)
    for _ in store.add_slices(SPECS[:1], DIGESTS, encoder, positions=np.arange(ROWS)):
        there = [partials.read_partial(path) for path in kept(tmp_path)]
        losses.append(4 * len(encoder.encoded) - 4 * sum(len(one.slices) for one in there))
    assert max(losses) == 28  # a step is shown before its slice is kept; the next slice takes 4 seconds
    assert kept(tmp_path) == []


@forks
@pytest.mark.parametrize("at", range(9))
def test_killed_before_a_slice_the_next_call_loses_little_and_ends_in_the_same_bytes(
    tmp_path: Path, whole: dict[int, dict[str, bytes]], at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_shards, "BETWEEN", 12.0)  # two slices

    def work() -> None:
        encoder = Slow()

        def die() -> None:
            if len(encoder.encoded) > at:
                os.kill(os.getpid(), signal.SIGKILL)

        embed(tmp_path, encoder, on_step=die)

    assert exit_code_of(work) == -signal.SIGKILL
    assert verify(tmp_path).faults == ()
    rest = Slow()
    embed(tmp_path, rest)
    assert tree(tmp_path) == whole[1]
    assert at + 1 + len(rest.encoded) <= 9 + 2


@forks
@pytest.mark.parametrize(("at", "specs"), [(2, 1), pytest.param(7, 2, marks=pytest.mark.slow)])
def test_killed_before_any_step_on_a_partial_file_the_next_call_ends_in_the_same_bytes(
    tmp_path: Path, whole: dict[int, dict[str, bytes]], at: int, specs: int
) -> None:
    def stop_and_die(root: Path, step: int) -> None:
        die_before(step, root)
        stop(root, at=at, specs=specs)

    for step in count():
        root = tmp_path / str(step)
        code = exit_code_of(partial(stop_and_die, root, step))
        embed(root, Slow(specs=specs))
        assert tree(root) == whole[specs]
        if code == 0:
            break
    assert step > 10


def change(content: bytes) -> Iterator[bytes]:
    for at in (0, 30, content.index(b"\n") - 3, content.index(b"\n"), len(content) - 1):
        yield content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    yield from (b"", content[:-1], content + b"\0", b"\n" + content)


def test_a_damaged_file_is_not_used_and_said(tmp_path: Path, whole: dict[int, dict[str, bytes]]) -> None:
    stop(tmp_path / "one", at=2)
    (path,) = kept(tmp_path / "one")
    for number, content in enumerate(change(path.read_bytes())):
        root = tmp_path / str(number)
        stop(root, at=2)
        kept(root)[0].write_bytes(content)
        assert verify(root).faults == ()
        rest = Slow()
        store = embed(root, rest)
        assert len(rest.encoded) == 9, number
        assert len(store.notes) == 1
        assert "was changed. Its rows are computed again." in store.notes[0]
        assert tree(root) == whole[1]


def test_a_file_of_another_shard_or_a_newer_version_is_not_used(
    tmp_path: Path, whole: dict[int, dict[str, bytes]]
) -> None:
    stop(tmp_path / "other", at=6)  # in the second shard
    for name in ("renamed", "newer"):
        stop(tmp_path / name, at=2)
        (path,) = kept(tmp_path / name)
        other = kept(tmp_path / "other")[0].read_bytes()
        path.write_bytes(other if name == "renamed" else b'{"format": 2, "x": 1}\n')
        rest = Slow()
        store = embed(tmp_path / name, rest)
        assert len(rest.encoded) == 9
        assert ("was changed" if name == "renamed" else "is of a newer version") in store.notes[0]
        assert tree(tmp_path / name) == whole[1]


@pytest.mark.parametrize("other", [{"batch": 1}, {"rows": 2}, {"turn": 3}])
def test_slices_of_other_settings_are_computed_again_and_said(tmp_path: Path, other: dict[str, int]) -> None:
    stop(tmp_path / "stopped", at=3)
    rest = Slow(**other)  # type: ignore[arg-type]
    store = embed(tmp_path / "stopped", rest)
    assert sum(rest.encoded) == ROWS
    (note,) = store.notes
    assert note.startswith("9 rows of an interrupted call are computed again: its --batch-size, ")
    embed(tmp_path / "whole", Slow(**other))  # type: ignore[arg-type]
    assert tree(tmp_path / "stopped") == tree(tmp_path / "whole")


def test_two_calls_at_one_shard_do_not_disturb_each_other(tmp_path: Path, whole: dict[int, dict[str, bytes]]) -> None:
    first, second = Slow(), Slow(clock=Clock())
    store = FeatureStore(tmp_path, shard_rows=SHARD, clock=first.clock)
    steps = store.add_slices(SPECS[:1], DIGESTS, first, positions=np.arange(ROWS))
    for _ in range(3):
        next(steps)
    slower = FeatureStore(tmp_path, shard_rows=SHARD).add_slices(SPECS[:1], DIGESTS, Slow(), positions=np.arange(ROWS))
    next(slower)
    with pytest.raises(KeyboardInterrupt):
        embed(tmp_path, replace(second, at=2, fail=KeyboardInterrupt()))
    steps.close()  # three slices are more than two
    slower.close()  # one is not
    assert len(partials.read_partial(kept(tmp_path)[0]).slices) == 3
    stop(tmp_path, at=0)
    third = FeatureStore(tmp_path, shard_rows=SHARD).add_slices(SPECS[:1], DIGESTS, Slow(), positions=np.arange(ROWS))
    next(third)
    embed(tmp_path, Slow())
    third.close()  # what it had is no longer needed
    assert tree(tmp_path) == whole[1]


@pytest.mark.parametrize("error", [BackboneError("no"), ShapeError("no"), ValueError("no")])
def test_an_error_of_the_encoder_keeps_nothing_of_its_shard(tmp_path: Path, error: Exception) -> None:
    stop(tmp_path, at=2)
    with pytest.raises(type(error)):
        embed(tmp_path, Slow(at=1, fail=error))
    assert kept(tmp_path) == []
    rest = Slow()
    embed(tmp_path, rest)
    assert len(rest.encoded) == 9


def test_a_full_disk_while_the_shard_is_written_keeps_its_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    from w2s_probe.cache import shards
    from w2s_probe.core.errors import CacheError

    with monkeypatch.context() as patch:
        patch.setattr(shards, "write_file", full)
        with pytest.raises(CacheError, match="No space left"):
            embed(tmp_path, Slow())
    rest = Slow()
    embed(tmp_path, rest)
    assert len(rest.encoded) == 9 - 3  # the last slice of a shard tells whether the facts are the same


def test_gc_deletes_what_nobody_goes_on_with(tmp_path: Path) -> None:
    stop(tmp_path, at=2)
    (path,) = kept(tmp_path)
    content = path.read_bytes()
    assert clean(tmp_path) == []
    os.utime(path, (time.time() - 2 * partials.DAY,) * 2)
    (freed,) = clean(tmp_path, dry_run=True)
    assert (freed.path, freed.reason, freed.bytes) == (path, "temporary", len(content))
    assert [one.path for one in clean(tmp_path)] == [path]
    path.write_bytes(content[:-1])
    assert [one.reason for one in clean(tmp_path)] == ["temporary"]
    path.write_bytes(content)
    assert [one.reason for one in clean(tmp_path, remove=[SPECS[0].fingerprint()])] == ["requested"]
    embed(tmp_path, Slow())
    path.write_bytes(content)  # killed after its shard was written
    assert [one.path for one in clean(tmp_path)] == [path]
    assert kept(tmp_path) == []


def test_gc_leaves_a_file_of_a_newer_version_and_embed_deletes_one_of_a_finished_shard(tmp_path: Path) -> None:
    stop(tmp_path, at=2)
    (path,) = kept(tmp_path)
    content = path.read_bytes()
    path.write_bytes(b'{"format": 2}\n')
    left: list[object] = []
    assert clean(tmp_path, on_left=left.append) == []
    assert len(left) == 1
    stop(tmp_path, at=5)  # the first shard is finished, and its partial file with it
    path.write_bytes(content)
    stop(tmp_path, at=0)
    assert path not in kept(tmp_path)
    assert verify(tmp_path).faults == ()
