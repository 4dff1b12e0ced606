"""Beside every selection: as many rows drawn at random, and the same student at other fractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.strategies.base import Student

CONTROL = ":control"  # what is added to a strategy's name for its control


@dataclass(frozen=True, eq=False, kw_only=True)
class Covered:
    """A student, and its control, at one fraction of the pool.

    Parameters
    ----------
    keep : float
        The fraction.
    kept : array of bool, shape (N,)
        Rows the student was trained on.
    scores, control_scores : arrays of shape (m, K)
        Raw scores of student and control on the test rows.
    """

    keep: float
    kept: NDArray[np.bool_]
    scores: Float
    control_scores: Float


def random_control(student: Student, pseudolabels: Float, rng: np.random.Generator) -> Student | None:
    """Return the same student on as many rows drawn at random, as many of each pseudolabel; None if it kept all.

    Parameters
    ----------
    student : Student
        As its strategy returned it; without a way to refit it there is no control.
    pseudolabels : array of shape (N, K)
        Of the pool.
    rng : numpy.random.Generator
        Draws the rows.
    """
    if student.refit is None or student.kept.all():
        return None
    kept = _random_rows(student.kept, pseudolabels.argmax(axis=1), rng)
    return Student(head=student.refit(kept), kept=kept, rule="as many rows at random, class by class")


def covered_at(
    student: Student,
    pseudolabels: Float,
    fractions: Sequence[float],
    X_test: Features,
    rng: np.random.Generator,
) -> tuple[Covered, ...]:
    """Return a student and its control at other fractions; nothing if it ranks no rows.

    Parameters
    ----------
    student : Student
        As its strategy returned it.
    pseudolabels : array of shape (N, K)
        Of the pool.
    fractions : sequence of float
        Fractions of the pool to keep.
    X_test : array of shape (m, d)
        Features of the test rows.
    rng : numpy.random.Generator
        Draws the control's rows.
    """
    if student.enters is None or student.refit is None:
        return ()
    found = []
    for keep in fractions:
        kept = student.enters <= keep
        random = _random_rows(kept, pseudolabels.argmax(axis=1), rng)
        scores, control = (student.refit(rows).scores(X_test) for rows in (kept, random))
        found.append(Covered(keep=keep, kept=kept, scores=scores, control_scores=control))
    return tuple(found)


def _random_rows(kept: NDArray[np.bool_], codes: Rows, rng: np.random.Generator) -> NDArray[np.bool_]:
    order = rng.permutation(len(kept))
    chosen = np.zeros_like(kept)
    for code in np.unique(codes).tolist():
        own = order[codes[order] == code]
        chosen[own[: int(kept[codes == code].sum())]] = True
    return chosen
