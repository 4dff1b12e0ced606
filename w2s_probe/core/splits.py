"""Who plays which part: labeled rows, unlabeled pool, test rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.composition import Composition, first_of_each, stratified
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
        Rows whose true labels teacher and baseline are trained on (L).
    unlabeled : array of int, shape (N,)
        Rows the student sees with pseudolabels only (U).
    test : array of int, shape (m,)
        Rows every system is scored on (T).
    seed : int
        Seed this split was drawn with.

    Raises
    ------
    SplitError
        If a part is empty or a row plays two parts.
    """

    labeled: Rows
    unlabeled: Rows
    test: Rows
    seed: int

    def __post_init__(self) -> None:
        for part, rows in self.parts().items():
            if not len(rows):
                msg = f"the {part} part must hold at least one row: got none. Ask for a smaller share elsewhere."
                raise SplitError(msg)
        everyone = np.concatenate(list(self.parts().values()))
        if len(np.unique(everyone)) != len(everyone):
            msg = (
                "labeled, unlabeled and test must not share rows: "
                f"{len(everyone) - len(np.unique(everyone))} rows play two parts. Repair the split."
            )
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
) -> list[Split]:
    """Return one split for each seed, stratified by class, identical items on one side.

    With one seed, the labeled rows of a smaller `n_labeled` and the pool of a smaller
    `n_unlabeled` are the first rows of the larger ones: sizes can be swept without new noise. The pool
    does not depend on `n_labeled` either, unless the two together leave hardly a row.

    Parameters
    ----------
    labels : Labels
        Ground truth of all rows; every class is represented in every part.
    seeds : sequence of int
        One split each. If nothing is left to draw, a single split is returned.
    n_labeled, n_unlabeled, n_test : int, optional
        Rows in each part. By default the test part has a third of the rows, at most 2000; the
        labeled part a fifth of the rest, at most 400; the pool whatever is left.
    blocks : array of int, shape (n,), optional
        Rows with one number stay in one part, or in none.
    fixed : mapping of part to rows, optional
        Parts the user has chosen; rows of their blocks are not drawn for another part.
    composition : Composition, optional
        Shares of classes and of conflicting rows that drawn parts must have, exactly but for rounding. Sizes that
        are not given are then the largest of which the data can supply as much.

    Raises
    ------
    SplitError
        If the data cannot supply the sizes, or a class is too rare to be in every part.
    """
    if len(fixed or {}) == len(PARTS):
        seeds = seeds[:1]
    draw = partial(draw_grid, labels, n_labeled=[n_labeled], n_unlabeled=[n_unlabeled], n_test=n_test)
    return [draw(seed=seed, blocks=blocks, fixed=fixed, composition=composition).split(0, 0) for seed in seeds]


@dataclass(frozen=True, eq=False, kw_only=True)
class SplitGrid:
    """The splits of one seed at several sizes; equal pools are one array.

    Parameters
    ----------
    labeled : tuple of int arrays
        Labeled rows of each n.
    pools : tuple of int arrays
        Distinct pools.
    pool_of : tuple of tuple of int
        Position of the pool of each n (outer) and N (inner).
    test : array of int, shape (m,)
        Test rows of all sizes.
    seed : int
        Seed they were drawn with.
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
) -> SplitGrid:
    """Return the splits that `draw_splits` draws at each n and N, with the table sorted once.

    Parameters
    ----------
    labels, n_test, blocks, fixed, composition
        As in `draw_splits`.
    seed : int
        One seed.
    n_labeled, n_unlabeled : sequence of int or None
        Sizes, as `draw_splits` takes one of each.

    Raises
    ------
    SplitError
        If the data cannot supply one of the sizes.
    """
    fixed = dict(fixed or {})
    blocks = np.arange(len(labels)) if blocks is None else blocks
    free = _outside(blocks, fixed.values())
    strata = np.zeros(len(labels), dtype=np.int64) if labels.classes is None else labels.values
    for n in n_labeled:
        for N in n_unlabeled:
            sizes = _sizes(int(free.sum()), fixed, n_labeled=n, n_unlabeled=N, n_test=n_test)
    _check_classes(labels, strata[free], drawn=3 - len(fixed))
    order = _order(seed, blocks)
    left = order[free[order]]
    if composition is not None:
        drawn = _Composed(composition, blocks, fixed)
        return drawn.grid(left, seed=seed, n_labeled=n_labeled, n_unlabeled=n_unlabeled, n_test=n_test)
    test, left = _take(left, blocks, strata, sizes["test"], part="test", fixed=fixed)
    shares = np.bincount(strata[left], minlength=int(strata.max()) + 1)
    labeled: list[Rows] = []
    pools: list[Rows] = []
    pool_of: list[tuple[int, ...]] = []
    for n in n_labeled:
        size = _sizes(int(free.sum()), fixed, n_labeled=n, n_unlabeled=None, n_test=n_test)["labeled"]
        chosen, rest = _take(left, blocks, strata, size, part="labeled", fixed=fixed)
        labeled.append(chosen)
        pool_of.append(tuple(_pool(rest[::-1], N, strata, shares, pools, fixed) for N in n_unlabeled))
    return SplitGrid(labeled=tuple(labeled), pools=tuple(pools), pool_of=tuple(pool_of), test=test, seed=seed)


class _Composed:
    """Draws parts that have the shares asked for."""

    def __init__(self, composition: Composition, blocks: Rows, fixed: Mapping[Part, Rows]) -> None:
        self.composition, self.blocks, self.fixed = composition, blocks, fixed

    def grid(self, left: Rows, *, seed: int, n_labeled: Sizes, n_unlabeled: Sizes, n_test: int | None) -> SplitGrid:
        """Return the splits at each n and N; `left` are the rows to draw from, in the seed's order."""
        test, left = self.take(left, "test", n_test, share=3, most=2000)
        labeled: list[Rows] = []
        pools: list[Rows] = []
        pool_of: list[tuple[int, ...]] = []
        for n in n_labeled:
            chosen, rest = self.take(left, "labeled", n, share=5, most=400)
            labeled.append(chosen)
            drawn = [self.take(rest[::-1], "unlabeled", N, share=1, most=len(rest))[0] for N in n_unlabeled]
            pool_of.append(tuple(_position(pool, pools) for pool in drawn))
        return SplitGrid(labeled=tuple(labeled), pools=tuple(pools), pool_of=tuple(pool_of), test=test, seed=seed)

    def take(self, left: Rows, part: Part, size: int | None, *, share: int, most: int) -> tuple[Rows, Rows]:
        """Return the rows of a part, and what is left without their blocks."""
        if part in self.fixed:
            return self.fixed[part], left
        counts = self.composition.counts(left)
        if size is None:
            size = self.composition.largest(part, counts // share, most=most)
        rows = first_of_each(left, self.composition.strata, self.composition.checked_quotas(part, size, counts))
        return rows, left[_outside(self.blocks, [rows])[left]]


def smaller_split(
    split: Split, labels: Labels, *, n_labeled: int, n_unlabeled: int, groups: Groups | None = None
) -> Split:
    """Return a split of fewer training rows: the first of each class, with the same test rows.

    Drawn parts are in random order. Parts in the table's order, such as a user's own, are
    shuffled first, by the split's seed.

    Parameters
    ----------
    split : Split
        What to take from.
    labels : Labels
        Ground truth of all rows; classes keep their shares.
    n_labeled, n_unlabeled : int
        Rows to keep of each part; smaller ones lie inside larger ones.
    groups : Groups, optional
        Conflicting rows keep their shares within each class too.

    Raises
    ------
    SplitError
        If a size is larger than its part, or too small to hold every class.
    """
    strata = np.zeros(len(labels), dtype=np.int64) if labels.classes is None else labels.values
    if groups is not None:
        strata = 2 * strata + groups.conflicting
    rng = np.random.default_rng([split.seed, 2])
    kept = {}
    wanted: dict[Part, int] = {"labeled": n_labeled, "unlabeled": n_unlabeled}
    for part, size in wanted.items():
        rows = split.parts()[part]
        mixed = rng.permutation(rows) if (np.diff(rows) > 0).all() else rows
        whole = size == len(rows)
        kept[part] = rows if whole else stratified(mixed, strata, size, reserve=0, part=part)
    return Split(labeled=kept["labeled"], unlabeled=kept["unlabeled"], test=split.test, seed=split.seed)


def same_item_blocks(*keys: Sequence[bytes] | NDArray[np.bytes_] | Sequence[str]) -> Rows:
    """Return a number for each row, equal for rows that share a value of any of the keys.

    Parameters
    ----------
    *keys : sequences of length n
        Content hashes, source names; rows linked through several keys form one block.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    codes = [np.unique(np.asarray(key), return_inverse=True)[1] for key in keys]
    if len(codes) == 1:
        return codes[0].astype(np.intp)
    n = len(codes[0])
    starts = np.cumsum([n] + [int(code.max()) + 1 for code in codes])
    rows = np.tile(np.arange(n), len(codes))
    columns = np.concatenate([code + start for code, start in zip(codes, starts, strict=False)])
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(starts[-1], starts[-1]))
    return connected_components(graph, directed=False)[1][:n].astype(np.intp)


def _sizes(
    rows: int, fixed: Mapping[Part, Rows], *, n_labeled: int | None, n_unlabeled: int | None, n_test: int | None
) -> dict[Part, int | None]:
    asked = {"labeled": n_labeled, "unlabeled": n_unlabeled, "test": n_test}
    for part in fixed:
        if asked[part] is not None:
            msg = (
                f"the {part} part must be sized once: the split fixes it, and a size of {asked[part]} is asked. "
                "Drop one."
            )
            raise SplitError(msg)
    test = 0 if "test" in fixed else min(2000, rows // 3) if n_test is None else n_test
    labeled = 0 if "labeled" in fixed else min(400, (rows - test) // 5) if n_labeled is None else n_labeled
    unlabeled = 0 if "unlabeled" in fixed else n_unlabeled
    total = test + labeled + (1 if unlabeled is None else unlabeled)
    if total > rows:
        msg = (
            f"n + N + n-test must not exceed the {rows} rows to draw from: got {labeled} + "
            f"{'at least 1' if unlabeled is None else unlabeled} + {test} = {total}. Ask for fewer rows."
        )
        raise SplitError(msg)
    return {"test": test, "labeled": labeled, "unlabeled": unlabeled}


def _check_classes(labels: Labels, strata: NDArray[np.int64], *, drawn: int) -> None:
    if labels.classes is None:
        return
    counts = np.bincount(strata, minlength=len(labels.classes))
    if drawn and counts.min() < drawn:
        rare = int(counts.argmin())
        msg = (
            f"every class must have a row in each of the {drawn} parts to draw: class "
            f"{labels.classes[rare]!r} has {counts[rare]} rows. Merge or drop this class."
        )
        raise SplitError(msg)


def _order(seed: int, blocks: Rows) -> Rows:
    """Return all rows in one random order of blocks: test and labeled come from its front, the pool from its back."""
    rng = np.random.default_rng(seed)
    turn = rng.permutation(int(blocks.max()) + 1)[blocks]
    return np.lexsort((rng.permutation(len(blocks)), turn))


def _take(
    left: Rows, blocks: Rows, strata: NDArray[np.int64], size: int | None, *, part: Part, fixed: Mapping[Part, Rows]
) -> tuple[Rows, Rows]:
    """Return the rows of a part, and what is left without their blocks."""
    if part in fixed:
        return fixed[part], left
    later = sum(other not in fixed for other in DRAWN[DRAWN.index(part) + 1 :])
    rows = stratified(left, strata, size, reserve=later, part=part)
    return rows, left[_outside(blocks, [rows])[left]]


def _pool(
    rows: Rows,
    size: int | None,
    strata: NDArray[np.int64],
    shares: NDArray[np.int64],
    pools: list[Rows],
    fixed: Mapping[Part, Rows],
) -> int:
    """Return the position of a pool among the distinct ones, to which it is added if it is new."""
    pool = (
        fixed["unlabeled"]
        if "unlabeled" in fixed
        else stratified(rows, strata, size, reserve=0, part="unlabeled", shares=shares)
    )
    return _position(pool, pools)


def _position(pool: Rows, pools: list[Rows]) -> int:
    known = (at for at, other in enumerate(pools) if np.array_equal(pool, other))
    at = next(known, len(pools))
    if at == len(pools):
        pools.append(pool)
    return at


def _outside(blocks: Rows, parts: Iterable[Rows]) -> NDArray[np.bool_]:
    used = np.zeros(int(blocks.max()) + 1, dtype=np.bool_)
    for rows in parts:
        used[blocks[rows]] = True
    return ~used[blocks]
