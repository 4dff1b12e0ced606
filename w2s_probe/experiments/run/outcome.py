"""The fitted heads of one split and their raw scores on its test rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from w2s_probe.core.config import System
from w2s_probe.core.splits import Split
from w2s_probe.core.types import Float
from w2s_probe.heads import LinearHead
from w2s_probe.strategies import Scorer, Student
from w2s_probe.strategies.control import CoverageScores

SYSTEMS: tuple[System, ...] = ("teacher", "baseline", "ceiling")


@dataclass(frozen=True, eq=False, kw_only=True)
class SeedOutcome:
    """Fitted heads of one split and their raw scores on its test rows.

    Parameters
    ----------
    split : Split
        Labeled rows, pool and test rows.
    heads : mapping of system to LinearHead
        Teacher, baseline and ceiling.
    students : mapping of strategy to Student
        Fitted students, random controls among them, with the rows that each kept.
    test_scores : mapping of system or strategy to array of shape (m, K)
        Raw scores on the test rows.
    pseudolabels : array of shape (N, K)
        Targets of the students on the pool.
    coverage : mapping of strategy to tuple of CoverageScores
        Students at other fractions of the pool, for strategies that rank rows.
    """

    split: Split
    heads: Mapping[str, LinearHead]
    students: Mapping[str, Student]
    test_scores: Mapping[str, Float]
    pseudolabels: Float
    coverage: Mapping[str, tuple[CoverageScores, ...]] = field(default_factory=dict)

    def head(self, name: str) -> Scorer:
        """Return the fitted head of a system, or of the student of a strategy."""
        return self.students[name].head if name in self.students else self.heads[name]
