"""Rows of a matrix in another order, read where they stand: no copy of a memory map is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray

from w2s_probe.core.types import Features, Rows


class RowView(NDArrayOperatorsMixin):
    """Some rows of a matrix of features, in any order, as a read-only array that holds only their positions.

    Indexing by rows returns an array of these rows: code that reads by blocks needs the memory of a block. All else
    that an array has (arithmetic, `mean`, `T`, …) comes from a copy of all rows, which is not kept.

    Parameters
    ----------
    source : array of shape (n, d)
        Finite features, usually a memory map.
    rows : array of int, shape (m,)
        Positions in `source`.
    """

    ndim = 2

    def __init__(self, source: Features, rows: Rows) -> None:
        self.source, self.rows = source, rows

    @property
    def shape(self) -> tuple[int, int]:
        """Rows of the view, and features."""
        return len(self.rows), self.source.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the features."""
        return self.source.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the rows, of which none is held."""
        return self.source.dtype.itemsize * self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        rows, *columns = key if isinstance(key, tuple) else (key,)
        block = np.asarray(self.source[self.rows[rows]])
        return block[(..., *columns)] if columns else block

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001  # numpy's
        return self[:].astype(dtype or self.dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        arrays = [np.asarray(one) if isinstance(one, RowView) else one for one in inputs]
        return getattr(ufunc, method)(*arrays, **settings)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)


def row_view(X: Features | RowView, rows: Rows) -> Features:
    """Return rows of a matrix of checked features, shape (m, d), without a copy; a view of a view reads the matrix.

    Examples
    --------
    >>> import numpy as np
    >>> view = row_view(np.arange(6.0).reshape(3, 2), np.array([2, 0]))
    >>> view.shape, view[:1], np.asarray(row_view(view, np.array([1])))
    ((2, 2), array([[4., 5.]]), array([[0., 1.]]))
    """
    view = RowView(X.source, X.rows[rows]) if isinstance(X, RowView) else RowView(X, rows)
    return cast("Features", view)


def is_view(X: object) -> bool:
    """Return whether features are a view of rows, which nothing can be written to."""
    return isinstance(X, RowView)
