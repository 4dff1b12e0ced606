"""Numbers have twelve digits in JSON, and rounding error of their own scale is 0; nothing that is small is lost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.core.serialize import Mark, plain
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.student import Strength


@dataclass(frozen=True, kw_only=True)
class Part:
    share: float
    strength: Annotated[float, Mark.ANY_SIZE] = 1.0
    scores: Mapping[str, Estimate] | None = None


@dataclass(frozen=True, kw_only=True)
class Whole:
    part: Annotated[Part, Mark.UNIT]
    variance: float = 1.0
    config: Annotated[Mapping[str, Any] | None, Mark.AS_GIVEN] = None


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_has_twelve_digits_and_is_written_the_same_again(number: float) -> None:
    written = plain(number)
    assert written == float(f"{number:.11e}")
    assert plain(written) == written
    assert math.copysign(1, written) == (-1 if written < 0 else 1)  # no -0
    assert plain(number, exact=True) == number


@pytest.mark.parametrize(("share", "written"), [(3e-17, 0.0), (-3e-17, 0.0), (2e-14, 2e-14), (0.1 + 0.2, 0.3)])
def test_what_rounding_leaves_of_a_share_is_zero(share: float, written: float) -> None:
    assert plain(Whole(part=Part(share=share)))["part"]["share"] == written


def test_numbers_that_may_be_tiny_stay() -> None:
    tiny = Whole(part=Part(share=1.0, strength=1e-20), variance=3e-30, config={"alpha": 0.12345678901234567})
    written = plain(tiny)
    assert (written["part"]["strength"], written["variance"]) == (1e-20, 3e-30)
    assert written["config"] == {"alpha": 0.12345678901234567}  # as the user gave it
    strength = Strength(geometric_mean=1e-3, low=1e-16, high=1e5, rule="loo", at_edge=0.0)
    assert plain(strength)["low"] == 1e-16


def test_the_limits_of_an_interval_share_one_scale() -> None:
    squared = Estimate(value=3e-20, low=1e-38, high=5e-20)
    scores = {"squared_error": squared, "accuracy": Estimate(value=0.5, low=-1e-17, high=0.6)}
    written = plain(Whole(part=Part(share=0.5, scores=scores)))["part"]["scores"]
    assert written["squared_error"] == {"value": 3e-20, "low": 0.0, "high": 5e-20}
    assert written["accuracy"] == {"value": 0.5, "low": 0.0, "high": 0.6}
    assert plain(Estimate(value=math.nan, low=math.nan, high=math.nan)) == {"value": None, "low": None, "high": None}
