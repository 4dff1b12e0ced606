"""Several teachers without a student: each one's held-out score, and all of them together."""

from __future__ import annotations

from collections.abc import Sequence

from w2s_probe.experiments.run.outcome import TOGETHER, Committee, Together
from w2s_probe.heads import LinearHead
from w2s_probe.linalg.min_norm import stacked_weights
from w2s_probe.strategies import W2SProblem
from w2s_probe.strategies.committee import label_score


def committee_of(problem: W2SProblem, heads: Sequence[LinearHead]) -> Committee:
    """Return the teachers of a problem, with their heads, and their weights together."""
    names = [teacher.name for teacher in problem.teachers]
    soft = [problem.soft(teacher.held_out()) for teacher in problem.teachers]
    together = Together(weights=stacked_weights(soft, problem.Y_labeled))
    scores = dict(zip(names, soft, strict=True)) | {TOGETHER: together.mean(soft)}
    is_class = problem.classes is not None
    return Committee(
        heads=dict(zip(names, heads, strict=True)),
        held_out={name: label_score(F, problem.Y_labeled, is_class=is_class) for name, F in scores.items()},
        together=together,
    )
