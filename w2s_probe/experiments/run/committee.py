"""Several teachers without a student: each one's held-out score, and all of them together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.types import Float
from w2s_probe.experiments.run.outcome import TOGETHER, Committee, Together
from w2s_probe.heads import LinearHead
from w2s_probe.linalg.min_norm import stacked_weights
from w2s_probe.strategies import W2SProblem
from w2s_probe.strategies.committee import label_score


def committee_of(
    problem: W2SProblem, heads: Sequence[LinearHead], held_out: Sequence[Float], counted: NDArray[np.bool_]
) -> Committee:
    """Return the teachers of a problem, with their heads, and their weights together.

    `held_out` are their held-out scores on the labeled rows, each (n, K), and `counted`, shape (n,), tells the rows
    whose labels may judge all of them. Without any, weights are equal and no teacher has a held-out score.
    """
    names = [teacher.name for teacher in problem.teachers]
    soft, Y = [problem.soft(F[counted]) for F in held_out], problem.Y_labeled[counted]
    some = bool(counted.any())
    weights = stacked_weights(soft, Y) if some else np.full(len(names), 1 / len(names))
    together = Together(weights=weights)
    scores = dict(zip(names, soft, strict=True)) | {TOGETHER: together.mean(soft)}
    is_class = problem.classes is not None
    return Committee(
        heads=dict(zip(names, heads, strict=True)),
        held_out={name: label_score(F, Y, is_class=is_class) if some else math.nan for name, F in scores.items()},
        together=together,
    )
