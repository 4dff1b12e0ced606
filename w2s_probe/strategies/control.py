"""Comparisons for a selection: a random control of the same size, and the coverage curve over other fractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.strategies.base import Student

CONTROL = ":control"  # suffix of a strategy's name for its random control


@dataclass(frozen=True, eq=False, kw_only=True)
class CoverageScores:
    """Test scores of a student and of its random control at one fraction of the pool.

    Parameters
    ----------
    keep : float
        Fraction of the pool to keep.
    kept : array of bool, shape (N,)
        Rows that the student was trained on.
    scores, control_scores : arrays of shape (m, K)
        Raw scores of student and control on the test rows.
    """

    keep: float
    kept: NDArray[np.bool_]
    scores: Float
    control_scores: Float


def random_control(student: Student, pseudolabels: Float, rng: np.random.Generator) -> Student | None:
    """Return the student refitted to random rows of the pool, with the same number of rows of each pseudolabel.

    `pseudolabels` has shape (N, K). None if the student keeps all rows or has no `refit`.
    """
    if student.refit is None or student.kept.all():
        return None
    kept = _random_rows(student.kept, pseudolabels.argmax(axis=1), rng)
    targets = student.targets if student.refit_targets is None else student.refit_targets
    return Student(
        head=student.refit(kept),
        kept=kept,
        rule="random rows, as many of each class",
        targets=targets,
        options=student.options,
    )


def coverage_scores(
    student: Student,
    pseudolabels: Float,
    fractions: Sequence[float],
    X_test: Features,
    rng: np.random.Generator,
) -> tuple[CoverageScores, ...]:
    """Return the test scores of a student and of its random control at other fractions of the pool to keep.

    `pseudolabels` has shape (N, K), `X_test` shape (m, d). Empty if the student does not rank rows.
    """
    if student.enters is None or student.refit is None:
        return ()
    points = []
    for keep in fractions:
        kept = student.enters <= keep
        random = _random_rows(kept, pseudolabels.argmax(axis=1), rng)
        scores, control = (student.refit(rows).scores(X_test) for rows in (kept, random))
        points.append(CoverageScores(keep=keep, kept=kept, scores=scores, control_scores=control))
    return tuple(points)


def _random_rows(kept: NDArray[np.bool_], codes: Rows, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return a random mask, shape (N,), with as many rows of each class as `kept` has."""
    order = rng.permutation(len(kept))
    mask = np.zeros_like(kept)
    for code in np.unique(codes).tolist():
        own = order[codes[order] == code]
        mask[own[: int(kept[codes == code].sum())]] = True
    return mask
