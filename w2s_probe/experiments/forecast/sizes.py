"""Sizes at which a forecast trains the pipeline, and how many of them are done."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from w2s_probe.core.types import Float, Progress

SHARES = (8, 4, 2)
SUBSETS = 4  # parts of the labeled rows, for each smaller n
LEAST = 16  # rows of the smallest n or N


def label_sizes(Y: Float) -> list[int]:
    """Return the numbers of labeled rows below all of them, for labels of shape (n, K)."""
    return sorted({n for n in (len(Y) // share for share in SHARES) if n >= max(LEAST, 4 * Y.shape[1])})


def pool_sizes(N: int) -> list[int]:
    """Return the sizes of the pool below N."""
    return sorted({size for size in (N // share for share in SHARES) if size >= LEAST})


def pipeline_counter(on_progress: Progress | None, Y: Float, N: int) -> Callable[[str], None]:
    """Return a function that receives the sizes of the next pipeline and reports it as a step of the forecast."""
    done = itertools.count()
    total = 1 + SUBSETS * len(label_sizes(Y)) + len(pool_sizes(N))

    def count(sizes: str) -> None:
        if on_progress:
            on_progress("forecast", next(done), total, sizes)

    return count
