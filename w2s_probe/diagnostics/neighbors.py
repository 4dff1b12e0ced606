"""The k nearest neighbors of every row, and the rows without duplicates.

faiss finds candidates in float32 without an n x n matrix; their distances are then
computed again from differences, summed in float64. A blocked matrix product with partial sorting
took as long (2.0 s of one core for 10,000 x 768), so the shorter code stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.errors import ShapeError
from w2s_probe.core.types import Features, Float, Rows

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
    import faiss

    n = len(X)
    if n <= k:
        msg = f"{k} neighbors need more than {k} distinct rows: got {n}. Use more rows or fewer neighbors."
        raise ShapeError(msg)
    # faiss computes |x|^2 + |y|^2 - 2xy: a large mean or scale would cost digits
    centered = X - X.mean(axis=0, dtype=np.float64)
    scaled = np.ascontiguousarray(centered / max(np.abs(centered).max(), np.finfo(np.float64).tiny), dtype=np.float32)
    index = faiss.IndexFlatL2(X.shape[1])
    index.add(scaled)
    candidates = index.search(scaled, min(k + 1 + SPARE, n))[1]
    parts = [_rescored(X, rows, candidates[rows], k) for rows in row_blocks(n, 64)]  # 64 rows stay in the cache
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


def _rescored(X: Features, rows: slice, candidates: Rows, k: int) -> tuple[Rows, Float]:
    """Return the k nearest candidates by exact distances, without the row itself."""
    difference = X[candidates] - X[rows, None]
    distances = np.sqrt(np.einsum("ijk,ijk->ij", difference, difference, dtype=np.float64))
    distances[candidates == np.arange(rows.start, rows.stop)[:, None]] = np.inf
    order = np.lexsort((candidates, distances), axis=1)[:, :k]
    return np.take_along_axis(candidates, order, axis=1), np.take_along_axis(distances, order, axis=1)
