"""Splits of a table's rows into labeled rows, unlabeled pool and test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import read_only
from w2s_probe.core.blocks import outside, random_order
from w2s_probe.core.composition import Composition, first_of_each, stratified, testable_rows
from w2s_probe.core.errors import SplitError
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.types import Rows

Part = Literal["labeled", "unlabeled", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
DRAWN: tuple[Part, ...] = ("test", "labeled", "unlabeled")  # in this order
Sizes = Sequence[int | None]


@dataclass(frozen=True, eq=False, kw_only=True)
class Split:
    """Disjoint rows of one table.

    Parameters
    ----------
    labeled : array of int, shape (n,)
        Rows with whose true labels teacher and baseline are trained (L).
    unlabeled : array of int, shape (N,)
        Pool: rows with whose pseudolabels the student is trained (U).
    test : array of int, shape (m,)
        Rows on which every system is scored (T).
    seed : int
        Seed of the random order from which the parts were drawn.

    Raises
    ------
    SplitError
        If a part is empty or a row is in two parts.
    """

    labeled: Rows
    unlabeled: Rows
    test: Rows
    seed: int

    def __post_init__(self) -> None:
        for part, rows in self.parts().items():
            object.__setattr__(self, part, read_only(rows))
            if not len(rows):
                msg = f"the {part} part must hold at least one row: got none. Make another part smaller."
                raise SplitError(msg)
            repeats = len(rows) - len(np.unique(rows))
            if repeats:
                twice = "1 row is" if repeats == 1 else f"{repeats:,} rows are"
                msg = f"the {part} part must hold each row once: {twice} in it again. Remove the repeated rows."
                raise SplitError(msg)
        every = np.concatenate(list(self.parts().values()))
        shared = len(every) - len(np.unique(every))
        if shared:
            both = "1 row is" if shared == 1 else f"{shared:,} rows are"
            msg = f"labeled, unlabeled and test must not share rows: {both} in two parts. Put each row into one part."
            raise SplitError(msg)

    def parts(self) -> dict[Part, Rows]:
        """Return the rows of each part by its name."""
        return {"labeled": self.labeled, "unlabeled": self.unlabeled, "test": self.test}


def draw_splits(
    labels: Labels,
    *,
    seeds: Sequence[int],
    n_labeled: int | None = None,
    n_unlabeled: int | None = None,
    n_test: int | None = None,
    blocks: Rows | None = None,
    fixed: Mapping[Part, Rows] | None = None,
    composition: Composition | None = None,
    untestable: NDArray[np.bool_] | None = None,
) -> list[Split]:
    """Return one split for each seed, stratified by class; a block of rows is never divided between parts.

    For one seed, the labeled rows of a smaller `n_labeled` and the pool of a smaller `n_unlabeled`
    are the first rows of the larger ones, so that a sweep over sizes adds no noise. The pool does not
    depend on `n_labeled` either, unless the two parts together use almost all rows.

    Parameters
    ----------
    labels : Labels
        Labels of all rows; every class is in every part.
    seeds : sequence of int
        One split is drawn for each seed; if all parts are fixed, only for the first one.
    n_labeled, n_unlabeled, n_test : int, optional
        Rows in each part. By default the test part has a third of the rows, at most 2000; the
        labeled part has a fifth of the other rows, at most 400; the pool has all remaining rows.
    blocks : array of int, shape (n,), optional
        Block of each row: rows of one block are in the same part, or in none.
    fixed : mapping of part to rows, optional
        Parts that the user chose; other parts get no row of their blocks.
    composition : Composition, optional
        Shares of classes and of conflicting rows that drawn parts must have, up to rounding. Default
        sizes are then the largest with these shares, within the limits above.
    untestable : array of bool, shape (n,), optional
        Rows that may be in no drawn test part, nor may rows of their blocks.

    Raises
    ------
    SplitError
        If the data has too few rows, or a class is too rare to be in every part.
    """
    if len(fixed or {}) == len(PARTS):
        seeds = seeds[:1]
    draw = partial(draw_grid, labels, n_labeled=[n_labeled], n_unlabeled=[n_unlabeled], n_test=n_test)
    shared: dict[str, Any] = {"blocks": blocks, "fixed": fixed, "composition": composition, "untestable": untestable}
    return [draw(seed=seed, **shared).split(0, 0) for seed in seeds]


@dataclass(frozen=True, eq=False, kw_only=True)
class SplitGrid:
    """The splits of one seed at several sizes; equal pools are stored once.

    Parameters
    ----------
    labeled : tuple of int arrays
        Labeled rows for each n.
    pools : tuple of int arrays
        Distinct pools.
    pool_of : tuple of tuple of int
        Position in `pools` for each n (outer) and N (inner).
    test : array of int, shape (m,)
        Test rows, the same for all sizes.
    seed : int
        Seed of the splits.
    """

    labeled: tuple[Rows, ...]
    pools: tuple[Rows, ...]
    pool_of: tuple[tuple[int, ...], ...]
    test: Rows
    seed: int

    def split(self, i: int, j: int) -> Split:
        """Return the split of the i-th n and the j-th N."""
        pool = self.pools[self.pool_of[i][j]]
        return Split(labeled=self.labeled[i], unlabeled=pool, test=self.test, seed=self.seed)


def draw_grid(
    labels: Labels,
    *,
    seed: int,
    n_labeled: Sizes = (None,),
    n_unlabeled: Sizes = (None,),
    n_test: int | None = None,
    blocks: Rows | None = None,
    fixed: Mapping[Part, Rows] | None = None,
    composition: Composition | None = None,
    untestable: NDArray[np.bool_] | None = None,
) -> SplitGrid:
    """Return the splits of one seed at each n and N; each equals the split that `draw_splits` returns.

    Other parameters and errors: see `draw_splits`. The table is sorted only once.
    """
    fixed = dict(fixed or {})
    blocks = np.arange(len(labels)) if blocks is None else blocks
    free = outside(blocks, fixed.values())
    strata = np.zeros(len(labels), dtype=np.int64) if labels.classes is None else labels.values
    testable = free
    if untestable is not None and untestable.any() and "test" not in fixed:
        testable = free & outside(blocks, [np.flatnonzero(untestable)])
        n_test = testable_rows(strata[testable], int(free.sum()), n_test, later=2 - len(fixed))
    for n in n_labeled:
        for N in n_unlabeled:
            sizes = _sizes(int(free.sum()), fixed, n_labeled=n, n_unlabeled=N, n_test=n_test)
    _check_classes(labels, strata[free], drawn=3 - len(fixed))
    order = random_order(seed, blocks)
    candidates = order[free[order]]
    if composition is not None:
        composed = _Composed(composition, blocks, fixed, testable)
        return composed.grid(candidates, seed=seed, n_labeled=n_labeled, n_unlabeled=n_unlabeled, n_test=n_test)
    test, _ = _take(candidates[testable[candidates]], blocks, strata, sizes["test"], part="test", fixed=fixed)
    candidates = _after_test(candidates, blocks, test, fixed)
    if testable is not free:
        candidates = _reordered(candidates, seed, blocks)
    shares = np.bincount(strata[candidates], minlength=int(strata.max()) + 1)
    labeled: list[Rows] = []
    pools: list[Rows] = []
    pool_of: list[tuple[int, ...]] = []
    for n in n_labeled:
        size = _sizes(int(free.sum()), fixed, n_labeled=n, n_unlabeled=None, n_test=n_test)["labeled"]
        rows, rest = _take(candidates, blocks, strata, size, part="labeled", fixed=fixed)
        labeled.append(rows)
        pool_of.append(tuple(_pool(rest[::-1], N, strata, shares, pools, fixed) for N in n_unlabeled))
    return SplitGrid(labeled=tuple(labeled), pools=tuple(pools), pool_of=tuple(pool_of), test=test, seed=seed)


class _Composed:
    """Draws parts with the shares of a composition."""

    def __init__(
        self, composition: Composition, blocks: Rows, fixed: Mapping[Part, Rows], testable: NDArray[np.bool_]
    ) -> None:
        self.composition, self.blocks, self.fixed, self.testable = composition, blocks, fixed, testable

    def grid(
        self, candidates: Rows, *, seed: int, n_labeled: Sizes, n_unlabeled: Sizes, n_test: int | None
    ) -> SplitGrid:
        """Return the splits at each n and N, drawn from `candidates`, which are in the seed's order."""
        test, _ = self.take(candidates[self.testable[candidates]], "test", n_test, share=3, most=2000)
        candidates = _after_test(candidates, self.blocks, test, self.fixed)
        if not self.testable[candidates].all():
            candidates = _reordered(candidates, seed, self.blocks)
        labeled: list[Rows] = []
        pools: list[Rows] = []
        pool_of: list[tuple[int, ...]] = []
        for n in n_labeled:
            rows, rest = self.take(candidates, "labeled", n, share=5, most=400)
            labeled.append(rows)
            pools_of_n = [self.take(rest[::-1], "unlabeled", N, share=1, most=len(rest))[0] for N in n_unlabeled]
            pool_of.append(tuple(_position(pool, pools) for pool in pools_of_n))
        return SplitGrid(labeled=tuple(labeled), pools=tuple(pools), pool_of=tuple(pool_of), test=test, seed=seed)

    def take(self, candidates: Rows, part: Part, size: int | None, *, share: int, most: int) -> tuple[Rows, Rows]:
        """Return the rows of a part, and the candidates outside their blocks."""
        if part in self.fixed:
            return self.fixed[part], candidates
        counts = self.composition.counts(candidates)
        if size is None:
            size = self.composition.largest(part, counts // share, most=most)
        quotas = self.composition.checked_quotas(part, size, counts)
        rows = first_of_each(candidates, self.composition.strata, quotas)
        return rows, candidates[outside(self.blocks, [rows])[candidates]]


def smaller_split(
    split: Split, labels: Labels, *, n_labeled: int, n_unlabeled: int, groups: Groups | None = None
) -> Split:
    """Return a split with the first training rows of each class, in the class's share, and the same test rows.

    With `groups`, conflicting rows keep their share within each class. Smaller parts are subsets of larger ones.
    Drawn parts are in random order; parts in the table's order, such as a user's own, are shuffled first, by the
    split's seed. Raises `SplitError` if a size exceeds its part or is too small for every class.
    """
    strata = np.zeros(len(labels), dtype=np.int64) if labels.classes is None else labels.values
    if groups is not None:
        strata = 2 * strata + groups.conflicting
    rng = np.random.default_rng([split.seed, 2])
    smaller = {}
    sizes: dict[Part, int] = {"labeled": n_labeled, "unlabeled": n_unlabeled}
    for part, size in sizes.items():
        rows = split.parts()[part]
        mixed = rng.permutation(rows) if (np.diff(rows) > 0).all() else rows
        whole = size == len(rows)
        smaller[part] = rows if whole else stratified(mixed, strata, size, reserve=0, part=part)
    return Split(labeled=smaller["labeled"], unlabeled=smaller["unlabeled"], test=split.test, seed=split.seed)


def _sizes(
    rows: int, fixed: Mapping[Part, Rows], *, n_labeled: int | None, n_unlabeled: int | None, n_test: int | None
) -> dict[Part, int | None]:
    sizes = {"labeled": n_labeled, "unlabeled": n_unlabeled, "test": n_test}
    for part in fixed:
        if sizes[part] is not None:
            msg = f"`n_{part}` must be left out if a split fixes the {part} part: got {sizes[part]}. Remove `n_{part}`."
            raise SplitError(msg)
    _check_free(rows, fixed)
    test = 0 if "test" in fixed else min(2000, rows // 3) if n_test is None else n_test
    labeled = 0 if "labeled" in fixed else min(400, (rows - test) // 5) if n_labeled is None else n_labeled
    unlabeled = 0 if "unlabeled" in fixed else n_unlabeled
    total = test + labeled + (1 if unlabeled is None else unlabeled)
    if total > rows:
        msg = (
            f"the sum of `n_labeled`, `n_unlabeled` and `n_test` must be at most {rows}, the rows to draw from: got "
            f"{labeled} + {'at least 1' if unlabeled is None else unlabeled} + {test} = {total}. Lower a size."
        )
        raise SplitError(msg)
    return {"test": test, "labeled": labeled, "unlabeled": unlabeled}


def _check_free(rows: int, fixed: Mapping[Part, Rows]) -> None:
    """Raise `SplitError` if the user's parts leave no row from which another part can be drawn."""
    missing = [part for part in PARTS if part not in fixed]
    if fixed and missing and not rows:
        msg = (
            f"the split must hold {' and '.join(missing)} rows, or leave rows from which they are drawn: got only "
            f"{' and '.join(part for part in PARTS if part in fixed)}. Write {' or '.join(missing)} into some rows, or "
            "leave their split empty."
        )
        raise SplitError(msg)


def _check_classes(labels: Labels, strata: NDArray[np.int64], *, drawn: int) -> None:
    if labels.classes is None:
        return
    counts = np.bincount(strata, minlength=len(labels.classes))
    if drawn and counts.min() < drawn:
        rare = int(counts.argmin())
        msg = (
            f"every class must have a row in each of the {drawn} parts to draw: class "
            f"{labels.classes[rare]!r} has {counts[rare]} rows. Merge this class with another, or remove its rows."
        )
        raise SplitError(msg)


def _take(
    candidates: Rows,
    blocks: Rows,
    strata: NDArray[np.int64],
    size: int | None,
    *,
    part: Part,
    fixed: Mapping[Part, Rows],
) -> tuple[Rows, Rows]:
    """Return the rows of a part, and the candidates outside their blocks."""
    if part in fixed:
        return fixed[part], candidates
    later = sum(other not in fixed for other in DRAWN[DRAWN.index(part) + 1 :])
    rows = stratified(candidates, strata, size, reserve=later, part=part)
    return rows, candidates[outside(blocks, [rows])[candidates]]


def _after_test(candidates: Rows, blocks: Rows, test: Rows, fixed: Mapping[Part, Rows]) -> Rows:
    """Return the candidates outside the blocks of drawn test rows."""
    return candidates if "test" in fixed else candidates[outside(blocks, [test])[candidates]]


def _reordered(candidates: Rows, seed: int, blocks: Rows) -> Rows:
    """Return the candidates in another random order: a test part of some rows only leaves the others in front."""
    return candidates[np.argsort(np.argsort(random_order([seed, 6], blocks))[candidates])]


def _pool(
    rows: Rows,
    size: int | None,
    strata: NDArray[np.int64],
    shares: NDArray[np.int64],
    pools: list[Rows],
    fixed: Mapping[Part, Rows],
) -> int:
    """Return the position of the pool in `pools`, to which it is added if it is new."""
    if "unlabeled" in fixed:
        return _position(fixed["unlabeled"], pools)
    return _position(stratified(rows, strata, size, reserve=0, part="unlabeled", shares=shares), pools)


def _position(pool: Rows, pools: list[Rows]) -> int:
    equal = (at for at, other in enumerate(pools) if np.array_equal(pool, other))
    at = next(equal, len(pools))
    if at == len(pools):
        pools.append(pool)
    return at
