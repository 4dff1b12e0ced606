"""Labels and pseudolabels together, without a setting: the mean of the vanilla student's and the baseline's scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from w2s_probe.heads import LinearHead
from w2s_probe.strategies.base import Student, W2SProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageConfig:
    """The average has no settings."""


def average(problem: W2SProblem, config: AverageConfig) -> Student:
    """Return the head whose raw scores are the mean of the vanilla student's and the baseline's.

    Both heads are linear, so that the mean of their weights and intercepts is one head. For softmax heads the mean is
    that of the logits. The weight of one half is not tuned: scores of pseudolabels are shrunken, so that squared
    errors on the labeled rows would choose a weight too near the baseline. The reported strength is the geometric mean
    of the two strengths.
    """
    heads = [cast("LinearHead", head) for head in (problem.vanilla(), problem.baseline())]
    head = LinearHead(
        kind=heads[0].kind,
        coef=np.mean([one.coef for one in heads], axis=0),
        intercept=np.mean([one.intercept for one in heads], axis=0),
        alpha=float(np.sqrt(heads[0].alpha * heads[1].alpha)),
        rule="mean",
        at_edge=False,  # it was not chosen from a grid
        converged=all(one.converged for one in heads),
    )
    return Student(
        head=head,
        kept=np.ones(len(problem.X_unlabeled), dtype=np.bool_),
        rule="all pseudolabels, and the labels",
        uses_labels=True,
        rivals=("anchored",),
        caution="Half of its score is the vanilla student's, however far that student is below the baseline.",
    )
