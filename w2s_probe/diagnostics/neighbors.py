"""The k nearest neighbors of every row, and the rows without duplicates.

Matrix products in float32 find candidates tile by tile, without an n x n matrix; their distances are then computed
again from differences, summed in float64. The products are numpy's, since the OpenBLAS in the wheel of faiss does
not know newer processors: its search took 5.9 s of one core for 10,000 x 768, with numpy's kernel 1.4 s, and this
one 1.3 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import isqrt

import numpy as np

from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.errors import ShapeError
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.linalg.threads import map_in_order, shared_threads

TILE = 2048  # rows and columns of one product: 16 MB
SPARE = 4  # candidates beyond k, so that float32 rounding in the search cannot push a neighbor out


@dataclass(frozen=True, eq=False, kw_only=True)
class Neighbors:
    """The k nearest other rows of each row.

    Parameters
    ----------
    indices : array of shape (n, k)
        Row numbers, nearest first.
    distances : array of shape (n, k)
        Euclidean distances, ascending.
    """

    indices: Rows
    distances: Float


@shared_threads()
def nearest_neighbors(X: Features, *, k: int) -> Neighbors:
    """Return the exact Euclidean nearest neighbors of every row among the others.

    Parameters
    ----------
    X : array of shape (n, d)
        Distinct rows; see `distinct_rows`.
    k : int
        Number of neighbors of each row, less than n.

    Raises
    ------
    ShapeError
        If there are at most k rows.
    """
    n = len(X)
    if n <= k:
        msg = f"{k} neighbors need more than {k} distinct rows: got {n}. Use more rows or fewer neighbors."
        raise ShapeError(msg)
    candidates = _candidates(X, min(k + 1 + SPARE, n))
    parts = list(map_in_order(lambda rows: _rescored(X, rows, candidates[rows], k), row_blocks(n, 16)))
    return Neighbors(
        indices=np.concatenate([part[0] for part in parts]), distances=np.concatenate([part[1] for part in parts])
    )


def distinct_rows(*features: Features) -> Rows:
    """Return positions of the rows that equal no earlier row in any space; each space has shape (n, d)."""
    distinct = np.ones(len(features[0]), dtype=bool)
    for X in features:
        earlier: set[bytes] = set()
        for i, row in enumerate(X):
            key = (row + 0.0).tobytes()  # -0 equals 0
            distinct[i] &= key not in earlier
            earlier.add(key)
    return np.flatnonzero(distinct)


def _candidates(X: Features, count: int) -> Rows:
    """Return the `count` nearest rows of each row by distances in float32, itself among them, in no order.

    A tile of distances is used twice: for its rows and, transposed, for its columns.
    """
    n = len(X)
    left, right = _factors(X)
    nearest, distances = np.zeros((n, count), dtype=np.intp), np.full((n, count), np.inf, dtype=np.float32)

    def smallest_of_tile(tile: tuple[slice, slice]) -> list[tuple[slice, slice, Rows, Float]]:
        rows, columns = tile
        product = left[rows] @ right[columns].T
        of_rows = (rows, columns, *_smallest(product, count))
        return [of_rows] if rows == columns else [of_rows, (columns, rows, *_smallest(product.T, count))]

    for sides in map_in_order(smallest_of_tile, combinations_with_replacement(row_blocks(n, TILE), 2)):
        for rows, columns, positions, values in sides:
            both = np.hstack([distances[rows], values])
            best = np.argpartition(both, count - 1, axis=1)[:, :count]
            nearest[rows] = np.take_along_axis(np.hstack([nearest[rows], positions + columns.start]), best, axis=1)
            distances[rows] = np.take_along_axis(both, best, axis=1)
    return nearest


def _factors(X: Features) -> tuple[Float, Float]:
    """Return float32 factors of shape (n, d + 2) whose product is half the squared distances, in an arbitrary unit."""
    n, d = X.shape
    # |x|^2 + |y|^2 - 2xy: a large mean or scale would cost digits
    centered = X - X.mean(axis=0, dtype=np.float64).astype(X.dtype)
    left, right = np.ones((n, d + 2), dtype=np.float32), np.ones((n, d + 2), dtype=np.float32)
    left[:, :d] = centered / max(np.abs(centered).max(), np.finfo(X.dtype).tiny)
    np.negative(left[:, :d], out=right[:, :d])
    left[:, d + 1] = right[:, d] = np.einsum("ij,ij->i", left[:, :d], left[:, :d]) / 2
    return left, right


def _smallest(values: Float, count: int) -> tuple[Rows, Float]:
    """Return positions and values of the `count` smallest values of each row, or of all, in no order.

    Columns are dealt into sets. The smallest values lie in the sets with the smallest minima, so that only minima
    and the columns of `count` sets are partitioned, and not whole rows.
    """
    n, m = values.shape
    size = max(isqrt(m // count), 1)
    sets = m // size  # set s has the columns s, s + sets, s + 2 sets, …; columns from size * sets on are in none
    if sets <= count:
        return np.broadcast_to(np.arange(m), values.shape), values
    minima = values[:, : size * sets].reshape(n, size, sets).min(axis=1)
    best_sets = np.argpartition(minima, count - 1, axis=1)[:, :count]
    columns = (best_sets[:, :, None] + sets * np.arange(size)).reshape(n, -1)
    rest = np.broadcast_to(np.arange(size * sets, m), (n, m - size * sets))
    columns = np.hstack([columns, rest])
    chosen = np.take_along_axis(values, columns, axis=1)
    best = np.argpartition(chosen, count - 1, axis=1)[:, :count]
    return np.take_along_axis(columns, best, axis=1), np.take_along_axis(chosen, best, axis=1)


def _rescored(X: Features, rows: slice, candidates: Rows, k: int) -> tuple[Rows, Float]:
    """Return the k nearest candidates by exact distances, without the row itself."""
    difference = X.take(candidates, axis=0)
    difference -= X[rows, None]
    distances = np.sqrt(np.einsum("ijk,ijk->ij", difference, difference, dtype=np.float64))
    distances[candidates == np.arange(rows.start, rows.stop)[:, None]] = np.inf
    order = np.lexsort((candidates, distances), axis=1)[:, :k]
    return np.take_along_axis(candidates, order, axis=1), np.take_along_axis(distances, order, axis=1)
