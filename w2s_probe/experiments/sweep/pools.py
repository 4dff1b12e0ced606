"""Moments of every pool of one seed, from one pass over the features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.types import Rows
from w2s_probe.linalg.moments import Moments, moments_of, ring_moments


def blocks_of(teacher: FeatureSet, student: FeatureSet, labels: Labels) -> dict[str, NDArray[np.floating]]:
    """Return the blocks of columns whose moments a sweep needs: both features, and one-hot labels or numbers."""
    classes = labels.classes
    Y = labels.values[:, None] if classes is None else np.eye(len(classes), dtype=np.float32)[labels.values]
    return {"teacher": teacher.X, "student": student.X, "labels": Y}


def rings(pools: Sequence[Rows], n: int) -> tuple[NDArray[np.int64], list[list[int]]]:
    """Return disjoint sets of rows ("rings") such that every pool is a union of rings.

    The pools hold rows of a table of n rows and may overlap. Returned are the ring of each row, shape (n,), -1 for rows
    in no pool, and the rings of each pool in ascending order.

    Examples
    --------
    >>> import numpy as np
    >>> ring, of_pool = rings([np.array([4, 3]), np.array([4, 3, 1])], 5)
    >>> ring.tolist(), of_pool
    ([-1, 0, -1, 1, 1], [[1], [0, 1]])
    """
    pattern = np.zeros(n, dtype=np.int64)
    for pool in pools:
        pattern *= 2
        pattern[pool] += 1
        pattern = _renumbered(pattern)
    inside = np.zeros(n, dtype=np.bool_)
    for pool in pools:
        inside[pool] = True
    ring = np.full(n, -1)
    ring[inside] = _renumbered(pattern[inside])
    return ring, [np.flatnonzero(np.bincount(ring[pool])).tolist() for pool in pools]


def pool_moments(arrays: Mapping[str, NDArray[np.floating]], pools: Sequence[Rows]) -> Iterator[tuple[int, Moments]]:
    """Yield each pool's position and moments, smaller pools first; blocks of columns have shape (n, width).

    A pool that contains the previous one adds only its new rings.
    """
    ring, of_pool = rings(pools, len(next(iter(arrays.values()))))
    moments = ring_moments(arrays, ring, int(ring.max()) + 1)
    previous: set[int] = set()
    total = None
    for at in sorted(range(len(pools)), key=lambda at: (len(pools[at]), at)):
        own = set(of_pool[at])
        grows = total is not None and previous <= own
        new = [moments[index] for index in sorted(own - previous if grows else own)]
        total = reduce(add, new, total) if grows and total is not None else reduce(add, new)
        previous = own
        yield at, total


def with_rows(pool: Moments, arrays: Mapping[str, NDArray[np.floating]], rows: Rows) -> Moments:
    """Return the moments of a pool together with some rows outside the pool."""
    return pool + moments_of({name: array[rows] for name, array in arrays.items()})


def _renumbered(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return codes renumbered from 0 without gaps, in the same order."""
    present = np.bincount(codes) > 0
    return (np.cumsum(present) - 1)[codes]
