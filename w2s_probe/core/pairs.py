"""Preference pairs: two items each, one of them preferred; and their parts, which share no item and no prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import read_only
from w2s_probe.core.blocks import same_item_blocks
from w2s_probe.core.errors import DataError, SplitError
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Part, Split, draw_splits
from w2s_probe.core.types import Features, Float, Rows

SIDES = ("first", "second")  # classes of the labels of pairs


@dataclass(frozen=True, eq=False, kw_only=True)
class Pairs:
    """Preference pairs over a list of items.

    Parameters
    ----------
    first, second : array of int, shape (m,)
        Positions of the two sides among the items. Which side comes first is random: it tells nothing about the
        preference.
    preferred : array of int, shape (m,)
        0 where the first side is preferred, 1 where the second one is.
    gap : array of shape (m,), or None
        Absolute difference of the sides' scores, if items have scores.

    Raises
    ------
    DataError
        If the arrays have different lengths or no element, a pair has one item on both sides, or a preference is
        neither 0 nor 1, or a gap is not above 0.
    """

    first: Rows
    second: Rows
    preferred: NDArray[np.int64]
    gap: Float | None = None

    def __post_init__(self) -> None:
        arrays = {"first": self.first, "second": self.second, "preferred": self.preferred, "gap": self.gap}
        given = {name: read_only(np.asarray(array)) for name, array in arrays.items() if array is not None}
        _check_lengths({name: array.shape for name, array in given.items()})
        _check_values(given)
        for name, array in given.items():
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.first)

    @property
    def labels(self) -> Labels:
        """The preferred sides as two classes: code 1 of class ``second`` where the second side is preferred."""
        return Labels(values=self.preferred, classes=SIDES)

    @property
    def items(self) -> Rows:
        """Distinct positions of the items that are a side of some pair, ascending."""
        return np.unique(np.concatenate([self.first, self.second]))

    def take(self, rows: Rows) -> Pairs:
        """Return these pairs in this order.

        Parameters
        ----------
        rows : array of int, shape (k,)
            Positions of pairs.
        """
        return Pairs(
            first=self.first[rows],
            second=self.second[rows],
            preferred=self.preferred[rows],
            gap=None if self.gap is None else self.gap[rows],
        )

    def differences(self, X: Features) -> Features:
        """Return the second side's features minus the first side's, shape (m, d).

        A Bradley–Terry head is a direction in this space: its margin is positive where it prefers the second side,
        class 1 of `labels`. Swapping two sides changes the sign of their difference and of nothing else.

        Parameters
        ----------
        X : array of shape (items, d)
            Features of the items.
        """
        return X[self.second] - X[self.first]

    def shared_item(self) -> int | None:
        """Return the item that is a side of every pair, or None; a single pair counts as none."""
        item, times = np.unique(np.concatenate([self.first, self.second]), return_counts=True)
        return int(item[times.argmax()]) if len(self) > 1 and times.max() == len(self) else None


@dataclass(frozen=True, eq=False, kw_only=True)
class SplitPairs:
    """Pairs with the labeled, unlabeled and test pairs of each seed.

    Parameters
    ----------
    pairs : Pairs
        The pairs of all seeds.
    splits : tuple of Split
        Positions among `pairs` of each part, for each seed.
    items : tuple of Split
        Positions among the items from which each part was drawn, for each seed; empty if the data has pairs and not
        scores.
    """

    pairs: Pairs
    splits: tuple[Split, ...]
    items: tuple[Split, ...] = ()


def split_pairs(
    pairs: Pairs,
    *,
    seeds: Sequence[int],
    prompts: Sequence[Any] | NDArray[Any] | None = None,
    n_labeled: int | None = None,
    n_unlabeled: int | None = None,
    n_test: int | None = None,
    fixed: Mapping[Part, Rows] | None = None,
) -> SplitPairs:
    """Return a split of given pairs for each seed; pairs that share an item or a prompt are in one part, or in none.

    The sides of a part are balanced up to one pair. Other rules and default sizes: `splits.draw_splits`.

    Parameters
    ----------
    pairs : Pairs
        All pairs.
    seeds : sequence of int
        Seeds of the splits.
    prompts : sequence of length m, optional
        Prompt of each pair, or a number of it.
    n_labeled, n_unlabeled, n_test : int, optional
        Pairs in each part.
    fixed : mapping of part to rows, optional
        Parts that the user chose.

    Raises
    ------
    SplitError
        If all pairs are linked through shared items or prompts, or the data has too few pairs.
    """
    blocks = pair_blocks(pairs, prompts)
    if len(fixed or {}) < 2 and not blocks.any():
        msg = (
            f"pairs of different parts must share no side and no prompt: all {len(pairs)} pairs are linked through "
            "shared sides or prompts. Add pairs of other items, or fix the parts with `split`."
        )
        raise SplitError(msg)
    splits = draw_splits(
        pairs.labels,
        seeds=seeds,
        n_labeled=n_labeled,
        n_unlabeled=n_unlabeled,
        n_test=n_test,
        blocks=blocks,
        fixed=fixed,
    )
    return SplitPairs(pairs=pairs, splits=tuple(splits))


def pair_blocks(pairs: Pairs, prompts: Sequence[Any] | NDArray[Any] | None = None) -> Rows:
    """Return the block of each pair, shape (m,): pairs that share an item or a prompt, also through other pairs.

    Blocks are numbered by their first pairs. `prompts` holds the prompt of each pair, or a number of it.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = int(max(pairs.first.max(), pairs.second.max())) + 1
    graph = coo_array((np.ones(len(pairs)), (pairs.first, pairs.second)), shape=(size, size))
    of_item = connected_components(graph, directed=False)[1]
    keys: list[Any] = [of_item[pairs.first]]
    return same_item_blocks(*keys, *([] if prompts is None else [prompts]))


def _check_lengths(shapes: Mapping[str, tuple[int, ...]]) -> None:
    shape = shapes["first"]
    if any(other != shape for other in shapes.values()) or len(shape) != 1:
        got = ", ".join(f"{name} {other}" for name, other in shapes.items())
        msg = f"pairs must have one value of each kind for each pair: got shapes {got}. Give arrays of one length."
        raise DataError(msg)
    if not shape[0]:
        msg = "pairs must hold at least one pair: got none. Add pairs."
        raise DataError(msg)


def _check_values(arrays: Mapping[str, NDArray[Any]]) -> None:
    same = np.flatnonzero(arrays["first"] == arrays["second"])
    if len(same):
        msg = (
            f"the sides of a pair must be different items: {len(same)} pairs have item {arrays['first'][same[0]]} on "
            "both sides. Remove such pairs."
        )
        raise DataError(msg)
    wrong = np.flatnonzero(~np.isin(arrays["preferred"], (0, 1)))
    if len(wrong):
        msg = (
            f"a preference must be 0 (the first side) or 1 (the second side): got {arrays['preferred'][wrong[0]]} in "
            f"pair {wrong[0]}. Remove pairs without a preference."
        )
        raise DataError(msg)
    gap = arrays.get("gap")
    if gap is not None and not (np.isfinite(gap) & (gap > 0)).all():
        row = int(np.flatnonzero(~(np.isfinite(gap) & (gap > 0)))[0])
        msg = f"scores of a pair's sides must differ: got a gap of {gap[row]} in pair {row}. Remove such pairs."
        raise DataError(msg)
