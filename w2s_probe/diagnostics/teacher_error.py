"""The share of the teacher's error that lies in the student's space and can be imitated there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from w2s_probe.core.errors import ShapeError
from w2s_probe.core.types import Features, Float
from w2s_probe.linalg.moments import Moments, ring_moments
from w2s_probe.linalg.whitening import principal_axes


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherErrorEnergy:
    """Fraction of the energy of a teacher's errors that lies in the student's space.

    Parameters
    ----------
    value : float
        In [0, 1]: 0 if the student cannot repeat the errors, 1 if it can repeat all of them.
    chance : float
        Expected value for errors unrelated to the student's features: dimensions divided by rows.
    corrected : float
        (value - chance) / (1 - chance), as in adjusted R².
    rows : int
        Number of labeled rows.
    """

    value: float
    chance: float
    corrected: float
    rows: int


def teacher_error_energy(
    teacher: Features,
    student: Features,
    targets: Float,
    *,
    alpha: float,
    rng: np.random.Generator,
    energy: float = 0.99,
) -> TeacherErrorEnergy:
    """Return the share of the teacher's held-out error energy that lies in the student's space.

    A ridge teacher is fitted to either random half of the rows; its errors on the other half are counted.

    Parameters
    ----------
    teacher, student : array of shape (n, d)
        Features of the labeled rows.
    targets : array of shape (n, K)
        One-hot rows or numbers.
    alpha : float
        Strength of the teacher's head on n rows; a head on half the rows gets half the strength.
    rng : numpy.random.Generator
        Draws the halves.
    energy : float
        Fraction of the student's centered energy in the principal axes that are used.

    Raises
    ------
    ShapeError
        If half the rows are not more than the student's dimensions, or the teacher makes no error.
    """
    n = len(targets)
    fold = rng.permuted(np.arange(n) % 2)
    halves = ring_moments({"teacher": teacher, "student": student, "targets": targets}, fold, 2)
    inside, total, by_chance = np.sum(
        [_energies(fit, test, alpha / 2, energy) for fit, test in (halves, halves[::-1])], axis=0
    )
    if not total > 0:
        msg = "the energy of the teacher's errors needs errors: the teacher makes none. Label more rows."
        raise ShapeError(msg)
    value, chance = float(inside / total), float(by_chance / total)
    return TeacherErrorEnergy(value=value, chance=chance, corrected=(value - chance) / (1 - chance), rows=n)


def _energies(fit: Moments, test: Moments, alpha: float, energy: float) -> tuple[float, float, float]:
    """Return the energy of errors on `test` in the student's space, in total, and expected by chance in that space."""
    axes = principal_axes(test, "student").truncated(energy)
    d = len(axes.eigenvalues)
    if test.n - 1 <= d:
        msg = (
            f"the energy of the teacher's errors needs more than {d + 1} rows in half of the labeled rows, the "
            f"student's dimensions plus 1: got {test.n}. Label more rows or use a smaller energy."
        )
        raise ShapeError(msg)
    shrunk = fit.gram("teacher") + alpha * np.eye(fit.widths["teacher"])
    W = linalg.solve(shrunk, fit.gram("teacher", "targets"), assume_a="pos", check_finite=False)
    cross = test.gram("student", "targets") - test.gram("student", "teacher") @ W
    fitted = 2 * test.gram("targets", "teacher") - W.T @ test.gram("teacher")
    total = float(np.trace(test.gram("targets") - fitted @ W))
    return float(((axes.whitening.T @ cross) ** 2).sum()), total, total * d / (test.n - 1)
