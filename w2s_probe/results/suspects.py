"""What a search for suspects is asked and what it finds: frozen numbers, arrays elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.serialize import Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectsConfig:
    """How many rows are suspected, and how they are shown.

    Parameters
    ----------
    fraction : float
        Of the pool, the rows with the largest calibrated error, in (0, 1].
    clusters : int
        Clusters of the suspected rows, at most.
    pool_clusters : int
        Clusters of the whole pool, at most.
    examples : int
        Most central rows shown of each cluster.
    words : int
        Distinctive words shown of each cluster, where rows are texts.
    """

    fraction: float = 0.1
    clusters: int = 4
    pool_clusters: int = 10
    examples: int = 3
    words: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            msg = f"fraction must lie above 0 and be at most 1: got {self.fraction}. Use 0.1 for a tenth of the pool."
            raise ConfigError(msg)
        for name in ("clusters", "pool_clusters", "examples", "words"):
            if getattr(self, name) < 1:
                msg = f"{name} must be at least 1: got {getattr(self, name)}. Give a larger number."
                raise ConfigError(msg)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectExample:
    """One row of the pool.

    Parameters
    ----------
    id : str
        Of the row.
    row : int
        Its position in the table.
    error : float
        Calibrated probability that the student errs on it.
    pseudolabel, decision : str
        Class that the teacher gives it, and class that the student decides on.
    text : str or None
        Its text in one short line; None where rows are no texts.
    """

    id: str
    row: int
    error: float
    pseudolabel: str
    decision: str
    text: Annotated[str | None, Mark.UNLESS_NONE] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctiveWord:
    """A word that a cluster's texts hold more often than the rest of the pool.

    Parameters
    ----------
    word : str
        In lower case.
    share, elsewhere : float
        Fraction of the cluster's texts that hold it, and of the pool's other texts.
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
        Rows.
    error : float
        Mean calibrated probability that the student errs on them.
    disagreement : float
        Fraction of them on which student and teacher decide differently.
    pseudolabels, decisions : mapping of class to fraction
        Classes that the teacher gives them, and that the student decides on.
    examples : tuple of SuspectExample
        The most central rows, the nearest to the cluster's mean first.
    words : tuple of DistinctiveWord, or None
        The most distinctive first; None where rows are no texts.
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
    """The likely minority of a pool without labels and groups, as one split's labels show it.

    Parameters
    ----------
    seed : int
        Seed of the split.
    resolved : bool
        Whether there is a ranking; without one, `notes` says why, and there are no clusters.
    n, N : int
        Labeled rows, and rows of the pool.
    labeled_error : float
        Fraction of the labeled rows on which the student errs that was fitted without their labels.
    pool_error : float
        Mean calibrated error of the pool; too small if the pool has more of the minority than the labeled
        rows it was calibrated on.
    suspected : int
        Rows suspected: those with the largest calibrated error.
    suspected_error : float
        Their mean calibrated error.
    student_margin, teacher_margin : float
        Log-odds of an error that a margin adds when it grows by its standard deviation on the labeled rows.
    clusters : tuple of SuspectCluster
        Of the suspected rows, by mean calibrated error.
    pool_clusters : tuple of SuspectCluster
        Of the whole pool, by mean calibrated error.
    notes : tuple of str
        What is right but surprising.
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
    """What one split's suspects are, where the minority and the student's errors are known.

    A lift is the minority's share among as many rows as are suspected over its share of the pool;
    NaN without a ranking, or in a pool without a minority. Where a cluster is only partly among those
    rows, the part counts with the whole cluster's share.

    Parameters
    ----------
    base_rate : float
        The minority's share of the pool.
    rows : float
        Lift of the suspected rows.
    clusters : float
        Lift of whole clusters, in the order of their mean calibrated error.
    oracle_clusters : float
        Lift of whole clusters, in the order of their true error: what ranking them could give at its best,
        as nobody knows that order without labels.
    auc : float
        Probability that a row on which the student errs has a larger calibrated error than one on which
        it does not, ties by half; NaN if it errs on none or on all.
    pool_error, suspected_error : float
        Fraction on which the student errs, of the pool and of the suspected rows.
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
        Mean and the limits of its t interval; both NaN from fewer than two seeds.
    twice : float
        Fraction of seeds whose lift is at least 2.
    """

    value: float
    low: float
    high: float
    twice: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectsOverSeeds:
    """What the suspects of several splits of one table are.

    The intervals cover the expected lift over further draws of labeled rows and pool from this table.
    Seeds share its rows, so that they say less about another table.

    Parameters
    ----------
    level : float
        Level of the intervals.
    seeds : int
        Splits with a lift; others are left out of every mean.
    unresolved : int
        Splits left out.
    base_rate : float
        Mean share of the minority in the pool.
    rows, clusters, oracle_clusters : Lift
        As in `JudgedSuspects`.
    auc, pool_error, suspected_error : float
        Means, those of `JudgedSuspects`.
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
        Those of its first split, by name.
    judged : SuspectsOverSeeds or None
        What the suspects of all splits are, where the minority is known.
    """

    first: Suspects
    judged: Annotated[SuspectsOverSeeds | None, Mark.UNLESS_NONE] = None
