"""Committees: their votes, the mean of their scores, and the held-out score of one teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.types import Float, Rows
from w2s_probe.strategies.base import FurtherHead, Scorer, Teacher, W2SProblem

MOST_VOTES = 1000
DIGITS = 12  # decimals of a mean: smaller differences are rounding, which depends on the order of the members


def check_votes(setting: str, votes: object, *, usual: int) -> None:
    """Raise `ConfigError` unless `votes`, the value of a setting such as ``two_stage.votes``, counts heads."""
    if isinstance(votes, bool) or not isinstance(votes, int) or not 1 <= votes <= MOST_VOTES:
        msg = f"{setting} must be a whole number from 1 to {MOST_VOTES}: got {votes!r:.60}. Use {usual}."
        raise ConfigError(msg)


class Member(Protocol):
    """A head with its raw scores on the rows to vote on: a `Teacher` or a `FurtherHead`."""

    @property
    def head(self) -> Scorer:
        """The fitted head."""

    @property
    def scores(self) -> Float:
        """Raw scores of the head, shape (m, K)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Votes:
    """Outcome of a vote on each of m rows.

    Parameters
    ----------
    decisions : array of int, shape (m,)
        The class with the most votes; ties go to the larger mean probability, then to the lower class.
    shares : array of shape (m,)
        Share of the members that voted for it, in (0, 1].
    labels : array of shape (m, K)
        The decisions as one-hot rows.
    """

    decisions: Rows
    shares: Float
    labels: Float


def votes_of(members: Sequence[Member]) -> Votes:
    """Return the outcome of a vote: each member votes for the class of its largest raw score.

    Parameters
    ----------
    members : sequence of Member
        At least one head with its scores of shape (m, K).
    """
    one_hot = np.eye(members[0].scores.shape[1])
    counts = sum((one_hot[member.scores.argmax(axis=1)] for member in members), start=np.zeros_like(members[0].scores))
    probabilities = np.mean([member.head.probabilities(member.scores) for member in members], axis=0)
    most = counts.max(axis=1)
    leading = np.where(counts == most[:, None], probabilities.round(DIGITS), -np.inf)
    decisions = leading.argmax(axis=1)
    return Votes(decisions=decisions, shares=most / len(members), labels=one_hot[decisions])


def bootstrap_heads(problem: W2SProblem, count: int) -> list[FurtherHead]:
    """Return heads of the first teacher on bootstrap draws of the labeled rows, at the teacher's strength.

    Rows are drawn within each class, so that no class is lost. A committee of one is the teacher's own head.

    Parameters
    ----------
    problem : W2SProblem
        Its first teacher is repeated; the draws are those of `problem.rng`.
    count : int
        Number of heads.
    """
    teacher = problem.teachers[0]
    if count == 1:
        return [FurtherHead(head=teacher.head, scores=teacher.scores)]
    codes = problem.Y_labeled.argmax(axis=1)
    draws = [bootstrap_rows(codes, problem.rng) for _ in range(count)]
    return [teacher.fit(rows=rows, sample_weight=counts, alpha=teacher.head.alpha) for rows, counts in draws]


def bootstrap_rows(codes: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Return the rows that are drawn with replacement within each class, each once, and how often each is drawn.

    Parameters
    ----------
    codes : array of int, shape (n,)
        Class of each row.
    rng : numpy.random.Generator
        Source of the draws.
    """
    counts = np.zeros(len(codes), dtype=np.intp)
    for code in np.unique(codes).tolist():
        own = np.flatnonzero(codes == code)
        counts += np.bincount(rng.choice(own, size=len(own)), minlength=len(codes))
    rows = np.flatnonzero(counts)
    return rows, counts[rows]


def mean_pseudolabels(problem: W2SProblem) -> Float:
    """Return the mean of the teachers' soft pseudolabels, shape (N, K), see `weighted_pseudolabels`.

    Parameters
    ----------
    problem : W2SProblem
        The teachers are those of this problem.
    """
    equal = np.full(len(problem.teachers), 1 / len(problem.teachers))
    return weighted_pseudolabels([problem.soft(teacher.scores) for teacher in problem.teachers], equal)


def weighted_pseudolabels(pseudolabels: Sequence[Float], weights: Float) -> Float:
    """Return the weighted mean, shape (N, K), of the pseudolabels of M teachers.

    The mean of equal teachers is the teacher, to the byte. Where the teachers cancel out on all rows, as contradictory
    ones do, rounding errors are removed: all rows are then equal.

    Parameters
    ----------
    pseudolabels : sequence of M arrays of shape (N, K)
        Pseudolabels of each teacher.
    weights : array of shape (M,)
        Weights of the teachers, which sum to 1.
    """
    heaviest = int(np.argmax(weights))
    base = pseudolabels[heaviest]
    mean = base.copy()
    for place, (labels, weight) in enumerate(zip(pseudolabels, weights.tolist(), strict=True)):
        if place != heaviest:
            mean += weight * (labels - base)
    rounding = 10.0**-DIGITS * np.abs(base).max()
    constant = np.ptp(mean, axis=0).max() <= rounding
    return np.tile(mean.mean(axis=0).round(DIGITS), (len(mean), 1)) if constant else mean


def held_out_score(problem: W2SProblem, teacher: Teacher) -> float:
    """Return a teacher's accuracy on the labeled rows, each held out of its head; R² for regression.

    Parameters
    ----------
    problem : W2SProblem
        Its labeled rows are scored.
    teacher : Teacher
        One of its teachers.
    """
    return label_score(teacher.held_out(), problem.Y_labeled, is_class=problem.classes is not None)


def label_score(scores: Float, Y: Float, *, is_class: bool) -> float:
    """Return the accuracy of scores, shape (n, K), for labels Y of this shape; their R² for regression."""
    if is_class:
        return float((scores.argmax(axis=1) == Y.argmax(axis=1)).mean())
    return float(1 - ((Y - scores) ** 2).sum() / ((Y - Y.mean(axis=0)) ** 2).sum())
