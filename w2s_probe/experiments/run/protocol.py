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
from functools import partial
from typing import Any

import numpy as np

from w2s_probe.core.arrays import check_same_rows, frozen
from w2s_probe.core.config import System, W2SConfig
from w2s_probe.core.errors import SplitError
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.linked_rows import LinkedRows
from w2s_probe.core.predictions import Predictions, raw_scores
from w2s_probe.core.row_view import row_view
from w2s_probe.core.splits import Split
from w2s_probe.core.types import Float, Progress, Rows
from w2s_probe.experiments.run.committee import committee_of
from w2s_probe.experiments.run.outcome import SYSTEMS, Committee, SeedOutcome
from w2s_probe.experiments.run.problem import SplitFits
from w2s_probe.experiments.run.progress import HeadProgress
from w2s_probe.experiments.run.scores import VANILLA
from w2s_probe.experiments.run.students import Students
from w2s_probe.experiments.run.summary import summarize
from w2s_probe.experiments.strengths import large_row_notes, row_sizes, scale_notes
from w2s_probe.heads import LinearHead, PoolFits
from w2s_probe.heads.given import given_head
from w2s_probe.linalg.same_space import ROWS, same_space
from w2s_probe.linalg.threads import map_in_order, shared_threads
from w2s_probe.results.run import W2SResult
from w2s_probe.strategies import Oracle, W2SProblem, check_strategies, chosen_strategies
from w2s_probe.strategies.keep_rule import FRACTIONS

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
    more_teachers: Sequence[FeatureSet] = (),
    links: Rows | None = None,
    on_progress: Progress | None = None,
) -> tuple[W2SResult, list[SeedOutcome]]:
    """Return the result of weak-to-strong training on these features, and the fitted heads of each split.

    Parameters
    ----------
    teacher, student : FeatureSet
        Features of the same n rows in the same order, of shapes (n, d_t) and (n, d_s). A teacher may be `Predictions`:
        nothing of it is fitted. It must speak on all rows of pools and test parts, and not have seen a test row.
    labels : Labels
        Ground truth of all n rows; only the ceiling and the report read the pool's labels.
    splits : sequence of Split
        One split for each seed.
    config : W2SConfig
        All settings.
    groups : Groups, optional
        Group of each of the n rows, for scores by group; only strategies named ``oracle_…`` see the pool's groups.
    more_teachers : sequence of FeatureSet
        Further teachers, for strategies that learn from several; gain and PGR are those of `teacher`.
    links : array of int, shape (n, 2), optional
        Two numbers for each row, where rows are pairs of items: intervals treat pairs with a common number as
        dependent.
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
    for features in (teacher, *more_teachers, student):
        check_same_rows(features.name, len(features), "the data", len(labels))
    teacher, *more_teachers = (raw_scores(features, config.kind) for features in (teacher, *more_teachers))
    check_strategies(config.strategies, config.settings)
    heads = len(splits) * (len(SYSTEMS) + len(chosen_strategies(config.strategies)))
    progress = HeadProgress(on_progress, kind=config.kind, heads=heads)
    fit = partial(
        fit_seed,
        config=config,
        groups=groups,
        more_teachers=more_teachers,
        links=links,
        fits=PoolFits(),
        coverage=FRACTIONS,
        variants=True,
        progress=progress,
    )
    outcomes = list(
        map_in_order(
            lambda split: fit(teacher, student, labels, split=split), splits, at_once=seeds_at_once(student, splits)
        )
    )
    teachers = [teacher, *more_teachers]
    of_features = tuple(_feature_notes(teachers, student, labels, splits[0], config))
    fingerprint = _fingerprint(teachers, student, labels, splits, config, groups, links)
    result = summarize(
        outcomes,
        labels,
        config=config,
        groups=groups,
        links=links,
        fingerprint=fingerprint,
        same_features=not isinstance(teacher, Predictions)
        and same_space(*(features.X[splits[0].unlabeled[:ROWS]] for features in (teacher, student))),
    )
    return replace(result, notes=(*result.notes, *of_features)), outcomes


def _feature_notes(
    teachers: Sequence[FeatureSet], student: FeatureSet, labels: Labels, split: Split, config: W2SConfig
) -> Iterator[str]:
    """Yield notes on large rows, and on the scaling of columns of the first teacher and the student, of one split."""
    L, trained = split.labeled, np.concatenate([split.labeled, split.unlabeled])
    more = [(f"teacher {features.name}", features) for features in teachers[1:]]
    for name, features in (("teacher", teachers[0]), *more, ("student", student)):
        if not isinstance(features, Predictions):
            yield from large_row_notes(name, row_sizes(features.X, trained), rows=trained)
    rows = f"the labeled rows of seed {split.seed}"
    weak = None if isinstance(teachers[0], Predictions) else teachers[0].X[L]
    yield from scale_notes(weak, student.X[L], labels.targets(L), config=config, rows=rows)


def seeds_at_once(student: FeatureSet, splits: Sequence[Split]) -> int:
    """Return the number of seeds whose copies of the student's pool features fit into `MOST_BYTES`, at least 1."""
    largest = max(len(split.unlabeled) for split in splits) * student.X[:1].nbytes
    return max(MOST_BYTES // largest, 1)


def fit_seed(  # noqa: PLR0913  # two feature spaces, labels, settings, and what was fitted before
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    split: Split,
    config: W2SConfig,
    groups: Groups | None = None,
    more_teachers: Sequence[FeatureSet] = (),
    links: Rows | None = None,
    fitted: Mapping[str, LinearHead] | None = None,
    fits: PoolFits | None = None,
    coverage: Sequence[float] = (),
    variants: bool = False,
    progress: HeadProgress | None = None,
) -> SeedOutcome:
    """Return the four systems fitted on one split, with a random control for every strategy that selects rows.

    `fitted` holds heads of these rows that need no new fit, by system. Calls that share `fits` compute the
    eigendecomposition of a common pool once. At the fractions of `coverage`, the students of strategies that rank
    the pool are fitted too, with their controls; with `variants`, those of other settings, and several teachers and
    the stages of students are scored too. See `run_w2s` for the other arguments.
    """
    fits, progress = fits or PoolFits(), progress or HeadProgress(None, kind=config.kind, heads=0)
    fits.on_fit = progress.fits
    teacher, *more_teachers = (raw_scores(features, config.kind) for features in (teacher, *more_teachers))
    fits.pairs = _pairs([teacher, *more_teachers, student], links, split)
    Y = frozen(labels.targets(split.labeled))
    _check_targets(Y, split.seed, config)
    fit = partial(_fit_system, teacher, student, labels, split=split, config=config, fits=fits)
    heads = {name: fit(name, progress) for name in SYSTEMS if name not in (fitted or {})} | dict(fitted or {})
    teachers = [teacher, *more_teachers]
    weak = [heads["teacher"], *(_teacher_head(X, split, Y, config, fits) for X in teachers[1:])]
    shared: dict[str, Any] = {"student": student, "Y": Y, "classes": labels.classes, "split": split, "config": config}
    shared["links"] = None if links is None else links[split.labeled]
    made = SplitFits(teachers=teachers, heads=weak, baseline=heads["baseline"], fits=fits, **shared)
    problem, X_test = made.problem(copies=chosen_strategies(config.strategies) != (VANILLA,)), student.X[split.test]
    oracle = _oracle(labels, groups, split)
    X_teachers = [row_view(features.X, split.test) for features in teachers]
    learned = Students(problem, split.seed, oracle, X_test, coverage=coverage, variants=variants, X_teachers=X_teachers)
    learned.learn_all(config, progress)
    committee = _committee(made, problem) if more_teachers and variants else None
    return SeedOutcome(
        split=split,
        heads=heads,
        students=learned.fitted,
        test_scores={
            "teacher": heads["teacher"].scores(teacher.X[split.test]),
            **(committee.scores([features.X[split.test] for features in teachers]) if committee else {}),
            **{name: head.scores(X_test) for name, head in (heads | learned.heads).items() if name != "teacher"},
        },
        pseudolabels=problem.pseudolabels[0],
        coverage=learned.curves,
        skipped=learned.skipped,
        committee=committee,
        stages=learned.stages,
    )


def _committee(made: SplitFits, problem: W2SProblem) -> Committee:
    """Return the teachers of a problem, judged by the labeled rows that count."""
    held_out = [made.teacher_held_out(m) for m in range(len(made.teachers))]
    return committee_of(problem, made.heads, held_out, made.counted)


def _pairs(spaces: Sequence[FeatureSet], links: Rows | None, split: Split) -> LinkedRows | None:
    """Return which items the pairs of a split have; None for other rows."""
    if links is None:
        return None
    used, n = np.concatenate([split.labeled, split.unlabeled]), len(split.labeled)
    parts = (np.arange(n), np.arange(n, len(used)), np.arange(len(used)))
    return LinkedRows(links[used], [row_view(features.X, used) for features in spaces], parts=parts)


def _oracle(labels: Labels, groups: Groups | None, split: Split) -> Oracle:
    """Return the ground truth of the pool."""
    U = split.unlabeled
    return Oracle(targets=frozen(labels.targets(U)), groups=None if groups is None else frozen(groups.codes[U]))


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
    rows = split.labeled
    if system == "teacher":
        head = _teacher_head(teacher, split, labels.targets(rows), config, fits)
    else:
        if system == "ceiling":
            rows = np.concatenate([rows, split.unlabeled]) if config.ceiling == "L+U" else split.unlabeled
        X = fits.hold(student.X, rows) if rows is split.unlabeled else row_view(student.X, rows)
        head = fits.fit(X, labels.targets(rows), config.fit_options(system))
    progress.end()
    return head


def _teacher_head(features: FeatureSet, split: Split, Y: Float, config: W2SConfig, fits: PoolFits) -> LinearHead:
    """Return the head of a teacher on the labeled rows; predictions have one that reads their scores."""
    if isinstance(features, Predictions):
        return given_head(config.kind, Y.shape[1])
    return fits.fit(row_view(features.X, split.labeled), Y, config.fit_options("teacher"))


def _check_targets(Y: Float, seed: int, config: W2SConfig) -> None:
    if config.task != "preference":  # one side of a pair is as good as the other
        check_labeled(Y, seed)


def check_labeled(Y: Float, seed: int) -> None:
    """Raise `SplitError` if all labeled rows have the same target."""
    if np.ptp(Y, axis=0).max() == 0:
        msg = f"the labeled rows of seed {seed} must have at least two different labels: got one. Label other rows too."
        raise SplitError(msg)


def _fingerprint(
    teachers: Sequence[FeatureSet],
    student: FeatureSet,
    labels: Labels,
    splits: Sequence[Split],
    config: W2SConfig,
    groups: Groups | None,
    links: Rows | None,
) -> str:
    chosen = {"n_labeled": None, "n_unlabeled": None, "n_test": None, "cue": None}  # the rows below tell them apart
    question: dict[str, Any] = {
        "config": {**config.to_dict(), **chosen},
        "teacher": teachers[0].spec.to_dict(),
        "student": student.spec.to_dict(),
        **({"more_teachers": [teacher.spec.to_dict() for teacher in teachers[1:]]} if len(teachers) > 1 else {}),
    }
    digest = hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode())
    digest.update(labels.values.tobytes())
    if links is not None:
        digest.update(links.astype(np.int64).tobytes())
    if groups is not None:
        digest.update(repr((groups.names, dict(groups.cue))).encode() + groups.codes.astype(np.int64).tobytes())
    for split in splits:
        for rows in split.parts().values():
            digest.update(rows.astype(np.int64).tobytes())
    return digest.hexdigest()
