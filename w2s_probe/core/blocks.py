"""Blocks of rows that stay in one part: equal values, their random order, and the rows outside some blocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.types import Rows


def same_item_blocks(*keys: Sequence[bytes] | Sequence[str] | NDArray[Any]) -> Rows:
    """Return the block of each row, shape (n,): two rows with an equal value of any key are in one block.

    Keys are sequences of length n, such as content hashes, or names or numbers of sources. Blocks are connected
    components: rows can be linked through other rows. They are numbered by their first rows.
    """
    codes = [_codes(np.asarray(key)) for key in keys]
    if len(codes) == 1:
        return _numbered_by_first_row(codes[0])

    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(codes[0])
    starts = np.cumsum([n] + [int(code.max()) + 1 for code in codes])
    rows = np.tile(np.arange(n), len(codes))
    columns = np.concatenate([code + start for code, start in zip(codes, starts, strict=False)])
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(starts[-1], starts[-1]))
    return _numbered_by_first_row(connected_components(graph, directed=False)[1][:n])


def _codes(keys: NDArray[Any]) -> NDArray[np.integer]:
    """Return a number for each key, equal for equal keys; digests are compared by halves, which sort much faster."""
    if keys.dtype == np.dtype("S16"):
        left, right = np.ascontiguousarray(keys).view(np.uint64).reshape(-1, 2).T
        _, first, codes = np.unique(left, return_index=True, return_inverse=True)
        if (right == right[first][codes]).all():
            return codes
    return np.unique(keys, return_inverse=True)[1]


def _numbered_by_first_row(codes: NDArray[np.integer]) -> Rows:
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    number = np.empty(len(first), dtype=np.intp)
    number[np.argsort(first)] = np.arange(len(first))
    return number[inverse]


def random_order(seed: int | Sequence[int], blocks: Rows) -> Rows:
    """Return all rows in a random order of blocks; test and labeled rows are its first rows, the pool its last.

    All rows are put into a random order, then each block moves to its first row of the table. The order of two
    rows therefore depends on their places in the table and on their own blocks only.
    """
    rank = np.random.default_rng(seed).permutation(len(blocks))
    _, first, block = np.unique(blocks, return_index=True, return_inverse=True)
    return np.lexsort((rank, rank[first][block]))


def outside(blocks: Rows, parts: Iterable[Rows]) -> NDArray[np.bool_]:
    """Return the rows outside the blocks of some rows, shape (n,)."""
    used = np.zeros(int(blocks.max()) + 1, dtype=np.bool_)
    for rows in parts:
        used[blocks[rows]] = True
    return ~used[blocks]
