"""Overlap density: the share of rows with both easy and hard patterns (Shin et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.errors import ShapeError
from w2s_probe.core.types import Features, Float


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapDensity:
    """Fractions of overlap, hard and easy rows.

    Parameters
    ----------
    value : float
        Overlap rows as a fraction of all rows.
    chance : float
        Fraction of overlap rows if the same number of rows is labeled hard at random.
    hard, easy : float
        Hard rows and easy rows as fractions of all rows.
    """

    value: float
    chance: float
    hard: float
    easy: float


def overlap_density(confidence: Float, student: Features, *, rng: np.random.Generator) -> OverlapDensity:
    """Return the density of overlap rows (Shin, Cooper and Sala 2024, arXiv 2412.03881).

    `confidence`, shape (m,), and `student`, shape (m, d), are those of `pattern_rows`. `rng` draws the hard rows of the
    chance level. `ShapeError` if all confidences or all cosines are equal.
    """
    patterns = pattern_rows(confidence, student)
    hard, value = patterns["hard"], float(patterns["overlap"].mean())
    return OverlapDensity(
        value=value,
        chance=float(_overlap(_unit(student), rng.permuted(hard)).mean()),
        hard=float(hard.mean()),
        easy=float(1 - hard.mean() - value),
    )


def pattern_rows(confidence: Float, student: Features) -> dict[str, NDArray[np.bool_]]:
    """Return the masks ``easy``, ``hard`` and ``overlap``, each of shape (m,): every row is in one of them.

    Rows whose teacher confidence, in [0, 1] and of shape (m,), is at most its `change_point` are hard. For each other
    row the largest cosine to a hard row is taken in the student's space, `student` of shape (m, d), not centered:
    rows with a cosine above its change point are overlap rows, the rest are easy. `ShapeError` if all confidences or
    all cosines are equal.
    """
    hard = confidence <= change_point(confidence, "the teacher's confidence")
    both = _overlap(_unit(student), hard)
    return {"easy": ~(hard | both), "hard": hard, "overlap": both}


def confidence_margins(scores: Float) -> Float:
    r"""Return the difference of the two largest probabilities of each row, shape (m,).

    For two classes this is :math:`2 \lvert p - 1/2 \rvert`. The probabilities are the scores of a ridge head, shape
    (m, K), clipped at 0 and normalized; a row without positive scores is uniform.
    """
    clipped = np.clip(scores, 0, None)
    totals = clipped.sum(axis=1, keepdims=True)
    top = np.sort(np.divide(clipped, totals, out=np.zeros_like(clipped), where=totals > 0), axis=1)
    return top[:, -1] - top[:, -2]


def change_point(values: Float, name: str = "values") -> float:
    """Return the largest value of the lower part when the sorted values, shape (m,), are cut into two parts.

    The cut minimizes the sum of squares around the means of both parts; in a tie the lowest cut is taken.
    `ShapeError`, with the name of the values in its message, if all values are equal.

    Examples
    --------
    >>> import numpy as np
    >>> change_point(np.array([0.9, 0.1, 0.2, 1.0]))
    0.2
    """
    ordered = np.sort(values)
    if ordered[0] == ordered[-1]:
        msg = (
            f"a change point needs values that differ: {name} is {ordered[0]:g} in every row. "
            "Use more rows or another backbone."
        )
        raise ShapeError(msg)
    low, high = np.arange(1, len(ordered)), np.arange(len(ordered) - 1, 0, -1)
    sums = np.cumsum(ordered - ordered.mean())[:-1]  # of the lower part; the upper part's sum is its negative
    between = sums**2 / low + sums**2 / high
    return float(ordered[between.argmax()])


def _unit(X: Features) -> NDArray[np.float32]:
    norms = np.linalg.norm(X, axis=1)
    return (X / np.where(norms > 0, norms, 1)[:, None]).astype(np.float32)


def _overlap(unit: NDArray[np.float32], hard: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows have both patterns, shape (m,): rows that are not hard, and near to one that is."""
    rest, anchors = unit[~hard], unit[hard]
    nearest = np.concatenate([(rest[rows] @ anchors.T).max(axis=1) for rows in row_blocks(len(rest), 512)])
    cosines = nearest.astype(np.float64)
    both = np.zeros(len(unit), dtype=np.bool_)
    both[~hard] = cosines > change_point(cosines, "the cosine to hard rows")
    return both
