"""The fitted heads of one split and their raw scores on its test rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import softmax

from w2s_probe.core.config import System
from w2s_probe.core.splits import Split
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.heads import LinearHead, ridge_probabilities
from w2s_probe.strategies import Scorer, Student
from w2s_probe.strategies.control import CoverageScores

SYSTEMS: tuple[System, ...] = ("teacher", "baseline", "ceiling")
TEACHERS = "teachers/"  # prefix of the scores of a committee's teachers
TOGETHER = "together"


@dataclass(frozen=True, eq=False, kw_only=True)
class Together:
    """The weighted mean of several teachers' soft pseudolabels, without a student.

    Parameters
    ----------
    weights : array of shape (M,)
        Weights on the simplex.
    """

    weights: Float
    alpha: float = math.nan
    rule: str = "given"
    at_edge: bool = False
    converged: bool = True

    def mean(self, soft: list[Float]) -> Float:
        """Return the weighted mean, shape (m, K), of arrays of this shape.

        Parameters
        ----------
        soft : list of arrays of shape (m, K)
            Soft pseudolabels of each teacher.
        """
        return np.tensordot(self.weights, np.array(soft), axes=1)

    def probabilities(self, scores: Float) -> Float:
        """Return class probabilities of shape (m, K).

        Parameters
        ----------
        scores : array of shape (m, K)
            Return value of `mean`.
        """
        return ridge_probabilities(scores)


@dataclass(frozen=True, eq=False, kw_only=True)
class Committee:
    """The teachers of one split, if there are several.

    Parameters
    ----------
    heads : mapping of name to LinearHead
        The head of each teacher.
    held_out : mapping of name to float
        Accuracy (R² for regression) of held-out scores on the labeled rows; also of ``together``, whose weights were
        chosen on these rows.
    together : Together
        The weighted mean of all teachers.
    """

    heads: Mapping[str, LinearHead]
    held_out: Mapping[str, float]
    together: Together

    @property
    def best(self) -> str:
        """The teacher with the highest held-out score; the first of equal ones."""
        return max(self.heads, key=lambda name: self.held_out[name])

    def scores(self, features: Sequence[Features]) -> dict[str, Float]:
        """Return scores on new rows, shape (m, K), of each teacher and of all together, by ``teachers/NAME``.

        Parameters
        ----------
        features : sequence of arrays of shape (m, d)
            Features of these rows for each teacher.
        """
        raw = {name: head.scores(X) for (name, head), X in zip(self.heads.items(), features, strict=True)}
        soft = [scores if self.heads[name].kind == "ridge" else softmax(scores, axis=1) for name, scores in raw.items()]
        return {TEACHERS + name: scores for name, scores in {**raw, TOGETHER: self.together.mean(soft)}.items()}


@dataclass(frozen=True, eq=False, kw_only=True)
class SeedOutcome:
    """Fitted heads of one split and their raw scores on its test rows.

    Parameters
    ----------
    split : Split
        Labeled rows, pool and test rows.
    heads : mapping of system to LinearHead
        Teacher, baseline and ceiling.
    students : mapping of str to Student
        Fitted students by strategy, their variants by ``STRATEGY/VARIANT``, and random controls.
    test_scores : mapping of str to array of shape (m, K)
        Raw scores on the test rows, by system, student or ``teachers/NAME``.
    pseudolabels : array of shape (N, K)
        The first teacher's pseudolabels of the pool.
    coverage : mapping of strategy to tuple of CoverageScores
        Students at other fractions of the pool, for strategies that rank rows.
    skipped : mapping of str to str
        Why a strategy, or a variant of one, does not apply.
    committee : Committee or None
        All teachers; None if there is one.
    stages : mapping of str to mapping of str to array of int, shape (m,)
        Decisions on the test rows of the heads on the way to a student, by student and stage.
    """

    split: Split
    heads: Mapping[str, LinearHead]
    students: Mapping[str, Student]
    test_scores: Mapping[str, Float]
    pseudolabels: Float
    coverage: Mapping[str, tuple[CoverageScores, ...]] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    committee: Committee | None = None
    stages: Mapping[str, Mapping[str, Rows]] = field(default_factory=dict)

    def head(self, name: str) -> Scorer | Together:
        """Return the fitted head of a system, of a student, or of ``teachers/NAME``."""
        if self.committee is not None and name.startswith(TEACHERS):
            teacher = name.removeprefix(TEACHERS)
            return self.committee.together if teacher == TOGETHER else self.committee.heads[teacher]
        return self.students[name].head if name in self.students else self.heads[name]

    def all_heads(self) -> dict[str, Scorer]:
        """Return every fitted head: of the systems, of each of several teachers, of students and their variants."""
        own = {} if self.committee is None else {TEACHERS + name: head for name, head in self.committee.heads.items()}
        return {**self.heads, **own, **{name: student.head for name, student in self.students.items()}}

    def targets(self, name: str) -> Float:
        """Return the pseudolabels, shape (N, K), that a student was trained on."""
        own = self.students[name].targets
        return self.pseudolabels if own is None else own
