"""The share of rows with both a pattern the teacher knows and one it does not (Shin et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.errors import ShapeError
from w2s_probe.core.types import Features, Float


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapDensity:
    """Rows by what the teacher is sure of, and what the student sees in them.

    Parameters
    ----------
    value : float
        Overlap rows as a fraction of all.
    chance : float
        The same when as many rows are called hard at random.
    hard, easy : float
        The other rows as fractions of all.
    """

    value: float
    chance: float
    hard: float
    easy: float


def overlap_density(confidence: Float, student: Features, *, rng: np.random.Generator) -> OverlapDensity:
    """Return the density of overlap rows [1]_.

    Rows below the change point of the teacher's confidence are hard. The others are compared with
    the hard rows by their largest cosine in the student's space: those above its change point are
    overlap, the rest easy. Both change points are of the sorted values.

    Parameters
    ----------
    confidence : array of shape (m,)
        The teacher's, in [0, 1]; see `confidence_margins`.
    student : array of shape (m, d)
        Student features, not centered.
    rng : numpy.random.Generator
        Draws the hard rows of the chance level.

    Raises
    ------
    ShapeError
        If all confidences, or all cosines, are equal.

    References
    ----------
    .. [1] Shin, Cooper and Sala (2024), arXiv 2412.03881.
    """
    hard = confidence <= change_point(confidence, "the teacher's confidence")
    norms = np.linalg.norm(student, axis=1)
    unit = (student / np.where(norms > 0, norms, 1)[:, None]).astype(np.float32)
    value = _overlap(unit, hard)
    return OverlapDensity(
        value=value,
        chance=_overlap(unit, rng.permuted(hard)),
        hard=float(hard.mean()),
        easy=float(1 - hard.mean() - value),
    )


def confidence_margins(scores: Float) -> Float:
    r"""Return the difference of the two largest probabilities of each row, shape (m,).

    For two classes this is :math:`2 \lvert p - 1/2 \rvert`.

    Parameters
    ----------
    scores : array of shape (m, K)
        Of a ridge head; clipped at 0 and normalized, a row without positive scores is uniform.
    """
    clipped = np.clip(scores, 0, None)
    totals = clipped.sum(axis=1, keepdims=True)
    top = np.sort(np.divide(clipped, totals, out=np.zeros_like(clipped), where=totals > 0), axis=1)
    return top[:, -1] - top[:, -2]


def change_point(values: Float, name: str = "values") -> float:
    """Return the largest value of the lower part when sorted values are cut into two levels.

    The cut minimizes the sum of squares around the two means; of equal ones the lowest is taken.

    Parameters
    ----------
    values : array of shape (m,)
        In any order.
    name : str
        What they are, for the message.

    Raises
    ------
    ShapeError
        If all values are equal.

    Examples
    --------
    >>> import numpy as np
    >>> change_point(np.array([0.9, 0.1, 0.2, 1.0]))
    0.2
    """
    ordered = np.sort(values)
    if ordered[0] == ordered[-1]:
        msg = f"a change point needs values that differ: {name} is {ordered[0]:g} in every row."
        raise ShapeError(msg)
    low, high = np.arange(1, len(ordered)), np.arange(len(ordered) - 1, 0, -1)
    sums = np.cumsum(ordered - ordered.mean())[:-1]  # of the lower part; the upper part has minus that
    between = sums**2 / low + sums**2 / high
    return float(ordered[between.argmax()])


def _overlap(unit: NDArray[np.float32], hard: NDArray[np.bool_]) -> float:
    others, anchors = unit[~hard], unit[hard]
    nearest = np.concatenate([(others[rows] @ anchors.T).max(axis=1) for rows in row_blocks(len(others), 512)])
    cosines = nearest.astype(np.float64)
    return float((cosines > change_point(cosines, "the cosine to hard rows")).sum() / len(unit))
