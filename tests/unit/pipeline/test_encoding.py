"""Progress of an embedding counts rows inside a shard; with a slow backbone it moves every few seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from w2s_probe.backbones import get_backbone
from w2s_probe.backbones.base import Backbone, Items, longest_first, take, texts
from w2s_probe.cache import FeatureStore, Step, item_digests
from w2s_probe.core.features import EmbeddingSpec
from w2s_probe.pipeline import embed
from w2s_probe.pipeline.embed import embed_items
from w2s_probe.pipeline.encoding import rate_text, shown

TEXTS = [f"row {i} " + "word " * (i * 7 % 11) for i in range(60)]


class Clock:
    """Seconds that only a backbone spends."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Slow(Backbone):
    """Two items in a second, after ten seconds of loading; Ctrl-C comes after some of them."""

    name, modality = "slow:any", "text"
    spec = EmbeddingSpec(backbone="slow:any", revision="1")

    def __init__(self, clock: Clock, *, stop_after: int = 10**9) -> None:
        self.clock, self.stop_after, self.encoded = clock, stop_after, list[str]()

    def encode(self, items: Items) -> NDArray[np.float32]:
        if not self.encoded:
            self.clock.now += 10
        for item in texts(items):
            if len(self.encoded) == self.stop_after:
                raise KeyboardInterrupt
            self.clock.now += 0.5
            self.encoded.append(item)
        return np.array([[len(item), item.count("o")] for item in texts(items)], dtype=np.float32)

    def truncated(self, items: Items) -> list[int]:
        return [i for i, item in enumerate(texts(items)) if len(item) > 55]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(embed, "shown", lambda *arguments: shown(*arguments, clock=clock))
    return clock


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_progress_of_two_items_per_second_moves_every_5_seconds(tmp_path: Path, clock: Clock) -> None:
    seen: list[tuple[float, int, int, str]] = []
    store = FeatureStore(tmp_path, clock=clock)
    embed_items(
        [Slow(clock)],
        TEXTS,
        store=store,
        on_progress=lambda _, done, total, detail="": seen.append((clock.now, done, total, detail)),
    )
    moments, counts, totals, details = zip(*seen, strict=True)
    assert counts == (0, 8, 16, 24, 32, 40, 48, 56, 60)
    assert set(totals) == {60}
    assert max(np.diff(moments)[1:]) <= 5
    assert details[:3] == ("", "0.6 items/s, 2 min left", "2.0 items/s, 22 s left")  # loading counts in the first only


def test_after_ctrl_c_the_next_call_encodes_the_rest_and_shows_only_that(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(KeyboardInterrupt):
        embed_items([Slow(clock, stop_after=29)], TEXTS, store=FeatureStore(tmp_path / "stopped", clock=clock))
    rest, seen = Slow(clock), list[tuple[int, int]]()
    encoded = embed_items(
        [rest],
        TEXTS,
        store=FeatureStore(tmp_path / "stopped", clock=clock),
        on_progress=lambda _, done, total, detail="": seen.append((done, total)),
    )
    assert len(rest.encoded) == 60 - 24
    assert encoded["slow:any"][0] == 60 - 24
    assert seen[:2] == [(0, 60), (8, 36)]
    assert seen[-1] == (36, 36)
    embed_items([Slow(clock)], TEXTS, store=FeatureStore(tmp_path / "whole", clock=clock))
    assert tree(tmp_path / "stopped") == tree(tmp_path / "whole")
    X = FeatureStore(tmp_path / "stopped").read(Slow.spec, item_digests(TEXTS))
    assert X.tolist() == [[len(text), text.count("o")] for text in TEXTS]


def test_half_precision_is_judged_over_the_whole_shard(tmp_path: Path, clock: Clock) -> None:
    class Flat(Slow):
        """Slices whose rows hardly differ, in a shard whose rows differ."""

        def encode(self, items: Items) -> NDArray[np.float32]:
            return np.array([[1000 * round(len(item) / 10), len(item) / 1e3] for item in texts(items)], np.float32)

    backbone = Flat(clock)
    backbone.dtype = "float16"
    store = FeatureStore(tmp_path)
    embed_items([backbone], TEXTS, store=store)
    assert store.contents()[0].rows == 60


def test_the_rate_counts_no_rows_of_an_earlier_call() -> None:
    clock, seen = Clock(), list[str]()

    def steps() -> Iterator[Step]:
        for rows, taken_up in [(5, False), (80, True), (10, False), (5, False)]:
            clock.now += 0 if taken_up else rows / 2
            yield Step(rows=rows, taken_up=taken_up)

    done = shown(steps(), 100, "b", lambda *state: seen.append(f"{state[1:]}"), clock=clock)
    assert done == 20
    assert seen[1:] == [
        "(5, 100, '2.0 items/s, 48 s left')",
        "(15, 20, '2.0 items/s, 2 s left')",
        "(20, 20, '2.0 items/s, 0 s left')",
    ]


@pytest.mark.parametrize(
    ("rate", "rows", "text"),
    [
        (1234.5, 10, "1,234 items/s, 0 s left"),
        (2, 119, "2.0 items/s, 1 min left"),
        (0.5, 3 * 3600, "0.5 items/s, 6 h 0 min left"),
        (0.004, 1, "0.004 items/s, 4 min left"),
    ],
)
def test_rates_and_times_are_short(rate: float, rows: int, text: str) -> None:
    assert rate_text(rate, rows) == text


@given(st.lists(st.text(max_size=30), min_size=1, max_size=300), st.integers(1, 40))
def test_slices_hold_every_item_once_long_texts_first(items: list[str], rows: int) -> None:
    backbone = Slow(Clock())
    backbone.slice_rows = rows
    slices = backbone.slices(items)
    order = np.concatenate(slices)
    assert sorted(order.tolist()) == list(range(len(items)))
    assert {len(part) for part in slices[:-1]} <= {rows}
    assert order.tolist() == sorted(range(len(items)), key=lambda i: -len(items[i]))
    assert order.tolist() == longest_first(items).tolist()


@pytest.mark.parametrize("name", ["classic:hashing-64", "classic:pixels-4x4"])
def test_slices_one_by_one_have_the_bits_of_one_call(name: str) -> None:
    backbone = get_backbone(name)
    images = np.random.default_rng(0).integers(0, 256, size=(700, 8, 8, 3), dtype=np.uint8)
    items = images if backbone.modality == "image" else [text * 3 for text in TEXTS] * 12
    whole, slices = backbone.encode(items), backbone.slices(items)
    parts = backbone.encode_slices([], [take(items, rows) for rows in slices])
    for rows, (X,) in zip(slices, parts, strict=True):
        assert X.tobytes() == whole[rows].tobytes()
