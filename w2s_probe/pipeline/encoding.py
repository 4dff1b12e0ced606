"""Slices of items through backbones that share a forward pass, with the progress of their rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.backbones.base import Backbone, Items, take
from w2s_probe.cache import Step
from w2s_probe.core.types import Progress, Rows


@dataclass(frozen=True, eq=False, slots=True)
class ItemEncoder:
    """The encoder of a cache for the items of a table.

    Parameters
    ----------
    backbones : tuple of Backbone
        Backbones of one family; the first one computes the features of all.
    items : sequence of str, ImageFiles, or array of images
        All items.
    """

    backbones: tuple[Backbone, ...]
    items: Items

    @property
    def first(self) -> Backbone:
        """The backbone that computes."""
        return self.backbones[0]

    def slices(self, rows: Rows) -> list[Rows]:
        """Return the positions in `rows` of each slice."""
        return self.first.slices(take(self.items, rows))

    def encode(self, slices: Sequence[Rows]) -> Iterator[list[NDArray[np.float32]]]:
        """Yield the features of each slice."""
        return self.first.encode_slices(self.backbones[1:], [take(self.items, rows) for rows in slices])

    def facts(self) -> list[Mapping[str, Any]]:
        """Return device, threads, batch size and versions."""
        return [backbone.recorded() for backbone in self.backbones]

    def recorded(self, rows: Rows) -> list[dict[str, Any]]:
        """Return `facts` and the positions of items that were cut."""
        cut = self.first.truncated(take(self.items, rows))
        return [{**facts, "truncated": cut} for facts in self.facts()]


def shown(
    steps: Iterable[Step],
    total: int,
    name: str,
    on_progress: Progress | None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Take all steps, show the rows encoded so far, and return their number.

    Rows that an earlier call had computed are not counted: the cache had them. The rate leaves out the first slice,
    which includes the time until the model was loaded, as soon as there is a second one.

    Parameters
    ----------
    steps : iterable of Step
        Steps of `FeatureStore.add_slices`.
    total : int
        Rows of all steps.
    name : str
        Name of the backbone.
    on_progress : callable, optional
        Receives the progress.
    clock : callable
        Seconds since any moment.
    """
    done, detail, base = 0, "", (0, clock())
    if on_progress:
        on_progress(name, 0, total)
    for step in steps:
        if step.taken_up:
            total -= step.rows
            continue
        done, now = done + step.rows, clock()
        rate = (done - base[0]) / max(now - base[1], 1e-9)
        detail = rate_text(rate, total - done)
        base = base if base[0] else (done, now)
        if on_progress:
            on_progress(name, done, total, detail)
    return done


def rate_text(rate: float, rows: int) -> str:
    """Return items per second and the time that so many further rows take.

    Examples
    --------
    >>> rate_text(2.04, 500)
    '2.0 items/s, 4 min left'
    """
    seconds = round(rows / rate)
    hours, minutes = divmod(round(seconds / 60), 60)
    left = f"{seconds} s" if seconds < 60 else f"{hours:,} h {minutes} min" if hours else f"{minutes} min"
    speed = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}" if rate >= 0.1 else f"{rate:.1g}"
    return f"{speed} items/s, {left} left"
