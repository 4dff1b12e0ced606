"""Pairs of spaces whose overlap is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def planted(m: int, d_student: int, d_teacher: int, shared: int, rng: np.random.Generator) -> tuple[Float, Float]:
    """Return teacher and student features with `shared` dimensions in common, each in a random basis."""
    S, T = rng.standard_normal((m, d_student)), rng.standard_normal((m, d_teacher))
    T[:, :shared] = S[:, :shared]
    return T @ rotation(d_teacher, rng), S @ rotation(d_student, rng)


def related(m: int, rng: np.random.Generator, d_teacher: int = 12, d_student: int = 20) -> tuple[Float, Float]:
    """Return two noisy views of one core, off center, with decaying spectra."""
    core = rng.standard_normal((m, 6))
    T = core @ rng.standard_normal((6, d_teacher)) + rng.standard_normal((m, d_teacher))
    S = core @ rng.standard_normal((6, d_student)) + rng.standard_normal((m, d_student))
    return T * np.arange(1, d_teacher + 1) ** -0.5 + 5, S * np.arange(1, d_student + 1) ** -0.5 - 3


def rotation(d: int, rng: np.random.Generator) -> Float:
    return np.linalg.qr(rng.standard_normal((d, d)))[0]
