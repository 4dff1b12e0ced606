"""Composition of a part: the share of each class, and of conflicting rows within each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import SplitError
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.types import Float, Rows

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Composition:
    """The stratum of each row, and the share of each stratum that a part must have.

    Parameters
    ----------
    strata : array of int, shape (n,)
        Twice the class, plus 1 if the row's group value is not the usual one of its class.
    class_shares : array of shape (K,)
        Share of each class in every part; they sum to 1.
    minority : mapping of part to array of shape (K,)
        Share of conflicting rows within each class of that part.
    stratum_names : tuple of str
        Names of the strata for messages.
    """

    strata: NDArray[np.int64]
    class_shares: Float
    minority: Mapping[str, Float]
    stratum_names: tuple[str, ...]

    def quotas(self, part: str, size: int) -> Counts:
        """Return how many rows of each stratum a part of `size` rows has, shape (2K,).

        The size is divided among classes by largest remainder; conflicting rows are rounded within each class.
        """
        exact = size * self.class_shares
        of_class = np.floor(exact + 1e-9).astype(np.int64)
        rest = np.argsort(of_class - exact, kind="stable")[: size - int(of_class.sum())]
        of_class[rest] += 1
        minority = np.floor(of_class * self.minority[part] + 0.5 + 1e-9).astype(np.int64)
        return np.column_stack([of_class - minority, minority]).ravel()

    def shares(self, part: str) -> Float:
        """Return the share of each stratum that a part must have, shape (2K,)."""
        minority = self.minority[part]
        return np.column_stack([self.class_shares * (1 - minority), self.class_shares * minority]).ravel()

    def counts(self, rows: Rows) -> Counts:
        """Return the number of `rows` in each stratum, shape (2K,)."""
        return np.bincount(self.strata[rows], minlength=2 * len(self.class_shares))

    def largest(self, part: str, available: Counts, *, most: int) -> int:
        """Return, by bisection, the largest size up to `most` for which the strata have enough rows.

        `available` holds the number of rows in each stratum, shape (2K,).
        """
        low, high = 0, most + 1
        while high - low > 1:
            middle = (low + high) // 2
            fits = bool((self.quotas(part, middle) <= available).all())
            low, high = (middle, high) if fits else (low, middle)
        return low

    def checked_quotas(self, part: str, size: int, available: Counts) -> Counts:
        """Return `quotas`, or raise `SplitError` with the largest possible size if a stratum has too few rows."""
        quotas = self.quotas(part, size)
        of_class = quotas.reshape(-1, 2).sum(axis=1)
        short = np.flatnonzero(quotas > available)
        if not len(short) and of_class.all():
            return quotas
        most = self.largest(part, available, most=size)
        if not len(short):
            msg = (
                f"the {part} part must hold every class: got {size} rows for {len(of_class)} classes. Raise `n_{part}`."
            )
            raise SplitError(msg)
        worst = int(short[(quotas[short] - available[short]).argmax()])
        advice = f"Set `n_{part}` to at most {most}, or change the shares." if most else "Change the shares."
        msg = (
            f"the {part} part of {size} rows must have {quotas[worst]} rows of {self.stratum_names[worst]}: only "
            f"{available[worst]} are left. {advice}"
        )
        raise SplitError(msg)


def composition_of(
    labels: Labels, groups: Groups | None, *, etas: Mapping[str, float | None], balance_classes: bool
) -> Composition:
    """Return the composition of the parts; by default a share is the share among all rows.

    `labels` must have classes. `etas` maps each part to its fraction of conflicting rows within each class, or
    to None for the default; a fraction needs `groups` with a cue. `balance_classes` gives classes equal shares.
    """
    classes = labels.classes or ()
    codes = labels.values
    totals = np.bincount(codes, minlength=len(classes))
    conflicting = np.zeros(len(codes), dtype=np.bool_) if groups is None else groups.conflicting
    own = np.bincount(codes[conflicting], minlength=len(classes)) / totals
    minority = {part: own if eta is None else np.full(len(classes), eta) for part, eta in etas.items()}
    uniform = np.full(len(classes), 1 / len(classes))
    names = tuple(f"class {label!r}{side}" for label in classes for side in _sides(groups, label))
    return Composition(
        strata=2 * codes + conflicting,
        class_shares=uniform if balance_classes else totals / totals.sum(),
        minority=minority,
        stratum_names=names,
    )


def _sides(groups: Groups | None, label: str) -> tuple[str, str]:
    usual = groups.cue.get(label) if groups else None
    return (f" with {usual!r}", f" without {usual!r}") if usual else ("", "")


def first_of_each(rows: Rows, strata: NDArray[np.int64], quotas: NDArray[np.int64]) -> Rows:
    """Return the first ``quotas[s]`` of `rows` in each stratum s, in the order of `rows`.

    `strata` is the stratum of every row of the table, shape (n,).
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
    """Return the first `size` of `rows`, all if None, stratified by class.

    Classes are in proportion to `shares`, by default to their counts in `rows`, and leave `reserve` rows of each
    class for later parts. Raises `SplitError`, with the name of the `part`, if there are too few rows.
    """
    if size is None:
        return rows
    if size > len(rows):
        msg = (
            f"the {part} part must have {size} rows: only {len(rows)} are left, since identical items and rows "
            f"of one source stay in one part. Lower `n_{part}`."
        )
        raise SplitError(msg)
    codes = strata[rows]
    counts = np.bincount(codes, minlength=int(strata.max()) + 1)
    quotas = _shares(size, counts, counts if shares is None else shares, reserve=reserve, part=part)
    return first_of_each(rows, strata, quotas)


def testable_rows(strata: NDArray[np.int64], rows: int, n_test: int | None, *, later: int) -> int:
    """Return the size of the test part, where only some of the rows may be in it; `strata` are those of these."""
    most = int(np.maximum(np.bincount(strata) - later, 0).sum()) if len(strata) else 0
    size = min(2000, rows // 3, most) if n_test is None else n_test
    if not 0 < size <= most:
        msg = (
            f"the test part must hold rows that the teacher was not trained on: got {most:,} of {rows:,}, and `n_test` "
            f"{size:,}. Lower `n_test`, or add rows that the teacher did not see."
        )
        raise SplitError(msg)
    return size


def _shares(
    size: int, counts: NDArray[np.int64], proportions: NDArray[np.int64], *, reserve: int, part: str
) -> NDArray[np.int64]:
    """Return whole shares of `size`, at most `counts`, in proportion to `proportions`, by largest remainder.

    Each class with rows gets at least one row and leaves `reserve` rows for later parts.
    """
    some = (counts > 0).astype(np.int64)
    most = np.maximum(counts - reserve, 0)
    if size < some.sum() or size > most.sum() or (most < some).any():
        msg = (
            f"the {part} part must hold every class and leave rows of every class for later parts: got {size} of "
            f"{int(counts.sum())} rows in {int(some.sum())} classes. Change `n_{part}`, or merge rare classes."
        )
        raise SplitError(msg)
    exact = size * proportions / proportions.sum()
    shares = np.clip(np.floor(exact).astype(np.int64), some, most)
    while (missing := size - int(shares.sum())) != 0:
        room = shares < most if missing > 0 else shares > some
        urgency = np.where(room, np.sign(missing) * (exact - shares), -np.inf)
        shares[urgency.argmax()] += np.sign(missing)
    return shares
