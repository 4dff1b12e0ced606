"""Which fraction of the pool to keep, by cross-fitted accuracy on the labeled rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from w2s_probe.core.types import Float
from w2s_probe.strategies.base import Scorer, W2SProblem

FRACTIONS = tuple(round(0.1 * k, 1) for k in range(1, 11))
FOLDS = 5
LEAST = 0.2  # smaller fractions are not tried: a few rows of each class decide


def best_keep(problem: W2SProblem, trial: Callable[[list[Float], Scorer], Callable[[float], Scorer]]) -> float:
    """Return the fraction whose student is right most often on labeled rows that its teacher did not see.

    In a tie the larger fraction. Accuracy on labeled rows cannot see a group that is rare among them.

    Parameters
    ----------
    problem : W2SProblem
        With the labeled rows.
    trial : callable
        ``trial(teachers' scores on the pool, plain student)`` returns how to fit the student at a fraction.
    """
    truth = problem.Y_labeled.argmax(axis=1)
    fold_of = np.random.default_rng(0).permutation(len(truth)) % FOLDS
    tried = [keep for keep in FRACTIONS if keep >= LEAST]
    right = np.zeros(len(tried))
    for fold in range(FOLDS):
        inside = np.flatnonzero(fold_of != fold)
        if len(np.unique(truth[inside])) < 2:
            continue
        taught = problem.retaught(inside)
        student_at = trial(taught, problem.student_of(taught[0]))
        held = problem.X_labeled[fold_of == fold]
        for at, keep in enumerate(tried):
            decided = student_at(keep).scores(held).argmax(axis=1)
            right[at] += (decided == truth[fold_of == fold]).sum()
    return tried[len(tried) - 1 - int(right[::-1].argmax())]
