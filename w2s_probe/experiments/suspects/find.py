"""Rows of the pool on which the student is likely to err, from the labeled rows' labels alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import check_same_rows
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.experiments.forecast.held_out import Reading, read_pipeline
from w2s_probe.experiments.run.protocol import check_labeled, suitable_threads
from w2s_probe.experiments.suspects.margins import ErrorModel, fit_errors, margins
from w2s_probe.experiments.suspects.ranking import Clusters, RankedPool, cluster_rows, worst_first
from w2s_probe.linalg.moments import moments_of
from w2s_probe.results.suspects import SuspectCluster, SuspectExample, Suspects, SuspectsConfig

FEW = 10  # errors, or right rows: fewer hardly say where they are


@dataclass(frozen=True, eq=False, kw_only=True)
class SearchedRows:
    """The rows of a search where nothing is tested.

    Parameters
    ----------
    labeled, unlabeled : arrays of int
        Labeled rows, and the pool.
    seed : int
        Deals the folds and starts the clusters.
    """

    labeled: Rows
    unlabeled: Rows
    seed: int


def find_suspects(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    split: Split | SearchedRows,
    config: W2SConfig,
    suspects: SuspectsConfig | None = None,
) -> tuple[Suspects, RankedPool]:
    """Return the pool's likely minority, and what was found of each row; the pool's labels are not read.

    Every labeled row is scored by a vanilla student and a teacher fitted without its label: the teacher
    without the row's fold, the pool relabeled, the student refitted, at the strengths they have on all
    rows. A logistic regression of that student's errors on its margin and its teacher's gives each row
    of the pool a probability of an error, from the margins of heads fitted to all labeled rows. Rows are
    ranked, then the first ones clustered: ranking whole clusters finds a minority less often.

    Parameters
    ----------
    teacher, student : FeatureSet
        Features of the same rows in the same order, of shapes (n, d_t) and (n, d_s).
    labels : Labels
        Classes of the table; read at ``split.labeled`` only.
    split : Split or SearchedRows
        Who plays which part; its seed deals the folds and starts the clusters.
    config : W2SConfig
        Head, scaling, pseudolabels and strengths.
    suspects : SuspectsConfig, optional
        How many rows are suspected, and how they are shown.

    Returns
    -------
    suspects : Suspects
        Numbers, clusters and examples. Unresolved if the student errs on none or on all of the labeled rows.
    ranked : RankedPool
        Errors, decisions and clusters of all N rows of the pool.

    Raises
    ------
    ConfigError
        If the task is regression.
    ShapeError
        If the features do not have one row for each label.
    SplitError
        If the labeled rows hold one class only.
    """
    if labels.classes is None:
        msg = "suspects need classes: got --task regression, where no prediction is right or wrong. Leave them out."
        raise ConfigError(msg)
    for features in (teacher, student):
        check_same_rows(features.name, len(features), "the data", len(labels))
    asked = suspects or SuspectsConfig()
    Y = labels.targets(split.labeled)
    check_labeled(Y, split.seed)
    with suitable_threads(config):
        reading = _read(teacher, student, Y, split, config)
    held = reading.held[0]
    wrong = held.student.argmax(axis=1) != Y.argmax(axis=1)
    model = None if wrong.all() or not wrong.any() else fit_errors(margins(held.student, held.teacher), wrong)
    ranked = _ranked(reading, model, student.X, asked, split)
    describe = partial(_described, ranked, ids=student.ids, classes=labels.classes, examples=asked.examples)
    found = Suspects(
        seed=split.seed,
        resolved=model is not None,
        n=len(wrong),
        N=len(ranked.rows),
        labeled_error=float(wrong.mean()),
        pool_error=float(ranked.error.mean()),
        suspected=len(ranked.suspects),
        suspected_error=float(ranked.error[ranked.suspects].mean()) if model else math.nan,
        student_margin=float(model.slopes[0]) if model else math.nan,
        teacher_margin=float(model.slopes[1]) if model else math.nan,
        clusters=describe(ranked.suspects, ranked.suspect_clusters),
        pool_clusters=describe(np.arange(len(ranked.pool_clusters.number)), ranked.pool_clusters),
        notes=tuple(_notes(wrong, model)),
    )
    return found, ranked


def _read(
    teacher: FeatureSet, student: FeatureSet, Y: Float, split: Split | SearchedRows, config: W2SConfig
) -> Reading:
    L, U = split.labeled, split.unlabeled
    pool_teacher, pool_student = teacher.X[U], student.X[U]
    return read_pipeline(
        teacher.X[L].astype(np.float64),
        student.X[L].astype(np.float64),
        Y,
        rows=np.arange(len(L)),
        pool=moments_of({"teacher": pool_teacher, "student": pool_student}),
        pool_teacher=pool_teacher,
        pool_student=pool_student,
        config=config,
        rng=np.random.default_rng([split.seed, 5]),
        repeats=1,
        in_sample=True,  # the pool's rows are shown with the decisions the student has on them
    )


def _ranked(
    reading: Reading,
    model: ErrorModel | None,
    X: Features,
    asked: SuspectsConfig,
    split: Split | SearchedRows,
) -> RankedPool:
    teacher, student, _ = reading.pool
    unranked = RankedPool(
        rows=split.unlabeled,
        error=np.full(len(student), np.nan),
        teacher=teacher.argmax(axis=1),
        student=student.argmax(axis=1),
        suspects=np.empty(0, dtype=np.intp),
        suspect_clusters=Clusters.none(),
        pool_clusters=Clusters.none(),
    )
    if model is None:
        return unranked
    error = model.probability(margins(student, teacher))
    top = worst_first(error, fraction=asked.fraction)
    pool = X[split.unlabeled]
    return replace(
        unranked,
        error=error,
        suspects=top,
        suspect_clusters=cluster_rows(pool[top], error[top], k=asked.clusters, seed=split.seed),
        pool_clusters=cluster_rows(pool, error, k=asked.pool_clusters, seed=split.seed),
    )


def _described(
    ranked: RankedPool,
    members: Rows,
    clusters: Clusters,
    *,
    ids: NDArray[np.str_],
    classes: tuple[str, ...],
    examples: int,
) -> tuple[SuspectCluster, ...]:
    """Return what is said of each cluster; `members` are positions in the pool, as the clusters' rows."""
    found = []
    for number in np.unique(clusters.number):
        inside = clusters.number == number
        own = members[inside]
        central = own[np.argsort(clusters.distance[inside], kind="stable")[:examples]]
        found.append(
            SuspectCluster(
                size=len(own),
                error=float(ranked.error[own].mean()),
                disagreement=float((ranked.teacher[own] != ranked.student[own]).mean()),
                pseudolabels=_mix(ranked.teacher[own], classes),
                decisions=_mix(ranked.student[own], classes),
                examples=tuple(
                    SuspectExample(
                        id=str(ids[ranked.rows[at]]),
                        row=int(ranked.rows[at]),
                        error=float(ranked.error[at]),
                        pseudolabel=classes[ranked.teacher[at]],
                        decision=classes[ranked.student[at]],
                    )
                    for at in central
                ),
            )
        )
    return tuple(found)


def _mix(codes: Rows, classes: tuple[str, ...]) -> dict[str, float]:
    shares = np.bincount(codes, minlength=len(classes)) / len(codes)
    return dict(zip(classes, shares.tolist(), strict=True))


def _notes(wrong: NDArray[np.bool_], model: ErrorModel | None) -> Iterator[str]:
    n, errors = len(wrong), int(wrong.sum())
    if model is None:
        yield (
            f"No suspects: without their labels the student errs on {'none' if errors == 0 else 'all'} of the {n} "
            "labeled rows, so that these cannot show where it errs. More labeled rows might."
        )
    elif min(errors, n - errors) < FEW:
        yield (
            f"Without their labels the student {'errs on' if errors < FEW else 'is right on'} only "
            f"{min(errors, n - errors)} of the {n} labeled rows: the ranking rests on these, "
            "and its penalty draws probabilities toward their mean."
        )
