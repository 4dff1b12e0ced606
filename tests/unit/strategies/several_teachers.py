"""A problem with several teachers on small data, as a run makes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.problems import problem_of, views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import draw_splits
from w2s_probe.strategies import Student, W2SProblem

Array = NDArray[np.float64]


def several_teachers(
    *noises: float, seed: int = 0, pool: int = 260, classes: int | None = 2, **settings: Any
) -> W2SProblem:
    """Return a problem with a teacher for each of `noises`, the noise of its features; without classes: regression.

    `settings` are fields of `W2SConfig`; by default heads are ridge heads on soft pseudolabels.
    """
    n = pool + 160
    weak, strong, labels = views(n, seed=seed, classes=classes or 2, noises=noises)
    if classes is None:
        labels = Labels(values=strong.X[:, 0] + weak[0].X[:, 0], classes=None)
        settings["task"] = "regression"
    (split,) = draw_splits(labels, seeds=[seed], n_labeled=90, n_unlabeled=pool, n_test=60)
    return problem_of(weak, strong, labels, split=split, config=W2SConfig(**settings))


def with_scores(problem: W2SProblem, *scores: Array) -> W2SProblem:
    """Return the problem with these scores, and soft pseudolabels, of its teachers on the pool."""
    teachers = zip(problem.teachers, scores, strict=True)
    return replace(problem, teachers=tuple(replace(old, scores=raw, pseudolabels=raw) for old, raw in teachers))


def weights_of(student: Student, at: str = "") -> Array:
    """Return the weights of the teachers in a student's numbers, in order; `at` is the end of their keys."""
    named = {key: value for key, value in student.fitted.items() if key.startswith("weight ")}
    ends = {key: key.partition(" at ")[2] for key in named}
    return np.array([value for key, value in named.items() if ends[key] == at])


def variant(student: Student, key: str) -> Student:
    """Return a variant of a student."""
    made = student.variants[key]
    return made if isinstance(made, Student) else made()
