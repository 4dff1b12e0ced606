"""Stacked matrices give what their concatenation gives, in the type that they are computed in."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_probe.core.arrays import as_matrix, computed_type
from w2s_probe.core.row_view import is_view, row_view
from w2s_probe.core.stacked import stacked
from w2s_probe.pipeline.feature_arrays import as_computed


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    dtype=st.sampled_from(["<f2", "<f4", ">f4", "<f8", "|i1", ">i4"]),
    seed=st.integers(0, 99),
)
def test_rows_are_those_of_the_concatenation(sizes: list[int], dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [rng.integers(-9, 9, size=(size, 3)).astype(dtype) for size in sizes]
    whole = np.concatenate(parts).astype(computed_type(np.dtype(dtype)))
    X = stacked(parts, lambda block: as_computed(block, dtype=dtype))
    assert (X.shape, X.dtype, is_view(X)) == (whole.shape, whole.dtype, True)
    assert as_matrix(X, "x") is X
    some = rng.integers(len(whole), size=7)
    for key in (slice(None), slice(1, None, 2), some, whole[:, 0] > 0, 0, (some, 1), some[:0]):
        np.testing.assert_array_equal(X[key], whole[key])
    np.testing.assert_array_equal(row_view(X, some)[2:5], whole[some[2:5]])


def test_every_bfloat16_is_the_upper_half_of_a_float32() -> None:
    codes = np.arange(2**16, dtype=np.uint16)
    expected = struct.unpack(">65536I", b"".join(struct.pack(">HH", code, 0) for code in codes.tolist()))
    found = as_computed(codes, dtype="bfloat16")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.uint32), expected)


@pytest.mark.parametrize("value", [1.0, -2.5, 2.0**-120, 3.0e38])
def test_bfloat16_has_the_value_that_its_bits_mean(value: float) -> None:
    code = struct.unpack(">H", struct.pack(">f", value)[:2])[0]
    found = float(as_computed(np.array([code], dtype=np.uint16), dtype="bfloat16")[0])
    assert found == pytest.approx(value, rel=2**-7)  # seven bits of the significand are kept
