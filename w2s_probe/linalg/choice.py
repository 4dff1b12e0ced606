"""The choice of a ridge strength by a score; its grid goes on while one of its ends has the best score."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from w2s_probe.core.types import Float
from w2s_probe.linalg.ridge import RidgePath
from w2s_probe.linalg.strengths import decades_beyond

End = Literal["", "lower", "upper"]
Strengths = tuple[Float, Float]  # ascending strengths and their scores

# Scores that differ by rounding are equal: by this share of the least one, or of the score of the largest strength,
# which hardly uses the features. Otherwise rounding would decide where an exact fit or the limit of strength 0 begins.
SAME, EXACT = 1e-9, 1e-13


@dataclass(frozen=True, eq=False, kw_only=True)
class Choice:
    """The strength with the least score.

    Parameters
    ----------
    path : RidgePath
        The path at all strengths tried, in ascending order.
    index : int
        Position of the chosen strength.
    end : {"", "lower", "upper"}
        The end of the widest grid that was chosen, if one was: a better strength may lie beyond it.
    """

    path: RidgePath
    index: int
    end: End


def choose_strength(path: RidgePath, score: Callable[[RidgePath], Float]) -> Choice:
    """Return the strength of a path with the least score; ties go to the larger strength.

    ``score(path)`` returns the score of each strength of a path, shape (A,), NaN where undefined. If the strengths of
    `path` are a grid, it goes on while one of its ends has the least score.
    """
    tried = path.alphas, score(path)
    sides = {"lower": _decades(path, score, -1), "upper": _decades(path, score, 1)}
    while True:
        index = _last_minimum(tried[1])
        end: End = "" if len(tried[1]) == 1 or 0 < index < len(tried[1]) - 1 else "upper" if index else "lower"
        more = next(sides[end], None) if end else None
        if more is None:
            return Choice(path=replace(path, alphas=tried[0]), index=index, end=end)
        tried = _joined(more, tried) if end == "lower" else _joined(tried, more)


def _decades(path: RidgePath, score: Callable[[RidgePath], Float], side: int) -> Iterator[Strengths]:
    """Yield strengths and scores beyond an end of a grid, a decade at a time; nothing for given strengths.

    The first decade is scored alone, since it is often enough. The others are scored together: reading the rows costs
    more than a few strengths.
    """
    decades = decades_beyond(path.alphas, path.spectrum, side) if path.grid else []
    for part in (decades[:1], decades[1:]):
        if part:
            scores = score(replace(path, alphas=np.concatenate(part)))
            for strengths, values in zip(part, np.split(scores, len(part)), strict=True):
                yield strengths[::side], values[::side]


def _last_minimum(scores: Float) -> int:
    """Return the last position whose score is the least one up to rounding."""
    least = np.nanmin(scores)
    return int(np.flatnonzero(scores <= least + SAME * abs(least) + EXACT * abs(scores[-1]))[-1])


def _joined(left: Strengths, right: Strengths) -> Strengths:
    return np.concatenate([left[0], right[0]]), np.concatenate([left[1], right[1]])
