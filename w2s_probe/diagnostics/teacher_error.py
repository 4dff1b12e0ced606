"""How much of the teacher's error the student's space can imitate."""

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
        In [0, 1]: 0 means the student cannot repeat the errors, 1 that it can repeat them all.
    chance : float
        The same for errors unrelated to the student's features, dimensions over rows.
    corrected : float
        (value - chance) / (1 - chance), adjusted R².
    rows : int
        Labeled rows.
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
    """Return it for errors on rows that the teacher was not fitted to.

    A ridge teacher is fitted to a random half of the rows and judged on the other, both ways.

    Parameters
    ----------
    teacher, student : array of shape (n, d)
        Features of the labeled rows.
    targets : array of shape (n, K)
        One-hot rows or numbers.
    alpha : float
        Strength of the teacher's head on n rows; a half of them gets half of it.
    rng : numpy.random.Generator
        Draws the halves.
    energy : float
        Fraction of the student's centered energy that its kept principal axes hold.

    Raises
    ------
    ShapeError
        If half the rows are not more than the student's dimensions, or the teacher errs nowhere.
    """
    n = len(targets)
    fold = rng.permuted(np.arange(n) % 2)
    halves = ring_moments({"teacher": teacher, "student": student, "targets": targets}, fold, 2)
    inside, total, by_chance = np.sum(
        [_held_out(fit, held, alpha / 2, energy) for fit, held in (halves, halves[::-1])], axis=0
    )
    if not total > 0:
        msg = "the energy of the teacher's errors needs errors: the teacher makes none."
        raise ShapeError(msg)
    value, chance = float(inside / total), float(by_chance / total)
    return TeacherErrorEnergy(value=value, chance=chance, corrected=(value - chance) / (1 - chance), rows=n)


def _held_out(fit: Moments, held: Moments, alpha: float, energy: float) -> tuple[float, float, float]:
    """Return the energy of held-out errors inside the student's space, all of it, and the part by chance."""
    axes = principal_axes(held, "student").truncated(energy)
    d = len(axes.eigenvalues)
    if held.n - 1 <= d:
        msg = (
            "the energy of the teacher's errors needs half the labeled rows to be more than the student's dimensions "
            f"plus one: got {held.n} for {d}. Label more rows."
        )
        raise ShapeError(msg)
    shrunk = fit.gram("teacher") + alpha * np.eye(fit.widths["teacher"])
    W = linalg.solve(shrunk, fit.gram("teacher", "targets"), assume_a="pos", check_finite=False)
    cross = held.gram("student", "targets") - held.gram("student", "teacher") @ W
    fitted = 2 * held.gram("targets", "teacher") - W.T @ held.gram("teacher")
    total = float(np.trace(held.gram("targets") - fitted @ W))
    return float(((axes.whitening.T @ cross) ** 2).sum()), total, total * d / (held.n - 1)
