"""Chooses the fraction of the pool to keep by cross-fitted accuracy on the labeled rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from w2s_probe.core.types import Float
from w2s_probe.strategies.base import Scorer, W2SProblem

FRACTIONS = tuple(round(0.1 * k, 1) for k in range(1, 11))
FOLDS = 5
LEAST = 0.2  # smaller fractions are not tried: they leave few rows of each class


def best_keep(problem: W2SProblem, trial: Callable[[list[Float], Scorer], Callable[[float], Scorer]]) -> float:
    """Return the fraction whose student has the highest accuracy on labeled rows that its teacher did not see.

    Ties go to the larger fraction. A group that is rare among the labeled rows hardly changes this accuracy.
    ``trial(teacher scores on the pool, vanilla student)`` returns a function from a fraction to a fitted head.
    """
    truth = problem.Y_labeled.argmax(axis=1)
    fold_of = np.random.default_rng(0).permutation(len(truth)) % FOLDS
    candidates = [keep for keep in FRACTIONS if keep >= LEAST]
    right = np.zeros(len(candidates))
    for fold in range(FOLDS):
        inside = np.flatnonzero(fold_of != fold)
        if len(np.unique(truth[inside])) < 2:
            continue
        teachers = problem.retaught(inside)
        student_at = trial(teachers, problem.student_of(teachers[0]))
        X_fold, y_fold = problem.X_labeled[fold_of == fold], truth[fold_of == fold]
        for position, keep in enumerate(candidates):
            decisions = student_at(keep).scores(X_fold).argmax(axis=1)
            right[position] += (decisions == y_fold).sum()
    return candidates[len(candidates) - 1 - int(right[::-1].argmax())]
