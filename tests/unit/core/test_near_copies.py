"""Rows that are equal up to rounding are found without comparing all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from w2s_probe.core.config import DiagnoseConfig
from w2s_probe.core.near_copies import FARTHEST, TOLERANCE, near_copies
from w2s_probe.diagnostics import diagnose


def by_brute_force(X: np.ndarray) -> np.ndarray:
    """Return the first row of the set of near-copies of each row."""
    limits = TOLERANCE * np.linalg.norm(X - X.mean(axis=0, dtype=np.float64), axis=1)
    near = cdist(X.astype(np.float64), X.astype(np.float64)) <= limits[:, None]
    sets = connected_components(np.triu(near, 1), directed=False)[1]
    return np.unique(sets, return_index=True)[1][sets]


@given(seed=st.integers(0, 10**6), d=st.sampled_from([2, 3, 8, 40]), size=st.sampled_from([1e-8, 1e-6, 1e-5, 3e-3]))
def test_the_near_copies_are_those_of_all_pairs(seed: int, d: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((200, d))[rng.integers(200, size=300)] * 10.0 ** rng.integers(-6, 6)
    X += size * rng.standard_normal(X.shape) * X.std()
    first = near_copies(X, everywhere=True)
    np.testing.assert_array_equal(first, by_brute_force(X))


@pytest.mark.parametrize("offset", [0.0, 50.0, -1e3])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_rounding_leaves_near_copies_and_an_offset_makes_none(offset: float, kind: type) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 30)) + offset
    assert (near_copies(X.astype(kind), everywhere=True) == np.arange(500)).all()
    twice = np.r_[X, X * (1 + 1e-8 * rng.standard_normal(X.shape))].astype(kind)
    np.testing.assert_array_equal(near_copies(twice, everywhere=True)[500:], np.arange(500))


def test_a_large_set_of_near_copies_is_one_set() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20 * FARTHEST, 12))
    X[::2] = X[0] + 1e-8 * rng.standard_normal((10 * FARTHEST, 12))
    first = near_copies(X, everywhere=True)
    assert (first[::2] == 0).all()
    assert (first[1::2] == np.arange(len(X))[1::2]).all()


def test_numbers_on_a_line_are_close_by_chance() -> None:
    x = np.random.default_rng(0).standard_normal((5000, 1))
    lines = [x, np.c_[x, 2 * x + 1], np.c_[x, np.zeros(5000)], np.zeros((5000, 3))]
    for X in lines:
        assert (near_copies(X, everywhere=False) == np.arange(5000)).all()
    Y = np.random.default_rng(1).standard_normal((5000, 6))
    Y[4000:] = Y[:1000]
    assert (near_copies(x, Y, everywhere=True)[4000:] == np.arange(1000)).all()  # the line says nothing


def test_every_space_or_any_space() -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((300, 5)), rng.standard_normal((300, 9))
    X[200:] = X[:100] * (1 + 1e-7)
    Y[250:] = Y[50:100] * (1 - 1e-7)
    assert (near_copies(X, Y, everywhere=True) != np.arange(300)).sum() == 50
    assert (near_copies(X, Y, everywhere=False) != np.arange(300)).sum() == 100


@pytest.mark.parametrize("noise", [1e-7, 1e-6, 1e-5])
def test_diagnose_leaves_near_copies_out_of_neighbor_dimensions(noise: float) -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal((400, 4))
    T, S = np.tanh(z @ rng.standard_normal((4, 12))), np.tanh(z @ rng.standard_normal((4, 20)))
    copies = rng.permutation(400)[:300]
    config = DiagnoseConfig(neighbors=12, mutual_neighbors=6)

    def doubled(X: np.ndarray) -> np.ndarray:
        return np.r_[X, X[copies] * (1 + noise * rng.standard_normal((300, X.shape[1])))]

    once, twice = diagnose(T, S, config=config), diagnose(doubled(T), doubled(S), config=config)
    assert (twice.rows, twice.sample, twice.dropped_duplicates) == (700, 400, 300)
    assert twice.teacher.intrinsic_dimension.twonn == once.teacher.intrinsic_dimension.twonn
    assert twice.student.intrinsic_dimension.mle == once.student.intrinsic_dimension.mle
    assert twice.notes[0].startswith("300 of 700 rows repeat an earlier row in one of the spaces")
    assert once.notes == ()
