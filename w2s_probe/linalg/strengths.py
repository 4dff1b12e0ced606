"""The grid of ridge strengths, and the choice of a strength by a score.

The grid has four strengths a decade, from 1e-4 to 1e4 times the median positive eigenvalue of the centered Gram. Half
of the axes lie below the median and half above it, so that neither one large column nor one large row moves the grid.
It goes on by a decade at an end while an eigenvalue lies more than a decade beyond that end, and while that end has
the best score, to twelve decades from the median at most. Then a better strength may lie beyond the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from w2s_probe.core.fit_options import RIDGE_POINTS
from w2s_probe.core.types import Float
from w2s_probe.linalg.spectra import Spectrum

if TYPE_CHECKING:
    from w2s_probe.linalg.ridge import RidgePath

End = Literal["", "lower", "upper"]
Strengths = tuple[Float, Float]  # strengths and their scores

DECADES = 4  # from the median eigenvalue to an end of the first grid
FURTHEST = 12  # and to an end of the widest grid
MARGIN = 1  # decades that an eigenvalue may lie beyond an end
# Scores that differ by rounding are equal: by this share of the least, or of the score of the largest strength, which
# hardly uses the features. Otherwise, rounding would decide where an exact fit, or a limit of strength 0, is reached.
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


def alpha_grid(spectrum: Spectrum, *, points: int = RIDGE_POINTS) -> Float:
    """Return strengths from 1e-4 to 1e4 times the median eigenvalue, spaced evenly in the logarithm, ascending."""
    return _median(spectrum) * np.logspace(-DECADES, DECADES, points)


def covering_grid(spectrum: Spectrum, *, points: int = RIDGE_POINTS) -> Float:
    """Return `alpha_grid` with a further decade at an end while an eigenvalue lies more than a decade beyond it."""
    center = _median(spectrum)
    exponents = np.linspace(-DECADES, DECADES, points)
    if points > 1:
        lowest, highest = np.log10(spectrum.eigenvalues[[0, -1]] / center).tolist()
        below, above = _further(exponents, -1, -lowest - MARGIN), _further(exponents, 1, highest - MARGIN)
        exponents = np.concatenate([below[::-1], exponents, above])
    return np.asarray(center * 10.0**exponents)


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
    if not path.grid:
        return
    center = _median(path.spectrum)
    exponents = np.log10(path.alphas / center)
    further = _further(exponents, side, FURTHEST)
    each = _steps(exponents)
    for part in (further[:each], further[each:]):
        strengths = np.asarray(center * 10.0**part)
        scores = score(replace(path, alphas=strengths)) if len(part) else part
        for start in range(0, len(part), each):
            of_decade = slice(start, start + each)
            new = strengths[of_decade], scores[of_decade]
            yield (new[0][::-1], new[1][::-1]) if side < 0 else new


def _further(exponents: Float, side: int, reach: float) -> Float:
    """Return exponents beyond an end, outwards, in whole decades up to `reach` decades from the center."""
    step, distance = exponents[1] - exponents[0], abs(float(exponents[0 if side < 0 else -1]))
    decade = _steps(exponents) * step
    allowed = math.floor((FURTHEST - distance) / decade + 1e-6)
    wanted = math.ceil((reach - distance) / decade - 1e-6)
    count = max(0, min(allowed, wanted)) * _steps(exponents)
    return np.asarray(side * (distance + step * np.arange(1, count + 1)))


def _steps(exponents: Float) -> int:
    """Return the number of strengths in one decade, at least one."""
    return max(1, round(1 / float(exponents[1] - exponents[0])))


def _last_minimum(scores: Float) -> int:
    """Return the last position whose score is the least one up to rounding."""
    bound = np.nanmin(scores) * (1 + SAME) + EXACT * scores[-1]
    return int(np.flatnonzero(scores <= bound)[-1])


def _joined(left: Strengths, right: Strengths) -> Strengths:
    return np.concatenate([left[0], right[0]]), np.concatenate([left[1], right[1]])


def _median(spectrum: Spectrum) -> float:
    return float(np.median(spectrum.eigenvalues))
