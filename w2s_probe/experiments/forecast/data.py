"""The arrays that a forecast may read, and what is computed from them once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.labels import Task
from w2s_probe.core.row_view import row_view
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.experiments.forecast.given import GivenRows
from w2s_probe.experiments.forecast.held_out import MoreTeachers
from w2s_probe.linalg.moments import Moments, moments_of, nested, ring_moments
from w2s_probe.linalg.odd import about_zero
from w2s_probe.linalg.same_space import ROWS, same_space
from w2s_probe.linalg.spectra import Spectrum, spectrum_of_gram
from w2s_probe.linalg.teacher_student import teacher_blocks


@dataclass(frozen=True, eq=False)
class ForecastData:
    """The arrays that a forecast may read; `count` receives the sizes at which the pipeline is trained next.

    `given` is about teachers that are predictions, whose features are raw scores; None if there are none.
    """

    X_teacher: Float
    X_student: Float
    Y: Float
    pool_teacher: NDArray[np.floating]
    pool_student: NDArray[np.floating]
    more_teachers: MoreTeachers
    task: Task
    count: Callable[[str], None]
    links: Rows | None = None
    given: GivenRows | None = None

    @property
    def score(self) -> str:
        """The main score."""
        return "accuracy" if self.task == "classification" else "r2"

    @property
    def pools(self) -> dict[str, Features]:
        """Features of the pool by block: of each teacher, then of the student."""
        teachers = [self.pool_teacher, *(pool for _, pool in self.more_teachers)]
        return {**dict(zip(teacher_blocks(len(teachers)), teachers, strict=True)), "student": self.pool_student}

    @cached_property
    def pool(self) -> Moments:
        """Moments of the whole pool."""
        return moments_of(self.pools)

    @cached_property
    def spectrum(self) -> Spectrum:
        """Spectrum of the student's features of the whole pool, which students of all labeled rows share."""
        pool = self.pool if self.links is None else about_zero(self.pool)
        return spectrum_of_gram(pool.gram("student"), n=pool.n, mean=pool.mean_of("student"))

    def smaller_pools(self, order: Rows, sizes: list[int]) -> list[Moments]:
        """Return the moments of the first rows of the pool in some order, for ascending sizes, from one pass."""
        ring = np.empty(len(order), dtype=np.int8)
        for number, size in reversed(list(enumerate(sizes))):
            ring[order[:size]] = number
        rows = np.sort(order[: max(sizes, default=0)])
        spaces = {block: row_view(X, rows) for block, X in self.pools.items()}
        return nested(ring_moments(spaces, ring[rows], len(sizes))) if sizes else []

    @cached_property
    def same_features(self) -> bool:
        """Whether all teachers have the features of the student."""
        if self.given is not None:
            return False
        *teachers, student = (X[:ROWS] for X in self.pools.values())
        return all(same_space(X, student) for X in teachers)
