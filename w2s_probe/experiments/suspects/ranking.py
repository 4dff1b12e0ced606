"""Ranks the pool's rows by their probability of an error, and clusters rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.linalg.kernels import load_faiss

STARTS = 5  # random starts of k-means; the best one is used


@dataclass(frozen=True, eq=False, kw_only=True)
class Clusters:
    """Cluster and distance to its mean for each of m rows.

    Parameters
    ----------
    number : array of int, shape (m,)
        Cluster of each row, without gaps; cluster 0 has the largest mean error.
    distance : array of shape (m,)
        Squared distance to the cluster's mean, in an arbitrary unit.
    """

    number: Rows
    distance: Float

    @classmethod
    def none(cls) -> Clusters:
        """Return the clusters of an empty set of rows."""
        return cls(number=np.empty(0, dtype=np.intp), distance=np.empty(0))


@dataclass(frozen=True, eq=False, kw_only=True)
class RankedPool:
    """Ranking, decisions and clusters of one split's pool; without a ranking there are no suspects and no clusters.

    Parameters
    ----------
    rows : array of int, shape (N,)
        Positions of the pool's rows in the table.
    error : array of shape (N,)
        Calibrated probability that the student errs; NaN without a ranking.
    teacher, student : arrays of int, shape (N,)
        Decided class of each row.
    suspects : array of int, shape (m,)
        Positions in the pool of the suspected rows, largest error first.
    suspect_clusters : Clusters
        Clusters of the m suspected rows, in the order of `suspects`.
    pool_clusters : Clusters
        Clusters of all N rows.
    """

    rows: Rows
    error: Float
    teacher: Rows
    student: Rows
    suspects: Rows
    suspect_clusters: Clusters
    pool_clusters: Clusters


def worst_first(error: Float, *, fraction: float) -> Rows:
    """Return the positions of the given fraction of rows with the largest errors, at least one; ties keep their order.

    `error` has shape (N,), `fraction` lies in (0, 1].
    """
    return np.argsort(-error, kind="stable")[: max(round(fraction * len(error)), 1)]


def cluster_rows(X: Features, error: Float, *, k: int, seed: int) -> Clusters:
    """Return at most k clusters of features (m, d) by k-means, numbered by mean error (m,), the largest first.

    Equal rows share a cluster, so that there may be fewer than k. One thread runs, so that the number of threads
    does not change the result.
    """
    faiss = load_faiss()  # before the limit, which reaches only the libraries that are loaded
    # faiss computes |x|^2 + |y|^2 - 2xy: a large mean or scale would eat its digits
    centered = X - X.mean(axis=0, dtype=np.float64)
    scaled = np.ascontiguousarray(centered / max(np.abs(centered).max(), np.finfo(np.float64).tiny), dtype=np.float32)
    with threadpool_limits(limits=1):
        means = faiss.Kmeans(
            X.shape[1],
            min(k, len(X)),
            nredo=STARTS,
            seed=seed % 2**31,  # a C int
            min_points_per_centroid=1,  # faiss prints a warning to stderr below its own 39
        )
        means.train(scaled)
        distance, nearest = means.assign(scaled)
    number = np.unique(nearest, return_inverse=True)[1]
    mean = np.bincount(number, weights=error) / np.bincount(number)
    rank = np.argsort(np.argsort(-mean, kind="stable"))
    return Clusters(number=rank[number].astype(np.intp), distance=distance.astype(np.float64))
