"""Predictions that cannot be told apart: constant predictions, and those of a student that copies its teacher."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from w2s_probe.core.types import Float

NEARLY_ALL = 0.99  # share of rows with one decision from which a head is constant
CONSTANT = 1e-3  # spread of predicted numbers, as a share of the labels' spread, that moves R² by 0.002 at most
NEARLY = "% of the"  # in the text on constant systems that decide otherwise on some rows
COPY = 0.99  # agreement above which a student may copy its teacher
IMITATION = 0.95  # squared correlation of scores above which it does; less is agreement by chance


def is_constant(scores: Float, *, spread: float) -> bool:
    """Return whether a head decides one class, or predicts nearly one number, on at least 99 % of the rows.

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
        return modal_decision(scores)[1] >= NEARLY_ALL
    rounding = 1e-9 * float(np.abs(scores).max())
    return float(scores.std()) <= max(CONSTANT * spread, rounding)


def modal_decision(scores: Float) -> tuple[int, float]:
    """Return the class that a head decides most often, and the share of rows on which it does.

    Parameters
    ----------
    scores : array of shape (m, K)
        Raw scores of the head.
    """
    counts = np.bincount(scores.argmax(axis=1))
    return int(counts.argmax()), float(counts.max() / len(scores))


def constant_text(systems: Sequence[Float], *, spread: float, largest: int, name: str, rows: str) -> str:
    """Return what constant systems predict, without their names; an empty text if one of them is not constant.

    Parameters
    ----------
    systems : sequence of arrays of shape (m, K)
        Raw scores of each system.
    spread : float
        Standard deviation of numeric labels.
    largest : int
        Position of the largest class.
    name : str
        Its name in parentheses; may be empty.
    rows : str
        Name of the rows.
    """
    if not all(is_constant(scores, spread=spread) for scores in systems):
        return ""
    if systems[0].shape[1] == 1:
        return f"nearly one number on all {rows}"
    decisions = [modal_decision(scores) for scores in systems]
    share = min(share for _, share in decisions)
    kind = f"the largest class{name}" if {code for code, _ in decisions} == {largest} else "only one class"
    return f"{kind} on {'all' if share == 1 else f'{math.floor(1000 * share) / 10:g} {NEARLY}'} {rows}"


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
