"""Folds of preference pairs: a held-out pair shares no item with the pairs that its head is fitted to."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

from w2s_probe.core.types import Rows

Fold = tuple[Rows, Rows]  # positions of held-out pairs, and of pairs to fit


def linked_folds(links: Rows, *, groups: int, rng: np.random.Generator) -> list[Fold]:
    """Return folds that hold out every pair once.

    Items are dealt into groups. A fold holds out the pairs between two groups, or inside one, and fits pairs that have
    no item of either: of many unlinked items the share :math:`(1 - 2/g)^2`. A fold without such pairs fits all others.

    Parameters
    ----------
    links : array of int, shape (m, 2)
        Two numbers for each pair; pairs with a common number are linked.
    groups : int
        Groups of items, at least 3.
    rng : numpy.random.Generator
        Deals the items.
    """
    sides = _dealt(links, groups, rng)
    folds = []
    for low, high in combinations_with_replacement(range(groups), 2):
        out = np.flatnonzero((sides[:, 0] == low) & (sides[:, 1] == high))
        if len(out):
            rest = np.flatnonzero(~np.isin(sides, (low, high)).any(axis=1))
            folds.append((out, rest if len(rest) else np.setdiff1d(np.arange(len(links)), out)))
    return folds


def inner_folds(links: Rows, *, groups: int, wanted: int, most: int, rng: np.random.Generator) -> list[Fold]:
    """Return folds that hold out only pairs inside one group, from as many deals as hold out `wanted` pairs in all.

    They fit the share :math:`(1 - 1/g)^2` of the pairs: more than `linked_folds` do. There are at most `most` deals,
    and no fold if no deal leaves pairs to fit.
    """
    folds: list[Fold] = []
    for _ in range(most):
        sides = _dealt(links, groups, rng)
        for group in range(groups):
            out, rest = np.flatnonzero((sides == group).all(axis=1)), np.flatnonzero((sides != group).all(axis=1))
            if len(out) and len(rest):
                folds.append((out, rest))
        if sum(len(out) for out, _ in folds) >= wanted:
            break
    return folds


def _dealt(links: Rows, groups: int, rng: np.random.Generator) -> Rows:
    """Return the groups of the two items of each pair, the smaller number first, shape (m, 2)."""
    names, numbers = np.unique(links, return_inverse=True)
    group_of = rng.permutation(len(names)) % groups
    return np.sort(group_of[numbers.reshape(links.shape)], axis=1)
