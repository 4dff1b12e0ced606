"""Settings and result of the search for suspects: pool rows on which the student probably errs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.serialize import Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectsConfig:
    """Number of suspected rows, and size of the summary.

    Parameters
    ----------
    fraction : float
        Share of the pool that is suspected: the rows with the largest calibrated error; in (0, 1].
    clusters : int
        Largest number of clusters of the suspected rows.
    pool_clusters : int
        Largest number of clusters of the whole pool.
    examples : int
        Number of examples of each cluster, the most central rows.
    words : int
        Number of distinctive words of each cluster, where rows are texts.
    """

    fraction: float = 0.1
    clusters: int = 4
    pool_clusters: int = 10
    examples: int = 3
    words: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            msg = f"fraction must be above 0 and at most 1: got {self.fraction}. Use 0.1 for a tenth of the pool."
            raise ConfigError(msg)
        for name in ("clusters", "pool_clusters", "examples", "words"):
            if getattr(self, name) < 1:
                msg = f"{name} must be at least 1: got {getattr(self, name)}. Use 1 or more."
                raise ConfigError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectExample:
    """One row of the pool.

    Parameters
    ----------
    id : str
        Id of the row.
    row : int
        Position of the row in the table.
    error : float
        Calibrated probability that the student errs on the row.
    pseudolabel, decision : str
        Class predicted by the teacher, and class predicted by the student.
    text : str or None
        The row's text in one short line; None where rows are not texts.
    """

    id: str
    row: int
    error: float
    pseudolabel: str
    decision: str
    text: Annotated[str | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctiveWord:
    """A word that is more frequent in a cluster's texts than in the rest of the pool.

    Parameters
    ----------
    word : str
        The word in lower case.
    share, elsewhere : float
        Fraction of the cluster's texts with the word, and fraction of the pool's other texts with it.
    """

    word: str
    share: float
    elsewhere: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectCluster:
    """Rows of the pool that are near each other in the student's features.

    Parameters
    ----------
    size : int
        Number of rows.
    error : float
        Mean calibrated probability that the student errs on a row.
    disagreement : float
        Fraction of rows on which student and teacher decide differently.
    pseudolabels, decisions : mapping of class to fraction
        Shares of the classes predicted by the teacher, and by the student.
    examples : tuple of SuspectExample
        The rows nearest to the cluster's mean, the nearest first.
    words : tuple of DistinctiveWord, or None
        Distinctive words, the most distinctive first; None where rows are not texts.
    """

    size: int
    error: float
    disagreement: float
    pseudolabels: Mapping[str, float]
    decisions: Mapping[str, float]
    examples: tuple[SuspectExample, ...]
    words: Annotated[tuple[DistinctiveWord, ...] | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspects:
    """The likely minority of a pool without labels and groups, found from one split's labeled rows.

    Parameters
    ----------
    seed : int
        Seed of the split.
    resolved : bool
        Whether the pool could be ranked; if not, `notes` gives the reason and there are no clusters.
    n, N : int
        Labeled rows, and rows of the pool.
    labeled_error : float
        Fraction of the labeled rows on which the student errs, by held-out predictions.
    pool_error : float
        Mean calibrated error of the pool; too small if the minority's share is larger in the pool than in the
        labeled rows.
    suspected : int
        Number of suspected rows, those with the largest calibrated error.
    suspected_error : float
        Mean calibrated error of the suspected rows.
    student_margin, teacher_margin : float
        Change of the log-odds of an error when a margin grows by its standard deviation on the labeled rows.
    clusters : tuple of SuspectCluster
        Clusters of the suspected rows, by mean calibrated error.
    pool_clusters : tuple of SuspectCluster
        Clusters of the whole pool, by mean calibrated error.
    notes : tuple of str
        Warnings about results that are right but surprising.
    """

    seed: int
    resolved: bool
    n: int
    N: int
    labeled_error: float
    pool_error: float
    suspected: int
    suspected_error: float
    student_margin: float
    teacher_margin: float
    clusters: tuple[SuspectCluster, ...] = ()
    pool_clusters: tuple[SuspectCluster, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSuspects:
    """Comparison of one split's suspects with the true minority and the student's true errors.

    A lift is the minority's share among the suspected rows over its share of the pool; NaN without a ranking,
    or in a pool without a minority. To rank whole clusters, rows are taken cluster by cluster up to the number of
    suspected rows; of the last cluster only a part is taken, which counts with the whole cluster's share.

    Parameters
    ----------
    base_rate : float
        The minority's share of the pool.
    rows : float
        Lift of the suspected rows.
    clusters : float
        Lift of whole clusters, in the order of their mean calibrated error.
    oracle_clusters : float
        Lift of whole clusters, in the order of their true error: an upper bound, since this order needs labels.
    auc : float
        Probability that a row on which the student errs has a larger calibrated error than a row on which
        it does not, ties counted by half; NaN if the student errs on no row or on all.
    pool_error, suspected_error : float
        Fraction of the pool, and of the suspected rows, on which the student errs.
    """

    base_rate: float
    rows: float
    clusters: float
    oracle_clusters: float
    auc: float
    pool_error: float
    suspected_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """A mean lift over seeds.

    Parameters
    ----------
    value, low, high : float
        Mean and limits of its t interval; the limits are NaN with fewer than two seeds.
    twice : float
        Fraction of seeds with a lift of at least 2.
    """

    value: float
    low: float
    high: float
    twice: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectsOverSeeds:
    """Comparison of the suspects with the true minority, over several splits of one table.

    The intervals cover the expected lift over further draws of labeled rows and pool from this table.
    Seeds share the table's rows, so that the intervals are too narrow for another table.

    Parameters
    ----------
    level : float
        Level of the intervals.
    seeds : int
        Number of splits with a lift; the other splits are left out of every mean.
    unresolved : int
        Number of splits left out.
    base_rate : float
        Mean share of the minority in the pool.
    rows, clusters, oracle_clusters : Lift
        Mean of each lift of `JudgedSuspects`.
    auc, pool_error, suspected_error : float
        Mean of each number of `JudgedSuspects`.
    """

    level: float
    seeds: int
    unresolved: int
    base_rate: float
    rows: Lift
    clusters: Lift
    oracle_clusters: Lift
    auc: float
    pool_error: float
    suspected_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectsFound:
    """The suspects of a run.

    Parameters
    ----------
    first : Suspects
        Suspects of the first split.
    judged : SuspectsOverSeeds or None
        Comparison with the true minority over all splits; None where the minority is unknown.
    """

    first: Suspects
    judged: Annotated[SuspectsOverSeeds | None, Mark.UNLESS_NONE] = None
