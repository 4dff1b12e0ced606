"""What strategies share that rank the pool's rows and refit the student to hard pseudolabels of the best ones."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.core.fit_options import FitOptions
from w2s_probe.core.types import Float, Rows
from w2s_probe.strategies.base import Scorer, Student, W2SProblem, need_classes

TIE = 12  # decimals of a quality: smaller differences are rounding, which depends on the order of classes


def check_keep(name: str, keep: object) -> None:
    """Raise `ConfigError` unless the fraction to keep of the strategy `name` is a number in (0, 1]."""
    if not isinstance(keep, int | float) or isinstance(keep, bool) or not 0 < keep <= 1:
        msg = f"{name}.keep must be a number above 0 and at most 1: got {keep!r:.60}. Use 0.6."
        raise ConfigError(msg)


def hard_pseudolabels(problem: W2SProblem, name: str) -> Float:
    """Return one-hot rows, shape (N, K), of the first teacher's decisions on the pool.

    Raise `NotApplicableError`, with the strategy's name, for regression and if all rows have the same class.
    """
    need_classes(problem, name)
    targets = problem.hard(problem.teachers[0].scores)
    if len(np.unique(targets.argmax(axis=1))) < 2:
        msg = (
            f"the strategy {name} needs at least two classes among the pseudolabels: the teacher decides the same "
            "class on every row of the pool. Use another `teacher`."
        )
        raise NotApplicableError(msg)
    return targets


def support(scores: Float, classes: Rows) -> Float:
    """Return the score of the given class minus the largest score of another class, shape (m,).

    `scores` has shape (m, K), K at least 2; `classes` has the class of each row, shape (m,).

    Examples
    --------
    >>> import numpy as np
    >>> support(np.array([[0.75, 0.25], [0.0, 0.5]]), np.array([0, 0]))
    array([ 0.5, -0.5])
    """
    rows, rest = np.arange(len(scores)), scores.copy()
    rest[rows, classes] = -np.inf
    return scores[rows, classes] - rest.max(axis=1)


def by_class(order: Rows, classes: Rows) -> Float:
    """Return the smallest fraction that keeps each row; each class keeps its rounded share, at least one row.

    `order` has the positions of the N rows, the best first; `classes` has the class of each row, shape (N,).

    Examples
    --------
    >>> import numpy as np
    >>> by_class(np.array([3, 0, 1, 2]), np.array([0, 1, 1, 1]))
    array([0.        , 0.5       , 0.83333333, 0.        ])
    """
    enters = np.empty(len(order))
    for code in np.unique(classes).tolist():
        own = order[classes[order] == code]
        enters[own] = (np.arange(len(own)) + 0.5) / len(own)
        enters[own[0]] = 0.0
    return enters


def best_of_each_class(problem: W2SProblem, targets: Float, quality: Float, *, keep: float, rule: str) -> Student:
    """Return the student refitted to the fraction `keep` of highest quality of each class of the targets.

    `targets` has one-hot rows, shape (N, K), and `quality` shape (N,); rows of equal quality keep their order. No class
    gets lost: each keeps at least one row. `rule` says by which quality rows were selected.
    """
    order = np.argsort(-np.round(quality, TIE), kind="stable")
    enters = by_class(order, targets.argmax(axis=1))
    kept = enters <= keep
    refit = partial(refit_to, problem, targets)
    return Student(
        head=refit(kept),
        kept=kept,
        rule=f"top {keep:.0%} of each pseudolabel class by {rule}; hard labels",
        refit=refit,
        enters=enters,
        targets=targets,
    )


def refit_to(problem: W2SProblem, targets: Float, kept: NDArray[np.bool_]) -> Scorer:
    """Return the head fitted to the targets, shape (N, K), of the rows in the mask `kept`, shape (N,)."""
    return problem.fit(problem.X_unlabeled[kept], targets[kept], options=refit_options(problem))


def refit_options(problem: W2SProblem) -> FitOptions:
    """Return the run's options; a softmax head gets the vanilla student's strength.

    Cross-validation on selected rows alone, on which the student agrees, would hardly regularize. Ridge heads choose
    their strength on the selected rows, by GCV.
    """
    options = problem.options
    return replace(options, alpha=problem.vanilla().alpha) if options.kind == "softmax" else options
