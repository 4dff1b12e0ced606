"""A short version of the simulation in `tests.statistical.needed`, with bounds of three standard errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tests.statistical.needed import named, problem_of, shares_resolved

DRAWS, TRUTH, PROBLEMS = 120, 100, 20


@pytest.mark.statistical
def test_half_of_fresh_forecasts_are_resolved_at_the_number_from_the_truth() -> None:
    with threadpool_limits(limits=1):
        found = list(shares_resolved(2, DRAWS, TRUTH, first=1))
    error = math.sqrt(0.25 * (1 / DRAWS + (2 / math.pi) / TRUTH * 2))  # of the share, and of the true curve put in
    for number, name, n, resolved in found:
        assert 0.4 - 3 * error <= resolved <= 0.6 + 3 * error, f"problem {number}, {name}, n = {n}: {resolved:.3f}"


@pytest.mark.statistical
def test_ranges_hold_the_number_from_the_truth() -> None:
    with threadpool_limits(limits=1):
        found = [one for number in range(PROBLEMS) for one in named(problem_of(number), 8)]
    given = [one for one in found if one.estimate.n is not None]
    inside = np.mean([one.inside for one in given])
    assert inside >= 0.85 - 3 * math.sqrt(0.85 * 0.15 / len(given)), f"{inside:.3f} of {len(given)}"
    resolved = np.mean([one.resolved for one in given])  # what the text says of luck
    assert resolved <= 0.5 + 3 * math.sqrt(0.25 / len(given)), f"{resolved:.3f} of {len(given)}"
