r"""Labels at which a difference is expected to be resolved.

At n labels a forecast is expected to report the value of the learning curve :math:`a + c\,n^{-1/2}` with the interval
of that many labels (`evidence.ErrorModel`). Needed is the smallest n at which this interval excludes 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from w2s_probe.core.types import Float
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import NeededLabels

FURTHEST = 20  # largest multiple of the present n
BEYOND = f"not within {FURTHEST} times your labels"
TO_ZERO = "the learning curve heads to 0"
NO_CURVE = "too few labels for a learning curve"
STEP = 1.002  # ratio of neighboring sizes that are tried


def needed_labels(
    present: Estimate,
    n: int,
    *,
    curve: Callable[[Float], tuple[Float, Float]] | None,
    half_width: Callable[[Float], Float],
) -> NeededLabels:
    """Return the labels at which a difference is expected to be resolved.

    `present` is the estimate at `n` labels. `curve` returns the expected value at some sizes and the half-width of
    today's interval of it; None without a learning curve. `half_width` is the half-width of the interval at a size.
    """
    if present.low > 0 or present.high < 0:
        return NeededLabels(n=n, low=n, high=n, reason=None)
    if curve is None:
        return NeededLabels(n=None, low=None, high=None, reason=NO_CURVE)
    sizes = _sizes(n)
    value, uncertain = curve(sizes)
    half = half_width(sizes)
    expected, low, high = (
        _first(sizes, size > half) for size in (np.abs(value), np.abs(value) + uncertain, np.abs(value) - uncertain)
    )
    reason = None
    if expected is None:
        reason = TO_ZERO if abs(value[-1]) < abs(value[0]) / 2 else BEYOND
    return NeededLabels(n=expected, low=low, high=high, reason=reason)


def _sizes(n: int) -> Float:
    """Return increasing whole numbers from n to the furthest size."""
    count = math.ceil(math.log(FURTHEST) / math.log(STEP))
    return np.unique(np.round(n * np.geomspace(1, FURTHEST, count + 1)))


def _first(sizes: Float, holds: np.ndarray) -> int | None:
    return int(sizes[holds.argmax()]) if holds.any() else None
