"""Overlap density's experiment on data selection: training sets of one size with a given share of overlap rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import ConfigError, NotApplicableError, ShapeError
from w2s_probe.core.types import Rows
from w2s_probe.diagnostics.overlap_density import confidence_margins, pattern_rows
from w2s_probe.strategies.base import Student, W2SProblem, need_classes
from w2s_probe.strategies.selection import refit_to

SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapConfig:
    """How many of the training rows are overlap rows.

    Parameters
    ----------
    share : float
        Overlap rows as a fraction of the training rows, in [0, 1]; 1, 0.75, 0.5, 0.25 and 0 are variants.
    """

    share: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.share, int | float) or isinstance(self.share, bool) or not 0 <= self.share <= 1:
            msg = f"overlap.share must be a number between 0 and 1: got {self.share!r:.60}. Use 1."
            raise ConfigError(msg)


def overlap(problem: W2SProblem, config: OverlapConfig) -> Student:
    """Return the student of a training set in which a given share of rows has easy and hard patterns.

    The teacher is sure of overlap rows, and the student's space has them near to a row of which the teacher is not
    sure: see `w2s_probe.diagnostics.overlap_density` [1]_. Training sets of all shares have the same size, the largest
    that all shares allow, so that only the choice of rows differs. Rows of each kind are drawn at random; a set with a
    larger share contains the overlap rows of a set with a smaller one. The pseudolabels are those of the vanilla
    student.

    Raises
    ------
    NotApplicableError
        If the teacher is equally sure of all rows, or all selected rows have the same class.

    References
    ----------
    .. [1] Shin, Cooper and Sala (2024), Weak-to-Strong Generalization Through the Data-Centric Lens, arXiv 2412.03881.
    """
    need_classes(problem, "overlap")
    teacher = problem.teachers[0]
    confidence = confidence_margins(teacher.head.probabilities(teacher.scores))
    try:
        parts = pattern_rows(confidence, problem.X_unlabeled)
    except ShapeError as error:
        msg = f"the strategy overlap needs rows with easy and with hard patterns: {error}"
        raise NotApplicableError(msg) from error
    order = problem.rng.permutation(len(confidence))
    student = partial(_student, problem, parts, order)
    variants = {f"share={share:g}": partial(student, share) for share in SHARES if share != config.share}
    return replace(student(config.share), variants=variants)


def _student(problem: W2SProblem, parts: dict[str, NDArray[np.bool_]], order: Rows, share: float) -> Student:
    both = parts["overlap"][order]
    size = min(int(both.sum()), int((~both).sum()))
    of_overlap = round(share * size)
    kept = np.zeros(len(order), dtype=np.bool_)
    kept[order[both][:of_overlap]] = True
    kept[order[~both][: size - of_overlap]] = True
    targets = problem.pseudolabels[0]
    if len(np.unique(targets[kept].argmax(axis=1))) < 2:
        msg = (
            f"the strategy overlap needs at least two classes among the selected pseudolabels: got one, at share "
            f"{share:g}. Use more pool rows (`n_unlabeled`)."
        )
        raise NotApplicableError(msg)
    refit = partial(refit_to, problem, targets)
    rule = f"random rows, {share:.0%} of them with easy and hard patterns"
    return Student(head=refit(kept), kept=kept, rule=rule, refit=refit, parts=parts)
