"""Clusters: what k-means finds, in an order, whatever the threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from w2s_probe.experiments.suspects.ranking import cluster_rows, worst_first


def test_separate_blobs_are_clusters_numbered_by_their_error() -> None:
    rng = np.random.default_rng(0)
    blob = rng.permutation(np.repeat(np.arange(4), 30))
    X = 1e10 + 10 * np.eye(4)[blob] + 0.1 * rng.standard_normal((120, 4))
    found = cluster_rows(X, np.array([0.2, 0.9, 0.1, 0.5])[blob], k=4, seed=0)
    np.testing.assert_array_equal(found.number, np.array([2, 0, 3, 1])[blob])


def test_threads_change_no_byte() -> None:
    import faiss

    X = np.random.default_rng(0).standard_normal((1000, 384))  # enough that two threads would round otherwise
    before, found = faiss.omp_get_max_threads(), []
    try:
        for threads in (1, 2, 3):
            faiss.omp_set_num_threads(threads)
            with threadpool_limits(limits=threads):
                clusters = cluster_rows(X, X[:, 0], k=10, seed=3)
            found.append(clusters.number.tobytes() + clusters.distance.tobytes())
    finally:
        faiss.omp_set_num_threads(before)
    assert len(set(found)) == 1


@settings(max_examples=30)
@given(seed=st.integers(0, 2**40), m=st.integers(1, 12), k=st.integers(1, 15), distinct=st.integers(1, 4))
def test_few_or_equal_rows_make_fewer_clusters(seed: int, m: int, k: int, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    X, error = rng.standard_normal((distinct, 3))[rng.integers(distinct, size=m)], rng.random(m)
    found = cluster_rows(X, error, k=k, seed=seed)
    numbers = np.unique(found.number)
    assert numbers.tolist() == list(range(len(numbers)))
    assert len(numbers) <= min(k, len(np.unique(X, axis=0)))
    mean = [error[found.number == number].mean() for number in numbers]
    assert mean == sorted(mean, reverse=True)


def test_faiss_has_nothing_to_say_of_few_rows(capfd: pytest.CaptureFixture[str]) -> None:
    cluster_rows(np.random.default_rng(0).standard_normal((20, 3)), np.zeros(20), k=4, seed=0)
    assert capfd.readouterr() == ("", "")


def test_the_worst_rows_come_first_and_equal_ones_in_order() -> None:
    error = np.array([0.1, 0.5, 0.2, 0.5, 0.9, 0.5])
    assert worst_first(error, fraction=0.5).tolist() == [4, 1, 3]
    assert worst_first(error, fraction=0.01).tolist() == [4]
    assert worst_first(error, fraction=1).tolist() == [4, 1, 3, 5, 2, 0]
