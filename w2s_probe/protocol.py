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
from functools import partial

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from w2s_probe.config import System, W2SConfig
from w2s_probe.errors import SplitError
from w2s_probe.features import FeatureSet
from w2s_probe.heads import LinearHead, PoolFits
from w2s_probe.heads.linear import pseudolabels_of
from w2s_probe.labels import Labels
from w2s_probe.outcomes import SeedOutcome, summarize
from w2s_probe.results import W2SResult
from w2s_probe.splits import Split
from w2s_probe.strategies import W2SProblem, load_strategy
from w2s_probe.validation import check_same_rows

__all__ = ["check_labeled", "fit_seed", "run_w2s", "suitable_threads"]


def run_w2s(
    teacher: FeatureSet, student: FeatureSet, labels: Labels, *, splits: Sequence[Split], config: W2SConfig
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
    fits = PoolFits(config.head)
    with suitable_threads(config):
        outcomes = [fit_seed(teacher, student, labels, split=split, config=config, fits=fits) for split in splits]
    fingerprint = _fingerprint(teacher, student, labels, splits, config)
    return summarize(outcomes, labels, config=config, fingerprint=fingerprint), outcomes


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
    known: Mapping[str, LinearHead] | None = None,
    fits: PoolFits | None = None,
) -> SeedOutcome:
    """Return the four systems fitted on one split.

    Parameters
    ----------
    teacher, student, labels, config
        As in `run_w2s`.
    split : Split
        Who plays which part.
    known : mapping of system to LinearHead, optional
        Heads already fitted to the same rows; they are not fitted again.
    fits : PoolFits, optional
        Given to several calls, it lets those with the same pool share what it costs.
    """
    fits = fits or PoolFits(config.head)
    L, U = split.labeled, split.unlabeled
    Y = labels.targets(L)
    check_labeled(Y, split.seed)
    top = np.concatenate([L, U]) if config.ceiling == "L+U" else U
    pool = fits.hold(student.X, U)
    trained_on: dict[System, tuple[FeatureSet, NDArray[np.intp]]] = {
        "teacher": (teacher, L),
        "baseline": (student, L),
        "ceiling": (student, top),
    }
    heads = dict(known or {})
    for system, (features, rows) in trained_on.items():
        if system not in heads:
            X = pool if rows is U else features.X[rows]
            heads[system] = fits.fit(X, labels.targets(rows), **config.fit_options(system))
    raw = heads["teacher"].scores(teacher.X[U])
    pseudolabels = pseudolabels_of(heads["teacher"], raw, hard=config.pseudolabels == "hard")
    students = {}
    for name in config.strategies:
        strategy, settings = load_strategy(name, config.settings)
        problem = W2SProblem(
            X_labeled=student.X[L],
            Y_labeled=Y,
            X_unlabeled=pool,
            teacher_scores=[raw],
            pseudolabels=[pseudolabels],
            fit=partial(fits.fit, **config.fit_options("student")),
            classes=labels.classes,
            rng=np.random.default_rng([split.seed, 1]),
        )
        students[name] = strategy(problem, settings)
    return SeedOutcome(
        split=split,
        heads=heads,
        students=students,
        test_scores={
            "teacher": heads["teacher"].scores(teacher.X[split.test]),
            **{name: heads[name].scores(student.X[split.test]) for name in ("baseline", "ceiling")},
            **{name: fitted.head.scores(student.X[split.test]) for name, fitted in students.items()},
        },
        pseudolabels=pseudolabels,
    )


def check_labeled(Y: NDArray[np.float64], seed: int) -> None:
    """Raise `SplitError` if the targets of the labeled rows are all the same."""
    if np.ptp(Y, axis=0).max() == 0:
        msg = f"the labeled part of seed {seed} must hold two classes: got one. Choose other labeled rows."
        raise SplitError(msg)


def _fingerprint(
    teacher: FeatureSet, student: FeatureSet, labels: Labels, splits: Sequence[Split], config: W2SConfig
) -> str:
    question = {"config": config.to_dict(), "teacher": teacher.spec.to_dict(), "student": student.spec.to_dict()}
    digest = hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode())
    digest.update(labels.values.tobytes())
    for split in splits:
        for rows in split.parts().values():
            digest.update(rows.astype(np.int64).tobytes())
    return digest.hexdigest()
