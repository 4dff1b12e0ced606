r"""Weights of the teachers that are learned with the student: the targets that a ridge student fits best.

For M arrays of centered targets :math:`T_m` and a ridge student of strength :math:`\alpha` with smoother S,

.. math::
    \min_W \Big\lVert \sum_m w_m T_m - XW \Big\rVert^2 + \alpha \lVert W \rVert^2 = w^\top R\, w, \qquad
    R_{mm'} = \langle T_m, (I - S)\, T_{m'} \rangle = \langle E_m, E_{m'} \rangle + \alpha \langle W_m, W_{m'} \rangle,

where :math:`W_m` and :math:`E_m` are weights and residuals of the student of teacher m alone. R comes from the fit of
one head to all targets side by side: S itself, of shape (N, N), is never formed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import numpy as np

from w2s_probe.core.errors import NotApplicableError
from w2s_probe.core.types import Float
from w2s_probe.heads import LinearHead
from w2s_probe.heads.linear import deviations
from w2s_probe.linalg.min_norm import min_norm_weights
from w2s_probe.strategies.base import Student, W2SProblem, need_teachers
from w2s_probe.strategies.weighting import (
    TARGETS,
    Targets,
    all_rows,
    check_choice,
    named_weights,
    need_soft,
    settled,
    with_variant,
)

NAME = "simplex"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimplexConfig:
    """What the student and the weights of its teachers are fitted to.

    Parameters
    ----------
    targets : {"hard", "soft"}
        The teachers' decisions or scores. The other value is a variant. With scores, the teacher whose scores vary
        least wins, which is often the weakest one.
    """

    targets: Targets = "hard"

    def __post_init__(self) -> None:
        check_choice("simplex.targets", self.targets, TARGETS)


def simplex(problem: W2SProblem, config: SimplexConfig) -> Student:
    """Return the student of the weighted teachers whose weights are learned with it.

    This is RAVEN [1]_ with squared loss, in closed form at each strength. The strength is the run's, or the one that
    GCV chooses for the mean of the targets. A teacher whose targets hardly vary is fitted best, so that it can get all
    the weight. With cross-entropy the least loss always lies at a single teacher,
    since it is linear in the targets: softmax heads are refused.

    References
    ----------
    .. [1] Jeon, Sobotka et al. (2025), Weak-to-Strong Generalization under Distribution Shifts, arXiv 2510.21332.
    """
    need_teachers(problem, NAME)
    if problem.options.kind == "softmax":
        msg = (
            "the strategy simplex needs squared loss, since cross-entropy would give all weight to one teacher: "
            "got `head` softmax. Use the strategy stacked."
        )
        raise NotApplicableError(msg)
    need_soft(problem, NAME, config.targets)
    return with_variant(problem, config.targets, partial(_student, problem))


def unfitted_gram(problem: W2SProblem, targets: Sequence[Float], *, alpha: float) -> Float:
    """Return R, shape (M, M), for M arrays of targets (N, K) and ridge students of strength `alpha`."""
    X = problem.X_unlabeled
    side_by_side = np.hstack(targets)
    options = replace(problem.options, alpha=alpha)
    head = cast("LinearHead", problem.fit(X, side_by_side, options=options))  # softmax heads are refused before
    scale = deviations(X, np.ones(len(X))) if options.scale == "standard" else np.ones(X.shape[1])
    rows = np.vstack([side_by_side - head.scores(X), np.sqrt(alpha) * scale[:, None] * head.coef])
    of_teachers = np.stack([part.ravel() for part in np.split(rows, len(targets), axis=1)])
    return of_teachers @ of_teachers.T


def _student(problem: W2SProblem, targets: Targets) -> Student:
    scores = problem.teacher_scores
    of_teachers = [problem.hard(raw) for raw in scores] if targets == "hard" else scores
    head, Y, weights = settled(problem, of_teachers, partial(_weights, problem, of_teachers), rounds=1)
    return Student(
        head=head,
        kept=all_rows(problem),
        rule=f"{targets} pseudolabels of all teachers, with the weights that a student fits best",
        targets=Y,
        fitted=named_weights(problem, weights),
        rivals=("mean_teacher",),
        caution="A teacher whose targets hardly vary is fitted best and gets the weight, however wrong it is.",
    )


def _weights(problem: W2SProblem, targets: Sequence[Float], alpha: float) -> Float:
    return min_norm_weights(unfitted_gram(problem, targets, alpha=alpha))
