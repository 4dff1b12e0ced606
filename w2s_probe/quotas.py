"""How many rows of each stratum a part gets, and which."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from w2s_probe.errors import SplitError

__all__ = ["first_of_each", "stratified"]

Rows = NDArray[np.intp]


def first_of_each(rows: Rows, strata: NDArray[np.int64], quotas: NDArray[np.int64]) -> Rows:
    """Return the first rows of each stratum, in their order.

    Parameters
    ----------
    rows : array of int
        Rows to choose from.
    strata : array of int, shape (n,)
        Stratum of every row of the table.
    quotas : array of int
        How many rows of each stratum, at most as many as there are.
    """
    codes = strata[rows]
    by_class = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[by_class], np.arange(len(quotas)))
    position = np.empty(len(rows), dtype=np.intp)
    position[by_class] = np.arange(len(rows)) - starts[codes[by_class]]
    return rows[position < quotas[codes]]


def stratified(
    rows: Rows,
    strata: NDArray[np.int64],
    size: int | None,
    *,
    reserve: int,
    part: str,
    shares: NDArray[np.int64] | None = None,
) -> Rows:
    """Return the first rows of each class, as many as its share of `size`.

    Parameters
    ----------
    rows, strata
        As in `first_of_each`.
    size : int or None
        Rows wanted; None is all of them.
    reserve : int
        Rows of each class that stay for the parts after it.
    part : str
        Whose rows they are, for messages.
    shares : array of int, optional
        Proportions of the classes; by default those of `rows`.

    Raises
    ------
    SplitError
        If there are too few rows, of all or of a class.
    """
    if size is None:
        return rows
    if size > len(rows):
        msg = (
            f"the {part} part needs {size} rows: only {len(rows)} are left, since identical items and rows "
            "of one source stay on one side. Ask for fewer rows."
        )
        raise SplitError(msg)
    codes = strata[rows]
    counts = np.bincount(codes, minlength=int(strata.max()) + 1)
    quotas = _shares(size, counts, counts if shares is None else shares, reserve=reserve, part=part)
    return first_of_each(rows, strata, quotas)


def _shares(
    size: int, counts: NDArray[np.int64], proportions: NDArray[np.int64], *, reserve: int, part: str
) -> NDArray[np.int64]:
    """Return whole shares of `size`, at most `counts`, in proportion to `proportions`, by largest remainder.

    Each class with rows gets at least one and leaves `reserve` rows for the parts after it.
    """
    some = (counts > 0).astype(np.int64)
    most = np.maximum(counts - reserve, 0)
    if size < some.sum() or size > most.sum() or (most < some).any():
        msg = (
            f"the {part} part must hold every class and leave some of each to the others: {size} rows are asked "
            f"of {int(counts.sum())} in {int(some.sum())} classes. Change the sizes, or merge rare classes."
        )
        raise SplitError(msg)
    exact = size * proportions / proportions.sum()
    shares = np.clip(np.floor(exact).astype(np.int64), some, most)
    while (missing := size - int(shares.sum())) != 0:
        room = shares < most if missing > 0 else shares > some
        urgency = np.where(room, np.sign(missing) * (exact - shares), -np.inf)
        shares[urgency.argmax()] += np.sign(missing)
    return shares
