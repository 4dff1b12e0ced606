"""The grid of ridge strengths around the spectrum of the features.

The grid has four strengths a decade, from 1e-4 to 1e4 times the median positive eigenvalue of the centered Gram. Half
of the axes lie below the median and half above it, so that neither one large column nor one large row moves the grid.
A ridge grid goes on by a decade at an end while an eigenvalue lies more than a decade beyond that end, and while that
end has the best score (`linalg.choice`), to twelve decades from the median at most.
"""

from __future__ import annotations

import math

import numpy as np

from w2s_probe.core.fit_options import RIDGE_POINTS
from w2s_probe.core.types import Float
from w2s_probe.linalg.spectra import Spectrum

DECADES = 4  # from the median eigenvalue to an end of the first grid
FURTHEST = 12  # and to an end of the widest grid
MARGIN = 1  # decades that an eigenvalue may lie beyond an end


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


def decades_beyond(alphas: Float, spectrum: Spectrum, side: int) -> list[Float]:
    """Return the further strengths of a grid beyond its lower (side -1) or upper end (side 1), outwards, by decades."""
    center = _median(spectrum)
    exponents = np.log10(alphas / center)
    further = center * 10.0 ** _further(exponents, side, FURTHEST)
    each = _steps(exponents)
    return [further[start : start + each] for start in range(0, len(further), each)]


def largest_strength(spectrum: Spectrum) -> float:
    """Return the largest strength of the widest grid."""
    return _median(spectrum) * 10.0**FURTHEST


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


def _median(spectrum: Spectrum) -> float:
    return float(np.median(spectrum.eigenvalues))
