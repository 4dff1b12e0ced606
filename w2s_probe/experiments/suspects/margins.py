r"""How likely a student errs on a row: a logistic model of what can be seen without labels.

For two classes the model's variables are :math:`|m_s|` and :math:`\operatorname{sign}(m_s)\,m_t`, with
:math:`m_s, m_t` the margins of student and teacher (score of the second class minus that of the first):
how sure the student is, and how far its teacher is on its side. For more classes they are the student's
largest score minus its second largest, and the teacher's score of the student's class minus the largest
of its others; for two classes these are the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.types import Float
from w2s_probe.heads import LinearHead, fit_softmax

PRIOR = 1.0  # precision of the coefficients of margins scaled to unit spread, scikit-learn's default


@dataclass(frozen=True, eq=False, kw_only=True)
class ErrorModel:
    """A fitted model of the student's errors.

    Parameters
    ----------
    head : LinearHead
        Softmax head on the margins as given; its second class is an error.
    slopes : array of shape (2,)
        Log-odds that each margin adds per standard deviation.
    """

    head: LinearHead
    slopes: Float

    def probability(self, seen: Float) -> Float:
        """Return the probability of an error, shape (m,).

        Parameters
        ----------
        seen : array of shape (m, 2)
            What `margins` returned.
        """
        return self.head.probabilities(self.head.scores(seen))[:, 1]


def margins(student: Float, teacher: Float) -> Float:
    """Return the student's margin and the teacher's margin for the student's class, shape (m, 2).

    Parameters
    ----------
    student, teacher : arrays of shape (m, K)
        Raw scores of at least two classes.

    Examples
    --------
    >>> import numpy as np
    >>> margins(np.array([[0.75, 0.25], [0.0, 0.5]]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    array([[ 0.5,  1. ],
           [ 0.5, -1. ]])
    """
    rows = np.arange(len(student))
    decided = student.argmax(axis=1)
    top = np.sort(student, axis=1)
    others = teacher.copy()
    others[rows, decided] = -np.inf
    return np.column_stack([top[:, -1] - top[:, -2], teacher[rows, decided] - others.max(axis=1)])


def fit_errors(seen: Float, wrong: NDArray[np.bool_]) -> ErrorModel:
    r"""Return the logistic regression of errors on margins.

    Minimizes :math:`\sum_i \log(1 + e^{-z_i (b + w^\top x_i)}) + \lVert w \rVert^2 / 2` with margins
    :math:`x_i` divided by their standard deviations and :math:`z_i = \pm 1` for an error: the penalty
    keeps few errors from being separated, and the free intercept makes the mean probability that of
    the errors.

    Parameters
    ----------
    seen : array of shape (n, 2)
        What `margins` returned, from scores of heads that did not see the rows' labels.
    wrong : array of bool, shape (n,)
        Whether the student errs; some are and some are not.
    """
    head = fit_softmax(seen, np.eye(2)[wrong.astype(np.intp)], alpha=PRIOR, scale="standard")
    slopes = (head.coef[:, 1] - head.coef[:, 0]) * seen.std(axis=0)
    return ErrorModel(head=head, slopes=slopes)
