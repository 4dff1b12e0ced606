r"""Logistic model of the student's errors given the margins of student and teacher, which need no label.

Let :math:`m_s, m_t` be the margins of student and teacher for two classes: score of the second class minus score of
the first. The variables of the model are :math:`|m_s|`, the student's confidence, and
:math:`\operatorname{sign}(m_s)\,m_t`, the teacher's support for the student's class. For more classes, the first is
the student's largest score minus its second largest; the second is the teacher's score of the student's class minus
its largest score of another class. For two classes both definitions agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.types import Float
from w2s_probe.heads import LinearHead, fit_softmax

PRIOR = 1.0  # prior precision of the coefficients of standardized margins, scikit-learn's default


@dataclass(frozen=True, eq=False, kw_only=True)
class ErrorModel:
    """A fitted model of the student's errors.

    Parameters
    ----------
    head : LinearHead
        Softmax head on the unscaled margins; its second class is an error.
    slopes : array of shape (2,)
        Change of the log-odds of an error per standard deviation of each margin.
    """

    head: LinearHead
    slopes: Float

    def probability(self, pairs: Float) -> Float:
        """Return the probability of an error, shape (m,), for the return value of `margins`, shape (m, 2)."""
        return self.head.probabilities(self.head.scores(pairs))[:, 1]


def margins(student: Float, teacher: Float) -> Float:
    """Return the student's margin and the teacher's margin for the student's class, shape (m, 2).

    `student` and `teacher` are raw scores of at least two classes, shape (m, K).

    Examples
    --------
    >>> import numpy as np
    >>> margins(np.array([[0.75, 0.25], [0.0, 0.5]]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    array([[ 0.5,  1. ],
           [ 0.5, -1. ]])
    """
    rows = np.arange(len(student))
    classes = student.argmax(axis=1)
    top = np.sort(student, axis=1)
    rest = teacher.copy()
    rest[rows, classes] = -np.inf
    return np.column_stack([top[:, -1] - top[:, -2], teacher[rows, classes] - rest.max(axis=1)])


def fit_errors(pairs: Float, wrong: NDArray[np.bool_]) -> ErrorModel:
    r"""Return the logistic regression of errors on margins.

    Minimizes :math:`\sum_i \log(1 + e^{-z_i (b + w^\top x_i)}) + \lVert w \rVert^2 / 2` with margins
    :math:`x_i` divided by their standard deviations and :math:`z_i = 1` for an error, else -1. The penalty keeps the
    coefficients finite if few errors can be separated. The intercept has no penalty, so that the mean probability
    equals the share of errors.

    `pairs`, shape (n, 2), is the return value of `margins` for held-out scores; `wrong`, shape (n,), flags the
    student's errors, at least one row of each kind.
    """
    head = fit_softmax(pairs, np.eye(2)[wrong.astype(np.intp)], alpha=PRIOR, scale="standard")
    slopes = (head.coef[:, 1] - head.coef[:, 0]) * pairs.std(axis=0)
    return ErrorModel(head=head, slopes=slopes)
