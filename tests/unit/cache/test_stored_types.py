"""Features are stored in their type, or refused where it cannot hold their differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.cache.stored_types import storable
from w2s_probe.core.errors import ShapeError
from w2s_probe.core.features import EmbeddingSpec

HALF = EmbeddingSpec(backbone="test", revision="1", dtype="float16")
SINGLE = EmbeddingSpec(backbone="test", revision="1", dtype="float32")


@given(seed=st.integers(0, 10**6), rows=st.integers(2, 20), exponent=st.integers(-9, 4), mean=st.integers(-1, 5))
def test_rounding_may_change_a_tenth_of_the_spread(seed: int, rows: int, exponent: int, mean: int) -> None:
    X = 10.0**exponent * (10.0**mean + np.random.default_rng(seed).standard_normal((rows, 4)))
    if np.abs(X).max() > 6e4:
        return
    center = X.mean(axis=0) if rows >= 10 else 0.0  # fewer rows are compared with their distance from 0
    change = np.linalg.norm(X - X.astype(np.float16)) / np.linalg.norm(X - center)
    if change < 0.0999:
        np.testing.assert_array_equal(storable(X, HALF, rows=rows), X.astype(np.float16))
    elif change > 0.1001:
        with pytest.raises(ShapeError, match="must keep their differences in float16"):
            storable(X, HALF, rows=rows)


def test_equal_rows_are_compared_with_their_distance_from_0() -> None:
    np.testing.assert_array_equal(storable(np.full((12, 3), 1000.3), HALF, rows=12), np.full((12, 3), 1000.5))
    with pytest.raises(ShapeError, match="by 100% of their spread"):
        storable(np.full((12, 3), 1e-9), HALF, rows=12)


def test_features_of_the_stored_type_are_stored_as_they_are() -> None:
    X = (1e8 + np.arange(40.0)).reshape(20, 2).astype(np.float32)
    assert storable(X, SINGLE, rows=20) is X
    with pytest.raises(ShapeError, match="Subtract each column's mean"):
        storable(1e12 + np.arange(40.0).reshape(20, 2), SINGLE, rows=20)


def test_the_first_value_that_does_not_fit_is_named() -> None:
    X = np.ones((3, 4))
    X[1, 2] = 7e4
    with pytest.raises(ShapeError, match=r"got 70000 in column 2, the largest value is 65504. Use --dtype float32"):
        storable(X, HALF, rows=3)
    X[1, 2] = 1e39
    with pytest.raises(ShapeError, match=r"in column 2.*\. Scale the features"):
        storable(X, SINGLE, rows=3)
