"""Spectral dimensions against closed forms, neighbor dimensions against scikit-dimension."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from tests.unit.diagnostics.planted import Float, related, rotation
from w2s_probe.core.errors import ShapeError
from w2s_probe.diagnostics import (
    effective_rank,
    mle_dimension,
    nearest_neighbors,
    participation_ratio,
    ridge_df,
    twonn_dimension,
)
from w2s_probe.diagnostics.dimension import spectral_dimension
from w2s_probe.diagnostics.neighbors import distinct_rows
from w2s_probe.linalg import ridge_path
from w2s_probe.linalg.moments import moments_of
from w2s_probe.linalg.whitening import energy_rank


@pytest.mark.parametrize(("n", "d"), [(200, 8), (600, 30), (300, 3)])
def test_neighbor_dimensions_are_scikit_dimensions(n: int, d: int) -> None:
    skdim = pytest.importorskip("skdim")
    X = related(n, np.random.default_rng(d), d_teacher=d)[0]
    graph = nearest_neighbors(X, k=20)
    assert twonn_dimension(graph) == pytest.approx(skdim.id.TwoNN().fit(X).dimension_, rel=1e-9)
    assert mle_dimension(graph) == pytest.approx(skdim.id.MLE().fit(X, n_neighbors=20, comb="mle").dimension_, rel=1e-9)


def test_neighbor_dimensions_find_a_flat_cube() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(3000, 3)) @ rotation(20, rng)[:3]
    graph = nearest_neighbors(X, k=20)
    assert twonn_dimension(graph) == pytest.approx(3, abs=0.2)
    assert mle_dimension(graph) == pytest.approx(3, abs=0.3)  # the faces cost a little


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(8, 700), d=st.integers(1, 12), shift=st.sampled_from([0.0, 1e4]))
@settings(max_examples=25, deadline=None)
def test_neighbors_are_brute_forces(seed: int, n: int, d: int, shift: float) -> None:
    X = np.random.default_rng(seed).standard_normal((n, d)) + shift
    graph = nearest_neighbors(X, k=5)
    theirs = NearestNeighbors(n_neighbors=5, algorithm="brute" if d > 6 else "kd_tree").fit(X - X.mean(axis=0))
    distances, _ = theirs.kneighbors()
    np.testing.assert_allclose(graph.distances, distances, atol=1e-7)
    assert not (graph.indices == np.arange(n)[:, None]).any()


def test_of_equal_rows_one_is_kept() -> None:
    X = np.array([[1.0, 0.0], [2.0, 2.0], [1.0, -0.0], [3.0, 3.0], [2.0, 2.0]])
    Y = np.array([[0.0], [1.0], [2.0], [1.0], [4.0]])
    assert distinct_rows(X).tolist() == [0, 1, 3]
    assert distinct_rows(X, Y).tolist() == [0, 1]


def test_too_few_rows_have_no_neighbors() -> None:
    with pytest.raises(ShapeError, match="more than 5 distinct rows: got 5"):
        nearest_neighbors(np.eye(5), k=5)


def spectrum_of(X: Float) -> Float:
    return np.square(np.linalg.svd(X, compute_uv=False)).astype(np.float64)


def test_energy_dimensions_are_those_of_the_singular_values() -> None:
    X = related(200, np.random.default_rng(1))[0] + 40
    found = spectral_dimension(moments_of({"X": X}), "X")
    for kind, s in ((found.centered, spectrum_of(X - X.mean(axis=0))), (found.uncentered, spectrum_of(X))):
        for percent, k in kind.items():
            share = np.cumsum(s) / s.sum()
            assert share[k - 1] >= percent / 100
            assert k == 1 or share[k - 2] < percent / 100
    s = spectrum_of(X - X.mean(axis=0))
    assert found.participation_ratio == pytest.approx(s.sum() ** 2 / (s**2).sum(), rel=1e-10)
    assert found.effective_rank == pytest.approx(np.exp(-(s / s.sum()) @ np.log(s / s.sum())), rel=1e-10)
    assert found.centered[99] > found.uncentered[99] == 1  # the mean holds nearly all the energy


def test_equal_eigenvalues_count_themselves() -> None:
    assert participation_ratio(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_rank(np.full(7, 3.0)) == pytest.approx(7)
    assert spectral_dimension(moments_of({"X": np.vstack([np.eye(4), -np.eye(4)])}), "X").centered[99] == 4


def test_rounding_costs_no_dimension_where_the_fraction_is_met_exactly() -> None:
    for d in (100, 200, 300, 700):
        assert energy_rank(np.full(d, 0.1), 0.99) == round(0.99 * d)


def test_ridge_df_is_the_paths() -> None:
    X = related(90, np.random.default_rng(2))[0]
    path = ridge_path(X, X[:, :1], alphas=[3.0])
    assert ridge_df(path.spectrum.eigenvalues, 3.0) + 1 == pytest.approx(float(path.dof[0]), rel=1e-12)


def test_equal_rows_have_no_dimension() -> None:
    with pytest.raises(ShapeError, match="got 30 equal rows"):
        spectral_dimension(moments_of({"teacher": np.full((30, 4), 0.1)}), "teacher")
