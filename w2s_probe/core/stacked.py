"""Several matrices as one, read where they stand: rows are gathered and converted when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.row_view import row_view
from w2s_probe.core.types import Features

Convert = Callable[[NDArray[Any]], NDArray[Any]]


class Stacked:
    """Rows of several matrices, one matrix below the other, in the type that they are computed in.

    Parameters
    ----------
    parts : sequence of array of shape (n_i, d)
        The matrices, usually memory maps, all of one width and type.
    convert : callable
        Takes rows as they are stored and returns them as float32 or float64, row by row and value by value.
    """

    ndim = 2

    def __init__(self, parts: Sequence[NDArray[Any]], convert: Convert) -> None:
        self.parts, self.convert = tuple(parts), convert
        self.dtype = convert(parts[0][:0]).dtype
        self.ends = np.cumsum([len(part) for part in parts])
        self.shape = (int(self.ends[-1]), parts[0].shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Return the rows at positions from 0 on, which may be one number or an array of any shape."""
        wanted = np.asarray(rows)
        at = wanted.ravel()
        part = np.searchsorted(self.ends, at, side="right")
        order = np.argsort(part, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(part[order])) + 1)
        if len(groups) == 1 and len(at):
            result = self._rows_of(int(part[0]), at)
        else:
            result = np.empty((len(at), self.shape[1]), dtype=self.dtype)
            for chosen in groups:
                result[chosen] = self._rows_of(int(part[chosen[0]]), at[chosen]) if len(chosen) else 0
        return result.reshape((*wanted.shape, self.shape[1]))

    def _rows_of(self, part: int, at: NDArray[np.int64]) -> NDArray[Any]:
        """Return rows of one part, whose positions among all rows are given."""
        source = self.parts[part]
        return self.convert(source[at - (int(self.ends[part]) - len(source))])


def stacked(parts: Sequence[NDArray[Any]], convert: Convert) -> Features:
    """Return several matrices as one read-only matrix, of which no row is held; see `Stacked`.

    Examples
    --------
    >>> import numpy as np
    >>> halves = [np.array([[1.0, 2.0]], dtype=np.float16), np.array([[3.0, 4.0]], dtype=np.float16)]
    >>> X = stacked(halves, lambda block: block.astype(np.float32))
    >>> X.shape, X.dtype.name, X[1:]
    ((2, 2), 'float32', array([[3., 4.]], dtype=float32))
    """
    X = Stacked(parts, convert)
    return row_view(cast("Features", X), np.arange(len(X)))
