"""Fits teacher, student, baseline and ceiling on the rows of each split.

=========  ================  ==========================
system     features          trained on
=========  ================  ==========================
teacher    teacher's         L, true labels
student    student's         U, teacher's pseudolabels
baseline   student's         L, true labels
ceiling    student's         U (or L+U), true labels
=========  ================  ==========================

The strength of teacher, baseline and ceiling minimizes the exact leave-one-out error on their own labels (ridge) or
their cross-validated cross-entropy (softmax). The student's strength minimizes GCV or cross-validated cross-entropy
on its pseudolabels. No system sees the test rows. The user can fix a strength.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.arrays import check_same_rows, frozen
from w2s_probe.core.config import System, W2SConfig
from w2s_probe.core.errors import SplitError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.fit_options import FitOptions
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.row_view import row_view
from w2s_probe.core.splits import Split
from w2s_probe.core.types import Features, Float, Progress, Rows
from w2s_probe.experiments.run.outcome import SYSTEMS, SeedOutcome
from w2s_probe.experiments.run.progress import HeadProgress
from w2s_probe.experiments.run.summary import summarize
from w2s_probe.experiments.strengths import large_row_notes, row_sizes, scale_notes
from w2s_probe.heads import LinearHead, PoolFits
from w2s_probe.heads.linear import pseudolabels_of
from w2s_probe.linalg.same_space import ROWS, same_space
from w2s_probe.linalg.threads import map_in_order, shared_threads
from w2s_probe.results.run import W2SResult
from w2s_probe.strategies import Oracle, Scorer, Student, W2SProblem, check_strategies, load_strategy
from w2s_probe.strategies.control import CONTROL, coverage_scores, random_control
from w2s_probe.strategies.keep_rule import FRACTIONS

ORACLE = "oracle_"  # prefix of strategies that see ground truth
MOST_BYTES = 256 << 20  # of the pools of all seeds that are fitted at the same time


@shared_threads()
def run_w2s(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    splits: Sequence[Split],
    config: W2SConfig,
    groups: Groups | None = None,
    on_progress: Progress | None = None,
) -> tuple[W2SResult, list[SeedOutcome]]:
    """Return the result of weak-to-strong training on these features, and the fitted heads of each split.

    Parameters
    ----------
    teacher, student : FeatureSet
        Features of the same n rows in the same order, of shapes (n, d_t) and (n, d_s).
    labels : Labels
        Ground truth of all n rows; only the ceiling and the report read the pool's labels.
    splits : sequence of Split
        One split for each seed.
    config : W2SConfig
        All settings.
    groups : Groups, optional
        Group of each of the n rows, for scores by group; only strategies named ``oracle_…`` see the pool's groups.
    on_progress : callable, optional
        Called with the number of fitted heads and of all heads, and the head in work.

    Returns
    -------
    result : W2SResult
        Scores with intervals, PGR, OPR, verdict.
    outcomes : list of SeedOutcome
        Fitted heads and raw test scores of each split.

    Raises
    ------
    ShapeError
        If the features do not have one row for each label.
    SplitError
        If the labeled rows of a split have one class only.
    """
    for features in (teacher, student):
        check_same_rows(features.name, len(features), "the data", len(labels))
    check_strategies(config.strategies, config.settings)
    heads = len(splits) * (len(SYSTEMS) + len(config.strategies))
    progress = HeadProgress(on_progress, kind=config.head, heads=heads)
    fit = partial(fit_seed, config=config, groups=groups, fits=PoolFits(), coverage=FRACTIONS, progress=progress)
    outcomes = list(
        map_in_order(
            lambda split: fit(teacher, student, labels, split=split), splits, at_once=seeds_at_once(student, splits)
        )
    )
    of_features = tuple(_feature_notes(teacher, student, labels, splits[0], config))
    fingerprint = _fingerprint(teacher, student, labels, splits, config, groups)
    result = summarize(
        outcomes,
        labels,
        config=config,
        groups=groups,
        fingerprint=fingerprint,
        same_features=same_space(*(features.X[splits[0].unlabeled[:ROWS]] for features in (teacher, student))),
    )
    return replace(result, notes=(*result.notes, *of_features)), outcomes


def _feature_notes(
    teacher: FeatureSet, student: FeatureSet, labels: Labels, split: Split, config: W2SConfig
) -> Iterator[str]:
    """Yield notes on large rows, and on the scaling of columns, of one split."""
    L, trained = split.labeled, np.concatenate([split.labeled, split.unlabeled])
    for name, features in (("teacher", teacher), ("student", student)):
        yield from large_row_notes(name, row_sizes(features.X, trained), rows=trained)
    rows = f"the labeled rows of seed {split.seed}"
    yield from scale_notes(teacher.X[L], student.X[L], labels.targets(L), config=config, rows=rows)


def seeds_at_once(student: FeatureSet, splits: Sequence[Split]) -> int:
    """Return the number of seeds whose copies of the student's pool features fit into `MOST_BYTES`, at least 1."""
    largest = max(len(split.unlabeled) for split in splits) * student.X[:1].nbytes
    return max(MOST_BYTES // largest, 1)


def fit_seed(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    split: Split,
    config: W2SConfig,
    groups: Groups | None = None,
    fitted: Mapping[str, LinearHead] | None = None,
    fits: PoolFits | None = None,
    coverage: Sequence[float] = (),
    progress: HeadProgress | None = None,
) -> SeedOutcome:
    """Return the four systems fitted on one split, with a random control for every strategy that selects rows.

    `fitted` holds heads of these rows that need no new fit, by system. Calls that share `fits` compute the
    eigendecomposition of a common pool once. At the fractions of `coverage`, the students of strategies that rank
    the pool are fitted too, with their controls. See `run_w2s` for the other arguments.
    """
    fits = fits or PoolFits()
    progress = progress or HeadProgress(None, kind=config.head, heads=0)
    fits.on_fit = progress.fits
    L, U, T = split.labeled, split.unlabeled, split.test
    Y = labels.targets(L)
    check_labeled(Y, split.seed)
    fit = partial(_fit_system, teacher, student, labels, split=split, config=config, fits=fits)
    heads: dict[str, LinearHead] = {name: fit(name, progress) for name in SYSTEMS if name not in (fitted or {})}
    heads |= fitted or {}
    problem = _problem(teacher, student, labels, head=heads["teacher"], split=split, config=config, fits=fits)
    oracle = Oracle(targets=frozen(labels.targets(U)), groups=None if groups is None else frozen(groups.codes[U]))
    students: dict[str, Student] = {}
    curves = {}
    for name in config.strategies:
        strategy, settings = load_strategy(name, config.settings)
        truth = oracle if name.startswith(ORACLE) else None
        progress.begin(name, split.seed)
        students[name] = strategy(_own(problem, split.seed, truth), settings)
        rng = np.random.default_rng([split.seed, 3])
        control = random_control(students[name], problem.pseudolabels[0], rng)
        if control is not None:
            students[name + CONTROL] = control
        curves[name] = coverage_scores(students[name], problem.pseudolabels[0], coverage, student.X[T], rng)
        progress.end()
    return SeedOutcome(
        split=split,
        heads=heads,
        students=students,
        test_scores={
            "teacher": heads["teacher"].scores(teacher.X[T]),
            **{name: heads[name].scores(student.X[T]) for name in ("baseline", "ceiling")},
            **{name: trained.head.scores(student.X[T]) for name, trained in students.items()},
        },
        pseudolabels=problem.pseudolabels[0],
        coverage=curves,
    )


def _fit_system(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    system: System,
    progress: HeadProgress,
    *,
    split: Split,
    config: W2SConfig,
    fits: PoolFits,
) -> LinearHead:
    """Return the head of teacher, baseline or ceiling."""
    progress.begin(system, split.seed)
    features, rows = (teacher if system == "teacher" else student), split.labeled
    if system == "ceiling":
        rows = np.concatenate([rows, split.unlabeled]) if config.ceiling == "L+U" else split.unlabeled
    X = fits.hold(features.X, rows) if rows is split.unlabeled else row_view(features.X, rows)
    head = fits.fit(X, labels.targets(rows), config.fit_options(system))
    progress.end()
    return head


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
    """Return the problem that all strategies receive; `head` is the teacher's."""
    pool = fits.hold(student.X, split.unlabeled)
    hard, student_options = config.pseudolabels == "hard", config.fit_options("student")
    X_teacher, Y = frozen(teacher.X[split.labeled]), frozen(labels.targets(split.labeled))
    pool_teacher = row_view(teacher.X, split.unlabeled)
    raw = frozen(head.scores(pool_teacher))

    def student_of(scores: Float) -> Scorer:
        return fits.fit(pool, pseudolabels_of(head, scores, hard=hard), student_options)

    def fit(
        X: Features, targets: ArrayLike, *, sample_weight: ArrayLike | None = None, options: FitOptions | None = None
    ) -> Scorer:
        return fits.fit(X, targets, options or student_options, sample_weight=sample_weight)

    def retaught(rows: Rows) -> list[Float]:
        smaller = fits.fit(X_teacher[rows], Y[rows], config.fit_options("teacher"))
        return [smaller.scores(pool_teacher)]

    return W2SProblem(
        X_labeled=frozen(student.X[split.labeled]),
        Y_labeled=Y,
        X_unlabeled=pool if config.strategies == ("vanilla",) else fits.array(),  # vanilla reads it by blocks
        teacher_scores=[raw],
        pseudolabels=[frozen(pseudolabels_of(head, raw, hard=hard))],
        options=student_options,
        fit=fit,
        vanilla=cache(partial(student_of, raw)),
        student_of=student_of,
        retaught=retaught,
        classes=labels.classes,
        rng=np.random.default_rng([split.seed, 1]),
    )


def _own(problem: W2SProblem, seed: int, oracle: Oracle | None) -> W2SProblem:
    """Return the problem of one strategy: with its own lists and random numbers, and ground truth for oracles only."""
    return replace(
        problem,
        teacher_scores=list(problem.teacher_scores),
        pseudolabels=list(problem.pseudolabels),
        rng=np.random.default_rng([seed, 1]),
        oracle=oracle,
    )


def check_labeled(Y: Float, seed: int) -> None:
    """Raise `SplitError` if all labeled rows have the same target."""
    if np.ptp(Y, axis=0).max() == 0:
        msg = f"the labeled rows of seed {seed} must have at least two different labels: got one. Label other rows too."
        raise SplitError(msg)


def _fingerprint(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    splits: Sequence[Split],
    config: W2SConfig,
    groups: Groups | None,
) -> str:
    chosen = {"n_labeled": None, "n_unlabeled": None, "n_test": None, "cue": None}  # the rows below tell them apart
    question = {
        "config": {**config.to_dict(), **chosen},
        "teacher": teacher.spec.to_dict(),
        "student": student.spec.to_dict(),
    }
    digest = hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode())
    digest.update(labels.values.tobytes())
    if groups is not None:
        digest.update(repr((groups.names, dict(groups.cue))).encode() + groups.codes.astype(np.int64).tobytes())
    for split in splits:
        for rows in split.parts().values():
            digest.update(rows.astype(np.int64).tobytes())
    return digest.hexdigest()
