"""Columns of a table: a number for each row, and each distinct value once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from w2s_probe.core.types import Rows


class Column(Sequence[Any]):
    """The values of n rows as a sequence; a label or group costs four bytes a row, whatever its name.

    Parameters
    ----------
    codes : array of int, shape (n,)
        Position in `values` of each row's value.
    values : sequence
        Values; those of :meth:`of` are distinct and in the order of their first rows. 1, 1.0 and True are distinct.

    Examples
    --------
    >>> import numpy as np
    >>> column = Column.of(["no", "yes", "no", None])
    >>> column[1], column[np.array([2, 3])], column.where(lambda value: value == "no").tolist()
    ('yes', Column(['no', None]), [True, False, True, False])
    """

    def __init__(self, codes: NDArray[np.int32], values: Sequence[Any]) -> None:
        self.codes, self.values = codes, values

    @classmethod
    def of(cls, values: Sequence[Any]) -> Column:
        """Return a sequence as a column, without values that no row has; values that cannot be hashed stay apart."""
        if isinstance(values, Column):
            used, first = np.unique(values.codes, return_index=True)
            used = used[np.argsort(first)]
            position = np.zeros(len(values.values), dtype=np.int32)
            position[used] = np.arange(len(used), dtype=np.int32)
            same = len(used) == len(values.values) and (used[1:] > used[:-1]).all()
            return values if same else cls(position[values.codes], [values.values[code] for code in used.tolist()])
        place: dict[Any, int] = {}
        codes = np.fromiter((place.setdefault(_key(value), len(place)) for value in values), np.int32, len(values))
        first = np.unique(codes, return_index=True)[1]
        return cls(codes, [values[row] for row in first.tolist()])

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, rows: int) -> Any: ...

    @overload
    def __getitem__(self, rows: slice | Rows | NDArray[np.bool_]) -> Column: ...

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, (int, np.integer)):
            return self.values[int(self.codes[rows])]
        return Column(self.codes[rows], self.values)

    def __iter__(self) -> Iterator[Any]:
        values = list(self.values)
        return map(
            values.__getitem__,
            chain.from_iterable(block.tolist() for block in np.split(self.codes, range(2048, len(self), 2048))),
        )

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001  # numpy's
        return np.asarray(self.values, dtype=dtype)[self.codes]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, (str, bytes)):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # equal to lists

    def __repr__(self) -> str:
        return f"Column({list(self)!r:.200})"

    def where(self, test: Callable[[Any], bool]) -> NDArray[np.bool_]:
        """Return the rows whose value passes a test, as a mask of shape (n,)."""
        return np.array([test(value) for value in self.values], dtype=np.bool_)[self.codes]

    def renamed(self, name: Callable[[Any], Any]) -> Column:
        """Return the column with ``name(value)`` for each value; equal names share a position."""
        names = Column.of([name(value) for value in self.values])
        return Column(names.codes[self.codes], names.values)

    def counts(self) -> Counter[Any]:
        """Return the number of rows of each value, for values that can be hashed, as a `Counter` of a list does."""
        counts: Counter[Any] = Counter()
        for value, rows in zip(self.values, np.bincount(self.codes, minlength=len(self.values)).tolist(), strict=True):
            counts[value] += rows
        return counts

    def first_row(self, position: int) -> int:
        """Return the first row with the value at a position of `values`."""
        return int((self.codes == position).argmax())


def _key(value: Any) -> Any:
    """Return what tells a value from others: its type and itself, or the object if it has no hash."""
    try:
        hash(value)
    except TypeError:
        return id(value)
    return type(value), value
