"""Weak-to-strong on frozen features: teacher, student, baseline and ceiling on the same rows.

=========  ================  ==========================
system     features          trained on
=========  ================  ==========================
teacher    teacher's         L, true labels
student    student's         U, teacher's pseudolabels
baseline   student's         L, true labels
ceiling    student's         U (or L+U), true labels
=========  ================  ==========================

The strength of teacher, baseline and ceiling minimizes the exact leave-one-out error on their own
labels (ridge) or their cross-validated cross-entropy (softmax); the student's minimizes GCV or
cross-validated cross-entropy on its pseudolabels. None sees the test rows. A strength that is given
is used as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from w2s_probe.core.arrays import check_same_rows
from w2s_probe.core.config import FitOptions, System, W2SConfig
from w2s_probe.core.errors import SplitError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.summary import summarize
from w2s_probe.heads import LinearHead, PoolFits
from w2s_probe.heads.linear import pseudolabels_of
from w2s_probe.results.run import W2SResult
from w2s_probe.strategies import Oracle, Scorer, Student, W2SProblem, load_strategy
from w2s_probe.strategies.control import CONTROL, covered_at, random_control
from w2s_probe.strategies.keep_rule import FRACTIONS

ORACLE = "oracle_"  # names of strategies that see ground truth begin with it


def run_w2s(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    splits: Sequence[Split],
    config: W2SConfig,
    groups: Groups | None = None,
) -> tuple[W2SResult, list[SeedOutcome]]:
    """Return what weak-to-strong does on these features, and the fitted heads of each split.

    Parameters
    ----------
    teacher, student : FeatureSet
        Features of the same n rows in the same order, of shapes (n, d_t) and (n, d_s).
    labels : Labels
        Ground truth of all n rows; that of the pool is used for the ceiling and for reporting.
    splits : sequence of Split
        One for each seed.
    config : W2SConfig
        Everything else.
    groups : Groups, optional
        Of all n rows, to score by group; only students whose strategy is named ``oracle_…`` see those of the pool.

    Returns
    -------
    result : W2SResult
        Scores with intervals, PGR, OPR, verdict.
    outcomes : list of SeedOutcome
        One for each split, for predictions and heads to take away.

    Raises
    ------
    ShapeError
        If the features do not have one row for each label.
    SplitError
        If a labeled part holds one class only.
    """
    for features in (teacher, student):
        check_same_rows(features.name, len(features), "the data", len(labels))
    fits = PoolFits()
    with suitable_threads(config):
        outcomes = [
            fit_seed(teacher, student, labels, split=split, config=config, groups=groups, fits=fits, coverage=FRACTIONS)
            for split in splits
        ]
    fingerprint = _fingerprint(teacher, student, labels, splits, config, groups)
    return summarize(outcomes, labels, config=config, groups=groups, fingerprint=fingerprint), outcomes


def suitable_threads(config: W2SConfig) -> threadpool_limits:
    """Return a block's limit of BLAS threads that suits the kind of head."""
    one_thread = 1 if config.head == "softmax" else None  # small products: two BLAS threads are five times slower
    return threadpool_limits(limits=one_thread, user_api="blas")


def fit_seed(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    split: Split,
    config: W2SConfig,
    groups: Groups | None = None,
    known: Mapping[str, LinearHead] | None = None,
    fits: PoolFits | None = None,
    coverage: Sequence[float] = (),
) -> SeedOutcome:
    """Return the four systems fitted on one split, and a random control beside every student that selects.

    Parameters
    ----------
    teacher, student, labels, config, groups
        As in `run_w2s`.
    split : Split
        Who plays which part.
    known : mapping of system to LinearHead, optional
        Heads already fitted to the same rows; they are not fitted again.
    fits : PoolFits, optional
        Given to several calls, it lets those with the same pool share what it costs.
    coverage : sequence of float
        Fractions of the pool at which students that rank it, and their controls, are fitted too.
    """
    fits = fits or PoolFits()
    L, U, T = split.labeled, split.unlabeled, split.test
    Y = labels.targets(L)
    check_labeled(Y, split.seed)
    heads = _fit_systems(teacher, student, labels, split=split, config=config, known=known or {}, fits=fits)
    problem = _problem(teacher, student, labels, head=heads["teacher"], split=split, config=config, fits=fits)
    oracle = Oracle(targets=labels.targets(U), groups=None if groups is None else groups.codes[U])
    students: dict[str, Student] = {}
    covered = {}
    for name in config.strategies:
        strategy, settings = load_strategy(name, config.settings)
        seen = oracle if name.startswith(ORACLE) else None
        one = strategy(replace(problem, rng=np.random.default_rng([split.seed, 1]), oracle=seen), settings)
        students[name] = one
        rng = np.random.default_rng([split.seed, 3])
        control = random_control(one, problem.pseudolabels[0], rng)
        if control is not None:
            students[name + CONTROL] = control
        covered[name] = covered_at(one, problem.pseudolabels[0], coverage, student.X[T], rng)
    return SeedOutcome(
        split=split,
        heads=heads,
        students=students,
        test_scores={
            "teacher": heads["teacher"].scores(teacher.X[T]),
            **{name: heads[name].scores(student.X[T]) for name in ("baseline", "ceiling")},
            **{name: fitted.head.scores(student.X[T]) for name, fitted in students.items()},
        },
        pseudolabels=problem.pseudolabels[0],
        coverage=covered,
    )


def _fit_systems(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    split: Split,
    config: W2SConfig,
    known: Mapping[str, LinearHead],
    fits: PoolFits,
) -> dict[str, LinearHead]:
    """Return teacher, baseline and ceiling."""
    L, U = split.labeled, split.unlabeled
    top = np.concatenate([L, U]) if config.ceiling == "L+U" else U
    trained_on: dict[System, tuple[FeatureSet, Rows]] = {
        "teacher": (teacher, L),
        "baseline": (student, L),
        "ceiling": (student, top),
    }
    heads = dict(known)
    for system, (features, rows) in trained_on.items():
        if system not in heads:
            X = fits.hold(features.X, U) if rows is U else features.X[rows]
            heads[system] = fits.fit(X, labels.targets(rows), config.fit_options(system))
    return heads


def _problem(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    head: LinearHead,
    split: Split,
    config: W2SConfig,
    fits: PoolFits,
) -> W2SProblem:
    """Return what every strategy sees."""
    pool = fits.hold(student.X, split.unlabeled)
    hard, of_student = config.pseudolabels == "hard", config.fit_options("student")
    taught_by, Y = teacher.X[split.labeled], labels.targets(split.labeled)
    raw = head.scores(teacher.X[split.unlabeled])

    def student_of(scores: Float) -> Scorer:
        return fits.fit(pool, pseudolabels_of(head, scores, hard=hard), of_student)

    def fit(
        X: Features, targets: ArrayLike, *, sample_weight: ArrayLike | None = None, options: FitOptions | None = None
    ) -> Scorer:
        return fits.fit(X, targets, options or of_student, sample_weight=sample_weight)

    def retaught(rows: Rows) -> list[Float]:
        again = fits.fit(taught_by[rows], Y[rows], config.fit_options("teacher"))
        return [again.scores(teacher.X[split.unlabeled])]

    return W2SProblem(
        X_labeled=student.X[split.labeled],
        Y_labeled=Y,
        X_unlabeled=pool,
        teacher_scores=[raw],
        pseudolabels=[pseudolabels_of(head, raw, hard=hard)],
        options=of_student,
        fit=fit,
        vanilla=cache(partial(student_of, raw)),
        student_of=student_of,
        retaught=retaught,
        classes=labels.classes,
        rng=np.random.default_rng([split.seed, 1]),
    )


def check_labeled(Y: Float, seed: int) -> None:
    """Raise `SplitError` if the targets of the labeled rows are all the same."""
    if np.ptp(Y, axis=0).max() == 0:
        msg = f"the labeled part of seed {seed} must hold two classes: got one. Choose other labeled rows."
        raise SplitError(msg)


def _fingerprint(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    splits: Sequence[Split],
    config: W2SConfig,
    groups: Groups | None,
) -> str:
    question = {"config": config.to_dict(), "teacher": teacher.spec.to_dict(), "student": student.spec.to_dict()}
    digest = hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode())
    digest.update(labels.values.tobytes())
    if groups is not None:
        digest.update(repr(groups.names).encode() + groups.codes.astype(np.int64).tobytes())
    for split in splits:
        for rows in split.parts().values():
            digest.update(rows.astype(np.int64).tobytes())
    return digest.hexdigest()
