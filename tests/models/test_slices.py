"""Slices of real models: one by one they have the bits of one call, and a stopped embedding those of a whole one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from w2s_probe.backbones import BackboneOptions, get_backbone
from w2s_probe.backbones.base import Items, take
from w2s_probe.cache import FeatureStore
from w2s_probe.pipeline.embed import embed_items

pytestmark = pytest.mark.models

TEXTS = [f"a sentence about {i} things" + " and more of them" * (i * 5 % 9) for i in range(70)]
IMAGES = np.random.default_rng(0).integers(0, 256, size=(10, 40, 40, 3), dtype=np.uint8)
OPTIONS = BackboneOptions(batch_size=8, threads=1)
NAMES = ("packaged:minilm-l6", "packaged:minilm-l6@2", "packaged:wordllama", "packaged:efficientnet-lite0@1")


@pytest.mark.parametrize("name", NAMES)
def test_slices_one_by_one_have_the_bits_of_one_call(name: str) -> None:
    backbone = get_backbone(name, BackboneOptions(batch_size=4 if "lite" in name else 8, threads=1))
    items: Items = IMAGES if "lite" in name else TEXTS
    whole, slices = backbone.encode(items), backbone.slices(items)
    assert len(slices) > 2
    for rows, (X,) in zip(slices, backbone.encode_slices([], [take(items, rows) for rows in slices]), strict=True):
        assert X.tobytes() == whole[rows].tobytes()


@pytest.mark.parametrize("at", [1, 5, 8])
def test_exits_that_are_stopped_between_two_batches_end_in_the_same_bytes(tmp_path: Path, at: int) -> None:
    def embed(root: Path, *, stop: int = -1) -> None:
        exits = [get_backbone(f"packaged:minilm-l6@{layer}", OPTIONS) for layer in (1, 3)]
        steps = iter(range(100))

        def show(_name: str, done: int, _total: int, _detail: str = "", /) -> None:
            if done and next(steps) == stop:
                raise KeyboardInterrupt

        embed_items(exits, TEXTS, store=FeatureStore(root), on_progress=show)

    with pytest.raises(KeyboardInterrupt):
        embed(tmp_path / "stopped", stop=at)
    assert len(list((tmp_path / "stopped" / "tmp").glob("*.part"))) == 2  # one for each exit
    embed(tmp_path / "stopped")
    embed(tmp_path / "whole")
    assert dict(files(tmp_path / "stopped")) == dict(files(tmp_path / "whole"))


def files(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in root.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(root)), path.read_bytes()
