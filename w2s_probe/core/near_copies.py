"""Rows that repeat another row up to rounding, found by sorting along a random projection."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.types import Features, Float, Rows

TOLERANCE = 1e-4  # of a row's distance from the mean row
DIRECTIONS = 8
FARTHEST = 100  # positions between two rows in sorted order: a bound on the time
PAIRS = 8192  # candidates whose distances are computed at once
NO_PAIRS = np.empty((0, 2), dtype=np.intp)


def near_copies(*features: Features, everywhere: bool) -> Rows:
    r"""Return for each row the first row of its set of near-copies, shape (n,): the row itself if it has none.

    Rows i < j are near-copies in a space of shape (n, d) if :math:`\lVert x_i - x_j \rVert` is at most `TOLERANCE`
    times :math:`\lVert x_i - \bar x \rVert`. They must be so in every space, or in any (`everywhere` False). Rows are
    sorted along a random unit vector: the projection of a short difference is short, typically by
    :math:`\sqrt d`. Four times this bound misses fewer than one pair in a thousand. In a space of one dimension,
    different rows are that close by chance: there, no row is a near-copy.
    """
    pairs = _pairs_everywhere(features) if everywhere else _pairs_anywhere(features)
    n = len(features[0])
    if not len(pairs):
        return np.arange(n)

    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    sets = connected_components(graph, directed=False)[1]
    first: Rows = np.unique(sets, return_index=True)[1]
    return first[sets]


def _pairs_everywhere(features: Sequence[Features]) -> Rows:
    """Return the pairs of rows that are near-copies in all spaces but lines; the narrowest space is searched."""
    pairs: Rows | None = None
    for X in sorted(features, key=lambda X: X.shape[1]):
        space = _Space(X)
        if not space.is_line:
            pairs = space.near_pairs() if pairs is None else pairs[space.are_near(pairs)]
        if pairs is not None and not len(pairs):
            break
    return NO_PAIRS if pairs is None else pairs


def _pairs_anywhere(features: Sequence[Features]) -> Rows:
    """Return the pairs of rows that are near-copies in some space that is not a line."""
    spaces = map(_Space, features)
    return np.concatenate([NO_PAIRS, *(space.near_pairs() for space in spaces if not space.is_line)])


class _Space:
    """One feature space with its random projections and the largest distance of a near-copy of each row."""

    def __init__(self, X: Features) -> None:
        n, d = X.shape
        self.X = X
        directions = np.random.default_rng(0).standard_normal((d, DIRECTIONS))
        directions /= np.maximum(np.linalg.norm(directions, axis=0), np.finfo(np.float64).tiny)
        mean = X.mean(axis=0, dtype=np.float64)
        self.projections = np.empty((n, DIRECTIONS))
        self.limits = np.empty(n)
        for rows in row_blocks(n):
            centered = X[rows] - mean
            self.projections[rows] = centered @ directions
            self.limits[rows] = TOLERANCE * np.linalg.norm(centered, axis=1)

    @property
    def is_line(self) -> bool:
        """Whether all rows are on one line."""
        spread = np.linalg.svd(self.projections, compute_uv=False)
        return len(spread) < 2 or bool(spread[1] <= 1e-6 * spread[0])

    def near_pairs(self) -> Rows:
        """Return the pairs of near-copies, shape (m, 2), the earlier row first."""
        parts = [candidates[self.are_near(candidates)] for candidates in self._candidates()]
        return np.concatenate([NO_PAIRS, *parts])

    def are_near(self, pairs: Rows) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return which pairs are near-copies in this space, shape (m,)."""
        near = np.zeros(len(pairs), dtype=np.bool_)
        for rows in row_blocks(len(pairs), PAIRS):
            i, j = pairs[rows].T
            difference = self.X[i].astype(np.float64) - self.X[j]
            near[rows] = np.linalg.norm(difference, axis=1) <= self.limits[i]
        return near

    def _candidates(self) -> Iterator[Rows]:
        """Yield the pairs whose projections are as close as those of near-copies."""
        order = np.argsort(self.projections[:, 0], kind="stable")
        P, limits = self.projections[order], self.limits[order]
        d = self.X.shape[1]
        lefts = np.arange(len(order))
        for step in range(1, min(FARTHEST, len(order) - 1) + 1):
            lefts = lefts[lefts + step < len(order)]
            bound = np.maximum(limits[lefts], limits[lefts + step])
            lefts = lefts[P[lefts + step, 0] - P[lefts, 0] <= min(1.0, 4 / math.sqrt(d)) * bound]
            if not len(lefts):
                return
            bound = np.maximum(limits[lefts], limits[lefts + step])
            squares: Float = ((P[lefts + step] - P[lefts]) ** 2).sum(axis=1)
            close = lefts[squares <= DIRECTIONS * min(1.0, 5 / d) * bound**2]
            yield np.sort(np.column_stack([order[close], order[close + step]]), axis=1)
