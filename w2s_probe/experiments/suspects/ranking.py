"""A ranked pool, row by row, and its clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from w2s_probe.core.types import Features, Float, Rows

REDONE = 5  # starts of k-means, of which the best is kept


@dataclass(frozen=True, eq=False, kw_only=True)
class Clusters:
    """Which cluster each of m rows belongs to, and how central it is.

    Parameters
    ----------
    number : array of int, shape (m,)
        Cluster of each row, 0 with the largest mean error; no number is left out.
    distance : array of shape (m,)
        Squared distance to the cluster's mean, in a unit of no meaning.
    """

    number: Rows
    distance: Float

    @classmethod
    def none(cls) -> Clusters:
        """Return the clusters of no row."""
        return cls(number=np.empty(0, dtype=np.intp), distance=np.empty(0))


@dataclass(frozen=True, eq=False, kw_only=True)
class RankedPool:
    """What was found of each row of one split's pool; without a ranking, neither suspects nor clusters.

    Parameters
    ----------
    rows : array of int, shape (N,)
        Positions in the table, those of the split's pool.
    error : array of shape (N,)
        Calibrated probability that the student errs; NaN without a ranking.
    teacher, student : arrays of int, shape (N,)
        Classes they decide on.
    suspects : array of int, shape (m,)
        Positions in the pool of the suspected rows, largest error first.
    suspect_clusters : Clusters
        Of the m suspected rows, in that order.
    pool_clusters : Clusters
        Of all N rows.
    """

    rows: Rows
    error: Float
    teacher: Rows
    student: Rows
    suspects: Rows
    suspect_clusters: Clusters
    pool_clusters: Clusters


def worst_first(error: Float, *, fraction: float) -> Rows:
    """Return positions of the rows with the largest error, at least one, equal ones in order.

    Parameters
    ----------
    error : array of shape (N,)
        Any numbers.
    fraction : float
        Of the rows, in (0, 1].
    """
    return np.argsort(-error, kind="stable")[: max(round(fraction * len(error)), 1)]


def cluster_rows(X: Features, error: Float, *, k: int, seed: int) -> Clusters:
    """Return at most k clusters of rows by k-means, numbered by mean error, the largest first.

    The same whatever the number of threads: it uses one.

    Parameters
    ----------
    X : array of shape (m, d)
        Features; equal rows share a cluster, so that there may be fewer clusters than k.
    error : array of shape (m,)
        Calibrated errors.
    k : int
        Clusters wanted.
    seed : int
        Of the starts.
    """
    import faiss  # before the limit, which reaches only the libraries that are loaded

    # faiss computes |x|^2 + |y|^2 - 2xy: a large mean or scale would eat its digits
    centered = X - X.mean(axis=0, dtype=np.float64)
    scaled = np.ascontiguousarray(centered / max(np.abs(centered).max(), np.finfo(np.float64).tiny), dtype=np.float32)
    with threadpool_limits(limits=1):
        means = faiss.Kmeans(
            X.shape[1],
            min(k, len(X)),
            nredo=REDONE,
            seed=seed % 2**31,  # a C int
            min_points_per_centroid=1,  # faiss prints a warning to stderr below its own 39
        )
        means.train(scaled)
        distance, nearest = means.assign(scaled)
    number = np.unique(nearest, return_inverse=True)[1]
    mean = np.bincount(number, weights=error) / np.bincount(number)
    place = np.argsort(np.argsort(-mean, kind="stable"))
    return Clusters(number=place[number].astype(np.intp), distance=distance.astype(np.float64))
