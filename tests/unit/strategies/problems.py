"""The problem of one teacher on small data, as a run makes it, with the rows that it was made from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.conftest import feature_set, pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split
from w2s_probe.experiments.run.problem import SplitFits
from w2s_probe.heads import PoolFits
from w2s_probe.strategies import W2SProblem

Array = NDArray[np.float64]
SEED = 2  # a teacher that decides both classes; with seeds 0 and 1 it decides one of two classes everywhere
L, U, T = slice(80), slice(80, 380), slice(380, 700)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Features of both models and targets of 80 labeled, 300 pool and 320 test rows, and the problem they make."""

    weak: Array
    strong: Array
    Y: Array
    problem: W2SProblem


def rows_of(seed: int = 0, *, classes: int = 2, wide: bool = False, **settings: Any) -> Rows:
    """Return rows, by default with ridge heads on soft pseudolabels; `settings` are fields of `W2SConfig`.

    The student's columns differ in size; `wide` gives it more columns than there are labeled rows.
    """
    weak, strong, labels = pair_of_views(700, classes=classes, seed=seed)
    X = strong.X * np.geomspace(0.2, 5, 30)
    if wide:
        rng = np.random.default_rng(5)
        X = np.hstack([strong.X, 0.3 * strong.X @ rng.standard_normal((30, 90)) + rng.standard_normal((700, 90))])
    if settings.get("task") == "regression":
        labels = Labels(values=strong.X[:, 0] + weak.X[:, 0], classes=None)
    config, fits = W2SConfig(**settings), PoolFits()
    every = np.arange(700)
    Y = labels.targets(every)
    made = SplitFits(
        teachers=[weak],
        student=feature_set(X),
        Y=Y[L],
        classes=labels.classes,
        heads=[fits.fit(weak.X[L], Y[L], config.fit_options("teacher"))],
        baseline=fits.fit(X[L], Y[L], config.fit_options("baseline")),
        split=Split(labeled=every[L], unlabeled=every[U], test=every[T], seed=0),
        config=config,
        fits=fits,
    )
    return Rows(weak=weak.X.astype(np.float64), strong=X, Y=Y, problem=made.problem(copies=True))


def with_scores(problem: W2SProblem, scores: Array) -> W2SProblem:
    """Return the problem whose teacher has other scores on the pool, shape (300, K)."""
    (teacher,) = problem.teachers
    return replace(problem, teachers=(replace(teacher, scores=scores, pseudolabels=problem.soft(scores)),))
