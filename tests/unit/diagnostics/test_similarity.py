"""CKA against its definition and a public implementation, Procrustes against scipy, neighbors against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import spatial

from tests.unit.diagnostics.planted import Float, related
from w2s_probe.diagnostics import linear_cka, mutual_knn, nearest_neighbors, paired_moments, procrustes
from w2s_probe.diagnostics.similarity import procrustes_by_chance


def transcribed_cka(T: Float, S: Float) -> tuple[float, float]:
    """Return biased and debiased CKA from n x n Grams, as Kornblith and Song write them."""
    n = len(T)
    H, J = np.eye(n) - 1 / n, 1 - np.eye(n)

    def biased(K: Float, L: Float) -> float:
        return float(np.trace(H @ K @ H @ H @ L @ H))

    def unbiased(K: Float, L: Float) -> float:
        K, L, one = K * J, L * J, np.ones(n)
        middle = (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
        return float(np.trace(K @ L) + middle - 2 / (n - 2) * (one @ K @ L @ one))

    K, L = T @ T.T, S @ S.T
    one, two = (h(K, L) / np.sqrt(h(K, K) * h(L, L)) for h in (biased, unbiased))
    return one, two


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(8, 60), d=st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_cka_is_its_definition(seed: int, n: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    T, S = related(n, rng, d_teacher=d)
    found, (biased, debiased) = linear_cka(paired_moments(T, S, rng=rng)), transcribed_cka(T, S)
    assert found.biased == pytest.approx(biased, abs=1e-9)
    assert found.debiased == pytest.approx(debiased, abs=1e-9)


def test_cka_is_the_public_implementations() -> None:
    torch = pytest.importorskip("torch")
    ckatorch = pytest.importorskip("ckatorch.core")
    rng = np.random.default_rng(0)
    T, S = related(300, rng)
    found = linear_cka(paired_moments(T, S, rng=rng))
    for value, unbiased in ((found.biased, False), (found.debiased, True)):
        theirs = float(ckatorch.cka_base(torch.tensor(T), torch.tensor(S), unbiased=unbiased))
        assert value == pytest.approx(theirs, abs=1e-9)


def test_the_chance_level_of_biased_cka_is_its_mean_over_orders() -> None:
    rng = np.random.default_rng(1)
    T, S = related(60, rng)
    found = [linear_cka(paired_moments(T[rng.permutation(60)], S, rng=rng)) for _ in range(300)]
    error = np.std([one.biased for one in found]) / np.sqrt(300)
    assert np.mean([one.biased for one in found]) == pytest.approx(found[0].biased_chance, abs=4 * error)
    assert np.mean([one.debiased for one in found]) == pytest.approx(0, abs=4 * error)


def test_a_large_mean_costs_no_digits() -> None:
    rng = np.random.default_rng(2)
    T, S = related(200, rng)
    near, far = (linear_cka(paired_moments(T + shift, S - shift, rng=np.random.default_rng(0))) for shift in (0, 1e5))
    assert far.debiased == pytest.approx(near.debiased, abs=1e-8)


def test_cka_of_rows_in_any_order_and_any_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    T, S = related(90, np.random.default_rng(7))
    order = np.argsort(T[:, 0])  # the first block's mean is far from that of all
    whole = linear_cka(paired_moments(T, S, rng=np.random.default_rng(0)))
    monkeypatch.setattr("w2s_probe.diagnostics.paired.ROWS", 16)
    blocks = linear_cka(paired_moments(T[order], S[order], rng=np.random.default_rng(0)))
    assert blocks.debiased == pytest.approx(whole.debiased, abs=1e-10)
    assert blocks.biased == pytest.approx(whole.biased, abs=1e-10)


def test_procrustes_is_scipys_disparity() -> None:
    rng = np.random.default_rng(3)
    T, S = related(150, rng)
    theirs = spatial.procrustes(np.pad(T, ((0, 0), (0, S.shape[1] - T.shape[1]))), S)[2]
    assert procrustes(paired_moments(T, S, rng=rng)) == pytest.approx(theirs, abs=1e-12)


def test_the_chance_level_of_procrustes_is_that_of_shuffled_rows() -> None:
    rng = np.random.default_rng(4)
    T, S = related(80, rng)
    shuffled = [procrustes(paired_moments(T[rng.permutation(80)], S, rng=rng)) for _ in range(40)]
    pair = paired_moments(T, S, rng=rng)
    drawn = [procrustes_by_chance(pair, rng=rng) for _ in range(40)]
    error = np.hypot(np.std(shuffled), np.std(drawn)) / np.sqrt(40)
    assert np.mean(drawn) == pytest.approx(np.mean(shuffled), abs=4 * error)


def test_mutual_neighbors_are_counted_row_by_row() -> None:
    rng = np.random.default_rng(5)
    T, S = related(120, rng)
    ours = mutual_knn(nearest_neighbors(T, k=9), nearest_neighbors(S, k=9), k=6)
    orders = [np.argsort(spatial.distance.squareform(spatial.distance.pdist(X)), axis=1)[:, 1:7] for X in (T, S)]
    shared = [len(set(a) & set(b)) / 6 for a, b in zip(*orders, strict=True)]
    assert ours == pytest.approx(np.mean(shared), abs=1e-12)
    assert mutual_knn(nearest_neighbors(T, k=6), nearest_neighbors(2 * T + 1, k=6), k=6) == 1.0


def test_unrelated_spaces_share_neighbors_by_chance() -> None:
    rng = np.random.default_rng(6)
    X, Y = rng.standard_normal((2, 1000, 8))
    found = mutual_knn(nearest_neighbors(X, k=10), nearest_neighbors(Y, k=10), k=10)
    assert found == pytest.approx(10 / 999, abs=4 * np.sqrt(0.01 / 10_000))
