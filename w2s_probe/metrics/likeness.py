"""Predictions that cannot be told apart: constant predictions, and those of a student that copies its teacher."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from w2s_probe.core.types import Float

CONSTANT = 1e-3  # spread of predicted numbers, as a share of the labels' spread, that moves R² by 0.002 at most
COPY = 0.99  # agreement above which a student may copy its teacher
IMITATION = 0.95  # squared correlation of scores above which it does; less is agreement by chance


def is_constant(scores: Float, *, spread: float) -> bool:
    """Return whether a head decides one class, or predicts nearly one number, on all rows.

    Parameters
    ----------
    scores : array of shape (m, K)
        Raw scores of a head: one column for each class, or one column of numbers.
    spread : float
        Standard deviation of numeric labels.

    Examples
    --------
    >>> import numpy as np
    >>> is_constant(np.array([[0.9, 0.1], [0.6, 0.4]]), spread=0.0)
    True
    >>> is_constant(np.array([[1.0], [1.5]]), spread=2.0)
    False
    """
    if scores.shape[1] > 1:
        return bool(np.ptp(scores.argmax(axis=1)) == 0)
    rounding = 1e-9 * float(np.abs(scores).max())
    return float(scores.std()) <= max(CONSTANT * spread, rounding)


def decided_classes(scores: Iterable[Float]) -> set[int]:
    """Return the positions of all classes that some heads decide.

    Parameters
    ----------
    scores : iterable of arrays of shape (m, K)
        Raw scores of the heads.
    """
    return {int(code) for raw in scores for code in np.unique(raw.argmax(axis=1))}


def imitation(student: Float, teacher: Float) -> float:
    """Return the squared correlation of the student's and the teacher's scores; 0 if one of them is constant.

    Decisions can agree by chance: two heads that mostly decide the largest class agree on most rows. Scores agree only
    if the student has learned the teacher's scores.

    Parameters
    ----------
    student, teacher : arrays of shape (m, K)
        Raw scores on the same rows; the mean over the classes of a row has no effect.

    Examples
    --------
    >>> import numpy as np
    >>> round(imitation(np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [3.0], [5.0]])), 6)
    1.0
    """
    if student.shape[1] > 1:
        student, teacher = (raw - raw.mean(axis=1, keepdims=True) for raw in (student, teacher))
    own, other = (raw - raw.mean(axis=0) for raw in (student, teacher))
    size = float((own**2).sum() * (other**2).sum())
    return float((own * other).sum()) ** 2 / size if size > 0 else 0.0
