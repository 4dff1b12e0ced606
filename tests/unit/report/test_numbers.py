"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.report.numbers import estimate_text, score_text
from w2s_probe.results.estimate import Estimate


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3.8124, "3.812 [3.050, 4.575]"),
        (0.00012346, "1.23e-4 [9.88e-5, 1.48e-4]"),
        (12345.678, "12,346 [9,877, 14,815]"),
        (2.5e-9, "2.50e-9 [2.00e-9, 3.00e-9]"),
        (0.0, "0.000 [0.000, 0.000]"),
        (math.nan, "unresolved"),
    ],
)
def test_a_squared_error_is_shown_with_three_or_four_digits_whatever_the_labels_units(value: float, shown: str) -> None:
    assert score_text("squared_error", Estimate(value=value, low=0.8 * value, high=1.2 * value)) == shown


@given(exponent=st.floats(-30, 30))
def test_a_squared_error_leaves_room_for_its_row_in_80_columns(exponent: float) -> None:
    value = 10.0**exponent
    assert len(score_text("squared_error", Estimate(value=value, low=0.5 * value, high=1.5 * value))) <= 33


def test_scores_without_units_keep_three_decimals() -> None:
    assert score_text("accuracy", Estimate(value=0.00012, low=0, high=0.6)) == "0.000 [0.000, 0.600]"


@pytest.mark.parametrize(
    ("limits", "shown"),
    [
        ((-math.inf, math.inf), "+0.250 [-inf, +inf]"),
        ((0.1, math.inf), "+0.250 [+0.100, +inf]"),
        ((-math.inf, 0.5), "+0.250 [-inf, +0.500]"),
        ((-20_000.0, 0.5), "+2.50e-1 [-2.00e4, +5.00e-1]"),
    ],
)
def test_a_limit_that_is_endless_does_not_change_the_digits_of_the_others(
    limits: tuple[float, float], shown: str
) -> None:
    low, high = limits
    assert estimate_text(Estimate(value=0.25, low=low, high=high), signed=True) == shown
