"""Labels and pseudolabels together: a ridge head fitted to the labels that stays close to the vanilla student."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from w2s_probe.core.errors import NotApplicableError
from w2s_probe.core.fit_options import default_points
from w2s_probe.core.types import Float
from w2s_probe.heads import LinearHead
from w2s_probe.heads.linear import deviations
from w2s_probe.linalg.anchored import anchored_ridge
from w2s_probe.strategies.base import Student, W2SProblem, need_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchoredConfig:
    """The anchored student has no settings."""


def anchored(problem: W2SProblem, config: AnchoredConfig) -> Student:
    r"""Return the ridge head of the labels that is pulled toward the weights of the vanilla student.

    It minimizes :math:`\sum_L \lVert y - f(x) \rVert^2 + \alpha \lVert W - W_0 \rVert^2` with a free intercept, where
    :math:`W_0` are the vanilla student's weights, which are the teacher's head remapped to the student's features [1]_.
    The strength has the smallest exact leave-one-out error of the whole pipeline, from 0 (the labels alone) to
    infinity (the vanilla student itself), see `w2s_probe.linalg.anchored`. With scaled features the distance is that
    of the weights on features scaled by the labeled rows.

    `Student.fitted` has ``label_share``, the share of the directions of the labeled rows that the labels decide (0 is
    the vanilla student, 1 the labels alone), and ``held_out_error`` and ``held_out_error_vanilla``, the squared
    leave-one-out errors of this student and of the vanilla student on the labeled rows.

    References
    ----------
    .. [1] Lee et al. (2023), arXiv 2305.18239.
    """
    need_rows(problem, "anchored", "its ridge heads have an intercept", "the strategy average")
    label_map = problem.label_map()
    if label_map is None:
        msg = (
            "the strategy anchored needs ridge heads, soft pseudolabels and a teacher with features: got "
            f"{_obstacle(problem)}. Use `head` ridge and `pseudolabels` soft, or the strategy average."
        )
        raise NotApplicableError(msg)
    scaled = problem.options.scale == "standard"
    deviation = deviations(problem.X_labeled, np.ones(len(problem.X_labeled))) if scaled else np.ones(1)
    vanilla = cast("LinearHead", problem.vanilla())
    fit = anchored_ridge(
        problem.X_labeled / deviation,
        problem.Y_labeled,
        coef=vanilla.coef * deviation[:, None],
        intercept=vanilla.intercept,
        label_map=label_map,
        teacher_residuals=problem.Y_labeled - problem.teachers[0].held_out(),
        points=problem.options.points or default_points("ridge", None),
    )
    head = LinearHead(
        kind="ridge",
        coef=fit.coef / deviation[:, None],
        intercept=fit.intercept,
        alpha=min(fit.alpha, fit.largest),  # a number, for JSON, where the strength is infinite
        rule="loo",
        at_edge=False,  # there is no strength beyond 0 and infinity
    )
    return Student(
        head=head,
        kept=np.ones(len(problem.X_unlabeled), dtype=np.bool_),
        rule="all pseudolabels, and the labels",
        fitted={
            "label_share": fit.share,
            "held_out_error": _error(problem, fit.held_out),
            "held_out_error_vanilla": _error(problem, problem.held_out()),
        },
        uses_labels=True,
        rivals=("average",),
        caution="With few labels its strength is chosen on few rows.",
    )


def _obstacle(problem: W2SProblem) -> str:
    """Return why the vanilla student is no linear map of the labels."""
    if problem.options.kind != "ridge":
        return f"{problem.options.kind} heads"
    teacher = problem.teachers[0]
    soft = np.array_equal(teacher.pseudolabels, teacher.scores)
    return "a teacher without features" if soft else "hard pseudolabels"


def _error(problem: W2SProblem, scores: Float) -> float:
    """Return the mean squared error of scores on the labeled rows, over rows; squares are summed over the K columns."""
    return float(((problem.Y_labeled - scores) ** 2).sum(axis=1).mean())
