"""Heads on the way to a student: their decisions on the test rows, and their accuracies with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from w2s_probe import metrics
from w2s_probe.core.types import Features, Rows
from w2s_probe.metrics import Draws, RowScore
from w2s_probe.results.student import StageResult
from w2s_probe.strategies import Student

Accuracy = Callable[[Sequence[Rows]], RowScore]


def stage_decisions(student: Student, X_test: Features, X_teachers: Sequence[Features]) -> dict[str, Rows]:
    """Return the decisions of each stage on the test rows, shape (m,), by the stage's name.

    Parameters
    ----------
    student : Student
        A student for classes; it may have no stages.
    X_test : array of shape (m, d)
        Student features of the test rows.
    X_teachers : sequence of arrays of shape (m, d_t)
        Features of the test rows for each teacher.
    """
    return {
        key: stage.head.scores(X_test if stage.teacher is None else X_teachers[stage.teacher]).argmax(axis=1)
        for key, stage in student.stages.items()
    }


def stage_scores(decisions: Sequence[Mapping[str, Rows]], accuracy: Accuracy) -> dict[str, RowScore]:
    """Return the accuracy by row of each stage that all splits have.

    Parameters
    ----------
    decisions : sequence of mappings of stage to array of int, shape (m,)
        Return values of `stage_decisions`, one for each split.
    accuracy : callable
        ``accuracy(decisions)`` returns the accuracy by row of one array of decisions for each split.
    """
    everywhere = [key for key in decisions[0] if all(key in of_split for of_split in decisions)]
    return {key: accuracy([of_split[key] for of_split in decisions]) for key in everywhere}


def stage_results(scores: Mapping[str, RowScore], student: Student, draws: Draws) -> dict[str, StageResult] | None:
    """Return the accuracy of each stage, and its difference to the first one on the same features; None without stages.

    Parameters
    ----------
    scores : mapping of stage to RowScore
        Return value of `stage_scores`.
    student : Student
        The student of the first split.
    draws : Draws
        Seed and row of each test result.
    """
    first: dict[int | None, RowScore] = {}
    results = {}
    for key, score in scores.items():
        start = first.setdefault(student.stages[key].teacher, score)
        results[key] = StageResult(
            accuracy=metrics.ratio_of_means(score.numerator, score.denominator, draws, bounds=score.bounds),
            versus_start=metrics.difference(score, start, draws),
        )
    return results or None


def stage_accuracies(scores: Mapping[str, RowScore], sizes: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """Return the accuracy of each stage on each split, shape (splits,).

    Parameters
    ----------
    scores : mapping of stage to RowScore
        Return value of `stage_scores`.
    sizes : sequence of int
        Test rows of each split.
    """
    ends = np.cumsum(sizes)[:-1]
    return {key: np.array([part.mean() for part in np.split(score.numerator, ends)]) for key, score in scores.items()}
