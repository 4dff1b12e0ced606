r"""Labels at which a difference is expected to be resolved.

With n labels, a forecast is expected to report the value :math:`v(n)` of the learning curve
:math:`a + c\,n^{-1/2}` with an interval of half-width :math:`w(n)` (`evidence.ErrorModel`): the errors from the
labeled rows shrink with n, those from the pool and from the model's bias do not. Needed is the smallest n with
:math:`|v(n)| > w(n)`, up to `FURTHEST` times the present n. A present interval that excludes 0 needs no more labels,
whatever the curve expects.

The range comes from today's uncertainty :math:`u(n)` about the curve, at the level `RANGE_LEVEL`: from the smallest n
with :math:`|v(n)| + u(n) > w(n)` to the smallest n with :math:`|v(n)| - u(n) > w(n)`. Where the true curve lies within
the band, the true n lies within the range.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.types import Float
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import FURTHEST, NeededLabels

RANGE_LEVEL = 0.68  # one standard error: an interval of higher level reaches from n to infinity, unless resolved
STEP = 0.002  # relative distance of neighboring sizes that are tried
TOO_FAR = f"not within {FURTHEST} times your labels"
TO_ZERO = "the learning curve heads to 0"
THROUGH_ZERO = "the learning curve passes through 0"
NO_CURVE = "too few labels for a learning curve"


def needed_labels(
    present: Estimate,
    n: int,
    *,
    curve: Callable[[Float], tuple[Float, Float]] | None,
    half_width: Callable[[Float], Float],
) -> NeededLabels:
    """Return the labels at which a difference is expected to be resolved.

    Parameters
    ----------
    present : Estimate
        The difference at the present number of labels.
    n : int
        Present number of labels.
    curve : callable or None
        Function from sizes to the expected values there and their uncertainty at the level of the range; None if
        there are too few labels for a learning curve.
    half_width : callable
        Function from sizes to the half-widths of the intervals that one would have there.
    """
    if present.low > 0 or present.high < 0:
        return NeededLabels(n=n, low=n, high=n, reason=None)
    if curve is None:
        return NeededLabels(n=None, low=None, high=None, reason=NO_CURVE)
    sizes = _sizes(n)
    value, uncertainty = curve(sizes)
    half, distance = half_width(sizes), np.abs(value)
    expected = _first(sizes, distance > half)
    return NeededLabels(
        n=expected,
        low=_first(sizes, distance + uncertainty > half),
        high=_first(sizes, distance - uncertainty > half),
        reason=None if expected else _reason(value),
    )


def _reason(value: Float) -> str:
    """Return why no size is enough, from the values that the curve expects."""
    if value[0] * value[-1] < 0:
        return THROUGH_ZERO
    return TO_ZERO if abs(value[-1]) < abs(value[0]) / 2 else TOO_FAR


def _sizes(n: int) -> Float:
    """Return whole numbers from n + 1 to the furthest multiple of n, with every multiple among them."""
    count = math.ceil(math.log(FURTHEST) / STEP)
    sizes = np.round(n * np.geomspace(1, FURTHEST, count))
    return np.union1d(sizes[sizes > n], [n + 1, *n * np.arange(2, FURTHEST + 1)]).astype(np.float64)


def _first(sizes: Float, resolved: NDArray[np.bool_]) -> int | None:
    """Return the first size at which a difference is resolved."""
    return int(sizes[resolved.argmax()]) if resolved.any() else None
