r"""Row count, means and Grams of named blocks of columns, from one pass over the rows.

A row :math:`x_i` joins named blocks: teacher features, student features, labels. `Moments` holds n, the mean
and the scatter :math:`\sum_i (x_i - \bar x)(x_i - \bar x)^\top`. Two disjoint sets of rows a and b add up by

.. math::
    S = S_a + S_b + \frac{n_a n_b}{n_a + n_b} \delta\delta^\top, \qquad \delta = \bar x_a - \bar x_b

(Chan, Golub and LeVeque [1]_); the same formula subtracts rows. The cost of heads, spectra, overlaps and
similarities of any split then depends on their dimensions only, not on the number of rows.

References
----------
.. [1] Chan, Golub and LeVeque (1983), The American Statistician 37.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import BLOCK_ROWS, check_same_rows, row_blocks
from w2s_probe.core.errors import ShapeError, W2SProbeError
from w2s_probe.core.files import read_member, reason
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.core.writing import replacing
from w2s_probe.linalg.threads import map_in_order

Arrays = Mapping[str, Features]
MOST_BYTES = 64 << 20  # of the rows that threads multiply at the same time


@dataclass(frozen=True, eq=False, kw_only=True)
class Moments:
    """Row count, mean and scatter of named blocks of columns.

    Parameters
    ----------
    n : int
        Rows.
    mean : array of shape (D,)
        Mean of each column.
    scatter : array of shape (D, D)
        Centered sums of squares and products.
    widths : mapping of str to int
        Names and widths of the blocks, in the order of their columns.
    """

    n: int
    mean: Float
    scatter: Float
    widths: Mapping[str, int]

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of both sets of rows together; they must be disjoint."""
        self._check_blocks(other)
        n = self.n + other.n
        if n == 0:
            return self
        delta = other.mean - self.mean
        scatter = self.scatter + other.scatter + (self.n * other.n / n) * np.outer(delta, delta)
        return Moments(n=n, mean=self.mean + (other.n / n) * delta, scatter=scatter, widths=self.widths)

    def __sub__(self, other: Moments) -> Moments:
        """Return the moments without the rows of `other`, which must be among these."""
        self._check_blocks(other)
        n = self.n - other.n
        if n < 1:
            msg = f"moments must keep at least one row: got {self.n} rows minus {other.n}. Subtract fewer rows."
            raise ShapeError(msg)
        delta = (self.mean - other.mean) * (self.n / n)  # mean of the remaining rows minus mean of the removed rows
        scatter = self.scatter - other.scatter - (n * other.n / self.n) * np.outer(delta, delta)
        return Moments(n=n, mean=other.mean + delta, scatter=scatter, widths=self.widths)

    def columns(self, name: str) -> slice:
        """Return the columns of a block, as a slice."""
        start = 0
        for block, width in self.widths.items():
            if block == name:
                return slice(start, start + width)
            start += width
        msg = f"moments must have the block {name!r}: got {', '.join(self.widths)}. Add it to the arrays of moments_of."
        raise ShapeError(msg)

    def mean_of(self, name: str) -> Float:
        """Return the mean of a block, shape (width,)."""
        return self.mean[self.columns(name)]

    def gram(self, name: str, other: str | None = None) -> Float:
        """Return the centered Gram of a block, or the cross-Gram of two, shape (width, other width)."""
        return self.scatter[self.columns(name), self.columns(other or name)]

    def select(self, *names: str) -> Moments:
        """Return the moments of some blocks."""
        columns = np.concatenate([np.r_[self.columns(name)] for name in names])
        widths = {name: self.widths[name] for name in names}
        scatter = self.scatter[np.ix_(columns, columns)]
        return Moments(n=self.n, mean=self.mean[columns], scatter=scatter, widths=widths)

    def save(self, path: Path) -> None:
        """Write to an ``.npz`` file that holds plain numbers only."""
        names = np.array(list(self.widths), dtype=np.str_)
        sizes = np.array(list(self.widths.values()), dtype=np.int64)
        with replacing(path) as handle:
            np.savez(handle, n=np.int64(self.n), mean=self.mean, scatter=self.scatter, names=names, sizes=sizes)

    @staticmethod
    def load(path: Path) -> Moments:
        """Read a file that `save` wrote; nothing is unpickled.

        `ShapeError` if the file does not hold moments, `DataError` if it would need far more memory than its size.
        """
        try:
            return _read(path)
        except W2SProbeError:
            raise
        except Exception as error:  # on crafted bytes, readers raise errors of any kind
            msg = f"{path.name} must be a file written by Moments.save: it cannot be read ({reason(error)}). "
            msg += "Save the moments again."
            raise ShapeError(msg) from error

    def _check_blocks(self, other: Moments) -> None:
        if dict(self.widths) != dict(other.widths):
            msg = (
                f"moments must have the same blocks: got widths {dict(self.widths)} and {dict(other.widths)}. "
                "Compute both from arrays with the same names and widths."
            )
            raise ShapeError(msg)


def _read(path: Path) -> Moments:
    with zipfile.ZipFile(path) as archive:
        read = partial(read_member, path, archive, label=path.name)
        n, names, sizes = (read(name).tolist() for name in ("n", "names", "sizes"))
        mean, scatter = read("mean"), read("scatter")
    widths = dict(zip(names, sizes, strict=True))
    positive = all(type(number) is int and number > 0 for number in (n, *sizes))
    D = sum(sizes) if positive else 0
    fit = mean.shape == (D,) and scatter.shape == (D, D) and mean.dtype == scatter.dtype == np.float64
    if not positive or not fit or len(widths) < len(names) or not all(isinstance(name, str) for name in names):
        msg = f"its blocks {widths!s:.60} do not fit arrays of shapes {mean.shape} and {scatter.shape}"
        raise ValueError(msg)
    if not (np.isfinite(mean).all() and np.isfinite(scatter).all() and np.array_equal(scatter, scatter.T)):
        msg = "its scatter is not finite and symmetric"
        raise ValueError(msg)
    return Moments(n=n, mean=mean, scatter=scatter, widths=widths)


def moments_of(arrays: Arrays, *, rows: Rows | None = None, dtype: type[np.floating[Any]] = np.float64) -> Moments:
    """Return the moments of m of the n rows, by default of all, read by blocks.

    Parameters
    ----------
    arrays : mapping of name to array of shape (n, width)
        Blocks of columns; memory maps are read once, in order.
    rows : array of int, shape (m,), optional
        Distinct positions.
    dtype : type
        Precision of the products (sums over blocks are always float64): float32 is about twice as fast, with a
        relative error near 5e-7.
    """
    n = _rows(arrays)
    if rows is None:
        (whole,) = ring_moments(arrays, np.zeros(n, dtype=np.int8), 1, dtype=dtype)
        return whole
    ring = np.ones(n, dtype=np.int8)
    ring[rows] = 0
    (chosen,) = ring_moments(arrays, ring, 1, dtype=dtype)
    return chosen


def ring_moments(
    arrays: Arrays, ring: NDArray[np.integer[Any]], count: int, *, dtype: type[np.floating[Any]] = np.float64
) -> list[Moments]:
    """Return the moments of `count` disjoint sets of rows, from one pass over all rows.

    `ring`, shape (n,), is the number of each row's set; rows with a number outside ``range(count)`` are left out.
    `arrays` and `dtype` are described in `moments_of`. Sums of the first sets are nested sets: see `nested`.
    """
    n = _rows(arrays)
    check_same_rows("ring", len(ring), "the arrays", n)
    widths = {name: array.shape[1] for name, array in arrays.items()}
    D = sum(widths.values())
    sums = [_Sums(D) for _ in range(count)]
    chunks = _chunks(arrays, ring, sums, dtype)
    at_once = max(MOST_BYTES // (BLOCK_ROWS * D * np.dtype(dtype).itemsize), 2)
    for sum_, total, products in map_in_order(_products, chunks, at_once=at_once):
        sum_.total += total
        sum_.products += products
    return [sum_.moments(widths) for sum_ in sums]


def _chunks(
    arrays: Arrays, ring: NDArray[np.integer[Any]], sums: Sequence[_Sums], dtype: type[np.floating[Any]]
) -> Iterator[tuple[_Sums, NDArray[Any]]]:
    """Yield rows of each set, minus the set's origin, in chunks that are worth a matrix product."""
    for rows in row_blocks(len(ring)):
        sets = ring[rows]
        inside = np.flatnonzero((sets >= 0) & (sets < len(sums)))
        if not len(inside):
            continue
        positions = rows if len(inside) == len(sets) else rows.start + inside  # of a memory map, read these rows only
        block = np.concatenate([array[positions] for array in arrays.values()], axis=1, dtype=dtype)
        sets = sets[inside]
        for index in np.unique(sets):
            sum_ = sums[int(index)]
            sum_.add(block if (sets == index).all() else block[sets == index])
            if sum(map(len, sum_.waiting)) >= BLOCK_ROWS:
                yield sum_, sum_.taken()
    for sum_ in sums:
        if sum_.waiting:
            yield sum_, sum_.taken()


def _products(chunk: tuple[_Sums, NDArray[Any]]) -> tuple[_Sums, Float, NDArray[Any]]:
    sum_, shifted = chunk
    return sum_, shifted.sum(axis=0, dtype=np.float64), shifted.T @ shifted


class _Sums:
    """Sums of rows minus a fixed origin near their mean, so that no large numbers cancel.

    Rows wait in a list until there are enough of them that their matrix product costs more than the D x D
    additions that follow it.
    """

    def __init__(self, D: int) -> None:
        self.n, self.total, self.products = 0, np.zeros(D), np.zeros((D, D))
        self.origin: NDArray[Any] | None = None
        self.waiting: list[NDArray[Any]] = []

    def add(self, block: NDArray[Any]) -> None:
        """Let the rows of a block wait."""
        if self.origin is None:
            self.origin = block.mean(axis=0, dtype=np.float64).astype(block.dtype)
        self.waiting.append(block - self.origin)

    def taken(self) -> NDArray[Any]:
        """Return the waiting rows, which are counted and wait no longer."""
        shifted = self.waiting[0] if len(self.waiting) == 1 else np.concatenate(self.waiting)
        self.waiting = []
        self.n += len(shifted)
        return shifted

    def moments(self, widths: Mapping[str, int]) -> Moments:
        """Return the moments of all rows whose sums were added."""
        if self.origin is None:
            return Moments(n=0, mean=self.total, scatter=self.products, widths=widths)
        center = self.total / self.n
        scatter = self.products - self.n * np.outer(center, center)
        return Moments(n=self.n, mean=self.origin + center, scatter=scatter, widths=widths)


def _rows(arrays: Arrays) -> int:
    (first, n), *rest = ((name, len(array)) for name, array in arrays.items())
    for name, m in rest:
        check_same_rows(name, m, first, n)
    return n


def nested(parts: Sequence[Moments]) -> list[Moments]:
    """Return running sums: the first part, the first two, and so on."""
    out = [parts[0]]
    for part in parts[1:]:
        out.append(out[-1] + part)
    return out
