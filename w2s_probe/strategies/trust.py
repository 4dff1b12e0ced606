r"""Trust functions: learn on the labeled rows when the teacher is right, and keep the pseudolabels to trust."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from w2s_probe.core.errors import NotApplicableError
from w2s_probe.core.types import Float
from w2s_probe.heads import fit_softmax
from w2s_probe.strategies.base import Student, W2SProblem
from w2s_probe.strategies.selection import best_of_each_class, check_keep, hard_pseudolabels, support

PRIOR = 1.0  # prior precision of the coefficients of standardized margins, scikit-learn's default


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustConfig:
    """How many pseudolabels the strategy keeps.

    Parameters
    ----------
    keep : float
        Fraction of the pool to keep, in (0, 1], of each pseudolabel class.
    """

    keep: float = 0.6

    def __post_init__(self) -> None:
        check_keep("trust", self.keep)


def trust(problem: W2SProblem, config: TrustConfig) -> Student:
    r"""Return the student refitted to the hard pseudolabels that a model of the teacher's errors trusts most.

    The model is a logistic regression of "the teacher is right" on two margins: the teacher's, and the plain student's
    support for the teacher's class [1]_. With slopes :math:`w` of standardized margins :math:`x_i` it minimizes
    :math:`\sum_i \log(1 + e^{-z_i(b + w^\top x_i)}) + \lVert w\rVert^2/2`, where :math:`z_i` is 1 if the teacher is
    right on a labeled row, and -1 if it is wrong. All scores on labeled rows are held-out scores. The published
    trust function is a network on hidden states; on frozen embeddings with at most 400 labeled rows it learns nothing
    beyond these margins.

    Raises
    ------
    NotApplicableError
        If the teacher is right on all labeled rows, or on none: there is nothing to learn trust from.

    References
    ----------
    .. [1] Uzunoglu, Zhang and Khashabi (2026), Trust Functions, ICML 2026, arXiv 2606.01000.
    """
    targets = hard_pseudolabels(problem, "trust")
    teacher = problem.teachers[0]
    held_out = teacher.held_out()
    right = held_out.argmax(axis=1) == problem.Y_labeled.argmax(axis=1)
    if right.all() or not right.any():
        msg = (
            "the strategy trust needs labeled rows on which the teacher is right and others on which it is wrong: it "
            f"is {'right' if right.all() else 'wrong'} on all {len(right):,}. Use more labeled rows (`n_labeled`)."
        )
        raise NotApplicableError(msg)
    margins = evidence(held_out, problem.held_out())
    model = fit_softmax(margins, np.eye(2)[right.astype(np.intp)], alpha=PRIOR, scale="standard")
    log_odds = model.scores(evidence(teacher.scores, problem.vanilla().scores(problem.X_unlabeled))) @ [-1.0, 1.0]
    student = best_of_each_class(problem, targets, log_odds, keep=config.keep, rule="trust in the teacher")
    slopes = (model.coef[:, 1] - model.coef[:, 0]) * margins.std(axis=0)
    return replace(
        student, fitted={"slope_of_teacher_margin": float(slopes[0]), "slope_of_student_support": float(slopes[1])}
    )


def evidence(teacher: Float, student: Float) -> Float:
    """Return the teacher's margin and the student's support for the teacher's class, shape (m, 2).

    `teacher` and `student` are raw scores of at least two classes, shape (m, K).

    Examples
    --------
    >>> import numpy as np
    >>> evidence(np.array([[1.0, 0.0], [0.25, 0.5]]), np.array([[0.75, 0.25], [0.5, 0.0]]))
    array([[ 1.  ,  0.5 ],
           [ 0.25, -0.5 ]])
    """
    classes = teacher.argmax(axis=1)
    return np.column_stack([support(teacher, classes), support(student, classes)])
