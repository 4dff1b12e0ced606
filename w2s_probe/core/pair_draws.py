"""Pairs of scored items: items are split first, then pairs are drawn inside each part."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.blocks import same_item_blocks
from w2s_probe.core.errors import ConfigError, SplitError
from w2s_probe.core.labels import Labels
from w2s_probe.core.pairs import Pairs, SplitPairs
from w2s_probe.core.splits import DRAWN, PARTS, Part, Split, draw_splits
from w2s_probe.core.types import Float, Rows

POOL_ITEMS = 1.5  # for each pair of the pool; each pair of other parts has one
STREAM = 7  # sets these draws apart from others of the same seed
SMALLEST, LARGEST = 2**12, 2**20  # pairs drawn at once
DRAWS = 2**22  # of two sides each, after which pairs are drawn among admissible ones only
ROUNDING = 4 * float(np.finfo(np.float64).eps)  # of the largest score: two such scores are equal


def draw_pairs(
    scores: Float,
    *,
    seeds: Sequence[int],
    n_labeled: int | None = None,
    n_unlabeled: int | None = None,
    n_test: int | None = None,
    items: Mapping[Part, int | None] | None = None,
    min_gap: float = 0.0,
    blocks: Rows | None = None,
    fixed: Mapping[Part, Rows] | None = None,
) -> SplitPairs:
    """Return pairs of each part for each seed, none of which shares an item with another part.

    Items are split by `splits.draw_splits`, without regard to their scores. Inside a part, both sides are drawn
    uniformly, again and again, until there are enough different pairs whose scores differ by `min_gap`. The result is a
    uniform draw without repetition from all such pairs, and their sides are in random order. Scores decide only which
    pairs are admissible and which side is preferred: where the same pairs are admissible, the same ones are drawn. For
    the same items, the pairs of a smaller size are the first pairs of a larger one. Items of smaller sizes are nested
    in those of larger ones, but then their pairs are not: a uniform draw from more items has other pairs.

    Parameters
    ----------
    scores : array of shape (k,)
        Score of each item; the side with the larger score is preferred. Items are distinct: see `distinct_items`.
    seeds : sequence of int
        Seeds of items and pairs.
    n_labeled, n_unlabeled, n_test : int, optional
        Pairs in each part; by default as many as the part has items, in the pool two for three items.
    items : mapping of part to int, optional
        Items of each part; by default as many as its pairs, in the pool 1.5 times as many, but test at most a third of
        all items, labeled at most half of the others, and the pool at most what is left. Without a number of pairs:
        the sizes of `splits.draw_splits`.
    min_gap : float
        Smallest difference of scores, up to rounding; equal scores never make a pair.
    blocks : array of int, shape (k,), optional
        Block of each item, such as its prompt: items of one block are in one part, or in none.
    fixed : mapping of part to rows, optional
        Parts of the items that the user chose.

    Raises
    ------
    SplitError
        If there are too few items, or a part has fewer admissible pairs than asked; the message has their number.
    ConfigError
        If `min_gap` is negative or not finite.
    """
    _check_min_gap(min_gap)
    blocks = np.arange(len(scores)) if blocks is None else blocks
    fixed = dict(fixed or {})
    counts: dict[Part, int | None] = {"labeled": n_labeled, "unlabeled": n_unlabeled, "test": n_test}
    sizes = _item_sizes(blocks, counts, dict(items or {}), fixed)
    splits = tuple(_split_items(scores, seed=seed, sizes=sizes, blocks=blocks, fixed=fixed) for seed in seeds)
    drawn = [_draw_parts(scores, split, counts, min_gap) for split in splits]
    starts = np.cumsum([0, *(len(pairs) for parts in drawn for pairs in parts.values())])
    rows = iter([np.arange(start, end) for start, end in pairwise(starts)])
    return SplitPairs(
        pairs=_joined([pairs for parts in drawn for pairs in parts.values()]),
        splits=tuple(Split(**{part: next(rows) for part in PARTS}, seed=split.seed) for split in splits),
        items=splits,
    )


def distinct_items(keys: Sequence[bytes] | Sequence[str] | NDArray[Any], scores: Float) -> tuple[Rows, Float]:
    """Return the first row of each distinct item and the mean of its scores, both of shape (k,).

    Parameters
    ----------
    keys : sequence of length n
        What tells items from each other, such as content hashes.
    scores : array of shape (n,)
        Score of each row.
    """
    blocks = same_item_blocks(keys)
    rows: Rows = np.unique(blocks, return_index=True)[1]
    return rows, np.bincount(blocks, weights=scores) / np.bincount(blocks)


def _check_min_gap(min_gap: float) -> None:
    right = math.isfinite(min_gap) and min_gap >= 0
    if not right:
        msg = f"the smallest difference of scores must be 0 or more: got {min_gap}. Give 0 to allow any difference."
        raise ConfigError(msg)


def _item_sizes(
    blocks: Rows, pairs: Mapping[Part, int | None], items: Mapping[Part, int | None], fixed: Mapping[Part, Rows]
) -> dict[Part, int | None]:
    """Return the number of items of each part to draw; None in the pool means all that are left."""
    asked = {part: items.get(part) for part in DRAWN if part not in fixed}
    taken = np.concatenate([np.empty(0, dtype=np.intp), *fixed.values()])
    left = total = int((~np.isin(blocks, blocks[taken])).sum())
    sizes: dict[Part, int | None] = dict.fromkeys(PARTS)
    for part, size in asked.items():
        sizes[part] = _default_items(part, pairs[part], left) if size is None else size
        left -= sizes[part] or 0
    _check_items(asked, sizes, total)
    return sizes


def _default_items(part: Part, pairs: int | None, left: int) -> int | None:
    """Return how many of the `left` items a part gets that has this number of pairs, or the default one."""
    if part == "unlabeled":
        return None if pairs is None or POOL_ITEMS * pairs >= left else math.ceil(POOL_ITEMS * pairs)
    if part == "test":
        return min(2000 if pairs is None else pairs, left // 3)
    return min(400, left // 5) if pairs is None else min(pairs, left // 2)


def _check_items(asked: Mapping[Part, int | None], sizes: Mapping[Part, int | None], total: int) -> None:
    small = [part for part, size in asked.items() if size is not None and size < 2]
    if small:
        msg = f"items must give each part at least 2 items: got {asked[small[0]]} for {small[0]}. Give more."
        raise SplitError(msg)
    least = {part: 2 if sizes[part] is None else sizes[part] or 0 for part in asked}
    if sum(least.values()) > total:
        got = ", ".join(f"{size} for {part}" for part, size in least.items())
        msg = (
            f"items must sum to at most {total}, the items to draw from, with 2 or more in each part: got {got}. "
            "Use fewer items."
        )
        raise SplitError(msg)


def _split_items(
    scores: Float, *, seed: int, sizes: Mapping[Part, int | None], blocks: Rows, fixed: Mapping[Part, Rows]
) -> Split:
    """Return the items of each part; of the pool, the first ones that `splits.draw_splits` gives it."""
    labels = Labels(values=scores, classes=None)
    drawn = draw_splits(
        labels, seeds=[seed], n_labeled=sizes["labeled"], n_test=sizes["test"], blocks=blocks, fixed=fixed
    )[0]
    pool = drawn.unlabeled[: sizes["unlabeled"]]
    return Split(labeled=drawn.labeled, unlabeled=pool, test=drawn.test, seed=seed)


def _draw_parts(scores: Float, split: Split, counts: Mapping[Part, int | None], min_gap: float) -> dict[Part, Pairs]:
    """Return the pairs of each part of one seed."""
    drawn: dict[Part, Pairs] = {}
    for number, (part, rows) in enumerate(split.parts().items(), start=1):  # a seed that ends in 0 repeats another
        admissible = _Admissible.of(scores[rows], min_gap)
        default = int(len(rows) / POOL_ITEMS) if part == "unlabeled" else len(rows)
        asked = counts[part]
        count = max(min(default, admissible.count), 1) if asked is None else asked
        if count > admissible.count:
            raise _too_few(part, count, admissible.count, len(rows), min_gap)
        rng = np.random.default_rng([split.seed, STREAM, number])
        sides = _first_distinct(_candidates(admissible, rng), len(rows), count)
        first, second = rows[sides].T
        drawn[part] = Pairs(
            first=first,
            second=second,
            preferred=(scores[second] > scores[first]).astype(np.int64),
            gap=np.abs(scores[second] - scores[first]),
        )
    return drawn


def _too_few(part: Part, count: int, possible: int, items: int, min_gap: float) -> SplitError:
    gap = f"at least {min_gap:g}" if min_gap else "more than 0"
    advice = f"Set `n_{part}` to at most {possible}, lower" if possible else "Lower"
    return SplitError(
        f"the {part} part must hold {count} pair{'s' * (count > 1)} whose scores differ by {gap}: its {items} items "
        f"give only {possible}. {advice} `min_gap`, or give the part more `items`."
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Admissible:
    """The pairs of a part's items whose scores differ enough.

    `order` holds the items by ascending score, `rank` is its inverse. The item of rank r makes a pair with each item of
    rank ``above[r]`` or more; up to rank r there are ``until[r]`` pairs. Comparisons of ranks and not of scores:
    counting and drawing then agree in every case.
    """

    order: Rows
    rank: Rows
    above: Rows
    until: Rows

    @classmethod
    def of(cls, scores: Float, min_gap: float) -> _Admissible:
        order = np.argsort(scores, kind="stable")
        rounding = ROUNDING * float(np.abs(scores).max())
        least = max(min_gap - rounding, rounding, float(np.finfo(np.float64).tiny))
        ranks = np.arange(len(scores))
        above = np.maximum(np.searchsorted(scores[order], scores[order] + least), ranks + 1)
        return cls(order, np.argsort(order), above, np.cumsum(len(scores) - above))

    @property
    def count(self) -> int:
        return int(self.until[-1])

    def admits(self, sides: Rows) -> NDArray[np.bool_]:
        ranks = self.rank[sides]
        admitted: NDArray[np.bool_] = ranks.max(axis=1) >= self.above[ranks.min(axis=1)]
        return admitted

    def numbered(self, numbers: Rows) -> Rows:
        """Return the admissible pairs of these numbers, counted by ascending rank of the lower side."""
        low = np.searchsorted(self.until, numbers, side="right")
        high = len(self.order) - (self.until[low] - numbers)
        return np.column_stack([self.order[low], self.order[high]])


def _candidates(admissible: _Admissible, rng: np.random.Generator) -> Iterator[Rows]:
    """Yield admissible pairs, shape (b, 2), uniform and with repetitions, in blocks that depend on no count asked.

    Draws of two sides ignore the scores, so that a changed score changes the pairs of its own item only. Where such
    draws rarely meet one of the last admissible pairs, these are drawn by their number.
    """
    m, size, draws = len(admissible.order), SMALLEST, 0
    while draws < DRAWS:
        sides = rng.integers(m, size=(size, 2))
        yield sides[admissible.admits(sides)]
        size, draws = min(2 * size, LARGEST), draws + size
    while True:
        few = admissible.count <= DRAWS  # then each of them once
        numbers = rng.permutation(admissible.count) if few else rng.integers(admissible.count, size=LARGEST)
        sides = admissible.numbered(numbers)
        swapped = rng.integers(2, size=len(numbers)) == 1
        sides[swapped] = sides[swapped, ::-1]
        yield sides


def _first_distinct(candidates: Iterator[Rows], items: int, count: int) -> Rows:
    """Return the first `count` different pairs, shape (count, 2); the order of their sides makes no difference."""
    sides: Rows = np.empty((0, 2), dtype=np.intp)
    while len(sides) < count:
        sides = np.concatenate([sides, next(candidates)])
        codes = sides.min(axis=1) * items + sides.max(axis=1)
        sides = sides[np.sort(np.unique(codes, return_index=True)[1])]
    return sides[:count]


def _joined(parts: Sequence[Pairs]) -> Pairs:
    return Pairs(
        first=np.concatenate([pairs.first for pairs in parts]),
        second=np.concatenate([pairs.second for pairs in parts]),
        preferred=np.concatenate([pairs.preferred for pairs in parts]),
        gap=np.concatenate([pairs.gap for pairs in parts if pairs.gap is not None]),
    )
