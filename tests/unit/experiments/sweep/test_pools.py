"""Moments of pools that overlap in any way, from one pass."""

from __future__ import annotations

import numpy as np

from w2s_probe.experiments.sweep.pools import pool_moments
from w2s_probe.linalg.moments import moments_of


def test_moments_of_pools_that_are_not_nested_are_those_of_their_rows() -> None:
    rng = np.random.default_rng(0)
    arrays = {"teacher": rng.standard_normal((500, 3)), "student": rng.standard_normal((500, 4)) + 5}
    pools = [rng.choice(500, size, replace=False) for size in (40, 120, 300)] + [np.arange(100, 150)]
    found = dict(pool_moments(arrays, pools))
    assert sorted(found) == [0, 1, 2, 3]
    for at, pool in enumerate(pools):
        expected = moments_of(arrays, rows=pool)
        assert found[at].n == len(pool)
        np.testing.assert_allclose(found[at].mean, expected.mean, atol=1e-12)
        np.testing.assert_allclose(found[at].scatter, expected.scatter, atol=1e-10)
