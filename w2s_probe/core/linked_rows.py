"""Finds which items pairs have by the features of the pairs: heads are fitted to copies of rows."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.types import Features, Rows


class LinkedRows:
    """The items of pairs, found again for any rows that are copies of these pairs' features.

    Pairs with equal features cannot be told from each other, except in whole parts.

    Parameters
    ----------
    links : array of int, shape (m, 2)
        Two numbers for each pair; pairs with a common number depend on each other.
    spaces : sequence of arrays of shape (m, d)
        Features of the same pairs in each space.
    parts : sequence of arrays of int
        Positions of pairs that heads are often fitted to together, in this order.
    """

    def __init__(self, links: Rows, spaces: Sequence[Features], *, parts: Sequence[Rows] = ()) -> None:
        self._links: dict[bytes, Rows] = {}
        self._of_parts: dict[bytes, Rows] = {}
        self._other = int(links.max(initial=0)) + 1  # a number for each row that is unknown
        for X in spaces:
            keys = _keys(X)
            self._links |= dict(zip(keys, links, strict=True))
            self._of_parts |= {_key_of([keys[row] for row in part.tolist()]): links[part] for part in parts}

    def of(self, X: Features) -> Rows:
        """Return the links of rows, shape (k, 2); a row that is no copy of a pair is linked to none.

        Parameters
        ----------
        X : array of shape (k, d)
            Features of pairs, which may repeat.
        """
        keys, alone = _keys(X), self._other + np.arange(len(X))
        part = self._of_parts.get(_key_of(keys))
        if part is not None:
            return part
        links = [self._links.get(key, (own, own)) for key, own in zip(keys, alone, strict=True)]
        return np.array(links, dtype=np.intp).reshape(len(X), 2)


def _keys(X: Features) -> list[bytes]:
    keys = []
    for rows in row_blocks(len(X)):
        block = np.ascontiguousarray(X[rows])
        keys += [blake2b(row.tobytes(), digest_size=16).digest() for row in block]
    return keys


def _key_of(keys: Sequence[bytes]) -> bytes:
    return blake2b(b"".join(keys), digest_size=16).digest()
