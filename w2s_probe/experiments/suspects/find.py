"""Finds rows of the pool on which the student probably errs, with the labels of the labeled rows alone."""

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
from w2s_probe.core.row_view import row_view
from w2s_probe.core.splits import Split
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.experiments.forecast.held_out import pipeline_scores
from w2s_probe.experiments.forecast.pipeline import PipelineScores
from w2s_probe.experiments.run.protocol import check_labeled
from w2s_probe.experiments.suspects.margins import ErrorModel, fit_errors, margins
from w2s_probe.experiments.suspects.ranking import Clusters, RankedPool, cluster_rows, worst_first
from w2s_probe.linalg.moments import moments_of
from w2s_probe.linalg.threads import shared_threads
from w2s_probe.results.suspects import SuspectCluster, SuspectExample, Suspects, SuspectsConfig

FEW = 10  # labeled rows with an error, or without one: fewer make the ranking uncertain


@dataclass(frozen=True, eq=False, kw_only=True)
class SearchedRows:
    """The rows of a search: a split without test rows.

    Parameters
    ----------
    labeled, unlabeled : arrays of int
        Labeled rows, and the pool.
    seed : int
        Seed of the folds and of k-means.
    """

    labeled: Rows
    unlabeled: Rows
    seed: int


@shared_threads()
def find_suspects(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    split: Split | SearchedRows,
    config: W2SConfig,
    suspects: SuspectsConfig | None = None,
) -> tuple[Suspects, RankedPool]:
    """Return the pool's likely minority, and the ranking of all rows of the pool; the pool's labels are not read.

    Every labeled row is scored by a teacher and a vanilla student fitted without its label: the teacher without the
    row's fold, the pool relabeled, the student refitted, at the strengths of the fit on all rows. A logistic
    regression predicts that student's errors from its own margin and its teacher's margin. Applied to the margins of
    heads fitted to all labeled rows, it gives each row of the pool a probability of an error. Rows are ranked by it,
    and the first ones clustered: ranking whole clusters finds a minority less often.

    Teacher and student features, (n, d_t) and (n, d_s), have the same rows in the same order; labels are read at
    ``split.labeled`` only. The suspects are unresolved if the student errs on none or on all of the labeled rows.
    Raises `ConfigError` for regression, `ShapeError` unless the features have one row for each label, `SplitError` if
    the labeled rows have one class only.
    """
    if labels.classes is None:
        msg = "suspects need classes: got `task` regression. Run without suspects."
        raise ConfigError(msg)
    for features in (teacher, student):
        check_same_rows(features.name, len(features), "the data", len(labels))
    settings = suspects or SuspectsConfig()
    Y = labels.targets(split.labeled)
    check_labeled(Y, split.seed)
    scores = _scores(teacher, student, Y, split, config)
    held_out = scores.held_out[0]
    wrong = held_out.student.argmax(axis=1) != Y.argmax(axis=1)
    resolved = bool(wrong.any() and not wrong.all())
    model = fit_errors(margins(held_out.student, held_out.teacher), wrong) if resolved else None
    ranked = _ranked(scores, model, student.X, settings, split)
    describe = partial(_described, ranked, ids=student.ids, classes=labels.classes, examples=settings.examples)
    result = Suspects(
        seed=split.seed,
        resolved=resolved,
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
    return result, ranked


def _scores(
    teacher: FeatureSet, student: FeatureSet, Y: Float, split: Split | SearchedRows, config: W2SConfig
) -> PipelineScores:
    L, U = split.labeled, split.unlabeled
    pool_teacher, pool_student = row_view(teacher.X, U), row_view(student.X, U)
    return pipeline_scores(
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
        in_sample=True,  # clusters and examples show the decisions of the student as fitted
    )


def _ranked(
    scores: PipelineScores,
    model: ErrorModel | None,
    X: Features,
    settings: SuspectsConfig,
    split: Split | SearchedRows,
) -> RankedPool:
    """Return the pool ranked by the error model and clustered; without a model, only the decisions."""
    teacher, student, _ = scores.pool
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
    top = worst_first(error, fraction=settings.fraction)
    pool = X[split.unlabeled]
    return replace(
        unranked,
        error=error,
        suspects=top,
        suspect_clusters=cluster_rows(pool[top], error[top], k=settings.clusters, seed=split.seed),
        pool_clusters=cluster_rows(pool, error, k=settings.pool_clusters, seed=split.seed),
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
    """Return the description of each cluster; `members` are the positions of the clustered rows in the pool."""
    described = []
    for number in np.unique(clusters.number):
        inside = clusters.number == number
        own = members[inside]
        central = own[np.argsort(clusters.distance[inside], kind="stable")[:examples]]
        described.append(
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
    return tuple(described)


def _mix(codes: Rows, classes: tuple[str, ...]) -> dict[str, float]:
    shares = np.bincount(codes, minlength=len(classes)) / len(codes)
    return dict(zip(classes, shares.tolist(), strict=True))


def _notes(wrong: NDArray[np.bool_], model: ErrorModel | None) -> Iterator[str]:
    n, errors = len(wrong), int(wrong.sum())
    if model is None:
        yield (
            f"No suspects: the held-out student errs on {'none' if errors == 0 else 'all'} of the {n} labeled rows, so "
            "that no model of its errors can be fitted. Label more rows."
        )
    elif min(errors, n - errors) < FEW:
        yield (
            f"The held-out student {'errs on' if errors < FEW else 'is right on'} only {min(errors, n - errors)} of "
            f"the {n} labeled rows: the ranking is uncertain, and the penalty of its model draws all probabilities of "
            "an error toward their mean."
        )
