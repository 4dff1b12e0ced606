"""Parts of the labeled rows for cross-fitting, with similar shares of every class."""

from __future__ import annotations

import numpy as np

from w2s_probe.core.types import Float, Rows


def stratified_folds(Y: Float, folds: int, rng: np.random.Generator) -> list[Rows]:
    """Return disjoint sets of rows with similar shares of every class, or similar spreads of a number.

    `Y` holds one-hot rows (n, K) or numbers (n, 1).
    """
    order = _by_label(Y, rng)
    fold_of = np.concatenate([rng.permutation(folds) for _ in range(-(-len(Y) // folds))])[: len(Y)]
    return [order[fold_of == fold] for fold in range(folds)]


def stratified_part(Y: Float, size: int, rng: np.random.Generator) -> Rows:
    """Return `size` random rows, in order, with the classes' shares, or the spread of a number.

    `Y` holds one-hot rows (n, K) or numbers (n, 1).
    """
    at = (np.arange(size) + rng.random()) * len(Y) / size
    return np.sort(_by_label(Y, rng)[at.astype(np.intp)])


def _by_label(Y: Float, rng: np.random.Generator) -> Rows:
    """Return all rows sorted by class or number, rows of equal labels in random order."""
    key = Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0]
    return np.lexsort((rng.random(len(Y)), key))
